"""What goes wrong upstream, on order."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One thing that goes wrong, with the next so many requests of one kind. What is not set is done properly."""

    #: "ping", "token", "manifests", "blobs", "cdn", "tags", "referrers".
    at: str
    times: int = 1_000_000
    #: Only requests of these methods.
    methods: tuple[str, ...] = ("GET", "HEAD")
    #: Only whole bodies or only the rests of them, or both (None).
    of_ranges: bool | None = None
    #: Only content of so many bytes and more.
    smallest: int = 0
    #: Seconds before anything is said.
    delay: float = 0
    #: The connection is closed without a word.
    hangs_up: bool = False
    #: Answered instead of what was asked for.
    status: int | None = None
    code: str = "UNKNOWN"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    #: In the place of the headers of a proper answer.
    changed: dict[str, str] = field(default_factory=dict)
    #: Bytes a second.
    rate: float | None = None
    #: The connection is reset, or falls silent, after this share of the body.
    reset_at: float | None = None
    stall_at: float | None = None
    #: Compressed on the way, with another length.
    gzips: bool = False
    #: One byte is another one.
    corrupt: bool = False
    #: Bytes that follow the last one, within the length announced.
    extra_bytes: int = 0
    #: A range is answered with the whole.
    ignores_range: bool = False
    #: Done when the connection breaks.
    then: Callable[[], None] | None = None
    #: How often it happened.
    happened: int = 0


def reset(connection: socket.socket) -> None:
    """Ends a connection with RST, as a machine that has crashed does."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass
