"""Caches in a row: Weir behind Weir, docker-registry behind Weir, Weir behind docker-registry. Pulls work and stay coherent."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.distribution import Distribution
from harness.engines import Docker, Skopeo
from harness.images import Image, random_layer, single, two_platforms
from harness.processes import wait_until
from harness.registries import DockerRegistry
from harness.weir import ACCOUNT, REGION, Weir

OUTER_ACCOUNT = "999988887777"
ECR_HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
AT_ONCE = ["--freshness", "0"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """The source of all images."""
    registry = DockerRegistry(tmp_path_factory.mktemp("source")).start()
    yield registry
    registry.stop()


def push(source: DockerRegistry, repository: str, tag: str, seed: str) -> Image:
    image = two_platforms(seed, 30_000, runs=False)
    Distribution(source.url).push(repository, tag, image)
    return image


@pytest.fixture
def inner(make_weir: Callable[..., Weir], source: DockerRegistry) -> Weir:
    weir = make_weir(upstreams={"public.ecr.aws": source.url}, options=AT_ONCE)
    weir.rule("ecr-public", "public.ecr.aws")
    return weir


def as_ecr(make_weir: Callable[..., Weir], inner: Weir) -> Weir:
    """Weir in front of Weir as it would be in front of ECR: GetAuthorizationToken by the keys in the secret."""
    outer = make_weir(upstreams={ECR_HOST: inner.url}, options=AT_ONCE, account=OUTER_ACCOUNT)
    keys = inner.credentials
    secret = outer.secret("inner", keys["aws_access_key_id"], keys["aws_secret_access_key"])
    outer.rule("cache", ECR_HOST, credentialArn=secret)
    return outer


def as_any(make_weir: Callable[..., Weir], inner: Weir) -> Weir:
    """Weir in front of Weir as in front of any registry: a password for Basic."""
    outer = make_weir(
        upstreams={"weir.example": inner.url}, options=[*AT_ONCE, "--allow-any-upstream"], account=OUTER_ACCOUNT)
    outer.rule("cache", "weir.example", credentialArn=outer.secret("inner", "AWS", inner.password()))
    return outer


@pytest.mark.parametrize("made", [as_ecr, as_any], ids=lambda made: made.__name__)
def test_weir_behind_weir(
    make_weir: Callable[..., Weir], inner: Weir, source: DockerRegistry, made: Callable[..., Weir], skopeo: Skopeo, docker: Docker,
) -> None:
    """Weir behind Weir: cold and warm, by tag and digest, for skopeo and docker; each byte comes once."""
    image = push(source, "team/app", "1", made.__name__)
    outer = made(make_weir, inner)
    reference = f"{outer.host}/cache/ecr-public/team/app"
    assert skopeo.pull(f"{reference}:1", outer.password()) == image.digest
    assert skopeo.pull(f"{reference}@{image.digest}", outer.password()) == image.digest
    docker.login(outer.host, outer.password())
    assert docker.pull(f"{reference}:1") == [image.digest]
    docker.remove(f"{reference}:1")
    for layer in image.layers:
        assert len(source.blob_gets(layer.digest)) == 1
    assert inner.describe("ecr-public/team/app") and outer.describe("cache/ecr-public/team/app")


def test_a_tag_moves_through_two_of_them(make_weir: Callable[..., Weir], inner: Weir, source: DockerRegistry) -> None:
    """Coherent: the front serves upstream's present image by tag, and the earlier one by its digest."""
    outer = as_ecr(make_weir, inner)
    client = outer.distribution()
    seen = []
    for number in range(3):
        image = push(source, "moving/app", "latest", f"moving-{number}")
        assert client.pull("cache/ecr-public/moving/app", "latest")[0] == image.digest
        seen.append(image.digest)
    for digest in seen:
        assert client.pull("cache/ecr-public/moving/app", digest)[0] == digest


