"""Hostile upstreams, and storages that speak only for themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from harness.hostile import HostileUpstream, answer, limited
from harness.images import INDEX, Image, random_layer, single
from harness.signing import operate
from harness.standin import ELSEWHERE
from harness.weir import Weir


@pytest.fixture
def registry() -> Iterator[HostileUpstream]:
    with HostileUpstream() as made:
        yield made


@pytest.fixture
def storage() -> Iterator[HostileUpstream]:
    with HostileUpstream(ELSEWHERE) as made:
        yield made


@pytest.fixture
def scene(
    make_weir: Callable[..., Weir], registry: HostileUpstream, storage: HostileUpstream,
) -> Callable[..., tuple[Weir, list[Image]]]:
    """A rule `up` for a registry whose blobs are at the storage, and so many images."""
    def make(count: int, **settings: object) -> tuple[Weir, list[Image]]:
        options = ["--allow-private-upstream", ELSEWHERE]
        weir = make_weir(upstreams={"registry.k8s.io": registry.url}, **{"options": options, **settings})
        weir.rule("up", "registry.k8s.io")
        images = []
        for number in range(count):
            image = single([random_layer(f"storage-{number}", 3_000)], note=f"{number}")
            images.append(image)
            registry.hold(f"app-{number}", "1", image)
            storage.hold(f"app-{number}", "1", image)
            for blob in image.blobs:
                location = f"{storage.url}/v2/app-{number}/blobs/{blob.digest}"
                registry.says(f"/blobs/{blob.digest}", answer(307, **{"Location": location}))
        return weir, images
    return make


# Who says it

@pytest.mark.parametrize("retry_after", ["999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", ""])
def test_a_storage_that_wants_peace_shuts_nothing_but_its_blob(
    scene: Callable[..., tuple[Weir, list[Image]]], storage: HostileUpstream, retry_after: str,
) -> None:
    weir, (one, *others) = scene(3)
    layer = one.layers[0].digest
    storage.says(f"/blobs/{layer}", limited(retry_after))
    client = weir.distribution()
    assert client.manifest("up/app-0", "1").status_code == 200
    refused = client.blob("up/app-0", layer)
    assert refused.status_code == 429 and ELSEWHERE in refused.text, refused.text
    assert int(refused.headers.get("Retry-After", "1")) <= 60
    asked = storage.count(layer)
    for number, image in enumerate(others, 1):
        assert client.pull(f"up/app-{number}", "1")[0] == image.digest
    assert client.blob_digest("up/app-0", one.blobs[0].digest) == one.blobs[0].digest
    # The blob is not asked for during the pause, and asked for again soon after.
    if retry_after:
        assert client.blob("up/app-0", layer).status_code == 429 and storage.count(layer) == asked


def test_what_a_referrers_host_says_shuts_nothing(
    scene: Callable[..., tuple[Weir, list[Image]]], registry: HostileUpstream, storage: HostileUpstream,
) -> None:
    weir, (one, other) = scene(2)
    client = weir.distribution()
    assert client.manifest("up/app-0", "1").status_code == 200
    registry.says("/referrers/", answer(303, **{"Location": f"{storage.url}/elsewhere"}))
    storage.says("/elsewhere", limited(86_400))
    client.request("GET", f"/v2/up/app-0/referrers/{one.digest}")
    assert storage.count("/elsewhere") > 0
    assert client.pull("up/app-1", "1")[0] == other.digest


def test_a_registrys_own_word_is_obeyed_for_an_hour_at_most(
    scene: Callable[..., tuple[Weir, list[Image]]], registry: HostileUpstream,
) -> None:
    weir, _ = scene(1)
    # Four months. A number above a year would be a point in time (test_limits in test_upstreams.py).
    registry.says("/manifests/", limited(10**7))
    refused = weir.distribution().manifest("up/app-0", "1")
    assert refused.status_code == 429 and "it is not asked again for 3600 s" in refused.text
    assert refused.headers["Retry-After"] == "1"


# Where it leads

def test_a_private_upstream_leads_to_no_other_port_of_its_machine(
    make_weir: Callable[..., Weir], registry: HostileUpstream,
) -> None:
    image = registry.hold("app", "1", single([random_layer("ports", 2_000)]))
    layer = image.layers[0].digest
    with HostileUpstream() as other:
        other.says("/", answer(200, image.layers[0].content))
        registry.says(f"/blobs/{layer}", answer(307, **{"Location": f"{other.url}/metrics"}))
        weir = make_weir(upstreams={}, options=[
            "--allow-any-upstream", "--optional-upstream-secrets", "--allow-private-upstream", registry.host])
        weir.rule("inside", registry.host)
        operate(weir, "SetRuleOptions", ecrRepositoryPrefix="inside", plainHTTP=True)
        client = weir.distribution()
        assert client.manifest("inside/app", "1").status_code == 200
        refused = client.blob("inside/app", layer)
        assert refused.status_code == 403 and "private" in refused.text, refused.text
        assert other.asked == []


# What it sends

DEEP = b'{"manifests":' + b"[" * 100_000


@pytest.mark.parametrize("what", [
    answer(200, b"{}", **{"X-Long": "x" * 3_000_000}),
    answer(200, DEEP, **{"Content-Type": INDEX}),
    answer(200, b"\x1f\x8b" + bytes(1_000), **{"Content-Type": INDEX, "Content-Encoding": "gzip"}),
    answer(200, b"{" + b" " * 5_000_000, **{"Content-Type": INDEX}),
    answer(307, **{"Location": "?again"}),
    answer(999, b"{}"), answer(200, b"{}", **{"Content-Length": "-1"}),
], ids=["headers", "deep", "compressed", "long", "circle", "status", "length"])
def test_a_manifest_that_is_none(
    scene: Callable[..., tuple[Weir, list[Image]]], registry: HostileUpstream, what: object,
) -> None:
    weir, (_, good) = scene(2)
    registry.says("/app-0/manifests/", what)
    client = weir.distribution()
    assert client.manifest("up/app-0", "1").status_code in (403, 502, 503)
    assert client.pull("up/app-1", "1")[0] == good.digest


def test_lists_without_end_are_cut_off(
    scene: Callable[..., tuple[Weir, list[Image]]], registry: HostileUpstream,
) -> None:
    weir, (image,) = scene(1)
    client = weir.distribution()
    assert client.manifest("up/app-0", "1").status_code == 200
    entries = [{"mediaType": INDEX, "digest": f"sha256:{number:064x}", "size": 1} for number in range(4_000)]
    page = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    registry.says("/referrers/", answer(200, page, **{"Content-Type": INDEX, "Link": f'<{"?n=1"}>; rel="next"'}))
    told = client.request("GET", f"/v2/up/app-0/referrers/{image.digest}")
    assert told.status_code in (200, 502)
    assert registry.count("/referrers/") <= 200
