"""What users with policies of their own may do with images, keys and secrets, and what they learn of others'."""

from __future__ import annotations

import base64
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.distribution import Distribution
from harness.engines import Skopeo
from harness.images import Image, random_layer, single, two_platforms
from harness.registries import DockerRegistry
from harness.secrets_seen import WATCH
from harness.weir import ACCOUNT, Weir

MANAGED = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistry"


class User:
    """An IAM user with an access key, and policies that the test gives it."""

    def __init__(self, weir: Weir, name: str, *policies: dict[str, Any], managed: str | None = None):
        self.weir, self.name = weir, name
        self.iam = weir.client("iam")
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        WATCH.plant(key["SecretAccessKey"], f"the secret access key of {name}")
        self.keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        if managed:
            self.iam.attach_user_policy(UserName=name, PolicyArn=MANAGED + managed)
        self.may(*policies)

    def may(self, *statements: dict[str, Any]) -> None:
        """Replaces its inline policy."""
        if not statements:
            return
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        self.iam.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(document))

    def client(self, service: str) -> Any:
        configuration = Config(retries={"total_max_attempts": 1}, proxies={})
        return boto3.client(
            service, region_name=self.weir.region, endpoint_url=self.weir.url, config=configuration, **self.keys)

    @property
    def password(self) -> str:
        answer = self.client("ecr").get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        return WATCH.plant(token.partition(":")[2], "a registry password")

    @property
    def registry(self) -> Distribution:
        return self.weir.distribution(password=self.password)


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


TOKEN = allow("ecr:GetAuthorizationToken")
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]


