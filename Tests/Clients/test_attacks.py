"""Under each attack by one stranger the others go on: /healthz answers, a pull ends with the right bytes, memory stays bounded.

`make bench ARGS="--only attacks"` measures how much slower they get; here the machine may be busy with other tests.
"""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from harness.attacks import ADDRESS, ATTACKS, Attack
from harness.hostile import manifest
from harness.images import MIB, Image, random_layer, sha256, single
from harness.processes import wait_until
from harness.weir import Weir

#: Seconds. On an otherwise idle machine it takes one.
HEALTHY, A_PULL = 5.0, 30.0
#: Memory that a stranger may make the server hold, beyond what it holds anyway.
MEMORY = 500 * MIB


class Watch:
    """Asks /healthz again and again, each time on a new connection, as a load balancer does."""

    def __init__(self, weir: Weir):
        self.weir, self.slowest, self.asked, self.failed = weir, 0.0, 0, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(HEALTHY + 5)

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                with urllib.request.urlopen(f"{self.weir.url}/healthz", timeout=HEALTHY) as answer:
                    answer.read()
            except (urllib.error.URLError, OSError) as problem:
                self.failed = self.failed or f"{problem} after {time.monotonic() - began:.1f} s"
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.asked += 1
            time.sleep(0.05)


@pytest.fixture(scope="module")
def image() -> Image:
    return single([random_layer("attacked", 24 * MIB), random_layer("attacked too", 8 * MIB)])


@pytest.fixture(scope="module")
def upstream_settings() -> dict[str, object]:
    return {"options": ["--log-level", "info"]}


@pytest.fixture(scope="module")
def house(weir: Weir, image: Image) -> Iterator[Weir]:
    weir.repository("victim/app")
    weir.repository("stranger/app")
    client = weir.distribution()
    client.push("victim/app", "1", image)
    # A manifest of the largest size, which every reader may ask for.
    big = manifest([image.layers[0].descriptor()], annotations={f"a{number}": "x" * 4000 for number in range(900)})
    for blob in [*image.blobs, type(big)(b"{}", "application/vnd.oci.image.config.v1+json")]:
        client.push_blob("stranger/app", blob.content, blob.digest)
    client.push_manifest("stranger/app", "big", big)
    weir.big = big
    yield weir


@pytest.mark.timeout(90)
@pytest.mark.parametrize("name", ATTACKS)
def test_the_others_go_on(house: Weir, image: Image, name: str) -> None:
    before = house.peak_memory
    client = house.distribution()
    with Attack(name, house, repository="stranger/app", digest=sha256(house.big.content)), Watch(house) as watch:
        for _ in range(2):
            began = time.monotonic()
            # A login of its own, and a connection of its own.
            assert set(client.pull("victim/app", "1")) == {one.digest for one in (image.top, *image.blobs)}
            client.session.close()
            assert time.monotonic() - began < A_PULL
            time.sleep(0.5)
    assert not watch.failed and watch.asked, f"/healthz: {watch.failed}, asked {watch.asked} times"
    assert watch.slowest < HEALTHY
    assert house.peak_memory - before < MEMORY
    assert house.daemon.alive


@pytest.mark.timeout(90)
def test_who_asks_for_too_much_waits_while_others_are_served(house: Weir, image: Image) -> None:
    """Nothing is refused, the operator is told of it, and a probe from the same address does not wait."""
    client = house.distribution()
    before = paced(house)
    with Attack("big-indexes", house, repository="stranger/app"):
        wait_until(lambda: client.pull("victim/app", "1") and paced(house) > before, 30, "nothing waits")
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", house.port), timeout=HEALTHY, source_address=(ADDRESS, 0)) as probe:
            probe.sendall(f"GET /healthz HTTP/1.1\r\nHost: {house.host}\r\nConnection: close\r\n\r\n".encode())
            assert probe.recv(4096).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - began < HEALTHY
    told = [line for line in house.daemon.output().splitlines() if "A client waits" in line]
    assert told and all(ADDRESS in line for line in told)


def paced(weir: Weir) -> float:
    with urllib.request.urlopen(f"{weir.url}/metrics", timeout=HEALTHY) as answer:
        values = [line.split()[1] for line in answer.read().decode().splitlines() if line.startswith("weir_paced_total ")]
    return float(values[0]) if values else 0
