"""The server's doors under fire: raw bytes, edge numbers in every numeric member, header and query, and upstreams that answer anything.

    cd Tests/Clients && python -m harness.wirefuzz --calls 100000 --seed 7       # what `make fuzz` runs

Each call must be answered, and never with a 500; the server must be there afterwards. The same seed sends the same calls.
"""

from __future__ import annotations

import argparse
import base64
import collections
import concurrent.futures
import contextlib
import datetime
import hashlib
import hmac
import itertools
import json
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.session
from botocore.model import Shape

from . import model
from .hostile import Asked, HostileUpstream, answer
from .images import INDEX, MANIFEST, Image, random_layer, sha256, single
from .weir import Weir

NUMBERS: list[Any] = [
    -1, 0, 1, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 52_000 << 20, (52_000 << 20) + 1, 2**63 - 2, 2**63 - 1, 2**63, 2**64, -2**63,
    -2**63 - 1, 0.5, 1e13, 1e18, 9.3e18, 1e300, -1e300, float("nan"), float("inf"), "7", None, True, [], {},
]
TEXTS: list[Any] = [
    "", "\0", "a\0b", "NaN", "-1", "9223372036854775807", "1e300", "é", "e\u0301", "\u202e", "a" * 300, "a" * 70_000, "../..", "%00", "${*}", "*", "\r\nX: y",
    "arn:aws:ecr:us-east-2:111122223333:repository/x", "sha256:" + "a" * 64, "sha256:", "latest", "\ud800", 7, None, [], {}, ["a"] * 2000,
]
#: Ways to write a number in headers and queries.
WRITTEN = [str(one) for one in NUMBERS if isinstance(one, (int, float))] + ["", "+1", "0x10", "1_0", " 7 ", "٣", "9" * 400, "1,2", "-"]

TARGETS = {"ecr": "AmazonEC2ContainerRegistry_V20150921", "secretsmanager": "secretsmanager", "kms": "TrentService"}
WEIR = {
    "SetRuleOptions": {"ecrRepositoryPrefix": "evil", "freshnessSeconds": 1, "referrersFreshnessSeconds": 1, "connections": 1, "requestsPerSecond": 1,
                       "bytesPerSecond": 1, "pinnedTags": ["a"], "fetch": "all", "tags": "merged", "platforms": ["linux/amd64"], "pathPrefix": "/x", "reset": ["fetch"]},
    "StartGarbageCollection": {"dryRun": True, "graceSeconds": 86_400}, "StartVerification": {"repair": False}, "DescribeRun": {"runId": "1"},
    "ListRules": {}, "DescribeRule": {"ecrRepositoryPrefix": "evil"}, "StartWarm": {"images": ["evil/app:1"], "platforms": ["linux/amd64"]},
    "ExplainImage": {"image": "evil/app:1", "askUpstream": False}, "RunLifecycle": {"repositoryName": "fuzz/app", "dryRun": True},
    "RefreshImage": {"image": "evil/app:1"},
}
#: Operations that would remove what the others need.
LEFT_OUT = {"ScheduleKeyDeletion", "DisableKey", "DeleteRepository", "DeletePullThroughCacheRule", "DeleteSecret", "BatchDeleteImage", "PutReplicationConfiguration"}


@dataclass(frozen=True)
class Call:
    """One request, as bytes, and its description."""

    label: str
    wire: bytes
    #: The answer has no body.
    is_head: bool = False
    #: It may be answered by closing the connection, or by one answer where several were meant.
    is_broken: bool = False
    #: The upstream may be at fault: 502, 503 and 504 are right.
    is_upstreams: bool = False


@dataclass
class Findings:
    calls: int = 0
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    #: The last calls that were sent.
    last: collections.deque[Call] = field(default_factory=lambda: collections.deque(maxlen=12))

    def note(self, call: Call, status: int, text: bytes) -> None:
        self.calls += 1
        self.statuses[status] += 1
        allowed = {501, 507} | ({502, 503, 504} if call.is_upstreams else {503})
        if status >= 500 and status not in allowed:
            self.wrong.append(f"{status} to {call.label}: {call.wire[:600]!r}\n    {text[:300]!r}")


