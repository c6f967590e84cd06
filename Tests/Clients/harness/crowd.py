"""A thousand clients in one thread: each has a connection of its own and keeps it."""

from __future__ import annotations

import asyncio
import base64
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    status: int
    digest: str
    seconds: float


def crowd(host: str, password: str, paths: Sequence[Sequence[str]], accept: str) -> list[Reply]:
    """One client for each list of paths. All ask for their first path; when all have their answer, all ask for their second, and so on."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    return asyncio.run(_crowd(host, password, paths, accept))


async def _crowd(host: str, password: str, paths: Sequence[Sequence[str]], accept: str) -> list[Reply]:
    address, _, port = host.partition(":")
    login = base64.b64encode(f"AWS:{password}".encode()).decode()
    head = f"Host: {host}\r\nAuthorization: Basic {login}\r\nAccept: {accept}\r\n\r\n"
    connections = [await asyncio.open_connection(address, int(port)) for _ in paths]
    replies: list[Reply] = []
    for round_ in zip(*paths):
        asked = (_ask(reader, writer, path, head) for (reader, writer), path in zip(connections, round_))
        replies += await asyncio.gather(*asked)
    for _, writer in connections:
        writer.close()
    return replies


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, head: str) -> Reply:
    began = time.monotonic()
    writer.write(f"GET {path} HTTP/1.1\r\n{head}".encode())
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    await reader.readexactly(int(headers.get("content-length", 0)))
    return Reply(int(lines[0].split()[1]), headers.get("docker-content-digest", ""), time.monotonic() - began)
