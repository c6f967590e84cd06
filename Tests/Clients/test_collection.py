"""Garbage collection, eviction and verification on a running server: live content is never lost, dead content does not stay."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from harness.distribution import Distribution, Truncated, errors
from harness.images import Blob, Image, random_layer, single
from harness.processes import clean_environment, run, wait_until
from harness.rude import RudeRegistry
from harness.weir import PROGRAM, Weir

CLIENTS = 32
IMAGES = 200
REPOSITORIES = [f"storm/app-{number}" for number in range(6)]
#: Images that are there when the storm begins, and whose grace period is over.
OLD = 60
#: Shared layers are what makes collecting hard.
SHARED = [random_layer(f"shared-{number}", 20_000 + 997 * number) for number in range(24)]


def command(weir: Weir, *words: str) -> Any:
    told = run(
        [PROGRAM, *words, "--endpoint", weir.url, "--data", weir.data, "--output", "json"],
        clean_environment(weir.folder / "home"), check=False)
    return json.loads(told.stdout)


def verify(weir: Weir, *words: str) -> Any:
    return command(weir, "verify", *words)["verification"]


def collect(weir: Weir, *words: str) -> Any:
    return command(weir, "gc", *words)["collection"]


def stored_bytes(weir: Weir) -> int:
    """The number of stored bytes; a file that is removed meanwhile counts as none."""
    total = 0
    for file in weir.stored_files():
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def image_of(seed: str) -> Image:
    choice = random.Random(seed)
    own = random_layer(f"own-{seed}", choice.randrange(1_000, 30_000))
    return single([*choice.sample(SHARED, 3), own], note=seed)


def push_as_docker_does(client: Distribution, repository: str, tag: str, image: Image, grace: float = 600) -> None:
    """Asks for each blob, and sends only missing ones. Begins again where that took longer than a promise lasts."""
    for _ in range(20):
        began = time.monotonic()
        for blob in image.blobs:
            if client.request("HEAD", f"/v2/{repository}/blobs/{blob.digest}").status_code == 404:
                client.push_blob(repository, blob.content, blob.digest)
        answer = put(client, repository, tag, image.top)
        if answer.status_code == 201:
            return
        assert time.monotonic() - began > grace, f"a layer went within the grace period: {errors(answer)}"
    raise AssertionError("twenty pushes took longer than the grace period each")


def age(weir: Weir) -> None:
    """Dates all pushes back to the day before yesterday."""
    with sqlite3.connect(weir.data / "weir.db") as rows:
        rows.execute("UPDATE repository_blob SET promised_at = 0")
    rows.close()


def put(client: Distribution, repository: str, tag: str, manifest: Blob) -> requests.Response:
    return client.request(
        "PUT", f"/v2/{repository}/manifests/{tag}", data=manifest.content,
        headers={"Content-Type": manifest.media_type})


class Shelf:
    """The live images, and who reads which: an image that is being pulled is not deleted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.live: dict[tuple[str, str], Image] = {}
        self.readers: dict[tuple[str, str], int] = {}

    def add(self, repository: str, tag: str, image: Image) -> None:
        with self.lock:
            self.live[repository, tag] = image

    def borrow(self, choice: random.Random) -> tuple[str, str] | None:
        with self.lock:
            if not self.live:
                return None
            key = choice.choice(list(self.live))
            self.readers[key] = self.readers.get(key, 0) + 1
            return key

    def give_back(self, key: tuple[str, str]) -> None:
        with self.lock:
            self.readers[key] -= 1

    def take(self, choice: random.Random) -> tuple[str, str, Image] | None:
        """Takes an image that is not being read; it is no longer live."""
        with self.lock:
            free = [key for key in self.live if not self.readers.get(key)]
            if not free:
                return None
            key = choice.choice(free)
            return (*key, self.live.pop(key))


