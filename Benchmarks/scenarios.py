"""The scenarios. Each names its contenders, prepares them, and measures one contender once."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contenders import Contender, DockerContender, WeirContender, push
from content import BigImage, big_image
from harness.distribution import ACCEPT
from harness.processes import clean_environment, wait_until
from harness.registries import DockerRegistry
from measures import GIB, Sample, watched
from wire import Connection, push_blob


@dataclass
class Bench:
    """What the scenarios share: a folder on the disk to be measured, the images, an upstream that has them."""

    folder: Path
    scale: float

    def __post_init__(self) -> None:
        content = self.folder / "content"
        self.blob = big_image(content, "bench/blob", 1, int(GIB * self.scale))
        self.image = big_image(content, "bench/image", 10, int(1e8 * self.scale))
        self.small = big_image(content, "bench/small", 2, 1000)
        self.upstream = DockerRegistry(self.folder / "upstream", access_log=False)

    def start_upstream(self) -> str:
        if self.upstream.daemon is None:
            self.upstream.start()
            for image in (self.blob, self.image, self.small):
                image.push(self.upstream.url)
        return self.upstream.url

    def close(self) -> None:
        self.upstream.stop()


class Scenario:
    unit = "GiB/s"
    #: Whether a contender starts empty in every round.
    fresh = False
    #: At most this many rounds.
    rounds: int | None = None
    #: The contender that the others are compared with.
    peer = DockerContender.name

    def __init__(self, name: str, bench: Bench):
        self.name = name
        self.bench = bench

    def contenders(self, folder: Path) -> list[Contender]:
        return [DockerContender(folder / "docker"), WeirContender(folder / "weir")]

    def prepare(self, contender: Contender) -> None:
        """Once for each contender, before the rounds; or before each round, when that starts fresh."""

    def measure(self, contender: Contender) -> Sample:
        raise NotImplementedError

    def close(self) -> None:
        """After the last round."""


class WarmBlob(Scenario):
    """A stored blob, downloaded by several clients at once."""

    def __init__(self, name: str, bench: Bench, clients: int):
        super().__init__(name, bench)
        self.clients = clients

    def contenders(self, folder: Path) -> list[Contender]:
        return [*super().contenders(folder), WeirContender(folder / "weir-kms-only", sealing="kms-only")]

    def prepare(self, contender: Contender) -> None:
        push(contender, self.bench.blob)

    def measure(self, contender: Contender) -> Sample:
        path = f"/v2/bench/blob/blobs/{self.bench.blob.layers[0].digest}"
        connections = [Connection(contender.url, contender.credentials) for _ in range(self.clients)]
        with ThreadPoolExecutor(self.clients) as pool, watched(contender.daemon) as sample:
            sample.moved = sum(pool.map(lambda connection: connection.discard(path), connections))
        for connection in connections:
            connection.__exit__()
        return sample


class ColdPull(Scenario):
    """An image that only upstream has: measured until the client has it and it is stored whole."""

    fresh = True
    #: docker and containerd fetch three layers at a time.
    parallel = 3

    def __init__(self, name: str, bench: Bench, image: BigImage):
        super().__init__(name, bench)
        self.image = image

    def contenders(self, folder: Path) -> list[Contender]:
        upstream = self.bench.start_upstream()
        return [DockerContender(folder / "docker", upstream), WeirContender(folder / "weir", upstream)]

    def measure(self, contender: Contender) -> Sample:
        repository, credentials = contender.cached(self.image.repository), contender.credentials

        def fetch(digest: str) -> int:
            with Connection(contender.url, credentials) as connection:
                return connection.discard(f"/v2/{repository}/blobs/{digest}")

        with ThreadPoolExecutor(self.parallel) as pool, watched(contender.daemon) as sample:
            started = time.perf_counter()
            with Connection(contender.url, credentials) as connection:
                answer = connection.get(f"/v2/{repository}/manifests/1", ACCEPT)
                assert answer.body == self.image.manifest, answer
            sample.moved = sum(pool.map(fetch, [blob.digest for blob in self.image.blobs]))
            sample.extra["client has it after s"] = time.perf_counter() - started
            wait_until(lambda: contender.has_stored(self.image.blobs), 60, "stored", pause=0.005)
            sample.extra["stored after s"] = time.perf_counter() - started
        return sample


class Upload(Scenario):
    """One blob, pushed in one PUT."""

    fresh = True

    def prepare(self, contender: Contender) -> None:
        contender.make_repository("bench/upload")

    def measure(self, contender: Contender) -> Sample:
        blob = self.bench.blob.layers[0]
        with Connection(contender.url, contender.credentials) as connection:
            with watched(contender.daemon, blob.size) as sample:
                push_blob(connection, "bench/upload", blob.file, blob.digest)
        return sample


class ManifestByTag(Scenario):
    """A manifest by its tag. Weir checks a token; docker-registry is open, which costs it nothing."""

    unit = "requests/s"
    seconds = 5

    def prepare(self, contender: Contender) -> None:
        push(contender, self.bench.small)

    def measure(self, contender: Contender) -> Sample:
        headers = ["-H", f"Accept: {ACCEPT}"]
        if contender.credentials:
            token = base64.b64encode(":".join(contender.credentials).encode()).decode()
            headers += ["-H", f"Authorization: Basic {token}"]
        words = ["wrk", "-t2", "-c32", f"-d{self.seconds}s", "--latency", *headers,
                 f"{contender.url}/v2/bench/small/manifests/1"]
        with watched(contender.daemon) as sample:
            told = subprocess.run(words, env=clean_environment(self.bench.folder / "home"), text=True,
                                  capture_output=True, check=True).stdout
        if "Non-2xx" in told or "Socket errors" in told:
            raise RuntimeError(told)
        requests, seconds = re.search(r"(\d+) requests in ([\d.]+)s", told).groups()
        sample.moved, sample.seconds = float(requests), float(seconds)
        sample.extra["p99 ms"] = milliseconds(re.search(r"99%\s+(\S+)", told)[1])
        return sample


def milliseconds(text: str) -> float:
    """A time in wrk's form: 850us, 1.20ms, 2.00s, 1.05m."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def scenarios(bench: Bench) -> list[Scenario]:
    return [
        WarmBlob("warm-1", bench, 1), WarmBlob("warm-8", bench, 8),
        ColdPull("cold-blob", bench, bench.blob), ColdPull("cold-image", bench, bench.image),
        Upload("upload", bench), ManifestByTag("manifest", bench),
    ]
