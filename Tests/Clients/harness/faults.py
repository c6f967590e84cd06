"""Upstream faults that tests order."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One fault, in the next `times` requests of one kind. Whatever is not set is done properly."""

    #: The kind of request: "ping", "token", "manifests", "blobs", "cdn", "tags", "referrers".
    at: str
    times: int = 1_000_000
    #: Only requests of these methods.
    methods: tuple[str, ...] = ("GET", "HEAD")
    #: True: only ranges of bodies. False: only whole bodies. None: both.
    of_ranges: bool | None = None
    #: Only content of at least so many bytes.
    smallest: int = 0
    #: Seconds before the answer begins.
    delay: float = 0
    #: The connection is closed without an answer.
    hangs_up: bool = False
    #: The status of the answer, in place of the proper one.
    status: int | None = None
    code: str = "UNKNOWN"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    #: Headers that replace those of a proper answer.
    changed: dict[str, str] = field(default_factory=dict)
    #: Bytes a second.
    rate: float | None = None
    #: The share of the body after which the connection is reset, or falls silent.
    reset_at: float | None = None
    stall_at: float | None = None
    #: The body is compressed on the way, and its length differs.
    gzips: bool = False
    #: One byte is wrong.
    corrupt: bool = False
    #: Bytes after the last one, counted in the announced length.
    extra_bytes: int = 0
    #: A range is answered with the whole.
    ignores_range: bool = False
    #: Called when the connection breaks.
    then: Callable[[], None] | None = None
    #: How often the fault happened.
    happened: int = 0


def reset(connection: socket.socket) -> None:
    """Ends a connection with RST, as a machine that has crashed does."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass
