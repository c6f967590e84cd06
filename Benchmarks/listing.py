"""A repository of 100,000 images and 10,000 tags beside an empty one: a page and a push must not cost more in the large one."""

from __future__ import annotations

import hashlib
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contenders import Contender, WeirContender
from measures import Sample, watched
from scenarios import Bench, Scenario

PAGE = 1000


class ListingContender(WeirContender):
    """Its repository is filled row by row, while the server is stopped: 100,000 pushes would take all day."""

    def __init__(self, folder: Path, images: int, tags: int):
        super().__init__(folder, options=["--gc-interval", "0"])
        self.name = f"weir, {images:,} images"
        self.images, self.tags = images, tags

    def fill(self) -> None:
        self._weir.repository("bench/listed")
        self._weir.stop()
        with sqlite3.connect(self._weir.data / "weir.db") as rows:
            (repository,) = rows.execute("SELECT id FROM repository WHERE name = 'bench/listed'").fetchone()
            base = "sha256:" + hashlib.sha256(b"base").hexdigest()
            digests = ["sha256:" + hashlib.sha256(b"%d" % number).hexdigest() for number in range(self.images)]
            rows.executemany(
                "INSERT INTO image (repository, digest, media_type, size, manifest, pushed_at, origin)"
                " VALUES (?, ?, 'application/vnd.oci.image.manifest.v1+json', 1000, x'00', 1, 'push')",
                ((repository, digest) for digest in digests))
            rows.executemany(
                "INSERT INTO image_blob (repository, image, digest, size) VALUES (?, ?, ?, 1000)",
                ((repository, digest, base) for digest in digests))
            # Half of the tags name one image, so that a page goes on within it.
            rows.executemany(
                "INSERT INTO tag (repository, name, digest) VALUES (?, ?, ?)",
                ((repository, f"t{number:06}", digests[0 if number % 2 else number]) for number in range(self.tags)))
        rows.close()
        self._weir.start()

    @property
    def ecr(self) -> Any:
        return self._weir.client("ecr")


class Listing(Scenario):
    """Every page of each list, in order: milliseconds of the first, the middle and the worst; then pushes of a small image."""

    unit = "pages/s"
    rounds = 3
    pushes = 20

    def contenders(self, folder: Path) -> list[Contender]:
        scale = self.bench.scale
        images, tags = int(100_000 * scale), int(10_000 * scale)
        return [ListingContender(folder / "empty", 0, 0), ListingContender(folder / "full", images, tags)]

    def prepare(self, contender: Contender) -> None:
        assert isinstance(contender, ListingContender)
        contender.fill()

    def measure(self, contender: Contender) -> Sample:
        assert isinstance(contender, ListingContender)
        walks: dict[str, Callable[[str | None], tuple[int, str | None]]] = {
            "list": self.pages_of(contender, "list_images"), "describe": self.pages_of(contender, "describe_images"),
            "tagged": self.pages_of(contender, "list_images", tagStatus="TAGGED"),
        }
        extra: dict[str, float] = {}
        pages = 0
        with watched(contender.daemon) as sample:
            for name, page in walks.items():
                times = self.walk(page)
                pages += len(times)
                extra |= {
                    f"{name} first ms": times[0], f"{name} middle ms": times[len(times) // 2],
                    f"{name} p99 ms": sorted(times)[int(len(times) * 0.99)]}
        sample.moved = pages
        sample.extra = extra | {"push ms": self.push(contender)}
        return sample

    @staticmethod
    def pages_of(
        contender: ListingContender, operation: str, **filters: str,
    ) -> Callable[[str | None], tuple[int, str | None]]:
        call = getattr(contender.ecr, operation)

        def page(token: str | None) -> tuple[int, str | None]:
            more: dict[str, Any] = {"nextToken": token} if token else {}
            answer = call(repositoryName="bench/listed", maxResults=PAGE, **({"filter": filters} if filters else {}), **more)
            return len(answer.get("imageIds") or answer.get("imageDetails") or []), answer.get("nextToken")

        return page

    @staticmethod
    def walk(page: Callable[[str | None], tuple[int, str | None]]) -> list[float]:
        times, token = [], None
        while True:
            began = time.perf_counter()
            _, token = page(token)
            times.append((time.perf_counter() - began) * 1e3)
            if token is None:
                return times

    def push(self, contender: ListingContender) -> float:
        """The median of some pushes of a manifest that shares its layers with no other, in milliseconds."""
        from harness.images import random_layer, single

        client, times = contender._weir.distribution(), []
        for number in range(self.pushes):
            image = single([random_layer(f"listing-{number}-{time.monotonic_ns()}", 1000)])
            for blob in image.blobs:
                client.push_blob("bench/listed", blob.content, blob.digest)
            began = time.perf_counter()
            client.push_manifest("bench/listed", f"pushed-{number}", image.top)
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times)


def listings(bench: Bench) -> list[Scenario]:
    return [Listing("listing", bench)]
