#!/usr/bin/env python3
"""An upstream registry at the end of a long line: 20 ms away, and no faster than it is told.

Each answer comes a round trip late, and one more on a new connection; a connection begins slowly, as TCP does, and doubles with every
round trip; what all send together, or each for itself, is held to a rate. It runs as a process of its own and costs little: content goes
from file to socket inside the kernel.

    shaped.py PORT FOLDER --rtt 0.02 [--total BYTES_PER_S] [--each BYTES_PER_S]

FOLDER holds manifests/NAME (a tag or a digest) and blobs/DIGEST. `GET /told` says what was sent, `GET /forget` begins to count anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import time
from pathlib import Path

PIECE = 128 * 1024
#: TCP's first window in bytes: ten segments.
FIRST_WINDOW = 14_600
#: Seconds that a sleep may be late by without lowering the rate.
SLACK = 0.005


class Line:
    """A rate that several may share."""

    def __init__(self, rate: float | None):
        self.rate = rate
        self._free = 0.0

    def delay(self, size: int) -> float:
        """Takes the line for so many bytes. Returns how long to wait until they may be sent."""
        if not self.rate:
            return 0
        now = time.monotonic()
        begin = max(self._free, now - SLACK)
        self._free = begin + size / self.rate
        return max(0.0, begin - now)


class Upstream:
    def __init__(self, folder: Path, rtt: float, total: float | None, each: float | None):
        self.folder, self.rtt, self.each = folder, rtt, each
        self.line = Line(total)
        self.sent, self.requests = 0, 0
        self.blob_requests: dict[str, int] = {}
        #: When the first byte of a blob went, by the machine's monotonic clock.
        self.first_bytes: dict[str, float] = {}

    async def serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop, rest = asyncio.get_running_loop(), b""
        own, window, late = Line(self.each), [FIRST_WINDOW], self.rtt
        try:
            while True:
                while b"\r\n\r\n" not in rest:
                    piece = await loop.sock_recv(connection, 65536)
                    if not piece:
                        return
                    rest += piece
                head, _, rest = rest.partition(b"\r\n\r\n")
                lines = head.decode(errors="replace").split("\r\n")
                method, path, _ = lines[0].split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
                if not path.startswith(("/told", "/forget")):
                    await asyncio.sleep(late + self.rtt)
                    late = 0.0
                await self._answer(connection, method, path, headers, own, window)
        except (ConnectionError, ValueError, OSError):
            pass
        finally:
            connection.close()

    async def _answer(self, connection: socket.socket, method: str, path: str, headers: dict[str, str], own: Line,
                      window: list[int]) -> None:
        if path == "/told":
            return await self._say(connection, 200, json.dumps(
                {"sent": self.sent, "requests": self.requests, "blobs": self.blob_requests, "first": self.first_bytes}).encode())
        if path == "/forget":
            self.sent, self.requests, self.blob_requests, self.first_bytes = 0, 0, {}, {}
            return await self._say(connection, 200, b"{}")
        self.requests += 1
        if path in ("/v2/", "/v2"):
            return await self._say(connection, 200, b"{}")
        kind, _, name = path.partition("?")[0].rpartition("/v2/")[2].rpartition("/")
        kind = kind.rpartition("/")[2]
        file = self.folder / kind / name
        if kind not in ("manifests", "blobs") or not file.is_file():
            return await self._say(connection, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}')
        content_type, digest = "application/octet-stream", name
        if kind == "manifests":
            content_type = json.loads(file.read_text())["mediaType"]
            digest = file.resolve().name
        await self._send(connection, method, file, content_type, digest, headers, own, window)

    async def _send(self, connection: socket.socket, method: str, file: Path, content_type: str, digest: str,
                    headers: dict[str, str], own: Line, window: list[int]) -> None:
        size = file.stat().st_size
        first, last, status = 0, size - 1, "200 OK"
        if headers.get("range", "").startswith("bytes="):
            begin, _, end = headers["range"][6:].partition("-")
            first, last, status = int(begin), min(int(end or last), last), "206 Partial Content"
        head = (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {last - first + 1}\r\n"
                f"Docker-Content-Digest: {digest}\r\nAccept-Ranges: bytes\r\nETag: \"{digest[7:39]}\"\r\n")
        if status.startswith("206"):
            head += f"Content-Range: bytes {first}-{last}/{size}\r\n"
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, (head + "\r\n").encode())
        if method == "HEAD":
            return
        if digest.startswith("sha256:") and "blobs" in str(file):
            self.blob_requests[digest] = self.blob_requests.get(digest, 0) + 1
            self.first_bytes.setdefault(digest, time.monotonic())
        with file.open("rb") as content:
            await self._pour(loop, connection, content, first, last - first + 1, own, window)

    async def _pour(self, loop: asyncio.AbstractEventLoop, connection: socket.socket, content: object, at: int, left: int,
                    own: Line, window: list[int]) -> None:
        in_window, turn_ends = window[0], time.monotonic() + self.rtt
        limit = max(self.line.rate or 0, self.each or 0) * self.rtt
        while left:
            size = min(left, PIECE, max(in_window, 1))
            if wait := max(self.line.delay(size), own.delay(size)):
                await asyncio.sleep(wait)
            await loop.sock_sendfile(connection, content, at, size, fallback=False)
            at, left, in_window = at + size, left - size, in_window - size
            self.sent += size
            if in_window <= 0:
                # A window is sent; the next, twice as large, goes when the first is acknowledged.
                if limit and window[0] < limit and (pause := turn_ends - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                window[0] = int(min(window[0] * 2, max(limit * 2, PIECE)))
                in_window, turn_ends = window[0], time.monotonic() + self.rtt

    @staticmethod
    async def _say(connection: socket.socket, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(connection, head.encode() + body)


async def run(port: int, upstream: Upstream) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)
    loop, tasks = asyncio.get_running_loop(), set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        connection.setblocking(False)
        task = asyncio.create_task(upstream.serve(connection))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rtt", type=float, default=0.02)
    parser.add_argument("--total", type=float)
    parser.add_argument("--each", type=float)
    options = parser.parse_args()
    asyncio.run(run(options.port, Upstream(options.folder, options.rtt, options.total, options.each)))
