"""Signatures that other systems took for proof, credentials that opened other doors than their own, and secrets that were logged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.distribution import Distribution, errors
from harness.images import Image, random_layer, single
from harness.principals import ADMINISTRATOR, SILENT, Account, Answer, Principal, allow, assert_denied, document, session, unsigned
from harness.secrets_seen import WATCH
from harness.signing import clock
from harness.weir import ACCOUNT, REGION, Weir

PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
QUERY = "Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture(scope="module")
def server(_program: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    made = Weir(tmp_path_factory.mktemp("signatures"), watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


@pytest.fixture(scope="module")
def pushed(home: Account) -> Image:
    """In the repository `team/app`, as `1`."""
    home.repository("team/app")
    image = single([random_layer("incidents", 500)])
    home.root.distribution().push("team/app", "1", image)
    return image


# Signatures

STREAMING = [
    "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", "UNKNOWN", "", "0" * 64]


class Wrong:
    """A request signed with another secret, in all places where a signature can stand."""

    def __init__(self, weir: Weir, key: str):
        self.weir, self.credentials = weir, Credentials(key, "wrong-secret-of-the-test")

    def send(self, service: str, operation: str, place: str, hash: str | None) -> requests.Response:
        headers, body = unsigned(service, operation, {})
        request = AWSRequest("POST", self.weir.url + "/", data=body, headers=headers)
        if hash is not None:
            request.headers["X-Amz-Content-SHA256"] = hash
        if place in ("header", "both"):
            SigV4Auth(self.credentials, service, REGION).add_auth(request)
        if place != "header":
            query = AWSRequest("POST", self.weir.url + "/")
            SigV4QueryAuth(self.credentials, service, REGION).add_auth(query)
            if place == "form":
                body = body + b"&" + query.url.partition("?")[2].encode()
            else:
                request.url = query.url
        return session().post(request.url, data=body, headers=dict(request.headers), timeout=60)


@pytest.mark.parametrize("place", ["header", "query", "both", "form"])
@pytest.mark.parametrize("service, operation", [
    ("ecr", "DescribeRepositories"), ("kms", "ListKeys"), ("secretsmanager", "ListSecrets"), ("sts", "GetCallerIdentity"), ("iam", "ListUsers")])
def test_b1_knowing_a_keys_id_opens_nothing(home: Account, server: Weir, service: str, operation: str, place: str) -> None:
    """CVE-2025-31489, CVE-2026-40344, CVE-2026-41145: one payload type fell through without a check."""
    wrong = Wrong(server, home.root.key)
    for hash in (None, *STREAMING):
        answer = wrong.send(service, operation, place, hash)
        assert answer.status_code in (400, 403), f"{place} {hash}: {answer.status_code} {answer.text[:300]}"
        assert "Signature" in answer.text or "MissingAuthenticationToken" in answer.text, answer.text


@pytest.mark.parametrize("header, value", [
    ("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository"), ("X-Amz-Security-Token", "token"), ("X-Amz-Date", None),
    ("X-Amz-Acl", "public"), ("x-amz-meta-a", "b"), ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")])
def test_b2_every_amazon_header_is_signed(home: Account, header: str, value: str | None) -> None:
    """SeaweedFS PR 9121, GHSA-g8w9, GHSA-xm99: headers outside of SignedHeaders took effect."""
    root = home.root
    body = json.dumps({"repositoryName": "team/app", "force": True}).encode()
    request = AWSRequest("POST", home.weir.url + "/", data=body, headers={"Content-Type": "application/x-amz-json-1.1"})
    if header != "X-Amz-Target":
        request.headers["X-Amz-Target"] = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"
        request.data = b"{}"
    SigV4Auth(root.credentials, "ecr", REGION).add_auth(request)
    headers = dict(request.headers)
    headers[header] = value or headers["X-Amz-Date"]
    if header == "X-Amz-Date":
        headers["Authorization"] = headers["Authorization"].replace("x-amz-date;", "").replace(";x-amz-date", "")
    answer = session().post(home.weir.url + "/", data=request.data, headers=headers, timeout=60)
    assert answer.status_code in (400, 403) and "repositories" not in answer.text, answer.text
    assert home.root.call("ecr", "DescribeRepositories").status == 200


def test_b3_a_token_has_one_door(home: Account, pushed: Image, prefix: str) -> None:
    """Each kind of sealed text at each place where another kind is taken; and broken ones. CVE-2025-30156."""
    bob = home.user(f"bob-{prefix}", *[allow(one) for one in PULL], allow("sts:*"))
    limited = home.administrator.assume(home.role(f"role-{prefix}", *[allow(one) for one in PULL]))
    password, token = limited.password(), limited.credentials.token
    other = home.administrator.assume(home.role(f"other-{prefix}", policies=[ADMINISTRATOR]))
    link = limited.must("ecr", "GetDownloadUrlForLayer", repositoryName="team/app", layerDigest=pushed.layers[0].digest)["downloadUrl"]
    sealed = link.partition("?")[2].rpartition("=")[2]
    WATCH.plant(sealed, "a link's token")

    def signed_by(key: str, secret: str, token: str | None) -> Answer:
        return Principal(home.weir, ACCOUNT, "", key, secret, token).call("ecr", "DescribeRepositories")

    mine = limited.credentials
    spliced = token[:40] + other.credentials.token[40:]
    for wrong in (password, sealed, other.credentials.token, token[:-1], token[1:], token + "A", "", "A" * 5000, spliced):
        told = signed_by(mine.access_key, mine.secret_key, wrong or None)
        assert (told.status, told.code) == (400, "UnrecognizedClientException"), f"{wrong[:20]}: {told}"
    told = signed_by(bob.key, bob.credentials.secret_key, token)
    assert (told.status, told.code) == (400, "UnrecognizedClientException"), told
    for wrong in (token, sealed, other.credentials.token, mine.secret_key, password[:-2], password + "A"):
        assert Distribution(home.weir.url, ("AWS", wrong)).request("GET", "/v2/").status_code == 401
    for wrong in (quote(token, safe=""), quote(password, safe="")):
        assert Distribution(home.weir.url).request("GET", link.replace(sealed, wrong)).status_code in (400, 401, 403, 404)


def test_b3_each_bit_of_a_sessions_token_counts(home: Account, prefix: str) -> None:
    limited = home.administrator.assume(home.role(f"role-{prefix}", policies=[ADMINISTRATOR]))
    token = limited.credentials.token
    step = max(1, len(token) // 150)
    assert limited.call("ecr", "DescribeRepositories").status == 200
    for place in range(0, len(token), step):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1:]
        told = Principal(home.weir, ACCOUNT, "", limited.key, limited.credentials.secret_key, changed).call("ecr", "DescribeRepositories")
        assert told.code == "UnrecognizedClientException", f"{place}: {told}"


CHANNELS: dict[str, Callable[[str, str], requests.Request]] = {
    "Basic": lambda url, password: requests.Request("GET", url, auth=("AWS", password)),
    "Bearer": lambda url, password: requests.Request("GET", url, headers={"Authorization": f"Bearer {password}"}),
    "cookie": lambda url, password: requests.Request("GET", url, cookies={"session": password, "token": password}),
    "query": lambda url, password: requests.Request("GET", url, params={
        "token": password, "access_token": password, "X-Amz-Security-Token": password}),
    "header": lambda url, password: requests.Request("GET", url, headers={"X-Amz-Security-Token": password, "X-Api-Key": password}),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_b4_a_registry_password_opens_the_registry_alone(home: Account, server: Weir, pushed: Image, prefix: str, channel: str) -> None:
    """GHSA-9r5x, GHSA-cc8w, GHSA-683j: limits held for one form and not for another; a limited token made unlimited ones."""
    password = home.root.password()
    make = CHANNELS[channel]
    for query in (QUERY, "Action=ListUsers&Version=2010-05-08", "Action=GetSessionToken&Version=2011-06-15"):
        answer = session().send(session().prepare_request(make(f"{server.url}/?{query}", password)), timeout=60)
        assert answer.status_code in (400, 401, 403, 404) and "<Arn>" not in answer.text, answer.text
    request = make(server.url + "/", password)
    request.method, request.data = "POST", b"{}"
    request.headers = {**request.headers, "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
                       "Content-Type": "application/x-amz-json-1.1"}
    answer = session().send(session().prepare_request(request), timeout=60)
    assert answer.status_code in (400, 401, 403) and "authorizationToken" not in answer.text
    # What a session may not, it may not by any of them.
    limited = home.administrator.assume(
        home.role(f"role-{prefix}", policies=[ADMINISTRATOR]), Policy=document(allow("ecr:GetAuthorizationToken"))).password()
    answer = session().send(session().prepare_request(make(server.url + "/v2/team/app/manifests/1", limited)), timeout=60)
    assert answer.status_code in (401, 403) and pushed.digest not in str(answer.headers), answer.text


def test_b4_a_session_is_limited_through_each_of_its_tokens(home: Account, pushed: Image, prefix: str) -> None:
    """SigV4, the registry's password, and what it might make for itself."""
    session_policy = document(allow(["ecr:GetAuthorizationToken", "ecr:ListImages", "sts:*", "iam:*"]))
    limited = home.administrator.assume(home.role(f"role-{prefix}", policies=[ADMINISTRATOR]), Policy=session_policy)
    assert_denied(limited.call("ecr", "BatchGetImage", repositoryName="team/app", imageIds=[{"imageTag": "1"}]), "ecr:BatchGetImage",
                  tail=SILENT["session"])
    answer = limited.distribution().manifest("team/app", "1")
    assert answer.status_code == 403 and SILENT["session"].format(action="ecr:BatchGetImage") in errors(answer)[0][1]
    for operation in ("GetSessionToken", "GetFederationToken"):
        told = limited.call("sts", operation, **({"Name": "fed"} if "Fed" in operation else {}))
        assert told.message == f"Cannot call {operation} with session credentials", told


