"""Sessions: AssumeRole and its chains, web identity, profiles of the aws CLI, registry tokens and what ends them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.certificates import Authority
from harness.distribution import Distribution
from harness.engines import Docker, Skopeo
from harness.images import random_layer, single
from harness.issuer import Issuer
from harness.processes import run
from harness.secrets_seen import WATCH
from harness.weir import ACCOUNT, AWS, Weir

Credentials = dict[str, str]
CLIENTS = 32


@pytest.fixture(scope="module")
def issuer(authority: Authority) -> Iterator[Issuer]:
    made = Issuer(authority.server())
    yield made
    made.stop()


@pytest.fixture
def house(make_weir: Callable[..., Weir], issuer: Issuer, authority: Authority) -> Weir:
    return make_weir(options=["--allow-private-issuer", issuer.host, "--upstream-authority", f"{issuer.host}={authority.ca}"])


def allow(*actions: str, resource: str = "*", **members: Any) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **members}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def trust(principal: dict[str, str], *actions: str, **members: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": list(actions or ("sts:AssumeRole",)), **members}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def session_of(answer: dict[str, Any]) -> Credentials:
    given = answer["Credentials"]
    WATCH.plant(given["SecretAccessKey"], "a session's secret")
    WATCH.plant(given["SessionToken"], "a session token")
    return {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"]}


def client(weir: Weir, service: str, credentials: Credentials) -> Any:
    configuration = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client(service, region_name=weir.region, endpoint_url=weir.url, config=configuration, **credentials)


def user(weir: Weir, name: str, *actions: str) -> Credentials:
    iam = weir.client("iam")
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow(*actions))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    WATCH.plant(key["SecretAccessKey"], "a user's secret")
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def role(weir: Weir, name: str, document: str, *actions: str, **members: Any) -> str:
    iam = weir.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **members)["Role"]["Arn"]
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow(*actions))
    return arn


def user_arn(name: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}


def refused(call: Callable[..., Any], code: str, **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def password(weir: Weir, credentials: Credentials) -> str:
    return client(weir, "ecr", credentials).get_authorization_token()["authorizationData"][0]["authorizationToken"]


def puller(weir: Weir, token: str) -> Distribution:
    made = Distribution(weir.url)
    made.session.headers["Authorization"] = f"Basic {WATCH.plant(token, 'a registry token')}"
    return made


# AssumeRole

def test_a_chain_of_roles(house: Weir) -> None:
    keys = user(house, "ann")
    first = role(house, "first", trust(user_arn("ann"), "sts:AssumeRole", "sts:TagSession"), "sts:*", "ecr:*", MaxSessionDuration=7200)
    second = role(house, "second", trust({"AWS": first}, "sts:AssumeRole", "sts:TagSession"), "ecr:*", MaxSessionDuration=7200)
    answer = client(house, "sts", keys).assume_role(
        RoleArn=first, RoleSessionName="one", DurationSeconds=7200, Tags=[{"Key": "team", "Value": "a"}], TransitiveTagKeys=["team"])
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/first/one"
    assert 0 < answer["PackedPolicySize"] < 100
    sts = client(house, "sts", session_of(answer))
    said = refused(sts.assume_role, "ValidationError", RoleArn=second, RoleSessionName="two", DurationSeconds=3601)
    assert said == "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    answer = sts.assume_role(RoleArn=second, RoleSessionName="two")
    assert "SourceIdentity" not in answer
    last = client(house, "sts", session_of(answer))
    identity = last.get_caller_identity()
    assert identity["Arn"].endswith(":assumed-role/second/two") and identity["UserId"].startswith("AROA")
    assert client(house, "ecr", session_of(answer)).describe_repositories()["repositories"] == []


def test_a_role_that_is_not_there_is_refused_as_one_that_forbids(house: Weir) -> None:
    sts = client(house, "sts", user(house, "ann", "sts:*"))
    arn = role(house, "closed", trust(user_arn("ann"), Condition={"StringEquals": {"sts:ExternalId": "e-1"}}))
    told = {refused(sts.assume_role, "AccessDenied", RoleArn=one, RoleSessionName="run").replace(one, "X")
            for one in (arn, f"arn:aws:iam::{ACCOUNT}:role/none")}
    assert told == {f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: sts:AssumeRole on resource: X"}
    session_of(sts.assume_role(RoleArn=arn, RoleSessionName="run", ExternalId="e-1"))


def test_a_session_policy_limits(house: Weir) -> None:
    house.repository("team/app")
    keys = user(house, "ann")
    arn = role(house, "ci", trust(user_arn("ann")), "ecr:*")
    sts = client(house, "sts", keys)
    answer = sts.assume_role(RoleArn=arn, RoleSessionName="run", Policy=allow("ecr:GetAuthorizationToken", "ecr:Describe*"))
    ecr = client(house, "ecr", session_of(answer))
    assert ecr.describe_repositories()["repositories"]
    said = refused(ecr.delete_repository, "AccessDeniedException", repositoryName="team/app")
    assert said.endswith("because no session policy allows the ecr:DeleteRepository action")
    token = password(house, session_of(answer))
    assert puller(house, token).manifest("team/app", "1").status_code == 403
    refused(sts.assume_role, "MalformedPolicyDocument", RoleArn=arn, RoleSessionName="run", Policy="{}")


def test_sessions_of_users(house: Weir) -> None:
    keys = user(house, "ann", "ecr:*", "sts:GetFederationToken")
    sts = client(house, "sts", keys)
    own = session_of(sts.get_session_token())
    assert client(house, "sts", own).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    assert client(house, "ecr", own).describe_repositories()["repositories"] == []
    refused(client(house, "iam", own).get_user, "InvalidClientTokenId")
    assert refused(client(house, "sts", own).get_session_token, "AccessDenied") == "Cannot call GetSessionToken with session credentials"
    bare = session_of(sts.get_federation_token(Name="bare"))
    refused(client(house, "ecr", bare).describe_repositories, "AccessDeniedException")
    limited = session_of(sts.get_federation_token(Name="limited", Policy=allow("ecr:DescribeRepositories")))
    assert client(house, "ecr", limited).describe_repositories()["repositories"] == []
    root = house.client("sts").get_session_token(DurationSeconds=129600)
    assert (root["Credentials"]["Expiration"].timestamp() - time.time()) < 3601
    session_of(root)


def test_a_denials_message_can_be_decoded(house: Weir) -> None:
    keys = user(house, "ann", "sts:DecodeAuthorizationMessage")
    with pytest.raises(ClientError) as caught:
        client(house, "ecr", keys).create_repository(repositoryName="a/b")
    message = caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-weir-authorization-message"]
    document = json.loads(client(house, "sts", keys).decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert document["allowed"] is False and document["context"]["action"] == "ecr:CreateRepository"
    refused(client(house, "sts", keys).decode_authorization_message, "InvalidAuthorizationMessageException", EncodedMessage="x")


# Web identity

def federate(weir: Weir, issuer: Issuer, name: str, sub: str) -> str:
    iam = weir.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
    condition = {"StringLike": {f"{issuer.name}:sub": sub}, "StringEquals": {f"{issuer.name}:aud": "sts.amazonaws.com"}}
    return role(weir, name, trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition=condition), "ecr:*")


def test_a_job_signs_in_with_its_token(house: Weir, issuer: Issuer) -> None:
    arn = federate(house, issuer, "job", "repo:o/*")
    sts = boto3.client("sts", region_name=house.region, endpoint_url=house.url, config=Config(signature_version=UNSIGNED))
    answer = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="run", WebIdentityToken=issuer.job("o/r"))
    assert answer["SubjectFromWebIdentityToken"].startswith("repo:o/r") and answer["Provider"] == issuer.url
    assert client(house, "ecr", session_of(answer)).describe_repositories()["repositories"] == []
    said = refused(sts.assume_role_with_web_identity, "AccessDenied", RoleArn=arn, RoleSessionName="run",
                   WebIdentityToken=issuer.job("p/r"))
    assert said == "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    refused(sts.assume_role_with_web_identity, "InvalidIdentityToken", RoleArn=arn, RoleSessionName="run",
            WebIdentityToken=issuer.unsigned())
    records = map(json.loads, house.audit.read_text().splitlines())
    record = next(one for one in records if one["eventName"] == "AssumeRoleWithWebIdentity")
    assert record["userIdentity"]["type"] == "WebIdentityUser" and issuer.name in record["userIdentity"]["identityProvider"]


# The aws CLI's profiles

def test_profiles_of_the_cli(house: Weir, issuer: Issuer) -> None:
    keys = user(house, "ann")
    arn = role(house, "ci", trust(user_arn("ann")), "ecr:*")
    web = federate(house, issuer, "web", "repo:o/*")
    folder = house.folder / "profiles"
    folder.mkdir()
    (folder / "token").write_text(issuer.job("o/r"))
    process = json.dumps({"Version": 1, "AccessKeyId": keys["aws_access_key_id"], "SecretAccessKey": keys["aws_secret_access_key"]})
    (folder / "process.sh").write_text(f"#!/bin/sh\ncat <<'END'\n{process}\nEND\n")
    (folder / "process.sh").chmod(0o700)
    (folder / "config").write_text(f"""
