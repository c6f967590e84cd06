"""A private ECR registry as upstream: GetAuthorizationToken signed with SigV4, with a role or with static keys from the secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.certificates import Authority
from harness.ecr_api import ECRAPI
from harness.expect import assert_error
from harness.images import two_platforms
from harness.scene import Scene
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import VENDORS
from harness.weir import ACCOUNT, Weir

ECR = next(vendor for vendor in VENDORS if vendor.name == "ecr")
REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/puller"


@pytest.fixture(scope="module")
def standin(authority: Authority) -> Iterator[StandIn]:
    made = StandIn(ECR, authority.server("127.0.0.1", ELSEWHERE))
    yield made
    made.stop()


@pytest.fixture
def api(standin: StandIn) -> Iterator[ECRAPI]:
    made = ECRAPI(standin.password)
    yield made
    made.stop()


@pytest.fixture
def make(make_weir: Callable[..., Weir], standin: StandIn, api: ECRAPI) -> Callable[..., Weir]:
    upstreams = {ECR.host: standin.url, f"api.ecr.{REGION}.amazonaws.com": api.url, f"sts.{REGION}.amazonaws.com": api.url}
    options = ["--allow-private-upstream", ELSEWHERE]
    return lambda **settings: make_weir(upstreams=upstreams, options=options, **settings)


def keys_of(api: ECRAPI, **changes: str) -> dict[str, str]:
    """The server's own AWS keys, in its environment."""
    return {"AWS_ACCESS_KEY_ID": api.key.access_key, "AWS_SECRET_ACCESS_KEY": api.key.secret_key, **changes}


def test_keys_in_the_secret(make: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """Static keys from the secret; the password is asked for once, and is good for all repositories."""
    weir = make()
    scene = Scene(weir, standin, prefix)
    image = standin.hold("1", two_platforms(prefix, 3000, runs=False))
    other = standin.hold("1", two_platforms(prefix + "b", 3000, runs=False), "another/app")
    weir.rule(prefix, ECR.host, credentialArn=weir.secret(prefix, api.key.access_key, api.key.secret_key))
    assert scene.client().pull(scene.repository, "1")[0] == image.digest
    assert scene.client().pull(f"{prefix}/another/app", "1")[0] == other.digest
    (call,) = api.calls
    assert (call.service, call.operation, call.region, call.caller) == ("ecr", "GetAuthorizationToken", REGION, api.key.access_key)
    assert "444455556666" in call.body
    assert {one.user for one in scene.asked() if one.kind == "manifests"} <= {"AWS", None}
    assert all(one.login == "" for one in scene.asked() if one.server == "cdn")
    assert weir.client("ecr").validate_pull_through_cache_rule(ecrRepositoryPrefix=prefix)["isValid"] is True


def test_the_servers_own_identity(make: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """Without a secret, the server's own `AWS_*`."""
    weir = make(environment=keys_of(api))
    image = standin.hold("1", two_platforms(prefix, 3000, runs=False))
    weir.rule(prefix, ECR.host)
    assert weir.distribution().pull(f"{prefix}/team/app", "1")[0] == image.digest
    assert [(one.operation, one.caller) for one in api.calls] == [("GetAuthorizationToken", api.key.access_key)]


def test_the_rules_role(make: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """The rule's role by STS AssumeRole."""
    weir = make(environment=keys_of(api))
    image = standin.hold("1", two_platforms(prefix, 3000, runs=False))
    weir.rule(prefix, ECR.host, customRoleArn=ROLE)
    assert weir.distribution().pull(f"{prefix}/team/app", "1")[0] == image.digest
    assert [(one.service, one.operation) for one in api.calls] == [("sts", "AssumeRole"), ("ecr", "GetAuthorizationToken")]
    assert ROLE.replace(":", "%3A").replace("/", "%2F") in api.calls[0].body
    assert api.calls[1].caller is not None and api.calls[1].caller.startswith("ASIA")


def test_nobody_at_all(make: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """A server without keys says so, and does not say "not found"."""
    weir = make()
    standin.hold("1", two_platforms(prefix, 3000, runs=False))
    weir.rule(prefix, ECR.host)
    assert_error(weir.distribution().manifest(f"{prefix}/team/app", "1"), 403, "DENIED", "AWS_ACCESS_KEY_ID")
    assert api.calls == []


def test_a_wrong_key(make: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """Wrong secret: refused with ECR's words; validation names the login as the failed step."""
    weir = make()
    standin.hold("1", two_platforms(prefix, 3000, runs=False))
    weir.rule(prefix, ECR.host, credentialArn=weir.secret(prefix, api.key.access_key, "another-key-altogether"))
    answer = weir.distribution().manifest(f"{prefix}/team/app", "1")
    assert_error(answer, 403, "DENIED", "The authentication to the upstream registry failed")
    assert [one.caller for one in api.calls] == [None] * len(api.calls) and api.calls
    told = weir.client("ecr").validate_pull_through_cache_rule(ecrRepositoryPrefix=prefix)
    assert told["isValid"] is False and "authentication" in told["failure"].lower(), told


def test_a_password_that_is_withdrawn(make: Callable[..., Weir], standin: StandIn, api: ECRAPI, prefix: str) -> None:
    """The token is held until it expires. Where it is refused earlier, a new one is requested, once."""
    weir = make()
    standin.hold("1", two_platforms(prefix, 3000, runs=False))
    weir.rule(prefix, ECR.host, credentialArn=weir.secret(prefix, api.key.access_key, api.key.secret_key))
    weir.distribution().pull(f"{prefix}/team/app", "1")
    old, standin.password = standin.password, standin.password + "-renewed"
    api.password = standin.password
    try:
        image = standin.hold("2", two_platforms(prefix + "2", 3000, runs=False))
        assert weir.distribution().pull(f"{prefix}/team/app", "2")[0] == image.digest
        assert len(api.calls) == 2
    finally:
        standin.password = old
