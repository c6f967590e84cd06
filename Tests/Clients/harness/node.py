"""A machine of a cluster, as far as files and names go. It has an /etc of its own, in which documents can be followed to the letter."""

from __future__ import annotations

import os
import random
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

from .processes import Daemon, clean_environment, run

REPOSITORY = Path(__file__).resolve().parents[3]
#: /etc is seen through a layer that takes all writes; only this node sees it.
OVERLAY = ('mount -t tmpfs node "$0" && mkdir "$0/new" "$0/work" '
           '&& mount -t overlay node -o "lowerdir=/etc,upperdir=$0/new,workdir=$0/work" /etc && touch "$0/up" && exec sleep infinity')


def loopback() -> str:
    """A loopback address that no other server uses, so that each server can have port 443."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"


def blocks(page: str, heading: str) -> list[str]:
    """The fenced blocks below a heading of a page, up to the next heading, in their order."""
    found: list[str] = []
    block: list[str] | None = None
    is_below = False
    for line in (REPOSITORY / page).read_text().splitlines():
        if line.lstrip().startswith("```"):
            if block is not None and is_below:
                found.append(textwrap.dedent("\n".join(block)) + "\n")
            block = [] if block is None else None
        elif block is not None:
            # A comment in a script is no heading.
            block.append(line)
        elif line.startswith("#"):
            is_below = line.lstrip("#").strip() == heading
    if not found:
        raise LookupError(f"{page} has nothing to run below '{heading}'")
    return found


class Node:
    def __init__(self, folder: Path, hosts: Mapping[str, str]):
        """`hosts`: names to addresses."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        layer = folder / "layer"
        layer.mkdir()
        self._holder = Daemon(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", OVERLAY, layer], folder / "log", clean_environment(folder / "home"))
        #: Words before a command that is to run on this node.
        self.under = ["nsenter", "--mount", "--target", str(self._holder.pid), "--"]
        try:
            self._holder.wait_until(
                lambda: subprocess.run([*self.under, "test", "-e", layer / "up"], capture_output=True).returncode == 0, 10, "its /etc")
        except BaseException:
            self._holder.kill()
            raise
        path = f"{REPOSITORY}/.venv/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
        self.environment = {**clean_environment(folder / "home"), "PATH": path}
        self.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in hosts.items()))

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        script = 'mkdir -p "${0%/*}" && cat > "$0" && chmod "$1" "$0"'
        subprocess.run([*self.under, "sh", "-c", script, path, f"{mode:o}"], input=content, check=True, capture_output=True)

    def read(self, path: str) -> str:
        return self.call("cat", path)

    def call(self, *words: str | Path, input: str | None = None, **variables: str) -> str:
        """The command's output."""
        return run([*self.under, *words], {**self.environment, **variables}, input=input, seconds=300).stdout

    def script(self, *parts: str, **variables: str) -> str:
        """Runs a page's instructions, in one shell."""
        return self.call("sh", "-eu", "-c", "\n".join(parts), **variables)

    def stop(self) -> None:
        self._holder.kill()
