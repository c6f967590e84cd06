"""How policies of all kinds decide together, by examples: users, boundaries, sessions, resource policies, two accounts, keys and grants.

Account H owns the repositories, X is another one on the same server. In statements `<name>` stands for an ARN of the case: `<bob>` and
`<ann>` are users of H and X, `<ci>` is a role of H and `<run1>` its session, `<H>` and `<X>` are the roots, `<repo>` is the repository.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from harness.weir import Weir

H, X = "111111111111", "222222222222"
PULL, PUT = "ecr:BatchGetImage", "ecr:PutImage"


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
    made = Weir(tmp_path_factory.mktemp("cases"), account=H, options=options, watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


@pytest.fixture(scope="module")
def abroad(server: Weir) -> Account:
    return Account.another(server, X)


# One principal, one repository

@dataclass(frozen=True)
class Case:
    #: Its number, and a letter where it varies another one.
    name: str
    #: `allow`, or `silent`/`explicit` and the kind of policy that decides.
    outcome: str
    who: str = "bob"
    #: Policies: of the identity, its boundary, its session, the repository.
    identity: tuple[Statement, ...] = ()
    boundary: tuple[Statement, ...] | None = None
    session: tuple[Statement, ...] | None = None
    resource: tuple[Statement, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    path: str = "/"
    action: str = PULL
    #: The repository below `case-N/`.
    on: str = "app"

    def __str__(self) -> str:
        return self.name


def to(principal: str | list[str], action: str = PULL, **members: Any) -> Statement:
    return allow(action, None, Principal={"AWS": principal}, **members)


ECR = (allow("ecr:*"),)
S3 = (allow("s3:*"),)
TO_BOB = (to("<bob>"),)
TO_CI = (to("<ci>"),)
ALL_BUT_BOB = (deny("ecr:*", None, NotPrincipal={"AWS": "<bob>"}),)
ALL_BUT_BOB_AND_H = (deny("ecr:*", None, NotPrincipal={"AWS": ["<bob>", "<H>"]}),)


def unless_principal_is(arn: str) -> tuple[Statement, ...]:
    return (deny("ecr:*", None, Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": arn}}),)


def tagged(test: str, **more: Any) -> tuple[Statement, ...]:
    return (allow("ecr:CreateRepository", Condition={f"{test}:StringEquals": {"aws:TagKeys": ["team"]}, **more}),)


BY_TEAM = (allow("ecr:*", "arn:aws:ecr:*:*:repository/<case>/${aws:PrincipalTag/team}/*"),)
ALL_BUT_IAM = (statement("Allow", None, "*", NotAction="iam:*"),)
PLAIN_HTTP = (deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}}), allow("*"))

CASES = [
    Case("1", "silent identity"),
    Case("2", "allow", resource=TO_BOB),
    Case("3", "allow", boundary=S3, resource=TO_BOB),
    Case("4", "silent boundary", identity=ECR, boundary=S3),
    Case("5", "silent identity", resource=(to("<H>", "ecr:*"),)),
    Case("5-by-number", "silent identity", resource=(to(H, "ecr:*"),)),
    Case("5-both", "allow", identity=(allow(PULL, "<repo>"),), resource=(to("<H>", "ecr:*"),)),
    Case("5-everyone", "allow", resource=(to("*"),)),
    Case("6", "allow", "run1", resource=TO_CI),
    Case("7", "silent session", "run1", identity=ECR, session=(allow("ecr:GetAuthorizationToken"),), resource=TO_CI),
    Case("7-boundary", "silent boundary", "run1", identity=ECR, boundary=S3, resource=TO_CI),
    Case("8", "allow", "run1", boundary=S3, session=S3, resource=(to("<run1>"),)),
    Case("9", "silent identity", "run2", boundary=S3, session=S3, resource=(to("<run1>"),)),
    Case("10", "explicit session", "run1", identity=(allow(PULL, "<repo>"), allow(PUT, "<repo>")), session=(*ECR, deny(PUT)), action=PUT),
    Case("10-other", "allow", "run1", identity=(allow(PULL, "<repo>"), allow(PUT, "<repo>")), session=(*ECR, deny(PUT))),
    Case("11", "silent resource", "ann", identity=ECR),
    Case("12", "silent identity", "ann", resource=(to("<ann>"),)),
    Case("13", "allow", "ann", identity=(allow(PULL, f"arn:aws:ecr:*:{H}:repository/*"),), resource=(to("<X>"),)),
    Case("13-everyone", "silent identity", "ann", resource=(to("*"),)),
    Case("13-boundary", "silent boundary", "ann", identity=ECR, boundary=S3, resource=(to("<ann>"),)),
    Case("14", "allow", "root of X", resource=(to("<X>"),)),
    Case("14-not", "silent resource", "root of X"),
    Case("15", "explicit resource", "root of H", resource=(deny("ecr:*", None, Principal="*"),)),
    Case("16", "silent identity", identity=(allow("ecr:GetAuthorizationToken", "<repo>"),), action="ecr:GetAuthorizationToken"),
    Case("16-all", "allow", identity=(allow("ecr:GetAuthorizationToken"),), action="ecr:GetAuthorizationToken"),
    Case("17", "allow", identity=tagged("ForAllValues"), action="ecr:CreateRepository", on="new"),
    Case("17-null", "silent identity", identity=tagged("ForAllValues", Null={"aws:TagKeys": "false"}), action="ecr:CreateRepository",
         on="new"),
    Case("18", "silent identity", identity=tagged("ForAnyValue"), action="ecr:CreateRepository", on="new"),
    Case("19", "explicit resource", identity=ECR, resource=ALL_BUT_BOB),
    Case("20", "allow", identity=ECR, resource=ALL_BUT_BOB_AND_H),
    Case("20-boundary", "explicit resource", identity=ECR, boundary=ECR, resource=ALL_BUT_BOB_AND_H),
    Case("21", "allow", "run1", identity=ECR, resource=unless_principal_is("<ci>"), path="/team/"),
    Case("21-no-path", "explicit resource", "run1", identity=ECR, resource=unless_principal_is("<ci without its path>"), path="/team/"),
    Case("21-session", "explicit resource", "run1", identity=ECR, resource=unless_principal_is("<run1>"), path="/team/"),
    Case("22", "silent identity", identity=(allow("ecr:*", "arn:aws-cn:ecr:*:*:repository/*"),)),
    Case("22-any", "allow", identity=(allow("ecr:*", "arn:*:ecr:*:*:repository/*"),)),
    Case("23", "silent identity", identity=BY_TEAM, on="red/app"),
    Case("23-tagged", "allow", identity=BY_TEAM, tags={"team": "red"}, on="red/app"),
    Case("23-other", "silent identity", identity=BY_TEAM, tags={"team": "blue"}, on="red/app"),
    Case("23-empty", "silent identity", identity=BY_TEAM, tags={"team": ""}, on="red/app"),
    Case("24-image", "allow", identity=ALL_BUT_IAM),
    Case("24", "silent identity", identity=ALL_BUT_IAM, action="iam:CreateUser"),
    Case("32", "explicit identity", identity=PLAIN_HTTP),
    Case("32-session", "explicit identity", "run1", identity=PLAIN_HTTP),
]


class Staged:
    """A case's principal and repository."""

    def __init__(self, case: Case, home: Account, abroad: Account):
        self.case, self.home, self.abroad = case, home, abroad
        self.prefix = f"case-{case.name}".lower()
        self.repository = f"{self.prefix}/{case.on}"
        self.names = {
            "H": f"arn:aws:iam::{H}:root", "X": f"arn:aws:iam::{X}:root", "case": self.prefix,
            "repo": home.repository_arn(self.repository), "bob": home.arn("user", f"bob-{case.name}"),
            "ann": abroad.arn("user", f"ann-{case.name}"), "ci": f"arn:aws:iam::{H}:role{case.path}ci-{case.name}",
            "ci without its path": home.arn("role", f"ci-{case.name}"),
            "run1": f"arn:aws:sts::{H}:assumed-role/ci-{case.name}/run1"}
        self.caller = self._caller()
        if case.action != "ecr:CreateRepository":
            home.repository(self.repository, *self.filled(case.resource))

    def filled(self, statements: tuple[Statement, ...] | None) -> list[Statement] | None:
        if statements is None:
            return None
        return json.loads(re.sub("<([^<>]+)>", lambda found: self.names[found[1]], json.dumps(statements)))

    def _caller(self) -> Principal:
        case, identity, boundary = self.case, self.filled(self.case.identity), self.filled(self.case.boundary)
        match case.who:
            case "root of H":
                return self.home.root
            case "root of X":
                return self.abroad.root
            case "bob":
                return self.home.user(f"bob-{case.name}", *identity, boundary=boundary, tags=case.tags)
            case "ann":
                return self.abroad.user(f"ann-{case.name}", *identity, boundary=boundary)
        role = self.home.role(f"ci-{case.name}", *identity, boundary=boundary, path=case.path)
        members = {} if case.session is None else {"Policy": document(*self.filled(case.session))}
        return self.home.administrator.assume(role, case.who, **members)

    def ask(self) -> tuple[Answer, str]:
        """The answer, and the resource that a denial names."""
        caller, name, arn = self.caller, {"repositoryName": self.repository}, self.names["repo"]
        match self.case.action:
            case "ecr:BatchGetImage":
                return caller.call("ecr", "BatchGetImage", registryId=H, imageIds=[{"imageTag": "1"}], **name), arn
            case "ecr:PutImage":
                return caller.call("ecr", "PutImage", imageManifest="{}", **name), arn
            case "ecr:CreateRepository":
                return caller.call("ecr", "CreateRepository", **name), arn
            case "iam:CreateUser":
                return caller.call("iam", "CreateUser", UserName="made"), self.home.arn("user", "made")
        return caller.call("ecr", "GetAuthorizationToken"), "*"


