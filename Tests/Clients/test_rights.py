"""Rights: operators, copies to other registries, the server's own AWS keys, conditions, and links."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.certificates import Authority
from harness.distribution import Distribution
from harness.ecr_api import ECRAPI
from harness.images import INDEX, Blob, Image, image, random_layer, single, two_platforms
from harness.processes import wait_until
from harness.rude import RudeRegistry
from harness.signing import operate, send, signed
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import VENDORS
from harness.weir import ACCOUNT, Weir

ECR = next(vendor for vendor in VENDORS if vendor.name == "ecr")
ABROAD = "eu-west-1"


def policy(**members: Any) -> str:
    statement = {"Sid": "s", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "ecr:*", **members}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def put(weir: Weir, operation: str, **members: Any) -> requests.Response:
    return send(signed(weir, "ecr", operation, json.dumps(members)))


# What an operator may do

def test_a_policy_must_spell_what_it_gives_of_the_operators_rights(weir: Weir) -> None:
    ecr = weir.client("ecr")
    ecr.put_registry_policy(policyText=policy(Action=["weir:StartGarbageCollection", "weir:List*"], Resource="*"))
    assert "weir:List*" in ecr.get_registry_policy()["policyText"]
    with pytest.raises(ecr.exceptions.InvalidParameterException):
        ecr.put_registry_policy(policyText=policy(Action="weir:StartGarbageColection", Resource="*"))
    # A Deny with a wildcard applies to operators too.
    ecr.put_registry_policy(policyText=policy(Effect="Deny", Principal="*", Action="weir:StartVerification", Resource="*"))
    answer = send(signed(weir, "ecr", "StartVerification", "{}", headers={"X-Amz-Target": "Weir_20261122.StartVerification"}))
    assert answer.status_code == 400 and "weir:StartVerification" in answer.text
    ecr.delete_registry_policy()
    assert operate(weir, "ListRuns")["runs"] == []


# Copies to other registries

def replicate(weir: Weir, *prefixes: str) -> None:
    filters = [{"filter": prefix, "filterType": "PREFIX_MATCH"} for prefix in prefixes]
    weir.client("ecr").put_replication_configuration(replicationConfiguration={"rules": [
        {"destinations": [{"region": ABROAD, "registryId": ACCOUNT}], "repositoryFilters": filters}]})


def copied(weir: Weir, repository: str, digest: str) -> str:
    told = weir.client("ecr").describe_image_replication_status(repositoryName=repository, imageId={"imageDigest": digest})
    return told["replicationStatuses"][0]["status"]


def naming(children: list[Blob], times: int) -> Blob:
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [child.descriptor() for child in children] * times}
    return Blob(json.dumps(document).encode(), INDEX)


def test_a_copy_gives_nothing_that_its_source_was_never_given(make_weir: Callable[..., Weir], rude: RudeRegistry) -> None:
    """A cached child whose manifest names another repository's layer, in an index that is pushed over it."""
    weir = make_weir()
    secret = single([random_layer("secret", 5_000)])
    layer = secret.layers[0]
    for region in (weir.region, ABROAD):
        weir.client("ecr", region).create_repository(repositoryName="secret/x")
        weir.distribution(region).push("secret/x", "1", secret)
    # The stranger's own upstream names the digest, and lacks the bytes.
    child, (config, _) = image([layer], note="evil")
    rude.hold("app", "1", Image(child, (config,)))
    weir.rule("evil", "registry.k8s.io")
    replicate(weir, "evil")
    client = weir.distribution()
    assert client.manifest("evil/app", "1").status_code == 200
    assert client.blob("evil/app", layer.digest).status_code == 404
    top = naming([child], 1)
    client.push_manifest("evil/app", "all", top)
    abroad = weir.distribution(ABROAD)
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        assert abroad.blob("evil/app", layer.digest).status_code == 404
        assert copied(weir, "evil/app", top.digest) != "COMPLETE"
        time.sleep(0.2)
    # An honest image is copied as ever.
    honest = two_platforms("honest", 3_000, runs=False)
    client.push("evil/app", "honest", honest)
    wait_until(lambda: abroad.manifest("evil/app", "honest").status_code == 200, 30, "the honest copy")
    assert honest.digest in abroad.pull("evil/app", "honest")


