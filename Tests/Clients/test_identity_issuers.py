"""Web identity tokens that other systems have taken, and trust policies that trusted everyone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.certificates import Authority
from harness.issuer import Issuer
from harness.principals import Account, Answer, Principal, Statement, allow, document, session_of, unsigned_call
from harness.weir import Weir

GITHUB = "token.actions.githubusercontent.com"
ASSUME = "sts:AssumeRoleWithWebIdentity"


@pytest.fixture(scope="module")
def issuer(authority: Authority) -> Iterator[Issuer]:
    made = Issuer(authority.server())
    yield made
    made.stop()


#: A server reads an issuer's keys again after 30 s only: tests with keys of their own have an issuer of their own.
SPARE = 10


@pytest.fixture(scope="module")
def spare(authority: Authority) -> Iterator[list[Issuer]]:
    """Issuers that the server has not heard of."""
    made = [Issuer(authority.server()) for _ in range(SPARE)]
    yield list(made)
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def server(
    _program: object, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer, spare: list[Issuer], authority: Authority,
) -> Iterator[Weir]:
    options = [word for one in (issuer, *spare) for word in (
        "--allow-private-issuer", one.host, "--upstream-authority", f"{one.host}={authority.ca}")]
    made = Weir(tmp_path_factory.mktemp("issuers"), options=options, watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


def provider(account: Account, url: str, *audiences: str) -> str:
    return account.root.must("iam", "CreateOpenIDConnectProvider", Url=url, ThumbprintList=["a" * 40], **(
        {"ClientIDList": list(audiences)} if audiences else {}))["OpenIDConnectProviderArn"]


@pytest.fixture(scope="module")
def known(home: Account, issuer: Issuer) -> str:
    return provider(home, issuer.url, "sts.amazonaws.com", "client")


@pytest.fixture(scope="module")
def role(home: Account, issuer: Issuer, known: str) -> str:
    return home.role("web", allow("ecr:*"), trusts=trusting(known, StringEquals={f"{issuer.name}:sub": "weir-test"}))


def trusting(provider: str, **condition: Any) -> str:
    return document(federated(provider, **condition))


def federated(provider: str, **condition: Any) -> Statement:
    return allow(ASSUME, None, Principal={"Federated": provider}, Condition=condition or None)


def exchange(server: Weir, role: str, token: str, **members: Any) -> Answer:
    return unsigned_call(server, "sts", "AssumeRoleWithWebIdentity", RoleArn=role, RoleSessionName="run1", WebIdentityToken=token, **members)


def assert_invalid(told: Answer, code: str = "InvalidIdentityToken") -> None:
    assert (told.status, told.code) == (400, code), told


def test_a_token_is_taken(server: Weir, issuer: Issuer, role: str) -> None:
    """So that the refusals below are not of something else."""
    for algorithm in ("ES256", "ES384", "ES512"):
        issuer.rotate(algorithm)
    for algorithm in ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512"):
        told = exchange(server, role, issuer.mint(algorithm))
        assert told.status == 200, f"{algorithm}: {told}"
    session: Principal = session_of(server, told, told["AssumedRoleUser"]["Arn"])
    assert session.call("ecr", "DescribeRepositories").status == 200


# C1: no signature

@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS256", "null"])
@pytest.mark.parametrize("signature", [b"", b"x" * 256], ids=["unsigned", "some"])
def test_c1_what_is_not_signed_is_no_token(server: Weir, issuer: Issuer, role: str, algorithm: str, signature: bytes) -> None:
    """CVE-2024-48916, GHSA-88q6."""
    assert_invalid(exchange(server, role, issuer.unsigned(algorithm, signature)))


@pytest.mark.parametrize("change", [
    {"alg": None}, {"alg": "none"}, {"alg": "RS256 "}, {"alg": "rs256"}, {"alg": "PS256"}, {"alg": "EdDSA"}, {"alg": ["RS256"]}, {"alg": 1},
    {"crit": ["exp"]}, {"kid": None, "alg": "none"}, {"b64": False, "crit": ["b64"]}, {"zip": "DEF", "crit": ["zip"]}], ids=str)
def test_c1_and_c2_the_headers_algorithm(server: Weir, issuer: Issuer, role: str, change: dict[str, object]) -> None:
    assert_invalid(exchange(server, role, issuer.mint(header=change)))


def test_c1_a_token_in_parts(server: Weir, issuer: Issuer, role: str) -> None:
    token = issuer.mint()
    head, claims, signature = token.split(".")
    for odd in (f"{head}.{claims}.", f"{head}.{claims}", f"{head}..{signature}", f".{claims}.{signature}", f"{token}.", f".{token}", f"{token}.x.y",
                f"{head}.{claims}.{signature[:-4]}", f"{head}.{claims}.{signature}====", f"{head}.{claims}.{signature}\n", 
                token.replace(".", ",", 1), "a.b.c", "." * 3_000, "x" * 20_000):
        assert_invalid(exchange(server, role, odd))


# C2: the key and the algorithm fit each other

@pytest.mark.parametrize("form", ["pem", "der", "modulus", "empty"])
def test_c2_a_public_key_is_no_secret(server: Weir, issuer: Issuer, role: str, form: str) -> None:
    """CVE-2026-33322, CVE-2026-44699, CVE-2023-48223, CVE-2024-54150."""
    assert_invalid(exchange(server, role, issuer.confused(form)))


def test_c2_a_key_of_another_kind(server: Weir, make_issuer: Callable[[], tuple[Issuer, str]]) -> None:
    issuer, role = make_issuer()
    rsa, curve = issuer.rotate("RS256"), issuer.rotate("ES256")
    assert_invalid(exchange(server, role, issuer.mint("RS256", kid=curve, key=issuer.keys[rsa][1])))
    assert_invalid(exchange(server, role, issuer.mint("ES256", kid=rsa, key=issuer.keys[curve][1])))
    other = Issuer()
    try:
        assert_invalid(exchange(server, role, issuer.mint("RS256", kid=rsa, key=next(iter(other.keys.values()))[1])))
    finally:
        other.stop()


@pytest.mark.parametrize("change", [
    {"use": "enc"}, {"alg": "HS256"}, {"alg": "RS512"}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC"}, {"n": "AQAB"}], ids=str)
def test_c2_what_a_key_is_for(
    make_issuer: Callable[[], tuple[Issuer, str]], server: Weir, change: dict[str, str],
) -> None:
    """A key that its issuer published for something else."""
    issuer, role = make_issuer()
    published = issuer.jwks()
    discovery = {"issuer": issuer.url, "jwks_uri": issuer.url + "/jwks"}
    body = {**discovery, "keys": [{**one, **change} for one in published["keys"]]}
    # Both documents in one: each reader finds its own members.
    issuer.behave(body=json.dumps(body).encode())
    assert_invalid(exchange(server, role, issuer.mint()))


@pytest.fixture
def make_issuer(server: Weir, home: Account, spare: list[Issuer], prefix: str) -> Callable[[], tuple[Issuer, str]]:
    """A new issuer, and a role that trusts it; its documents are not in the server's memory."""
    def make() -> tuple[Issuer, str]:
        issuer = spare.pop()
        made = provider(home, issuer.url, "sts.amazonaws.com")
        return issuer, home.role(f"web-{prefix}", trusts=trusting(made, StringEquals={f"{issuer.name}:sub": "weir-test"}))
    return make


