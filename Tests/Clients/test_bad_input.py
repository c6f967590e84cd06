"""Malformed requests at every door: a clear error in the client's dialect, never a crash, a hang or a 500."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from typing import Any

import pytest
import requests

from harness.distribution import errors
from harness.expect import assert_error
from harness.images import MANIFEST, random_layer, sha256, single
from harness.signing import send, signed
from harness.weir import Weir

DIGEST = "sha256:" + "a" * 64


@pytest.fixture(autouse=True)
def still_well(weir: Weir) -> Any:
    """Checks after each test that the server still answers."""
    yield
    assert weir.daemon is not None and weir.daemon.alive, weir.output[-3000:]
    assert weir.distribution().request("GET", "/v2/").status_code == 200


# The AWS door

def assert_aws_error(answer: requests.Response, *names: str) -> None:
    assert 400 <= answer.status_code < 500, f"{answer.status_code}: {answer.text[:500]}"
    told = answer.json()
    assert told["__type"].rpartition("#")[2] in names, answer.text[:500]
    assert told.get("message") or told.get("Message")


@pytest.mark.parametrize("body", [
    b"{", b"", b"null", b"[]", b'"text"', b"{}{}", b'{"a": }', b"\xff\xfe", b"{'a': 1}", b"\x00" * 100, b"[" * 200_000,
    b'{"a":' * 100_000, b'{"repositoryName": "\\ud800"}', b'{"repositoryName": 1e999}', b"<xml/>",
], ids=lambda body: repr(body[:12]))
def test_malformed_json(weir: Weir, body: bytes) -> None:
    for service, operation in [("ecr", "CreateRepository"), ("kms", "DescribeKey"), ("secretsmanager", "CreateSecret")]:
        answer = send(signed(weir, service, operation, body))
        assert_aws_error(answer, "SerializationException", "InvalidParameterException", "ValidationException",
                         "InvalidRequestException", "NotFoundException", "InvalidArnException")


WRONG_TYPES = [
    ("ecr", "CreateRepository", {"repositoryName": 7}),
    ("ecr", "CreateRepository", {"repositoryName": ["a"]}),
    ("ecr", "CreateRepository", {"repositoryName": "fine", "tags": {"a": "b"}}),
    ("ecr", "CreateRepository", {"repositoryName": "fine", "encryptionConfiguration": "KMS"}),
    ("ecr", "CreateRepository", {"repositoryName": "fine", "imageScanningConfiguration": {"scanOnPush": "yes"}}),
    ("ecr", "DescribeRepositories", {"maxResults": "many"}),
    ("ecr", "DescribeRepositories", {"repositoryNames": "one"}),
    ("ecr", "BatchGetImage", {"repositoryName": "fine", "imageIds": [1]}),
    ("ecr", "CreatePullThroughCacheRule", {"ecrRepositoryPrefix": {}, "upstreamRegistryUrl": "quay.io"}),
    ("kms", "CreateAlias", {"AliasName": 1, "TargetKeyId": "x"}),
    ("kms", "ScheduleKeyDeletion", {"KeyId": "x", "PendingWindowInDays": "seven"}),
    ("secretsmanager", "CreateSecret", {"Name": True}),
    ("secretsmanager", "DeleteSecret", {"SecretId": "x", "RecoveryWindowInDays": []}),
]


@pytest.mark.parametrize(("service", "operation", "members"), WRONG_TYPES, ids=lambda value: str(value)[:40])
def test_wrong_types(weir: Weir, service: str, operation: str, members: dict[str, Any]) -> None:
    answer = send(signed(weir, service, operation, json.dumps(members)))
    assert_aws_error(answer, "SerializationException")


@pytest.mark.parametrize(("operation", "members"), [
    ("CreateRepository", {}),
    ("CreateRepository", {"repositoryName": None}),
    ("CreateRepository", {"repositoryName": "Upper"}),
    ("CreateRepository", {"repositoryName": "a"}),
    ("CreateRepository", {"repositoryName": "a" * 257}),
    ("CreateRepository", {"repositoryName": "../etc"}),
    ("CreateRepository", {"repositoryName": "a/../b"}),
    ("CreateRepository", {"repositoryName": "fine\u0000"}),
    ("CreateRepository", {"repositoryName": "fine", "imageTagMutability": "MAYBE"}),
    ("CreateRepository", {"repositoryName": "fine", "registryId": "12"}),
    ("DescribeRepositories", {"maxResults": 0}),
    ("DescribeRepositories", {"maxResults": 1001}),
    ("DescribeRepositories", {"maxResults": 10**30}),
    ("DescribeRepositories", {"nextToken": "made up"}),
    ("DescribeRepositories", {"repositoryNames": []}),
    ("DescribeRepositories", {"repositoryNames": ["aa"] * 101}),
    ("ListTagsForResource", {"resourceArn": "arn:aws:s3:::bucket"}),
    ("ListTagsForResource", {"resourceArn": "not an arn"}),
], ids=lambda value: str(value)[:40])
def test_values_out_of_bounds(weir: Weir, operation: str, members: dict[str, Any]) -> None:
    answer = send(signed(weir, "ecr", operation, json.dumps(members)))
    assert_aws_error(answer, "InvalidParameterException", "SerializationException")


def test_another_registry_is_not_ours_to_ask(weir: Weir) -> None:
    answer = send(signed(weir, "ecr", "DescribeRepositories", '{"registryId": "999988887777"}'))
    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(("service", "operation"), [
    ("ecr", "Dance"), ("ecr", ""), ("kms", "GenerateMac2"), ("secretsmanager", "../x"), ("ecr", "x" * 5000),
    ("dynamodb", "ListTables"),
])
def test_unknown_operations(weir: Weir, service: str, operation: str) -> None:
    answer = send(signed(weir, service, operation, "{}"))
    assert_aws_error(answer, "UnknownOperationException")


def test_ten_megabytes(weir: Weir) -> None:
    for body in (b"x" * 10_000_000, json.dumps({"repositoryName": "a" * 10_000_000}).encode(),
                 json.dumps({"repositoryNames": ["ab"] * 1_500_000}).encode()):
        for operation in ("CreateRepository", "DescribeImages"):
            answer = send(signed(weir, "ecr", operation, body))
            assert 400 <= answer.status_code < 500, answer.text[:300]
    unsigned = requests.post(weir.url + "/", data=b"x" * 100_000_000, timeout=60)
    assert 400 <= unsigned.status_code < 500


def test_extra_members_are_let_pass(weir: Weir) -> None:
    answer = send(signed(weir, "ecr", "DescribeRepositories", '{"somethingNew": [1, {"a": null}]}'))
    assert answer.status_code == 200, "newer SDKs may send what this server does not know"


# The /v2/ door

def basic(weir: Weir) -> str:
    return "Basic " + base64.b64encode(f"AWS:{weir.password()}".encode()).decode()


def raw(weir: Weir, method: str, target: str, body: bytes | None = None, **headers: str) -> requests.Response:
    """Sends exactly this target, which requests would normalise first."""
    connection = http.client.HTTPConnection("127.0.0.1", weir.port, timeout=30)
    connection.putrequest(method, target, skip_accept_encoding=True)
    connection.putheader("Authorization", basic(weir))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    try:
        connection.endheaders(body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # It need not read all of a body that it refuses, but its answer must be there.
    got = connection.getresponse()
    answer = requests.Response()
    answer.status_code, answer._content = got.status, got.read()
    answer.headers = requests.structures.CaseInsensitiveDict(got.getheaders())
    connection.close()
    return answer


@pytest.fixture(scope="module")
def repository(weir: Weir) -> str:
    weir.repository("bad/input")
    weir.distribution().push("bad/input", "1", single([random_layer("bad", 1000)]))
    return "bad/input"


@pytest.mark.parametrize("target", [
    "/v2/../etc/passwd", "/v2/../../etc/passwd", "/v2/%2e%2e/%2e%2e/etc/passwd", "/v2/bad/input/blobs/../../../x",
    "/v2/bad/input/manifests/..%2f..%2fx", "/v2/bad/input/blobs/sha256:..%2f..%2fx", "/v2//manifests/1",
    "/v2/bad//input/manifests/1", "/v2/BAD/input/manifests/1", "/v2/bad/input/manifests/", "/v2/bad/input/manifests",
    "/v2/bad/input/blobs/", "/v2/manifests/1", "/v2/bad/input/manifests/%00", "/v2/bad/input/manifests/a%20b",
    "/v2/bad/input/manifests/-dash", "/v2/bad/input/manifests/" + "t" * 129, "/v2/bad/input/nothing/1",
    "/v2/" + "a/" * 500 + "manifests/1", "/v2/" + "a" * 300 + "/manifests/1", "/v2/bad/input/manifests/%ff%fe",
    "/v2/bad/input/manifests/%", "/v2/bad/input/blobs/uploads/not-a-uuid", "/v2/bad/input/blobs/uploads/..",
    "/v2/bad/input/tags/list?n=-1", "/v2/bad/input/tags/list?n=abc", "/v2/bad/input/tags/list?n=99999999999999999999",
    "/v2/bad/input/tags/list?last=%00", "/v2/_catalog?n=x", "/v2/bad/input/blobs/" + DIGEST + "/more",
], ids=lambda target: target[:60])
def test_paths(weir: Weir, repository: str, target: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "POST"):
        answer = raw(weir, method, target, b"" if method in ("PUT", "PATCH", "POST") else None)
        tags = target.startswith("/v2/bad/input/tags/list") and answer.status_code == 200
        assert tags or 400 <= answer.status_code < 500, f"{method}: {answer.status_code} {answer.text[:300]}"
        if method == "GET" and not tags and answer.headers.get("Content-Type", "").startswith("application/json"):
            assert errors(answer)


@pytest.mark.parametrize("digest", [
    "sha256:", "sha256:zz", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha256:" + "a" * 65, "md5:" + "a" * 32,
    ":" + "a" * 64, "sha256", "sha256:" + "a" * 10_000, "sha256:" + "é" * 64,
], ids=lambda digest: digest[:20])
def test_digests(weir: Weir, repository: str, digest: str) -> None:
    client = weir.distribution()
    for answer in (
        client.blob(repository, digest), client.manifest(repository, digest),
        client.request("PUT", client.begin(repository), params={"digest": digest}, data=b"x"),
        client.request("POST", f"/v2/{repository}/blobs/uploads/", params={"mount": digest, "from": repository}),
    ):
        assert answer.status_code == 202 or 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:300]}"
        assert answer.status_code == 202 or not answer.content or errors(answer)


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"{}", b"[" * 100_000, b'{"a":' * 50_000, b"\xff" * 100, b'{"schemaVersion": 1}',
    b'{"schemaVersion": 2}', json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": [], "layers": 3}).encode(),
    json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": "x", "size": -1}, "layers": []}).encode(),
    json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {
        "mediaType": "a", "digest": DIGEST, "size": 10**40}, "layers": []}).encode(),
], ids=lambda body: repr(body[:20]))
def test_manifests(weir: Weir, repository: str, body: bytes) -> None:
    answer = raw(weir, "PUT", f"/v2/{repository}/manifests/bad", body, Content_Type=MANIFEST)
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:300]}"
    assert errors(answer)


def test_a_manifest_that_is_no_json_has_ecrs_words(weir: Weir, repository: str) -> None:
    answer = raw(weir, "PUT", f"/v2/{repository}/manifests/bad", b"{", Content_Type=MANIFEST)
    assert_error(answer, 405, "UNSUPPORTED",
                 "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")


def test_a_manifest_of_ten_megabytes(weir: Weir, repository: str) -> None:
    padding = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "annotations": {"a": "x" * 10_000_000}})
    answer = raw(weir, "PUT", f"/v2/{repository}/manifests/big", padding.encode(), Content_Type=MANIFEST)
    assert 400 <= answer.status_code < 500 and errors(answer)


def test_a_manifest_under_anothers_digest(weir: Weir, repository: str) -> None:
    top = single([random_layer("bad", 1000)]).top
    answer = raw(weir, "PUT", f"/v2/{repository}/manifests/{DIGEST}", top.content, Content_Type=top.media_type)
    assert_error(answer, 400, "DIGEST_INVALID")


@pytest.mark.parametrize("headers", [
    {"X_Long": "x" * 100_000}, {f"X_{number}": "y" for number in range(2000)}, {"Accept": "a/b, " * 20_000},
    {"Range": "bytes=" + "0-1," * 10_000}, {"Content_Type": "\x01\x02"},
], ids=["one-long", "many", "accept", "ranges", "control-characters"])
def test_headers(weir: Weir, repository: str, headers: dict[str, str]) -> None:
    try:
        answer = raw(weir, "GET", f"/v2/{repository}/manifests/1", **headers)
    except (ConnectionError, http.client.HTTPException, ValueError):
        return  # Cut off, or not even sendable.
    assert answer.status_code in (200, 206, 400, 416, 431), answer.text[:300]


@pytest.mark.parametrize("line", [
    b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"GET /v2/ HTTP/9.9\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost\r\n\r\n",
    b"GET " + b"/x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
], ids=lambda line: repr(line[:30]))
def test_what_is_not_http(weir: Weir, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as connection:
        try:
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        except OSError:
            return  # Cut off.
    assert not answer or answer.startswith(b"HTTP/1.") and answer.split()[1][:1] == b"4", answer[:200]


def test_a_client_that_leaves_in_the_middle(weir: Weir, repository: str) -> None:
    client = weir.distribution()
    for _ in range(20):
        location = client.begin(repository).removeprefix(weir.url)
        connection = http.client.HTTPConnection("127.0.0.1", weir.port)
        connection.putrequest("PATCH", location)
        connection.putheader("Authorization", basic(weir))
        connection.putheader("Content-Length", "1000000")
        connection.endheaders()
        connection.send(b"x" * 50_000)
        connection.close()
    content = b"and it still works"
    client.push_blob(repository, content, sha256(content))


def test_paths_that_are_nobodys(weir: Weir) -> None:
    for path in ("/favicon.ico", "/v1/", "/v3", "/metrics/../v2/", "/?Action=%ff", "//", "/%", "/v2x"):
        answer = raw(weir, "GET", path)
        assert 300 <= answer.status_code < 500 or answer.status_code == 200, f"{path}: {answer.status_code}"


def test_nothing_of_this_was_an_error_of_the_servers(weir: Weir) -> None:
    """The last test of this file: clients' faults are not logged as the server's."""
    lines = [line for line in weir.output.splitlines() if '"level":"error"' in line.replace(" ", "") or
             '"level":"critical"' in line.replace(" ", "")]
    assert lines == []