# Making calls


class Maker:
    """Makes calls for one server. All randomness comes from its seed."""

    def __init__(self, weir: Weir, image: Image, seed: int):
        self.weir, self.image, self.random = weir, image, random.Random(seed)
        self.held = image.layers[0].digest
        self.keys = weir.credentials
        self.login = "Basic " + base64.b64encode(f"AWS:{weir.password()}".encode()).decode()
        session = botocore.session.get_session()
        self.models = {name: session.get_service_model(name) for name in ("ecr", "kms", "secretsmanager", "sts")}
        self._real = self._real_members()
        self._signing: dict[tuple[str, str], bytes] = {}
        bodies = list(self._edge_bodies())
        self.random.shuffle(bodies)
        self._bodies = itertools.cycle(bodies)

    def _real_members(self) -> dict[str, Any]:
        """Makes content: a call gets as far as its one wrong member only where all others are right."""
        ecr, kms, secrets = (self.weir.client(name) for name in ("ecr", "kms", "secretsmanager"))
        #: An upload accepts only its next part: most parts meet a new upload.
        self.uploads = [ecr.initiate_layer_upload(repositoryName="fuzz/app")["uploadId"] for _ in range(100)]
        key = kms.create_key()["KeyMetadata"]["Arn"]
        name = "ecr-pullthroughcache/fuzz"
        self.weir.secret("fuzz")
        top = self.image.top
        return {
            "repositoryName": "fuzz/app", "ecrRepositoryPrefix": "evil", "imageManifest": top.content.decode(), "imageDigest": top.digest,
            "imageTag": "latest", "layerDigest": self.image.layers[0].digest, "layerDigests": [self.image.layers[0].digest], "KeyId": key, "SecretId": name,
            "uploadId": self.uploads[0], "layerPartBlob": "eA==", "partFirstByte": 0, "partLastByte": 0,
            "CiphertextBlob": base64.b64encode(kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]).decode(),
            "resourceArn": self.weir.arn("fuzz/app"),
        }

    def _made_real(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._real.get(name, self._made_real(inner)) for name, inner in value.items()}
        return [self._made_real(inner) for inner in value] if isinstance(value, list) else value

    # The AWS door

    def _edge_bodies(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every member of every operation, once with each edge value."""
        for service in TARGETS:
            for name in self.models[service].operation_names:
                if name in LEFT_OUT:
                    continue
                shape = self.models[service].operation_model(name).input_shape
                base = self._made_real(model.sample(shape)) if shape else {}
                if operation := {"UploadLayerPart": ("partFirstByte", "partLastByte")}.get(name):
                    base |= {member: self._real[member] for member in operation}
                yield service, name, base
                for path, kind in _members(shape, ()):
                    for edge in NUMBERS if kind in ("integer", "long", "float", "double", "timestamp") else TEXTS:
                        yield service, name, _with(base, path, edge)
        for name, base in WEIR.items():
            if name not in LEFT_OUT:
                for member, edge in itertools.product(base, NUMBERS + TEXTS):
                    yield "weir", name, {**base, member: edge}

    def aws(self) -> Call:
        service, operation, members = next(self._bodies)
        if members.get("uploadId") == self.uploads[0]:
            members = {**members, "uploadId": self.random.choice(self.uploads)}
        # Pure ASCII escapes, so that a lone surrogate can be sent; NaN and Infinity as Python spells them.
        body = json.dumps(members).encode()
        target = f"Weir_20261122.{operation}" if service == "weir" else f"{TARGETS[service]}.{operation}"
        return Call(f"{service} {operation}", self._signed("ecr" if service == "weir" else service, body, {"X-Amz-Target": target}))

    def query(self) -> Call:
        """The Query dialect, and forms."""
        pick = self.random.choice
        name = pick(self.models["sts"].operation_names)
        fields = [("Action", name), ("Version", pick(["2011-06-15", *WRITTEN])), ("DurationSeconds", pick(WRITTEN)), (pick(["a", "", "%", "X-Amz-Date"]), pick(WRITTEN))]
        body = "&".join(f"{key}={quote(value)}" for key, value in fields).encode() + pick([b"", b"&", b"&&=&", b"%zz", b"&a" * 1500])
        return Call(f"sts {name}", self._signed("sts", body, {}, "application/x-www-form-urlencoded"))

    def _signed(self, service: str, body: bytes, headers: dict[str, str], media: str = "application/x-amz-json-1.1") -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        day, region = now[:8], self.weir.region
        all_headers = {"content-type": media, "host": self.weir.host, "x-amz-date": now, **{name.lower(): value for name, value in headers.items()}}
        names = ";".join(sorted(all_headers))
        canonical = "\n".join(["POST", "/", "", *(f"{name}:{all_headers[name]}" for name in sorted(all_headers)), "", names,
                               hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._key(day, service), text.encode(), hashlib.sha256).hexdigest()
        all_headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.keys['aws_access_key_id']}/{scope}, SignedHeaders={names}, Signature={signature}")
        head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        return f"POST / HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def _key(self, day: str, service: str) -> bytes:
        if (day, service) not in self._signing:
            key = ("AWS4" + self.keys["aws_secret_access_key"]).encode()
            for word in (day, self.weir.region, service, "aws4_request"):
                key = hmac.new(key, word.encode(), hashlib.sha256).digest()
            self._signing[day, service] = key
        return self._signing[day, service]

    def unproven(self) -> Call:
        """Calls without a signature, or with a strange one."""
        pick = self.random.choice
        wire = self._signed("ecr", b"{}", {"X-Amz-Target": TARGETS["ecr"] + ".DescribeRepositories"}).decode()
        for _ in range(self.random.randrange(1, 4)):
            old = pick(["aws4_request", "AWS4-HMAC-SHA256", "SignedHeaders=", "host;", "Credential=", "Signature=", "x-amz-date: 2", "T", "Z", "/", ";", ","])
            wire = wire.replace(old, pick(["", old * 2, "%00", *WRITTEN]).strip("\r\n"), 1)
        return Call("a strange signature", wire.encode("utf-8", "replace"), is_broken=True)

    # /v2/

    def distribution(self) -> Call:
        pick, digest = self.random.choice, self.random.choice(["sha256:" + "a" * 64, "sha256:", "sha512:" + "b" * 128, "latest", "a" * 200, "%00", self.held])
        name = pick(["fuzz/app", "evil/app", "no/such", "a" * 300, "fuzz%2Fapp", "..", "FUZZ"])
        method = pick(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"])
        path = pick([f"/v2/{name}/manifests/{digest}", f"/v2/{name}/blobs/{digest}", f"/v2/{name}/blobs/uploads/", f"/v2/{name}/blobs/uploads/{pick(WRITTEN)}",
                     f"/v2/{name}/tags/list", f"/v2/{name}/referrers/{digest}", "/v2/_catalog", "/v2/"])
        query = "&".join(f"{key}={quote(pick(WRITTEN + [digest, 'fuzz/app']))}" for key in self.random.sample(
            ["n", "last", "digest", "mount", "from", "artifactType", "digest-algorithm", "weir-expires"], self.random.randrange(3)))
        headers = {"Host": self.weir.host, "Authorization": pick([self.login] * 8 + ["Basic ====", "Bearer x", "Basic QVdTOng="]),
                   pick(["Range", "Content-Range", "If-None-Match", "If-Range", "Accept", "Content-Type", "traceparent", "OCI-Chunk-Min-Length"]):
                       pick([f"bytes={a}-{b}" for a in ("", "0", str(2**63 - 2), "-1") for b in ("", "0", str(2**63 - 1), "9" * 30)] + [
                           f"{a}-{b}" for a in ("0", "5", str(2**63 - 1)) for b in ("0", str(2**63 - 1), str(2**63 - 2))] + [MANIFEST, INDEX, "*/*", "x" * 5000, *WRITTEN])}
        body = self._manifest() if "/manifests/" in path and method == "PUT" else self.random.choice([b"", b"x", b"{}"])
        if method in ("GET", "HEAD", "DELETE", "OPTIONS"):
            body = b""
        head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        wire = f"{method} {path}{'?' + query if query else ''} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode("utf-8", "replace") + body
        return Call(f"{method} {path[:60]}", wire, is_head=method == "HEAD", is_broken=True, is_upstreams="evil" in name)

    def push(self) -> Call:
        """A push that is right but for one thing, and the requests of an upload."""
        pick = self.random.choice
        media = pick([MANIFEST] * 4 + [INDEX, "", "a/b", "x" * 5000])
        headers = f"Host: {self.weir.host}\r\nAuthorization: {self.login}\r\n"
        upload = f"/v2/fuzz/app/blobs/uploads/{pick([self._real['uploadId'], 'x'])}"
        ranges = [f"{a}-{b}" for a in (0, 1, 2**63 - 1) for b in (0, 1, 2**63 - 2, 2**63 - 1)]
        match self.random.randrange(6):
            case 0 | 1 | 2:
                method, path, body = "PUT", f"/v2/fuzz/app/manifests/{pick(['latest', 'a' * 128, self.image.digest])}", self._manifest()
                headers += f"Content-Type: {media}\r\n" if media else ""
            case 3:
                method, path, body = "PATCH", upload, pick([b"", b"x"])
                headers += f"Content-Range: {pick(ranges + WRITTEN)}\r\n".encode("ascii", "replace").decode()
            case 4:
                method, path, body = "PUT", f"{upload}?digest={pick([self.held, 'sha256:' + 'a' * 64, 'x'])}", pick([b"", b"x"])
            case _:
                method, path, body = "GET", f"/v2/fuzz/app/blobs/{self.held}", b""
                headers += f"Range: bytes={pick(ranges + ['-' + one for one in WRITTEN])}\r\n".encode("ascii", "replace").decode()
        return Call(f"{method} {path}", f"{method} {path} HTTP/1.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _manifest(self) -> bytes:
        document: dict[str, Any] = {**json.loads(self.image.top.content), "annotations": {"a": "b"}}
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            path = self.random.choice([("schemaVersion",), ("mediaType",), ("config",), ("config", "size"), ("config", "digest"), ("config", "mediaType"), ("layers",),
                                       ("subject",), ("artifactType",), ("annotations", "a"), ("manifests",)])
            document = _with(document, path, self.random.choice(NUMBERS + TEXTS))
        layers = document.get("layers")
        if self.random.randrange(4) == 0 and isinstance(layers, list) and layers and isinstance(layers[0], dict):
            document["layers"][0] = {**document["layers"][0], "size": self.random.choice(NUMBERS)}
        return json.dumps(document).encode()

    # The port

    def raw(self) -> Call:
        """Bytes that are hardly HTTP."""
        source = self.random.choice([self.aws, self.distribution])().wire
        wire = bytearray(source[:4000])
        for _ in range(self.random.randrange(1, 6)):
            where = self.random.randrange(len(wire) + 1)
            match self.random.randrange(5):
                case 0: wire[where:where + 1] = self.random.randbytes(1)
                case 1: del wire[where:where + self.random.randrange(1, 50)]
                case 2: wire[where:where] = self.random.choice([b"\r\n", b"\0", b" ", b":", b"\r\nTransfer-Encoding: chunked\r\n", b"\r\nContent-Length: 18446744073709551616\r\n",
                                                                b"\r\nContent-Length: -1\r\n", b"ffffffffffffffff\r\n", b"\r\nExpect: 100-continue\r\n", b"A" * 9000])
                case 3: wire[where:where + 8] = self.random.randbytes(8)
                case _: wire = wire[:where] or bytearray(b"\n")
        return Call("raw bytes", bytes(wire), is_broken=True, is_upstreams=True)

    def upstream(self) -> Call:
        """A pull that upstream answers strangely: every name is requested once."""
        name = f"evil/app-{self.random.randrange(1 << 40):x}"
        path = self.random.choice([f"/v2/{name}/manifests/1", f"/v2/{name}/manifests/1", f"/v2/evil/app/blobs/sha256:{self.random.randrange(1 << 256):064x}",
                                   f"/v2/{name}/tags/list"])
        method = self.random.choice(["GET", "GET", "HEAD"])
        wire = f"{method} {path} HTTP/1.1\r\nHost: {self.weir.host}\r\nAuthorization: {self.login}\r\nAccept: {MANIFEST}, {INDEX}\r\n\r\n".encode()
        return Call(f"{method} {path}", wire, is_head=method == "HEAD", is_upstreams=True)


def _members(shape: Shape | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path to each member and its kind; lists and their first element."""
    if shape is None or len(path) > 5:
        return
    match shape.type_name:
        case "structure":
            for name, inner in shape.members.items():
                yield from _members(inner, (*path, name))
        case "list":
            yield path, "list"
            yield from _members(shape.member, (*path, "[]"))
        case "map":
            yield path, "map"
        case kind:
            yield path, kind


def _with(base: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy in which the member at the path is this value."""
    if not path:
        return value
    if path[0] == "[]":
        return [_with(base[0] if isinstance(base, list) and base else {}, path[1:], value)]
    inner = base if isinstance(base, dict) else {}
    return {**inner, path[0]: _with(inner.get(path[0], {}), path[1:], value)}


class StrangeUpstream:
    """Answers as a registry would, and then changes the answer: a header's number, a status, the body's bytes."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.image = single([random_layer("strange", 3000)], note="strange")
        self.server = HostileUpstream()
        self.server.hold("app", "1", self.image)
        self.server.says("/v2/", self._say)

    def _say(self, asked: Asked) -> Iterator[bytes]:
        pick = self.random.choice
        body = pick([self.image.top.content, self.image.blobs[0].content, b"", b"{}", b"[" * 5000, b'{"tags":["a",null,7],"name":"x"}',
                     json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": "a/b", "digest": "sha256:" + "a" * 64, "size": 2**63 - 1},
                                 "layers": [{"mediaType": "a/b", "digest": "sha256:" + "b" * 64, "size": pick(NUMBERS[:20])}] * pick([1, 2, 50])}).encode()])
        headers = {"Content-Type": pick([MANIFEST, INDEX, "text/html", "", "a" * 3000]), "Docker-Content-Digest": pick([sha256(body), "sha256:x", ""])}
        for name in self.random.sample(["Content-Range", "Retry-After", "ratelimit-limit", "ratelimit-remaining", "Link", "Location", "WWW-Authenticate", "ETag", "Date",
                                        "Content-Length", "Content-Encoding", "Transfer-Encoding"], self.random.randrange(4)):
            number = pick(WRITTEN)
            headers[name] = pick([number, f"bytes {number}-{pick(WRITTEN)}/{pick(WRITTEN)}", f"bytes 0-{number}/*", f"{number};w={pick(WRITTEN)}", f"<{number}>; rel=\"next\"",
                                  f'Bearer realm="{self.server.url}/{number}",service="{number}"', f"http://127.0.0.1:{number}/", "chunked", "gzip"])
        status = pick([200, 200, 200, 206, 206, 301, 307, 400, 401, 403, 404, 416, 429, 500, 503, 999, 100])
        if "/blobs/" in asked.path and self.random.randrange(2):
            # Claims about the body and its range: the server computes with these numbers.
            status = pick([200, 206, 206])
            first = pick(["0", "0", pick(WRITTEN)])
            headers |= {"Content-Range": f"bytes {first}-{pick(WRITTEN)}/{pick(['*', *WRITTEN])}"} if status == 206 else {"Content-Length": pick(WRITTEN)}
        headers = {name: value.replace("\r", "").replace("\n", "").encode("ascii", "replace").decode() for name, value in headers.items()}
        yield from answer(status, body[: pick([len(body), len(body) // 2])], **headers)(asked)
        raise ConnectionError("enough")  # An unfinished answer ends here.

    def stop(self) -> None:
        self.server.stop()


# Sending them


def shoot(weir: Weir, calls: list[Call], findings: Findings, seconds: float = 30) -> None:
    """Sends the calls over as few connections as the server leaves open."""
    waiting = collections.deque(calls)
    while waiting and weir.daemon.alive:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", weir.port), timeout=seconds) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines = connection.makefile("rb")
            while waiting:
                call = waiting.popleft()
                if weir.daemon.alive:
                    findings.last.append(call)
                try:
                    connection.sendall(call.wire)
                    if call.is_broken:
                        # An open connection waits for more, and there is none.
                        connection.shutdown(socket.SHUT_WR)
                    status, text, stays = _reply(lines, call)
                except (ConnectionError, ValueError) as problem:
                    if isinstance(problem, ValueError) and not call.is_broken:
                        findings.wrong.append(f"{problem} to {call.label}: {call.wire[:600]!r}")
                    status, text, stays = 0, b"", False
                except TimeoutError:
                    findings.wrong.append(f"no answer within {seconds:g} s to {call.label}: {call.wire[:600]!r}")
                    status, text, stays = 0, b"", False
                findings.note(call, status, text)
                if not stays or call.is_broken:
                    break


def _reply(lines: Any, call: Call) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection stays open. Status 0: it was closed without an answer."""
    first = lines.readline(65536)
    if not first:
        return 0, b"", False
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError(f"an answer that is none: {first[:200]!r}")
    status, headers = int(words[1]), {}
    while line := lines.readline(65536).strip():
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    if status == 100:
        return _reply(lines, call)
    length = headers.get(b"content-length")
    body = b""
    if not call.is_head and status not in (204, 304):
        if length is not None:
            body = lines.read(int(length))
        elif headers.get(b"transfer-encoding") == b"chunked":
            while size := int(lines.readline().strip() or b"0", 16):
                body += lines.read(size)
                lines.readline()
            lines.readline()
    return status, body, headers.get(b"connection", b"").lower() != b"close" and not (call.is_head and call.is_broken)


def run(weir: Weir, maker: Maker, calls: int, findings: Findings, workers: int = 4, until: float | None = None) -> None:
    """Makes so many calls, or calls until a moment of `time.monotonic`."""
    kinds: list[tuple[Callable[[], Call], int]] = [
        (maker.aws, 44), (maker.push, 12), (maker.distribution, 14), (maker.unproven, 8), (maker.query, 4), (maker.raw, 8), (maker.upstream, 10)]
    makers = [make for make, weight in kinds for _ in range(weight)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        while findings.calls < calls and len(findings.wrong) < 10 and weir.daemon.alive and (until is None or time.monotonic() < until):
            batches = [[maker.random.choice(makers)() for _ in range(50)] for _ in range(workers)]
            list(pool.map(lambda batch: shoot(weir, batch, findings), batches))
            if not weir.daemon.alive:
                last = "\n".join(f"{call.label}: {call.wire[-400:]!r}" for call in findings.last)
                findings.wrong.append(f"the server ended with {weir.daemon.wait(5)}:\n{weir.output[-1500:]}\nOne of:\n{last}")


def trial(folder: Path, calls: int, seed: int, seconds: float | None = None) -> Findings:
    """One run with a server, an upstream, and so many calls."""
    strange, findings = StrangeUpstream(seed), Findings()
    weir = Weir(folder, upstreams={"registry.k8s.io": strange.server.url}, options=[
        "--log-level", "error", "--freshness", "0", "--remember-missing", "0", "--upstream-patience", "2"]).start()
    try:
        weir.rule("evil", "registry.k8s.io")
        weir.repository("fuzz/app")
        image = single([random_layer("held", 5000)], note="held")
        weir.distribution().push("fuzz/app", "latest", image)
        maker = Maker(weir, image, seed)
        run(weir, maker, calls, findings, until=time.monotonic() + seconds if seconds else None)
        if weir.daemon.alive and not weir.is_ready():
            findings.wrong.append("the server is there and not well")
    finally:
        strange.stop()
        weir.discard()
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, help="stop after so long, however many calls that were")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"wirefuzz: {options.calls} calls, seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="weir-fuzz-") as folder:
        findings = trial(Path(folder), options.calls, options.seed, options.seconds)
    spent = time.monotonic() - began
    print(f"wirefuzz: {findings.calls} calls in {spent:.0f} s, {findings.calls / spent:.0f} a second; statuses "
          + ", ".join(f"{status or 'closed'}: {count}" for status, count in sorted(findings.statuses.items())))
    for line in findings.wrong[:20]:
        print(f"FOUND {line}")
    sys.exit(1 if findings.wrong else 0)


if __name__ == "__main__":
    main()
