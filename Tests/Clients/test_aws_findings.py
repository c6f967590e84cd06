"""AWS's behaviour as its clients have shown it: one test for each finding, all with one server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.model import Shape

from harness.expect import refused
from harness.images import random_layer, single
from harness.signing import keys, presigned, send, signed
from harness.weir import ACCOUNT, AWSRefusal, Weir

IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"
REFUSALS = {"InvalidParameterException", "ValidationException", "SerializationException"}


def policy(**members: Any) -> str:
    statement = {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage", **members}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, ensure_ascii=False)


# ECR

def test_an_update_that_says_nothing_is_refused(weir: Weir, prefix: str) -> None:
    ecr = weir.client("ecr")
    weir.rule(prefix, "public.ecr.aws")
    before = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=[prefix])["pullThroughCacheRules"]
    for more in ({}, {"customRoleArn": ""}):
        with refused("InvalidParameterException", "Please set either credential arn or role arn to update the credentials"):
            ecr.update_pull_through_cache_rule(ecrRepositoryPrefix=prefix, **more)
    assert ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=[prefix])["pullThroughCacheRules"] == before


@pytest.mark.parametrize("resource", ["*", "own", "another's"])
def test_a_repositorys_policy_names_no_resource(weir: Weir, prefix: str, resource: str) -> None:
    ecr, name = weir.client("ecr"), f"{prefix}/app"
    weir.repository(name)
    text = policy(Resource={"*": "*", "own": weir.arn(name), "another's": weir.arn("another/app")}[resource])
    with refused("InvalidParameterException", "Invalid repository policy provided"):
        ecr.set_repository_policy(repositoryName=name, policyText=text)
    with refused("InvalidParameterException", "Invalid repository policy provided"):
        ecr.create_repository_creation_template(prefix=prefix, appliedFor=["REPLICATION"], repositoryPolicy=text)
    ecr.set_repository_policy(repositoryName=name, policyText=policy())


def test_a_registrys_policy_names_resources(weir: Weir) -> None:
    ecr = weir.client("ecr")
    with refused("InvalidParameterException", "Invalid registry policy provided"):
        ecr.put_registry_policy(policyText=policy())
    ecr.put_registry_policy(policyText=policy(Resource=weir.arn("*")))
    ecr.delete_registry_policy()


@pytest.mark.parametrize("wrong", [{"imageDigest": "", "imageTag": "latest"}, {"imageDigest": "nonsense"}])
def test_an_image_that_cannot_be_is_not_called_missing(weir: Weir, prefix: str, wrong: dict[str, str]) -> None:
    """Tools take ImageNotFoundException for "go on and push"."""
    name = {"repositoryName": f"{prefix}/app"}
    weir.repository(f"{prefix}/app")
    ecr = weir.client("ecr", unchecked=True)
    with refused("InvalidParameterException", "image digest should satisfy the regex"):
        ecr.describe_images(**name, imageIds=[wrong])
    with refused("ImageNotFoundException"):
        ecr.describe_images(**name, imageIds=[{"imageTag": "latest"}])
    rule = {"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
            "action": {"type": "expire"}}
    ecr.start_lifecycle_policy_preview(**name, lifecyclePolicyText=json.dumps({"rules": [rule]}))
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(**name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    with refused("InvalidParameterException", "image digest should satisfy the regex"):
        ecr.get_lifecycle_policy_preview(**name, imageIds=[wrong])
    assert ecr.get_lifecycle_policy_preview(**name, imageIds=[{"imageTag": "latest"}])["previewResults"] == []


def test_documents_are_measured_in_characters(weir: Weir, prefix: str) -> None:
    ecr, name = weir.client("ecr"), f"{prefix}/app"
    weir.repository(name)
    rules = [{"rulePriority": number, "description": "規" * 400, "action": {"type": "expire"}, "selection": {
        "tagStatus": "tagged", "tagPrefixList": [f"v{number}"], "countType": "imageCountMoreThan", "countNumber": 1}}
        for number in range(1, 51)]
    lifecycle = json.dumps({"rules": rules}, ensure_ascii=False, separators=(",", ":"))
    assert len(lifecycle) <= 30_720 < len(lifecycle.encode())
    assert ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=lifecycle)["lifecyclePolicyText"] == lifecycle
    access = policy(Sid="規" * 4_000)
    assert len(access) <= 10_240 < len(access.encode())
    assert ecr.set_repository_policy(repositoryName=name, policyText=access)["policyText"] == access
    ecr.create_repository_creation_template(
        prefix=prefix, appliedFor=["REPLICATION"], repositoryPolicy=access, lifecyclePolicy=lifecycle)


@pytest.fixture
def guarded(weir: Weir) -> Iterator[Any]:
    """Sets a Deny in the registry's policy, which is removed with the test."""
    ecr = weir.client("ecr")

    def deny(action: str, **condition: Any) -> None:
        ecr.put_registry_policy(policyText=policy(Effect="Deny", Action=action, Resource="*", Condition=condition))
    yield deny
    ecr.delete_registry_policy()