def denied(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied")
    return caught.value.response["Error"]["Message"]


@pytest.fixture
def image() -> Image:
    return single([random_layer("identity", 5_000)])


# AWS's managed policies

def test_the_managed_policies_do_what_aws_says(make_weir: Callable[..., Weir], skopeo: Skopeo, sample: tuple[Image, str]) -> None:
    weir = make_weir()
    weir.repository("team/app")
    layout = sample[1]
    writer, reader, puller = (User(weir, name, managed=name) for name in ("PowerUser", "ReadOnly", "PullOnly"))
    place = f"{weir.host}/team/app:1"
    for user in (reader, puller):
        with pytest.raises(Exception, match="(?i)denied|not authorized|forbidden|403"):
            skopeo.push(layout, place, user.password)
    skopeo.push(layout, place, writer.password)
    for user in (writer, reader, puller):
        assert skopeo.pull(place, user.password) == sample[0].digest
    assert "ecr:CreateRepository" in denied(writer.client("ecr").create_repository, repositoryName="new")
    assert reader.client("ecr").describe_repositories()["repositories"]
    assert "ecr:DescribeRepositories" in denied(puller.client("ecr").describe_repositories)
    assert "ecr:DeleteRepository" in denied(writer.client("ecr").delete_repository, repositoryName="team/app", force=True)


# Two teams

def teams(weir: Weir) -> tuple[User, Image]:
    """A puller of one/*, and an image of the other team."""
    weir.repository("one/app")
    weir.repository("two/secret")
    own, other = single([random_layer("one", 5_000)]), single([random_layer("two", 5_000)])
    root = weir.distribution()
    root.push("one/app", "1", own)
    root.push("two/secret", "1", other)
    everything = [*PULL, "ecr:ListImages", "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:PutImage",
                  "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]
    return User(weir, "one", TOKEN, allow(everything, weir.arn("one/*"))), other


def test_a_puller_of_one_team_learns_nothing_of_the_others(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.client("ecr").put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    user, other = teams(weir)
    mine = user.registry
    ecr = user.client("ecr")
    assert mine.request("GET", "/v2/_catalog").json() == {"repositories": ["one/app"]}
    assert [it["repositoryName"] for it in ecr.describe_repositories()["repositories"]] == ["one/app"]
    for path in ("tags/list", "manifests/1", f"manifests/{other.digest}", f"blobs/{other.layers[0].digest}",
                 f"referrers/{other.digest}"):
        known = mine.request("GET", f"/v2/two/secret/{path}")
        unknown = mine.request("GET", f"/v2/two/nothing/{path}")
        assert known.status_code == unknown.status_code == 403
        assert known.text.replace("secret", "nothing") == unknown.text
    assert denied(ecr.list_images, repositoryName="two/secret").replace("secret", "x") == denied(
        ecr.list_images, repositoryName="two/x")
    # Content that another repository has: neither by its digest, nor by a mount, nor by an upload that skips it.
    layer = other.layers[0].digest
    assert mine.blob("one/app", layer).status_code == 404
    assert mine.manifest("one/app", other.digest).status_code == 404
    for source in ("&from=two/secret", "&from=two/nothing", ""):
        assert mine.request("POST", f"/v2/one/app/blobs/uploads/?mount={layer}{source}").status_code == 202
    assert mine.request("GET", "/v2/secret/manifests/1?ns=two").status_code == 403


def test_what_is_denied_takes_as_long_whether_it_is_there_or_not(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    user, other = teams(weir)
    mine = user.registry

    def took(path: str) -> float:
        times = []
        for _ in range(60):
            begun = time.perf_counter()
            mine.request("GET", path)
            times.append(time.perf_counter() - begun)
        return statistics.median(times)

    there, nowhere = (took(f"/v2/two/{name}/manifests/{other.digest}") for name in ("secret", "nothing"))
    assert abs(there - nowhere) < max(0.5 * max(there, nowhere), 0.001)


def test_a_deny_hides_a_prefix_from_every_list(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    for name in ("a/app", "x/app", "x/tool"):
        weir.repository(name)
    user = User(weir, "most", allow("ecr:*"), deny("ecr:*", weir.arn("x/*")))
    assert user.registry.request("GET", "/v2/_catalog").json() == {"repositories": ["a/app"]}
    pages = user.client("ecr").get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1})
    assert [it["repositoryName"] for page in pages for it in page["repositories"]] == ["a/app"]
    assert "explicit deny in an identity-based policy" in denied(user.client("ecr").list_images, repositoryName="x/app")


# First pulls

def test_a_first_pull_names_the_right_that_it_lacks(
        make_weir: Callable[..., Weir], upstream: DockerRegistry, upstream_settings: dict[str, Any]) -> None:
    weir = make_weir(**upstream_settings)
    weir.rule("hub", "public.ecr.aws")
    user = User(weir, "node", TOKEN, allow(PULL))
    for missing, statements in (
        ("ecr:BatchImportUpstreamImage", [allow(PULL)]),
        ("ecr:CreateRepository", [allow([*PULL, "ecr:BatchImportUpstreamImage"])]),
    ):
        user.may(TOKEN, *statements)
        answer = user.registry.manifest("hub/nginx/nginx", "latest")
        assert answer.status_code == 403 and missing in answer.text and missing in answer.reason
    user.may(TOKEN, allow([*PULL, "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]))
    assert user.registry.manifest("hub/nginx/nginx", "latest").status_code == 200


def test_the_cache_may_create_repositories_by_itself(
        make_weir: Callable[..., Weir], upstream: DockerRegistry, upstream_settings: dict[str, Any]) -> None:
    weir = make_weir(**{**upstream_settings, "options": ["--cache-creates-repositories"]})
    weir.rule("hub", "public.ecr.aws")
    user = User(weir, "node", TOKEN, allow([*PULL, "ecr:BatchImportUpstreamImage"]))
    answer = user.registry.manifest("hub/nginx/nginx", "latest")
    assert answer.status_code == 200, answer.text


def test_a_rule_takes_the_rights_of_what_it_uses(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--allow-any-upstream"])
    secret = weir.secret("app", token="tok-" + "a" * 20)
    user = User(weir, "author", allow("ecr:*PullThroughCacheRule*"))
    ecr = user.client("ecr")
    wanted = {"ecrRepositoryPrefix": "any", "upstreamRegistryUrl": "registry.example.com", "credentialArn": secret}
    assert "secretsmanager:GetSecretValue" in denied(ecr.create_pull_through_cache_rule, **wanted)
    assert "iam:PassRole" in denied(
        ecr.create_pull_through_cache_rule, ecrRepositoryPrefix="ecr", upstreamRegistryUrl="public.ecr.aws",
        customRoleArn=f"arn:aws:iam::{ACCOUNT}:role/cache")
    ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix="docker", upstreamRegistryUrl="registry-1.docker.io", credentialArn=secret)
    user.may(allow("ecr:*PullThroughCacheRule*"), allow("secretsmanager:GetSecretValue", secret))
    ecr.create_pull_through_cache_rule(**wanted)
    assert "ecr:SetRepositoryPolicy" in denied(
        User(weir, "templates", allow(["ecr:CreateRepositoryCreationTemplate", "ecr:CreateRepository"])).client("ecr")
        .create_repository_creation_template, prefix="t", appliedFor=["CREATE_ON_PUSH"],
        repositoryPolicy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}))


# Tags and digests

def test_rights_on_tags_and_digests(make_weir: Callable[..., Weir], image: Image) -> None:
    weir = make_weir()
    weir.repository("team/app")
    root = weir.distribution()
    both = two_platforms("tags", 3_000, runs=False)
    root.push("team/app", "release-1", both)
    root.push("team/app", "main", image)
    condition = {"Condition": {"StringLikeIfExists": {"weir:ImageTag": "release-*"}}}
    user = User(weir, "releases", TOKEN, allow(PULL, **condition), allow("ecr:PutImage", **condition),
                allow(["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]))
    mine = user.registry
    assert both.digest in mine.pull("team/app", "release-1")
    assert mine.manifest("team/app", "main").status_code == 403
    assert mine.manifest("team/app", image.digest).status_code == 200
    with pytest.raises(requests.HTTPError) as refused:
        mine.push_manifest("team/app", "main", both.top)
    assert refused.value.response.status_code == 403
    assert mine.push_manifest("team/app", "release-2", both.top).status_code == 201
    ecr = user.client("ecr")
    assert ecr.batch_get_image(repositoryName="team/app", imageIds=[{"imageTag": "release-1"}])["images"]
    denied(ecr.batch_get_image, repositoryName="team/app", imageIds=[{"imageTag": "release-1"}, {"imageTag": "main"}])
    # One image alone, by its digest.
    user.may(TOKEN, allow(PULL, Condition={"StringEquals": {"weir:ImageDigest": image.digest}}))
    assert mine.manifest("team/app", image.digest).status_code == 200
    assert mine.manifest("team/app", both.digest).status_code == 403


# Keys

def test_a_key_is_used_by_its_policy_and_by_grants(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    kms = weir.client("kms")
    admin = User(weir, "admin", allow("kms:*"))
    bob = User(weir, "bob", allow("kms:Decrypt"))
    policy = {"Version": "2012-10-17", "Statement": [{**allow("kms:*"), "Principal": {"AWS": admin.arn}}]}
    key = admin.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    sealed = admin.client("kms").encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"env": "dev"})["CiphertextBlob"]
    use = {"CiphertextBlob": sealed, "EncryptionContext": {"env": "dev"}}
    assert "no resource-based policy allows the kms:Decrypt action" in denied(bob.client("kms").decrypt, **use)
    assert "no resource-based policy" in denied(kms.decrypt, **use)
    made = admin.client("kms").create_grant(
        KeyId=key, GranteePrincipal=bob.arn, RetiringPrincipal=bob.arn, Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"env": "dev"}})
    assert bob.client("kms").decrypt(**use, GrantTokens=[made["GrantToken"]])["Plaintext"] == b"x"
    assert admin.client("kms").list_grants(KeyId=key)["Grants"][0]["GrantId"] == made["GrantId"]
    bob.client("kms").retire_grant(GrantToken=made["GrantToken"])
    denied(bob.client("kms").decrypt, **use)
    # The name again, and another user: its grants were the old one's.
    admin.client("kms").create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["Decrypt"])
    for it in bob.iam.list_access_keys(UserName="bob")["AccessKeyMetadata"]:
        bob.iam.delete_access_key(UserName="bob", AccessKeyId=it["AccessKeyId"])
    bob.iam.delete_user_policy(UserName="bob", PolicyName="own")
    bob.iam.delete_user(UserName="bob")
    denied(User(weir, "bob", allow("kms:Decrypt")).client("kms").decrypt, **use)


def test_a_repository_under_a_key_is_a_grant(make_weir: Callable[..., Weir], image: Image) -> None:
    weir = make_weir()
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    encryption = {"encryptionType": "KMS", "kmsKey": key}
    user = User(weir, "dev", allow("ecr:*"))
    assert "kms:DescribeKey" in denied(
        user.client("ecr").create_repository, repositoryName="sealed", encryptionConfiguration=encryption)
    # kms:GrantIsForAWSResource belongs to requests about grants: DescribeKey has none.
    by_ecr = {"StringEquals": {"kms:ViaService": f"ecr.{weir.region}.amazonaws.com"}}
    user.may(allow("ecr:*"), allow("kms:DescribeKey", key, Condition=by_ecr),
             allow("kms:CreateGrant", key, Condition={**by_ecr, "Bool": {"kms:GrantIsForAWSResource": "true"}}))
    user.client("ecr").create_repository(repositoryName="sealed", encryptionConfiguration=encryption)
    user.may(allow("ecr:*"))
    user.registry.push("sealed", "1", image)
    assert user.registry.manifest("sealed", "1").status_code == 200
    grants = kms.list_grants(KeyId=key)["Grants"]
    assert [it["Constraints"]["EncryptionContextSubset"]["aws:ecr:arn"] for it in grants] == [weir.arn("sealed")]
    kms.revoke_grant(KeyId=key, GrantId=grants[0]["GrantId"])
    assert user.registry.manifest("sealed", "1").status_code == 403
    failed = user.client("ecr").batch_get_image(repositoryName="sealed", imageIds=[{"imageTag": "1"}])["failures"]
    assert [it["failureCode"] for it in failed] == ["KmsError"]
    with pytest.raises(ClientError) as caught:
        user.client("ecr").initiate_layer_upload(repositoryName="sealed")
    assert caught.value.response["Error"]["Code"] == "KmsException"
    user.client("ecr").delete_repository(repositoryName="sealed", force=True)


# Secrets

def test_a_secret_has_a_policy(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    manager = weir.client("secretsmanager")
    secret = manager.create_secret(Name="app", SecretString="x")["ARN"]
    user = User(weir, "reader")
    assert "no identity-based policy" in denied(user.client("secretsmanager").get_secret_value, SecretId="app")

    def policy(effect: str, principal: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]})

    manager.put_resource_policy(SecretId="app", ResourcePolicy=policy("Allow", {"AWS": user.arn}), BlockPublicPolicy=True)
    assert user.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "x"
    assert manager.get_resource_policy(SecretId="app")["ResourcePolicy"] == policy("Allow", {"AWS": user.arn})
    with pytest.raises(manager.exceptions.PublicPolicyException):
        manager.put_resource_policy(SecretId="app", ResourcePolicy=policy("Allow", "*"), BlockPublicPolicy=True)
    with pytest.raises(manager.exceptions.MalformedPolicyDocumentException):
        manager.put_resource_policy(
            SecretId="app", ResourcePolicy=policy("Allow", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}))
    assert not manager.validate_resource_policy(ResourcePolicy=policy("Allow", "*"))["PolicyValidationPassed"]
    other = manager.create_secret(Name="other", SecretString="y")["ARN"]
    user.may(allow("secretsmanager:BatchGetSecretValue"))
    told = user.client("secretsmanager").batch_get_secret_value(SecretIdList=["app", other])
    assert [it["Name"] for it in told["SecretValues"]] == ["app"] and told["Errors"][0]["ErrorCode"] == "AccessDeniedException"
    user.may(allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{weir.region}:{ACCOUNT}:secret:other-??????"))
    assert user.client("secretsmanager").get_secret_value(SecretId="other")["SecretString"] == "y"
    manager.put_resource_policy(SecretId="app", ResourcePolicy=policy("Deny", "*"))
    assert "explicit deny in a resource-based policy" in denied(manager.get_secret_value, SecretId="app")
    manager.delete_resource_policy(SecretId="app")
    assert manager.get_secret_value(SecretId="app")["SecretString"] == "x"


# Recreated principals

def test_a_policy_names_the_user_of_its_day(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("team/app")
    ecr = weir.client("ecr")
    ann = User(weir, "ann")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ann.arn}, "Action": "ecr:ListImages"}]})
    ecr.set_repository_policy(repositoryName="team/app", policyText=policy)
    assert ann.client("ecr").list_images(repositoryName="team/app")["imageIds"] == []
    identifier = ann.iam.get_user(UserName="ann")["User"]["UserId"]
    ann.iam.delete_access_key(UserName="ann", AccessKeyId=ann.keys["aws_access_key_id"])
    ann.iam.delete_user(UserName="ann")
    assert identifier in ecr.get_repository_policy(repositoryName="team/app")["policyText"]
    with pytest.raises(ecr.exceptions.InvalidParameterException, match="Principal not found"):
        ecr.set_repository_policy(repositoryName="team/app", policyText=policy)
    denied(User(weir, "ann").client("ecr").list_images, repositoryName="team/app")