@pytest.mark.parametrize("url, body", [
    ("/", f"{QUERY}&Action=GetSessionToken"), ("/", f"{QUERY}&action=GetSessionToken"), ("/?Action=GetSessionToken", QUERY),
    (f"/?{QUERY}", QUERY), ("/", f"{QUERY}&ACTION=GetSessionToken&Version=2011-06-15"), ("/", f"Action=GetSessionToken&{QUERY}"),
    ("/", f"{QUERY}&Action=GetCallerIdentity"), ("/", f"%41ction=GetSessionToken&{QUERY}")])
def test_b7_an_action_is_told_once(home: Account, url: str, body: str) -> None:
    """CVE-2022-2385, CVE-2020-16250: duplicate parameters in another case, in URL and body."""
    told = home.administrator.post("sts", body.encode(), url=url)
    is_alike = "action=" in body or "ACTION" in body
    if is_alike and told.status == 200:
        # Another spelling is another member, which no operation has.
        assert "GetCallerIdentityResult" in told.text and "SessionToken" not in told.text
    else:
        assert told.status in (400, 403) and "SessionToken" not in told.text, told.text


def test_b7_a_presigned_date_is_told_once(home: Account) -> None:
    request = AWSRequest("GET", f"{home.weir.url}/?{QUERY}")
    SigV4QueryAuth(home.administrator.credentials, "sts", REGION).add_auth(request)
    assert session().get(request.url, timeout=60).status_code == 200
    for more in ("X-Amz-Date=20200101T000000Z", "x-amz-date=20200101T000000Z", "X-Amz-Expires=604800", "X-Amz-Credential=AKIA", "Action=ListUsers"):
        answer = session().get(f"{request.url}&{more}", timeout=60)
        assert answer.status_code in (400, 403), f"{more}: {answer.status_code}"
        answer = session().get(request.url.replace("?", f"?{more}&"), timeout=60)
        assert answer.status_code in (400, 403), f"{more}: {answer.status_code}"


