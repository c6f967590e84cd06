#!/usr/bin/env python3
"""Many clients in one process, each pulling an image as docker does: the manifest, then its layers three at a time.

It costs the machine little: one thread, and what has arrived is thrown away inside the kernel, so that what is measured is the server and not
a hundred clients' share of two cores.

    crowd.py URL REPOSITORY [--clients 100] [--over SECONDS] [--parallel 3] [--rate BYTES_PER_S] [--login USER:PASSWORD] < "DIGEST SIZE" lines

`--over` lets the clients begin one after the other in that time; without it they all ask at the same moment. Prints one JSON object for each layer
of each client: when it was asked, when the first byte of the body came and when the last, in seconds of the machine's monotonic clock.
"""

from __future__ import annotations

import argparse
import base64
import heapq
import itertools
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

#: Bytes read from a socket at once.
GULP = 1 << 20
#: Linux's option; Python does not have it.
SO_TIMESTAMPNS = 35
#: Seconds by which the time stamps' clock is ahead of the monotonic one.
OFFSET = time.time() - time.monotonic()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def moment(_: int, __: int, data: bytes) -> float:
    """A time stamp of the kernel's, on the monotonic clock."""
    seconds, nanoseconds = struct.unpack("qq", data[:16])
    return seconds + nanoseconds / 1e9 - OFFSET


class Watch:
    """The slots that have something to read. Lower than `selectors`, which costs as much as the rest of this client."""

    def __init__(self) -> None:
        self.poll = select.epoll()
        self.slots: dict[int, Slot] = {}

    def add(self, slot: Slot) -> None:
        number = slot.socket.fileno()
        self.slots[number] = slot
        self.poll.register(number, select.EPOLLIN)

    def drop(self, slot: Slot) -> None:
        number = slot.socket.fileno()
        del self.slots[number]
        self.poll.unregister(number)