def test_lists_of_lists_of_lists_are_copied_once(make_weir: Callable[..., Weir]) -> None:
    """10^9 paths through one image of four manifests: the walk ends, and copies go on after it."""
    weir = make_weir()
    weir.repository("deep/app")
    replicate(weir, "deep")
    client = weir.distribution()
    bottom = single([random_layer("deep", 2_000)])
    client.push("deep/app", "bottom", bottom)
    lists = [bottom.top]
    for number in range(3):
        lists.append(naming([lists[-1]], 1_000))
        client.push_manifest("deep/app", f"list-{number}", lists[-1])
    wait_until(lambda: copied(weir, "deep/app", lists[-1].digest) == "COMPLETE", 60, "the copy of all lists")
    after = single([random_layer("after", 2_000)])
    client.push("deep/app", "after", after)
    wait_until(lambda: copied(weir, "deep/app", after.digest) == "COMPLETE", 30, "the copy after it")
    assert weir.distribution(ABROAD).manifest("deep/app", "list-2").headers["Docker-Content-Digest"] == lists[-1].digest


def test_a_queued_copy_without_end_ends_after_a_restart(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("deep/app")
    client = weir.distribution()
    bottom = single([random_layer("deep", 2_000)])
    client.push("deep/app", "bottom", bottom)
    lists = [bottom.top]
    for number in range(3):
        lists.append(naming([lists[-1]], 1_000))
        if number == 2:
            replicate(weir, "deep")
        client.push_manifest("deep/app", f"list-{number}", lists[-1])
    weir.kill()
    weir.start()
    wait_until(lambda: copied(weir, "deep/app", lists[-1].digest) == "COMPLETE", 60, "the copy")


def test_warming_goes_to_each_manifest_once(make_weir: Callable[..., Weir], rude: RudeRegistry) -> None:
    weir = make_weir()
    bottom = single([random_layer("warm", 2_000)])
    lists = [bottom.top]
    for _ in range(3):
        lists.append(naming([lists[-1]], 1_000))
    rude.hold("deep", "1", Image(lists[-1], bottom.blobs, tuple(lists[:-1])))
    weir.rule("warm", "registry.k8s.io")
    job = operate(weir, "StartWarm", images=["warm/deep:1"])["warm"]
    wait_until(lambda: operate(weir, "DescribeWarm", warmId=job["warmId"])["warm"]["status"] == "DONE", 60, "the warming")
    (told,) = operate(weir, "DescribeWarm", warmId=job["warmId"])["warm"]["images"]
    assert told["manifests"] == 4 and told["blobsDone"] == 2
    assert all(rude.gets(one.digest) <= 1 for one in lists)


# Whose blob it is

class Liar:
    """A registry that has everything, if its HEADs are believed."""

    def __init__(self, manifest: Blob, sizes: dict[str, int]):
        liar = self
        self.gets: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                if "/manifests/" in self.path:
                    return self._answer(200, manifest.content, manifest.media_type)
                if self.path.startswith("/v2/") and "/blobs/" in self.path and self.command == "HEAD":
                    return self._answer(200, b"x" * sizes.get(name, 1), "application/octet-stream")
                liar.gets.append(name)
                self._answer(404, b"{}", "application/json")

            do_HEAD = do_GET

            def _answer(self, status: int, body: bytes, media_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_rule_made_anew_does_not_vouch_for_what_another_host_gave(
    make_weir: Callable[..., Weir], rude: RudeRegistry,
) -> None:
    held = rude.hold("team/app", "1", single([random_layer("vouched", 4_000)]))
    layer = held.layers[0]
    child, (config, _) = image([layer], note="stolen")
    liar = Liar(child, {layer.digest: len(layer.content), config.digest: len(config.content)})
    try:
        weir = make_weir(
            upstreams={"honest.example": rude.url, "liar.example": liar.url},
            options=["--allow-any-upstream", "--optional-upstream-secrets"])
        weir.rule("mine", "honest.example")
        client = weir.distribution()
        client.pull("mine/team/app", "1")
        weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix="mine")
        weir.rule("mine", "liar.example")
        assert client.manifest("mine/other", "1").status_code == 200
        # By its HEAD it has the layer; only bytes would prove it.
        assert client.blob("mine/other", layer.digest).status_code != 200
        assert layer.digest in liar.gets
        # The repository that pulled it earlier keeps it.
        assert client.blob_digest("mine/team/app", layer.digest) == layer.digest
    finally:
        liar.stop()


# The server's own name at AWS

@pytest.fixture(scope="module")
def standin(authority: Authority) -> Iterator[StandIn]:
    made = StandIn(ECR, authority.server("127.0.0.1", ELSEWHERE))
    yield made
    made.stop()


@pytest.fixture
def api(standin: StandIn) -> Iterator[ECRAPI]:
    made = ECRAPI(standin.password)
    yield made
    made.stop()


def at_aws(standin: StandIn, api: ECRAPI, *options: str) -> dict[str, Any]:
    return {
        "upstreams": {ECR.host: standin.url, "api.ecr.eu-west-1.amazonaws.com": api.url, "sts.eu-west-1.amazonaws.com": api.url},
        "options": ["--allow-private-upstream", ELSEWHERE, *options],
        "environment": {"AWS_ACCESS_KEY_ID": api.key.access_key, "AWS_SECRET_ACCESS_KEY": api.key.secret_key},
    }


def test_a_role_is_told_for_whom_it_is_taken(make_weir: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """A role's owner can demand the account as external id, so that no other account's rule gets the role."""
    weir = make_weir(**at_aws(standin, api))
    held = standin.hold("1", two_platforms(prefix, 3000, runs=False))
    weir.rule(prefix, ECR.host, customRoleArn=f"arn:aws:iam::{ACCOUNT}:role/puller")
    assert weir.distribution().pull(f"{prefix}/team/app", "1")[0] == held.digest
    assert [one.operation for one in api.calls] == ["AssumeRole", "GetAuthorizationToken"]
    assert f"ExternalId={ACCOUNT}" in api.calls[0].body


def test_accounts_that_may_use_it_are_numbers(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False, options=["--upstream-identity-account", "444455556666", "--upstream-identity-account", "me"])
    with pytest.raises((RuntimeError, AssertionError, TimeoutError)):
        weir.start()
    assert "upstreamIdentityAccounts" in weir.output and "me" in weir.output


# Conditions

def refused(weir: Weir, operation: str, **members: Any) -> bool:
    answer = put(weir, operation, **members)
    assert answer.status_code in (200, 400), answer.text
    return answer.status_code == 400 and "AccessDenied" in answer.text


@pytest.fixture
def guarded(weir: Weir) -> Iterator[Callable[..., None]]:
    """Sets a Deny in the registry's policy, which is removed with the test."""
    def deny(action: str, **condition: Any) -> None:
        text = policy(Effect="Deny", Principal="*", Action=action, Resource="*", Condition=condition)
        assert put(weir, "PutRegistryPolicy", policyText=text).status_code == 200
    yield deny
    put(weir, "DeleteRegistryPolicy")


def test_conditions_see_the_tags_of_the_request(weir: Weir, guarded: Callable[..., None], prefix: str) -> None:
    def create(name: str, **tags: str) -> bool:
        return refused(weir, "CreateRepository", repositoryName=f"{prefix}/{name}",
                       tags=[{"Key": key, "Value": value} for key, value in tags.items()])

    guarded("ecr:CreateRepository", Null={"aws:RequestTag/team": "true"})
    assert create("a") and not create("b", team="blue")
    guarded("ecr:CreateRepository", StringEquals={"aws:RequestTag/team": "red"})
    assert create("c", team="red") and not create("d", team="blue") and not create("e")
    guarded("ecr:*Resource", **{"ForAnyValue:StringEquals": {"aws:TagKeys": ["secret"]}})
    arn = weir.arn(f"{prefix}/b")
    assert refused(weir, "TagResource", resourceArn=arn, tags=[{"Key": "secret", "Value": "1"}])
    assert not refused(weir, "TagResource", resourceArn=arn, tags=[{"Key": "open", "Value": "1"}])
    assert refused(weir, "UntagResource", resourceArn=arn, tagKeys=["open", "secret"])
    assert not refused(weir, "UntagResource", resourceArn=arn, tagKeys=["open"])


@pytest.mark.parametrize("key", ["aws:ViaAWSService", "aws:PrincipalIsAWSService"])
def test_every_request_says_that_no_service_made_it(
    weir: Weir, guarded: Callable[..., None], prefix: str, key: str,
) -> None:
    weir.repository(f"{prefix}/app")
    image = single([random_layer(prefix, 500)])
    client = weir.distribution()
    client.push(f"{prefix}/app", "1", image)
    guarded("ecr:BatchGetImage", Bool={key: "false"})
    assert client.manifest(f"{prefix}/app", "1").status_code == 403
    assert refused(weir, "BatchGetImage", repositoryName=f"{prefix}/app", imageIds=[{"imageTag": "1"}])


def test_an_author_is_told_of_keys_that_nothing_fills(weir: Weir, prefix: str) -> None:
    weir.repository(f"{prefix}/app")
    asleep = policy(Effect="Deny", Condition={
        "StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}, "Bool": {"aws:SecureTransport": "false"}})
    awake = policy(Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}, "StringLike": {"aws:RequestTag/a": "b*"}})
    for operation, member, others in (
        ("SetRepositoryPolicy", "policyText", {"repositoryName": f"{prefix}/app", "force": True}),
        ("CreateRepositoryCreationTemplate", "repositoryPolicy", {"prefix": prefix, "appliedFor": ["REPLICATION"]}),
        ("UpdateRepositoryCreationTemplate", "repositoryPolicy", {"prefix": prefix, "appliedFor": ["REPLICATION"]}),
        ("PutRegistryPolicy", "policyText", {}),
    ):
        # A registry's policy names its resources; a repository's does not.
        where = '"Resource": "*", "Action"' if operation == "PutRegistryPolicy" else '"Action"'
        told = put(weir, operation, **others, **{member: asleep.replace('"Action"', where)})
        assert told.status_code == 200, told.text
        warning = told.headers.get("x-weir-warning", "")
        assert "aws:principalorgid" in warning.lower() and "'s'" in warning and "SecureTransport" not in warning, (operation, warning)
        if not operation.startswith("Create"):
            quiet = put(weir, operation, **others, **{member: awake.replace('"Action"', where)})
            assert quiet.status_code == 200 and "x-weir-warning" not in quiet.headers
    weir.client("ecr").delete_registry_policy()
    weir.client("ecr").delete_repository_creation_template(prefix=prefix)


def test_a_key_policys_author_is_told_of_keys_that_nothing_fills(weir: Weir) -> None:
    """An Allow that depends on one never holds: of the key, too."""
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    text = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])

    def told() -> requests.Response:
        return send(signed(weir, "kms", "PutKeyPolicy", json.dumps({
            "KeyId": key, "PolicyName": "default", "Policy": json.dumps(text), "BypassPolicyLockoutSafetyCheck": True})))

    assert "x-weir-warning" not in told().headers
    assert kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    text["Statement"][0]["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    assert "aws:principalorgid" in told().headers["x-weir-warning"].lower()
    with pytest.raises(ClientError, match="because no resource-based policy allows the kms:Encrypt action"):
        kms.encrypt(KeyId=key, Plaintext=b"x")


# Which bytes are whose

def test_two_files_that_change_places_are_found_before_a_byte_is_served(make_weir: Callable[..., Weir]) -> None:
    """A writer to the data folder cannot have one layer served as another, although one key seals both."""
    weir = make_weir()
    weir.repository("swap/app")
    client = weir.distribution()
    one, other = (random_layer(name, 200_000) for name in ("one", "two"))
    for blob in (one, other):
        client.push_blob("swap/app", blob.content, blob.digest)
    weir.stop()
    files = {path.name.rpartition("-")[2].removeprefix("sha256:"): path for path in weir.stored_files()}
    first, second = (next(path for name, path in files.items() if blob.digest[7:] in name) for blob in (one, other))
    content = first.read_bytes(), second.read_bytes()
    first.write_bytes(content[1])
    second.write_bytes(content[0])
    weir.start()
    for blob in (one, other):
        assert client.blob("swap/app", blob.digest, headers={"Range": "bytes=0-99"}).status_code not in (200, 206)
    first.write_bytes(content[0])
    second.write_bytes(content[1])


# Links

def test_a_link_ends_with_the_right_of_who_made_it(weir: Weir, prefix: str) -> None:
    name = f"{prefix}/app"
    weir.repository(name)
    pushed = single([random_layer(prefix, 500)])
    weir.distribution().push(name, "1", pushed)
    ecr = weir.client("ecr")
    layer = pushed.layers[0].digest
    link = ecr.get_download_url_for_layer(repositoryName=name, layerDigest=layer)["downloadUrl"]
    nobody = Distribution(weir.url)
    assert nobody.request("GET", link).status_code == 200
    ecr.set_repository_policy(
        repositoryName=name, policyText=policy(Effect="Deny", Principal="*", Action="ecr:GetDownloadUrlForLayer"))
    assert nobody.request("GET", link).status_code == 403
    ecr.delete_repository_policy(repositoryName=name)
    assert nobody.request("GET", link).status_code == 200
