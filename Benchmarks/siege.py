"""A warm blob without and under each attack by one stranger: how much of their speed the others keep, and how soon /healthz answers."""

from __future__ import annotations

import threading
import time
import urllib.request
from pathlib import Path

from contenders import Contender, WeirContender, push
from content import big_image
from harness.attacks import ATTACKS, Attack
from harness.images import random_layer, sha256, single
from measures import GIB, Sample, watched
from scenarios import Bench, Scenario
from wire import Connection

PEACE = "weir, in peace"


class BesiegedContender(WeirContender):
    """Without an attack where `attack` is None."""

    def __init__(self, folder: Path, attack: str | None):
        super().__init__(folder, options=["--log-level", "info"])
        self.name = f"weir, {attack}" if attack else PEACE
        self.attack = attack

    def prepare(self) -> None:
        """Stores what a stranger with a login may ask for."""
        image = single([random_layer("siege", 1000)], note="x" * (3 << 20))
        self._weir.repository("stranger/app")
        self._weir.distribution().push("stranger/app", "1", image)
        self.digest = sha256(image.top.content)

    def begin(self) -> Attack:
        assert self.attack
        return Attack(self.attack, self._weir, repository="stranger/app", digest=self.digest).__enter__()


class Siege(Scenario):
    """Seven seconds of downloads by one client, one after the other."""

    seconds = 7.0
    peer = PEACE
    rounds = 3

    def contenders(self, folder: Path) -> list[Contender]:
        self.blob = big_image(self.bench.folder / "content", "bench/siege", 1, int(GIB / 4 * self.bench.scale))
        return [BesiegedContender(folder / (attack or "peace"), attack) for attack in (None, *ATTACKS)]

    def prepare(self, contender: Contender) -> None:
        assert isinstance(contender, BesiegedContender)
        push(contender, self.blob)
        contender.prepare()

    def measure(self, contender: Contender) -> Sample:
        assert isinstance(contender, BesiegedContender)
        path = f"/v2/bench/siege/blobs/{self.blob.layers[0].digest}"
        credentials = contender.credentials
        siege = contender.begin() if contender.attack else None
        slowest, over = [0.0], threading.Event()
        doctor = threading.Thread(target=_ask_for_health, args=[contender.url, slowest, over])
        doctor.start()
        try:
            with watched(contender.daemon) as sample:
                end = time.monotonic() + self.seconds
                while time.monotonic() < end:
                    with Connection(contender.url, credentials) as connection:
                        sample.moved += connection.discard(path)
        finally:
            over.set()
            doctor.join()
            if siege:
                siege.__exit__()
        sample.extra["slowest healthz ms"] = slowest[0] * 1e3
        return sample


def _ask_for_health(url: str, slowest: list[float], over: threading.Event) -> None:
    while not over.is_set():
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=30) as answer:
                answer.read()
        except OSError:
            pass  # Only its time matters.
        slowest[0] = max(slowest[0], time.monotonic() - began)
        time.sleep(0.05)


def sieges(bench: Bench) -> list[Scenario]:
    return [Siege("attacks", bench)]
