"""Ways from one right to all rights. A policy may give each of them: the server asks exactly this action on exactly this thing, and a boundary
and a session's policy stay above it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from harness.principals import (
    ADMINISTRATOR, EXPLICIT, SILENT, Account, Answer, Principal, allow, assert_denied, deny, document, statement, trust)
from harness.signing import send, signed
from harness.weir import ACCOUNT, Weir

ALL = document(allow("*"))
OTHERS = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def server(_program: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    made = Weir(tmp_path_factory.mktemp("escalation"), options=["--allow-any-upstream"], watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


# What is gained, and what for

class Targets:
    """What a path's attempt is about: made once for each path, when it is first asked for."""

    def __init__(self, home: Account, name: str):
        self.home, self.root, self.name = home, home.root, name
        self._made: dict[str, Any] = {}

    def _once(self, kind: str, make: Callable[[], Any]) -> Any:
        if kind not in self._made:
            self._made[kind] = make()
        return self._made[kind]

    @property
    def user(self) -> Principal:
        return self._once("user", lambda: self.home.user(f"victim-{self.name}", allow("ecr:ListImages"), tags={"team": "red"}))

    @property
    def user_name(self) -> str:
        return self.user.arn.rpartition("/")[2]

    @property
    def policy(self) -> str:
        """With two versions, of which the second is in force."""
        def make() -> str:
            arn = self.home.policy(f"policy-{self.name}", allow("*"))
            self.root.must("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document(allow("s3:*")), SetAsDefault=True)
            return arn
        return self._once("policy", make)

    @property
    def attached(self) -> str:
        """The policy, on the user."""
        def make() -> str:
            self.root.must("iam", "AttachUserPolicy", UserName=self.user_name, PolicyArn=self.policy)
            return self.policy
        return self._once("attached", make)

    @property
    def group(self) -> str:
        """The name; the user is in it, and it has an inline policy."""
        def make() -> str:
            name = f"group-{self.name}"
            self.root.must("iam", "CreateGroup", GroupName=name)
            self.root.must("iam", "PutGroupPolicy", GroupName=name, PolicyName="inline", PolicyDocument=document(deny("s3:*")))
            self.root.must("iam", "AddUserToGroup", GroupName=name, UserName=self.user_name)
            return name
        return self._once("group", make)

    @property
    def role(self) -> str:
        """The name."""
        def make() -> str:
            self.home.role(f"role-{self.name}", allow("ecr:ListImages"), policies=[self.policy], boundary=[allow("ecr:*")],
                           Tags=[{"Key": "team", "Value": "red"}])
            return f"role-{self.name}"
        return self._once("role", make)

    @property
    def bounded(self) -> str:
        """The name of a user with a boundary."""
        def make() -> str:
            self.home.user(f"under-boundary-{self.name}", boundary=[allow("s3:*")])
            return f"under-boundary-{self.name}"
        return self._once("bounded", make)

    @property
    def repository(self) -> str:
        return self._once("repository", lambda: self.home.repository(f"{self.name}/app") and f"{self.name}/app")

    @property
    def secret(self) -> str:
        return self._once("secret", lambda: self.home.weir.secret(self.name, token=f"token-of-{self.name}"))

    @property
    def key(self) -> str:
        return self._once("key", lambda: self.root.must("kms", "CreateKey")["KeyMetadata"]["Arn"])

    @property
    def provider(self) -> str:
        return self._once("provider", lambda: self.root.must(
            "iam", "CreateOpenIDConnectProvider", Url=f"https://{self.name}.example", ClientIDList=["one"])["OpenIDConnectProviderArn"])

    @property
    def profile(self) -> str:
        return self._once("profile", lambda: self.root.must(
            "iam", "CreateInstanceProfile", InstanceProfileName=f"profile-{self.name}") and f"profile-{self.name}")

    @property
    def rule(self) -> str:
        return self._once("rule", lambda: self.root.must(
            "ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=self.name, upstreamRegistryUrl=OTHERS,
            customRoleArn=self.arn("role", self.role)) and self.name)

    @property
    def template(self) -> str:
        return self._once("template", lambda: self.root.must(
            "ecr", "CreateRepositoryCreationTemplate", prefix=self.name, appliedFor=["REPLICATION"]) and self.name)

    def arn(self, kind: str, name: str) -> str:
        return self.home.arn(kind, name)


@dataclass(frozen=True)
class Path:
    #: The row of the list of ways, and what is done.
    name: str
    action: str
    #: What a denial names, and an Allow must.
    resource: Callable[[Targets], str]
    attempt: Callable[[Principal, Targets], Answer]

    def __str__(self) -> str:
        return self.name


def iam(operation: str, **members: Callable[[Targets], Any] | Any) -> Callable[[Principal, Targets], Answer]:
    return call("iam", operation, **members)


def call(service: str, operation: str, **members: Any) -> Callable[[Principal, Targets], Answer]:
    def attempt(caller: Principal, targets: Targets) -> Answer:
        return caller.call(service, operation, **{
            name: value(targets) if callable(value) else value for name, value in members.items()})
    return attempt


def user(t: Targets) -> str:
    return t.user.arn


def group(t: Targets) -> str:
    return t.arn("group", t.group)


def role(t: Targets) -> str:
    return t.arn("role", t.role)


def policy(t: Targets) -> str:
    return t.policy


def anything(t: Targets) -> str:
    return "*"


def bounded(t: Targets) -> str:
    return t.arn("user", t.bounded)


def new(kind: str) -> Callable[[Targets], str]:
    return lambda t: t.arn(kind, f"new-{t.name}")


USER, GROUP, ROLE = {"UserName": lambda t: t.user_name}, {"GroupName": lambda t: t.group}, {"RoleName": lambda t: t.role}
MADE = {"PolicyName": "made", "PolicyDocument": ALL}
TO_SELF = {"policyText": document(allow("ecr:*", None, Principal={"AWS": ACCOUNT}))}

PATHS = [
    Path("1 CreatePolicyVersion", "iam:CreatePolicyVersion", policy, iam(
        "CreatePolicyVersion", PolicyArn=policy, PolicyDocument=ALL, SetAsDefault=True)),
    Path("2 SetDefaultPolicyVersion", "iam:SetDefaultPolicyVersion", policy, iam("SetDefaultPolicyVersion", PolicyArn=policy, VersionId="v1")),
    Path("3 CreateAccessKey", "iam:CreateAccessKey", user, iam("CreateAccessKey", **USER)),
    Path("3 UpdateAccessKey", "iam:UpdateAccessKey", user, iam("UpdateAccessKey", **USER, AccessKeyId=lambda t: t.user.key, Status="Active")),
    Path("4 AttachUserPolicy", "iam:AttachUserPolicy", user, iam("AttachUserPolicy", **USER, PolicyArn=ADMINISTRATOR)),
    Path("4 AttachGroupPolicy", "iam:AttachGroupPolicy", group, iam("AttachGroupPolicy", **GROUP, PolicyArn=ADMINISTRATOR)),
    Path("4 AttachRolePolicy", "iam:AttachRolePolicy", role, iam("AttachRolePolicy", **ROLE, PolicyArn=ADMINISTRATOR)),
    Path("5 PutUserPolicy", "iam:PutUserPolicy", user, iam("PutUserPolicy", **USER, **MADE)),
    Path("5 PutGroupPolicy", "iam:PutGroupPolicy", group, iam("PutGroupPolicy", **GROUP, **MADE)),
    Path("5 PutRolePolicy", "iam:PutRolePolicy", role, iam("PutRolePolicy", **ROLE, **MADE)),
    Path("6 AddUserToGroup", "iam:AddUserToGroup", group, iam("AddUserToGroup", **GROUP, UserName=lambda t: t.bounded)),
    Path("7 UpdateAssumeRolePolicy", "iam:UpdateAssumeRolePolicy", role, iam("UpdateAssumeRolePolicy", **ROLE, PolicyDocument=trust(ACCOUNT))),
    Path("8 CreateRole", "iam:CreateRole", new("role"), iam(
        "CreateRole", RoleName=lambda t: f"new-{t.name}", AssumeRolePolicyDocument=trust(ACCOUNT))),
    Path("9 CreateUser", "iam:CreateUser", new("user"), iam("CreateUser", UserName=lambda t: f"new-{t.name}")),
    Path("10 PassRole to a new rule", "iam:PassRole", role, call(
        "ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=lambda t: f"{t.name}-new", upstreamRegistryUrl=OTHERS, customRoleArn=role)),
    Path("10 PassRole to a rule", "iam:PassRole", role, call(
        "ecr", "UpdatePullThroughCacheRule", ecrRepositoryPrefix=lambda t: t.rule, customRoleArn=role)),
    Path("10 PassRole to a new template", "iam:PassRole", role, call(
        "ecr", "CreateRepositoryCreationTemplate", prefix=lambda t: f"{t.name}-new", appliedFor=["REPLICATION"], customRoleArn=role)),
    Path("10 PassRole to a template", "iam:PassRole", role, call(
        "ecr", "UpdateRepositoryCreationTemplate", prefix=lambda t: t.template, customRoleArn=role)),
    Path("10 PassRole to an instance profile", "iam:PassRole", role, iam(
        "AddRoleToInstanceProfile", **ROLE, InstanceProfileName=lambda t: t.profile)),
    Path("11 DetachUserPolicy", "iam:DetachUserPolicy", user, iam("DetachUserPolicy", **USER, PolicyArn=lambda t: t.attached)),
    Path("11 DetachRolePolicy", "iam:DetachRolePolicy", role, iam("DetachRolePolicy", **ROLE, PolicyArn=policy)),
    Path("11 DeleteUserPolicy", "iam:DeleteUserPolicy", user, iam("DeleteUserPolicy", **USER, PolicyName="inline")),
    Path("11 DeleteGroupPolicy", "iam:DeleteGroupPolicy", group, iam("DeleteGroupPolicy", **GROUP, PolicyName="inline")),
    Path("11 DeleteRolePolicy", "iam:DeleteRolePolicy", role, iam("DeleteRolePolicy", **ROLE, PolicyName="inline")),
    Path("11 RemoveUserFromGroup", "iam:RemoveUserFromGroup", group, iam("RemoveUserFromGroup", **GROUP, **USER)),
    Path("11 DeletePolicyVersion", "iam:DeletePolicyVersion", policy, iam("DeletePolicyVersion", PolicyArn=policy, VersionId="v1")),
    Path("12 PutUserPermissionsBoundary", "iam:PutUserPermissionsBoundary", bounded, iam(
        "PutUserPermissionsBoundary", UserName=lambda t: t.bounded, PermissionsBoundary=ADMINISTRATOR)),
    Path("12 DeleteUserPermissionsBoundary", "iam:DeleteUserPermissionsBoundary", bounded, iam(
        "DeleteUserPermissionsBoundary", UserName=lambda t: t.bounded)),
    Path("12 PutRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", role, iam(
        "PutRolePermissionsBoundary", **ROLE, PermissionsBoundary=ADMINISTRATOR)),
    Path("12 DeleteRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary", role, iam("DeleteRolePermissionsBoundary", **ROLE)),
    Path("13 TagUser", "iam:TagUser", user, iam("TagUser", **USER, Tags=[{"Key": "team", "Value": "blue"}])),
    Path("13 UntagUser", "iam:UntagUser", user, iam("UntagUser", **USER, TagKeys=["team"])),
    Path("13 TagRole", "iam:TagRole", role, iam("TagRole", **ROLE, Tags=[{"Key": "team", "Value": "blue"}])),
    Path("13 UntagRole", "iam:UntagRole", role, iam("UntagRole", **ROLE, TagKeys=["team"])),
    Path("16 SetRepositoryPolicy", "ecr:SetRepositoryPolicy", lambda t: t.home.repository_arn(t.repository), call(
        "ecr", "SetRepositoryPolicy", repositoryName=lambda t: t.repository, **TO_SELF)),
    Path("16 PutRegistryPolicy", "ecr:PutRegistryPolicy", anything, call(
        "ecr", "PutRegistryPolicy", policyText=document(allow("ecr:ListImages", Principal={"AWS": ACCOUNT})))),
    Path("16 PutResourcePolicy", "secretsmanager:PutResourcePolicy", lambda t: t.secret, call(
        "secretsmanager", "PutResourcePolicy", SecretId=lambda t: t.secret, ResourcePolicy=document(
            allow("secretsmanager:*", Principal={"AWS": ACCOUNT})))),
    Path("17 PutKeyPolicy", "kms:PutKeyPolicy", lambda t: t.key, call("kms", "PutKeyPolicy", KeyId=lambda t: t.key, Policy=document(
        allow("kms:*", Principal={"AWS": ACCOUNT})))),
    Path("17 CreateGrant", "kms:CreateGrant", lambda t: t.key, call(
        "kms", "CreateGrant", KeyId=lambda t: t.key, GranteePrincipal=user, Operations=["Decrypt"])),
    Path("18 CreateOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider",
         lambda t: t.arn("oidc-provider", f"new-{t.name}.example"), iam(
             "CreateOpenIDConnectProvider", Url=lambda t: f"https://new-{t.name}.example", ClientIDList=["one"])),
    Path("18 AddClientID", "iam:AddClientIDToOpenIDConnectProvider", lambda t: t.provider, iam(
        "AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=lambda t: t.provider, ClientID="two")),
    Path("18 UpdateThumbprint", "iam:UpdateOpenIDConnectProviderThumbprint", lambda t: t.provider, iam(
        "UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn=lambda t: t.provider, ThumbprintList=["a" * 40])),
    Path("18 DeleteOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", lambda t: t.provider, iam(
        "DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=lambda t: t.provider)),
    Path("20 a secret sent to an upstream of one's own", "secretsmanager:GetSecretValue", lambda t: t.secret, call(
        "ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=lambda t: t.name, upstreamRegistryUrl="mine.example",
        credentialArn=lambda t: t.secret)),
    Path("22 CreateServiceLinkedRole", "iam:CreateServiceLinkedRole",
         lambda t: t.arn("role", "aws-service-role/replication.ecr.amazonaws.com/AWSServiceRoleForECRReplication"),
         iam("CreateServiceLinkedRole", AWSServiceName="replication.ecr.amazonaws.com")),
    Path("24 GetAccountAuthorizationDetails", "iam:GetAccountAuthorizationDetails", anything, iam("GetAccountAuthorizationDetails")),
    Path("24 SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy", user, iam(
        "SimulatePrincipalPolicy", PolicySourceArn=user, ActionNames=["ecr:PutImage"])),
    Path("24 SimulateCustomPolicy", "iam:SimulateCustomPolicy", anything, iam(
        "SimulateCustomPolicy", PolicyInputList=[ALL], ActionNames=["ecr:PutImage"])),
    Path("24 GetAccessKeyInfo", "sts:GetAccessKeyInfo", anything, call("sts", "GetAccessKeyInfo", AccessKeyId=lambda t: t.user.key)),
]


@pytest.fixture(scope="module")
def targets(home: Account) -> Callable[[Path], Targets]:
    made: dict[str, Targets] = {}

    def of(path: Path) -> Targets:
        name = f"path-{PATHS.index(path)}"
        return made.setdefault(name, Targets(home, name))
    return of


@pytest.mark.parametrize("how", ["without", "on-another", "bounded", "limited", "with"])
@pytest.mark.parametrize("path", PATHS, ids=str)
def test_a_way(home: Account, targets: Callable[[Path], Targets], path: Path, how: str) -> None:
    """Without the right; with it on another thing; with it under a boundary; with it in a limited session; with it."""
    about = targets(path)
    resource, name = path.resource(about), f"{how}-{about.name}"
    all_but = statement("Allow", None, "*", NotAction=path.action)
    match how:
        case "without":
            caller, layer = home.user(name, all_but), "identity"
        case "on-another":
            if resource == "*":
                pytest.skip("there is one alone")
            caller, layer = home.user(name, all_but, allow(path.action, resource + "x")), "identity"
        case "bounded":
            caller, layer = home.user(name, allow("*"), boundary=[all_but]), "boundary"
        case "limited":
            caller, layer = home.administrator.assume(home.role(name, allow("*")), Policy=document(all_but)), "session"
        case _:
            answer = path.attempt(home.user(name, all_but, allow(path.action, resource)), about)
            assert answer.status == 200, answer
            return
    assert_denied(path.attempt(caller, about), path.action, resource, SILENT[layer])


# Conditions that stop them, and ways of more than one step

def test_4_attaching_is_limited_by_what_is_attached(home: Account, prefix: str) -> None:
    home.user(f"victim-{prefix}")
    allowed = home.policy(f"harmless-{prefix}", allow("ecr:ListImages"))
    caller = home.user(f"delegate-{prefix}", allow("iam:AttachUserPolicy", Condition={"ArnEquals": {"iam:PolicyARN": allowed}}))
    assert_denied(caller.call("iam", "AttachUserPolicy", UserName=f"victim-{prefix}", PolicyArn=ADMINISTRATOR), "iam:AttachUserPolicy")
    assert caller.call("iam", "AttachUserPolicy", UserName=f"victim-{prefix}", PolicyArn=allowed).status == 200
    for odd in (allowed.replace("harmless", "HARMLESS"), allowed.upper(), allowed + "/", allowed.replace(":policy", "::policy")):
        assert caller.call("iam", "AttachUserPolicy", UserName=f"victim-{prefix}", PolicyArn=odd).status in (400, 403, 404)


@pytest.mark.parametrize("operation", ["CreateUser", "CreateRole", "PutUserPolicy", "AttachUserPolicy", "PutUserPermissionsBoundary"])
def test_8_and_9_a_delegate_makes_nothing_without_the_boundary(home: Account, prefix: str, operation: str) -> None:
    """Delegation by boundary: what is made, and what is changed, must have it."""
    boundary, other = home.policy(f"ceiling-{prefix}", allow("ecr:*")), home.policy(f"higher-{prefix}", allow("*"))
    caller = home.user(f"delegate-{prefix}", allow("iam:*", Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}}))
    for name, ceiling in (("free", None), ("under", boundary), ("above", other)):
        home.root.must("iam", "CreateUser", UserName=f"{name}-{prefix}", **({"PermissionsBoundary": ceiling} if ceiling else {}))

    def attempt(name: str, ceiling: str | None) -> Answer:
        given = {"PermissionsBoundary": ceiling} if ceiling else {}
        match operation:
            case "CreateUser":
                return caller.call("iam", operation, UserName=f"new-{name}-{prefix}", **given)
            case "CreateRole":
                return caller.call("iam", operation, RoleName=f"new-{name}-{prefix}", AssumeRolePolicyDocument=trust(ACCOUNT), **given)
            case "PutUserPolicy":
                return caller.call("iam", operation, UserName=f"{name}-{prefix}", **MADE)
            case "AttachUserPolicy":
                return caller.call("iam", operation, UserName=f"{name}-{prefix}", PolicyArn=ADMINISTRATOR)
        return caller.call("iam", operation, UserName=f"under-{prefix}", PermissionsBoundary=ceiling or ADMINISTRATOR)

    for name, ceiling in (("free", None), ("above", other)):
        assert_denied(attempt(name, ceiling), f"iam:{operation}", tail=SILENT["identity"])
    assert attempt("under", boundary).status == 200


def test_7_a_new_trust_is_pinned(home: Account, prefix: str) -> None:
    """A user that is deleted and made again is not the one that the role trusts."""
    friend = home.user(f"friend-{prefix}", allow("sts:AssumeRole"))
    role_arn = home.role(f"role-{prefix}")
    home.root.must("iam", "UpdateAssumeRolePolicy", RoleName=f"role-{prefix}", PolicyDocument=trust(friend.arn))
    friend.assume(role_arn)
    home.delete_user(f"friend-{prefix}")
    again = home.user(f"friend-{prefix}", allow("sts:AssumeRole"))
    assert_denied(again.call("sts", "AssumeRole", RoleArn=role_arn, RoleSessionName="run1"), "sts:AssumeRole", role_arn)


@pytest.mark.parametrize("service, is_allowed", [("pullthroughcache.ecr.amazonaws.com", True), ("ec2.amazonaws.com", False)])
def test_10_a_role_is_passed_to_the_service_that_the_policy_names(home: Account, prefix: str, service: str, is_allowed: bool) -> None:
    passed = home.role(f"passed-{prefix}")
    caller = home.user(f"delegate-{prefix}", allow(["ecr:*", "iam:CreateServiceLinkedRole"]), allow(
        "iam:PassRole", passed, Condition={"StringEquals": {"iam:PassedToService": service}}))
    told = caller.call("ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=prefix, upstreamRegistryUrl=OTHERS, customRoleArn=passed)
    if is_allowed:
        assert told.status == 200, told
    else:
        assert_denied(told, "iam:PassRole", passed, SILENT["identity"])


def test_10_whether_the_role_is_there_is_not_told(home: Account, prefix: str) -> None:
    caller = home.user(f"delegate-{prefix}", allow("ecr:*"))
    for name in (home.role(f"passed-{prefix}"), home.arn("role", f"none-{prefix}")):
        told = caller.call("ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=prefix, upstreamRegistryUrl=OTHERS, customRoleArn=name)
        assert_denied(told, "iam:PassRole", name, SILENT["identity"])


@pytest.mark.parametrize("member", ["customrolearn", "CustomRoleArn", "customRoleARN", "cu\u017ftomRoleArn"])
def test_10_a_role_in_another_spelling_is_none(home: Account, prefix: str, member: str) -> None:
    """What would not be checked is not taken either."""
    caller = home.user(f"delegate-{prefix}", allow("ecr:*"))
    body = json.dumps({"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": "public.ecr.aws", member: home.arn("role", "admin")})
    told = send(signed(home.weir, "ecr", "CreatePullThroughCacheRule", body, credentials=caller.credentials))
    assert told.status_code == 200 or "AccessDenied" in told.text or "InvalidParameter" in told.text, told.text
    assert "admin" not in told.text
    if told.status_code == 200:
        (made,) = home.root.must("ecr", "DescribePullThroughCacheRules", ecrRepositoryPrefixes=[prefix])["pullThroughCacheRules"]
        assert "customRoleArn" not in made


def test_13_tags_on_oneself_are_stopped_by_conditions(home: Account, prefix: str) -> None:
    caller = home.user(f"tagger-{prefix}", allow("iam:TagUser"), deny(
        "iam:TagUser", Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}}))
    mine = {"UserName": f"tagger-{prefix}"}
    assert caller.call("iam", "TagUser", **mine, Tags=[{"Key": "other", "Value": "x"}]).status == 200
    for key in ("team", "TEAM"):
        told = caller.call("iam", "TagUser", **mine, Tags=[{"Key": key, "Value": "red"}])
        if key == "team":
            assert_denied(told, "iam:TagUser", tail=EXPLICIT["identity"])
    # One key, whatever its case: the last spelling is not a second tag.
    home.root.must("iam", "TagUser", **mine, Tags=[{"Key": "Team", "Value": "blue"}])
    home.root.must("iam", "TagUser", **mine, Tags=[{"Key": "team", "Value": "green"}])
    tags = home.root.must("iam", "ListUserTags", **mine)["Tags"]
    assert [one["Value"] for one in tags if one["Key"].lower() == "team"] == ["green"], tags


def test_13_a_sessions_tags_need_the_roles_word(home: Account, prefix: str) -> None:
    tagged = {"RoleSessionName": "run1", "Tags": [{"Key": "team", "Value": "red"}]}
    caller = home.user(f"tagger-{prefix}", allow("sts:*"))
    plain = home.role(f"plain-{prefix}", trusts=trust(caller.arn))
    assert_denied(caller.call("sts", "AssumeRole", RoleArn=plain, **tagged))
    willing = home.role(f"willing-{prefix}", allow("ecr:*", "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*"), trusts=document(
        allow(["sts:AssumeRole", "sts:TagSession"], None, Principal={"AWS": caller.arn})))
    session = caller.assume(willing, "run1", Tags=tagged["Tags"])
    home.repository(f"red/{prefix}")
    assert session.call("ecr", "ListImages", repositoryName=f"red/{prefix}").status == 200
    assert_denied(session.call("ecr", "ListImages", repositoryName="blue/app"), "ecr:ListImages")


def test_14_an_external_id_is_compared_exactly(home: Account, prefix: str) -> None:
    caller = home.user(f"deputy-{prefix}")
    asked = home.role(f"asked-{prefix}", trusts=trust(caller.arn, Condition={"StringEquals": {"sts:ExternalId": "Customer-7"}}))
    for given in (None, "customer-7", "Customer-77", "Customer-", "Customer-7/"):
        told = caller.call("sts", "AssumeRole", RoleArn=asked, RoleSessionName="run1", **({"ExternalId": given} if given else {}))
        assert_denied(told, "sts:AssumeRole", asked)
        assert "because" not in told.message and "xternal" not in told.message
    # Letters of patterns are none of an external id's.
    for given in ("Customer*", "Customer-?"):
        told = caller.call("sts", "AssumeRole", RoleArn=asked, RoleSessionName="run1", ExternalId=given)
        assert (told.status, told.code) == (400, "ValidationError"), told
    caller.assume(asked, ExternalId="Customer-7")


def test_15_a_chain_lives_an_hour_and_keeps_its_source(home: Account, prefix: str) -> None:
    source = document(allow(["sts:AssumeRole", "sts:SetSourceIdentity"], None, Principal={"AWS": home.administrator.arn}))
    first = home.role(f"first-{prefix}", allow("sts:*"), trusts=source, MaxSessionDuration=43200)
    second = home.role(f"second-{prefix}", allow("ecr:*"), trusts=document(
        allow(["sts:AssumeRole", "sts:SetSourceIdentity"], None, Principal={"AWS": first})), MaxSessionDuration=43200)
    session = home.administrator.assume(first, SourceIdentity="ann", DurationSeconds=43200)
    told = session.call("sts", "AssumeRole", RoleArn=second, RoleSessionName="run2", DurationSeconds=3601)
    assert (told.status, told.code) == (400, "ValidationError") and "1 hour session limit" in told.message, told
    told = session.call("sts", "AssumeRole", RoleArn=second, RoleSessionName="run2", SourceIdentity="bob")
    assert told.status in (400, 403), told
    assert session.must("sts", "AssumeRole", RoleArn=second, RoleSessionName="run2")["SourceIdentity"] == "ann"
    # Credentials of GetSessionToken count as a chain's first link.
    direct = home.role(f"direct-{prefix}", MaxSessionDuration=43200)
    told = home.administrator.session_token().call("sts", "AssumeRole", RoleArn=direct, RoleSessionName="run", DurationSeconds=7200)
    assert told.code == "ValidationError" and "1 hour" in told.message, told


def test_16_a_deny_in_the_boundary_is_above_what_one_gives_oneself(home: Account, prefix: str) -> None:
    """A resource policy that names the user passes a boundary that is silent, as at AWS, and none that denies."""
    home.repository(f"{prefix}/app")
    ask = {"repositoryName": f"{prefix}/app"}
    grown = document(allow("ecr:*", None, Principal={"AWS": home.arn("user", f"silent-{prefix}")}))
    silent = home.user(f"silent-{prefix}", allow("*"), boundary=[allow("ecr:SetRepositoryPolicy")])
    assert_denied(silent.call("ecr", "ListImages", **ask), "ecr:ListImages", tail=SILENT["boundary"])
    silent.must("ecr", "SetRepositoryPolicy", **ask, policyText=grown)
    assert silent.call("ecr", "ListImages", **ask).status == 200
    firm = home.user(f"firm-{prefix}", allow("*"), boundary=[
        allow("ecr:SetRepositoryPolicy"), statement("Deny", None, "*", NotAction="ecr:SetRepositoryPolicy")])
    firm.must("ecr", "SetRepositoryPolicy", **ask, policyText=document(allow("ecr:*", None, Principal={"AWS": firm.arn})))
    assert_denied(firm.call("ecr", "ListImages", **ask), "ecr:ListImages", tail=EXPLICIT["boundary"])


def test_16_a_templates_policy_is_set_by_right_of_who_makes_the_template(home: Account, prefix: str) -> None:
    """Else a template would be a SetRepositoryPolicy that nothing asks for."""
    caller = home.user(f"maker-{prefix}", statement("Allow", None, "*", NotAction="ecr:SetRepositoryPolicy"))
    template = {"prefix": prefix, "appliedFor": ["CREATE_ON_PUSH"]}
    told = caller.call("ecr", "CreateRepositoryCreationTemplate", **template, repositoryPolicy=TO_SELF["policyText"])
    assert_denied(told, "ecr:SetRepositoryPolicy", tail=SILENT["identity"])
    caller.must("ecr", "CreateRepositoryCreationTemplate", **template)
    told = caller.call("ecr", "UpdateRepositoryCreationTemplate", prefix=prefix, repositoryPolicy=TO_SELF["policyText"])
    assert_denied(told, "ecr:SetRepositoryPolicy", tail=SILENT["identity"])


def test_17_who_acts_by_a_grant_passes_on_that_grants_operations_alone(home: Account, prefix: str) -> None:
    holder, friend = home.user(f"holder-{prefix}"), home.user(f"friend-{prefix}")
    key = home.root.must("kms", "CreateKey")["KeyMetadata"]["Arn"]
    home.root.must("kms", "CreateGrant", KeyId=key, GranteePrincipal=holder.arn, Operations=["Decrypt", "CreateGrant"])
    told = holder.call("kms", "CreateGrant", KeyId=key, GranteePrincipal=friend.arn, Operations=["Encrypt"])
    assert_denied(told, "kms:CreateGrant", key)
    assert holder.call("kms", "CreateGrant", KeyId=key, GranteePrincipal=friend.arn, Operations=["Decrypt"]).status == 200


@pytest.mark.parametrize("condition", [
    {"Bool": {"kms:GrantIsForAWSResource": "true"}}, {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt"]}},
    {"StringEquals": {"kms:GranteePrincipal": "arn:aws:iam::111122223333:user/another"}}], ids=lambda one: next(iter(next(iter(one.values())))))
def test_17_a_grants_conditions(home: Account, prefix: str, condition: dict[str, Any]) -> None:
    caller = home.user(f"granter-{prefix}", allow("kms:CreateGrant", Condition=condition))
    key = home.root.must("kms", "CreateKey")["KeyMetadata"]["Arn"]
    told = caller.call("kms", "CreateGrant", KeyId=key, GranteePrincipal=caller.arn, Operations=["Decrypt"])
    assert_denied(told, "kms:CreateGrant", key, SILENT["identity"])


def test_19_a_name_is_taken_by_right_on_both(home: Account, prefix: str) -> None:
    for kind, operation, member in (("user", "UpdateUser", "UserName"), ("group", "UpdateGroup", "GroupName")):
        old, new_name = f"old-{prefix}", f"new-{prefix}"
        home.root.must("iam", f"Create{kind.title()}", **{member: old})
        caller = home.user(f"renamer-{kind}-{prefix}", allow(f"iam:{operation}", home.arn(kind, old)))
        told = caller.call("iam", operation, **{member: old, f"New{member}": new_name})
        assert_denied(told, f"iam:{operation}", home.arn(kind, new_name), SILENT["identity"])
        told = caller.call("iam", operation, **{member: old, "NewPath": "/admins/"})
        assert_denied(told, f"iam:{operation}", home.arn(kind, f"admins/{old}"), SILENT["identity"])
        home.root.must("iam", "PutUserPolicy", UserName=f"renamer-{kind}-{prefix}", PolicyName="inline", PolicyDocument=document(
            allow(f"iam:{operation}", [home.arn(kind, old), home.arn(kind, new_name)])))
        assert caller.call("iam", operation, **{member: old, f"New{member}": new_name}).status == 200


def test_20_a_known_upstream_gets_a_secret_without_the_right_to_read_it(home: Account, prefix: str) -> None:
    """As at AWS, and told in the documentation: the secret goes to the vendor that it is for."""
    caller = home.user(f"maker-{prefix}", allow("ecr:*"), allow("iam:CreateServiceLinkedRole"))
    secret = home.weir.secret(prefix, token=f"token-of-{prefix}")
    rule = {"ecrRepositoryPrefix": prefix, "credentialArn": secret}
    assert caller.call("ecr", "CreatePullThroughCacheRule", upstreamRegistryUrl="registry-1.docker.io", **rule).status == 200


def test_20_a_change_of_the_secret_is_asked_again(home: Account, prefix: str) -> None:
    first, other = (home.weir.secret(f"{prefix}-{name}", token=f"token-of-{name}") for name in ("one", "two"))
    caller = home.user(f"maker-{prefix}", allow("ecr:*"), allow("secretsmanager:GetSecretValue", first))
    rule = {"ecrRepositoryPrefix": prefix}
    assert caller.call("ecr", "CreatePullThroughCacheRule", upstreamRegistryUrl="mine.example", credentialArn=first, **rule).status == 200
    told = caller.call("ecr", "UpdatePullThroughCacheRule", credentialArn=other, **rule)
    assert_denied(told, "secretsmanager:GetSecretValue", other, SILENT["identity"])


def test_21_a_name_in_another_case_is_no_way_around_a_deny(home: Account, prefix: str) -> None:
    """Names are unique without regard to case, so that nothing else can bear the denied one's."""
    home.user(f"admin-{prefix}")
    caller = home.user(f"caller-{prefix}", allow("iam:*"), deny("iam:*", home.arn("user", f"admin-{prefix}")))
    for name in (f"admin-{prefix}", f"ADMIN-{prefix}", f"Admin-{prefix}"):
        told = caller.call("iam", "CreateAccessKey", UserName=name)
        assert told.is_denied, f"{name}: {told}"
        told = caller.call("iam", "CreateUser", UserName=name)
        assert told.code in ("EntityAlreadyExists", "AccessDenied"), f"{name}: {told}"


@pytest.mark.parametrize("pattern, action, is_denied", [
    ("iam:*Key*", "CreateAccessKey", True), ("IAM:createACCESSkey", "CreateAccessKey", True), ("iam:Create?ccessKey", "CreateAccessKey", True),
    ("iam:Pass?ole", "CreateAccessKey", False), ("iam:CreateAccess?Key", "CreateAccessKey", False), ("i*:*", "CreateAccessKey", None)])
def test_21_wildcards_in_actions(home: Account, prefix: str, pattern: str, action: str, is_denied: bool | None) -> None:
    """None: a vendor is written out, and such a policy is not saved."""
    if is_denied is None:
        told = home.root.call("iam", "CreatePolicy", PolicyName=f"vendor-{prefix}", PolicyDocument=document(deny(pattern)))
        assert (told.status, told.code) == (400, "MalformedPolicyDocument"), told
        return
    caller = home.user(f"caller-{prefix}", allow("iam:*"), deny(pattern))
    told = caller.call("iam", action, UserName=f"caller-{prefix}")
    if is_denied:
        assert_denied(told, f"iam:{action}", tail=EXPLICIT["identity"])
    else:
        assert told.status == 200, told


def test_22_services_paths_are_not_for_people(home: Account, prefix: str) -> None:
    told = home.administrator.call("iam", "CreateRole", RoleName=f"role-{prefix}", Path="/aws-service-role/ecr.amazonaws.com/",
                                   AssumeRolePolicyDocument=trust(ACCOUNT))
    assert told.status == 400 and told.code in ("InvalidInput", "ValidationError"), told
    made = home.root.must("iam", "CreateServiceLinkedRole", AWSServiceName="pullthroughcache.ecr.amazonaws.com")["Role"]
    for operation, members in (
        ("AttachRolePolicy", {"PolicyArn": ADMINISTRATOR}), ("PutRolePolicy", MADE), ("UpdateAssumeRolePolicy", {"PolicyDocument": trust(ACCOUNT)}),
        ("DeleteRole", {}), ("UpdateRole", {"Description": "mine"}), ("PutRolePermissionsBoundary", {"PermissionsBoundary": ADMINISTRATOR}),
    ):
        told = home.root.call("iam", operation, RoleName=made["RoleName"], **members)
        assert (told.status, told.code) == (400, "UnmodifiableEntity"), f"{operation}: {told}"


@pytest.mark.parametrize("operation, members", [
    ("RevokeSessions", {"principal": "user/administrator"}), ("ExportIdentity", {}), ("ListAccounts", {}), ("CreateAccount", {}), ("ListKeys", {}),
    ("RemoveKey", {"accessKeyId": "AKIA" + "A" * 16}), ("CreateRootKey", {"accountId": ACCOUNT}), ("DisableAccount", {"accountId": ACCOUNT}),
    ("StartGarbageCollection", {}), ("ListRuns", {})], ids=lambda one: one if isinstance(one, str) else "")
@pytest.mark.parametrize("rights", ["ecr", "read only"])
def test_23_the_operators_rights_are_their_own(
    home: Account, server: Weir, prefix: str, rights: str, operation: str, members: dict[str, str],
) -> None:
    """None is part of `ecr:*`, and a reader has none that changes anything."""
    reader = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    caller = home.user(f"op-{prefix}", *([allow("ecr:*"), allow("iam:*")] if rights == "ecr" else []), policies=reader if rights != "ecr" else ())
    told = send(signed(server, "ecr", operation, json.dumps(members), credentials=caller.credentials,
                       headers={"X-Amz-Target": f"Weir_20261122.{operation}"}))
    if rights == "ecr" or not operation.startswith("List"):
        assert told.status_code == 400 and "AccessDenied" in told.text and f"weir:{operation}" in told.text, told.text


def test_24_a_decoded_message_is_of_ones_own_account(home: Account, server: Weir, prefix: str) -> None:
    home.repository(f"{prefix}/app")
    bob = home.user(f"bob-{prefix}", deny("ecr:ListImages", Sid="NoLists"))
    told = bob.call("ecr", "ListImages", repositoryName=f"{prefix}/app")
    message = told.headers["X-Weir-Authorization-Message"]
    assert_denied(bob.call("sts", "DecodeAuthorizationMessage", EncodedMessage=message), "sts:DecodeAuthorizationMessage", "*")
    decoded = json.loads(home.administrator.must("sts", "DecodeAuthorizationMessage", EncodedMessage=message)["DecodedMessage"])
    assert (decoded["allowed"], decoded["explicitDeny"]) == (False, True)
    assert decoded["matchedStatements"]["items"][0]["statementId"] == "NoLists"
    assert decoded["context"]["principal"]["arn"] == bob.arn and decoded["context"]["action"] == "ecr:ListImages"
    stranger = Account.another(server, "222233334444")
    refused = stranger.root.call("sts", "DecodeAuthorizationMessage", EncodedMessage=message)
    assert (refused.status, refused.code) == (400, "InvalidAuthorizationMessageException"), refused
    broken = message[:-4] + ("AAAA" if message[-4:] != "AAAA" else "BBBB")
    refused = home.administrator.call("sts", "DecodeAuthorizationMessage", EncodedMessage=broken)
    assert (refused.status, refused.code) == (400, "InvalidAuthorizationMessageException"), refused
