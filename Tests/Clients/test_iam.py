"""IAM's users, groups, roles, instance profiles and access keys, by boto3."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.expect import refused
from harness.secrets_seen import WATCH
from harness.weir import ACCOUNT, Weir

HOME = f"arn:aws:iam::{ACCOUNT}"
CLIENTS = 32


def trust(principal: Any = "*", **members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **members}]})


def client(weir: Weir, service: str, key: dict[str, Any]) -> Any:
    """boto3 that signs with an access key as CreateAccessKey answers it."""
    return boto3.client(
        service, region_name=weir.region, endpoint_url=weir.url, aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=WATCH.plant(key["SecretAccessKey"], "a user's secret access key"),
        config=Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=120, max_pool_connections=CLIENTS))


def at_once(work: Callable[[int], Any], count: int = CLIENTS) -> list[Any]:
    """What `work` returns or raises, begun by as many threads at the same moment."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        barrier.wait()
        try:
            return work(number)
        except ClientError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def codes(outcomes: Iterable[Any]) -> list[str]:
    return sorted(o.response["Error"]["Code"] if isinstance(o, ClientError) else "done" for o in outcomes)


# Users and groups

def test_a_users_life(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    made = iam.create_user(UserName=prefix, Path="/team/", Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": ""}])["User"]
    assert re.fullmatch("AIDA[A-Z2-7]{17}", made["UserId"]) and made["Arn"] == f"{HOME}:user/team/{prefix}"
    assert made["Tags"] == [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}]
    with refused("EntityAlreadyExists", f"User with name {prefix.upper()} already exists."):
        iam.create_user(UserName=prefix.upper())
    iam.update_user(UserName=prefix, NewUserName=f"{prefix}-new", NewPath="/")
    told = iam.get_user(UserName=f"{prefix}-new")["User"]
    assert (told["UserId"], told["Arn"]) == (made["UserId"], f"{HOME}:user/{prefix}-new")
    with refused("NoSuchEntity", f"The user with name {prefix} cannot be found."):
        iam.get_user(UserName=prefix)
    iam.create_group(GroupName=f"{prefix}-g")
    iam.add_user_to_group(GroupName=f"{prefix}-g", UserName=told["UserName"])
    iam.add_user_to_group(GroupName=f"{prefix}-g", UserName=told["UserName"])
    assert [user["UserId"] for user in iam.get_group(GroupName=f"{prefix}-g")["Users"]] == [made["UserId"]]
    key = iam.create_access_key(UserName=told["UserName"])["AccessKey"]
    for text, step in (
        ("Cannot delete entity, must delete access keys first.",
         lambda: iam.delete_access_key(UserName=told["UserName"], AccessKeyId=key["AccessKeyId"])),
        ("Cannot delete entity, must remove users from group first.",
         lambda: iam.remove_user_from_group(GroupName=f"{prefix}-g", UserName=told["UserName"])),
    ):
        with refused("DeleteConflict", text):
            iam.delete_user(UserName=told["UserName"])
        step()
    iam.delete_user(UserName=told["UserName"])
    iam.delete_group(GroupName=f"{prefix}-g")


def test_what_terraform_looks_for_before_it_deletes_a_user(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    iam.create_user(UserName=prefix)
    assert iam.list_ssh_public_keys(UserName=prefix)["SSHPublicKeys"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_mfa_devices(UserName=prefix)["MFADevices"] == []
    assert iam.list_signing_certificates(UserName=prefix)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=prefix)["ServiceSpecificCredentials"] == []
    with refused("NoSuchEntity", f"Login Profile for User {prefix} cannot be found."):
        iam.delete_login_profile(UserName=prefix)
    iam.delete_user(UserName=prefix)


def test_pages_hold_everything_once(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    path = f"/{prefix}/"
    names = [f"{prefix}-{letter}" for letter in "cAbEd"]
    for name in names:
        iam.create_user(UserName=name, Path=path)
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == sorted(names, key=str.lower)
    # A prefix is one of the text, and `_` and `%` are themselves.
    assert len(iam.list_users(PathPrefix=path[:-1])["Users"]) == 5
    assert iam.list_users(PathPrefix=path[:-2] + "_")["Users"] == []
    with refused("ValidationError", "Invalid Marker."):
        iam.list_users(PathPrefix="/", Marker=pages[0]["Marker"])


def test_all_that_is_wrong_is_told_at_once(weir: Weir) -> None:
    iam = weir.client("iam", unchecked=True)
    with refused("ValidationError", "3 validation errors detected: Value at 'userName' failed to satisfy constraint: "):
        iam.create_user(UserName="a b", Path="x", Tags=[{"Key": "k", "Value": "v" * 257}])


@pytest.mark.parametrize("name", [" root", "*", "a/*", "${aws:username}", "a:b", "\u212a", "\u017f", "a\x00"])
def test_names_that_are_none(weir: Weir, name: str) -> None:
    with pytest.raises(ClientError) as error:
        weir.client("iam", unchecked=True).create_user(UserName=name)
    assert error.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("name", ["root", "Root", "AdministratorAccess", ACCOUNT])
def test_no_name_is_a_right(weir: Weir, name: str) -> None:
    iam = weir.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client(weir, "iam", key)
    assert client(weir, "sts", key).get_caller_identity()["Arn"] == f"{HOME}:user/{name}"
    for call in (own.list_users, own.get_user, own.create_access_key, own.list_access_keys):
        with refused("AccessDenied", f"User: {HOME}:user/{name} is not authorized to perform: iam:"):
            call()
    with refused("AccessDenied", ""):
        own.delete_access_key(AccessKeyId=weir.credentials["aws_access_key_id"])
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_a_denial_tells_nothing_of_what_there_is(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    iam.create_user(UserName=prefix)
    iam.create_user(UserName=f"{prefix}-here", Path="/hidden/")
    own = client(weir, "iam", iam.create_access_key(UserName=prefix)["AccessKey"])

    def told(name: str) -> str:
        with pytest.raises(ClientError) as error:
            own.get_user(UserName=name)
        return error.value.response["Error"]["Message"].replace(name, "NAME")

    assert told(f"{prefix}-here") == told(f"{prefix}-gone")


# Access keys

def test_a_key_tells_its_account_and_its_secret_once(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    iam.create_user(UserName=prefix)
    key = iam.create_access_key(UserName=prefix)["AccessKey"]
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"]) and re.fullmatch("[A-Za-z0-9+/]{40}", key["SecretAccessKey"])
    listed = iam.list_access_keys(UserName=prefix)["AccessKeyMetadata"]
    assert [sorted(one) for one in listed] == [["AccessKeyId", "CreateDate", "Status", "UserName"]]
    assert iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    client(weir, "sts", key).get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == (prefix, "sts")
    iam.create_access_key(UserName=prefix)
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"):
        iam.create_access_key(UserName=prefix)
    unknown = "AKIANOBODYHASTHISKEY"
    with refused("AccessDenied", f"is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {unknown}"):
        iam.get_access_key_last_used(AccessKeyId=unknown)


def test_keys_and_users_are_there_after_a_restart(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    iam = weir.client("iam")
    iam.create_user(UserName="bob")
    kept, lost = (iam.create_access_key(UserName="bob")["AccessKey"] for _ in range(2))
    iam.update_access_key(UserName="bob", AccessKeyId=lost["AccessKeyId"], Status="Inactive")
    client(weir, "sts", kept).get_caller_identity()
    weir.restart()
    assert client(weir, "sts", kept).get_caller_identity()["Arn"] == f"{HOME}:user/bob"
    assert weir.client("iam").get_access_key_last_used(AccessKeyId=kept["AccessKeyId"])["AccessKeyLastUsed"]["ServiceName"] == "sts"
    with refused("InvalidClientTokenId", ""):
        client(weir, "sts", lost).get_caller_identity()


@pytest.mark.parametrize("how", ["inactive", "deleted"])
def test_no_request_that_begins_after_the_answer_succeeds(weir: Weir, prefix: str, how: str) -> None:
    """Clients call without pause while the key is taken away."""
    iam = weir.client("iam")
    iam.create_user(UserName=prefix)
    key = iam.create_access_key(UserName=prefix)["AccessKey"]
    sts = client(weir, "sts", key)
    sts.get_caller_identity()
    over, ready = threading.Event(), threading.Barrier(CLIENTS + 1)

    def call(_: int) -> tuple[int, list[str]]:
        ready.wait()
        late: list[str] = []
        early = 0
        while len(late) < 5:
            begins_late = over.is_set()
            outcome = codes([attempt()])[0]
            if begins_late:
                late.append(outcome)
            else:
                early += 1
        return early, late

    def attempt() -> Any:
        try:
            return sts.get_caller_identity()
        except ClientError as error:
            return error

    with ThreadPoolExecutor(CLIENTS) as pool:
        callers = [pool.submit(call, number) for number in range(CLIENTS)]
        ready.wait()
        if how == "inactive":
            iam.update_access_key(UserName=prefix, AccessKeyId=key["AccessKeyId"], Status="Inactive")
        else:
            iam.delete_access_key(UserName=prefix, AccessKeyId=key["AccessKeyId"])
        over.set()
        outcomes = [caller.result() for caller in callers]
    assert {code for _, late in outcomes for code in late} == {"InvalidClientTokenId"}


# Many at once

def test_of_many_who_make_one_name_one_does(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    makers = [lambda n: iam.create_user(UserName=prefix if n % 2 else prefix.upper()),
              lambda n: iam.create_group(GroupName=prefix),
              lambda n: iam.create_role(RoleName=prefix, AssumeRolePolicyDocument=trust()),
              lambda n: iam.create_instance_profile(InstanceProfileName=prefix)]
    for make in makers:
        assert codes(at_once(make)) == ["EntityAlreadyExists"] * (CLIENTS - 1) + ["done"]
    assert codes(at_once(lambda n: iam.create_access_key(UserName=prefix))) == ["LimitExceeded"] * (CLIENTS - 2) + ["done"] * 2
    for number in range(12):
        iam.create_group(GroupName=f"{prefix}-{number}")
    joined = at_once(lambda n: iam.add_user_to_group(GroupName=f"{prefix}-{n}", UserName=prefix), 12)
    assert codes(joined) == ["LimitExceeded"] * 2 + ["done"] * 10


def test_a_user_is_deleted_or_gets_a_key_and_never_both(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    for number in range(10):
        name = f"{prefix}-{number}"
        iam.create_user(UserName=name)
        made, gone = at_once(
            lambda n: iam.delete_user(UserName=name) if n else iam.create_access_key(UserName=name), 2)  # noqa: B023
        assert isinstance(made, ClientError) != isinstance(gone, ClientError), (made, gone)


# Who has the name of one who is gone

def test_another_of_the_same_name_inherits_nothing(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    old = iam.create_user(UserName=prefix, Tags=[{"Key": "team", "Value": "a"}])["User"]
    iam.create_group(GroupName=prefix)
    iam.add_user_to_group(GroupName=prefix, UserName=prefix)
    iam.create_role(RoleName=prefix, AssumeRolePolicyDocument=trust({"AWS": old["Arn"]}))
    key = iam.create_access_key(UserName=prefix)["AccessKey"]
    iam.delete_access_key(UserName=prefix, AccessKeyId=key["AccessKeyId"])
    iam.remove_user_from_group(GroupName=prefix, UserName=prefix)
    iam.delete_user(UserName=prefix)
    new = iam.create_user(UserName=prefix)["User"]
    assert new["UserId"] != old["UserId"] and new["Arn"] == old["Arn"]
    assert iam.list_user_tags(UserName=prefix)["Tags"] == []
    assert iam.list_groups_for_user(UserName=prefix)["Groups"] == []
    assert iam.list_access_keys(UserName=prefix)["AccessKeyMetadata"] == []
    with refused("InvalidClientTokenId", ""):
        client(weir, "sts", key).get_caller_identity()
    shown = iam.get_role(RoleName=prefix)["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": old["UserId"]}
    # What was read can be saved again.
    iam.update_assume_role_policy(RoleName=prefix, PolicyDocument=json.dumps(shown))
    assert iam.get_role(RoleName=prefix)["Role"]["AssumeRolePolicyDocument"] == shown


# Roles and instance profiles

def test_a_roles_life(weir: Weir, prefix: str) -> None:
    iam = weir.client("iam")
    made = iam.create_role(
        RoleName=prefix, Path="/ci/", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}), Description="a+b c", MaxSessionDuration=7_200)["Role"]
    assert re.fullmatch("AROA[A-Z2-7]{17}", made["RoleId"])
    assert not {"Description", "MaxSessionDuration", "RoleLastUsed"} & set(made)
    told = iam.get_role(RoleName=prefix)["Role"]
    assert (told["Description"], told["MaxSessionDuration"], told["RoleLastUsed"]) == ("a+b c", 7_200, {})
    assert told["AssumeRolePolicyDocument"] == json.loads(trust({"AWS": ACCOUNT}))
    iam.update_role(RoleName=prefix, MaxSessionDuration=3_600)
    assert iam.update_role_description(RoleName=prefix, Description="new")["Role"]["Description"] == "new"
    listed = next(role for role in iam.list_roles(PathPrefix="/ci/")["Roles"] if role["RoleName"] == prefix)
    assert (listed["MaxSessionDuration"], "RoleLastUsed" in listed) == (3_600, False)
    nobody = f"{HOME}:user/{prefix}-nobody"
    with refused("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{nobody}"'):
        iam.update_assume_role_policy(RoleName=prefix, PolicyDocument=trust({"AWS": nobody}))
    with refused("MalformedPolicyDocument", ""):
        iam.update_assume_role_policy(RoleName=prefix, PolicyDocument="{")
    iam.create_instance_profile(InstanceProfileName=prefix)
    iam.add_role_to_instance_profile(InstanceProfileName=prefix, RoleName=prefix)
    assert len(iam.list_instance_profiles_for_role(RoleName=prefix)["InstanceProfiles"]) == 1
    with refused("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"):
        iam.add_role_to_instance_profile(InstanceProfileName=prefix, RoleName=prefix)
    with refused("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first."):
        iam.delete_role(RoleName=prefix)
    iam.remove_role_from_instance_profile(InstanceProfileName=prefix, RoleName=prefix)
    iam.delete_instance_profile(InstanceProfileName=prefix)
    iam.delete_role(RoleName=prefix)


def test_service_linked_roles_belong_to_their_services(weir: Weir) -> None:
    iam = weir.client("iam")
    service = "replication.ecr.amazonaws.com"
    made = iam.create_service_linked_role(AWSServiceName=service)["Role"]
    assert made["Arn"] == f"{HOME}:role/aws-service-role/{service}/AWSServiceRoleForECRReplication"
    with refused("InvalidInput", "has been taken in this account, please try a different suffix."):
        iam.create_service_linked_role(AWSServiceName=service)
    with refused("InvalidInput", f"Custom suffix is not allowed for {service}"):
        iam.create_service_linked_role(AWSServiceName=service, CustomSuffix="x")
    with refused("UnmodifiableEntity", ""):
        iam.delete_role(RoleName=made["RoleName"])
    task = iam.delete_service_linked_role(RoleName=made["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
