"""A wall clock that jumps destroys nothing: not while the server runs, not while it is off, not ahead and not back."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.distribution import Distribution
from harness.images import Image, random_layer, single
from harness.machine import Machine
from harness.processes import clean_environment, run, wait_until
from harness.registries import DockerRegistry
from harness.weir import PROGRAM, Weir


def command(weir: Weir, machine: Machine, *words: str) -> Any:
    """A command on the server's own machine, with its clock."""
    told = run([PROGRAM, *words, "--endpoint", weir.url, "--data", weir.data, "--region", weir.region, "--output", "json"],
               clean_environment(weir.folder / "home", **machine.environment), check=False)
    return json.loads(told.stdout) if told.stdout.strip() else {"problem": told.stderr}


def pushed(weir: Weir, name: str) -> Image:
    image = single([random_layer(name, 100_000)], note=name)
    weir.repository(name)
    weir.distribution().push(name, "1", image)
    return image


def jumped(weir: Weir) -> bool:
    return "weir_clock_jumped 1" in requests.get(f"{weir.url}/metrics", timeout=10).text.splitlines()


class Treasure:
    """What a wrong clock could end: a key and a secret that wait for deletion, an image under a policy, and an open upload."""

    def __init__(self, weir: Weir):
        self.weir = weir
        kms, secrets = weir.client("kms"), weir.client("secretsmanager")
        self.key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=self.key, PendingWindowInDays=7)
        secrets.create_secret(Name="doomed", SecretString="x" * 40)
        secrets.delete_secret(SecretId="doomed", RecoveryWindowInDays=7)
        self.image = pushed(weir, "kept/app")
        weir.client("ecr").put_lifecycle_policy(repositoryName="kept/app", lifecyclePolicyText=json.dumps({"rules": [{
            "rulePriority": 1, "action": {"type": "expire"},
            "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}}]}))
        self.layer = random_layer("on its way", 100_000)
        weir.distribution().push_blob("kept/app", self.layer.content, self.layer.digest)

    def is_whole(self) -> None:
        kms, secrets = self.weir.client("kms"), self.weir.client("secretsmanager")
        assert kms.describe_key(KeyId=self.key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
        with pytest.raises(ClientError, match="KMSInvalidState"):
            kms.encrypt(KeyId=self.key, Plaintext=b"x")
        assert "DeletedDate" in secrets.describe_secret(SecretId="doomed")
        client = self.weir.distribution()
        assert client.manifest("kept/app", "1").status_code == 200
        for layer in (*self.image.layers, self.layer):
            assert client.blob_digest("kept/app", layer.digest) == layer.digest
        kms.cancel_key_deletion(KeyId=self.key)
        secrets.restore_secret(SecretId="doomed")
        assert secrets.get_secret_value(SecretId="doomed")["SecretString"] == "x" * 40


IMPATIENT = ["--gc-interval", "1", "--lifecycle-interval", "5", "--log-level", "info"]


def test_twelve_seconds_of_a_wrong_clock(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment, options=IMPATIENT)
    treasure = Treasure(weir)
    machine.clock(days=40)
    time.sleep(1)
    # Commands, operations and a start look at dates, too.
    assert command(weir, machine, "gc", "--grace", "0").get("status") != "DONE"
    command(weir, machine, "lifecycle")
    time.sleep(11)
    assert weir.is_ready()
    weir.restart()
    time.sleep(1)
    assert jumped(weir) and "weir clock accept" in weir.output
    weir.restart()
    machine.clock()
    wait_until(lambda: not jumped(weir), 30, "the clock to be believed again")
    treasure.is_whole()


@pytest.mark.parametrize("days", [40, -40], ids=["ahead", "behind"])
def test_a_clock_that_jumps_while_the_server_is_off(make_weir: Callable[..., Weir], machine: Machine, days: int) -> None:
    weir = make_weir(environment=machine.environment, options=IMPATIENT)
    treasure = Treasure(weir)
    weir.stop()
    machine.clock(days=days)
    weir.start()
    state = command(weir, machine, "clock")
    assert state["state"] == ("AHEAD" if days > 0 else "BEHIND") and state["believedInSeconds"] > 80_000, state
    told = run([PROGRAM, "gc", "--endpoint", weir.url, "--data", weir.data], clean_environment(
        weir.folder / "home", **machine.environment), check=False)
    assert told.returncode == 1 and "weir clock accept" in told.stdout + told.stderr, told
    assert command(weir, machine, "gc", "--dry-run")["status"] == "DONE"
    machine.clock()
    weir.restart()
    assert command(weir, machine, "clock")["state"] == "STEADY"
    treasure.is_whole()


def test_an_operators_word_is_enough(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment)
    treasure = Treasure(weir)
    machine.clock(days=40)
    assert command(weir, machine, "clock")["state"] == "AHEAD"
    assert command(weir, machine, "clock", "accept")["state"] == "STEADY"
    assert command(weir, machine, "gc")["status"] == "DONE"
    [run] = command(weir, machine, "lifecycle", "kept/app")["runs"]
    assert [action["imageDigest"] for action in run["actions"]] == [treasure.image.digest]
    weir.restart()
    assert command(weir, machine, "clock")["state"] == "STEADY" and not jumped(weir)
    # A day too early for today's schedule would be a fault, too.
    machine.clock(days=40, seconds=600)
    assert command(weir, machine, "clock")["state"] == "STEADY"


def test_a_layer_pushed_by_a_clock_that_was_behind_is_not_old(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment)
    image = pushed(weir, "app")
    client = weir.distribution()
    layer = random_layer("by a dead battery", 100_000)
    machine.clock(days=-40)
    time.sleep(6)
    client.push_blob("app", layer.content, layer.digest)
    client.push("app", "2", single([random_layer("two", 10_000)], note="2"))
    machine.clock()
    time.sleep(6)
    assert command(weir, machine, "gc")["status"] == "DONE"
    assert client.blob_digest("app", layer.digest) == layer.digest
    weir.client("ecr").put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=json.dumps({"rules": [{
        "rulePriority": 1, "action": {"type": "expire"},
        "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}}]}))
    assert command(weir, machine, "lifecycle", "app")["runs"][0]["actions"] == []
    assert client.manifest("app", "2").status_code == 200
    assert client.manifest("app", "1").headers["Docker-Content-Digest"] == image.digest


def test_a_tag_asked_for_by_a_clock_that_was_ahead_is_asked_for_again(
    make_weir: Callable[..., Weir], machine: Machine, upstream: DockerRegistry,
) -> None:
    source = Distribution(upstream.url)
    source.push("moving/tag", "1", single([random_layer("first", 10_000)], note="first"))
    weir = make_weir(environment=machine.environment, options=["--freshness", "1"])
    weir.rule("ecr-public", "public.ecr.aws")
    client = weir.distribution()
    machine.clock(seconds=3 * 3600)
    client.manifest("ecr-public/moving/tag", "1")
    # Nor does a name that was unknown stay unknown until then.
    assert client.manifest("ecr-public/moving/tag", "2").status_code == 404
    new = single([random_layer("second", 10_000)], note="second")
    for tag in ("1", "2"):
        source.push("moving/tag", tag, new)
    machine.clock()
    time.sleep(1.5)
    for tag in ("1", "2"):
        assert client.manifest("ecr-public/moving/tag", tag).headers["Docker-Content-Digest"] == new.digest


# What is destroyed stands in no file

def sealed(weir: Weir, query: str) -> list[bytes]:
    with sqlite3.connect(f"file:{weir.data / 'weir.db'}?mode=ro", uri=True) as rows:
        found = [row[0] for row in rows.execute(query)]
    rows.close()
    return found


def stands_in_a_file(weir: Weir, value: bytes) -> list[str]:
    return [file.name for file in weir.data.glob("weir.db*") if value in file.read_bytes()]


def test_a_destroyed_key_stands_in_no_file(make_weir: Callable[..., Weir], machine: Machine) -> None:
    weir = make_weir(environment=machine.environment)
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    [wrapped] = sealed(weir, f"SELECT sealed FROM kms_material WHERE key = '{key}'")
    assert stands_in_a_file(weir, wrapped)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    machine.clock(days=8)
    command(weir, machine, "clock", "accept")
    weir.restart()
    assert not sealed(weir, f"SELECT sealed FROM kms_material WHERE key = '{key}'")
    assert stands_in_a_file(weir, wrapped) == []


def test_a_deleted_secret_stands_in_no_file(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    secrets = weir.client("secretsmanager")
    secrets.create_secret(Name="short-lived", SecretString="s" * 60)
    [value] = sealed(weir, "SELECT sealed FROM secret_version")
    assert stands_in_a_file(weir, value)
    secrets.delete_secret(SecretId="short-lived", ForceDeleteWithoutRecovery=True)
    wait_until(lambda: stands_in_a_file(weir, value) == [], 10, "the secret to be gone from every file")


def test_a_graceful_stop_leaves_one_whole_database(make_weir: Callable[..., Weir]) -> None:
    """Then a copy of weir.db alone is a backup."""
    weir = make_weir()
    image = pushed(weir, "app")
    weir.distribution().manifest("app", "1")
    assert weir.stop() == 0
    log = weir.data / "weir.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    for name in ("weir.db-wal", "weir.db-shm"):
        (weir.data / name).unlink(missing_ok=True)
    weir.start()
    client = weir.distribution()
    assert client.manifest("app", "1").headers["Docker-Content-Digest"] == image.digest
    for layer in image.layers:
        assert client.blob_digest("app", layer.digest) == layer.digest
