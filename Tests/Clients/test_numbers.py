"""Numbers from outside, at the edges of 64 bits: an overflow would end the whole server.

Upstream and its storage lie in their headers; clients lie in theirs, and in every numeric member. After each lie the same process answers.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from harness.images import MANIFEST, Blob, random_layer, sha256, single
from harness.machine import Machine
from harness.processes import wait_until
from harness.signing import operate, send, signed
from harness.weir import Weir

MAX = 2**63 - 1
#: Edges of 64 bits, of exact floating point, and of ECR's largest layer.
EDGES = [-(2**63) - 1, -(2**63), -1, 0, 1, 52_000 * 2**20, 2**53, 2**53 + 1, 2**62, MAX - 1, MAX, MAX + 1, 2**64 - 1, 2**64]
BIG = 9 * 2**20


class Liar:
    """An upstream and its storage, on one port each, with answers that tests set."""

    def __init__(self) -> None:
        self.objects: dict[str, Blob] = {}
        #: The answer to a GET or HEAD of a blob, in the storage's place; None for the true one.
        self.lie: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.redirects = False
        liar = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                liar._answer(self)

            do_HEAD = do_GET

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                liar.say(self, 200, {"Content-Type": "application/x-amz-json-1.1"}, liar.login)

            def log_message(self, *_: object) -> None:
                pass

        self.login = b"{}"
        self._servers = [ThreadingHTTPServer((host, 0), Handler) for host in ("127.0.0.1", "127.0.0.2")]
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url, self.storage = (f"http://{server.server_address[0]}:{server.server_address[1]}" for server in self._servers)

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def hold(self, manifest: Blob, *blobs: Blob, tag: str) -> None:
        self.objects.update({one.digest: one for one in (manifest, *blobs)} | {tag: manifest})

    def say(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, Any], body: bytes = b"") -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            if value is not None:
                request.send_header(name, str(value))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.split("?")[0]
        is_storage = request.server is self._servers[1]
        name = path.rpartition("/")[2]
        if path in ("/v2", "/v2/"):
            return self.say(request, 200, {})
        if not is_storage and "/blobs/" in path and self.redirects:
            return self.say(request, 307, {"Location": f"{self.storage}{path}"})
        if "/blobs/" in path and self.lie:
            return self.lie(request)
        found = self.objects.get(name)
        if not found:
            return self.say(request, 404, {})
        self.say(request, 200, {"Content-Type": found.media_type, "Docker-Content-Digest": found.digest}, found.content)
        return None


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def upstream_settings(liar: Liar) -> dict[str, object]:
    return {
        "upstreams": {"liar.example": liar.url},
        "options": ["--allow-any-upstream", "--allow-private-upstream", "127.0.0.2", "--upstream-patience", "3", "--freshness", "0"],
    }


@pytest.fixture
def through(weir: Weir, liar: Liar, prefix: str) -> Iterator[str]:
    """A repository whose upstream is the liar; nothing of an earlier test is remembered."""
    liar.lie, liar.redirects = None, False
    weir.rule(prefix, "liar.example")
    yield f"{prefix}/app"
    liar.lie, liar.redirects = None, False
    weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix=prefix)


@pytest.fixture(autouse=True)
def still_well(weir: Weir) -> Iterator[None]:
    """The same process answers."""
    before = weir.daemon.pid
    yield
    assert weir.daemon.alive and weir.daemon.pid == before, weir.output[-3000:]
    assert weir.is_ready()


# What upstream says

CONTENT_RANGES = [f"bytes 0-{MAX}/*", f"bytes 0-{MAX - 1}/{MAX}", f"bytes 0-0/{MAX}", f"bytes {MAX}-{MAX}/*", f"bytes 0-{2**64}/*"]


@pytest.mark.parametrize("told", CONTENT_RANGES)
def test_content_range(weir: Weir, liar: Liar, through: str, prefix: str, told: str) -> None:
    """The storage of an honest upstream refuses HEAD and answers ranges with such a Content-Range: a HEAD of a blob is enough, and so is a
    layer large enough to be fetched in parts.
    """
    layer = random_layer(f"{prefix}-layer", BIG)
    image = single([layer], note=prefix)
    liar.hold(image.top, *image.blobs, tag="1")
    liar.redirects = True

    def lie(request: BaseHTTPRequestHandler) -> None:
        if request.command == "HEAD":
            return liar.say(request, 403, {})
        return liar.say(request, 206, {"Content-Range": told}, b"x")

    liar.lie = lie
    client = weir.distribution()
    assert client.request("HEAD", f"/v2/{through}/manifests/1").status_code == 200
    assert client.request("HEAD", f"/v2/{through}/blobs/{layer.digest}").status_code in (200, 404, 502, 503)
    answer = client.request("GET", f"/v2/{through}/blobs/{layer.digest}")
    assert answer.status_code in (502, 503), answer.status_code


@pytest.mark.parametrize("length", [MAX, MAX - 1, 2**62, 2**53 + 1])
def test_content_length(weir: Weir, liar: Liar, through: str, length: int) -> None:
    """The announced length is recorded before a byte is sent: two such answers exceed 64 bits."""
    def lie(request: BaseHTTPRequestHandler) -> None:
        liar.say(request, 200, {"Content-Length": length}, b"x" * 1000)
        request.close_connection = True

    content = random_layer(f"length-{length}", 100)
    image = single([content], note=through)
    liar.hold(image.top, tag="1")
    liar.lie = lie
    client = weir.distribution()
    client.request("GET", f"/v2/{through}/manifests/1")
    for number in range(3):
        digest = sha256(b"%d %d" % (length, number))
        for method in ("HEAD", "GET"):
            answer = client.request(method, f"/v2/{through}/blobs/{digest}", stream=True)
            answer.close()
            assert answer.status_code in (404, 502, 503), answer.status_code
    assert operate(weir, "DescribeRule", ecrRepositoryPrefix=through.split("/")[0])["rule"]["traffic"]["bytesOut"] >= 0


@pytest.mark.parametrize("size", [2**62, MAX, MAX - 1, 2**53 + 1])
def test_sizes_in_manifests(weir: Weir, liar: Liar, through: str, size: int) -> None:
    """Layers that claim such sizes are pulled twice, and warmed: their sizes are added up."""
    layers = [random_layer(f"{through}-{size}-{number}", 50) for number in range(2)]
    image = single(layers, note=through)
    document = json.loads(image.top.content)
    for descriptor in document["layers"]:
        descriptor["size"] = size
    lying = Blob(json.dumps(document).encode(), MANIFEST)
    liar.hold(lying, *layers, tag="big")
    client = weir.distribution()
    for _ in range(2):
        answer = client.request("GET", f"/v2/{through}/manifests/big")
        assert answer.status_code == 502, answer.text
    job = operate(weir, "StartWarm", images=[f"{through}:big"])["warm"]["warmId"]
    wait_until(lambda: operate(weir, "DescribeWarm", warmId=job)["warm"]["status"] != "RUNNING", 30, "the end of the warming")
    assert operate(weir, "DescribeWarm", warmId=job)["warm"]["status"] == "FAILED"


@pytest.mark.parametrize("told", ["1e300", "-1e300", "1e13", "9.3e18", "-1", "0"])
def test_when_a_login_ends(make_weir: Callable[..., Weir], liar: Liar, told: str, prefix: str) -> None:
    """`expiresAt` of a private ECR registry's GetAuthorizationToken."""
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    liar.lie, liar.redirects = None, False
    image = single([random_layer(f"{prefix}-ecr", 50)], note=prefix)
    liar.hold(image.top, *image.blobs, tag="1")
    liar.login = ('{"authorizationData":[{"authorizationToken":"QVdTOng=","expiresAt":%s}]}' % told).encode()
    weir = make_weir(upstreams={host: liar.url, "api.ecr.eu-west-1.amazonaws.com": liar.url})
    weir.rule("ecr", host, credentialArn=weir.secret("ecr", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
    for _ in range(2):
        weir.distribution().request("GET", "/v2/ecr/app/manifests/1")
    assert weir.daemon is not None and weir.daemon.alive, weir.output[-2000:]


# What clients say

def test_layer_parts(weir: Weir) -> None:
    """The least privileged pusher's first call: `first` 0 is the expected offset."""
    ecr = weir.client("ecr")
    ecr.create_repository(repositoryName="parts")
    upload = ecr.initiate_layer_upload(repositoryName="parts")["uploadId"]
    for first in EDGES:
        for last in EDGES:
            if (first, last) == (0, 0):
                continue
            body = json.dumps({
                "repositoryName": "parts", "uploadId": upload, "partFirstByte": first, "partLastByte": last,
                "layerPartBlob": base64.b64encode(b"x").decode()})
            answer = send(signed(weir, "ecr", "UploadLayerPart", body))
            assert answer.status_code == 400, f"{first}-{last}: {answer.status_code} {answer.text}"
    ecr.upload_layer_part(repositoryName="parts", uploadId=upload, partFirstByte=0, partLastByte=0, layerPartBlob=b"x")


NUMERIC = [
    ("ecr", "DescribeRepositories", "maxResults", {}), ("ecr", "ListImages", "maxResults", {"repositoryName": "parts"}),
    ("ecr", "ListImageReferrers", "maxResults", {"repositoryName": "parts", "subjectId": {"imageDigest": "sha256:" + "a" * 64}}),
    ("kms", "ListKeys", "Limit", {}), ("kms", "GenerateRandom", "NumberOfBytes", {}),
    ("kms", "ScheduleKeyDeletion", "PendingWindowInDays", {"KeyId": "alias/none"}),
    ("kms", "EnableKeyRotation", "RotationPeriodInDays", {"KeyId": "alias/none"}),
    ("kms", "GenerateDataKey", "NumberOfBytes", {"KeyId": "alias/none"}),
    ("secretsmanager", "ListSecrets", "MaxResults", {}),
    ("secretsmanager", "DeleteSecret", "RecoveryWindowInDays", {"SecretId": "none"}),
]


@pytest.mark.parametrize("service, operation, member, others", NUMERIC, ids=lambda value: value if isinstance(value, str) else "")
def test_numeric_members(weir: Weir, service: str, operation: str, member: str, others: dict[str, Any]) -> None:
    for number in [*map(str, EDGES), "1e300", "-1e300", "1e308", "1.5", "1e-300", "-0", "-0.0", "1e19", "9.223372036854775807e18"]:
        body = json.dumps(others)[:-1] + (", " if others else "") + f'"{member}": {number}}}'
        answer = send(signed(weir, service, operation, body))
        assert answer.status_code < 500, f"{number}: {answer.status_code} {answer.text}"


OPERATOR = [
    ("StartGarbageCollection", "graceSeconds", {"dryRun": True}),
    ("SetRuleOptions", "freshnessSeconds", {"ecrRepositoryPrefix": "numbers"}),
    ("SetRuleOptions", "bytesPerSecond", {"ecrRepositoryPrefix": "numbers"}),
    ("SetRuleOptions", "requestsPerSecond", {"ecrRepositoryPrefix": "numbers"}),
    ("SetRuleOptions", "connections", {"ecrRepositoryPrefix": "numbers"}),
]


@pytest.mark.parametrize("operation, member, others", OPERATOR, ids=lambda value: value if isinstance(value, str) else "")
def test_the_operators_numbers(weir: Weir, liar: Liar, operation: str, member: str, others: dict[str, Any]) -> None:
    if operation == "SetRuleOptions":
        weir.rule("numbers", "liar.example")
    try:
        for number in [*map(str, EDGES), "1e300", "-1e300", "1e308", "1e-300", "1.5"]:
            body = json.dumps(others)[:-1] + f', "{member}": {number}}}'
            answer = send(signed(weir, "ecr", operation, body, headers={"X-Amz-Target": f"Weir_20261122.{operation}"}))
            assert answer.status_code in (200, 400), f"{number}: {answer.status_code} {answer.text}"
            if operation == "SetRuleOptions" and answer.status_code == 200:
                weir.distribution().request("GET", "/v2/numbers/app/manifests/none")
    finally:
        if operation == "SetRuleOptions":
            weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix="numbers")


def raw(weir: Weir, head: str, body: bytes = b"") -> bytes:
    """Sends a request literally. Returns what came within two seconds."""
    login = base64.b64encode(f"AWS:{weir.password()}".encode()).decode()
    with socket.create_connection(("127.0.0.1", weir.port), timeout=2) as connection:
        connection.sendall(f"{head}\r\nHost: {weir.host}\r\nAuthorization: Basic {login}\r\nConnection: close\r\n\r\n".encode() + body)
        told = b""
        try:
            while part := connection.recv(65536):
                told += part
        except (TimeoutError, ConnectionResetError):
            pass
        return told


def test_ranges_and_lengths_of_clients(weir: Weir) -> None:
    client = weir.distribution()
    weir.client("ecr").create_repository(repositoryName="ranges")
    layer = random_layer("ranges", 1000)
    assert client.push_blob("ranges", layer.content, layer.digest).status_code == 201
    for first in EDGES:
        for last in EDGES:
            answer = client.request("GET", f"/v2/ranges/blobs/{layer.digest}", headers={"Range": f"bytes={first}-{last}"})
            assert answer.status_code in (200, 206, 416), f"{first}-{last}: {answer.status_code}"
        answer = client.request("GET", f"/v2/ranges/blobs/{layer.digest}", headers={"Range": f"bytes=-{abs(first)}"})
        assert answer.status_code in (200, 206, 416)
        assert client.request("GET", f"/v2/ranges/tags/list?n={first}").status_code < 500
        assert client.request("GET", f"/v2/_catalog?n={first}").status_code < 500
    place = client.begin("ranges")
    for number in EDGES:
        for range in (f"{number}-{number}", f"0-{number}", f"{number}-{MAX}", f"bytes 0-{number}/{MAX}"):
            answer = client.request("PATCH", place, data=b"x", headers={"Content-Range": range})
            assert answer.status_code in (202, 416), f"{range}: {answer.status_code} {answer.text}"
    path = place.removeprefix(weir.url)
    for number in EDGES:
        raw(weir, f"PATCH {path} HTTP/1.1\r\nContent-Length: {number}", b"x")
        raw(weir, f"PUT /v2/ranges/manifests/1 HTTP/1.1\r\nContent-Length: {number}", b"{}")


def test_sizes_that_clients_push(weir: Weir) -> None:
    weir.client("ecr").create_repository(repositoryName="sizes")
    client = weir.distribution()
    image = single([random_layer("sizes", 100)], note="sizes")
    client.push("sizes", "1", image)
    for number in [*EDGES, 1e300, 1.5]:
        document = json.loads(image.top.content)
        for place in (document["config"], document["layers"][0]):
            before, place["size"] = place["size"], number
            answer = client.request(
                "PUT", "/v2/sizes/manifests/2", data=json.dumps(document), headers={"Content-Type": MANIFEST})
            place["size"] = before
            assert 400 <= answer.status_code < 500, f"{number}: {answer.status_code} {answer.text}"
        document["subject"] = {"mediaType": MANIFEST, "digest": "sha256:" + "a" * 64, "size": number}
        answer = client.request("PUT", "/v2/sizes/manifests/3", data=json.dumps(document), headers={"Content-Type": MANIFEST})
        assert answer.status_code < 500, f"{number}: {answer.status_code} {answer.text}"


def test_policies_and_their_numbers(weir: Weir) -> None:
    ecr = weir.client("ecr")
    ecr.create_repository(repositoryName="policies")
    for number in [*map(str, EDGES), "1e300", "1e308", "1.5"]:
        for name in ("countNumber", "rulePriority"):
            members = {"countNumber": "1", "rulePriority": "1"} | {name: number}
            text = (
                '{"rules":[{"rulePriority":%(rulePriority)s,"selection":{"tagStatus":"any","countType":"imageCountMoreThan",'
                '"countNumber":%(countNumber)s},"action":{"type":"expire"}}]}' % members)
            answer = send(signed(weir, "ecr", "PutLifecyclePolicy", json.dumps(
                {"repositoryName": "policies", "lifecyclePolicyText": text})))
            assert answer.status_code < 500, f"{number}: {answer.text}"
        statement = {
            "Sid": "n", "Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage",
            "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": number}, "DateLessThan": {"aws:CurrentTime": number}}}
        answer = send(signed(weir, "ecr", "SetRepositoryPolicy", json.dumps(
            {"repositoryName": "policies", "policyText": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})))
        assert answer.status_code < 500, f"{number}: {answer.text}"
        assert weir.distribution().request("GET", "/v2/policies/tags/list").status_code == 200