def test_c2_a_token_in_json_is_none(server: Weir, issuer: Issuer, role: str) -> None:
    head, claims, signature = issuer.mint().split(".")
    for odd in ({"protected": head, "payload": claims, "signature": signature},
                {"payload": claims, "signatures": [{"protected": head, "signature": signature}]},
                {"payload": claims, "header": {"alg": "none"}, "signature": ""}):
        assert_invalid(exchange(server, role, json.dumps(odd)))


def test_c2_keys_that_a_token_brings_are_not_used(server: Weir, issuer: Issuer, role: str) -> None:
    other = Issuer()
    try:
        kid, (_, key) = next(iter(other.keys.items()))
        jwk = other.jwks()["keys"][0]
        for header in ({"jwk": jwk}, {"jku": other.url + "/jwks"}, {"x5u": other.url}, {"jwk": jwk, "kid": None}):
            assert_invalid(exchange(server, role, issuer.mint(key=key, header=header)))
            assert_invalid(exchange(server, role, issuer.mint(key=key, header={**header, "kid": kid} if "kid" not in header else header)))
        assert not other.asked
    finally:
        other.stop()


# C3: a trust that everyone meets

@pytest.fixture(scope="module")
def shared(home: Account) -> str:
    return provider(home, f"https://{GITHUB}", "sts.amazonaws.com")


