"""What went wrong in comparable systems, asked of this one: administrators' operations, signatures, credentials' kinds, and their ends.

The reports' numbers stand at the tests. Rights that lead to all rights: test_identity_escalation.py. Issuers' tokens: test_identity_issuers.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.distribution import Distribution, errors
from harness.images import Image, random_layer, single
from harness.principals import (
    ADMINISTRATOR, EXPLICIT, SILENT, Account, Answer, Principal, allow, assert_denied, deny, document, model, pause_for_the_next_second,
    session, trust, understood, unsigned)
from harness.secrets_seen import WATCH
from harness.signing import clock, operate
from harness.weir import ACCOUNT, REGION, Weir

OTHER = "444455556666"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]


@pytest.fixture(scope="module")
def server(_program: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    made = Weir(tmp_path_factory.mktemp("incidents"), watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


@pytest.fixture(scope="module")
def abroad(server: Weir) -> Account:
    return Account.another(server, OTHER)


@pytest.fixture(scope="module")
def pushed(home: Account) -> Image:
    """In the repository `team/app`, as `1`."""
    home.repository("team/app")
    image = single([random_layer("incidents", 500)])
    home.root.distribution().push("team/app", "1", image)
    return image


# A: policies and administrators' operations

def test_a5_keys_are_made_for_oneself_alone(home: Account, abroad: Account, prefix: str) -> None:
    """CVE-2022-24842, CVE-2019-16919."""
    caller = home.user(f"bob-{prefix}", allow("iam:CreateAccessKey", home.arn("user", "${aws:username}")))
    home.user(f"ann-{prefix}")
    for name in (f"ann-{prefix}", "root", "nobody"):
        told = caller.call("iam", "CreateAccessKey", UserName=name)
        assert_denied(told, "iam:CreateAccessKey", home.arn("user", name), SILENT["identity"])
    assert len(home.root.must("iam", "ListAccessKeys", UserName=f"ann-{prefix}")["AccessKeyMetadata"]) == 1
    assert len(home.root.must("iam", "ListAccessKeys")["AccessKeyMetadata"]) == 1
    # A name that another account has is no user here.
    abroad.user(f"away-{prefix}")
    assert home.administrator.call("iam", "CreateAccessKey", UserName=f"away-{prefix}").code == "NoSuchEntity"
    assert caller.must("iam", "CreateAccessKey")["AccessKey"]["UserName"] == f"bob-{prefix}"


def test_a5_a_role_has_no_key_of_its_own(home: Account, prefix: str) -> None:
    caller = home.administrator.assume(home.role(f"role-{prefix}", policies=[ADMINISTRATOR]))
    told = caller.call("iam", "CreateAccessKey")
    assert (told.status, told.code) == (400, "ValidationError"), told
    assert told.message == "Must specify userName when calling with non-User credentials"


FOREIGN_MEMBERS = {
    "PolicyArns.member.1": ADMINISTRATOR, "PolicyArns.member.1.arn": ADMINISTRATOR, "PolicyArn": ADMINISTRATOR, "UserId": "AIDAAAAAAAAAAAAAAAAAA",
    "PolicyDocument": document(allow("*")), "PermissionsBoundary": ADMINISTRATOR, "Arn": "arn:aws:iam::111122223333:root", "Path": "/admin/",
    "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA", "GroupName": "admins", "isRoot": "true", "Account": OTHER,
}


@pytest.mark.parametrize("operation, known", [
    ("UpdateUser", {"UserName"}), ("CreateUser", {"UserName", "Path", "PermissionsBoundary"}), ("TagUser", {"UserName"}),
    ("CreateAccessKey", {"UserName"}), ("UpdateAccessKey", {"UserName", "AccessKeyId"})])
def test_a6_a_members_of_other_operations_do_nothing(home: Account, prefix: str, operation: str, known: set[str]) -> None:
    """CVE-2021-43858."""
    name = f"victim-{prefix}"
    if operation != "CreateUser":
        home.user(name)
    key = "" if operation != "UpdateAccessKey" else home.root.must("iam", "ListAccessKeys", UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
    members = {"Action": operation, "Version": "2010-05-08", "UserName": name, **({"AccessKeyId": key, "Status": "Active"} if key else {}),
               **({"Tags.member.1.Key": "a", "Tags.member.1.Value": "b"} if operation == "TagUser" else {})}
    body = {**{one: value for one, value in FOREIGN_MEMBERS.items() if one not in known}, **members}
    answer = post(home.root, "iam", body)
    assert answer.status in (200, 400), answer
    told = home.root.must("iam", "GetUser", UserName=name)["User"]
    assert (told["Path"], told["Arn"], told.get("PermissionsBoundary")) == ("/", home.arn("user", name), None)
    assert told["UserId"] != FOREIGN_MEMBERS["UserId"]
    assert not home.root.must("iam", "ListAttachedUserPolicies", UserName=name)["AttachedPolicies"]
    assert not home.root.must("iam", "ListUserPolicies", UserName=name)["PolicyNames"]
    assert not home.root.must("iam", "ListGroupsForUser", UserName=name)["Groups"]


def post(caller: Principal, service: str, form: dict[str, str] | bytes, headers: dict[str, str] | None = None, url: str = "/") -> Answer:
    """A Query call with any body, signed."""
    body = form if isinstance(form, bytes) else "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in form.items()).encode()
    request = AWSRequest("POST", caller.weir.url + url, data=body, headers={
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})})
    SigV4Auth(caller.credentials, service, REGION).add_auth(request)
    answer = session().post(caller.weir.url + url, data=body, headers=dict(request.headers), timeout=60)
    return understood(model("sts").operation_model("GetCallerIdentity"), answer)


@pytest.mark.parametrize("name", ["root", "Root", "AWS", "system", "admin"])
def test_a7_a_name_is_no_right(home: Account, prefix: str, name: str) -> None:
    """CVE-2024-9180, CVE-2025-5999: `user/root` is not the root, and `policy/AdministratorAccess` of one's own is one's own."""
    home.repository(f"{prefix}/app")
    mine = home.policy("AdministratorAccess", allow("ecr:ListImages")) if name == "root" else home.arn("policy", "AdministratorAccess")
    home.root.must("iam", "CreateGroup", GroupName=f"{name}-{prefix}")
    caller = home.user(name if name not in ("Root",) else "Root.", policies=[mine])
    home.root.must("iam", "AddUserToGroup", GroupName=f"{name}-{prefix}", UserName=caller.arn.rpartition("/")[2])
    assert caller.call("ecr", "ListImages", repositoryName=f"{prefix}/app").status == 200
    assert_denied(caller.call("ecr", "DescribeRepositories"), "ecr:DescribeRepositories", tail=SILENT["identity"])
    assert_denied(caller.call("iam", "ListUsers"), "iam:ListUsers", tail=SILENT["identity"])
    assert_denied(caller.call("ecr", "PutRegistryPolicy", policyText=document(allow("ecr:*", Principal="*"))))
    assert caller.must("sts", "GetCallerIdentity")["Arn"] == caller.arn


@pytest.mark.parametrize("name", [" root", "root ", "ro\u200bot", "r\u043eot", "*", "?", "a/b", "a:b", "", "a\nb"])
def test_a7_and_a8_names_with_odd_letters_are_refused(home: Account, name: str) -> None:
    for operation, member in (("CreateUser", "UserName"), ("CreateGroup", "GroupName")):
        told = home.root.call("iam", operation, **{member: name})
        assert (told.status, told.code) == (400, "ValidationError"), told
    told = home.root.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust(ACCOUNT))
    assert (told.status, told.code) == (400, "ValidationError"), told


def test_a8_variables_are_expanded_once(home: Account, prefix: str) -> None:
    """CVE-2026-71543. A session's name may be what IAM's names are; none of it is a pattern."""
    home.repository(f"{prefix}/team/app")
    caller = home.user(f"bob-{prefix}", allow("sts:*"))
    role = home.role(f"role-{prefix}", allow("ecr:*", f"arn:aws:ecr:*:*:repository/{prefix}/${{aws:PrincipalTag/team}}/*"), trusts=document(
        allow(["sts:AssumeRole", "sts:TagSession"], None, Principal={"AWS": caller.arn})))
    for value in ("*", "?eam", "${aws:PrincipalTag/other}", "team/*", "t*"):
        told = caller.call("sts", "AssumeRole", RoleArn=role, RoleSessionName="run1", Tags=[
            {"Key": "team", "Value": value}, {"Key": "other", "Value": "team"}])
        if told.status == 200:
            from harness.principals import session_of
            asked = session_of(home.weir, told, told["AssumedRoleUser"]["Arn"]).call("ecr", "ListImages", repositoryName=f"{prefix}/team/app")
            assert_denied(asked, "ecr:ListImages", tail=SILENT["identity"])
        else:
            assert told.code == "ValidationError", told


@pytest.mark.parametrize("key, value", [
    ("aws:PrincipalTag/team", "red"), ("aws:username", "root"), ("aws:userid", ACCOUNT), ("aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:root"),
    ("aws:PrincipalType", "Account"), ("aws:SourceIp", "10.1.2.3"), ("aws:RequestTag/team", "red"), ("aws:SourceIdentity", "ann"),
    ("aws:PrincipalIsAWSService", "true"), ("aws:MultiFactorAuthPresent", "true"), ("aws:FederatedProvider", "accounts.example")])
def test_a10_requests_fill_no_condition_keys(home: Account, prefix: str, key: str, value: str) -> None:
    """GHSA-6r96: whatever a header, a parameter or a form field is called."""
    caller = home.user(f"bob-{prefix}", allow("*", Condition={"StringEquals": {key: value}}))
    home.repository(f"{prefix}/app")
    short = key.rpartition(":")[2]
    names = [key.replace("/", "-").replace(":", "-"), f"X-Amz-{short}".replace("/", "-"), short.replace("/", "-"), "X-Forwarded-For", "X-Real-IP"]
    for told in (
        caller.call("ecr", "ListImages", repositoryName=f"{prefix}/app", headers={one: value for one in names if not one.startswith("X-Amz")}),
        post(caller, "iam", {"Action": "ListUsers", "Version": "2010-05-08", key: value, short: value}),
        post(caller, "iam", {"Action": "ListUsers", "Version": "2010-05-08"}, {one: value for one in names}),
        post(caller, "iam", {"Action": "ListUsers", "Version": "2010-05-08"}, url=f"/?{quote(key, safe='')}={quote(value, safe='')}"),
    ):
        assert told.is_denied, told


def test_a11_what_is_denied_is_in_no_list(home: Account, pushed: Image, prefix: str) -> None:
    """GHSA-xp3c: a Deny on a prefix that lists did not ask."""
    home.repository(f"{prefix}-x/app")
    home.repository(f"{prefix}-y/app")
    denied = home.repository_arn(f"{prefix}-x/*")
    caller = home.user(f"bob-{prefix}", allow("ecr:*"), deny("ecr:*", denied))
    listed = [one["repositoryName"] for one in caller.must("ecr", "DescribeRepositories", maxResults=1000)["repositories"]]
    assert f"{prefix}-y/app" in listed and f"{prefix}-x/app" not in listed
    registry = caller.distribution()
    catalog = registry.request("GET", "/v2/_catalog?n=1000").json()["repositories"]
    assert f"{prefix}-y/app" in catalog and f"{prefix}-x/app" not in catalog
    for page in (registry.request("GET", "/v2/_catalog?n=1"),):
        while "next" in page.links:
            assert f"{prefix}-x/app" not in page.text
            page = registry.request("GET", page.links["next"]["url"])
    for operation, members in (
        ("ListImages", {}), ("DescribeImages", {}), ("ListImageReferrers", {"subjectId": {"imageDigest": pushed.digest}}),
        ("ListTagsForResource", {"resourceArn": home.repository_arn(f"{prefix}-x/app")}),
    ):
        given = members if "resourceArn" in members else {"repositoryName": f"{prefix}-x/app", **members}
        assert_denied(caller.call("ecr", operation, **given), f"ecr:{operation}", tail=EXPLICIT["identity"])
    told = caller.call("ecr", "DescribeRepositories", repositoryNames=[f"{prefix}-x/app", f"{prefix}-y/app"])
    assert_denied(told, "ecr:DescribeRepositories", tail=EXPLICIT["identity"])


@pytest.mark.parametrize("text", [
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}],"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Re\\u017fource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"\\u017ftringEquals":{"a:b":"c"}}}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect\\u0000":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","NotAction":"iam:*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]} {}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},]}',
    "[]", "{}", '{"Version":"2012-10-17"}', "null", '{"Statement":NaN}', "{'Version':'2012-10-17'}",
])
def test_a12_a_policy_with_two_readings_is_none(home: Account, prefix: str, text: str) -> None:
    """Go #14750, CVE-2026-27896: one reader's member is another reader's unknown one."""
    told = home.root.call("iam", "CreatePolicy", PolicyName=f"odd-{prefix}", PolicyDocument=text)
    assert (told.status, told.code, told.message) == (400, "MalformedPolicyDocument", "Syntax errors in policy."), told


