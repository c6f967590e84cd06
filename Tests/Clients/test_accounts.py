"""Accounts, access keys, and why something is denied: the program's commands against the running server."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from harness.processes import clean_environment, run
from harness.weir import ACCOUNT, PROGRAM, REGION, Weir

OTHER = "444455556666"


def command(weir: Weir, *words: str, key: dict[str, str] | None = None, check: bool = True) -> Any:
    """Runs a command of the program: as the home account's root, or with the key of another account."""
    environment = clean_environment(weir.folder / "home")
    told = ["--endpoint", weir.url]
    if key:
        environment |= {"AWS_ACCESS_KEY_ID": key["accessKeyId"], "AWS_SECRET_ACCESS_KEY": key["secretAccessKey"]}
        # A folder without credentials: the environment's key counts.
        environment["WEIR_DATA"] = str(weir.folder / "nothing")
    else:
        told += ["--data", str(weir.data)]
    return run([PROGRAM, *words, *told], environment, check=check)


def answer(weir: Weir, *words: str, key: dict[str, str] | None = None) -> Any:
    return json.loads(command(weir, *words, "--output", "json", key=key).stdout)


def client(weir: Weir, service: str, key: dict[str, str]) -> Any:
    return boto3.client(
        service, endpoint_url=weir.url, region_name=REGION, aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=key["secretAccessKey"], config=Config(retries={"max_attempts": 0}))


@pytest.fixture
def other(make_weir: Any) -> tuple[Weir, dict[str, str]]:
    weir = make_weir()
    return weir, answer(weir, "accounts", "create", OTHER, "--alias", "team-b")["accessKey"]


# Accounts

def test_two_accounts_live_side_by_side(other: tuple[Weir, dict[str, str]]) -> None:
    weir, key = other
    assert client(weir, "sts", key).get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:root"
    weir.repository("team/app")
    theirs = client(weir, "ecr", key)
    theirs.create_repository(repositoryName="team/app")
    assert theirs.describe_repositories()["repositories"][0]["registryId"] == OTHER
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        theirs.describe_repositories(registryId=ACCOUNT)
    listed = {one["accountId"]: one for one in answer(weir, "accounts")["accounts"]}
    assert listed[ACCOUNT]["isHome"] and listed[ACCOUNT]["repositories"] == 1
    assert listed[OTHER]["alias"] == "team-b" and listed[OTHER]["rootKeys"] == 1 and not listed[OTHER]["isHome"]
    assert "team-b" in command(weir, "accounts").stdout and "home" in command(weir, "accounts").stdout


def test_a_disabled_account_opens_nothing_until_it_is_enabled(other: tuple[Weir, dict[str, str]]) -> None:
    weir, key = other
    theirs = client(weir, "ecr", key)
    theirs.create_repository(repositoryName="team/app")
    data = theirs.get_authorization_token()["authorizationData"][0]
    password = base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]
    session = weir.distribution(password=password)
    assert session.request("GET", "/v2/").status_code == 200
    command(weir, "accounts", "disable", OTHER)
    for _ in range(2):
        with pytest.raises(botocore.exceptions.ClientError, match="UnrecognizedClientException"):
            theirs.describe_repositories()
        assert session.request("GET", "/v2/").status_code == 401
        weir.restart()
    assert "disabled since" in command(weir, "accounts").stdout
    command(weir, "accounts", "enable", OTHER)
    assert theirs.describe_repositories()["repositories"]


def test_root_keys_are_replaced(other: tuple[Weir, dict[str, str]]) -> None:
    weir, key = other
    second = answer(weir, "accounts", "root-key", OTHER)["accessKey"]
    assert client(weir, "sts", key).get_caller_identity()["Account"] == OTHER
    assert command(weir, "accounts", "root-key", OTHER, check=False).returncode == 1
    replaced = answer(weir, "accounts", "root-key", OTHER, "--replace")
    assert sorted(replaced["removed"]) == sorted([key["accessKeyId"], second["accessKeyId"]])
    for gone in (key, second):
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
            client(weir, "sts", gone).get_caller_identity()
    # A start ends earlier root keys of the home account alone.
    weir.restart()
    assert client(weir, "sts", replaced["accessKey"]).get_caller_identity()["Account"] == OTHER
    log = weir.output
    assert key["secretAccessKey"] not in log and replaced["accessKey"]["secretAccessKey"] not in log
    assert replaced["accessKey"]["secretAccessKey"] not in weir.audit.read_text()


def test_only_the_home_account_manages_accounts(other: tuple[Weir, dict[str, str]]) -> None:
    weir, key = other
    for words in (["accounts"], ["accounts", "create"], ["accounts", "disable", OTHER], ["accounts", "root-key", OTHER]):
        refused = command(weir, *words, key=key, check=False)
        assert refused.returncode == 1 and "AccessDenied" in refused.stderr
    for words in (["accounts", "disable", ACCOUNT], ["accounts", "root-key", ACCOUNT], ["accounts", "enable", "999900001111"]):
        assert command(weir, *words, check=False).returncode == 1