[profile source]
aws_access_key_id = {keys["aws_access_key_id"]}
aws_secret_access_key = {keys["aws_secret_access_key"]}
[profile assumed]
role_arn = {arn}
source_profile = source
role_session_name = cli
[profile processed]
credential_process = {folder / "process.sh"}
[profile web]
role_arn = {web}
web_identity_token_file = {folder / "token"}
role_session_name = cli
""")
    environment = {**house.aws_environment, "AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    for profile, end in (("source", ":user/ann"), ("assumed", ":assumed-role/ci/cli"), ("processed", ":user/ann"),
                         ("web", ":assumed-role/web/cli")):
        told = run([AWS, "sts", "get-caller-identity", "--profile", profile, "--region", house.region, "--output", "json"], environment)
        assert json.loads(told.stdout)["Arn"].endswith(end)


def test_a_users_key_is_a_password(house: Weir, skopeo: Skopeo, docker: Docker) -> None:
    house.repository("team/app")
    digest = house.distribution().push("team/app", "1", single([random_layer("app", 5_000)]))
    keys = user(house, "ann", "ecr:*")
    name, secret = keys["aws_access_key_id"], keys["aws_secret_access_key"]
    assert skopeo.pull(f"{house.host}/team/app:1", secret, user=name) == digest
    docker.login(house.host, secret, user=name)
    docker.pull(f"{house.host}/team/app:1")
    with pytest.raises(AssertionError):
        skopeo.pull(f"{house.host}/team/app:1", secret[:-1], user=name)
    root = house.credentials
    with pytest.raises(AssertionError):
        skopeo.pull(f"{house.host}/team/app:1", root["aws_secret_access_key"], user=root["aws_access_key_id"])


# What ends a registry token

def begun(weir: Weir, puller_of: Callable[[], Distribution], end: Callable[[], None]) -> None:
    """Thirty-two clients pull while `end` runs: no request that begins after it has answered succeeds."""
    is_over, stop = threading.Event(), threading.Event()
    late: list[int] = []
    before = [0]

    def pull() -> None:
        distribution = puller_of()
        while not stop.is_set():
            was_over = is_over.is_set()
            status = distribution.manifest("team/app", "1").status_code
            if was_over:
                late.append(status)
            elif status == 200:
                before[0] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = [pool.submit(pull) for _ in range(CLIENTS)]
        deadline = time.monotonic() + 60
        try:
            while before[0] < CLIENTS * 4 and time.monotonic() < deadline:
                time.sleep(0.01)
            end()
            is_over.set()
            while len(late) < CLIENTS * 4 and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            stop.set()
        for one in done:
            one.result()
    assert before[0] >= CLIENTS and late and set(late) <= {401, 403}, set(late)


@pytest.mark.parametrize("how", ["policy detached", "key inactive", "user deleted"])
def test_a_users_token_ends_at_once(house: Weir, how: str) -> None:
    house.repository("team/app")
    house.distribution().push("team/app", "1", single([random_layer("app", 5_000)]))
    keys = user(house, "ann", "ecr:*")
    token, iam = password(house, keys), house.client("iam")

    def end() -> None:
        if how == "policy detached":
            iam.delete_user_policy(UserName="ann", PolicyName="p")
        elif how == "key inactive":
            iam.update_access_key(UserName="ann", AccessKeyId=keys["aws_access_key_id"], Status="Inactive")
        else:
            iam.delete_user_policy(UserName="ann", PolicyName="p")
            iam.delete_access_key(UserName="ann", AccessKeyId=keys["aws_access_key_id"])
            iam.delete_user(UserName="ann")

    begun(house, lambda: puller(house, token), end)


@pytest.mark.parametrize("how", ["role deleted", "sessions revoked"])
def test_a_roles_token_ends_at_once(house: Weir, how: str) -> None:
    house.repository("team/app")
    house.distribution().push("team/app", "1", single([random_layer("app", 5_000)]))
    keys = user(house, "ann")
    arn = role(house, "ci", trust(user_arn("ann")), "ecr:*")
    session = session_of(client(house, "sts", keys).assume_role(RoleArn=arn, RoleSessionName="run"))
    token, iam = password(house, session), house.client("iam")

    def end() -> None:
        if how == "role deleted":
            iam.delete_role_policy(RoleName="ci", PolicyName="p")
            iam.delete_role(RoleName="ci")
        else:
            run([str(house.program), "iam", "revoke-sessions", "role/ci", "--endpoint", house.url], house.aws_environment)

    begun(house, lambda: puller(house, token), end)
    # Another one of the same name is another role.
    if how == "role deleted":
        role(house, "ci", trust(user_arn("ann")), "ecr:*")
        assert puller(house, token).manifest("team/app", "1").status_code == 401
        refused(client(house, "sts", session).get_caller_identity, "InvalidClientTokenId")


def test_anonymous_pulls(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--anonymous-pulls"])
    for name in ("open", "closed"):
        weir.repository(name)
        weir.distribution().push(name, "1", single([random_layer(name, 5_000)]))
    weir.client("ecr").set_repository_policy(repositoryName="open", policyText=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": [
            "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]}}))
    Distribution(weir.url).pull("open", "1")
    assert requests.get(f"{weir.url}/v2/", timeout=10).status_code == 401
    closed = Distribution(weir.url).manifest("closed", "1")
    assert closed.status_code == 401 and "Basic realm" in closed.headers["WWW-Authenticate"]