def test_a_condition_on_the_requests_tags_is_judged(weir: Weir, guarded: Any, prefix: str) -> None:
    guarded("ecr:CreateRepository", Null={"aws:RequestTag/team": "true"})
    with refused("AccessDeniedException"):
        weir.repository(f"{prefix}/a")
    weir.repository(f"{prefix}/a", tags=[{"Key": "team", "Value": "red"}])


def test_every_request_is_a_persons(weir: Weir, guarded: Any, prefix: str) -> None:
    weir.repository(f"{prefix}/a")
    client = weir.distribution()
    client.push(f"{prefix}/a", "1", single([random_layer(prefix, 500)]))
    guarded("ecr:BatchGetImage", Bool={"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"})
    with refused("AccessDeniedException"):
        weir.client("ecr").batch_get_image(repositoryName=f"{prefix}/a", imageIds=[{"imageTag": "1"}])
    assert client.manifest(f"{prefix}/a", "1").status_code == 403


def test_whoever_shuts_himself_out_of_his_registry_is_told(weir: Weir) -> None:
    outside = policy(Effect="Deny", Action="ecr:*", Resource="*", Condition={
        "StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}})
    told = send(signed(weir, "ecr", "PutRegistryPolicy", json.dumps({"policyText": outside})))
    assert told.status_code == 200 and "denies you, who have set it" in told.headers["x-weir-warning"]
    ecr = weir.client("ecr")
    with refused("AccessDeniedException"):
        ecr.describe_registry()
    # The account's root can always undo it.
    assert ecr.get_registry_policy()["policyText"] == outside
    ecr.delete_registry_policy()
    ecr.describe_registry()
    elsewhere = policy(Resource=weir.arn("*", region="eu-west-1"))
    told = send(signed(weir, "ecr", "PutRegistryPolicy", json.dumps({"policyText": elsewhere})))
    assert "names nothing of this registry" in told.headers["x-weir-warning"]
    ecr.delete_registry_policy()


def test_an_untyped_manifest_is_refused(weir: Weir, prefix: str) -> None:
    ecr, name = weir.client("ecr"), f"{prefix}/app"
    weir.repository(name)
    image = single([random_layer(prefix, 500)])
    client = weir.distribution()
    for blob in image.blobs:
        client.push_blob(name, blob.content, blob.digest)
    manifest = json.loads(image.top.content)
    kind = manifest.pop("mediaType")
    untyped = json.dumps(manifest)
    with refused("InvalidParameterException", "Invalid JSON syntax"):
        ecr.put_image(repositoryName=name, imageManifest=untyped, imageTag="1")
    ecr.put_image(repositoryName=name, imageManifest=untyped, imageTag="1", imageManifestMediaType=kind)


def test_the_scan_on_push_that_is_told_is_the_repositorys_own(weir: Weir, prefix: str) -> None:
    ecr = weir.client("ecr")
    for name, own in (("plain", False), ("own", True)):
        weir.repository(f"{prefix}/{name}", imageScanningConfiguration={"scanOnPush": own})
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[{
        "scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": f"{prefix}*", "filterType": "WILDCARD"}]}])
    told = ecr.batch_get_repository_scanning_configuration(repositoryNames=[f"{prefix}/plain", f"{prefix}/own"])
    assert [(one["scanOnPush"], one["scanFrequency"]) for one in told["scanningConfigurations"]] == [
        (False, "CONTINUOUS_SCAN"), (True, "CONTINUOUS_SCAN")]