class Storm:
    def __init__(self, weir: Weir):
        self.weir = weir
        self.shelf = Shelf()
        self.wrong: list[BaseException] = []
        self.numbers = iter(range(IMAGES))
        self.is_over = threading.Event()
        self.collected = 0

    def fill(self, count: int) -> None:
        client, choice = self.weir.distribution(), random.Random("old")
        for number in range(count):
            repository, tag = choice.choice(REPOSITORIES), f"old-{number}"
            push_as_docker_does(client, repository, tag, image_of(tag))
            self.shelf.add(repository, tag, image_of(tag))

    def run(self) -> None:
        clients = [threading.Thread(target=self.guarded, args=(self.client, worker)) for worker in range(CLIENTS)]
        others = [threading.Thread(target=self.guarded, args=(work, 0)) for work in (self.collector, self.brief, self.aged)]
        for thread in clients + others:
            thread.start()
        for thread in clients:
            thread.join()
        self.is_over.set()
        for thread in others:
            thread.join()
        assert not self.wrong, self.wrong[:3]

    def guarded(self, work: Callable[[int], None], worker: int) -> None:
        try:
            work(worker)
        except BaseException as problem:  # noqa: BLE001 - told by the main thread
            self.wrong.append(problem)

    def client(self, worker: int) -> None:
        client, choice = self.weir.distribution(), random.Random(worker)
        while not self.wrong:
            with self.shelf.lock:
                number = next(self.numbers, None)
            if number is None:
                return
            repository, tag = choice.choice(REPOSITORIES), f"v{number}"
            image = image_of(tag)
            push_as_docker_does(client, repository, tag, image)
            self.shelf.add(repository, tag, image)
            self.pull(client, choice)
            self.delete(client, choice)

    def pull(self, client: Distribution, choice: random.Random) -> None:
        key = self.shelf.borrow(choice)
        if key:
            try:
                client.pull(*key)
            finally:
                self.shelf.give_back(key)

    def delete(self, client: Distribution, choice: random.Random) -> None:
        taken = self.shelf.take(choice)
        if taken:
            repository, _, image = taken
            client.request("DELETE", f"/v2/{repository}/manifests/{image.digest}").raise_for_status()

    def collector(self, _: int) -> None:
        while not self.is_over.is_set():
            report = collect(self.weir)
            assert report["failures"] == 0
            self.collected += report["memberships"] + report["blobs"]["items"]
            self.is_over.wait(0.2)

    def aged(self, _: int) -> None:
        """A policy keeps the two newest images of a repository. It is carried out after each push."""
        ecr, client, number = self.weir.client("ecr"), self.weir.distribution(), 0
        self.weir.repository("storm/aged")
        rule = {
            "rulePriority": 1, "action": {"type": "expire"},
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2}}
        ecr.put_lifecycle_policy(repositoryName="storm/aged", lifecyclePolicyText=json.dumps({"rules": [rule]}))
        while not self.is_over.is_set():
            image = image_of(f"v{number % IMAGES}")
            push_as_docker_does(client, "storm/aged", f"aged-{number}", image)
            command(self.weir, "lifecycle", "storm/aged")
            client.pull("storm/aged", f"aged-{number}")
            number += 1
            self.is_over.wait(0.2)

    def brief(self, _: int) -> None:
        """Makes a repository, fills it, and deletes it with all its images, again and again."""
        ecr, client, number = self.weir.client("ecr"), self.weir.distribution(), 0
        while not self.is_over.is_set():
            self.weir.repository("storm/brief")
            push_as_docker_does(client, "storm/brief", "1", image_of(f"v{number % IMAGES}"))
            client.pull("storm/brief", "1")
            ecr.delete_repository(repositoryName="storm/brief", force=True)
            number += 1
            self.is_over.wait(0.1)


def test_32_clients_push_pull_and_delete_while_the_collector_never_rests(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--gc-interval", "0", "--gc-grace", "600", "--log-level", "info"])
    for name in REPOSITORIES:
        weir.repository(name)
    storm = Storm(weir)
    storm.fill(OLD)
    weir.stop()
    age(weir)
    weir.start()
    storm.run()
    assert storm.collected > 0, "the collector found nothing to do"
    client = weir.distribution()
    for tag in client.tags("storm/aged"):
        client.pull("storm/aged", tag)
    weir.client("ecr").delete_repository(repositoryName="storm/aged", force=True)
    for repository, tag in storm.shelf.live:
        client.pull(repository, tag)
    assert verify(weir)["isClean"], verify(weir)["faults"]
    # A dry run reports what the real run does; after that only live content is left.
    would = collect(weir, "--dry-run", "--grace", "0")
    done = collect(weir, "--grace", "0")
    assert {**would, "dryRun": False} == done
    named = {blob.digest for image in storm.shelf.live.values() for blob in image.blobs}
    assert {f"sha256:{file.name}" for file in weir.stored_files()} == named
    assert weir.staged_files() == []
    for name in REPOSITORIES:
        weir.client("ecr").delete_repository(repositoryName=name, force=True)
    collect(weir)
    assert weir.stored_files() == []
    assert verify(weir)["faultCount"] == 0


def test_kill_minus_9_in_the_middle_of_collections(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False, options=["--gc-interval", "0", "--gc-grace", "1", "--log-level", "info"])
    kept: dict[str, Image] = {}
    moments = random.Random(9)
    over = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=(weir, over), daemon=True)
    sweeper.start()
    for round_ in range(4):
        weir.start()
        if round_ == 0:
            weir.repository("brief/app")
        churner = threading.Thread(target=_churn, args=(weir, round_, kept), daemon=True)
        churner.start()
        time.sleep(moments.uniform(0.7, 1.6))
        weir.kill()
        churner.join(60)
        assert not churner.is_alive()
    over.set()
    weir.start()
    sweeper.join(60)
    assert not sweeper.is_alive()
    found = verify(weir)
    assert {fault["kind"] for fault in found["faults"]} <= {"orphanFile"}, found["faults"]
    collect(weir, "--grace", "0")
    assert verify(weir)["faultCount"] == 0
    client = weir.distribution()
    for tag in kept:
        client.pull("brief/app", tag)
    assert weir.staged_files() == []


