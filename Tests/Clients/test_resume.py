"""Breaks on the way from upstream, which no client notices; and readers that come and go while content arrives."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator

import pytest
import requests

from harness.certificates import Authority
from harness.distribution import Truncated
from harness.expect import download_fails
from harness.faults import Fault
from harness.images import MIB, Blob, Image, random_layer, single
from harness.processes import wait_until
from harness.scene import Scene
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import S3, Vendor
from harness.weir import Weir

#: One redirects to another host for blobs, the other serves them itself; both want a token.
LINKED = Vendor("linked", "quay.io", service="linked", blobs="cdn", redirect_status=302, signed_by=S3)
DIRECT = Vendor("direct", "public.ecr.aws", service="direct")
SIZE = 6 * MIB


@pytest.fixture(scope="module")
def standins(authority: Authority) -> Iterator[dict[str, StandIn]]:
    certificate = authority.server("127.0.0.1", ELSEWHERE)
    made = {vendor.name: StandIn(vendor, certificate) for vendor in (LINKED, DIRECT)}
    yield made
    for standin in made.values():
        standin.stop()


@pytest.fixture(scope="module")
def upstream_settings(standins: dict[str, StandIn], authority: Authority) -> dict[str, object]:
    return {
        "upstreams": {one.vendor.host: one.url for one in standins.values()}, "upstream_ca": authority.ca,
        "options": ["--allow-private-upstream", ELSEWHERE],
    }


@pytest.fixture(params=["linked", "direct"])
def scene(request: pytest.FixtureRequest, weir: Weir, standins: dict[str, StandIn], prefix: str) -> Iterator[Scene]:
    scene = Scene(weir, standins[request.param], prefix).rule().well()
    yield scene
    scene.end()


@pytest.fixture
def linked(weir: Weir, standins: dict[str, StandIn], prefix: str) -> Iterator[Scene]:
    scene = Scene(weir, standins["linked"], prefix).rule().well()
    yield scene
    scene.end()


@pytest.fixture
def direct(weir: Weir, standins: dict[str, StandIn], prefix: str) -> Iterator[Scene]:
    scene = Scene(weir, standins["direct"], prefix).rule().well()
    yield scene
    scene.end()


def big(scene: Scene, size: int = SIZE) -> tuple[Image, Blob]:
    image = scene.standin.hold("1", single([random_layer(scene.prefix, size)], note=scene.prefix))
    return image, image.layers[0]


def where(scene: Scene) -> str:
    """The kind of request that fetches a blob's bytes."""
    return "blobs" if scene.vendor.blobs == "here" else "cdn"


def all_read(scene: Scene, layer: Blob, clients: int = 3) -> None:
    """Several clients download the layer at once, and each gets it whole."""
    assert scene.client().manifest(scene.repository, "1").status_code == 200
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        read = pool.map(lambda _: scene.client().blob_digest(scene.repository, layer.digest), range(clients))
        assert list(read) == [layer.digest] * clients


def resumed(scene: Scene, layer: Blob) -> list[int]:
    """The offsets of the requests for parts of the layer."""
    ranges = [one.headers["range"] for one in scene.asked()
              if one.kind == where(scene) and one.path.endswith(layer.digest) and "range" in one.headers]
    return [int(one.removeprefix("bytes=").partition("-")[0]) for one in ranges]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_break_upstream_is_noticed_by_nobody(scene: Scene, share: float) -> None:
    """Break the upstream connection at 0, 1, 50 and 99%: clients do not notice, and the upstream log shows resumed ranges."""
    _, layer = big(scene)
    fault = scene.fail(Fault(where(scene), times=1, smallest=MIB, methods=("GET",), reset_at=share, rate=40 * MIB))
    all_read(scene, layer)
    assert fault.happened == 1
    size = len(layer.content)
    assert scene.standin.sent[layer.digest] < size * 1.1, "begun again from the start"
    if share >= 0.5:
        assert any(start > 0 for start in resumed(scene, layer)), resumed(scene, layer)


def test_many_breaks_of_one_transfer(scene: Scene) -> None:
    """Each resumed part breaks again: the transfer goes on as long as there is progress."""
    _, layer = big(scene)
    fault = scene.fail(Fault(where(scene), times=3, smallest=MIB, methods=("GET",), reset_at=0.4))
    all_read(scene, layer)
    assert fault.happened >= 2


def test_an_upstream_without_ranges(scene: Scene) -> None:
    """Range ignored (200): the whole comes again, and bytes that were given out are not given twice."""
    _, layer = big(scene, 2 * MIB)
    broken = Fault(where(scene), times=1, smallest=MIB, methods=("GET",), of_ranges=False, reset_at=0.5)
    scene.fail(broken, Fault(where(scene), methods=("GET",), ignores_range=True))
    all_read(scene, layer)


def test_a_link_that_expires_on_the_way(linked: Scene) -> None:
    """The redirect expires in the middle: the same, by a new redirect after a 403 from the CDN."""
    _, layer = big(linked)
    fault = linked.fail(Fault("cdn", times=1, smallest=MIB, methods=("GET",), reset_at=0.5, rate=40 * MIB))
    fault.then = linked.standin.expire_links
    all_read(linked, layer)
    assert fault.happened == 1
    links = [one.query["X-Amz-Signature"] for one in linked.asked() if one.kind == "cdn" and one.path.endswith(layer.digest)]
    assert len({one[0] for one in links}) >= 2, "no other link was asked for"
    assert linked.standin.sent[layer.digest] < len(layer.content) * 1.1
    assert all(one.login == "" for one in linked.asked() if one.server == "cdn")