def test_keys_are_listed_and_removed(other: tuple[Weir, dict[str, str]]) -> None:
    weir, key = other
    own = answer(weir, "keys", key=key)["keys"]
    assert [one["accessKeyId"] for one in own] == [key["accessKeyId"]]
    assert {one["accountId"] for one in answer(weir, "keys")["keys"]} == {ACCOUNT, OTHER}
    home = weir.credentials["aws_access_key_id"]
    assert command(weir, "keys", "remove", home, key=key, check=False).returncode == 1
    assert command(weir, "keys", "remove", home, check=False).returncode == 1
    command(weir, "keys", "remove", key["accessKeyId"])
    with pytest.raises(botocore.exceptions.ClientError):
        client(weir, "sts", key).get_caller_identity()


# Why

@pytest.fixture
def bob(make_weir: Any) -> tuple[Weir, dict[str, str]]:
    """A user who may pull team/* from 10.0.0.0/8."""
    weir = make_weir()
    weir.repository("team/app")
    iam = weir.client("iam")
    iam.create_user(UserName="bob")
    arn = iam.create_policy(PolicyName="pull-team", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "Team", "Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Resource": weir.arn("team/*"), "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]}))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    made = iam.create_access_key(UserName="bob")["AccessKey"]
    return weir, {"accessKeyId": made["AccessKeyId"], "secretAccessKey": made["SecretAccessKey"]}


def test_a_denial_is_explained_down_to_the_condition(bob: tuple[Weir, dict[str, str]]) -> None:
    weir, key = bob
    denied = command(weir, "why", "user/bob", "ecr:BatchGetImage", "team/app", check=False)
    assert denied.returncode == 1
    for part in ("pull-team", "'Team'", "IpAddress", "aws:sourceip", "10.0.0.0/8", "127.0.0.1"):
        assert part in denied.stdout, denied.stdout
    allowed = command(weir, "why", "user/bob", "ecr:BatchGetImage", "team/app", "--context", "aws:SourceIp=10.1.2.3")
    assert "allowed" in allowed.stdout and "'Team'" in allowed.stdout
    image = command(weir, "why", "team/app:1", "--as", "user/bob", check=False)
    assert "ecr:GetDownloadUrlForLayer" in image.stdout and image.returncode == 1
    # The user may not ask.
    assert "weir:ExplainAuthorization" in command(
        weir, "why", "user/bob", "ecr:BatchGetImage", "team/app", key=key, check=False).stderr
    # What is explained is what happens.
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client(weir, "ecr", key).batch_get_image(repositoryName="team/app", imageIds=[{"imageTag": "1"}])
    (decision,) = json.loads(command(
        weir, "why", "user/bob", "ecr:BatchGetImage", "team/app", "--output", "json", check=False).stdout)["decisions"]
    assert decision["message"] == refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("words", [
    ("user/nobody", "ecr:PutImage", "*"), ("bob", "ecr:PutImage", "*"), ("user/bob", "ecr", "*"),
    ("user/bob", "ecr:PutImage", "UPPER"), ("arn:aws:iam::999900001111:user/bob", "ecr:PutImage", "*"),
])
def test_what_cannot_be_asked_is_refused(bob: tuple[Weir, dict[str, str]], words: tuple[str, ...]) -> None:
    weir, _ = bob
    refused = command(weir, "why", *words, check=False)
    assert refused.returncode == 1 and "InvalidParameter" in refused.stderr


def test_policies_are_checked_and_exported(bob: tuple[Weir, dict[str, str]]) -> None:
    weir, key = bob
    assert command(weir, "iam", "check", "--strict").returncode == 0
    weir.client("iam").put_user_policy(UserName="bob", PolicyName="self", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "*"}]}))
    found = command(weir, "iam", "check", "--strict", check=False)
    assert found.returncode == 1 and "user/bob" in found.stdout and "iam:PutUserPolicy" in found.stdout
    assert command(weir, "iam", "check").returncode == 0
    exported = command(weir, "iam", "export").stdout
    (user,) = json.loads(exported)["UserDetailList"]
    assert user["Name"] == "bob" and user["Policies"][0]["PolicyName"] == "self"
    assert key["secretAccessKey"] not in exported


def test_sessions_are_revoked(bob: tuple[Weir, dict[str, str]]) -> None:
    weir, key = bob
    iam = weir.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    made = client(weir, "sts", key).assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    session = boto3.client(
        "sts", endpoint_url=weir.url, region_name=REGION, aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"], aws_session_token=made["SessionToken"])
    assert session.get_caller_identity()["Arn"].endswith(":assumed-role/ci/one")
    command(weir, "iam", "revoke-sessions", "role/ci")
    with pytest.raises(botocore.exceptions.ClientError):
        session.get_caller_identity()
    assert "allowed" in command(weir, "why", "user/bob", "sts:AssumeRole", role).stdout