def test_b7_json_is_told_as_json(home: Account, prefix: str) -> None:
    """aws-iam-authenticator asks for it, and reads no XML. What it is told holds nothing that a reader of XML takes for an element."""
    bob = home.user(f"a+b=c,d.e@f-{prefix}")
    told = bob.post("sts", QUERY.encode(), {"Accept": "application/json"})
    assert told.headers["Content-Type"] == "application/json" and "<" not in told.text
    assert json.loads(told.text)["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"] == bob.arn


@pytest.mark.parametrize("accept", ["text/html", "*/*", "application/xml;q=0, application/json"])
def test_b7_who_one_is_is_told_in_xml(home: Account, accept: str, prefix: str) -> None:
    """Whatever else the reader of a presigned proof asks for."""
    bob = home.user(f"a+b=c,d.e@f-{prefix}")
    told = bob.post("sts", QUERY.encode(), {"Accept": accept})
    assert told.headers["Content-Type"].startswith("text/xml") and "<GetCallerIdentityResponse" in told.text
    assert told["Arn"] == bob.arn


@pytest.mark.parametrize("late_by, is_good", [(0, True), (14 * 60, True), (-14 * 60, True), (16 * 60, False), (-16 * 60, False), (86_400, False)])
def test_b9_a_signature_is_of_now(home: Account, late_by: int, is_good: bool) -> None:
    """RustFS #3520."""
    with clock(late_by):
        told = home.administrator.call("sts", "GetCallerIdentity")
    assert told.status == 200 if is_good else told.status in (400, 403) and "Signature" in told.message, told