class Slot:
    """One of a client's connections, and what it fetches."""

    def __init__(self, crowd: Crowd, client: Client):
        self.crowd, self.client = crowd, client
        self.socket = socket.socket(crowd.family, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(crowd.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel tells when a byte arrived: a hundred clients in one thread would see it later.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)
        self.left = 0

    def ask(self) -> bool:
        """Asks for the client's next wanted item; False where there is none."""
        if not self.client.wanted:
            self.socket.close()
            return False
        self.path, self.size = self.client.wanted.pop(0)
        self.head: bytes | None = b""
        self.first = 0.0
        self.asked = time.monotonic()
        self.socket.sendall(self.crowd.request(self.path))
        return True

    def receive(self) -> int:
        """Reads what the socket has."""
        if self.head is not None:
            return self._receive_head()
        # MSG_TRUNC: the kernel drops the bytes instead of copying them.
        count = self.socket.recv_into(self.crowd.buffer, min(GULP, self.left), socket.MSG_TRUNC)
        if not count:
            raise RuntimeError(f"{self.path}: {self.left} bytes of {self.size} are missing")
        self._took(count, time.monotonic())
        return count

    def _receive_head(self) -> int:
        piece, notes, _, _ = self.socket.recvmsg(16 * 1024, 256)
        arrived = min([moment(*note) for note in notes if note[1] == SO_TIMESTAMPNS] or [time.monotonic()])
        if not piece:
            raise RuntimeError(f"{self.path}: no answer")
        self.head += piece
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if end:
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(f"{self.path}: {head!r} {rest!r}")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self.head, self.left = None, int(length.partition(b":")[2])
            if rest:
                self._took(len(rest), arrived)
        return len(rest)

    def _took(self, count: int, arrived: float) -> None:
        self.first = self.first or arrived
        self.left -= count

    @property
    def is_done(self) -> bool:
        return self.head is None and not self.left


class Client:
    """Wants the manifest, and then the layers."""

    def __init__(self, number: int, layers: list[tuple[str, int]], rate: float | None):
        self.number, self.rate = number, rate
        self.wanted: list[tuple[str, int]] = [("manifests/1", 0)]
        self.layers = layers
        self._free = time.monotonic()

    def pause(self, count: int) -> float:
        """Seconds for which it does not read after so many bytes."""
        if not self.rate:
            return 0
        now = time.monotonic()
        self._free = max(self._free, now - 0.02) + count / self.rate
        return self._free - now


class Crowd:
    def __init__(self, options: argparse.Namespace, layers: list[tuple[str, int]]):
        url = urlsplit(options.url)
        #: Looked up once: a hundred look-ups would count towards what is measured.
        self.family, *_, self.address = socket.getaddrinfo(url.hostname, url.port, type=socket.SOCK_STREAM)[0]
        self.parallel = options.parallel
        login = f"Authorization: Basic {base64.b64encode(options.login.encode()).decode()}\r\n" if options.login else ""
        self._rest = f" HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: {MANIFEST}\r\n{login}\r\n"
        self._path = f"/v2/{options.repository}/"
        self.buffer = memoryview(bytearray(GULP))
        #: Slots that wait for an answer are served first, so that no first byte waits while others' bodies are read.
        self.waiting, self.taking = Watch(), Watch()
        self.taking.poll.register(self.waiting.poll.fileno(), select.EPOLLIN)
        self.running = 0
        began = time.monotonic()
        wanted = [(f"blobs/{digest}", size) for digest, size in layers]
        #: Work for later: a client begins, or a slot reads on.
        self._order = itertools.count()
        self.later: list[tuple[float, int, Callable[[], None]]] = []
        for number in range(options.clients):
            client = Client(number, wanted, options.rate)
            self._at(began + options.over * number / options.clients, lambda client=client: self._start(client))

    def request(self, path: str) -> bytes:
        return f"GET {self._path}{path}{self._rest}".encode()

    def run(self) -> None:
        while self.running or self.later:
            while self.later and self.later[0][0] <= time.monotonic():
                heapq.heappop(self.later)[2]()
            wait = max(0, self.later[0][0] - time.monotonic()) if self.later else None
            for number, _ in self.taking.poll.poll(wait):
                self._hear()
                # None where a slot that waits for its answer has something, or where this one has just ended.
                if slot := self.taking.slots.get(number):
                    self._take(slot)

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.later, (moment, next(self._order), action))

    def _start(self, client: Client) -> None:
        self._next(Slot(self, client))

    def _next(self, slot: Slot) -> None:
        if slot.ask():
            self._listen(self.waiting, slot)

    def _listen(self, watch: Watch, slot: Slot) -> None:
        watch.add(slot)
        self.running += 1

    def _leave(self, watch: Watch, slot: Slot) -> None:
        watch.drop(slot)
        self.running -= 1

    def _hear(self) -> None:
        """Reads from all slots whose answer begins."""
        for number, _ in self.waiting.poll.poll(0):
            slot = self.waiting.slots[number]
            slot.receive()
            if slot.first or slot.is_done:
                self._leave(self.waiting, slot)
                self._listen(self.taking, slot)
                if slot.is_done:
                    self._done(slot)

    def _take(self, slot: Slot) -> None:
        try:
            count = slot.receive()
        except BlockingIOError:
            # Its number is that of a slot that has just ended, to which this event belonged.
            return
        pause = slot.client.pause(count)
        if slot.is_done:
            self._done(slot)
        elif pause > 0.001:
            self._leave(self.taking, slot)
            self._at(time.monotonic() + pause, lambda: self._listen(self.taking, slot))

    def _done(self, slot: Slot) -> None:
        self._leave(self.taking, slot)
        if slot.path.startswith("manifests/"):
            slot.client.wanted = list(slot.client.layers)
            for _ in range(self.parallel - 1):
                self._start(slot.client)
        else:
            print(json.dumps({"client": slot.client.number, "digest": slot.path.rpartition("/")[2], "size": slot.size,
                              "asked": slot.asked, "first": slot.first, "last": time.monotonic()}))
        self._next(slot)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("repository")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--over", type=float, default=0)
    parser.add_argument("--parallel", type=int, default=3)
    parser.add_argument("--rate", type=float, help="what each client can take")
    parser.add_argument("--login")
    options = parser.parse_args()
    layers = [(digest, int(size)) for digest, size in (line.split() for line in sys.stdin)]
    Crowd(options, layers).run()
