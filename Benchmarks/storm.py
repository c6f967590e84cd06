"""The cold storm: an image of 8 layers of 64 MiB, 20 ms away behind a line that is the bottleneck, pulled direct and through caches."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contenders import Contender, DockerContender, WeirContender
from content import BigImage, big_image
from harness.distribution import ACCEPT
from harness.images import sha256
from harness.processes import Daemon, clean_environment, free_port
from measures import MIB, Sample, watched
from scenarios import Bench, Scenario
from wire import Connection

RTT = 0.02
GIGABIT = 1e9 / 8


class ShapedUpstream:
    """`shaped.py`, with an image."""

    def __init__(self, folder: Path, image: BigImage, *, total: float | None = None, each: float | None = None):
        self.folder, self.image = folder, image
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._limits = [word for name, value in (("--total", total), ("--each", each)) if value for word in (name, value)]
        self.daemon: Daemon | None = None

    def start(self) -> None:
        if self.daemon:
            return
        for kind in ("manifests", "blobs"):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
        for blob in self.image.blobs:
            link = self.folder / "blobs" / blob.digest
            if not link.exists():
                link.symlink_to(blob.file.resolve())
        manifest = self.folder / "manifests" / sha256(self.image.manifest)
        manifest.write_bytes(self.image.manifest)
        tag = self.folder / "manifests/1"
        if not tag.exists():
            tag.symlink_to(manifest.name)
        command = [sys.executable, Path(__file__).parent / "shaped.py", str(self._port), self.folder, "--rtt", str(RTT)]
        self.daemon = Daemon([*command, *map(str, self._limits)], self.folder / "log", clean_environment(self.folder / "home"))
        self.daemon.wait_for_port(self._port)

    def told(self, path: str = "/told") -> dict[str, object]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def stop(self) -> None:
        if self.daemon:
            self.daemon.stop(5)
            self.daemon = None


class Direct(Contender):
    """No cache at all: the client asks upstream."""

    name = "direct"

    def __init__(self, upstream: ShapedUpstream):
        self._upstream = upstream

    @property
    def url(self) -> str:
        return self._upstream.url

    @property
    def daemon(self) -> Daemon:
        assert self._upstream.daemon is not None
        return self._upstream.daemon

    def start(self) -> None:
        self._upstream.start()

    def stop(self) -> None:
        pass

    def has_stored(self, blobs: object) -> bool:
        return True


class Storm(Scenario):
    """One client that works as docker does, three layers at a time; nothing is cached."""

    fresh = True
    peer = "direct"
    parallel = 3

    def __init__(self, name: str, bench: Bench, *, total: float | None = None, each: float | None = None):
        super().__init__(name, bench)
        self._image: BigImage | None = None
        self._limits = {"total": total, "each": each}
        self.upstream: ShapedUpstream | None = None

    @property
    def image(self) -> BigImage:
        if self._image is None:
            self._image = big_image(self.bench.folder / "content", "bench/storm", 8, int(64 * MIB * self.bench.scale))
        return self._image

    def contenders(self, folder: Path) -> list[Contender]:
        self.upstream = ShapedUpstream(folder / "upstream", self.image, **self._limits)
        self.upstream.start()
        return [Direct(self.upstream), DockerContender(folder / "docker", self.upstream.url),
                WeirContender(folder / "weir", self.upstream.url)]

    def close(self) -> None:
        if self.upstream:
            self.upstream.stop()

    def measure(self, contender: Contender) -> Sample:
        self.upstream.told("/forget")
        with watched(contender.daemon) as sample:
            began = time.perf_counter()
            sample.moved = self.pull(contender)
            sample.seconds = time.perf_counter() - began
        sample.extra["upstream bytes x"] = self.upstream.told()["sent"] / self.image.size
        return sample

    def pull(self, contender: Contender) -> float:
        repository = contender.cached(self.image.repository)

        def fetch(digest: str) -> int:
            with Connection(contender.url, contender.credentials) as connection:
                return connection.discard(f"/v2/{repository}/blobs/{digest}")

        with Connection(contender.url, contender.credentials) as connection:
            answer = connection.get(f"/v2/{repository}/manifests/1", ACCEPT)
            assert answer.body == self.image.manifest, answer
        with ThreadPoolExecutor(self.parallel) as pool:
            return sum(pool.map(fetch, [blob.digest for blob in self.image.blobs]))


class Crowd(Storm):
    """Many clients, each as docker does it: the manifest, then three layers at a time (`crowd.py`)."""

    rounds = 1
    peer = DockerContender.name

    def __init__(self, name: str, bench: Bench, clients: int, over: float = 0, slow: bool = False):
        super().__init__(name, bench, total=GIGABIT)
        self.clients, self.over, self.slow = clients, over, slow

    def contenders(self, folder: Path) -> list[Contender]:
        return [one for one in super().contenders(folder) if one.name != "direct"]

    def measure(self, contender: Contender) -> Sample:
        self.upstream.told("/forget")
        repository = contender.cached(self.image.repository)
        login = ["--login", ":".join(contender.credentials)] if contender.credentials else []
        crowd = [sys.executable, Path(__file__).parent / "crowd.py", contender.url, repository,
                 "--clients", str(self.clients), "--over", str(self.over), *login]
        layers = "".join(f"{blob.digest} {blob.size}\n" for blob in self.image.blobs)
        with watched(contender.daemon) as sample:
            slow = self._slow_reader(contender, repository) if self.slow else None
            began = time.perf_counter()
            out = subprocess.run(crowd, env=clean_environment(self.bench.folder / "home"), input=layers, text=True,
                                 check=True, stdout=subprocess.PIPE).stdout
            sample.seconds = time.perf_counter() - began
            if slow:
                slow.set()
        told = self.upstream.told()
        pulled = [json.loads(line) for line in out.splitlines()]
        assert len(pulled) == self.clients * len(self.image.blobs), f"{len(pulled)} layers"
        sample.moved = sum(one["size"] for one in pulled)
        # The time that a client waits, without the time that upstream takes to send the blob's first byte.
        delays = sorted(one["first"] - max(one["asked"], told["first"].get(one["digest"], 0)) for one in pulled)
        sample.extra |= {
            "upstream bytes x": told["sent"] / self.image.size, "first byte p50 ms": delays[len(delays) // 2] * 1e3,
            "p90 ms": delays[int(len(delays) * 0.9)] * 1e3, "max ms": delays[-1] * 1e3,
        }
        return sample

    def _slow_reader(self, contender: Contender, repository: str) -> threading.Event:
        """A client that takes 10 KB a second of the first layer until it is told to stop."""
        stop, connection = threading.Event(), Connection(contender.url, contender.credentials)

        with Connection(contender.url, contender.credentials) as first:
            first.get(f"/v2/{repository}/manifests/1", ACCEPT)

        def read() -> None:
            connection._send_head("GET", f"/v2/{repository}/blobs/{self.image.layers[0].digest}", "")
            while not stop.wait(0.1):
                connection._socket.recv(1024)
            connection.__exit__()

        threading.Thread(target=read, daemon=True).start()
        return stop


class Offline(Scenario):
    """Two hundred cached tags whose window has passed, pulled one by one while upstream swallows every packet."""

    unit = "requests/s"
    fresh = True
    rounds = 1
    tags = 200

    def contenders(self, folder: Path) -> list[Contender]:
        return [WeirContender(folder / "weir", self.bench.start_upstream(), options=["--freshness", "0"], gated=True)]

    def measure(self, contender: Contender) -> Sample:
        repository = contender.cached(self.bench.small.repository)
        with Connection(self.bench.upstream.url) as upstream:
            for number in range(self.tags):
                upstream.send("PUT", f"/v2/{self.bench.small.repository}/manifests/t{number}", self.bench.small.manifest,
                              "application/vnd.oci.image.manifest.v1+json")
        with Connection(contender.url, contender.credentials) as connection:
            def timed(number: int) -> float:
                began = time.perf_counter()
                answer = connection.get(f"/v2/{repository}/manifests/t{number}", ACCEPT)
                assert answer.status == 200, answer
                return time.perf_counter() - began

            for number in range(self.tags):
                timed(number)
            usual = sorted(timed(number) for number in range(self.tags))
            contender.gate.swallow()
            with watched(contender.daemon, self.tags) as sample:
                gone = sorted(timed(number) for number in range(self.tags))
        sample.extra = {
            "usual p50 ms": usual[len(usual) // 2] * 1e3, "gone p50 ms": gone[len(gone) // 2] * 1e3,
            "gone 2nd worst ms": gone[-2] * 1e3, "worst s": gone[-1],
            "later than 250 ms": float(sum(one > usual[len(usual) // 2] + 0.25 for one in gone)),
        }
        return sample


def storms(bench: Bench) -> list[Scenario]:
    return [
        Storm("cold-line", bench, total=GIGABIT), Storm("cold-per-connection", bench, each=GIGABIT / 4),
        Crowd("cold-crowd", bench, 100), Crowd("cold-rollout", bench, 100, over=1), Crowd("cold-ten", bench, 10),
        Crowd("cold-slow-reader", bench, 10, slow=True), Offline("offline", bench),
    ]

