"""What was given ends: keys, sessions, passwords and links of users and roles that are deleted, made again or denied, from the answer on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from harness.distribution import Distribution, errors
from harness.images import Image, random_layer, single
from harness.principals import (
    ADMINISTRATOR, SILENT, Account, Principal, allow, assert_denied, deny, document, pause_for_the_next_second, session, trust)
from harness.signing import operate
from harness.weir import REGION, Weir

OTHER = "444455556666"
PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
QUERY = "Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture(scope="module")
def server(_program: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    made = Weir(tmp_path_factory.mktemp("ends"), watched=True).start()
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


# Ends

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
