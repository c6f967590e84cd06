"""An upstream and a pusher that mean harm.

    with HostileUpstream() as hostile:
        weir = make_weir(upstreams={"registry.k8s.io": hostile.url})
        weir.rule("evil", "registry.k8s.io")
        image = hostile.hold("app", "1", single([random_layer("x", 9 * MIB)]))
        hostile.says("/blobs/", lying_range(0, 2**63 - 1, "*", 4 * MIB))         # whoever asks for a blob hears this
        hostile.says("/blobs/", answer(200, b"x", **{"Content-Length": str(2**63 - 1)}), times=1)
        hostile.says("/manifests/", limited(10**9))
        hostile.says("/manifests/", tarpit(answer(200, b"{}"), pause=1))         # a byte a second
        hostile.says("/tags/", answer(200, b"[]", **{"Link": "x" * 60_000}))
        hostile.honest()

What it says is raw bytes: nothing of Python's own HTTP stands between.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .images import INDEX, LAYER, MANIFEST, Blob, Image, sha256

#: The pieces of an answer: there may be a pause before each.
Answer = Callable[["Asked"], Iterable[bytes]]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer with the right length, unless a header says otherwise. An empty header is left out."""
    def say(asked: Asked) -> Iterable[bytes]:
        given = {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        yield f"HTTP/1.1 {status} So\r\n{head}\r\n".encode("latin-1") + (b"" if asked.method == "HEAD" else body)
    return say


def lying_range(first: int, last: int, size: int | str, length: int) -> Answer:
    """A 206 with so many bytes that claims another range."""
    return answer(206, bytes(length), **{"Content-Range": f"bytes {first}-{last}/{size}"})


def limited(retry_after: int | str) -> Answer:
    return answer(429, b"{}", **{"Retry-After": str(retry_after)})


def tarpit(what: Answer, pause: float = 1, step: int = 1) -> Answer:
    """The same, a few bytes at a time."""
    def say(asked: Asked) -> Iterable[bytes]:
        for piece in what(asked):
            for start in range(0, len(piece), step):
                yield piece[start:start + step]
                time.sleep(pause)
    return say


def silence(seconds: float) -> Answer:
    def say(_: Asked) -> Iterable[bytes]:
        time.sleep(seconds)
        return []
    return say


class HostileUpstream:
    """Serves images as an honest registry without logins does, until a test tells it what to answer instead."""

    def __init__(self, address: str = "127.0.0.1"):
        self.asked: list[Asked] = []
        self._orders: list[list[object]] = []
        self._images: dict[tuple[str, str], Image] = {}
        self._lock = threading.Lock()
        self._listener = socket.create_server((address, 0), backlog=256)
        self.host = f"{address}:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._run, daemon=True).start()

    def hold(self, repository: str, tag: str, image: Image) -> Image:
        with self._lock:
            self._images[repository, tag] = image
        return image

    def says(self, path_part: str, what: Answer, *, method: str = "", times: int = 1 << 60) -> None:
        """For requests whose path contains this; the latest order that matches counts."""
        with self._lock:
            self._orders.insert(0, [path_part, method, what, times])

    def honest(self) -> None:
        with self._lock:
            self._orders.clear()

    def count(self, path_part: str, method: str = "GET") -> int:
        with self._lock:
            return sum(path_part in one.path and one.method == method for one in self.asked)

    def stop(self) -> None:
        self._listener.close()

    def __enter__(self) -> HostileUpstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as lines:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while words := lines.readline(65536).decode("latin-1").split():
                fields = {}
                while line := lines.readline(65536).decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    fields[name.lower()] = value.strip()
                lines.read(int(fields.get("content-length", 0)))
                asked = Asked(words[0], words[1], fields)
                for piece in self._answer(asked)(asked):
                    connection.sendall(piece)

    def _answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            for order in self._orders:
                part, method, what, times = order
                if part in asked.path and method in ("", asked.method) and times > 0:
                    order[3] = times - 1
                    return what
        return self._honest(asked)

    def _honest(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if path.rstrip("/") == "/v2":
            return answer(200, b"{}")
        repository, kind, reference = (path.removeprefix("/v2/").rsplit("/", 2) + ["", ""])[:3]
        with self._lock:
            here = {tag: image for (name, tag), image in self._images.items() if name == repository}
        found = here[reference].top if reference in here and kind == "manifests" else next(
            (blob for image in here.values() if (blob := image.find(reference))), None)
        if found is None:
            return answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        headers = {"Docker-Content-Digest": found.digest}
        if kind == "manifests":
            return answer(200, found.content, **headers, **{"Content-Type": found.media_type})
        first, dash, last = asked.headers.get("range", "").removeprefix("bytes=").partition("-")
        if not dash or int(first) >= len(found.content):
            return answer(200, found.content, **headers)
        part = found.content[int(first):int(last) + 1 if last else None]
        return answer(206, part, **headers, **{"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(found.content)}"})


# What a pusher sends


def manifest(layers: Iterable[dict[str, object]], config: dict[str, object] | None = None, **members: object) -> Blob:
    """A manifest of these descriptors, whether they are true or not."""
    empty = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(b"{}"), "size": 2}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config or empty, "layers": list(layers), **members}
    return Blob(json.dumps(document, separators=(",", ":")).encode(), MANIFEST)


def index_of(children: Iterable[dict[str, object]], **members: object) -> Blob:
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(children), **members}
    return Blob(json.dumps(document, separators=(",", ":")).encode(), INDEX)


def absent(count: int, size: int = 1, media_type: str = LAYER) -> Iterator[dict[str, object]]:
    """Descriptors of different blobs, none of which exists."""
    return ({"mediaType": media_type, "digest": f"sha256:{number:064x}", "size": size} for number in range(1, count + 1))
