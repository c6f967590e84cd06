"""Weir and docker-registry behind one interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from content import BigImage, Stored
from harness.nowhere import Gate
from harness.processes import Daemon
from harness.registries import DockerRegistry
from harness.weir import PROGRAM, Weir

#: The cache prefix in requests to both: docker-registry has none, Weir has a rule.
PREFIX = "cache"


class Contender:
    """A server with an empty folder, ready to be measured."""

    name = ""

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def daemon(self) -> Daemon:
        raise NotImplementedError

    @property
    def credentials(self) -> tuple[str, str] | None:
        return None

    def start(self) -> None:
        """Starts with nothing stored."""
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def make_repository(self, name: str) -> None:
        """Makes what a push into it needs."""

    def cached(self, repository: str) -> str:
        """The name by which an upstream repository is pulled through this cache."""
        return repository

    def has_stored(self, blobs: Sequence[Stored]) -> bool:
        """Whether all of them are in its store, whole and under their final names."""
        raise NotImplementedError


class DockerContender(Contender):
    name = "docker-registry"

    def __init__(self, folder: Path, upstream: str | None = None):
        self._registry = DockerRegistry(folder, proxy_of=upstream, access_log=False)

    @property
    def url(self) -> str:
        return self._registry.url

    @property
    def daemon(self) -> Daemon:
        assert self._registry.daemon is not None
        return self._registry.daemon

    def start(self) -> None:
        self._registry.wipe()
        self._registry.start()

    def stop(self) -> None:
        self._registry.stop()
        self._registry.wipe()

    def has_stored(self, blobs: Sequence[Stored]) -> bool:
        store = self._registry.folder / "data/docker/registry/v2/blobs/sha256"
        files = (store / digest[:2] / digest / "data" for digest in (blob.digest.partition(":")[2] for blob in blobs))
        return all(file.exists() and file.stat().st_size == blob.size for file, blob in zip(files, blobs))


class WeirContender(Contender):
    #: The end of the name of a program from another commit.
    BEFORE = " before"

    def __init__(self, folder: Path, upstream: str | None = None, sealing: str = "all", options: Sequence[str] = (),
                 gated: bool = False, program: Path = PROGRAM):
        self.name = "weir" if sealing == "all" else f"weir {sealing}"
        self._given = {"folder": folder, "upstream": upstream, "sealing": sealing, "options": options, "gated": gated}
        #: The way to upstream, where it is to be closed.
        self.gate = Gate(urlsplit(upstream).port) if gated else None
        upstreams = {"public.ecr.aws": self.gate.url if self.gate else upstream} if upstream else {}
        self._weir = Weir(
            folder, upstreams=upstreams, options=["--sealing", sealing, "--log-level", "warning", *options], program=program)
        self._upstream = upstream

    def before(self, program: Path) -> WeirContender:
        """The same, for another program."""
        folder = self._given["folder"]
        twin = WeirContender(**self._given | {"folder": folder.with_name(folder.name + "-before"), "program": program})
        twin.name += self.BEFORE
        return twin

    @property
    def url(self) -> str:
        return self._weir.url

    @property
    def daemon(self) -> Daemon:
        assert self._weir.daemon is not None
        return self._weir.daemon

    @property
    def credentials(self) -> tuple[str, str]:
        return "AWS", self._weir.password()

    def start(self) -> None:
        self._weir.start()
        if self._upstream:
            self._weir.rule(PREFIX, "public.ecr.aws")

    def stop(self) -> None:
        self._weir.discard()
        if self.gate:
            self.gate.close()

    def make_repository(self, name: str) -> None:
        self._weir.repository(name)

    def cached(self, repository: str) -> str:
        return f"{PREFIX}/{repository}"

    def has_stored(self, blobs: Sequence[Stored]) -> bool:
        if self._weir.staged_files():
            return False
        stored = {file.name: file.stat().st_size for file in self._weir.stored_files()}
        return all(stored.get(blob.digest.partition(":")[2], -1) >= blob.size for blob in blobs)


def push(contender: Contender, image: BigImage) -> None:
    contender.make_repository(image.repository)
    image.push(contender.url, contender.credentials)
