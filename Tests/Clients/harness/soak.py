"""The long random run: eight clients, and somebody who breaks the machine below them again and again.

    cd Tests/Clients && python -m harness.soak --minutes 10 --seed 7        # what `make soak` runs

Clients push, pull, delete, pull through the cache, disable and enable keys; chores collect, verify, mend and expire; the nemesis kills,
makes reads and writes fail, takes the blobs' volume away, jumps the clock and fills the disk. A ledger has every digest that was
acknowledged and not deleted. After each restart some of it is read back, in the end all of it: byte for byte, or out of what
`weir lost` holds.

The same seed makes the same plans; how they meet is the machine's.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import errno
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.exceptions
import requests

from .distribution import ACCEPT, Distribution, Truncated
from .hostile import HostileUpstream
from .images import Image, random_layer, single
from .machine import KILLED, Machine, SmallDisk, missing, small_disk
from .processes import run
from .weir import PROGRAM, Weir

CLIENTS = 8
DISK = 768 << 20
LAYERS = 120

#: Each differs: deleted from, expired by a rule, sealed under a key that is disabled and enabled, replicated.
PLAIN, EXPIRING, KEYED, COPIED = "soak/plain", "soak/expiring", "soak/keyed", "copied/app"
PENDING = "soak/pending"

#: Errors that a client may get while something is broken. None of them is an acknowledgement.
NO = (requests.RequestException, Truncated, AssertionError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)


@dataclass
class Ledger:
    """All that was acknowledged. A deletion without an acknowledgement may have happened or not."""

    held: dict[tuple[str, str], Image] = field(default_factory=dict)
    going: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    came_back: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, repository: str, tag: str, image: Image) -> None:
        with self.lock:
            self.held[repository, tag] = image

    def begin_to_delete(self, key: tuple[str, str]) -> bool:
        with self.lock:
            if key in self.going or key not in self.held:
                return False
            self.going.add(key)
            return True

    def forget(self, key: tuple[str, str]) -> None:
        with self.lock:
            self.held.pop(key, None)
            self.going.discard(key)

    def whole(self) -> list[tuple[tuple[str, str], Image]]:
        """The content that must be there."""
        with self.lock:
            return [(key, image) for key, image in self.held.items() if key not in self.going]

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def blame(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)


class Soak:
    def __init__(self, folder: Path, seed: int, disk: SmallDisk | None, machine: Machine, weir: Weir, upstream: HostileUpstream):
        self.folder, self.seed, self.disk, self.machine, self.weir, self.upstream = folder, seed, disk, machine, weir, upstream
        self.random = random.Random(seed)
        #: The faults to make; all where none is named.
        self.faults: list[str] = []
        self.ledger = Ledger()
        self.story: list[str] = []
        self.layers = [random_layer(f"soak-{seed}-{number}", random.Random(number).randrange(500, 200_000)) for number in range(LAYERS)]
        self.stopping, self.paused, self.no_pushes = threading.Event(), threading.Event(), threading.Event()
        self.idle = threading.Semaphore(0)

    # Before

    def prepare(self) -> None:
        kms, ecr = self.weir.client("kms"), self.weir.client("ecr")
        self.key = kms.create_key(Description="comes and goes")["KeyMetadata"]["Arn"]
        self.pending_key = kms.create_key(Description="waits for its end")["KeyMetadata"]["Arn"]
        for name, key in ((PLAIN, None), (EXPIRING, None), (KEYED, self.key), (COPIED, None), (PENDING, self.pending_key)):
            members = {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": key}} if key else {}
            self.weir.repository(name, **members)
        ecr.put_lifecycle_policy(repositoryName=EXPIRING, lifecyclePolicyText=(
            '{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}'))
        ecr.put_replication_configuration(replicationConfiguration={"rules": [{
            "destinations": [{"region": "eu-west-1", "registryId": self.weir.account}],
            "repositoryFilters": [{"filter": "copied", "filterType": "PREFIX_MATCH"}]}]})
        self.weir.rule("cached", "registry.k8s.io")
        # A key that will be deleted in seven days, and content that it seals: no brief jump of the clock may delete it.
        image = self.image(random.Random(f"{self.seed}-pending"), "pending")
        self.weir.distribution().push(PENDING, "kept", image)
        self.ledger.acknowledge(PENDING, "kept", image)
        kms.schedule_key_deletion(KeyId=self.pending_key, PendingWindowInDays=7)

    def image(self, choice: random.Random, note: str) -> Image:
        return single(choice.sample(self.layers, choice.randrange(1, 4)), note=f"{self.seed}-{note}")

    # The clients

    def client(self, number: int) -> None:
        choice = random.Random(f"{self.seed}-client-{number}")
        deeds: list[tuple[Callable[[Distribution, random.Random, str], None], int]] = [
            (self.push, 30), (self.pull, 34), (self.delete, 10), (self.pull_through, 14), (self.call, 12)]
        made = [deed for deed, weight in deeds for _ in range(weight)]
        client: Distribution | None = None
        turn = 0
        while not self.stopping.is_set():
            if self.paused.is_set():
                self.idle.release()
                while self.paused.is_set() and not self.stopping.is_set():
                    time.sleep(0.02)
                continue
            turn += 1
            deed = choice.choice(made)
            if deed == self.push and self.no_pushes.is_set():
                continue
            try:
                client = client or self.weir.distribution()
                deed(client, choice, f"{number}-{turn}")
                self.ledger.count(deed.__name__)
            except NO:
                self.ledger.count(f"{deed.__name__} refused")
                client = None
                time.sleep(0.05)
            except Exception as problem:  # noqa: BLE001 - told in the end
                self.ledger.blame(f"client {number}: {deed.__name__}: {type(problem).__name__}: {problem}")
                return
            time.sleep(choice.uniform(0, 0.02))

    def push(self, client: Distribution, choice: random.Random, name: str) -> None:
        repository = choice.choice([PLAIN, PLAIN, EXPIRING, KEYED, COPIED])
        image = self.image(choice, name)
        client.push(repository, name, image)
        # A rule may expire it at any time.
        if repository != EXPIRING:
            self.ledger.acknowledge(repository, name, image)

    def pull(self, client: Distribution, choice: random.Random, _: str) -> None:
        whole = self.ledger.whole()
        if whole:
            (repository, tag), image = choice.choice(whole)
            self.read(client, repository, tag, image, during=True)

    def delete(self, client: Distribution, choice: random.Random, _: str) -> None:
        whole = [key for key, _ in self.ledger.whole() if key[0] != PENDING]
        # Some images stay: the run is about them.
        if len(whole) < 40:
            return
        repository, tag = key = choice.choice(whole)
        if self.ledger.begin_to_delete(key):
            client.request("DELETE", f"/v2/{repository}/manifests/{self.ledger.held[key].digest}").raise_for_status()
            self.ledger.forget(key)

    def pull_through(self, client: Distribution, choice: random.Random, _: str) -> None:
        client.pull("cached/app", f"t{choice.randrange(20)}")

    def call(self, _: Distribution, choice: random.Random, name: str) -> None:
        ecr, kms = self.weir.client("ecr"), self.weir.client("kms")
        match choice.randrange(6):
            case 0: kms.disable_key(KeyId=self.key)
            case 1 | 2: kms.enable_key(KeyId=self.key)
            case 3: ecr.describe_images(repositoryName=PLAIN)
            case 4: ecr.start_lifecycle_policy_preview(repositoryName=EXPIRING)
            case _: self.operate(choice.choice(["StartGarbageCollection", "StartVerification", "RunLifecycle"]), choice)

    def operate(self, operation: str, choice: random.Random) -> None:
        from .signing import operate

        members: dict[str, Any] = {
            "StartGarbageCollection": {"graceSeconds": choice.choice([0, 86_400])}, "StartVerification": {"repair": True},
            "RunLifecycle": {"repositoryName": EXPIRING}}[operation]
        operate(self.weir, operation, **members)

    # Reading back

    def read(self, client: Distribution, repository: str, tag: str, image: Image, during: bool = False) -> None:
        """Byte for byte. Other bytes under a 200 are always a fault; a refusal is one only while nothing is broken."""
        answer = client.request("GET", f"/v2/{repository}/manifests/{image.digest}", headers={"Accept": ACCEPT})
        answer.raise_for_status()
        if answer.content != image.top.content:
            self.ledger.blame(f"{repository}:{tag}: the manifest has other bytes")
        for blob in image.blobs:
            if (got := client.blob_digest(repository, blob.digest)) != blob.digest:
                self.ledger.blame(f"{repository}:{tag}: {blob.digest} has the bytes of {got}")

    def check(self, what: list[tuple[tuple[str, str], Image]], when: str) -> None:
        """All of it is there, or comes back from quarantine. The machine is whole."""
        self.machine.mend()
        kms = self.weir.client("kms")
        kms.enable_key(KeyId=self.key)
        with contextlib.suppress(botocore.exceptions.ClientError):
            kms.cancel_key_deletion(KeyId=self.pending_key)
            kms.enable_key(KeyId=self.pending_key)
        client = self.weir.distribution()
        gone: list[tuple[tuple[str, str], Image, str]] = []
        for key, image in what:
            if problem := self.problem(client, key, image):
                gone.append((key, image, problem))
        if gone and self.take_back():
            still = [(key, image, problem) for key, image, _ in gone if (problem := self.problem(client, key, image))]
            self.ledger.came_back += len(gone) - len(still)
            gone = still
        for (repository, tag), image, problem in gone:
            self.ledger.blame(f"{when}: {repository}:{tag} {image.digest} does not read back: {problem}")
        with contextlib.suppress(botocore.exceptions.ClientError):
            kms.schedule_key_deletion(KeyId=self.pending_key, PendingWindowInDays=7)

    def problem(self, client: Distribution, key: tuple[str, str], image: Image) -> str | None:
        try:
            self.read(client, *key, image)
        except NO as problem:
            said = getattr(problem, "response", None)
            return f"{problem} {said.text[:300] if isinstance(said, requests.Response) else ''}"
        return None

    def take_back(self) -> bool:
        """Restores all that is in quarantine, by one command. False where nothing came of it."""
        told = run([PROGRAM, "lost", "--restore", "all", "--endpoint", self.weir.url, "--data", self.weir.data, "--region", self.weir.region],
                   self.weir.aws_environment, seconds=120, check=False)
        self.story.append(f"weir lost: {told.returncode} {(told.stdout + told.stderr).strip()[-300:]}")
        return told.returncode in (0, 1)

    # The nemesis

    def break_something(self) -> None:
        """Breaks one thing for a moment and mends it. On the main thread, since servers are its children."""
        deeds: list[Callable[[], None]] = [
            self.kill, self.kill_in_the_middle, self.restart, self.failing_reads, self.failing_writes, self.failing_syncs, self.no_descriptors,
            self.failing_opens, self.missing_volume, self.missing_volume_at_start, self.clock_jumps]
        if self.disk:
            deeds.append(self.full_disk)
        deed = self.random.choice([deed for deed in deeds if not self.faults or deed.__name__ in self.faults])
        self.story.append(deed.__name__)
        deed()
        self.machine.mend()
        if not self.weir.daemon.alive:
            if self.weir.daemon.wait(1) != -9:
                self.ledger.blame(f"{deed.__name__}: the server ended with {self.weir.daemon.wait(1)}:\n{self.weir.output[-2000:]}")
            self.start()

    def start(self) -> None:
        try:
            self.weir.start()
        except (RuntimeError, TimeoutError) as problem:
            self.ledger.blame(f"it does not start: {problem}")
            raise

    def moment(self) -> None:
        time.sleep(self.random.uniform(0.3, 1.0))

    def kill(self) -> None:
        self.weir.kill()
        self.start()

    def kill_in_the_middle(self) -> None:
        call, path = self.random.choice([("rename", "/blobs/"), ("sync", "/staging/"), ("sync", "weir.db-wal"), ("unlink", "/blobs/"), ("write", "weir.db")])
        self.machine.fails(call, KILLED, path=path, after=self.random.randrange(5))
        self.moment()

    def restart(self) -> None:
        self.weir.restart()

    def failing_reads(self) -> None:
        times = self.random.choice([1, 3, 20, -1])
        with self.machine.fails("read", self.random.choice([errno.EIO, errno.ESTALE]), path="/blobs/", times=times):
            self.chores()
            self.moment()

    def failing_writes(self) -> None:
        path = self.random.choice(["/staging/", "weir.db", "/data/"])
        with self.machine.fails("write", self.random.choice([errno.EIO, errno.ENOSPC]), path=path, times=self.random.choice([1, 5, -1])):
            self.moment()

    def failing_syncs(self) -> None:
        with self.machine.fails("sync", errno.EIO, path=self.random.choice(["/staging/", "/blobs/", "weir.db-wal"]), times=self.random.choice([1, 3])):
            self.moment()

    def no_descriptors(self) -> None:
        with self.machine.fails("open", errno.EMFILE, path="/data/"), self.machine.fails("accept", errno.EMFILE, times=20):
            self.chores()
            self.moment()

    def failing_opens(self) -> None:
        with self.machine.fails("open", self.random.choice([errno.EACCES, errno.EIO, errno.ESTALE]), path="/blobs/"):
            self.chores()
            self.moment()

    @contextlib.contextmanager
    def volume_away(self) -> Iterator[None]:
        """A push meanwhile would lie hidden below the mount point, so pushes wait."""
        with self.quiet():
            self.no_pushes.set()
        try:
            with missing(self.weir.data / "blobs"):
                yield
        finally:
            self.no_pushes.clear()

    def missing_volume(self) -> None:
        with self.volume_away():
            self.chores()
            self.moment()

    def missing_volume_at_start(self) -> None:
        """A server that starts without its blobs may refuse; it must not throw anything away."""
        self.weir.stop()
        with self.volume_away():
            with contextlib.suppress(RuntimeError, TimeoutError):
                self.weir.start()
                self.chores()
                self.moment()
            if self.weir.daemon.alive:
                self.weir.kill()
        self.start()

    def clock_jumps(self) -> None:
        self.machine.clock(days=self.random.choice([40, 400, -3, 0.1]))
        self.moment()

    def full_disk(self) -> None:
        assert self.disk
        self.disk.fill(leaving=self.random.choice([0, 4096, 1 << 20]))
        self.moment()
        self.chores()
        self.moment()
        self.disk.free()

    def chores(self) -> None:
        """A command that an operator might try at that moment."""
        choice = self.random
        for operation in ("StartVerification", "StartGarbageCollection"):
            with contextlib.suppress(*NO):
                self.operate(operation, choice)

    # The run

    def run(self, seconds: float) -> Ledger:
        self.prepare()
        for number in range(20):
            self.upstream.hold("app", f"t{number}", self.image(random.Random(f"{self.seed}-up-{number}"), f"up-{number}"))
        threads = [threading.Thread(target=self.client, args=[number], daemon=True) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        end, number = time.monotonic() + seconds, 0
        try:
            while time.monotonic() < end and not self.ledger.wrong:
                self.moment()
                self.break_something()
                number += 1
                if number % 4 == 0:
                    with self.quiet():
                        whole = self.ledger.whole()
                        self.check(self.random.sample(whole, min(len(whole), 20)), f"after {number} faults ({', '.join(self.story[-4:])})")
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join(60)
        if any(thread.is_alive() for thread in threads):
            self.ledger.blame("a client hangs")
        if not self.ledger.wrong:
            self.check(self.ledger.whole(), "in the end")
            self.weir.restart()
            self.check(self.ledger.whole(), "after a last restart")
        return self.ledger

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Makes all clients wait."""
        self.paused.set()
        for _ in range(CLIENTS):
            self.idle.acquire(timeout=60)
        try:
            yield
        finally:
            while self.idle.acquire(blocking=False):
                pass
            self.paused.clear()