def tail(outcome: str) -> str:
    kind, layer = outcome.split()
    return (SILENT if kind == "silent" else EXPLICIT)[layer]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case(home: Account, abroad: Account, case: Case) -> None:
    staged = Staged(case, home, abroad)
    answer, resource = staged.ask()
    if case.outcome == "allow":
        assert answer.status == 200 and not answer.code, answer
    else:
        said = sentence(staged.caller, case.action, resource, tail(case.outcome).format(action=case.action))
        assert (answer.message, answer.is_denied) == (said, True), answer
    if case.action == PULL and case.who == "bob":
        at_the_registry(staged, answer)


def at_the_registry(staged: Staged, told: Answer) -> None:
    """The same decision, in the same words."""
    pulled = staged.caller.signed_in_by_key().manifest(staged.repository, "1")
    if staged.case.outcome == "allow":
        assert pulled.status_code == 404 and errors(pulled)[0][0] == "MANIFEST_UNKNOWN", pulled.text
    else:
        assert pulled.status_code == 403 and errors(pulled) == [("DENIED", told.message)], pulled.text


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
    bob = home.user(f"bob-{prefix}", *ALL_BUT_IAM)
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
    bob = home.user(f"bob-{prefix}", *ECR, allow("sts:GetFederationToken"))
    home.repository(f"{prefix}/app")
    ask = {"repositoryName": f"{prefix}/app", "imageIds": [{"imageTag": "1"}]}
    fed = bob.federate("fed")
    assert fed.must("sts", "GetCallerIdentity")["Arn"] == f"arn:aws:sts::{H}:federated-user/fed"
    assert_denied(fed.call("ecr", "BatchGetImage", **ask), PULL, tail=SILENT["session"])
    assert bob.federate("fed", Policy=document(*ECR)).call("ecr", "BatchGetImage", **ask).status == 200
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
