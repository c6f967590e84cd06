"""A client that uses little CPU, so that the servers have the rest on a machine where they share the cores."""

from __future__ import annotations

import base64
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

BUFFER = 1 << 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One HTTP/1.1 connection. Bodies can be read without being kept, and sent from a file."""

    def __init__(self, url: str, credentials: tuple[str, str] | None = None):
        address = urlsplit(url)
        self._host = address.netloc
        self._socket = socket.create_connection((address.hostname, address.port), timeout=300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(BUFFER))
        self._rest = b""
        self._authorization = ""
        if credentials:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            self._authorization = f"Authorization: Basic {token}\r\n"

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str, accept: str = "*/*") -> Answer:
        self._send_head("GET", path, f"Accept: {accept}\r\n")
        status, headers = self._read_head()
        return Answer(status, headers, self._read_body(headers))

    def discard(self, path: str) -> int:
        """GET; returns the number of bytes received."""
        self._send_head("GET", path, "")
        status, headers = self._read_head()
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {self._read_body(headers)[:300]!r}")
        size = int(headers["content-length"])
        left = size - len(self._rest)
        self._rest = b""
        while left:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise RuntimeError(f"GET {path}: {left} bytes of {size} are missing")
            left -= count
        return size

    def send(self, method: str, path: str, body: bytes = b"", content_type: str = "application/octet-stream") -> Answer:
        self._send_head(method, path, f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n")
        self._socket.sendall(body)
        status, headers = self._read_head()
        return Answer(status, headers, self._read_body(headers))

    def send_file(self, method: str, path: str, file: Path) -> Answer:
        size = file.stat().st_size
        self._send_head(method, path, f"Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n")
        with file.open("rb") as content:
            self._socket.sendfile(content)
        status, headers = self._read_head()
        return Answer(status, headers, self._read_body(headers))

    def _send_head(self, method: str, path: str, headers: str) -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{self._authorization}{headers}\r\n"
        self._socket.sendall(head.encode())

    def _read_head(self) -> tuple[int, dict[str, str]]:
        received = self._rest
        while b"\r\n\r\n" not in received:
            piece = self._socket.recv(64 * 1024)
            if not piece:
                raise RuntimeError("the server closed the connection")
            received += piece
        head, _, self._rest = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def _read_body(self, headers: dict[str, str]) -> bytes:
        size = int(headers.get("content-length", 0))
        while len(self._rest) < size:
            self._rest += self._socket.recv(size - len(self._rest))
        body, self._rest = self._rest[:size], self._rest[size:]
        return body


def path_of(url: str) -> str:
    """A Location as a request's target."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def push_blob(connection: Connection, repository: str, file: Path, digest: str) -> None:
    begun = connection.send("POST", f"/v2/{repository}/blobs/uploads/")
    if begun.status != 202:
        raise RuntimeError(f"POST uploads: {begun.status} {begun.body[:300]!r}")
    location = path_of(begun.headers["location"])
    joiner = "&" if "?" in location else "?"
    done = connection.send_file("PUT", f"{location}{joiner}digest={digest}", file)
    if done.status != 201:
        raise RuntimeError(f"PUT upload: {done.status} {done.body[:300]!r}")


def push_manifest(connection: Connection, repository: str, tag: str, manifest: bytes, media_type: str) -> None:
    done = connection.send("PUT", f"/v2/{repository}/manifests/{tag}", manifest, media_type)
    if done.status != 201:
        raise RuntimeError(f"PUT manifest: {done.status} {done.body[:300]!r}")