@pytest.mark.parametrize("option", [
    "--freshness", "--upload-window", "--gc-interval", "--gc-grace", "--lifecycle-interval", "--download-patience",
    "--upstream-patience", "--remember-missing",
])
def test_settings(weir: Weir, option: str, tmp_path: Any) -> None:
    """A time beyond all computable moments is refused at the start."""
    server = Weir(tmp_path, options=[option, str(MAX)])
    with pytest.raises(RuntimeError):
        server.start()
    assert not server.daemon.alive
    assert "hundred years" in server.output


@pytest.mark.parametrize("days", [-25_000, 106_000], ids=["before 1970", "in three centuries"])
def test_a_clock_that_is_wrong(make_weir: Callable[..., Weir], machine: Machine, days: int) -> None:
    """A machine whose clock is far off: every answer has a date."""
    weir = make_weir(environment=machine.environment)
    machine.clock(days=days)
    for _ in range(2):
        answer = requests.get(f"{weir.url}/healthz", timeout=10)
        assert answer.status_code == 200
        assert answer.headers["Date"].endswith(" GMT") and len(answer.headers["Date"]) == 29
    assert requests.get(f"{weir.url}/v2/", timeout=10).status_code == 401
    machine.clock()
    assert weir.daemon is not None and weir.daemon.alive, weir.output[-2000:]
    assert weir.distribution().request("GET", "/v2/").status_code == 200
