"""IAM's policies: managed ones and their versions, those inside users, groups and roles, boundaries, the simulator, issuers; and
Terraform over all of IAM."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.expect import refused
from harness.terraform import Terraform, terraform
from harness.weir import ACCOUNT, Weir

DECLARED = Path(__file__).with_name("identity.tf")
READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"


def document(*statements: dict[str, Any]) -> str:
    every = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": every})


ANYTHING = document({"Action": "*"})
NOTHING = document({"Effect": "Deny", "Action": "*"})


@pytest.fixture
def weir(make_weir: Callable[..., Weir]) -> Weir:
    """An account that has nothing yet."""
    return make_weir()


@pytest.fixture
def iam(weir: Weir) -> Any:
    return weir.client("iam")


def test_a_managed_policy_and_its_versions(iam: Any) -> None:
    made = iam.create_policy(PolicyName="Deploy", Path="/team/", Description="ships", PolicyDocument=ANYTHING,
                             Tags=[{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}])["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/team/Deploy"
    assert (made["DefaultVersionId"], made["AttachmentCount"], "Description" in made) == ("v1", 0, False)
    with refused("EntityAlreadyExists", "A policy called deploy already exists."):
        iam.create_policy(PolicyName="deploy", PolicyDocument=ANYTHING)
    # White space, a plus and letters beyond ASCII come back as they were given.
    odd = '{\n\t"Version": "2012-10-17",\r\n "Statement": [{"Sid": "", "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a+b/é %2B"}]}'
    for number in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=odd, SetAsDefault=number == 5)["PolicyVersion"]
        assert (version["VersionId"], version["IsDefaultVersion"], "Document" in version) == (f"v{number}", number == 5, False)
    with refused("LimitExceeded", "A managed policy can have up to 5 versions."):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=ANYTHING)
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v4")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=ANYTHING)["PolicyVersion"]["VersionId"] == "v6"
    pages = iam.get_paginator("list_policy_versions").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 2})
    assert [one["VersionId"] for page in pages for one in page["Versions"]] == ["v6", "v5", "v3", "v2", "v1"]
    raw = iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"]
    assert raw == json.loads(odd)
    with refused("DeleteConflict", "This policy has more than one version."):
        iam.delete_policy(PolicyArn=arn)
    for version in ("v6", "v3", "v2", "v1"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found."):
        iam.get_policy(PolicyArn=arn)


def test_awss_managed_policies(iam: Any) -> None:
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 5})
    listed = {one["Arn"]: one for page in pages for one in page["Policies"]}
    assert len(listed) == 19 and READ_ONLY in listed
    told = iam.get_policy(PolicyArn=READ_ONLY)["Policy"]
    assert told["DefaultVersionId"] == "v3"
    actions = iam.get_policy_version(PolicyArn=READ_ONLY, VersionId="v3")["PolicyVersion"]["Document"]["Statement"][0]["Action"]
    assert "ecr:BatchGetImage" in actions and "ecr:PutImage" not in actions
    everything = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    version = iam.get_policy(PolicyArn=everything)["Policy"]["DefaultVersionId"]
    assert len(iam.get_policy_version(PolicyArn=everything, VersionId=version)["PolicyVersion"]["Document"]["Statement"]) >= 1
    with refused("AccessDenied"):
        iam.create_policy_version(PolicyArn=READ_ONLY, PolicyDocument=ANYTHING, SetAsDefault=True)
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.attach_user_policy(UserName=user(iam), PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")


def user(iam: Any, name: str = "bob") -> str:
    iam.create_user(UserName=name)
    return name


def test_policies_on_a_user(iam: Any) -> None:
    bob = user(iam)
    iam.attach_user_policy(UserName=bob, PolicyArn=READ_ONLY)
    iam.attach_user_policy(UserName="BOB", PolicyArn=READ_ONLY)
    assert iam.list_attached_user_policies(UserName=bob)["AttachedPolicies"] == [
        {"PolicyName": "AmazonEC2ContainerRegistryReadOnly", "PolicyArn": READ_ONLY}]
    assert [one["UserName"] for one in iam.list_entities_for_policy(PolicyArn=READ_ONLY)["PolicyUsers"]] == [bob]
    assert [one["Arn"] for one in iam.list_policies(OnlyAttached=True)["Policies"]] == [READ_ONLY]
    iam.put_user_policy(UserName=bob, PolicyName="own", PolicyDocument=ANYTHING)
    assert iam.get_user_policy(UserName=bob, PolicyName="own")["PolicyDocument"] == json.loads(ANYTHING)
    with refused("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user bob"):
        iam.put_user_policy(UserName=bob, PolicyName="long", PolicyDocument=document({"Action": ["s3:" + "a" * 100 + str(n) for n in range(20)]}))
    for text in ("{", "{}", document({"Action": "*", "Principal": "*"}), document({"Action": "nonsense"})):
        with refused("MalformedPolicyDocument"):
            iam.put_user_policy(UserName=bob, PolicyName="bad", PolicyDocument=text)
    iam.put_user_permissions_boundary(UserName=bob, PermissionsBoundary=READ_ONLY)
    assert iam.get_user(UserName=bob)["User"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": READ_ONLY}
    iam.delete_user_permissions_boundary(UserName=bob)
    with refused("NoSuchEntity", "The user policy with name none cannot be found."):
        iam.delete_user_policy(UserName=bob, PolicyName="none")
    iam.detach_user_policy(UserName=bob, PolicyArn=READ_ONLY)
    with refused("NoSuchEntity", f"Policy {READ_ONLY} was not found."):
        iam.detach_user_policy(UserName=bob, PolicyArn=READ_ONLY)


def test_the_simulator(iam: Any) -> None:
    bob = user(iam)
    statement = {"Action": "ecr:*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    iam.put_user_policy(UserName=bob, PolicyName="own", PolicyDocument=document(statement))
    arn = f"arn:aws:iam::{ACCOUNT}:user/{bob}"
    (told,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["ecr:PutImage"])["EvaluationResults"]
    assert (told["EvalDecision"], told["MissingContextValues"]) == ("implicitDeny", ["aws:SourceIp"])
    near = [{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "ip"}]
    (told,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["ecr:PutImage"], ContextEntries=near)["EvaluationResults"]
    assert told["EvalDecision"] == "allowed"
    (match,) = told["MatchedStatements"]
    assert (match["SourcePolicyId"], match["SourcePolicyType"]) == ("user_bob_own", "IAM Policy")
    assert match["StartPosition"] == {"Line": 1, "Column": 41}
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"] == ["aws:SourceIp"]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[ANYTHING], PermissionsBoundaryPolicyInputList=[document({"Action": "s3:*"})],
        ActionNames=["s3:GetObject", "ecr:PutImage"], ResourceArns=["arn:aws:s3:::a/b", "*"], PaginationConfig={"PageSize": 1})
    told = [(one["EvalActionName"], one["EvalResourceName"], one["EvalDecision"]) for page in pages for one in page["EvaluationResults"]]
    assert told == [("s3:GetObject", "arn:aws:s3:::a/b", "allowed"), ("s3:GetObject", "*", "allowed"),
                    ("ecr:PutImage", "arn:aws:s3:::a/b", "implicitDeny"), ("ecr:PutImage", "*", "implicitDeny")]
    with refused("InvalidInput"):
        iam.simulate_principal_policy(PolicySourceArn=f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/x", ActionNames=["ecr:PutImage"])


def test_the_account(iam: Any) -> None:
    user(iam)
    summary = iam.get_account_summary()["SummaryMap"]
    assert len(summary) == 34 and summary["Users"] == 1
    iam.create_account_alias(AccountAlias="ours")
    assert iam.list_account_aliases()["AccountAliases"] == ["ours"]
    iam.delete_account_alias(AccountAlias="ours")
    details = iam.get_account_authorization_details()
    assert [one["UserName"] for one in details["UserDetailList"]] == ["bob"]


# Terraform

#: Attributes that are changed in place, and their new values.
CHANGES = [
    ('repository/apps/*"', 'repository/other/*"'), ('tags            = { team = "platform" }', 'tags            = { team = "other" }'),
    ('client_id_list  = ["sts.amazonaws.com"]', 'client_id_list  = ["sts.amazonaws.com", "weir"]'), ('status = "Active"', 'status = "Inactive"'),
    ("what the forge may do", "what the forge can do"), ("max_session_duration = 7200", "max_session_duration = 3600"),
    ('path                 = "/machines/"\n  permissions_boundary', 'path                 = "/robots/"\n  permissions_boundary'),
]

#: How each resource is imported, from its attributes: those that are not here, by their id.
IMPORTED_BY = {
    "aws_iam_user_policy_attachment": lambda values: f"{values['user']}/{values['policy_arn']}",
    "aws_iam_group_policy_attachment": lambda values: f"{values['group']}/{values['policy_arn']}",
    "aws_iam_role_policy_attachment": lambda values: f"{values['role']}/{values['policy_arn']}",
    "aws_iam_user_group_membership": lambda values: "/".join([values["user"], *values["groups"]]),
}
#: What an import does not tell is written once more.
REWRITTEN = {"aws_iam_user", "aws_iam_access_key"}


def test_terraform(weir: Weir, tmp_path: Path) -> None:
    iam = weir.client("iam")
    first = terraform(weir, tmp_path / "first", DECLARED)
    first.apply()
    first.assert_nothing_to_change()
    assert_looked_up(iam, first.outputs()["looked_up"])
    change_in_place(first)
    policy = f"arn:aws:iam::{ACCOUNT}:policy/platform/pull-apps"
    version = iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"]
    assert "repository/other/*" in json.dumps(iam.get_policy_version(PolicyArn=policy, VersionId=version)["PolicyVersion"]["Document"])
    assert iam.get_user(UserName="robot")["User"]["Path"] == "/robots/"
    second = imported(weir, tmp_path / "second", first)
    second.assert_nothing_to_change()
    second.destroy()
    assert iam.list_users()["Users"] == iam.list_groups()["Groups"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert [role for role in iam.list_roles()["Roles"] if not role["Path"].startswith("/aws-service-role/")] == []


def assert_looked_up(iam: Any, found: Any) -> None:
    assert found["user"] == iam.get_user(UserName="robot")["User"]["UserId"]
    assert found["members"] == ["robot"]
    assert found["role"] == iam.get_role(RoleName="ci")["Role"]["RoleId"]
    assert found["policy"].startswith("ANPA") and found["read_only"] == READ_ONLY
    assert (found["audiences"], found["profile"], found["alias"]) == (["sts.amazonaws.com"], "ci", "platform-team")
    assert found["decisions"] == ["allowed", "allowed"]


def change_in_place(terraform: Terraform) -> None:
    path = terraform.folder / DECLARED.name
    text = path.read_text()
    for before, after in CHANGES:
        assert before in text, before
        text = text.replace(before, after)
    path.write_text(text)
    actions = {address: change["action"] for address, change in terraform.plan().items()}
    assert set(actions.values()) == {"update"} and len(actions) >= 6, actions
    terraform.apply_planned()
    terraform.assert_nothing_to_change()


def imported(weir: Weir, folder: Path, first: Terraform) -> Terraform:
    """Another state that has imported the first one's resources, and found them as declared."""
    second = terraform(weir, folder, DECLARED)
    shutil.copy(first.folder / DECLARED.name, folder)
    blocks = []
    for address, values in first.state().items():
        found_by = IMPORTED_BY.get(address.partition(".")[0], lambda values: values["id"])(values)
        blocks.append(f'import {{\n  to = {address}\n  id = "{found_by}"\n}}\n')
    (folder / "imports.tf").write_text("\n".join(blocks))
    changes = second.plan()
    assert len(changes) == len(blocks)
    for address, change in changes.items():
        assert "importing" in change, change
        assert change["action"] == "import" or address.partition(".")[0] in REWRITTEN, change
    second.apply_planned()
    return second
