"""The faults of machine.py work on the program as it is linked: each goes through a symbol of the C library."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable

import pytest
import requests

from harness.distribution import Truncated
from harness.images import MIB, Image, random_layer, single
from harness.machine import (
    KILLED, Machine, as_nobody, few_descriptors, missing, open_folder, small_disk, unreadable)
from harness.weir import Weir

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and users need root")


def pushed(weir: Weir, seed: str, size: int = 300_000) -> Image:
    image = single([random_layer(seed, size)], note=seed)
    weir.repository(seed)
    weir.distribution().push(seed, "1", image)
    return image


def test_every_call_can_fail(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment)
    client = weir.distribution()
    image = pushed(weir, "app")
    layer = image.layers[0].digest

    def gets() -> bool:
        try:
            return client.blob_digest("app", layer) == layer
        except (requests.RequestException, Truncated):
            return False

    weir.restart()  # Now nothing of it is in memory.
    client = weir.distribution()
    with machine.fails("open", errno.EMFILE, path="/blobs/") as fault:
        gets()
    assert fault.happened
    with machine.fails("read", most=1000, path="/blobs/") as fault:
        assert gets()
    assert fault.happened > 100
    for call, path in (("write", "/staging/"), ("sync", "/staging/"), ("rename", "/blobs/"), ("sync", "weir.db-wal"),
                       ("write", "weir.db-wal"), ("open", "/staging/")):
        other = random_layer(f"{call}-{path}", 200_000)
        with machine.fails(call, errno.EIO, path=path) as fault, pytest.raises(requests.RequestException):
            client.push_blob("app", other.content, other.digest)
        assert fault.happened, f"{call} {path}"
    with machine.fails("accept", errno.EMFILE, times=3) as fault:
        assert weir.is_ready()
    assert fault.happened == 3
    assert weir.is_ready()


def test_the_wall_clock_jumps_alone(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment)

    def told() -> float:
        answer = requests.get(f"{weir.url}/v2/", timeout=10)
        return weir.client("kms").create_key()["KeyMetadata"]["CreationDate"].timestamp() if answer.status_code == 401 else 0

    assert abs(told() - time.time()) < 60
    machine.clock(seconds=600)
    assert abs(told() - time.time() - 600) < 60
    machine.clock()
    assert abs(told() - time.time()) < 60


def test_killed_before_a_rename(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment)
    weir.repository("app")
    layer = random_layer("killed", 1000)
    client = weir.distribution()
    with machine.fails("rename", KILLED, path="/blobs/"), pytest.raises(requests.RequestException):
        client.push_blob("app", layer.content, layer.digest)
    assert weir.daemon.wait(10) == -signal.SIGKILL
    weir.start()
    weir.distribution().push_blob("app", layer.content, layer.digest)


@root
def test_a_full_disk_and_a_missing_mount(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False)
    with small_disk(weir.data, 64 * MIB) as disk:
        weir.start()
        pushed(weir, "app")
        disk.fill()
        assert disk.free_bytes == 0
        layer = random_layer("no room", MIB)
        with pytest.raises(requests.RequestException):
            weir.distribution().push_blob("app", layer.content, layer.digest)
        disk.free()
        weir.distribution().push_blob("app", layer.content, layer.digest)
        with missing(weir.data / "blobs"):
            assert weir.stored_files() == []
        assert weir.stored_files()
        weir.kill()


@root
def test_other_users_and_limits(make_weir: Callable[..., Weir]) -> None:
    with open_folder() as folder:
        weir = Weir(folder, under=[*as_nobody, *few_descriptors(200)]).start()
        try:
            pid = weir.daemon.pid
            # Its files in /proc belong to root, so that other users cannot read its memory.
            assert "Uid:\t65534\t65534" in open(f"/proc/{pid}/status").read()
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0
            limits = open(f"/proc/{pid}/limits").read()
            assert "Max open files            200                  200" in limits
            image = pushed(weir, "app")
            files = weir.stored_files()
            weir.restart()
            with unreadable(weir.data / "blobs"):
                with pytest.raises((requests.RequestException, Truncated)):
                    weir.distribution().blob_digest("app", image.layers[0].digest)
                # Nor does it start on blobs that it cannot see.
                weir.stop()
                with pytest.raises(RuntimeError, match="Permission denied"):
                    weir.start()
            weir.start()
            assert weir.distribution().blob_digest("app", image.layers[0].digest) == image.layers[0].digest
            assert weir.stored_files() == files
        finally:
            weir.discard()


def test_a_log_that_nobody_reads(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(deaf=True, options=["--log-level", "info"])
    assert "{" in weir.hear()