def test_many_clients_of_two_in_a_row(make_weir: Callable[..., Weir], inner: Weir, source: DockerRegistry) -> None:
    """One transfer over each hop, however many clients pull."""
    image = single([random_layer("row", 3_000_000)], note="row")
    Distribution(source.url).push("row/app", "1", image)
    outer = as_ecr(make_weir, inner)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pulled = list(pool.map(lambda _: outer.distribution().pull("cache/ecr-public/row/app", "1")[0], range(8)))
    assert pulled == [image.digest] * 8
    layer = image.layers[0]
    wait_until(lambda: source.blob_gets(layer.digest), 60, "the log line")
    assert sum(one.size for one in source.blob_gets(layer.digest)) == len(layer.content)


def test_what_was_pushed_to_the_inner_one(make_weir: Callable[..., Weir], inner: Weir) -> None:
    """ECR in front of ECR: a repository of the inner server that is pushed and not cached."""
    inner.repository("own/app")
    image = two_platforms("own", 20_000, runs=False)
    inner.distribution().push("own/app", "1", image)
    outer = as_ecr(make_weir, inner)
    assert outer.distribution().pull("cache/own/app", "1")[0] == image.digest
    inner.stop()
    assert outer.distribution().pull("cache/own/app", "1")[0] == image.digest
    assert outer.distribution().manifest("cache/own/app", "1").headers["Warning"].startswith("110")


def test_docker_registry_in_front_of_weir(inner: Weir, source: DockerRegistry, tmp_path: Path, skopeo: Skopeo) -> None:
    """docker-registry, as a pull through cache, in front of Weir: it HEADs, it GETs, and it asks again by digest."""
    image = push(source, "front/app", "1", "front")
    # It takes Basic credentials only in the URL.
    url = f"http://AWS:{quote(inner.password(), safe='')}@{inner.host}"
    front = DockerRegistry(tmp_path / "front", proxy_of=url).start()
    try:
        for _ in range(2):
            assert skopeo.pull(f"{front.host}/ecr-public/front/app:1", None) == image.digest
        newer = push(source, "front/app", "1", "front-2")
        assert skopeo.pull(f"{front.host}/ecr-public/front/app:1", None) == newer.digest
        assert skopeo.pull(f"{front.host}/ecr-public/front/app@{image.digest}", None) == image.digest
    finally:
        front.stop()


def test_weir_in_front_of_docker_registrys_cache(
    make_weir: Callable[..., Weir], source: DockerRegistry, tmp_path: Path, skopeo: Skopeo,
) -> None:
    """Weir in front of docker-registry's own pull through cache (distribution#4747: whose HEAD of a blob is not to be relied on)."""
    image = push(source, "behind/app", "1", "behind")
    between = DockerRegistry(tmp_path / "between", proxy_of=source.url).start()
    weir = make_weir(upstreams={"quay.io": between.url}, options=AT_ONCE)
    weir.rule("cache", "quay.io")
    try:
        for _ in range(2):
            assert skopeo.pull(f"{weir.host}/cache/behind/app:1", weir.password()) == image.digest
        newer = push(source, "behind/app", "1", "behind-2")
        assert skopeo.pull(f"{weir.host}/cache/behind/app:1", weir.password()) == newer.digest
        assert skopeo.pull(f"{weir.host}/cache/behind/app@{image.digest}", weir.password()) == image.digest
    finally:
        between.stop()
    assert weir.distribution().pull("cache/behind/app", "1")[0] == newer.digest


def test_a_ring(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    """A cache whose upstream is itself: the pull ends, without a storm of requests."""
    weir = make_weir(start=False, options=["--upstream-patience", "3"])
    weir.upstreams["quay.io"] = weir.url
    weir.start()
    weir.rule("ring", "quay.io", upstreamRepositoryPrefix="ring", credentialArn=weir.secret("self", "AWS", weir.password()))
    answer = weir.distribution().manifest("ring/app", "1")
    assert answer.status_code in (403, 404, 429, 502, 503), answer.text
    assert weir.daemon is not None and weir.daemon.alive
