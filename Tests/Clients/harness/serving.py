"""The HTTP of a stand-in: answers, redirects, ranges, and faults of bodies."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

from .faults import Fault, reset

PIECE = 64 * 1024


class Owner(Protocol):
    """Answers requests. Several servers may share one."""

    def answer(self, request: Request) -> None: ...
    def count_sent(self, digest: str, size: int) -> None: ...


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        try:
            self.server.owner.answer(self)
        except OSError:
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value or name == "Location":
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> None:
        message = f"the stand-in says {status}"
        plain = json.dumps({"errors": [{"code": code, "message": message}]}).encode() if body is None else body
        self.send(status, plain, {"Content-Type": "application/json", **(headers or {})})

    def redirect(self, status: int, location: str) -> None:
        self.send(status, b"", {"Location": location, "Content-Type": "text/html"})

    def content(self, content: bytes, headers: dict[str, str], fault: Fault, digest: str) -> None:
        """Sends a body, whole or in part, with its faults."""
        if fault.corrupt:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1:]
        if fault.gzips:
            content = gzip.compress(content)
        content += bytes(fault.extra_bytes)
        first, last = _range(self.headers.get("Range", ""), len(content)) or (0, len(content) - 1)
        is_part = "Range" in self.headers and not fault.ignores_range
        if not is_part:
            first, last = 0, len(content) - 1
        part = memoryview(content)[first:last + 1]
        answer = {"Content-Type": "application/octet-stream", "Content-Length": str(len(part)), "Accept-Ranges": "bytes",
                  **headers}
        if is_part:
            answer["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.send_response(206 if is_part else 200)
        for name, value in {**answer, **fault.changed}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._stream(part, fault, digest)

    def _stream(self, part: memoryview, fault: Fault, digest: str) -> None:
        ends = [int(len(part) * share) for share in (fault.reset_at, fault.stall_at) if share is not None]
        end = min([*ends, len(part)])
        step = PIECE if not fault.rate else max(1, min(PIECE, int(fault.rate / 20)))
        for start in range(0, end, step):
            piece = part[start:min(start + step, end)]
            # Not after the last piece: a client that has all of it is served no more.
            if fault.rate and start:
                time.sleep(len(piece) / fault.rate)
            self.wfile.write(piece)
            self.server.owner.count_sent(digest, len(piece))
        if fault.stall_at is not None:
            # Until the client has had enough.
            self.connection.settimeout(120)
            self.connection.recv(1)
        if ends:
            # A reset loses what the client has not read yet.
            time.sleep(0.2)
            if fault.then:
                fault.then()
            self.close_connection = True
            reset(self.connection)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: str, owner: Owner, label: str, certificate: tuple[Path, Path] | None):
        super().__init__((address, 0), Request)
        self.owner, self.label = owner, label
        self._context = None
        if certificate:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(*certificate)
        self.url = f"{'https' if certificate else 'http'}://{address}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def get_request(self) -> tuple[object, object]:
        connection, address = super().get_request()
        if self._context:
            # The connection's own thread makes the handshake.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no error."""


def _range(value: str, size: int) -> tuple[int, int] | None:
    first, dash, last = value.removeprefix("bytes=").partition("-")
    if not value.startswith("bytes=") or not dash or not first.isdigit() or int(first) >= size:
        return None
    return int(first), min(int(last), size - 1) if last.isdigit() else size - 1
