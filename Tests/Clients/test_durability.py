"""kill -9 at random moments: acknowledged content is there, and other content has left nothing behind."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import requests

from harness.distribution import Distribution, Truncated
from harness.images import MIB, Image, random_layer, single
from harness.rude import HONEST, Manners, RudeRegistry
from harness.weir import Weir

ROUNDS = 20
#: The server's own threads write while it is killed: two push, and two pull from upstream.
WORKERS = 2


class Traffic:
    """Pushes and pulls until it is cut off. Remembers what was acknowledged."""

    def __init__(self, weir: Weir, rude: RudeRegistry, round_: int):
        self.weir = weir
        self.rude = rude
        self.round = round_
        self.acknowledged: list[tuple[str, str, Image]] = []
        self.wrong: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._until_the_end, args=(work, worker), daemon=True)
            for work in (self._push, self._pull) for worker in range(WORKERS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs on a server that is dead"

    def _until_the_end(self, work: Callable[[Distribution, str], None], worker: int) -> None:
        client, number = self.weir.distribution(), 0
        while True:
            try:
                work(client, f"{self.round}-{worker}-{number}")
            except (requests.RequestException, Truncated):
                return  # The server is gone.
            except BaseException as problem:  # noqa: BLE001 - told by the main thread
                self.wrong.append(problem)
                return
            number += 1

    def _push(self, client: Distribution, tag: str) -> None:
        image = small_image(f"push-{tag}")
        client.push("pushed/app", tag, image)
        self.acknowledged.append(("pushed/app", tag, image))

    def _pull(self, client: Distribution, tag: str) -> None:
        image = self.rude.hold("app", tag, small_image(f"pull-{tag}"))
        client.pull("cached/app", tag)
        self.acknowledged.append(("cached/app", tag, image))


def small_image(seed: str) -> Image:
    sizes = random.Random(seed)
    return single([random_layer(f"{seed}-{number}", sizes.randrange(1000, MIB)) for number in range(3)], note=seed)


def test_kill_minus_9_twenty_times(make_weir: Callable[..., Weir], rude: RudeRegistry) -> None:
    weir = make_weir()
    weir.rule("cached", "registry.k8s.io")
    weir.repository("pushed/app")
    moments = random.Random(20)
    acknowledged: list[tuple[str, str, Image]] = []
    for round_ in range(ROUNDS):
        # So slow that most moments are in the middle of a transfer.
        rude.manners = Manners(rate=8 * MIB)
        traffic = Traffic(weir, rude, round_)
        traffic.start()
        time.sleep(moments.uniform(0.05, 1.2))
        weir.kill()
        traffic.join()
        assert not traffic.wrong, traffic.wrong
        weir.start()
        assert weir.staged_files() == []
        rude.manners = Manners(manifest_status=503, blob_status=503)
        assert_whole(weir, traffic.acknowledged)
        acknowledged += traffic.acknowledged
    # The test means something only if enough was written.
    assert {name for name, _, _ in acknowledged} == {"pushed/app", "cached/app"}
    assert len(acknowledged) >= ROUNDS
    assert_whole(weir, acknowledged)
    rude.manners = HONEST
    weir.distribution().pull("cached/app", acknowledged_tag(acknowledged, "cached/app"))


def assert_whole(weir: Weir, acknowledged: list[tuple[str, str, Image]]) -> None:
    """Each image can be pulled, from stored content alone."""
    client = weir.distribution()
    for repository, tag, image in acknowledged:
        assert set(client.pull(repository, tag)) == {one.digest for one in (image.top, *image.blobs)}


def acknowledged_tag(acknowledged: list[tuple[str, str, Image]], repository: str) -> str:
    return next(tag for name, tag, _ in acknowledged if name == repository)


def test_settings_survive_too(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    key = weir.client("kms").create_key()["KeyMetadata"]["Arn"]
    weir.client("kms").disable_key(KeyId=key)
    arn = weir.secret("kept", "robot", "value")
    weir.rule("cached", "registry-1.docker.io", credentialArn=arn)
    weir.repository("kept/app", tags=[{"Key": "a", "Value": "b"}])
    password = weir.password()
    weir.kill()
    weir.start()
    assert weir.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    (rule,) = weir.client("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"]
    assert rule["credentialArn"] == arn
    assert weir.client("ecr").list_tags_for_resource(resourceArn=weir.arn("kept/app"))["tags"] == [
        {"Key": "a", "Value": "b"}]
    assert weir.distribution(password=password).tags("kept/app") in ([], None)