SUB, AUD = f"{GITHUB}:sub", {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}

TOO_WIDE: dict[str, dict[str, Any]] = {
    "no condition": {},
    "aud alone": AUD,
    "all": {**AUD, "StringLike": {SUB: "*"}},
    "all repositories": {**AUD, "StringLike": {SUB: "repo:*"}},
    "an owner without a slash": {**AUD, "StringLike": {SUB: "repo:org*"}},
    "one of several": {**AUD, "StringLike": {SUB: ["repo:org/app:*", "repo:*"]}},
    "all but": {**AUD, "StringNotEquals": {SUB: "repo:org/app:ref:refs/heads/main"}},
    "all but those like": {**AUD, "StringNotLike": {SUB: "repo:evil/*"}},
    "if it is there": {**AUD, "StringLikeIfExists": {SUB: "repo:org/app:*"}},
    "of an empty set": {**AUD, "ForAllValues:StringLike": {SUB: "repo:org/app:*"}},
    "of an empty set, equal": {**AUD, "ForAllValues:StringEquals": {SUB: "repo:org/app:ref:refs/heads/main"}},
    "there": {**AUD, "Null": {SUB: "false"}},
}


@pytest.mark.parametrize("name", TOO_WIDE)
def test_c3_a_trust_in_all_of_a_shared_issuer_is_not_saved(home: Account, shared: str, prefix: str, name: str) -> None:
    """UNC6426, Datadog's 500 roles, GDS: any repository of the world could assume the role. CVE-2024-28056: by a change, too."""
    text = trusting(shared, **TOO_WIDE[name])
    told = home.root.call("iam", "CreateRole", RoleName=f"wide-{prefix}", AssumeRolePolicyDocument=text)
    assert (told.status, told.code) == (400, "MalformedPolicyDocument"), told
    assert home.root.call("iam", "GetRole", RoleName=f"wide-{prefix}").code == "NoSuchEntity"
    kept = trusting(shared, **AUD, StringLike={SUB: "repo:org/app:*"})
    home.role(f"kept-{prefix}", trusts=kept)
    told = home.root.call("iam", "UpdateAssumeRolePolicy", RoleName=f"kept-{prefix}", PolicyDocument=text)
    assert (told.status, told.code) == (400, "MalformedPolicyDocument"), told
    mixed = document(federated(shared, **AUD, StringLike={SUB: "repo:org/app:*"}), federated(shared, **TOO_WIDE[name]))
    told = home.root.call("iam", "UpdateAssumeRolePolicy", RoleName=f"kept-{prefix}", PolicyDocument=mixed)
    assert (told.status, told.code) == (400, "MalformedPolicyDocument"), told


@pytest.mark.parametrize("condition", [
    {"StringLike": {SUB: "repo:org/*"}}, {"StringLike": {SUB: "repo:org/app:*"}}, {"StringEquals": {SUB: "repo:org/app:ref:refs/heads/main"}},
    {"ForAnyValue:StringLike": {SUB: "repo:org/app:*"}}], ids=str)
