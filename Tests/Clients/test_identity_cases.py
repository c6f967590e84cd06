"""How policies of all kinds decide together: users, boundaries, sessions, resource policies, two accounts, keys and grants.

The cases of Tests/Cases/Authorization, as far as a client can make them, and what is more than one decision. Account 111111111111 owns the
repositories, 222222222222 is another one on the same server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.certificates import Authority
from harness.distribution import errors
from harness.images import random_layer, single
from harness.issuer import Issuer
from harness.principals import (
    EXPLICIT, SILENT, Account, Answer, Principal, Statement, allow, assert_denied, deny, document, sentence, session_of,
    statement, trust, unsigned_call)
from harness.signing import operate
from harness.weir import REPOSITORY, Weir

H, X = "111111111111", "222222222222"
PULL = "ecr:BatchGetImage"
ALL_BUT_IAM = statement("Allow", None, "*", NotAction="iam:*")
PLAIN_HTTP = (deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}}), allow("*"))


@pytest.fixture(scope="module")
def issuer(authority: Authority) -> Iterator[Issuer]:
    made = Issuer(authority.server())
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(
    _program: Path, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer, authority: Authority,
) -> Iterator[Weir]:
    options = ["--allow-private-issuer", issuer.host, "--upstream-authority", f"{issuer.host}={authority.ca}"]
    made = Weir(tmp_path_factory.mktemp("cases"), account=H, region="us-east-1", options=options, watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


@pytest.fixture(scope="module")
def abroad(server: Weir) -> Account:
    return Account.another(server, X)


# Tests/Cases/Authorization: one principal, one request

FOLDER = REPOSITORY / "Tests/Cases/Authorization"

#: What the repository, a tag's value and a name may be. Others occur in the cases, and in no request of a client.
POSSIBLE = {"repository": r"[a-z0-9]+(?:[._/-][a-z0-9]+)*", "tag": r"[\w .:/=+@-]*", "name": r"[\w+=,.@-]+"}

#: The calls by which an action can be asked for.
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ecr:BatchGetImage": ("ecr", "BatchGetImage", {"registryId": H, "imageIds": [{"imageTag": "1"}]}),
    "ecr:PutImage": ("ecr", "PutImage", {"imageManifest": "{}"}),
    "ecr:CreateRepository": ("ecr", "CreateRepository", {}),
    "ecr:GetAuthorizationToken": ("ecr", "GetAuthorizationToken", {}),
    "iam:CreateUser": ("iam", "CreateUser", {"UserName": "eve"}),
    "iam:CreateAccessKey": ("iam", "CreateAccessKey", {"UserName": "bob"}),
    "iam:ListAccessKeys": ("iam", "ListAccessKeys", {"UserName": "bob"}),
}


class Case:
    """One of the cases: who asks what, with which policies, and what must come of it."""

    def __init__(self, name: str, given: dict[str, Any]):
        self.name, self.who, self.given = name, given["who"], given
        self.action, self.allowed = given["ask"], given["is"] == "allow"
        self.account = self.who.get("account", H)
        self.resource = given.get("on", f"arn:aws:ecr:us-east-1:{H}:repository/app")
        self.repository = self.resource.partition(":repository/")[2] or "app"

    def __str__(self) -> str:
        return self.name

    def named(self) -> set[tuple[str, str]]:
        """The users and roles that the resource policy names, beside the caller: their kinds, and their names with their paths."""
        principals = [one.get("Principal", one.get("NotPrincipal")) for policy in self.policies("resource") for one in statements(policy)]
        own = ("role" if self.who["kind"] == "session" else "user", (self.who.get("path", "/") + self.who.get("name", "")).removeprefix("/"))
        return {one for one in re.findall(rf"arn:aws:iam::{H}:(user|role)/([^\"]+)", json.dumps(principals)) if one != own}

    def is_possible(self) -> bool:
        """Whether a client can make it: no condition key but those that its requests have, no id of its own, no layer that is empty, no
        two names that differ in their paths alone.
        """
        given, who = self.given, self.who
        context = {key: value for key, value in given.get("context", {}).items() if (key, value) != ("aws:SecureTransport", ["false"])}
        empty = [layer for layer in ("boundary", "session") if given.get(layer) == [] and who["kind"] != "federated"]
        fits = re.fullmatch(POSSIBLE["repository"], self.repository) and re.fullmatch(POSSIBLE["name"], who.get("name", "root"))
        alike = [name for kind, name in self.named() if kind == ("role" if who["kind"] == "session" else "user")]
        return bool(
            who["kind"] in ("root", "user", "session", "federated") and self.action in ASKED and fits and not context and not empty and not alike
            and "id" not in who and "pins" not in given and not given.get("strict") and given.get("owner", H) == H
            and (who["kind"] != "federated" or "name" in who)
            and all(re.fullmatch(POSSIBLE["tag"], value) for value in given.get("tags", {}).values()))

    def policies(self, layer: str) -> list[dict[str, Any]]:
        return [one if "Statement" in one else {"Version": "2012-10-17", "Statement": [one]} for one in self.given.get(layer, [])]

    def whole(self, layer: str) -> str | None:
        """A layer that has one policy alone; None where there is none."""
        policies = self.policies(layer)
        whole = [one for policy in policies for one in statements(policy)]
        return json.dumps({"Version": policies[0].get("Version", "2008-10-17"), "Statement": whole}) if policies else None


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    given = policy["Statement"]
    return given if isinstance(given, list) else [given]


def all_cases() -> list[Case]:
    """In the order of the files."""
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        text = file.read_text().replace("{H}", H).replace("{X}", X).replace(': "H"', f': "{H}"').replace(': "X"', f': "{X}"')
        found += [Case(f"{file.stem}: {one['n']}", one) for one in json.loads(text)]
    return found


CASES = [one for one in all_cases() if one.is_possible()]


class Scene:
    """The principal and the repository of a case. They have the same names in all of them, so each ends before the next."""

    def __init__(self, case: Case, accounts: dict[str, Account]):
        self.case, self.home, self.account = case, accounts[H], accounts[case.account]
        self.boundary: str | None = None
        self._ends = ExitStack()
        with ExitStack() as ends:
            ends.callback(self._ends.close)
            self.caller = self._caller()
            for _, name in case.named():
                self.home.role(name)
                self._ends.callback(self.home.delete_role, name)
            self._ends.callback(self.home.root.call, "ecr", "DeleteRepository", repositoryName=case.repository, force=True)
            if case.action != "ecr:CreateRepository":
                self.home.repository(case.repository)
            if policy := case.whole("resource"):
                self._protect(policy)
            ends.pop_all()

    def _protect(self, policy: str) -> None:
        """Gives the repository its policy. A Deny stands in the registry's, which its root can always remove; both count as one."""
        if '"Deny"' not in policy:
            self.home.root.must("ecr", "SetRepositoryPolicy", repositoryName=self.case.repository, policyText=policy, force=True)
            return
        whole = json.loads(policy)
        whole["Statement"] = [{"Resource": "*", **one} for one in whole["Statement"]]
        self.home.root.must("ecr", "PutRegistryPolicy", policyText=json.dumps(whole))
        self._ends.callback(self.home.root.must, "ecr", "DeleteRegistryPolicy")

    def _caller(self) -> Principal:
        case, account, who = self.case, self.account, self.case.who
        if who["kind"] == "root":
            return account.root
        kind, name = ("Role" if who["kind"] == "session" else "User"), who["name"]
        members: dict[str, Any] = {f"{kind}Name": name, "Path": who.get("path", "/")}
        if tags := case.given.get("tags"):
            members["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        if boundary := case.whole("boundary"):
            self.boundary = account.root.must("iam", "CreatePolicy", PolicyName="boundary", PolicyDocument=boundary)["Policy"]["Arn"]
            self._ends.callback(account.root.must, "iam", "DeletePolicy", PolicyArn=self.boundary)
            members["PermissionsBoundary"] = self.boundary
        if kind == "Role":
            members["AssumeRolePolicyDocument"] = trust(account.administrator.arn)
        arn = account.root.must("iam", f"Create{kind}", **members)[kind]["Arn"]
        self._ends.callback(account.delete_role if kind == "Role" else account.delete_user, name)
        policies = case.policies("identity")
        if who["kind"] == "federated":
            policies.append(json.loads(document(allow("sts:GetFederationToken"))))
        for number, policy in enumerate(policies):
            account.root.must("iam", f"Put{kind}Policy", **{f"{kind}Name": name}, PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
        limited = {"Policy": policy} if (policy := case.whole("session")) else {}
        match who["kind"]:
            case "user":
                return account.with_key(name, arn)
            case "session":
                return account.administrator.assume(arn, who["session"], **limited)
        return account.with_key(name, arn).federate(who["session"], **limited)

    def ask(self) -> Answer:
        service, operation, members = ASKED[self.case.action]
        names = {"repositoryName": self.case.repository} if service == "ecr" and operation != "GetAuthorizationToken" else {}
        return self.caller.call(service, operation, **names, **members)

    def end(self) -> None:
        self._ends.close()


@pytest.fixture(scope="module")
def accounts(home: Account, abroad: Account) -> dict[str, Account]:
    return {H: home, X: abroad}


def tail(scene: Scene) -> str:
    """A denial in a boundary, which is a managed policy, names it."""
    case = scene.case
    if case.given["is"] == "implicitDeny":
        return SILENT[case.given["why"]].format(action=case.action)
    named = f": {scene.boundary}" if case.given["why"] == "boundary" and case.account == H else ""
    return EXPLICIT[case.given["why"]] + named


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case(accounts: dict[str, Account], case: Case) -> None:
    scene = Scene(case, accounts)
    try:
        answer = scene.ask()
        if case.allowed:
            assert not answer.is_denied and (answer.status == 200 or case.action == "ecr:PutImage"), answer
        else:
            assert (answer.message, answer.is_denied) == (sentence(scene.caller, case.action, case.resource, tail(scene)), True), answer
        if case.action == PULL and case.who["kind"] == "user" and case.account == H:
            at_the_registry(scene, answer)
    finally:
        scene.end()


def at_the_registry(scene: Scene, told: Answer) -> None:
    """The same decision, in the same words."""
    pulled = scene.caller.signed_in_by_key().manifest(scene.case.repository, "1")
    if scene.case.allowed:
        assert pulled.status_code == 404 and errors(pulled)[0][0] == "MANIFEST_UNKNOWN", pulled.text
    else:
        assert pulled.status_code == 403 and errors(pulled) == [("DENIED", told.message)], pulled.text


def test_the_examples_are_here() -> None:
    """Those that no client can make are few: they need ids, condition keys or callers that only the server has."""
    examples = {one.name.partition(": ")[2].rstrip("bcd") for one in CASES if one.name.startswith("worked-examples")}
    assert {str(number) for number in (*range(1, 23), 24, 30, 32)} <= examples, examples
    assert len(CASES) > 70, len(CASES)


# Beyond one decision

def test_15_a_root_that_locked_itself_out_is_rescued(home: Account) -> None:
    """In a registry of its own, another region's: the Deny is on all of it."""
    root, region = home.root, "eu-west-1"
    lock = document(deny("ecr:*", "*", Principal="*"))
    assert root.call("ecr", "PutRegistryPolicy", region, policyText=lock).status == 200
    assert_denied(root.call("ecr", "DescribeRepositories", region), "ecr:DescribeRepositories", tail=EXPLICIT["resource"])
    open_again = document(allow("ecr:BatchGetImage", "*", Principal={"AWS": X}))
    assert root.call("ecr", "PutRegistryPolicy", region, policyText=open_again).status == 200
    assert root.call("ecr", "DescribeRepositories", region).status == 200
    assert root.call("ecr", "DeleteRegistryPolicy", region).status == 200


def test_15_the_rescue_is_the_roots_alone(home: Account) -> None:
    """A Deny on everyone holds an administrator too."""
    root, region = home.root, "eu-west-2"
    assert root.call("ecr", "PutRegistryPolicy", region, policyText=document(deny("ecr:*", "*", Principal="*"))).status == 200
    told = home.administrator.call("ecr", "DeleteRegistryPolicy", region)
    assert_denied(told, "ecr:DeleteRegistryPolicy", tail=EXPLICIT["resource"])
    assert root.call("ecr", "DeleteRegistryPolicy", region).status == 200
    assert home.administrator.call("ecr", "DescribeRepositories", region).status == 200


@pytest.mark.parametrize("value", ["*", "?ed", "${aws:username}", "red/*", "re*"])
def test_23_a_tags_value_is_literal(home: Account, value: str, prefix: str) -> None:
    """IAM's tags take none of these letters; where one is kept all the same, it is no pattern."""
    home.repository(f"{prefix}/red/app")
    members = {"UserName": f"tagged-{prefix}", "Tags": [{"Key": "team", "Value": value}]}
    made = home.root.call("iam", "CreateUser", **members)
    if made.status != 200:
        assert (made.status, made.code) == (400, "ValidationError"), made
        return
    home.root.must("iam", "PutUserPolicy", UserName=members["UserName"], PolicyName="inline", PolicyDocument=document(
        allow("ecr:*", f"arn:aws:ecr:*:*:repository/{prefix}/${{aws:PrincipalTag/team}}/*")))
    told = home.with_key(members["UserName"]).call("ecr", "ListImages", repositoryName=f"{prefix}/red/app")
    assert_denied(told, "ecr:ListImages", tail=SILENT["identity"])


# Keys

def to(principal: str, action: str = PULL) -> Statement:
    return allow(action, None, Principal={"AWS": principal})


@dataclass
class Keyed:
    """A key whose policy names the role `admin` alone, and a session of that role."""

    admin: Principal
    key: str

    def sealed(self, **context: str) -> bytes:
        return self.admin.must("kms", "Encrypt", KeyId=self.key, Plaintext=b"plain", EncryptionContext=context)["CiphertextBlob"]


@pytest.fixture
def keyed(home: Account, prefix: str) -> Keyed:
    """The session has no rights but those of the key's policy, and what makes repositories."""
    role = home.role(f"admin-{prefix}", allow("ecr:*"))
    key = home.root.must("kms", "CreateKey", BypassPolicyLockoutSafetyCheck=True, Policy=document(
        allow("kms:*", Principal={"AWS": role})))["KeyMetadata"]["Arn"]
    return Keyed(home.administrator.assume(role), key)


def test_24_a_key_decides_who_its_keepers_are(home: Account, keyed: Keyed, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", ALL_BUT_IAM)
    plain = home.root.must("kms", "CreateKey")["KeyMetadata"]["Arn"]
    sealed = bob.must("kms", "Encrypt", KeyId=plain, Plaintext=b"x")["CiphertextBlob"]
    assert bob.must("kms", "Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"x"
    told = bob.call("kms", "Decrypt", CiphertextBlob=keyed.sealed())
    assert told.message == sentence(bob, "kms:Decrypt", keyed.key, SILENT["resource"].format(action="kms:Decrypt"))


def test_25_a_key_policy_that_does_not_name_the_account_gives_it_nothing(home: Account, keyed: Keyed, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", allow("kms:Decrypt"))
    for caller in (bob, home.root, home.administrator):
        told = caller.call("kms", "Decrypt", CiphertextBlob=keyed.sealed())
        assert_denied(told, "kms:Decrypt", keyed.key, SILENT["resource"])
    # Whether it can be opened is told to those alone who may.
    broken = bytearray(keyed.sealed())
    broken[-1] ^= 1
    assert_denied(bob.call("kms", "Decrypt", CiphertextBlob=bytes(broken)), "kms:Decrypt", keyed.key, SILENT["resource"])


def test_25_a_key_policy_that_delegates_needs_an_identity_policy(home: Account, prefix: str) -> None:
    key = home.root.must("kms", "CreateKey")["KeyMetadata"]["Arn"]
    sealed = home.root.must("kms", "Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    told = home.user(f"bob-{prefix}").call("kms", "Decrypt", CiphertextBlob=sealed)
    assert told.message == sentence(
        _arn(home, f"bob-{prefix}"), "kms:Decrypt", key, SILENT["identity"].format(action="kms:Decrypt"))


def _arn(home: Account, name: str) -> Principal:
    return Principal(home.weir, home.id, home.arn("user", name), "", "")


@pytest.mark.parametrize("constraint, context, is_allowed", [
    ({"EncryptionContextSubset": {"env": "dev"}}, {"env": "dev", "x": "1"}, True),
    ({"EncryptionContextSubset": {"env": "dev"}}, {"env": "dev"}, True),
    ({"EncryptionContextSubset": {"env": "dev"}}, {"env": "prod"}, False),
    ({"EncryptionContextSubset": {"env": "dev"}}, {}, False),
    ({"EncryptionContextEquals": {"env": "dev"}}, {"env": "dev", "x": "1"}, False),
    ({"EncryptionContextEquals": {"env": "dev"}}, {"env": "dev"}, True),
    ({"EncryptionContextEquals": {"env": "dev"}}, {"ENV": "dev"}, False),
    (None, {"env": "prod"}, True),
], ids=str)
def test_26_a_grant_gives_what_it_says(
    home: Account, keyed: Keyed, prefix: str, constraint: dict[str, Any] | None, context: dict[str, str], is_allowed: bool,
) -> None:
    bob = home.user(f"bob-{prefix}", allow("kms:Decrypt"))
    keyed.admin.must("kms", "CreateGrant", KeyId=keyed.key, GranteePrincipal=bob.arn, Operations=["Decrypt"],
                     **({"Constraints": constraint} if constraint else {}))
    sealed = keyed.sealed(**context)
    told = bob.call("kms", "Decrypt", CiphertextBlob=sealed, EncryptionContext=context)
    if is_allowed:
        assert told["Plaintext"] == b"plain"
    else:
        assert_denied(told, "kms:Decrypt", keyed.key, SILENT["resource"])
    assert_denied(bob.call("kms", "Encrypt", KeyId=keyed.key, Plaintext=b"x", EncryptionContext=context), "kms:Encrypt")


def test_26_a_deny_stands_above_a_grant(home: Account, keyed: Keyed, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", deny("kms:Decrypt"))
    grant = keyed.admin.must("kms", "CreateGrant", KeyId=keyed.key, GranteePrincipal=bob.arn, Operations=["Decrypt"])["GrantId"]
    sealed = keyed.sealed()
    assert_denied(bob.call("kms", "Decrypt", CiphertextBlob=sealed), "kms:Decrypt", keyed.key, EXPLICIT["identity"])
    home.root.must("iam", "DeleteUserPolicy", UserName=f"bob-{prefix}", PolicyName="inline")
    # A grant names its grantee: like a key policy that does, it is enough by itself.
    assert bob.must("kms", "Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"plain"
    keyed.admin.must("kms", "RevokeGrant", KeyId=keyed.key, GrantId=grant)
    assert_denied(bob.call("kms", "Decrypt", CiphertextBlob=sealed), "kms:Decrypt", keyed.key, SILENT["resource"])


def test_27_who_pulls_needs_no_right_on_the_repositorys_key(home: Account, keyed: Keyed, prefix: str) -> None:
    name = f"{prefix}/app"
    keyed.admin.must("ecr", "CreateRepository", repositoryName=name, encryptionConfiguration={
        "encryptionType": "KMS", "kmsKey": keyed.key})
    pushed = single([random_layer(prefix, 500)])
    keyed.admin.distribution().push(name, "1", pushed)
    bob = home.user(f"bob-{prefix}", allow(["ecr:GetAuthorizationToken", PULL, "ecr:GetDownloadUrlForLayer"]))
    members = {"repositoryName": name, "imageIds": [{"imageTag": "1"}]}
    assert bob.must("ecr", "BatchGetImage", **members)["images"]
    assert bob.distribution().pull(name, "1")[0] == pushed.digest
    grants = keyed.admin.must("kms", "ListGrants", KeyId=keyed.key)["Grants"]
    assert grants and all("Decrypt" in one["Operations"] for one in grants)
    for one in grants:
        keyed.admin.must("kms", "RevokeGrant", KeyId=keyed.key, GrantId=one["GrantId"])
    assert not keyed.admin.must("kms", "ListGrants", KeyId=keyed.key)["Grants"]
    told = bob.call("ecr", "BatchGetImage", **members)
    assert (told.status, told.code) == (400, "KmsException") or told["failures"][0]["failureCode"] == "KmsError", told
    assert bob.distribution().manifest(name, "1").status_code != 200


def test_27_making_a_repository_under_a_key_needs_rights_on_the_key(home: Account, keyed: Keyed, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", allow(["ecr:*", "kms:*"]))
    told = bob.call("ecr", "CreateRepository", repositoryName=f"{prefix}/app", encryptionConfiguration={
        "encryptionType": "KMS", "kmsKey": keyed.key})
    assert told.status == 400 and (told.is_denied or told.code == "KmsException"), told
    assert "because no resource-based policy allows the kms:" in told.message, told
    assert home.root.call("ecr", "DescribeRepositories", repositoryNames=[f"{prefix}/app"]).code == "RepositoryNotFoundException"


# Roles

def denied_role(caller: Principal, role: str) -> str:
    return f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role}"


def test_28_a_trust_that_names_the_user_is_enough(home: Account, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}")
    session = bob.assume(home.role(f"ci-{prefix}", trusts=trust(bob.arn)))
    assert session.must("sts", "GetCallerIdentity")["Arn"] == f"arn:aws:sts::{H}:assumed-role/ci-{prefix}/run1"


def test_28_a_trust_on_the_account_leaves_it_to_the_account(home: Account, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}")
    role = home.role(f"ci-{prefix}", trusts=trust(f"arn:aws:iam::{H}:root"))
    told = bob.call("sts", "AssumeRole", RoleArn=role, RoleSessionName="run1")
    assert (told.status, told.code, told.message) == (403, "AccessDenied", denied_role(bob, role)), told
    # A role that is not there is told in the same words.
    missing = home.arn("role", f"none-{prefix}")
    told = bob.call("sts", "AssumeRole", RoleArn=missing, RoleSessionName="run1")
    assert (told.status, told.code, told.message) == (403, "AccessDenied", denied_role(bob, missing)), told
    home.root.must("iam", "PutUserPolicy", UserName=f"bob-{prefix}", PolicyName="inline", PolicyDocument=document(
        allow("sts:AssumeRole", role)))
    assert bob.assume(role).arn.endswith("/run1")


def test_28_from_another_account_both_must_say_so(home: Account, abroad: Account, prefix: str) -> None:
    ann = abroad.user(f"ann-{prefix}")
    role = home.role(f"ci-{prefix}", trusts=trust(ann.arn))
    assert ann.call("sts", "AssumeRole", RoleArn=role, RoleSessionName="run1").message == denied_role(ann, role)
    abroad.root.must("iam", "PutUserPolicy", UserName=f"ann-{prefix}", PolicyName="inline", PolicyDocument=document(
        allow("sts:AssumeRole", role)))
    assert ann.assume(role).account == H


def test_29_a_user_made_again_is_another_one(home: Account, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}")
    old = home.root.must("iam", "GetUser", UserName=f"bob-{prefix}")["User"]["UserId"]
    home.repository(f"{prefix}/app", to(bob.arn))
    ask = {"repositoryName": f"{prefix}/app", "imageIds": [{"imageTag": "1"}]}
    bob.must("ecr", "BatchGetImage", **ask)
    home.delete_user(f"bob-{prefix}")
    again = home.user(f"bob-{prefix}")
    assert_denied(again.call("ecr", "BatchGetImage", **ask), PULL, tail=SILENT["identity"])
    kept = home.root.must("ecr", "GetRepositoryPolicy", repositoryName=f"{prefix}/app")["policyText"]
    assert json.loads(kept)["Statement"][0]["Principal"] == {"AWS": old}
    # What was read can be saved again, and gives the new one nothing.
    home.root.must("ecr", "SetRepositoryPolicy", repositoryName=f"{prefix}/app", policyText=kept, force=True)
    assert_denied(again.call("ecr", "BatchGetImage", **ask), PULL, tail=SILENT["identity"])


def test_30_a_federated_user_without_a_policy_has_no_rights(home: Account, prefix: str) -> None:
    bob = home.user(f"bob-{prefix}", allow("ecr:*"), allow("sts:GetFederationToken"))
    home.repository(f"{prefix}/app")
    ask = {"repositoryName": f"{prefix}/app", "imageIds": [{"imageTag": "1"}]}
    fed = bob.federate("fed")
    assert fed.must("sts", "GetCallerIdentity")["Arn"] == f"arn:aws:sts::{H}:federated-user/fed"
    assert_denied(fed.call("ecr", "BatchGetImage", **ask), PULL, tail=SILENT["session"])
    assert bob.federate("fed", Policy=document(allow("ecr:*"))).call("ecr", "BatchGetImage", **ask).status == 200
    # Of the user's name in a resource policy it has no more than its session's policy.
    home.root.must("ecr", "SetRepositoryPolicy", repositoryName=f"{prefix}/app", policyText=document(to(bob.arn)))
    assert_denied(fed.call("ecr", "BatchGetImage", **ask), PULL, tail=SILENT["session"])
    home.root.must("ecr", "SetRepositoryPolicy", repositoryName=f"{prefix}/app", policyText=document(to(fed.arn)))
    assert fed.call("ecr", "BatchGetImage", **ask).status == 200


@pytest.fixture(scope="module")
def provider(home: Account, issuer: Issuer) -> str:
    return home.root.must("iam", "CreateOpenIDConnectProvider", Url=issuer.url, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]


def test_31_a_jobs_token(home: Account, issuer: Issuer, provider: str, server: Weir, prefix: str) -> None:
    trusts = document(allow("sts:AssumeRoleWithWebIdentity", None, Principal={"Federated": provider}, Condition={
        "StringLike": {f"{issuer.name}:sub": "repo:o/*"}, "StringEquals": {f"{issuer.name}:aud": "sts.amazonaws.com"}}))
    role = home.role(f"ci-{prefix}", allow("ecr:GetAuthorizationToken"), trusts=trusts)

    def exchange(token: str) -> Answer:
        return unsigned_call(
            server, "sts", "AssumeRoleWithWebIdentity", RoleArn=role, RoleSessionName="run1", WebIdentityToken=token)

    told = exchange(issuer.job("o/r"))
    assert told["SubjectFromWebIdentityToken"] == "repo:o/r:ref:refs/heads/main"
    assert (told["Audience"], told["Provider"]) == ("sts.amazonaws.com", issuer.url)
    session = session_of(server, told, told["AssumedRoleUser"]["Arn"])
    assert session.arn == f"arn:aws:sts::{H}:assumed-role/ci-{prefix}/run1" and session.authorization().status == 200
    told = exchange(issuer.job("o/r", audience="another"))
    assert (told.status, told.code, told.message) == (400, "InvalidIdentityToken", "Incorrect token audience"), told
    for repository in ("o2/r", "O/r", "xo/r"):
        told = exchange(issuer.job(repository))
        assert (told.status, told.code) == (403, "AccessDenied"), told
        assert told.message == "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def test_32_is_no_matter_to_who_am_i(home: Account, prefix: str) -> None:
    """No policy denies GetCallerIdentity."""
    bob = home.user(f"bob-{prefix}", *PLAIN_HTTP)
    assert bob.must("sts", "GetCallerIdentity")["Arn"] == bob.arn


# What is told of the policy that denies

def test_a_denial_names_the_managed_policy(home: Account, abroad: Account, prefix: str) -> None:
    """At home alone, and for policies that have an ARN."""
    arn = home.policy(f"no-{prefix}", deny("ecr:*"))
    bob = home.user(f"bob-{prefix}", allow("ecr:*"), policies=[arn])
    home.repository(f"{prefix}/app")
    told = bob.call("ecr", "ListImages", repositoryName=f"{prefix}/app")
    resource = home.repository_arn(f"{prefix}/app")
    assert told.message == sentence(bob, "ecr:ListImages", resource, f"{EXPLICIT['identity']}: {arn}")
    away = abroad.policy(f"no-{prefix}", deny("ecr:*"))
    ann = abroad.user(f"ann-{prefix}", allow("ecr:*"), policies=[away])
    home.root.must("ecr", "SetRepositoryPolicy", repositoryName=f"{prefix}/app", policyText=document(to(X, "ecr:*")))
    told = ann.call("ecr", "ListImages", repositoryName=f"{prefix}/app", registryId=H)
    assert told.message == sentence(ann, "ecr:ListImages", resource, EXPLICIT["identity"])


def test_the_record_names_the_policy(home: Account, server: Weir, prefix: str) -> None:
    """What decided stands in the audit record, whatever the answer says."""
    bob = home.user(f"bob-{prefix}", deny("ecr:ListImages", Sid="NoLists"))
    home.repository(f"{prefix}/app")
    assert_denied(bob.call("ecr", "ListImages", repositoryName=f"{prefix}/app"), "ecr:ListImages", tail=EXPLICIT["identity"])
    operate(server, "ListRuns")
    records = [json.loads(line) for line in server.audit.read_text().splitlines()]
    (mine,) = [one for one in records if one.get("eventName") == "ListImages" and one["userIdentity"].get("userName") == f"bob-{prefix}"]
    assert mine["errorCode"] in ("AccessDenied", "AccessDeniedException") and mine["userIdentity"]["type"] == "IAMUser"
    assert mine["weirDecision"]["sid"] == "NoLists" and "inline" in str(mine["weirDecision"]["policy"])