def trial(folder: Path, seconds: float, seed: int, faults: list[str] | None = None) -> Soak:
    """One whole run; its ledger has the findings."""
    machine, upstream = Machine(folder / "below"), HostileUpstream()
    weir = Weir(folder / "weir", upstreams={"registry.k8s.io": upstream.url}, environment=machine.environment, options=[
        "--log-level", "error", "--gc-interval", "3", "--lifecycle-interval", "5", "--upstream-patience", "3"])
    with contextlib.ExitStack() as stack:
        stack.callback(upstream.stop)
        disk = stack.enter_context(small_disk(weir.data, DISK)) if os.geteuid() == 0 else None
        stack.callback(lambda: weir.daemon and weir.kill())
        weir.start()
        soak = Soak(folder, seed, disk, machine, weir, upstream)
        soak.faults = faults or []
        soak.run(seconds)
        return soak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--fault", action="append", help="only this deed of the nemesis, such as full_disk; may be repeated")
    options = parser.parse_args()
    print(f"soak: {options.minutes:g} minutes, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="weir-soak-") as folder:
        soak = trial(Path(folder), options.minutes * 60, options.seed, options.fault)
        log = soak.weir.log.read_text(errors="replace")[-4000:]
    ledger = soak.ledger
    faults = collections.Counter(word for word in soak.story if " " not in word)
    print(f"soak: faults: {', '.join(f'{count} {name}' for name, count in faults.most_common())}")
    print(f"soak: deeds: {', '.join(f'{count} {name}' for name, count in ledger.counts.most_common())}")
    print(f"soak: {len(ledger.whole())} images acknowledged and kept, {ledger.came_back} came back out of quarantine, {len(ledger.wrong)} faults found")
    for line in ledger.wrong[:20]:
        print(f"FOUND {line}")
    if ledger.wrong:
        print(f"The last of its log:\n{log}")
    sys.exit(1 if ledger.wrong else 0)


if __name__ == "__main__":
    main()
