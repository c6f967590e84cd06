"""A backup of a running server, as in docs/operating.md: whatever the copied database knows can be served from the copy."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.engines import missing
from harness.images import Image, random_layer, single
from harness.node import blocks
from harness.processes import clean_environment, run
from harness.weir import PROGRAM, Weir

NAME = "team/app"
#: The database; the blobs; the quarantine, and the rest.
STEPS = blocks("docs/operating.md", "What lies where")[1].splitlines()


def command(weir: Weir, *words: str) -> Any:
    words = [PROGRAM, *words, "--endpoint", weir.url, "--data", weir.data, "--output", "json"]
    return json.loads(run(words, clean_environment(weir.folder / "home"), check=False).stdout)


def is_whole(weir: Weir) -> None:
    """The copy is whole, except for files of pushes that came after the database was copied."""
    found = command(weir, "verify")["verification"]
    assert {fault["kind"] for fault in found["faults"]} <= {"orphanFile"}, found
    assert found["blobs"]["items"] > 0 and found["manifests"] > 0


def copy(weir: Weir, backup: Path, steps: list[str]) -> None:
    backup.mkdir(exist_ok=True)
    script = "\n".join(steps).replace("weir-data", str(weir.data)).replace("/backup", str(backup))
    run(["sh", "-c", script], clean_environment(weir.folder / "home"), check=False)


def restored(make_weir: Callable[..., Weir], weir: Weir, backup: Path, *options: str) -> Weir:
    """A server on the backup and the root key, which was kept elsewhere."""
    shutil.copy(weir.data / "root.key", backup / "root.key")
    server = make_weir(start=False, options=list(options))
    backup.chmod(0o700)
    shutil.copytree(backup, server.data, symlinks=True)
    return server.start()


def image(note: str) -> Image:
    return single([random_layer(note, 200_000)], note=note)


@pytest.fixture
def weir(make_weir: Callable[..., Weir]) -> Weir:
    if reason := missing("sqlite3"):
        pytest.skip(reason)
    server = make_weir()
    server.repository(NAME)
    return server


def test_the_steps_are_in_their_order() -> None:
    assert ".backup" in STEPS[0] and "weir-data/blobs" in STEPS[1] and "weir-data/lost" in STEPS[2] and len(STEPS) == 4


def test_while_it_is_pushed_to(weir: Weir, make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()
    pushed = {f"{number}": image(f"{number}") for number in range(400)}
    client = weir.distribution()

    def push() -> None:
        for tag, one in pushed.items():
            if stop.is_set():
                return
            client.push(NAME, tag, one)
            acknowledged.append(tag)

    pusher = threading.Thread(target=push)
    pusher.start()
    while len(acknowledged) < 10:
        stop.wait(0.02)
    before = list(acknowledged)
    copy(weir, tmp_path / "backup", STEPS)
    stop.set()
    pusher.join()
    assert len(acknowledged) > len(before), "it went on meanwhile"
    weir.kill()
    server = restored(make_weir, weir, tmp_path / "backup")
    known = server.distribution().tags(NAME)
    assert set(before) <= set(known)
    for tag in known:
        server.distribution().pull(NAME, tag)
    is_whole(server)


def test_what_goes_meanwhile_is_still_in_the_copy(weir: Weir, make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    """Between the steps an image is deleted and collected: its files move from `blobs` to `lost`, and the copied database needs them."""
    client, kept, gone = weir.distribution(), image("kept"), image("gone")
    client.push(NAME, "kept", kept)
    client.push(NAME, "gone", gone)
    backup = tmp_path / "backup"
    copy(weir, backup, STEPS[:1])
    client.request("DELETE", f"/v2/{NAME}/manifests/{gone.digest}").raise_for_status()
    weir.client("ecr").delete_repository(repositoryName=NAME, force=True)
    command(weir, "gc")
    assert not weir.stored_files() and (weir.data / "lost").exists(), "the layers have been put aside"
    copy(weir, backup, STEPS[1:])
    weir.kill()
    with pytest.raises(RuntimeError, match="--accept-older-database"):
        restored(make_weir, weir, backup)
    server = restored(make_weir, weir, backup, "--accept-older-database")
    command(server, "gc")
    for tag in ("kept", "gone"):
        server.distribution().pull(NAME, tag)
    is_whole(server)