# STS and IAM

def test_the_query_protocol_has_json_answers(weir: Weir) -> None:
    """As aws-iam-authenticator asks: it reads no XML."""
    answer = requests.get(presigned(weir, IDENTITY), headers={"Accept": "application/json"}, timeout=10)
    told = answer.json()["GetCallerIdentityResponse"]
    assert told["GetCallerIdentityResult"] == {
        "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root", "UserId": ACCOUNT}
    assert told["ResponseMetadata"]["RequestId"] and answer.headers["Content-Type"] == "application/json"
    wrong = requests.get(presigned(weir, "Action=Dance&Version=2011-06-15"), headers={"Accept": "application/json"}, timeout=10)
    assert wrong.status_code == 400 and wrong.json()["Error"]["Code"] == "InvalidAction"
    assert requests.get(presigned(weir, IDENTITY), timeout=10).text.startswith("<GetCallerIdentityResponse")


@pytest.mark.parametrize(("region", "partition"), [
    ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-iso-east-1", "aws-iso"), ("us-isob-east-1", "aws-iso-b")])
def test_every_arn_is_of_the_regions_partition(weir: Weir, prefix: str, region: str, partition: str) -> None:
    begin = f"arn:{partition}:"
    assert weir.client("sts", region).get_caller_identity()["Arn"] == f"{begin}iam::{ACCOUNT}:root"
    ecr, kms, secrets = (weir.client(service, region) for service in ("ecr", "kms", "secretsmanager"))
    made = ecr.create_repository(repositoryName=f"{prefix}/a", encryptionConfiguration={"encryptionType": "KMS"})["repository"]
    assert made["repositoryArn"] == f"{begin}ecr:{region}:{ACCOUNT}:repository/{prefix}/a"
    key = kms.describe_key(KeyId=made["encryptionConfiguration"]["kmsKey"])["KeyMetadata"]
    assert key["Arn"].startswith(f"{begin}kms:{region}:{ACCOUNT}:key/")
    secret = secrets.create_secret(Name=prefix, SecretString="x")
    assert secret["ARN"].startswith(f"{begin}secretsmanager:{region}:{ACCOUNT}:secret:")
    assert secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"] == "x"
    client, image = weir.distribution(region), single([random_layer(region, 2_000)])
    client.push(f"{prefix}/a", "1", image)
    assert client.pull(f"{prefix}/a", "1")[0] == image.digest


def asked(weir: Weir, service: str, form: str) -> requests.PreparedRequest:
    """A Query call."""
    request = AWSRequest("POST", weir.url + "/", data=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(keys(weir), service, weir.region).add_auth(request)
    return requests.Request("POST", weir.url + "/", data=form, headers=dict(request.headers)).prepare()


#: Operations of IAM that need what is not here: passwords of a console, MFA, certificates, SSH keys, SAML, AWS Organizations, reports.
LACKING = {
    "sts": re.compile("AssumeRoleWithSAML|AssumeRoot|GetDelegatedAccessToken|GetWebIdentityToken"),
    "iam": re.compile(
        ".*(SAML|MFA|Certificate|SSHPublicKey|LoginProfile|Password|ServiceSpecificCredential|DelegationRe|DelegationToken|Organizations"
        "|OutboundWebIdentity|CredentialReport|ServiceLastAccessed|SecurityTokenServicePreferences|HumanReadableSummary|GrantingServiceAccess).*"),
}

#: Those that clients ask before they delete a user answer that there is nothing.
EMPTY = {"ListSSHPublicKeys", "ListVirtualMFADevices", "ListMFADevices", "GetLoginProfile", "DeleteLoginProfile", "ListSigningCertificates",
         "ListServiceSpecificCredentials"}


@pytest.mark.parametrize("service", ["sts", "iam"])
def test_what_a_service_has_and_this_server_lacks_says_so(weir: Weir, service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    for operation in model.operation_names:
        answer = send(asked(weir, service, f"Action={operation}&Version={model.api_version}"))
        is_lacking = LACKING[service].fullmatch(operation) is not None and operation not in EMPTY
        assert ("UnsupportedOperation" in answer.text) is is_lacking, f"{operation}: {answer.text}"
        assert answer.status_code in ((400,) if is_lacking else (200, 400, 403, 404)), f"{operation}: {answer.text}"


@pytest.mark.parametrize("operation, member", [
    ("ListSSHPublicKeys", "SSHPublicKeys"), ("ListMFADevices", "MFADevices"), ("ListSigningCertificates", "Certificates"),
    ("ListServiceSpecificCredentials", "ServiceSpecificCredentials"), ("ListVirtualMFADevices", "VirtualMFADevices")])
def test_what_a_user_cannot_have_is_an_empty_list(weir: Weir, operation: str, member: str, prefix: str) -> None:
    """Terraform's `force_destroy` asks all of these, and goes no further where one fails."""
    iam = weir.client("iam")
    iam.create_user(UserName=f"bare-{prefix}")
    method = getattr(iam, botocore.xform_name(operation))
    assert method(**({} if "Virtual" in operation else {"UserName": f"bare-{prefix}"}))[member] == []
    with refused("NoSuchEntity", f"Login Profile for User bare-{prefix} cannot be found."):
        iam.delete_login_profile(UserName=f"bare-{prefix}")


# KMS

@pytest.fixture
def key(weir: Weir) -> str:
    return weir.client("kms").create_key()["KeyMetadata"]["KeyId"]


def test_the_lists_of_grants_are_empty(weir: Weir, key: str) -> None:
    """Ansible's kms_key and kms_key_info always ask."""
    assert weir.aws("kms", "list-grants", "--key-id", key)["Grants"] == []
    kms = weir.client("kms")
    assert kms.list_retirable_grants(RetiringPrincipal=f"arn:aws:iam::{ACCOUNT}:root")["Grants"] == []
    for ask in (kms.list_grants, kms.list_key_rotations):
        with refused("NotFoundException"):
            ask(KeyId="11111111-2222-3333-4444-555555555555")


def test_a_key_is_rotated_on_demand(weir: Weir, key: str) -> None:
    kms = weir.client("kms")
    first = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == key
    current = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    (rotation,) = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert (rotation["RotationType"], rotation["KeyMaterialId"], rotation["KeyMaterialState"]) == ("ON_DEMAND", current, "CURRENT")
    opened = kms.decrypt(CiphertextBlob=sealed)
    assert opened["Plaintext"] == b"old" and opened["KeyMaterialId"] == first != current
    assert kms.generate_data_key(KeyId=key, KeySpec="AES_256")["KeyMaterialId"] == current
    both = kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=key)
    assert (both["SourceKeyMaterialId"], both["DestinationKeyMaterialId"]) == (first, current)


def test_what_a_key_seals_opens_after_its_rotation(weir: Weir, key: str, prefix: str) -> None:
    weir.repository(f"{prefix}/a", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    client, image = weir.distribution(), single([random_layer(prefix, 200_000)])
    client.push(f"{prefix}/a", "1", image)
    weir.client("kms").rotate_key_on_demand(KeyId=key)
    other = single([random_layer(f"{prefix}-other", 200_000)])
    client.push(f"{prefix}/a", "2", other)
    weir.restart()
    for tag, pushed in (("1", image), ("2", other)):
        assert client.pull(f"{prefix}/a", tag)[0] == pushed.digest


@pytest.mark.parametrize("operation", ["list_keys", "list_aliases", "list_key_policies", "list_resource_tags", "list_grants"])
def test_a_marker_that_is_none_is_refused(weir: Weir, key: str, operation: str) -> None:
    more = {} if operation in ("list_keys", "list_aliases") else {"KeyId": key}
    with refused("InvalidMarkerException"):
        getattr(weir.client("kms"), operation)(Marker="zzz", **more)


def test_every_page_shows_what_the_one_before_did_not(weir: Weir) -> None:
    kms = weir.client("kms")
    for _ in range(3):
        kms.create_key()
    pages = [page["Keys"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})]
    found = [one["KeyId"] for page in pages for one in page]
    assert len(pages) > 1 and len(found) == len(set(found)) == len(kms.list_keys(Limit=1000)["Keys"])


def test_the_alias_of_a_managed_key_is_listed_before_its_key_is_made(weir: Weir) -> None:
    kms = weir.client("kms", "ap-south-1")
    names = {one["AliasName"]: one for one in kms.list_aliases()["Aliases"]}
    assert "TargetKeyId" not in names["alias/aws/ecr"] and "alias/aws/secretsmanager" in names
    made = kms.describe_key(KeyId=names["alias/aws/ecr"]["AliasArn"])["KeyMetadata"]
    assert [one["TargetKeyId"] for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/aws/ecr"] == [made["KeyId"]]


@pytest.mark.parametrize("name", ["noprefix", "alias/a:b", "alias/a b"])
def test_an_alias_that_cannot_be(weir: Weir, key: str, name: str) -> None:
    kms = weir.client("kms")
    with refused("ValidationException"):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    with refused("ValidationException"):
        kms.delete_alias(AliasName=name)


def test_a_key_of_too_many_tags(weir: Weir) -> None:
    with refused("TagException", "Too many tags"):
        weir.client("kms").create_key(Tags=[{"TagKey": f"k{number}", "TagValue": ""} for number in range(51)])


def test_a_key_policy_may_not_lock_its_author_out(weir: Weir, key: str) -> None:
    kms = weir.client("kms")
    foreign = policy(Action="kms:*", Resource="*", Principal={"AWS": "arn:aws:iam::444455556666:root"})
    with refused("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future"):
        kms.put_key_policy(KeyId=key, Policy=foreign)
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy=foreign)
    kms.put_key_policy(KeyId=key, Policy=foreign, BypassPolicyLockoutSafetyCheck=True)
    # A key policy is the root of trust: where it names only another account, the key's own root is out.
    with refused("AccessDeniedException", "no resource-based policy allows the kms:GetKeyPolicy action"):
        kms.get_key_policy(KeyId=key)


# Secrets Manager

def test_the_policy_of_a_deleted_secret_is_not_told(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    secrets.create_secret(Name=prefix, SecretString="x")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=prefix)
    assert secrets.delete_resource_policy(SecretId=prefix)["Name"] == prefix
    secrets.delete_secret(SecretId=prefix, RecoveryWindowInDays=7)
    with refused("InvalidRequestException", "marked for deletion"):
        secrets.get_resource_policy(SecretId=prefix)
    open_to_me = policy(Action="secretsmanager:*", Resource="*", Principal={"AWS": ACCOUNT})
    with refused("InvalidRequestException", "marked for deletion"):
        secrets.put_resource_policy(SecretId=prefix, ResourcePolicy=open_to_me)


def test_a_secrets_policy_is_asked(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    secrets.create_secret(Name=prefix, SecretString="x")
    closed = policy(Effect="Deny", Action="secretsmanager:GetSecretValue", Resource="*", Principal="*")
    secrets.put_resource_policy(SecretId=prefix, ResourcePolicy=closed)
    assert json.loads(secrets.get_resource_policy(SecretId=prefix)["ResourcePolicy"]) == json.loads(closed)
    with refused("AccessDeniedException", "with an explicit deny in a resource-based policy"):
        secrets.get_secret_value(SecretId=prefix)
    secrets.delete_resource_policy(SecretId=prefix)
    assert secrets.get_secret_value(SecretId=prefix)["SecretString"] == "x"


def test_several_secrets_at_once(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    for number in range(3):
        secrets.create_secret(Name=f"{prefix}/{number}", SecretString=f"value {number}")
    told = secrets.batch_get_secret_value(SecretIdList=[f"{prefix}/0", f"{prefix}/none"])
    assert [one["SecretString"] for one in told["SecretValues"]] == ["value 0"]
    assert [(one["SecretId"], one["ErrorCode"]) for one in told["Errors"]] == [(f"{prefix}/none", "ResourceNotFoundException")]
    pages: list[Any] = []
    while not pages or "NextToken" in pages[-1]:
        more = {"NextToken": pages[-1]["NextToken"]} if pages else {}
        pages.append(secrets.batch_get_secret_value(Filters=[{"Key": "name", "Values": [prefix + "/"]}], MaxResults=2, **more))
    values = [[one["SecretString"] for one in page["SecretValues"]] for page in pages]
    assert [len(page) for page in values] == [2, 1] and sorted(sum(values, [])) == [f"value {number}" for number in range(3)]


def test_a_random_password(weir: Weir) -> None:
    told = weir.aws("secretsmanager", "get-random-password", "--exclude-punctuation", "--password-length", "20")["RandomPassword"]
    assert len(told) == 20 and told.isalnum() and any(one.isdigit() for one in told) and told.lower() != told != told.upper()
    with pytest.raises(AWSRefusal, match="too short based on the required types"):
        weir.aws("secretsmanager", "get-random-password", "--password-length", "3")


def test_secrets_are_found_by_words(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    secrets.create_secret(Name=f"{prefix}-one", Description="The first MyLogin")
    secrets.create_secret(Name=f"{prefix}-two", Description="The second login")

    def found(*filters: tuple[str, str]) -> set[str]:
        listed = secrets.list_secrets(Filters=[
            {"Key": "name", "Values": [prefix]}, *({"Key": key, "Values": [value]} for key, value in filters)])
        return {one["Name"].removeprefix(f"{prefix}-") for one in listed["SecretList"]}

    assert found(("description", "login")) == {"one", "two"}
    assert found(("description", "second log")) == {"two"} == found(("all", "two")) == found(("all", "LOG"), ("description", "sec"))
    assert found(("description", "econd")) == set() == found(("description", "first"), ("all", "second"))


def test_requests_that_lack_something(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager", unchecked=True)
    secrets.create_secret(Name=prefix, SecretString="x")
    with refused("InvalidRequestException", "You must provide either SecretString or SecretBinary"):
        secrets.put_secret_value(SecretId=prefix)
    for wrong in ({"Key": "name"}, {"Values": ["a"]}):
        with refused("InvalidParameterException", "Invalid filter"):
            secrets.list_secrets(Filters=[wrong])
    with refused("ValidationException", "Invalid name"):
        secrets.delete_secret(SecretId="in valid!?", ForceDeleteWithoutRecovery=True)
    with refused("UnsupportedOperationException", "Type"):
        secrets.create_secret(Name=f"{prefix}-other", Type="Salesforce")


def test_a_secret_that_has_lost_its_tags(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    secrets.create_secret(Name=prefix, Tags=[{"Key": "a", "Value": "b"}])
    secrets.untag_resource(SecretId=prefix, TagKeys=["a"])
    assert secrets.describe_secret(SecretId=prefix)["Tags"] == []
    secrets.create_secret(Name=f"{prefix}-never")
    assert "Tags" not in secrets.describe_secret(SecretId=f"{prefix}-never")


# Members that no operation reads

def wrong(shape: Shape) -> Any:
    """A value of another type."""
    return {"string": ["a"], "boolean": "yes", "integer": "many", "long": "many", "blob": 7}.get(shape.type_name, "text")


@pytest.mark.parametrize("service", ["kms", "secretsmanager"])
def test_every_member_is_looked_at(weir: Weir, service: str) -> None:
    """A member of the wrong type is refused, also where the operation does not read it: it would be dropped silently."""
    model = botocore.session.get_session().get_service_model(service)
    passed = []
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        for member, kind in shape.members.items():
            answer = send(signed(weir, service, name, json.dumps({member: wrong(kind)})))
            told = answer.json().get("__type", "200")
            if told == "UnsupportedOperationException" and name in answer.text:
                break
            text = answer.text
            # In some operations the refusal of a missing required member comes first.
            if told not in REFUSALS | {"UnsupportedOperationException"}:
                passed.append(f"{name} {member}: {answer.status_code} {text[:200]}")
            elif told == "ValidationException" and "Member must not be null" in text:
                whole = {required: sample(shape.members[required]) for required in shape.required_members}
                again = send(signed(weir, service, name, json.dumps({**whole, member: wrong(kind)})))
                if again.json().get("__type", "200") not in REFUSALS | {"UnsupportedOperationException"}:
                    passed.append(f"{name} {member}: {again.status_code} {again.text[:200]}")
    assert not passed, "\n".join(passed)


def sample(shape: Shape) -> Any:
    match shape.type_name:
        case "list":
            return []
        case "blob":
            return "eA=="
        case "integer" | "long":
            return 7
        case _:
            return "alias/some" if shape.name == "AliasNameType" else "11111111-2222-3333-4444-555555555555"
