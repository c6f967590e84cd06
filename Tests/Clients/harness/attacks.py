"""What one stranger can do to a server: each attack in a process of its own, from an address of its own, until it is stopped.

    with Attack("slow-bodies", weir):
        ...                                  # and how do the others fare?
    Attack.NAMES                             # all of them

A stranger knows what the server gives away: its address, and an access key's id (it stands in every signed link). Some have a login besides.
They yield the processor to the server (`nice`), since they would run elsewhere.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .hostile import absent, index_of, manifest
from .images import INDEX, MANIFEST
from .signing import signed
from .weir import Weir

#: An address that the other clients do not use.
ADDRESS = "127.0.0.66"
MIB = 1 << 20
ZERO = "0" * 64


class Attack:
    def __init__(self, name: str, weir: Weir, **more: Any):
        self.name = name
        self.facts = {"port": weir.port, "host": weir.host, "key": weir.credentials["aws_access_key_id"], "password": weir.password(),
                      "region": weir.region, **more}
        if name in SIGNED:
            operation, body = SIGNED[name](more)
            request = signed(weir, "ecr", operation, body)
            self.facts |= {"headers": dict(request.headers)}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Attack:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.attacks"], cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=_yield_to_others, start_new_session=True)
        self._process.stdin.write(json.dumps([self.name, self.facts]).encode())
        self._process.stdin.close()
        # It prints this line when it has begun.
        assert self._process.stdout.readline() == b"begun\n", f"{self.name} has not begun"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _yield_to_others() -> None:
    os.nice(19)
    # Where the kernel divides the processors among sessions, `nice` counts only within one.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


# The bodies of signed requests: each is made again where it is sent.


def _brackets(_: dict[str, Any]) -> bytes:
    return b"[" + b"[]," * (10 * MIB) + b"[]]"


def _many_images(more: dict[str, Any]) -> bytes:
    one = {"imageDigest": more["digest"]}
    return json.dumps({"repositoryName": more["repository"], "imageIds": [one] * 100, "acceptedMediaTypes": [MANIFEST]}).encode()


SIGNED: dict[str, Callable[[dict[str, Any]], tuple[str, bytes]]] = {
    "big-json": lambda more: ("DescribeRepositories", _brackets(more)),
    "big-answers": lambda more: ("BatchGetImage", _many_images(more)),
}


# The attacks


def _connect(facts: dict[str, Any], seconds: float = 20) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.settimeout(seconds)
    connection.bind((ADDRESS, 0))
    connection.connect(("127.0.0.1", facts["port"]))
    return connection


def _claim(facts: dict[str, Any], names: str = "host;x-amz-date", date: str | None = None) -> str:
    now = date or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return (f"Host: {facts['host']}\r\nX-Amz-Date: {now}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={facts['key']}/{now[:8]}/{facts['region']}/ecr/aws4_request, "
            f"SignedHeaders={names}, Signature={ZERO}\r\n")


def _again(facts: dict[str, Any], wire: bytes, side_by_side: int = 4) -> None:
    """Sends the same request again and again, and discards the answers."""
    def run() -> None:
        while True:
            with contextlib.suppress(OSError), _connect(facts) as connection:
                connection.sendall(wire)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass
            time.sleep(0.01)
    for _ in range(side_by_side):
        threading.Thread(target=run, daemon=True).start()


def form_bodies(facts: dict[str, Any]) -> None:
    """A form of 31 MiB with an invalid signature."""
    body = b"a&" * (31 * MIB // 2)
    head = f"POST / HTTP/1.1\r\n{_claim(facts)}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    _again(facts, head.encode() + body)


def unproven_bodies(facts: dict[str, Any]) -> None:
    """32 connections that send 31 MiB each, with an invalid signature."""
    body = b"\0" * (31 * MIB)
    head = f"POST / HTTP/1.1\r\n{_claim(facts)}X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.PutImage\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    _again(facts, head.encode() + body, 32)


def _dribble(facts: dict[str, Any], wire: bytes, count: int, pause: float) -> None:
    """As many connections as are accepted, a byte on each now and then, and a new one for each that is closed."""
    chooser = selectors.DefaultSelector()
    held: set[socket.socket] = set()

    def open_one() -> None:
        with contextlib.suppress(OSError):
            connection = _connect(facts, 2)
            connection.sendall(wire)
            connection.setblocking(False)
            held.add(connection)
            chooser.register(connection, selectors.EVENT_READ)

    def run() -> None:
        last = time.monotonic()
        while True:
            for key, _ in chooser.select(0.2):
                with contextlib.suppress(OSError):
                    if key.fileobj.recv(4096):
                        continue
                chooser.unregister(key.fileobj)
                held.discard(key.fileobj)
                key.fileobj.close()
            for _ in range(min(200, count - len(held))):
                open_one()
            if time.monotonic() - last > pause:
                last = time.monotonic()
                for connection in list(held):
                    with contextlib.suppress(OSError):
                        connection.send(b"x")

    for _ in range(min(count, 4200)):
        open_one()
    threading.Thread(target=run, daemon=True).start()


def slow_bodies(facts: dict[str, Any]) -> None:
    head = f"POST / HTTP/1.1\r\nHost: {facts['host']}\r\nX-Amz-Target: a.b\r\nContent-Length: 60000\r\n\r\n"
    _dribble(facts, head.encode(), 4200, 2)


def slow_heads(facts: dict[str, Any]) -> None:
    _dribble(facts, f"GET /v2/ HTTP/1.1\r\nHost: {facts['host']}\r\nX-Slow: ".encode(), 4200, 2)


def idle(facts: dict[str, Any]) -> None:
    _dribble(facts, b"", 4200, 1e9)


def bad_logins(facts: dict[str, Any]) -> None:
    """As fast as they are refused, on kept connections."""
    def run(number: int) -> None:
        for turn in itertools.count():
            login = base64.b64encode(f"AWS:wrong-{number}-{turn}".encode()).decode()
            with contextlib.suppress(OSError, http.client.HTTPException):
                client = http.client.HTTPConnection("127.0.0.1", facts["port"], timeout=20, source_address=(ADDRESS, 0))
                for _ in range(1000):
                    client.request("GET", "/v2/a/manifests/1", headers={"Authorization": f"Basic {login}"})
                    client.getresponse().read()
    for number in range(8):
        threading.Thread(target=run, args=[number], daemon=True).start()


def signed_names(facts: dict[str, Any]) -> None:
    """190 signed headers, and 10,000 names that claim to be signed."""
    names = ";".join(f"n{number:x}" for number in range(3500))
    extra = "".join(f"x-amz-{number}: 1\r\n" for number in range(190))
    _again(facts, f"POST / HTTP/1.1\r\n{_claim(facts, 'host;x-amz-date;' + names)}{extra}X-Amz-Target: a.b\r\nContent-Length: 2\r\n\r\n{{}}".encode(), 8)


def big_json(facts: dict[str, Any]) -> None:
    _signed_again(facts, _brackets(facts), 4)


def big_answers(facts: dict[str, Any]) -> None:
    _signed_again(facts, _many_images(facts), 4)


def _signed_again(facts: dict[str, Any], body: bytes, side_by_side: int) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in facts["headers"].items() if name.lower() not in ("host", "content-length"))
    _again(facts, f"POST / HTTP/1.1\r\nHost: {facts['host']}\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body, side_by_side)


def _put(facts: dict[str, Any], repository: str, tag: str, media: str, body: bytes) -> bytes:
    login = base64.b64encode(f"AWS:{facts['password']}".encode()).decode()
    return (f"PUT /v2/{repository}/manifests/{tag} HTTP/1.1\r\nHost: {facts['host']}\r\nAuthorization: Basic {login}\r\nContent-Type: {media}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body


def big_manifests(facts: dict[str, Any]) -> None:
    """45,000 layers that do not exist."""
    body = manifest(itertools.islice(absent(45_000), 30_000)).content
    _again(facts, _put(facts, facts["repository"], "big", MANIFEST, body[:4 * MIB]))


def big_indexes(facts: dict[str, Any]) -> None:
    """20,000 children that do not exist."""
    _again(facts, _put(facts, facts["repository"], "big", INDEX, index_of(absent(20_000, media_type=MANIFEST)).content))


ATTACKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "form-bodies": form_bodies, "unproven-bodies": unproven_bodies, "slow-bodies": slow_bodies, "slow-heads": slow_heads, "idle": idle, "bad-logins": bad_logins,
    "signed-names": signed_names, "big-json": big_json, "big-answers": big_answers, "big-manifests": big_manifests, "big-indexes": big_indexes,
}


def main() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    name, facts = json.load(sys.stdin)
    ATTACKS[name](facts)
    time.sleep(0.5)
    print("begun", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
