"""A full volume: nothing is lost, pulls go on, and there is a way out."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.distribution import Distribution
from harness.images import MIB, Image, random_layer, single
from harness.machine import SmallDisk, small_disk
from harness.processes import clean_environment, run, wait_until
from harness.registries import DockerRegistry
from harness.weir import PROGRAM, Weir

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
SIZE = 64 * MIB


@pytest.fixture
def on_a_small_disk(make_weir: Callable[..., Weir]) -> Iterator[tuple[Weir, SmallDisk]]:
    weir = make_weir(start=False, options=["--gc-grace", "0", "--log-level", "info"])
    with small_disk(weir.data, SIZE) as disk:
        weir.start()
        yield weir, disk
        weir.kill()


def fill(disk: SmallDisk, leaving: int = 0) -> None:
    """The server checks its volume once a second."""
    disk.fill(leaving)
    time.sleep(1.1)


def is_short(weir: Weir) -> bool:
    return "weir_disk_short 1" in requests.get(f"{weir.url}/metrics", timeout=10).text.splitlines()


def collect(weir: Weir, *words: str) -> Any:
    told = run([PROGRAM, "gc", *words, "--endpoint", weir.url, "--data", weir.data, "--output", "json"],
               clean_environment(weir.folder / "home"), check=False)
    return json.loads(told.stdout)


def upstream_image(upstream: DockerRegistry, name: str, size: int = 3 * MIB) -> Image:
    image = single([random_layer(name, size)], note=name)
    Distribution(upstream.url).push(name, "1", image)
    return image


def pulls(client: Distribution, name: str, image: Image) -> None:
    assert client.manifest(name, "1").headers["Docker-Content-Digest"] == image.digest
    for blob in image.blobs:
        assert client.blob_digest(name, blob.digest) == blob.digest


def test_pulls_go_through_unstored(on_a_small_disk: tuple[Weir, SmallDisk], upstream: DockerRegistry) -> None:
    weir, disk = on_a_small_disk
    weir.rule("ecr-public", "public.ecr.aws")
    client = weir.distribution()
    held = upstream_image(upstream, "held/app")
    pulls(client, "ecr-public/held/app", held)
    image = upstream_image(upstream, "passing/app")
    fill(disk, leaving=1 * MIB)
    stored = weir.stored_files()
    for _ in range(2):
        pulls(client, "ecr-public/passing/app", image)
    layer = image.layers[0]
    part = client.blob("ecr-public/passing/app", layer.digest, headers={"Range": f"bytes={2 * MIB}-{2 * MIB + 999}"})
    assert part.status_code == 206 and part.content == layer.content[2 * MIB:2 * MIB + 1000]
    assert weir.stored_files() == stored
    pulls(client, "ecr-public/held/app", held)
    # Logged once, and not for each pull.
    wait_until(lambda: "pulls go through unstored" in weir.output, 20, "the log line")
    assert weir.output.count("pulls go through unstored") == 1 and "Blob not filled" not in weir.output
    assert is_short(weir)
    assert "\nweir_unstored_blobs_total " in requests.get(f"{weir.url}/metrics", timeout=10).text
    disk.free()
    wait_until(lambda: not is_short(weir), 20, "room again")
    pulls(client, "ecr-public/passing/app", image)
    wait_until(lambda: len(weir.stored_files()) > len(stored), 20, "it to be stored")


def test_a_wrong_blob_cannot_be_finished_unstored_either(
    on_a_small_disk: tuple[Weir, SmallDisk], upstream: DockerRegistry,
) -> None:
    weir, disk = on_a_small_disk
    weir.rule("ecr-public", "public.ecr.aws")
    client = weir.distribution()
    image = upstream_image(upstream, "wrong/app")
    fill(disk, leaving=1 * MIB)
    client.manifest("ecr-public/wrong/app", "1")
    layer = image.layers[0]
    file = next(path for path in upstream.folder.rglob("data") if layer.digest.partition(":")[2] in str(path))
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises((requests.RequestException, AssertionError)):
            answer = client.blob("ecr-public/wrong/app", layer.digest)
            assert answer.status_code == 200 and len(answer.content) == len(whole)
    finally:
        file.write_bytes(whole)


def test_a_push_is_refused_before_its_first_byte(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    weir, disk = on_a_small_disk
    weir.repository("app")
    client = weir.distribution()
    place = client.begin("app")
    fill(disk, leaving=20 * MIB)
    # It would fit but for the reserve, so it is refused before any of it is sent.
    path = place if place.startswith("/") else "/" + place.partition("://")[2].partition("/")[2]
    login = base64.b64encode(f"AWS:{weir.password()}".encode()).decode()
    with socket.create_connection(("127.0.0.1", weir.port), timeout=15) as connection:
        connection.sendall(
            f"PATCH {path} HTTP/1.1\r\nHost: {weir.host}\r\nAuthorization: Basic {login}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {20 * MIB}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 507")
    fill(disk, leaving=MIB // 2)
    assert client.request("POST", "/v2/app/blobs/uploads/").status_code == 507
    disk.free()
    layer = random_layer("fits", 2 * MIB)
    wait_until(lambda: client.request("POST", "/v2/app/blobs/uploads/").status_code == 202, 10, "room again")
    client.push_blob("app", layer.content, layer.digest)
    assert client.blob_digest("app", layer.digest) == layer.digest


def test_a_push_stops_at_the_reserve(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    """A body without a length does not take the last byte: rows and the collector need it."""
    weir, disk = on_a_small_disk
    weir.repository("app")
    client = weir.distribution()
    place = client.begin("app")

    def endless() -> Iterator[bytes]:
        for _ in range(SIZE // MIB + 8):
            yield os.urandom(MIB)

    with pytest.raises((requests.RequestException, AssertionError)):
        assert client.request("PATCH", place, data=endless()).status_code < 400
    # The rows still find room.
    weir.repository("another")
    assert weir.is_ready()
    wait_until(lambda: disk.free_bytes > SIZE // 2, 20, "what it had sent to be given back")


def test_the_collector_finds_a_way_out_of_a_full_disk(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    weir, disk = on_a_small_disk
    weir.repository("app")
    client = weir.distribution()
    for number in range(120):
        layer = random_layer(f"garbage-{number}", 200_000)
        client.push_blob("app", layer.content, layer.digest)
    assert len(weir.stored_files()) == 120
    fill(disk)
    assert disk.free_bytes == 0
    run_ = collect(weir, "--grace", "0")
    assert run_["status"] == "DONE", run_
    assert weir.stored_files() == []
    disk.free()
    pushed = random_layer("after", 200_000)
    wait_until(lambda: client.request("POST", "/v2/app/blobs/uploads/").status_code == 202, 10, "room again")
    client.push_blob("app", pushed.content, pushed.digest)
    wait_until(lambda: (weir.data / "ballast").exists(), 20, "the ballast to be back")


def test_a_server_starts_on_a_volume_without_a_free_byte(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    """An operator needs the server running in order to free some room."""
    weir, disk = on_a_small_disk
    image = single([random_layer("kept", 200_000)], note="kept")
    weir.repository("app")
    weir.distribution().push("app", "1", image)
    wait_until(lambda: (weir.data / "ballast").exists(), 20, "the ballast")
    fill(disk)
    assert disk.free_bytes == 0
    weir.restart()
    pulls(weir.distribution(), "app", image)
    assert collect(weir, "--grace", "0")["status"] == "DONE"


def test_the_ballast_is_kept_for_whom_nothing_else_helps(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    """A collection that finds room for its rows leaves the ballast alone: given up early, it would be used up by others."""
    weir, disk = on_a_small_disk
    weir.repository("app")
    wait_until(lambda: (weir.data / "ballast").exists(), 20, "the ballast")
    fill(disk, leaving=MIB // 2)
    assert collect(weir, "--grace", "0")["status"] == "DONE"
    assert (weir.data / "ballast").exists()
    assert weir.distribution().request("POST", "/v2/app/blobs/uploads/").status_code == 507


def test_a_collection_without_ballast_gives_up_quarantine_to_begin(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    weir, disk = on_a_small_disk
    weir.repository("app")
    client = weir.distribution()
    for number in range(10):
        layer = random_layer(f"quarantine-{number}", 200_000)
        client.push_blob("app", layer.content, layer.digest)
    # Put into quarantine for an hour.
    collect(weir, "--grace", "3600")
    time.sleep(1.1)
    run_ = collect(weir, "--grace", "1")
    assert run_["status"] == "DONE" and len(list((weir.data / "lost").rglob("*"))) > 0, run_
    fill(disk)
    (weir.data / "ballast").unlink(missing_ok=True)
    fill(disk)
    assert disk.free_bytes == 0
    run_ = collect(weir, "--grace", "0")
    assert run_["status"] == "DONE", run_
    assert disk.free_bytes > 0


def test_a_row_that_finds_no_room_is_told_as_a_full_volume(on_a_small_disk: tuple[Weir, SmallDisk]) -> None:
    weir, disk = on_a_small_disk
    weir.repository("app")
    fill(disk)
    (weir.data / "ballast").unlink(missing_ok=True)
    fill(disk)
    with pytest.raises(ClientError) as told:
        for number in range(200):
            weir.repository(f"more-{number}")
    assert "volume is full" in str(told.value) and "internal" not in str(told.value)


def test_a_cache_makes_room_for_itself(on_a_small_disk: tuple[Weir, SmallDisk], upstream: DockerRegistry) -> None:
    """More is pulled than there is room for: the blobs pulled longest ago are evicted, without a cap and without a command."""
    weir, disk = on_a_small_disk
    weir.rule("ecr-public", "public.ecr.aws")
    client = weir.distribution()
    images = [upstream_image(upstream, f"many/app-{number}", 8 * MIB) for number in range(9)]
    for number, image in enumerate(images):
        pulls(client, f"ecr-public/many/app-{number}", image)
    wait_until(lambda: is_short(weir), 20, "the server to say that there is no room")
    wait_until(lambda: not is_short(weir), 40, "room to be made")
    last = len(images) - 1
    pulls(client, f"ecr-public/many/app-{last}", images[last])
    layer = images[last].layers[0].digest.partition(":")[2]
    wait_until(lambda: layer in {file.name for file in weir.stored_files()}, 20, "the newest to be stored")