def test_c3_a_bound_trust_is_saved(home: Account, shared: str, prefix: str, condition: dict[str, Any]) -> None:
    home.role(f"bound-{prefix}", trusts=trusting(shared, **condition))


@pytest.mark.parametrize("key", ["sub", "aud"])
def test_c3_a_test_of_all_values_is_none_of_a_token(home: Account, issuer: Issuer, known: str, prefix: str, key: str) -> None:
    """An empty set passes it: a mistake that documentation has spread. For every issuer."""
    text = trusting(known, **{"ForAllValues:StringEquals": {f"{issuer.name}:{key}": "weir-test"}})
    told = home.root.call("iam", "CreateRole", RoleName=f"sets-{prefix}", AssumeRolePolicyDocument=text)
    assert (told.status, told.code) == (400, "MalformedPolicyDocument"), told


# C4: for whom a token is

def test_c4_a_provider_without_audiences_takes_no_token(server: Weir, home: Account, spare: list[Issuer], prefix: str) -> None:
    """CVE-2023-22482, CVE-2026-40946: not checked where none was set."""
    second = spare.pop()
    arn = provider(home, second.url)
    role = home.role(f"web-{prefix}", trusts=trusting(arn, StringEquals={f"{second.name}:sub": "weir-test"}))
    for audience in ("sts.amazonaws.com", None, "", [], [""], "*"):
        assert_invalid(exchange(server, role, second.mint(aud=audience)))
    home.root.must("iam", "AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    assert exchange(server, role, second.mint()).status == 200
    home.root.must("iam", "RemoveClientIDFromOpenIDConnectProvider", OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    assert_invalid(exchange(server, role, second.mint()))


@pytest.mark.parametrize("claims, audience", [
    ({"aud": "sts.amazonaws.com"}, "sts.amazonaws.com"), ({"aud": ["other", "sts.amazonaws.com"]}, "sts.amazonaws.com"),
    ({"aud": "other", "azp": "client"}, "client"), ({"aud": "sts.amazonaws.com", "azp": "other"}, None), ({"aud": "STS.amazonaws.com"}, None),
    ({"aud": "sts.amazonaws.com "}, None), ({"aud": "sts.amazonaws.com,other"}, None), ({"aud": {"a": "sts.amazonaws.com"}}, None),
    ({"aud": None}, None), ({"aud": ["other"]}, None), ({"aud": 1}, None), ({"aud": ["sts.amazonaws.com", 1]}, None)], ids=str)
def test_c4_audiences(server: Weir, issuer: Issuer, role: str, claims: dict[str, Any], audience: str | None) -> None:
    told = exchange(server, role, issuer.mint(**claims))
    if audience is None:
        assert_invalid(told)
    else:
        assert told["Audience"] == audience


def test_c5_a_token_is_of_the_issuer_that_the_role_trusts(
    server: Weir, issuer: Issuer, role: str, make_issuer: Callable[[], tuple[Issuer, str]],
) -> None:
    """CVE-2024-8901: a second registered issuer's valid token."""
    other, others = make_issuer()
    assert exchange(server, others, other.mint()).status == 200
    for token in (other.mint(), issuer.mint(iss=other.url), other.mint(iss=issuer.url), issuer.mint(iss=issuer.url + "/")):
        told = exchange(server, role, token)
        assert told.code in ("AccessDenied", "InvalidIdentityToken"), told


def test_the_answer_to_a_bad_token_does_not_hold_it(server: Weir, issuer: Issuer, role: str) -> None:
    token = issuer.mint(aud="other", sub="a-name-that-only-the-token-tells")
    told = exchange(server, role, token)
    assert token not in told.text and token.rpartition(".")[2] not in told.text
    assert base64.b64encode(token.encode()).decode() not in told.text
