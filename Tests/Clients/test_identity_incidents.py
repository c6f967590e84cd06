"""What went wrong with the policies and the administrators' operations of comparable systems, asked of this one.

The reports' numbers stand at the tests. Signatures and credentials: test_identity_signatures.py; their ends: test_identity_ends.py; issuers'
tokens: test_identity_issuers.py; rights that lead to all rights: test_identity_escalation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import requests

from harness.distribution import errors
from harness.images import Image, random_layer, single
from harness.principals import (
    ADMINISTRATOR, EXPLICIT, SILENT, Account, Principal, allow, assert_denied, deny, document, session, session_of, trust)
from harness.secrets_seen import WATCH
from harness.signing import send, signed
from harness.walk import Held, absent, calls, held
from harness.weir import ACCOUNT, REGION, Weir

OTHER = "444455556666"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


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


# Administrators' operations

def test_a5_keys_are_made_for_oneself_alone(home: Account, abroad: Account, prefix: str) -> None:
    """CVE-2022-24842, CVE-2019-16919."""
    caller = home.user(f"bob-{prefix}", allow("iam:CreateAccessKey", home.arn("user", "${aws:username}")))
    home.user(f"ann-{prefix}")
    for name in (f"ann-{prefix}", "root", "none"):
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
    "PolicyArn": ADMINISTRATOR, "UserId": "AIDAAAAAAAAAAAAAAAAAA",
    "PolicyDocument": document(allow("*")), "PermissionsBoundary": ADMINISTRATOR, "Arn": "arn:aws:iam::111122223333:root", "Path": "/admin/",
    "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA", "GroupName": "admins", "isRoot": "true", "Account": OTHER,
}


@pytest.mark.parametrize("listed", ["PolicyArns.member.1", "PolicyArns.member.1.arn"])
@pytest.mark.parametrize("operation, known", [
    ("UpdateUser", {"UserName"}), ("CreateUser", {"UserName", "Path", "PermissionsBoundary"}), ("TagUser", {"UserName"}),
    ("CreateAccessKey", {"UserName"}), ("UpdateAccessKey", {"UserName", "AccessKeyId"})])
def test_a6_a_members_of_other_operations_do_nothing(home: Account, prefix: str, operation: str, known: set[str], listed: str) -> None:
    """CVE-2021-43858."""
    name = f"victim-{prefix}"
    if operation != "CreateUser":
        home.user(name)
    key = "" if operation != "UpdateAccessKey" else home.root.must("iam", "ListAccessKeys", UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
    members = {"Action": operation, "Version": "2010-05-08", "UserName": name, **({"AccessKeyId": key, "Status": "Active"} if key else {}),
               **({"Tags.member.1.Key": "a", "Tags.member.1.Value": "b"} if operation == "TagUser" else {})}
    body = {**{one: value for one, value in FOREIGN_MEMBERS.items() if one not in known}, listed: ADMINISTRATOR, **members}
    answer = home.root.post("iam", body)
    assert answer.status == 200, answer
    told = home.root.must("iam", "GetUser", UserName=name)["User"]
    assert (told["Path"], told["Arn"], told.get("PermissionsBoundary")) == ("/", home.arn("user", name), None)
    assert told["UserId"] != FOREIGN_MEMBERS["UserId"]
    assert not home.root.must("iam", "ListAttachedUserPolicies", UserName=name)["AttachedPolicies"]
    assert not home.root.must("iam", "ListUserPolicies", UserName=name)["PolicyNames"]
    assert not home.root.must("iam", "ListGroupsForUser", UserName=name)["Groups"]


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
        caller.post("iam", {"Action": "ListUsers", "Version": "2010-05-08", key: value, short: value}),
        caller.post("iam", {"Action": "ListUsers", "Version": "2010-05-08"}, {one: value for one in names}),
        caller.post("iam", {"Action": "ListUsers", "Version": "2010-05-08"}, url=f"/?{quote(key, safe='')}={quote(value, safe='')}"),
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
        # IAM has no action for lists of referrers: they are content.
        action = "BatchGetImage" if operation == "ListImageReferrers" else operation
        given = members if "resourceArn" in members else {"repositoryName": f"{prefix}-x/app", **members}
        assert_denied(caller.call("ecr", operation, **given), f"ecr:{action}", tail=EXPLICIT["identity"])
    told = caller.call("ecr", "DescribeRepositories", repositoryNames=[f"{prefix}-x/app", f"{prefix}-y/app"])
    assert_denied(told, "ecr:DescribeRepositories", tail=EXPLICIT["identity"])


@pytest.mark.parametrize("text", [
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}],'
    '"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
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
    weir = make_weir(upstreams={})
    weir.repository("team/app")
    old = weir.distribution()
    root = Account.home(weir)

    def told() -> dict[str, tuple[int, str]]:
        asked = [one for service in ("ecr", "kms", "secretsmanager", "sts") for one in calls(there, service) if one.operation.startswith((
            "Get", "List", "Describe", "Batch"))]
        return {str(one): (answer.status, answer.code) for one in asked
                for answer in [root.root.call(one.service, one.operation, **one.members)]}

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
    for account, bob in zip((home, abroad), bobs):
        assert account.root.must("iam", "GetAccessKeyLastUsed", AccessKeyId=bob.key)["UserName"] == f"bob-{prefix}"
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
        told = home.administrator.post(service, {**form, "Version": version, member: text})
        assert told.status == 400 and told.code in ("ValidationError", "MalformedInput", "InvalidParameterValue"), f"{member}={text!r}: {told}"