def _churn(weir: Weir, round_: int, kept: dict[str, Image]) -> None:
    """Pushes until the server is gone; keeps each third image and deletes the others."""
    client, number = weir.distribution(), 0
    while True:
        tag = f"{round_}-{number}"
        image = image_of(tag)
        try:
            push_as_docker_does(client, "brief/app", tag, image, grace=1)
            if number % 3 == 0:
                kept[tag] = image
            else:
                client.request("DELETE", f"/v2/brief/app/manifests/{image.digest}")
        except (requests.RequestException, Truncated):
            return
        number += 1


def _sweep(weir: Weir, over: threading.Event) -> None:
    """Collects while there is a server, and waits for the next one."""
    while not over.wait(0.1):
        try:
            command(weir, "gc", "--grace", "1")
        except (ValueError, KeyError):
            pass


def test_a_size_cap_keeps_the_cache_within_its_bounds(make_weir: Callable[..., Weir], rude: RudeRegistry) -> None:
    weir = make_weir(options=["--cache-size", "1MB", "--gc-interval", "0"])
    weir.rule("capped", "registry.k8s.io")
    images = {f"cap-{number}": single([random_layer(f"cap-{number}", 300_000)], note=f"cap-{number}") for number in range(6)}
    client = weir.distribution()
    for tag, image in images.items():
        rude.hold("app", tag, image)
        client.pull("capped/app", tag)
    collect(weir)
    assert stored_bytes(weir) < 1_000_000
    # Evicted images are still listed, and come back. The newest stayed.
    assert client.tags("capped/app") == sorted(images)
    newest = images["cap-5"].layers[0].digest
    assert newest in {f"sha256:{file.name}" for file in weir.stored_files()}
    for tag in images:
        client.pull("capped/app", tag)
    # Without a command, too: the cache's size is checked every 10 s.
    wait_until(lambda: stored_bytes(weir) < 1_000_000, 60, "the cache to shrink")
    assert verify(weir)["isClean"]


def test_verify_finds_what_a_failing_disk_did(make_weir: Callable[..., Weir], rude: RudeRegistry) -> None:
    weir = make_weir(options=["--gc-interval", "0"])
    weir.rule("checked", "registry.k8s.io")
    weir.repository("checked-pushed/app")
    client = weir.distribution()
    cached = rude.hold("app", "check", single([random_layer("check-cached", 200_000)], note="check-cached"))
    pushed = single([random_layer("check-pushed", 200_000)], note="check-pushed")
    client.pull("checked/app", "check")
    client.push("checked-pushed/app", "1", pushed)
    wait_until(lambda: len(weir.stored_files()) >= 4, 60, "the layers to be stored")
    assert verify(weir)["faults"] == []
    for file in weir.stored_files():
        if f"sha256:{file.name}" in {cached.layers[0].digest, pushed.layers[0].digest}:
            content = bytearray(file.read_bytes())
            content[100_000] ^= 1
            file.write_bytes(content)
    found = verify(weir)
    assert [fault["kind"] for fault in found["faults"]] == ["damaged", "damaged"] and not found["isClean"]
    assert sorted(fault["needsPush"] for fault in found["faults"]) == [False, True]
    repaired = verify(weir, "--repair")
    assert repaired["repaired"] == 1
    # The cached layer comes from upstream again; the pushed one comes with the next push, which is told that it is missing.
    client.pull("checked/app", "check")
    assert client.request("HEAD", f"/v2/checked-pushed/app/blobs/{pushed.layers[0].digest}").status_code == 404
    push_as_docker_does(client, "checked-pushed/app", "1", pushed)
    client.pull("checked-pushed/app", "1")
    assert verify(weir)["faults"] == []


def test_the_sealing_mode_of_a_folder_does_not_change(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--sealing", "kms-only"])
    weir.repository("plain/app")
    weir.distribution().push("plain/app", "1", single([random_layer("plain", 1000)]))
    weir.stop()
    told = run(
        [PROGRAM, "serve", "--data", weir.data, "--listen", weir.host], clean_environment(weir.folder / "home"), check=False)
    assert told.returncode != 0
    assert "--sealing kms-only" in told.stderr
    weir.start()
    weir.distribution().pull("plain/app", "1")


@pytest.mark.parametrize("words", [["--cache-size", "many"], ["--gc-interval", "-1"], ["--gc-grace", "-5"]])
def test_settings_that_make_no_sense_are_refused(words: list[str], make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False)
    pair = "=".join(words)
    told = run([PROGRAM, "serve", "--data", weir.data, pair], clean_environment(weir.folder / "home"), check=False)
    assert told.returncode == 64 and "weir: the settings cannot be used" in told.stderr
