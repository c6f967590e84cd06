"""Content that cannot be read now is not lost: no read deletes, collections put it into quarantine first, and quarantined content can come back."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.distribution import Distribution, Truncated
from harness.expect import assert_error
from harness.images import MIB, Image, random_layer, single
from harness.machine import Machine, missing
from harness.processes import clean_environment, run, wait_until
from harness.rude import RudeRegistry
from harness.weir import PROGRAM, Weir

NAME = "mine/app"
QUIET = ["--gc-interval", "0", "--log-level", "info"]


def command(weir: Weir, *words: str, code: int | None = None) -> Any:
    told = run(
        [PROGRAM, *words, "--endpoint", weir.url, "--data", weir.data, "--output", "json"],
        clean_environment(weir.folder / "home"), check=False)
    assert code is None or told.returncode == code, told.stdout + told.stderr
    return json.loads(told.stdout)


def verify(weir: Weir, *words: str, code: int | None = None) -> Any:
    return command(weir, "verify", *words, code=code)["verification"]


def collect(weir: Weir, *words: str, code: int | None = None) -> Any:
    return command(weir, "gc", *words, code=code)["collection"]


def lost(weir: Weir, *words: str, code: int | None = None) -> Any:
    return command(weir, "lost", *words, code=code)


def quarantined(weir: Weir) -> list[Path]:
    return sorted(path for path in (weir.data / "lost").rglob("*") if path.is_file())


def pushed(weir: Weir, seed: str = "not-lost", size: int = 300_000, tag: str = "1") -> Image:
    image = single([random_layer(seed, size)], note=seed)
    weir.repository(NAME)
    weir.distribution().push(NAME, tag, image)
    return image


def file_of(weir: Weir, digest: str) -> Path:
    return next(file for file in weir.stored_files() if f"sha256:{file.name}" == digest)


def rows(weir: Weir, *statements: str) -> None:
    """While the server is stopped."""
    with sqlite3.connect(weir.data / "weir.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def head(client: Distribution, digest: str) -> int:
    return client.request("HEAD", f"/v2/{NAME}/blobs/{digest}").status_code


def metric(weir: Weir, name: str) -> float:
    for line in requests.get(f"{weir.url}/metrics", timeout=10).text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[-1])
    return 0


@pytest.fixture
def server(make_weir: Callable[..., Weir], machine: Machine) -> Weir:
    return make_weir(environment=machine.environment, options=QUIET)


# Reading


def test_one_bad_read_is_tried_again(server: Weir, machine: Machine) -> None:
    layer = pushed(server).layers[0].digest
    with machine.fails("read", errno.EIO, path="/blobs/", times=1) as fault:
        assert server.distribution().blob_digest(NAME, layer) == layer
    assert fault.happened == 1


@pytest.mark.parametrize(("call", "error"), [
    ("open", errno.EIO), ("open", errno.EACCES), ("open", errno.EMFILE), ("open", errno.ENOMEM), ("read", errno.EIO),
    ("read", errno.ESTALE)], ids=lambda value: errno.errorcode.get(value, value))
def test_a_disk_that_does_not_answer_loses_nothing(server: Weir, machine: Machine, call: str, error: int) -> None:
    image = pushed(server)
    layer, client = image.layers[0].digest, server.distribution()
    kept = server.stored_files()
    with machine.fails(call, error, path="/blobs/"):
        for _ in range(2):
            answer = client.blob(NAME, layer)
            assert_error(answer, 503, "UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) > 0
            assert head(client, layer) == 503
        with pytest.raises(Exception, match="ServiceUnavailable"):
            server.client("ecr").batch_check_layer_availability(repositoryName=NAME, layerDigests=[layer])
        found = verify(server, "--repair", "--give-up-pushed", code=1)
        assert {fault["kind"] for fault in found["faults"]} == {"unreadable"} and found["repaired"] == 0
        collect(server, "--grace", "0", code=0)
    assert server.stored_files() == kept and quarantined(server) == []
    client.pull(NAME, "1")
    assert head(client, layer) == 200
    assert verify(server, code=0)["faults"] == []


def test_a_disk_that_fails_in_the_middle_of_a_layer(server: Weir, machine: Machine) -> None:
    layer, client = pushed(server, size=8 * MIB).layers[0].digest, server.distribution()
    with machine.fails("read", errno.EIO, path="/blobs/", after=3), pytest.raises((requests.RequestException, Truncated)):
        client.blob_digest(NAME, layer)
    collect(server, "--grace", "0")
    assert client.blob_digest(NAME, layer) == layer


def test_an_unsealed_layer_that_the_kernel_sends_by_itself(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment, options=[*QUIET, "--sealing", "kms-only"])
    layer, client = pushed(weir, size=4 * MIB).layers[0].digest, weir.distribution()
    with machine.fails("read", errno.EIO, path="/blobs/"):
        with pytest.raises((requests.RequestException, Truncated)):
            client.blob_digest(NAME, layer)
        # It reads again by itself, before it reports.
        wait_until(lambda: "Stored blob is unreadable" in weir.output, 20, "the alarm")
    path = file_of(weir, layer)
    away = path.rename(weir.folder / "away")
    assert_error(client.blob(NAME, layer), 500, "UNKNOWN")
    away.rename(path)
    collect(weir, "--grace", "0")
    assert client.blob_digest(NAME, layer) == layer
    assert verify(weir, code=0)["faults"] == []


@pytest.mark.parametrize("case", ["away", "flipped"])
def test_a_layer_that_is_right_again_is_served_again(server: Weir, case: str) -> None:
    layer, client = pushed(server).layers[0].digest, server.distribution()
    path = file_of(server, layer)
    right = path.read_bytes()
    if case == "away":
        path.rename(server.folder / "away")
    else:
        path.write_bytes(right[:1000] + bytes([right[1000] ^ 1]) + right[1001:])
    answer = client.blob(NAME, layer)
    assert_error(answer, 500, "UNKNOWN")
    assert ("missing" if case == "away" else "damaged") in answer.text
    # A client that wants to push is told to send it.
    assert head(client, layer) == 404
    collect(server, "--grace", "0")
    if case == "away":
        (server.folder / "away").rename(path)
    else:
        path.write_bytes(right)
    collect(server, "--grace", "0")
    assert client.blob_digest(NAME, layer) == layer
    assert head(client, layer) == 200
    assert verify(server, code=0)["faults"] == []


def test_a_push_mends_what_is_damaged_or_gone(server: Weir) -> None:
    image = pushed(server)
    layer, client = image.layers[0], server.distribution()
    for number in range(2):
        path = file_of(server, layer.digest)
        if number == 0:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1000])
        assert client.blob(NAME, layer.digest).status_code == 500
        assert head(client, layer.digest) == 404
        client.push_blob(NAME, layer.content, layer.digest)
        client.pull(NAME, "1")
        assert verify(server, code=0)["faults"] == []


def test_cached_content_comes_from_upstream_while_the_disk_does_not_answer(
    make_weir: Callable[..., Weir], machine: Machine, rude: RudeRegistry,
) -> None:
    weir = make_weir(environment=machine.environment, options=QUIET)
    weir.rule("cached", "registry.k8s.io")
    image = rude.hold("app", "unread", single([random_layer("unread", 300_000)], note="unread"))
    client = weir.distribution()
    client.pull("cached/app", "unread")
    wait_until(lambda: len(weir.stored_files()) == 2, 10, "the layer and the configuration to be stored")
    before = weir.stored_files()
    with machine.fails("open", errno.EIO, path=image.layers[0].digest.removeprefix("sha256:")):
        assert client.blob_digest("cached/app", image.layers[0].digest) == image.layers[0].digest
    assert weir.stored_files() == before
    client.pull("cached/app", "unread")


@pytest.mark.parametrize(("call", "error"), [("open", errno.EIO), ("rename", errno.EXDEV), ("write", errno.EIO)])
def test_a_store_that_takes_nothing_does_not_cut_a_cached_pull(
    make_weir: Callable[..., Weir], machine: Machine, rude: RudeRegistry, call: str, error: int,
) -> None:
    """Upstream has the layer: it is passed through unstored, and verified all the same."""
    weir = make_weir(environment=machine.environment, options=QUIET)
    weir.rule("cached", "registry.k8s.io")
    image = rude.hold("app", f"untaken-{call}", single([random_layer(f"untaken-{call}", 3 * MIB)], note=call))
    client = weir.distribution()
    with machine.fails(call, error, path="/blobs/" if call == "rename" else "/staging/") as fault:
        client.pull("cached/app", f"untaken-{call}")
        assert fault.happened > 0
    assert metric(weir, "weir_unstored_blobs_total") > 0
    client.pull("cached/app", f"untaken-{call}")
    wait_until(lambda: len(weir.stored_files()) == 2, 10, "it to be stored when the store is well again")


def test_what_a_push_has_mended_is_counted_no_more(server: Weir) -> None:
    image = pushed(server)
    layer = image.layers[0]
    path = file_of(server, layer.digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    client = server.distribution()
    with pytest.raises((requests.RequestException, AssertionError, Truncated)):
        client.pull(NAME, "1")
    damaged = 'weir_stored_faults{state="damaged"}'
    wait_until(lambda: metric(server, damaged) == 1, 20, "the damage to be counted")
    # It is reported right from the start, too.
    server.restart()
    wait_until(lambda: metric(server, damaged) == 1, 20, "the damage to be told after a restart")
    server.distribution().push_blob(NAME, layer.content, layer.digest)
    wait_until(lambda: metric(server, damaged) == 0, 20, "the mended blob to be counted no more")


# Repairs and collections that see more than they should


def test_a_volume_that_is_not_there_is_not_taken_for_empty(server: Weir) -> None:
    layers = [random_layer(f"volume-{number}", 1_000) for number in range(25)]
    image = single(layers, note="volume")
    server.repository(NAME)
    client = server.distribution()
    client.push(NAME, "1", image)
    kept = server.stored_files()
    with missing(server.data / "blobs"):
        assert client.blob(NAME, layers[0].digest).status_code == 500
        for words in (("verify", "--repair", "--give-up-pushed"), ("gc", "--grace", "0")):
            told = command(server, *words, code=1)
            assert told["status"] == "FAILED" and "is its volume mounted?" in told["problem"], told
    collect(server, "--grace", "0")
    assert server.stored_files() == kept
    client.pull(NAME, "1")
    assert verify(server, code=0)["faults"] == []


def test_files_that_the_database_does_not_know_come_back(server: Weir) -> None:
    layer = pushed(server).layers[0].digest
    server.stop()
    rows(server, "DELETE FROM blob", "DELETE FROM repository_blob")
    server.start()
    # A file without a row is left alone while it is young; a grace of zero puts it into quarantine.
    assert collect(server)["orphans"]["items"] == 0
    assert collect(server, "--grace", "0")["orphans"]["items"] == 2
    assert collect(server, "--grace", "0")["emptied"]["items"] == 0
    assert len(quarantined(server)) == 2 and server.stored_files() == []
    listed = lost(server, code=0)
    assert {entry["why"] for entry in listed["lost"]} == {"orphan"} and listed["total"]["items"] == 2
    assert metric(server, "weir_quarantine_blobs") == 2
    restored = lost(server, "--restore", "all", code=0)["lost"]
    assert restored["done"]["items"] == 2 and restored["failureCount"] == 0
    assert quarantined(server) == [] and metric(server, "weir_quarantine_blobs") == 0
    client = server.distribution()
    client.pull(NAME, "1")
    assert head(client, layer) == 200
    assert verify(server, code=0)["faults"] == []


def test_a_file_that_a_row_wants_finds_back_by_itself(server: Weir) -> None:
    layer = pushed(server).layers[0].digest
    server.stop()
    path = file_of(server, layer)
    # As left by a database that did not know the file, before this one was restored.
    aside = server.data / "lost" / path.relative_to(server.data / "blobs").with_name(f"{path.name}.00000000000000aa")
    aside.parent.mkdir(parents=True)
    path.rename(aside)
    server.start()
    client = server.distribution()
    assert client.blob(NAME, layer).status_code == 500
    collect(server)
    client.pull(NAME, "1")
    assert quarantined(server) == []


def test_many_files_without_a_row_need_a_word(server: Weir) -> None:
    pushed(server)
    folder = server.stored_files()[0].parent
    for number in range(120):
        (folder / f"{folder.name}{number:062x}").write_bytes(b"x" * 100)
    everything = server.stored_files()
    told = collect(server, "--grace", "0", code=1)
    assert told["orphans"]["items"] == 0 and "weir gc --force" in told["stopped"]
    assert server.stored_files() == everything
    assert metric(server, "weir_collection_stopped") == 1
    assert collect(server, "--grace", "0", "--force", code=0)["orphans"]["items"] == 120
    assert len(quarantined(server)) == 120
    assert lost(server, "--delete", "all", code=0)["lost"]["done"]["items"] == 120
    assert quarantined(server) == []
    server.distribution().pull(NAME, "1")


def test_what_was_deleted_by_mistake_comes_back(server: Weir) -> None:
    image = pushed(server)
    layer = image.layers[0].digest
    server.stop()
    rows(server, "UPDATE repository_blob SET promised_at = 0")
    server.start()
    client = server.distribution()
    client.request("DELETE", f"/v2/{NAME}/manifests/{image.digest}").raise_for_status()
    done = collect(server, code=0)
    assert done["blobs"]["items"] == 2 and done["freedBytes"] == 0
    assert head(client, layer) == 404
    entry = next(entry for entry in lost(server)["lost"] if entry["digest"] == layer)
    assert entry["why"] == "unreferenced" and entry["size"] == len(image.layers[0].content)
    assert entry["until"] - entry["since"] == 86_400
    assert [name.rpartition("/mine")[2] for name in entry["repositories"]] == ["/app"]
    # One by its digest; the whole push is then only its manifest.
    assert lost(server, "--restore", *[blob.digest for blob in image.blobs], code=0)["lost"]["done"]["items"] == 2
    assert head(client, layer) == 200
    client.push_manifest(NAME, "1", image.top)
    client.pull(NAME, "1")
    assert lost(server, "--restore", layer, code=1)["lost"]["failureCount"] == 1
    # An operator's command deletes unreferenced blobs from it at once.
    client.request("DELETE", f"/v2/{NAME}/manifests/{image.digest}").raise_for_status()
    done = collect(server, "--grace", "0", code=0)
    assert done["emptied"]["items"] == 2 and done["freedBytes"] > 300_000
    assert server.stored_files() == [] and quarantined(server) == []


def test_damaged_pushed_content_is_given_up_by_a_word_of_its_own(server: Weir) -> None:
    image = pushed(server)
    layer, client = image.layers[0], server.distribution()
    path = file_of(server, layer.digest)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    found = verify(server, "--repair", code=1)
    assert found["repaired"] == 0 and path.exists()
    assert metric(server, 'weir_stored_faults{state="damaged"}') == 1
    verify(server, "--repair", "--give-up-pushed", code=1)
    assert not path.exists() and len(quarantined(server)) == 1
    assert lost(server, "--restore", "all", code=1)["lost"]["failureCount"] == 1, "what is damaged does not come back"
    client.push(NAME, "1", image)
    client.pull(NAME, "1")


def test_what_a_disabled_key_seals_is_no_fault(server: Weir) -> None:
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    server.repository(NAME, encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    image = single([random_layer("sealed-away", 10_000)], note="sealed-away")
    client = server.distribution()
    client.push(NAME, "1", image)
    kms.disable_key(KeyId=key)
    logged = len(server.output)
    found = verify(server, "--repair", "--give-up-pushed", code=0)
    assert found["faults"] == [] and found["sealedAway"]["items"] == 2 and found["sealedAwayManifests"] == 1
    assert "error" not in server.output[logged:].lower()
    kms.enable_key(KeyId=key)
    client.pull(NAME, "1")


def test_a_young_orphan_waits_even_where_no_grace_is_ordered(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--gc-interval", "0", "--gc-grace", "1"])
    pushed(weir)
    folder = weir.stored_files()[0].parent
    stray = folder / f"{folder.name}{1:062x}"
    stray.write_bytes(b"x" * 100)
    os.utime(stray, (0, 0))
    assert collect(weir)["orphans"]["items"] == 0, "it was made a moment ago, whatever its mtime says"
    time.sleep(1.2)
    assert collect(weir)["orphans"]["items"] == 1 and len(quarantined(weir)) == 1
    time.sleep(1.2)
    assert collect(weir)["emptied"]["items"] == 1 and quarantined(weir) == []
    weir.distribution().pull(NAME, "1")
