"""A rule's options: the caps on its upstream requests, the freshness of its tags, and how much of an image it fetches."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Iterator

import pytest

from harness.certificates import Authority
from harness.faults import Fault
from harness.images import MIB, Image, image, index, random_layer, single
from harness.processes import wait_until
from harness.scene import Scene
from harness.signing import operate
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import S3, Vendor
from harness.weir import Weir

PLAIN = Vendor(
    "budget", "quay.io", service="budget", blobs="cdn", signed_by=S3, quota={"ratelimit-limit": "100;w=21600"})


@pytest.fixture(scope="module")
def standin(authority: Authority) -> Iterator[StandIn]:
    made = StandIn(PLAIN, authority.server("127.0.0.1", ELSEWHERE))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def upstream_settings(standin: StandIn, authority: Authority) -> dict[str, object]:
    return {"upstreams": {standin.vendor.host: standin.url}, "upstream_ca": authority.ca,
            "options": ["--allow-private-upstream", ELSEWHERE, "--freshness", "0"]}


@pytest.fixture
def scene(weir: Weir, standin: StandIn, prefix: str) -> Iterator[Scene]:
    scene = Scene(weir, standin, prefix).rule().well()
    yield scene
    scene.end()


def platforms(scene: Scene, tag: str) -> tuple[Image, dict[str, Image]]:
    """An index, and the image of each platform in it."""
    made = {name: image([random_layer(f"{scene.prefix}-{tag}-{name}", 5000)], name, f"{scene.prefix}-{tag}") for name in
            ("amd64", "arm64", "s390x")}
    top = index({name: manifest for name, (manifest, _) in made.items()})
    whole = Image(top, tuple(blob for _, blobs in made.values() for blob in blobs), tuple(manifest for manifest, _ in made.values()))
    scene.standin.hold(tag, whole)
    return whole, {name: Image(manifest, tuple(blobs)) for name, (manifest, blobs) in made.items()}


def fetched(scene: Scene, part: Image) -> set[bool]:
    """The parts of an image whose bytes the stand-in has sent."""
    paths = [one.path for one in scene.asked() if one.method == "GET"]
    return {any(path.endswith(blob.digest) for path in paths) for blob in (part.top, *part.blobs)}


def stored(scene: Scene, part: Image) -> bool:
    """Whether an image's blobs have all been stored."""
    return {blob.digest.partition(":")[2] for blob in part.blobs} <= {file.name for file in scene.weir.stored_files()}


def test_what_is_asked_for_is_fetched(scene: Scene) -> None:
    """Manifest lists: fetch what is asked for (`requested`); the index's bytes never change."""
    whole, parts = platforms(scene, "1")
    client = scene.client()
    assert client.manifest(scene.repository, "1").content == whole.top.content
    assert client.pull(scene.repository, parts["arm64"].digest)[0] == parts["arm64"].digest
    assert fetched(scene, parts["arm64"]) == {True}
    assert fetched(scene, parts["amd64"]) == fetched(scene, parts["s390x"]) == {False}


def test_everything_is_fetched(scene: Scene) -> None:
    """…or everything (`all`, ECR's way)."""
    whole, parts = platforms(scene, "1")
    scene.set(fetch="all")
    assert scene.client().manifest(scene.repository, "1").content == whole.top.content
    for part in parts.values():
        wait_until(lambda: fetched(scene, part) == {True}, 60, "all platforms")
    wait_until(lambda: all(stored(scene, part) for part in parts.values()), 60, "stored")
    scene.fail(*[Fault(kind, status=503) for kind in ("ping", "token", "manifests", "blobs", "cdn")])
    assert len(scene.client().pull(scene.repository, "1")) == 10


def test_these_platforms_are_fetched(scene: Scene) -> None:
    """…or a list of platforms, per rule."""
    whole, parts = platforms(scene, "1")
    scene.set(fetch="platforms", platforms=["linux/arm64"])
    assert scene.client().manifest(scene.repository, "1").content == whole.top.content
    wait_until(lambda: fetched(scene, parts["arm64"]) == {True}, 60, "the platform")
    wait_until(lambda: stored(scene, parts["arm64"]), 60, "stored")
    assert fetched(scene, parts["amd64"]) == fetched(scene, parts["s390x"]) == {False}
    # The other platforms are served to clients that ask for them.
    assert scene.client().pull(scene.repository, parts["amd64"].digest)[0] == parts["amd64"].digest