@pytest.mark.parametrize("body", [
    '{"repositoryName":"team/app","repositoryname":"other/app"}', '{"RepositoryName":"team/app"}', '{"repo\\u017fitoryName":"team/app"}',
    '{"repositoryName\\u0000":"team/app"}', '{"repositoryName":"team/app","repositoryName":"other/app"}'])
def test_a12_a_request_has_one_reading(home: Account, pushed: Image, prefix: str, body: str) -> None:
    """What is authorised is what is used: never another spelling's."""
    from harness.signing import send, signed
    caller = home.user(f"bob-{prefix}", allow("ecr:ListImages", home.repository_arn("other/*")))
    told = send(signed(home.weir, "ecr", "ListImages", body, credentials=caller.credentials))
    assert told.status_code == 400 and pushed.digest not in told.text, told.text


def test_a14_a_mount_needs_both_names(home: Account, pushed: Image, prefix: str) -> None:
    """CVE-2026-55874, GHSA-mx42: copied without a right on the source."""
    home.repository(f"{prefix}/mine")
    caller = home.user(f"bob-{prefix}", allow("ecr:GetAuthorizationToken"), allow("ecr:*", home.repository_arn(f"{prefix}/*")))
    registry, layer = caller.distribution(), pushed.layers[0].digest
    for source in ("team/app", f"{prefix}/mine/../../team/app", "team%2Fapp", f"{prefix}/none"):
        answer = registry.request("POST", f"/v2/{prefix}/mine/blobs/uploads/?mount={layer}&from={source}")
        assert answer.status_code in (202, 400, 403, 404), f"{source}: {answer.status_code}"
    assert registry.blob(f"{prefix}/mine", layer).status_code == 404
    assert registry.request("HEAD", f"/v2/{prefix}/mine/blobs/{layer}").status_code == 404