@pytest.mark.parametrize("expires, late_by, is_good", [
    (60, 0, True), (60, 120, False), (604_800, 86_400, True), (604_801, 0, False), (-1, 0, False), (2**63, 0, False), (60, -3_600, False)])
def test_b9_a_presigned_one_lasts_a_week_at_most(home: Account, expires: int, late_by: int, is_good: bool) -> None:
    request = AWSRequest("GET", f"{home.weir.url}/?{QUERY}")
    with clock(late_by):
        SigV4QueryAuth(home.administrator.credentials, "sts", REGION, expires=expires).add_auth(request)
    answer = session().get(request.url, timeout=60)
    assert answer.status_code == 200 if is_good else answer.status_code in (400, 403), answer.text


def test_b9_the_scopes_day_is_the_signatures(home: Account) -> None:
    request = AWSRequest("GET", f"{home.weir.url}/?{QUERY}")
    SigV4QueryAuth(home.administrator.credentials, "sts", REGION).add_auth(request)
    day = time.strftime("%Y%m%d", time.gmtime())
    answer = session().get(request.url.replace(f"%2F{day}%2F", "%2F20200101%2F"), timeout=60)
    assert answer.status_code in (400, 403) and "Arn" not in answer.text


# What logs hold

CANARY = "canary-7d1f0c55e2b94a1f"


@pytest.mark.parametrize("place", [
    "header", "query", "form", "nested", "malformed", "oversize", "authorization", "token", "web identity", "password"])
def test_m1_secrets_of_requests_are_told_nowhere(home: Account, server: Weir, place: str) -> None:
    """CVE-2024-8365, CVE-2025-4166, CVE-2025-1296: log, events, audit, metrics, and the answer of a refusal."""
    canary = WATCH.plant(f"{CANARY}-{place.replace(' ', '-')}", f"a canary in {place}")
    url = server.url + "/"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    root = home.root
    match place:
        case "header":
            answer = session().post(url, data=b"{}", headers={"X-Amz-Security-Token": canary, "X-Amz-Target": "secretsmanager.ListSecrets"})
        case "query":
            answer = session().get(f"{url}?Action=GetCallerIdentity&X-Amz-Security-Token={canary}&X-Amz-Signature={canary}")
        case "form":
            answer = session().post(url, data=f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken={canary}", headers=form)
        case "nested":
            value = json.dumps({"username": "robot", "accessToken": canary})
            assert root.call("secretsmanager", "PutSecretValue", SecretId="none", SecretString=value).code == "ResourceNotFoundException"
            answer = session().get(server.url + "/healthz")
        case "malformed":
            request = AWSRequest("POST", url, data=f'{{"SecretString": "{canary}", "Name": '.encode(), headers={
                "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.CreateSecret"})
            SigV4Auth(root.credentials, "secretsmanager", REGION).add_auth(request)
            answer = session().post(url, data=request.data, headers=dict(request.headers))
        case "oversize":
            told = root.call("secretsmanager", "CreateSecret", Name="oversize", SecretString=canary + "x" * 70_000)
            assert told.status == 400 and canary not in told.text
            answer = session().get(server.url + "/healthz")
        case "authorization":
            answer = session().post(url, data=b"{}", headers={
                "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIA/{canary}, SignedHeaders=host, Signature={canary}"})
        case "token":
            answer = session().get(server.url + "/v2/team/app/manifests/1", headers={"Authorization": f"Bearer {canary}"})
        case "web identity":
            answer = session().post(url, headers=form, data="Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=run1&"
                                    f"RoleArn=arn:aws:iam::{ACCOUNT}:role/none&WebIdentityToken=e30.e30.{canary}")
        case _:
            answer = session().get(server.url + "/v2/", auth=("AWS", canary))
    assert answer.status_code < 500 and canary not in answer.text
    for file in (server.log, server.events, server.audit):
        if file.exists():
            assert canary.encode() not in file.read_bytes(), file
    assert canary not in session().get(server.url + "/metrics").text