def test_tags_that_never_move(scene: Scene) -> None:
    """Freshness per rule: a window, and tag patterns never revalidated."""
    scene.set(pinnedTags=["v*", "release-1"])
    scene.hold("v1")
    moving = scene.hold("latest")
    client = scene.client()
    for tag in ("v1", "latest"):
        client.pull(scene.repository, tag)
    mark = scene.standin.mark()
    client.pull(scene.repository, "v1")
    assert scene.standin.since(mark) == []
    assert client.pull(scene.repository, "latest")[0] == moving.digest
    assert [one.method for one in scene.standin.since(mark) if one.kind == "manifests"] == ["HEAD"]
    scene.set(freshnessSeconds=3600)
    mark = scene.standin.mark()
    client.pull(scene.repository, "latest")
    assert scene.standin.since(mark) == []


def test_refresh_now(scene: Scene) -> None:
    """A refresh asks now, however long the window is."""
    scene.set(freshnessSeconds=86_400)
    old = scene.hold("1")
    client = scene.client()
    assert client.pull(scene.repository, "1")[0] == old.digest
    new = scene.standin.hold("1", single([random_layer(scene.prefix + "new", 900)], note="new"))
    assert client.pull(scene.repository, "1")[0] == old.digest
    told = operate(scene.weir, "RefreshImage", image=f"{scene.repository}:1")
    assert (told["change"], told["before"], told["after"]) == ("updated", old.digest, new.digest)
    assert client.pull(scene.repository, "1")[0] == new.digest


def test_a_cap_on_the_line(scene: Scene) -> None:
    """Bandwidth caps per rule that cover what is stored as well as what is served."""
    held = scene.hold("1", 6 * MIB)
    scene.set(bytesPerSecond=2 * MIB)
    client = scene.client()
    began = time.monotonic()
    assert client.manifest(scene.repository, "1").status_code == 200
    # No client reads: storing is what is held back.
    wait_until(lambda: any(len(held.layers[0].content) <= file.stat().st_size for file in scene.weir.stored_files()), 60, "stored")
    # Three seconds at this rate, less what the bucket holds at first.
    assert time.monotonic() - began > 1.9
    assert client.pull(scene.repository, "1")[0] == held.digest


def test_a_cap_on_connections(scene: Scene) -> None:
    """Concurrency."""
    layers = [random_layer(f"{scene.prefix}-{number}", 300_000) for number in range(8)]
    held = scene.standin.hold("1", single(layers, note=scene.prefix))
    scene.set(connections=2)
    scene.fail(Fault("cdn", rate=2 * MIB))
    scene.standin.busiest = 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        client = scene.client()
        client.manifest(scene.repository, "1")
        digests = pool.map(lambda layer: scene.client().blob_digest(scene.repository, layer.digest), layers)
        assert list(digests) == [layer.digest for layer in layers]
    # Two, and one that is sent but whose thread has not noticed. Without the cap it would be eight.
    assert scene.standin.busiest <= 3, scene.standin.busiest
    assert held.digest


def test_a_cap_on_requests(scene: Scene) -> None:
    """Request rate."""
    for number in range(12):
        scene.hold(f"t{number}")
    scene.client().manifest(scene.repository, "t0", method="HEAD")
    wait_until(lambda: not scene.weir.staged_files(), 60, "quiet")
    scene.set(requestsPerSecond=5)
    began, mark = time.monotonic(), scene.standin.mark()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda number: scene.client().manifest(scene.repository, f"t{number}").status_code, range(12))
        assert set(answers) == {200}
    taken, asked = time.monotonic() - began, len([one for one in scene.standin.since(mark) if one.server == "registry"])
    assert asked <= 5 * (taken + 1) + 5, f"{asked} requests in {taken:.1f} s"


def test_one_token_for_all_who_wait(scene: Scene) -> None:
    """Tokens shared and asked for once."""
    tags = [f"t{number}" for number in range(16)]
    for tag in tags:
        scene.hold(tag)
    scene.fail(Fault("token", delay=0.3))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda tag: scene.client().manifest(scene.repository, tag).status_code, tags)) == {200}
    assert sum(one.kind == "token" for one in scene.asked()) == 1


def test_what_is_left_is_on_the_rules_status(scene: Scene) -> None:
    """The rest of the quota is a metric and on the rule's status; so are the last success, the last error with upstream's status, the breaker."""
    scene.hold("1")
    scene.standin.remaining = 77
    scene.client().pull(scene.repository, "1")
    scene.fail(Fault("manifests", status=403, code="DENIED"))
    assert scene.client().manifest(scene.repository, "no").status_code == 403
    scene.standin.mend()
    scene.standin.remaining = None
    status = operate(scene.weir, "DescribeRule", ecrRepositoryPrefix=scene.prefix)["rule"]
    text = str(status)
    assert "76" in text and "403" in text, status
    assert status["upstream"], status
    metrics = scene.client().request("GET", "/metrics").text
    assert any("weir_upstream_quota_remaining" in line and line.split()[-1] in ("76", "76.0") for line in metrics.splitlines())