# Settings

def test_the_soft_mode_logs_and_does(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--iam", "soft"])
    weir.repository("team/app")
    User(weir, "nobody").client("ecr").list_images(repositoryName="team/app")
    assert "iam=soft" in weir.output and "ecr:ListImages" in weir.output
    assert Distribution(weir.url, ("AWS", "wrong")).request("GET", "/v2/").status_code == 401


def test_strict_policies_are_refused(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--strict-policies"])
    weir.repository("team/app")
    ecr = weir.client("ecr")
    with pytest.raises(ecr.exceptions.InvalidParameterException, match="never filled"):
        ecr.set_repository_policy(repositoryName="team/app", policyText=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "ecr:*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}]}))


def test_the_audit_record_says_which_statement_decided(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("team/app")
    user = User(weir, "audited", {**deny("ecr:ListImages"), "Sid": "NoLists"}, {**allow("ecr:Describe*"), "Sid": "Looks"})
    denied(user.client("ecr").list_images, repositoryName="team/app")
    user.client("ecr").describe_images(repositoryName="team/app")
    weir.stop()
    records = [json.loads(line) for line in weir.audit.read_text().splitlines()]
    told = {it["eventName"]: it.get("weirDecision") for it in records if it["eventName"] in ("ListImages", "DescribeImages")}
    assert told["ListImages"]["sid"] == "NoLists" and told["DescribeImages"]["sid"] == "Looks"