def test_a_token_that_expires_on_the_way(direct: Scene) -> None:
    """401 after the token's expiry in mid-blob: the token is renewed once, and the transfer goes on."""
    _, layer = big(direct)
    fault = direct.fail(Fault("blobs", times=1, smallest=MIB, methods=("GET",), reset_at=0.5, rate=40 * MIB))
    fault.then = direct.standin.revoke_tokens
    all_read(direct, layer)
    assert sum(one.kind == "token" for one in direct.asked()) == 2
    assert direct.standin.sent[layer.digest] < len(layer.content) * 1.1


def test_content_that_changed_meanwhile(linked: Scene) -> None:
    """Resume by Range with If-Range: other bytes may come than before, and wrong ones are neither stored nor completed (I1)."""
    image, layer = big(linked)
    broken = Fault("cdn", times=1, smallest=MIB, methods=("GET",), reset_at=0.5)
    linked.fail(broken, Fault("cdn", methods=("GET",), corrupt=True, changed={"ETag": '"another"'}))
    linked.client().manifest(linked.repository, "1")
    download_fails(linked.client(), linked.repository, layer.digest)
    linked.standin.mend()
    wait_until(lambda: _whole(linked, layer), 60, "the layer, once upstream is honest again")
    wait_until(lambda: not linked.weir.staged_files(), 60, "temp space returns to zero (I7)")
    assert linked.client().pull(linked.repository, "1")[0] == image.digest


def _whole(scene: Scene, layer: Blob) -> bool:
    try:
        return scene.client().blob_digest(scene.repository, layer.digest) == layer.digest
    except (Truncated, requests.RequestException):
        return False


def test_the_first_client_dies_at_a_third(scene: Scene) -> None:
    """Kill the first client at 30%: the others finish and the blob is stored."""
    image, layer = big(scene)
    scene.fail(Fault(where(scene), rate=4 * MIB))
    client = scene.client()
    client.manifest(scene.repository, "1")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        with client.blob(scene.repository, layer.digest, stream=True) as first:
            pieces, received = first.iter_content(64 * 1024), 0
            while received < 0.3 * len(layer.content):
                received += len(next(pieces))
            others = [pool.submit(scene.client().blob_digest, scene.repository, layer.digest) for _ in range(3)]
        client.session.close()
        assert [one.result() for one in others] == [layer.digest] * 3
    assert scene.standin.sent[layer.digest] <= len(layer.content)
    scene.fail(Fault("blobs", status=503), Fault("cdn", status=503))
    assert scene.client().pull(scene.repository, "1")[0] == image.digest


def test_a_slow_reader_keeps_nobody(scene: Scene) -> None:
    """A slow reader beside fast ones neither blocks others nor keeps content in memory."""
    _, layer = big(scene, 24 * MIB)
    client = scene.client()
    client.manifest(scene.repository, "1")
    before = scene.weir.peak_memory
    with client.blob(scene.repository, layer.digest, stream=True) as slow:
        next(slow.iter_content(1000))
        all_read(scene, layer)
        assert scene.weir.peak_memory - before < 64 * MIB
        wait_until(lambda: not scene.weir.staged_files(), 60, "stored, though one has not read it")


def test_a_head_and_ranges_while_it_comes(scene: Scene) -> None:
    """Range and multi-range on a filling blob, and HEAD during a fill: ranges wait only for their own bytes."""
    _, layer = big(scene)
    scene.fail(Fault(where(scene), rate=2 * MIB))
    client = scene.client()
    client.manifest(scene.repository, "1")
    path = f"/v2/{scene.repository}/blobs/{layer.digest}"
    head = client.request("HEAD", path)
    assert head.status_code == 200 and int(head.headers["Content-Length"]) == len(layer.content)
    early = client.blob(scene.repository, layer.digest, headers={"Range": "bytes=100-199"})
    assert (early.status_code, early.content) == (206, layer.content[100:200])
    assert scene.standin.sent.get(layer.digest, 0) < len(layer.content), "the range has waited for the end"
    both = client.blob(scene.repository, layer.digest, headers={"Range": "bytes=0-9,100-109"})
    # RFC 9110, 14.2: a server may ignore a Range, or answer with the parts.
    assert both.status_code in (200, 206)
    if both.status_code == 200:
        assert both.content == layer.content


def test_many_readers_of_a_filling_blob(scene: Scene) -> None:
    """500 readers (here 100: each is a thread of this test): one transfer serves all (I5)."""
    _, layer = big(scene, MIB)
    scene.fail(Fault(where(scene), rate=2 * MIB))
    all_read(scene, layer, clients=100)
    assert scene.standin.sent[layer.digest] == len(layer.content)


def test_a_client_that_leaves_at_any_point(scene: Scene) -> None:
    """Clients hang up at any point: the fill goes on, and temp space returns to zero (I7)."""
    image, layer = big(scene, MIB)
    scene.fail(Fault(where(scene), rate=4 * MIB))
    for step in range(6):
        client = scene.client()
        client.manifest(scene.repository, "1")
        with client.blob(scene.repository, layer.digest, stream=True) as answer:
            for _, _ in zip(range(step), answer.iter_content(1 + 5000 * step)):
                pass
        client.session.close()
    wait_until(lambda: not scene.weir.staged_files(), 60, "empty staging")
    assert scene.client().pull(scene.repository, "1")[0] == image.digest
    assert scene.standin.sent[layer.digest] == len(layer.content)