def test_a14_names_are_read_once(home: Account, pushed: Image, prefix: str) -> None:
    caller = home.user(f"bob-{prefix}", allow("ecr:GetAuthorizationToken"), allow("ecr:*", home.repository_arn(f"{prefix}/*")))
    registry = caller.distribution()
    for name in (f"{prefix}/../team/app", f"{prefix}/%2e%2e/team/app", f"{prefix}%2f..%2fteam%2fapp", f"{prefix}//team/app", "TEAM/APP",
                 "team/app/", f"{prefix}/x/../../team/app", f"team/app?ns={prefix}", f"{prefix}/app%00/../team/app"):
        request = requests.Request("GET", home.weir.url, auth=registry.session.auth).prepare()
        request.url = f"{home.weir.url}/v2/{name}/manifests/1"
        answer = registry.session.send(request, timeout=60)
        assert answer.status_code in (400, 403, 404) and pushed.digest not in str(answer.headers), f"{name}: {answer.status_code}"


def test_a16_readers_are_shown_no_secret(home: Account, server: Weir, prefix: str) -> None:
    """CVE-2026-18255, CVE-2025-55190, GHSA-796f: with ReadOnlyAccess, every operation that lists, gets or describes."""
    from harness.walk import calls, held
    planted = f"planted-{prefix}-0123456789abcdef"
    arn = server.secret(prefix, token=planted)
    things = held(home, f"read-{prefix}")
    home.root.must("ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=prefix, upstreamRegistryUrl="registry-1.docker.io", credentialArn=arn)
    key = home.user(f"keyed-{prefix}")
    caller = home.user(f"reader-{prefix}", policies=[READ_ONLY])
    forms = [planted, key.credentials.secret_key, caller.credentials.secret_key, home.root.credentials.secret_key]
    seen, answered = [], 0
    for call in calls(things):
        if not call.operation.startswith(("Get", "List", "Describe", "BatchGet", "Simulate")):
            continue
        for members in (call.members, {**call.members, **({"SecretId": arn} if "SecretId" in call.members else {}), **(
                {"SecretIdList": [arn]} if "SecretIdList" in call.members else {}), **(
                {"UserName": f"keyed-{prefix}"} if "UserName" in call.members else {})}):
            told = caller.call(call.service, call.operation, **members)
            answered += told.status == 200
            seen += [f"{call}: {told.text[:300]}" for one in forms if one in told.text]
            if call.operation in ("GetSecretValue", "BatchGetSecretValue"):
                assert told.is_denied or told.code or told.members.get("Errors"), told
    assert not seen and answered > 80, (answered, seen)
    page = session().get(server.url + "/metrics", timeout=60).text
    assert not [one for one in forms if one in page]


def test_a16_a_secret_is_shown_once(home: Account, prefix: str) -> None:
    home.root.must("iam", "CreateUser", UserName=f"bob-{prefix}")
    made = home.root.must("iam", "CreateAccessKey", UserName=f"bob-{prefix}")["AccessKey"]
    secret = WATCH.plant(made["SecretAccessKey"], "the secret access key of a user")
    for operation in ("ListAccessKeys", "GetUser"):
        assert secret not in home.root.must("iam", operation, UserName=f"bob-{prefix}").text
    for operation in ("GetAccessKeyLastUsed", "UpdateAccessKey"):
        members = {"Status": "Inactive", "UserName": f"bob-{prefix}"} if operation.startswith("U") else {}
        assert secret not in home.root.must("iam", operation, AccessKeyId=made["AccessKeyId"], **members).text


def test_a18_the_first_user_changes_nothing_for_root(make_weir: Callable[..., Weir]) -> None:
    """SeaweedFS #7724: turning IAM on broke the keys that were there."""
    from harness.walk import calls, held
    weir = make_weir(upstreams={})
    weir.repository("team/app")
    old = weir.distribution()
    root = Account.home(weir)

    def told() -> dict[str, tuple[int, str]]:
        asked = [one for service in ("ecr", "kms", "secretsmanager", "sts") for one in calls(there, service) if one.operation.startswith((
            "Get", "List", "Describe", "Batch"))]
        return {str(one): (answer.status, answer.code) for one in asked
                for answer in [root.root.call(one.service, one.operation, **one.members)]}

    from harness.walk import absent, Held
    there = absent(Held(root, "x", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/x", b"x" * 40, "x", "x", "x", "x", "x", "x"), "none")
    before = told()
    root.user("first", allow("ecr:ListImages"))
    root.role("first")
    assert told() == before
    assert old.request("GET", "/v2/team/app/tags/list").status_code in (200, 404)
    held(root, "after")


def test_a19_the_same_name_twice(home: Account, abroad: Account, prefix: str) -> None:
    """GHSA-pfmw, GHSA-qv95: of two that are alike, each has its own tags, policies, keys and name."""
    statements = allow("ecr:CreateRepository", "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*")
    bobs = [account.user(f"bob-{prefix}", statements, tags={"team": team}) for account, team in ((home, f"red-{prefix}"), (abroad, f"blue-{prefix}"))]
    for bob, own, other in ((bobs[0], f"red-{prefix}", f"blue-{prefix}"), (bobs[1], f"blue-{prefix}", f"red-{prefix}")):
        assert bob.call("ecr", "CreateRepository", repositoryName=f"{own}/app").status == 200
        assert_denied(bob.call("ecr", "CreateRepository", repositoryName=f"{other}/app"), "ecr:CreateRepository")
    used = [account.root.must("iam", "GetAccessKeyLastUsed", AccessKeyId=bob.key)["UserName"] for account, bob in ((home, bobs[0]), (abroad, bobs[1]))]
    assert used == [f"bob-{prefix}"] * 2
    assert home.root.call("iam", "GetAccessKeyLastUsed", AccessKeyId=bobs[1].key).status == 403


def test_a19_a_user_that_is_renamed_stays_who_it_is(home: Account, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", allow("ecr:CreateRepository", "arn:aws:ecr:*:*:repository/${aws:username}/*"), tags={"team": "red"})
    home.root.must("iam", "UpdateUser", UserName=f"bob-{prefix}", NewUserName=f"rob-{prefix}")
    home.user(f"bob-{prefix}")
    assert bob.must("sts", "GetCallerIdentity")["Arn"] == home.arn("user", f"rob-{prefix}")
    assert bob.call("ecr", "CreateRepository", repositoryName=f"rob-{prefix}/app").status == 200
    assert bob.call("ecr", "CreateRepository", repositoryName=f"bob-{prefix}/app").is_denied
    assert home.root.must("iam", "ListUserTags", UserName=f"rob-{prefix}")["Tags"] == [{"Key": "team", "Value": "red"}]
    assert not home.root.must("iam", "ListUserTags", UserName=f"bob-{prefix}")["Tags"]


NUMBERS = ["-1", "0", str(2**31), str(2**63), str(2**64), "1.0", "1e3", "5 ", "+5", "0x10", "", "NaN", "٣"]


@pytest.mark.parametrize("service, form, member", [
    ("iam", {"Action": "ListUsers"}, "MaxItems"), ("sts", {"Action": "GetSessionToken"}, "DurationSeconds"),
    ("sts", {"Action": "AssumeRole", "RoleArn": "arn:aws:iam::111122223333:role/x", "RoleSessionName": "xx"}, "DurationSeconds"),
    ("sts", {"Action": "GetFederationToken", "Name": "xx"}, "DurationSeconds"),
    ("iam", {"Action": "CreateRole", "RoleName": "numbers", "AssumeRolePolicyDocument": trust(ACCOUNT)}, "MaxSessionDuration")],
    ids=lambda one: one["Action"] if isinstance(one, dict) else "")
def test_a20_numbers_are_numbers(home: Account, service: str, form: dict[str, str], member: str) -> None:
    """Casts wrapped negatives; typos passed."""
    version = {"iam": "2010-05-08", "sts": "2011-06-15"}[service]
    for text in NUMBERS:
        told = post(home.administrator, service, {**form, "Version": version, member: text})
        assert told.status == 400 and told.code in ("ValidationError", "MalformedInput", "InvalidParameterValue"), f"{member}={text!r}: {told}"


# B: signatures, and kinds of credentials

STREAMING = [
    "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", "UNKNOWN", "", "0" * 64]


class Wrong:
    """A request signed with another secret, in all places where a signature can stand."""

    def __init__(self, weir: Weir, key: str):
        self.weir, self.credentials = weir, Credentials(key, "wrong-secret-of-the-test")

    def send(self, service: str, operation: str, place: str, hash: str | None) -> requests.Response:
        headers, body = unsigned(service, operation, {})
        request = AWSRequest("POST", self.weir.url + "/", data=body, headers=headers)
        if hash is not None:
            request.headers["X-Amz-Content-SHA256"] = hash
        if place in ("header", "both"):
            SigV4Auth(self.credentials, service, REGION).add_auth(request)
        if place != "header":
            query = AWSRequest("POST", self.weir.url + "/")
            SigV4QueryAuth(self.credentials, service, REGION).add_auth(query)
            if place == "form":
                body = body + b"&" + query.url.partition("?")[2].encode()
            else:
                request.url = query.url
        return session().post(request.url, data=body, headers=dict(request.headers), timeout=60)


@pytest.mark.parametrize("place", ["header", "query", "both", "form"])
@pytest.mark.parametrize("service, operation", [
    ("ecr", "DescribeRepositories"), ("kms", "ListKeys"), ("secretsmanager", "ListSecrets"), ("sts", "GetCallerIdentity"), ("iam", "ListUsers")])
def test_b1_knowing_a_keys_id_opens_nothing(home: Account, server: Weir, service: str, operation: str, place: str) -> None:
    """CVE-2025-31489, CVE-2026-40344, CVE-2026-41145: one payload type fell through without a check."""
    wrong = Wrong(server, home.root.key)
    for hash in (None, *STREAMING):
        answer = wrong.send(service, operation, place, hash)
        assert answer.status_code in (400, 403), f"{place} {hash}: {answer.status_code} {answer.text[:300]}"
        assert "Signature" in answer.text or "MissingAuthenticationToken" in answer.text, answer.text


@pytest.mark.parametrize("header, value", [
    ("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository"), ("X-Amz-Security-Token", "token"), ("X-Amz-Date", None),
    ("X-Amz-Acl", "public"), ("x-amz-meta-a", "b"), ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")])
def test_b2_every_amazon_header_is_signed(home: Account, header: str, value: str | None) -> None:
    """SeaweedFS PR 9121, GHSA-g8w9, GHSA-xm99: headers outside of SignedHeaders took effect."""
    root = home.root
    body = json.dumps({"repositoryName": "team/app", "force": True}).encode()
    request = AWSRequest("POST", home.weir.url + "/", data=body, headers={"Content-Type": "application/x-amz-json-1.1"})
    if header != "X-Amz-Target":
        request.headers["X-Amz-Target"] = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"
        request.data = b"{}"
    SigV4Auth(root.credentials, "ecr", REGION).add_auth(request)
    headers = dict(request.headers)
    headers[header] = value or headers["X-Amz-Date"]
    if header == "X-Amz-Date":
        headers["Authorization"] = headers["Authorization"].replace("x-amz-date;", "").replace(";x-amz-date", "")
    answer = session().post(home.weir.url + "/", data=request.data, headers=headers, timeout=60)
    assert answer.status_code in (400, 403) and "repositories" not in answer.text, answer.text
    assert home.root.call("ecr", "DescribeRepositories").status == 200


def test_b3_a_token_has_one_door(home: Account, pushed: Image, prefix: str) -> None:
    """Each kind of sealed text at each place where another kind is taken; and broken ones. CVE-2025-30156."""
    bob = home.user(f"bob-{prefix}", *[allow(one) for one in PULL], allow("sts:*"))
    limited = home.administrator.assume(home.role(f"role-{prefix}", *[allow(one) for one in PULL]))
    password, token = limited.password(), limited.credentials.token
    other = home.administrator.assume(home.role(f"other-{prefix}", policies=[ADMINISTRATOR]))
    link = limited.must("ecr", "GetDownloadUrlForLayer", repositoryName="team/app", layerDigest=pushed.layers[0].digest)["downloadUrl"]
    sealed = link.partition("?")[2].rpartition("=")[2]
    WATCH.plant(sealed, "a link's token")

    def signed_by(key: str, secret: str, token: str | None) -> Answer:
        return Principal(home.weir, ACCOUNT, "", key, secret, token).call("ecr", "DescribeRepositories")

    mine = limited.credentials
    for wrong in (password, sealed, other.credentials.token, token[:-1], token[1:], token + "A", "", "A" * 5000, token[:40] + other.credentials.token[40:]):
        told = signed_by(mine.access_key, mine.secret_key, wrong or None)
        assert (told.status, told.code) == (400, "UnrecognizedClientException"), f"{wrong[:20]}: {told}"
    told = signed_by(bob.key, bob.credentials.secret_key, token)
    assert (told.status, told.code) == (400, "UnrecognizedClientException"), told
    for wrong in (token, sealed, other.credentials.token, mine.secret_key, password[:-2], password + "A"):
        assert Distribution(home.weir.url, ("AWS", wrong)).request("GET", "/v2/").status_code == 401
    for wrong in (quote(token, safe=""), quote(password, safe="")):
        assert Distribution(home.weir.url).request("GET", link.replace(sealed, wrong)).status_code in (400, 403, 404)


def test_b3_each_bit_of_a_sessions_token_counts(home: Account, prefix: str) -> None:
    limited = home.administrator.assume(home.role(f"role-{prefix}", policies=[ADMINISTRATOR]))
    token = limited.credentials.token
    step = max(1, len(token) // 150)
    assert limited.call("ecr", "DescribeRepositories").status == 200
    for place in range(0, len(token), step):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1:]
        told = Principal(home.weir, ACCOUNT, "", limited.key, limited.credentials.secret_key, changed).call("ecr", "DescribeRepositories")
        assert told.code == "UnrecognizedClientException", f"{place}: {told}"


CHANNELS: dict[str, Callable[[str, str], requests.Request]] = {
    "Basic": lambda url, password: requests.Request("GET", url, auth=("AWS", password)),
    "Bearer": lambda url, password: requests.Request("GET", url, headers={"Authorization": f"Bearer {password}"}),
    "cookie": lambda url, password: requests.Request("GET", url, cookies={"session": password, "token": password}),
    "query": lambda url, password: requests.Request("GET", url, params={"token": password, "access_token": password, "X-Amz-Security-Token": password}),
    "header": lambda url, password: requests.Request("GET", url, headers={"X-Amz-Security-Token": password, "X-Api-Key": password}),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_b4_a_registry_password_opens_the_registry_alone(home: Account, server: Weir, pushed: Image, prefix: str, channel: str) -> None:
    """GHSA-9r5x, GHSA-cc8w, GHSA-683j: limits held for one form and not for another; a limited token made unlimited ones."""
    password = home.root.password()
    make = CHANNELS[channel]
    for path in ("/?Action=GetCallerIdentity&Version=2011-06-15", "/?Action=ListUsers&Version=2010-05-08", "/?Action=GetSessionToken&Version=2011-06-15"):
        answer = session().send(session().prepare_request(make(server.url + path, password)), timeout=60)
        assert answer.status_code in (400, 401, 403, 404) and "<Arn>" not in answer.text, answer.text
    request = make(server.url + "/", password)
    request.method, request.data = "POST", b"{}"
    request.headers = {**request.headers, "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
                       "Content-Type": "application/x-amz-json-1.1"}
    answer = session().send(session().prepare_request(request), timeout=60)
    assert answer.status_code in (400, 401, 403) and "authorizationToken" not in answer.text
    # What a session may not, it may not by any of them.
    limited = home.administrator.assume(
        home.role(f"role-{prefix}", policies=[ADMINISTRATOR]), Policy=document(allow("ecr:GetAuthorizationToken"))).password()
    answer = session().send(session().prepare_request(make(server.url + "/v2/team/app/manifests/1", limited)), timeout=60)
    assert answer.status_code in (401, 403) and pushed.digest not in str(answer.headers), answer.text


def test_b4_a_session_is_limited_through_each_of_its_tokens(home: Account, pushed: Image, prefix: str) -> None:
    """SigV4, the registry's password, and what it might make for itself."""
    session_policy = document(allow(["ecr:GetAuthorizationToken", "ecr:ListImages", "sts:*", "iam:*"]))
    limited = home.administrator.assume(home.role(f"role-{prefix}", policies=[ADMINISTRATOR]), Policy=session_policy)
    assert_denied(limited.call("ecr", "BatchGetImage", repositoryName="team/app", imageIds=[{"imageTag": "1"}]), tail=SILENT["session"])
    answer = limited.distribution().manifest("team/app", "1")
    assert answer.status_code == 403 and SILENT["session"].format(action="ecr:BatchGetImage") in errors(answer)[0][1]
    for operation in ("GetSessionToken", "GetFederationToken"):
        told = limited.call("sts", operation, **({"Name": "fed"} if "Fed" in operation else {}))
        assert told.message == f"Cannot call {operation} with session credentials", told


QUERY = "Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize("url, body", [
    ("/", f"{QUERY}&Action=GetSessionToken"), ("/", f"{QUERY}&action=GetSessionToken"), ("/?Action=GetSessionToken", QUERY),
    (f"/?{QUERY}", QUERY), ("/", f"{QUERY}&ACTION=GetSessionToken&Version=2011-06-15"), ("/", f"Action=GetSessionToken&{QUERY}"),
    ("/", f"{QUERY}&Action=GetCallerIdentity"), ("/", f"%41ction=GetSessionToken&{QUERY}")])
def test_b7_an_action_is_told_once(home: Account, url: str, body: str) -> None:
    """CVE-2022-2385, CVE-2020-16250: duplicate parameters in another case, in URL and body."""
    told = post(home.administrator, "sts", body.encode(), url=url)
    is_alike = "action=" in body or "ACTION" in body
    if is_alike and told.status == 200:
        # Another spelling is another member, which no operation has.
        assert "GetCallerIdentityResult" in told.text and "SessionToken" not in told.text
    else:
        assert told.status in (400, 403) and "SessionToken" not in told.text, told.text


def test_b7_a_presigned_date_is_told_once(home: Account) -> None:
    request = AWSRequest("GET", f"{home.weir.url}/?{QUERY}")
    SigV4QueryAuth(home.administrator.credentials, "sts", REGION).add_auth(request)
    assert session().get(request.url, timeout=60).status_code == 200
    for more in ("X-Amz-Date=20200101T000000Z", "x-amz-date=20200101T000000Z", "X-Amz-Expires=604800", "X-Amz-Credential=AKIA", "Action=ListUsers"):
        answer = session().get(f"{request.url}&{more}", timeout=60)
        assert answer.status_code in (400, 403), f"{more}: {answer.status_code}"
        answer = session().get(request.url.replace("?", f"?{more}&"), timeout=60)
        assert answer.status_code in (400, 403), f"{more}: {answer.status_code}"


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*", "application/xml;q=0, application/json"])
def test_b7_who_one_is_is_told_in_xml(home: Account, accept: str, prefix: str) -> None:
    """Whatever the reader of a presigned proof asks for."""
    bob = home.user(f"a+b=c,d.e@f-{prefix}")
    told = post(bob, "sts", QUERY.encode(), {"Accept": accept})
    assert told.headers["Content-Type"].startswith("text/xml") and told.text.lstrip("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").startswith("GetCaller")
    assert told["Arn"] == bob.arn


@pytest.mark.parametrize("late_by, is_good", [(0, True), (14 * 60, True), (-14 * 60, True), (16 * 60, False), (-16 * 60, False), (86_400, False)])
def test_b9_a_signature_is_of_now(home: Account, late_by: int, is_good: bool) -> None:
    """RustFS #3520."""
    with clock(late_by):
        told = home.administrator.call("sts", "GetCallerIdentity")
    assert told.status == 200 if is_good else told.status in (400, 403) and "Signature" in told.message, told


@pytest.mark.parametrize("expires, late_by, is_good", [
    (60, 0, True), (60, 120, False), (604_800, 86_400, True), (604_801, 0, False), (-1, 0, False), (2**63, 0, False), (60, -3_600, False)])
def test_b9_a_presigned_one_lasts_a_week_at_most(home: Account, expires: int, late_by: int, is_good: bool) -> None:
    request = AWSRequest("GET", f"{home.weir.url}/?{QUERY}")
    with clock(late_by):
        SigV4QueryAuth(home.administrator.credentials, "sts", REGION, expires=expires).add_auth(request)
    answer = session().get(request.url, timeout=60)
    assert answer.status_code == 200 if is_good else answer.status_code in (400, 403), answer.text


def test_b9_the_scopes_day_is_the_signatures(home: Account) -> None:
    request = AWSRequest("GET", f"{home.weir.url}/?{QUERY}")
    SigV4QueryAuth(home.administrator.credentials, "sts", REGION).add_auth(request)
    day = time.strftime("%Y%m%d", time.gmtime())
    answer = session().get(request.url.replace(f"%2F{day}%2F", "%2F20200101%2F"), timeout=60)
    assert answer.status_code in (400, 403) and "Arn" not in answer.text


# D: ends

def test_d1_a_deleted_key_makes_no_key(home: Account, prefix: str) -> None:
    """AWS took 3 to 4 s; Grafana CVE-2026-33381."""
    bob = home.user(f"bob-{prefix}", allow("iam:*"), path="/ends/")
    name = {"UserName": f"bob-{prefix}"}
    assert bob.call("iam", "ListAccessKeys").status == 200
    home.root.must("iam", "DeleteAccessKey", **name, AccessKeyId=bob.key)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: bob.call("iam", "CreateAccessKey", **name), range(100)))
    assert {(one.status, one.code) for one in told} == {(403, "InvalidClientTokenId")}
    assert not home.root.must("iam", "ListAccessKeys", **name)["AccessKeyMetadata"]


def test_d1_a_detached_policy_gives_nothing(home: Account, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", policies=[ADMINISTRATOR])
    bob.must("iam", "ListUsers")
    home.root.must("iam", "DetachUserPolicy", UserName=f"bob-{prefix}", PolicyArn=ADMINISTRATOR)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: bob.call("iam", "CreateAccessKey", UserName=f"bob-{prefix}"), range(100)))
    assert all(one.is_denied for one in told)


@dataclass
class Login:
    """One principal's ways in: its credentials, a registry password, a link, a presigned URL. All work."""

    account: Account
    name: str
    who: Principal
    registry: Distribution
    link: str
    url: str

    def works(self) -> dict[str, bool]:
        listed = self.who.call("ecr", "ListImages", repositoryName="team/app")
        return {
            "credentials": listed.status == 200, "password": self.registry.manifest("team/app", "1").status_code == 200,
            "link": Distribution(self.account.weir.url).request("GET", self.link).status_code == 200,
            "presigned": session().get(self.url, timeout=60).status_code == 200}


def logged_in(account: Account, name: str, who: Principal, image: Image) -> Login:
    link = who.must("ecr", "GetDownloadUrlForLayer", repositoryName="team/app", layerDigest=image.layers[0].digest)["downloadUrl"]
    request = AWSRequest("GET", f"{account.weir.url}/?{QUERY}")
    SigV4QueryAuth(who.credentials, "sts", REGION, expires=3_600).add_auth(request)
    return Login(account, name, who, who.distribution(), link, request.url)


RIGHTS = allow([*PULL, "ecr:ListImages"])
NOTHING = {"credentials": False, "password": False, "link": False, "presigned": False}

#: Who one is can be asked without a right: a presigned GetCallerIdentity works as long as its key does.
NO_RIGHTS = {**NOTHING, "presigned": True}


def inactive(login: Login) -> None:
    login.account.root.must("iam", "UpdateAccessKey", UserName=login.name, AccessKeyId=login.who.key, Status="Inactive")


def deleted_key(login: Login) -> None:
    login.account.root.must("iam", "DeleteAccessKey", UserName=login.name, AccessKeyId=login.who.key)


def deleted_policy(login: Login) -> None:
    login.account.root.must("iam", "DeleteUserPolicy", UserName=login.name, PolicyName="inline")


def denied(login: Login) -> None:
    login.account.root.must("iam", "PutUserPolicy", UserName=login.name, PolicyName="no", PolicyDocument=document(deny("ecr:*")))


def bounded(login: Login) -> None:
    login.account.root.must("iam", "PutUserPermissionsBoundary", UserName=login.name, PermissionsBoundary=login.account.policy(
        f"low-{login.name}", allow("s3:*")))


def made_again(login: Login) -> None:
    login.account.delete_user(login.name)
    login.account.user(login.name, RIGHTS)


@pytest.mark.parametrize("end, left", [
    (inactive, NOTHING), (deleted_key, NOTHING), (lambda one: one.account.delete_user(one.name), NOTHING), (made_again, NOTHING),
    (deleted_policy, NO_RIGHTS), (denied, NO_RIGHTS), (bounded, NO_RIGHTS)], ids=[
        "key inactive", "key deleted", "user deleted", "user made again", "policy deleted", "denied", "bounded"])
def test_d2_and_d3_a_users_ends(home: Account, pushed: Image, prefix: str, end: Callable[[Login], None], left: dict[str, bool]) -> None:
    """GHSA-9ghh, CVE-2025-3230, CVE-2026-33031: what a user was given works no longer, from the moment of the answer."""
    name = f"bob-{prefix}"
    login = logged_in(home, name, home.user(name, RIGHTS), pushed)
    assert set(login.works().values()) == {True}
    end(login)
    assert login.works() == left
    if end is inactive:
        home.root.must("iam", "UpdateAccessKey", UserName=name, AccessKeyId=login.who.key, Status="Active")
        assert set(login.works().values()) == {True}


def delete_role(login: Login) -> None:
    login.account.delete_role(login.name)


def remake_role(login: Login) -> None:
    login.account.delete_role(login.name)
    login.account.role(login.name, RIGHTS)


def revoke_sessions(login: Login) -> None:
    operate(login.account.weir, "RevokeSessions", principal=f"role/{login.name}")


@pytest.mark.parametrize("end, left", [
    (delete_role, NOTHING), (remake_role, NOTHING), (revoke_sessions, NOTHING),
    (lambda one: one.account.root.must("iam", "DeleteRolePolicy", RoleName=one.name, PolicyName="inline"), NO_RIGHTS)], ids=[
        "role deleted", "role made again", "sessions revoked", "policy deleted"])
def test_d2_and_d3_a_sessions_ends(home: Account, pushed: Image, prefix: str, end: Callable[[Login], None], left: dict[str, bool]) -> None:
    name = f"role-{prefix}"
    role = home.role(name, RIGHTS)
    login = logged_in(home, name, home.administrator.assume(role), pushed)
    assert set(login.works().values()) == {True}
    pause_for_the_next_second()
    end(login)
    assert login.works() == left
    if end is revoke_sessions:
        pause_for_the_next_second()
        again = logged_in(home, name, home.administrator.assume(role), pushed)
        assert set(again.works().values()) == {True}


@pytest.mark.parametrize("kind", ["session token", "federated", "role"])
def test_d2_what_a_user_made_ends_with_its_key(home: Account, pushed: Image, prefix: str, kind: str) -> None:
    """A role's session is the role's, and stays."""
    name = f"bob-{prefix}"
    bob = home.user(name, RIGHTS, allow("sts:*"))
    match kind:
        case "session token":
            made = bob.session_token()
        case "federated":
            made = bob.federate("fed", Policy=document(RIGHTS))
        case _:
            made = bob.assume(home.role(f"role-{prefix}", RIGHTS, trusts=trust(bob.arn)))
    login = logged_in(home, name, made, pushed)
    assert set(login.works().values()) == {True}
    home.root.must("iam", "DeleteAccessKey", UserName=name, AccessKeyId=bob.key)
    assert set(login.works().values()) == {kind == "role"}


def test_d3_a_user_made_again_inherits_nothing(home: Account, pushed: Image, prefix: str) -> None:
    name = f"bob-{prefix}"
    old = home.user(name, RIGHTS, tags={"team": "red"}, boundary=[allow("*")])
    home.root.must("iam", "CreateGroup", GroupName=f"group-{prefix}")
    home.root.must("iam", "PutGroupPolicy", GroupName=f"group-{prefix}", PolicyName="all", PolicyDocument=document(allow("*")))
    home.root.must("iam", "AddUserToGroup", GroupName=f"group-{prefix}", UserName=name)
    home.repository(f"{prefix}/app", allow("ecr:*", None, Principal={"AWS": old.arn}))
    home.delete_user(name)
    again = home.user(name)
    told = home.root.must("iam", "GetUser", UserName=name)["User"]
    assert "PermissionsBoundary" not in told and not told.get("Tags")
    assert not home.root.must("iam", "ListGroupsForUser", UserName=name)["Groups"]
    assert not home.root.must("iam", "GetGroup", GroupName=f"group-{prefix}")["Users"]
    for repository in ("team/app", f"{prefix}/app"):
        assert_denied(again.call("ecr", "ListImages", repositoryName=repository), "ecr:ListImages", tail=SILENT["identity"])
    assert old.call("sts", "GetCallerIdentity").code == "InvalidClientTokenId"


def test_d6_knowing_anothers_ids_is_no_right(home: Account, abroad: Account, pushed: Image, prefix: str) -> None:
    """GHSA-p49j, GHSA-v8v8, CVE-2026-39388."""
    home.user(f"bob-{prefix}")
    away = abroad.user(f"bob-{prefix}")
    names = [{"AccessKeyId": away.key, "UserName": f"bob-{prefix}"}, {"AccessKeyId": "AKIA" + "A" * 16, "UserName": f"bob-{prefix}"}]
    for operation, more in (("UpdateAccessKey", {"Status": "Inactive"}), ("DeleteAccessKey", {})):
        told = [home.administrator.call("iam", operation, **one, **more) for one in names]
        assert [(one.status, one.code) for one in told] == [(404, "NoSuchEntity")] * 2
        assert told[0].message.replace(away.key, "") == told[1].message.replace("AKIA" + "A" * 16, "")
    assert away.call("sts", "GetCallerIdentity").status == 200
    # An upload's id belongs to its repository, and to those who may write there.
    home.repository(f"{prefix}/app")
    upload = home.root.must("ecr", "InitiateLayerUpload", repositoryName="team/app")["uploadId"]
    bob = home.user(f"pusher-{prefix}", allow("ecr:GetAuthorizationToken"), allow("ecr:*", home.repository_arn(f"{prefix}/*")))
    part = {"uploadId": upload, "partFirstByte": 0, "partLastByte": 0, "layerPartBlob": b"x"}
    assert bob.call("ecr", "UploadLayerPart", repositoryName=f"{prefix}/app", **part).code == "UploadNotFoundException"
    assert_denied(bob.call("ecr", "UploadLayerPart", repositoryName="team/app", **part), "ecr:UploadLayerPart")
    answer = bob.distribution().request("PATCH", f"/v2/{prefix}/app/blobs/uploads/{upload}", data=b"x")
    assert answer.status_code == 404 and errors(answer)[0][0] == "BLOB_UPLOAD_UNKNOWN"
    # Secrets, keys and policies of the other account are as those that are not there.
    secret = abroad.root.must("secretsmanager", "CreateSecret", Name=f"away-{prefix}", SecretString="away-secret-value")["ARN"]
    assert home.administrator.call("secretsmanager", "GetSecretValue", SecretId=secret).code in ("AccessDeniedException", "ResourceNotFoundException")
    policy = abroad.policy(f"away-{prefix}", allow("*"))
    assert home.administrator.call("iam", "GetPolicy", PolicyArn=policy).code in ("NoSuchEntity", "AccessDenied")
    assert home.administrator.call("iam", "AttachUserPolicy", UserName=f"bob-{prefix}", PolicyArn=policy).code in (
        "NoSuchEntity", "AccessDenied", "InvalidInput", "ValidationError")


# M: what logs hold

CANARY = "canary-7d1f0c55e2b94a1f"


@pytest.mark.parametrize("place", ["header", "query", "form", "nested", "malformed", "oversize", "authorization", "token", "web identity", "password"])
def test_m1_secrets_of_requests_are_told_nowhere(home: Account, server: Weir, place: str) -> None:
    """CVE-2024-8365, CVE-2025-4166, CVE-2025-1296: log, events, audit, metrics, and the answer of a refusal."""
    canary = WATCH.plant(f"{CANARY}-{place.replace(' ', '-')}", f"a canary in {place}")
    url = server.url + "/"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    root = home.root
    match place:
        case "header":
            answer = session().post(url, data=b"{}", headers={"X-Amz-Security-Token": canary, "X-Amz-Target": "secretsmanager.ListSecrets"})
        case "query":
            answer = session().get(f"{url}?Action=GetCallerIdentity&X-Amz-Security-Token={canary}&X-Amz-Signature={canary}")
        case "form":
            answer = session().post(url, data=f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken={canary}", headers=form)
        case "nested":
            value = json.dumps({"username": "robot", "accessToken": canary})
            assert root.call("secretsmanager", "PutSecretValue", SecretId="none", SecretString=value).code == "ResourceNotFoundException"
            answer = session().get(server.url + "/healthz")
        case "malformed":
            request = AWSRequest("POST", url, data=f'{{"SecretString": "{canary}", "Name": '.encode(), headers={
                "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.CreateSecret"})
            SigV4Auth(root.credentials, "secretsmanager", REGION).add_auth(request)
            answer = session().post(url, data=request.data, headers=dict(request.headers))
        case "oversize":
            told = root.call("secretsmanager", "CreateSecret", Name="oversize", SecretString=canary + "x" * 70_000)
            assert told.status == 400 and canary not in told.text
            answer = session().get(server.url + "/healthz")
        case "authorization":
            answer = session().post(url, data=b"{}", headers={
                "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIA/{canary}, SignedHeaders=host, Signature={canary}"})
        case "token":
            answer = session().get(server.url + "/v2/team/app/manifests/1", headers={"Authorization": f"Bearer {canary}"})
        case "web identity":
            answer = session().post(url, headers=form, data="Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=run1&"
                                    f"RoleArn=arn:aws:iam::{ACCOUNT}:role/none&WebIdentityToken=e30.e30.{canary}")
        case _:
            answer = session().get(server.url + "/v2/", auth=("AWS", canary))
    assert answer.status_code < 500 and canary not in answer.text
    for file in (server.log, server.events, server.audit):
        if file.exists():
            assert canary.encode() not in file.read_bytes(), file
    assert canary not in session().get(server.url + "/metrics").text
