"""Real clients pull real images through the cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROBOT, SecuredUpstream
from harness.engines import Containerd, Docker, Podman, Skopeo
from harness.expect import assert_error
from harness.images import Image, random_layer, single, two_platforms, write_layout
from harness.processes import wait_until
from harness.registries import DockerRegistry
from harness.rude import Manners, RudeRegistry
from harness.weir import Weir


def with_skopeo(request: pytest.FixtureRequest, weir: Weir, name: str) -> str:
    return request.getfixturevalue("skopeo").pull(f"{weir.host}/{name}", weir.password())


def with_docker(request: pytest.FixtureRequest, weir: Weir, name: str) -> str:
    docker: Docker = request.getfixturevalue("docker")
    docker.login(weir.host, weir.password())
    (digest,) = docker.pull(f"{weir.host}/{name}")
    docker.remove(f"{weir.host}/{name}")
    return digest


def with_podman(request: pytest.FixtureRequest, weir: Weir, name: str) -> str:
    podman: Podman = request.getfixturevalue("podman")
    podman.login(weir.host, weir.password())
    # podman names the index and the platform's own manifest.
    return podman.pull(f"{weir.host}/{name}")[0]


def with_containerd(request: pytest.FixtureRequest, weir: Weir, name: str) -> str:
    containerd: Containerd = request.getfixturevalue("containerd")
    return containerd.pull(f"{weir.host}/{name}", weir.password())


Puller = Callable[[pytest.FixtureRequest, Weir, str], str]
CLIENTS = pytest.mark.parametrize(
    "pull", [with_skopeo, with_docker, with_podman, with_containerd], ids=lambda pull: pull.__name__)


@CLIENTS
def test_through_an_open_upstream(
    weir: Weir, prefix: str, sample: tuple[Image, str], pull: Puller, request: pytest.FixtureRequest,
) -> None:
    weir.rule(prefix, "public.ecr.aws")
    assert pull(request, weir, f"{prefix}/nginx/nginx:latest") == sample[0].digest
    made = weir.describe(f"{prefix}/nginx/nginx")
    assert made["repositoryArn"] == weir.arn(f"{prefix}/nginx/nginx")
    assert made["repositoryUri"].endswith(f"/{prefix}/nginx/nginx")


@CLIENTS
def test_through_an_upstream_with_tls_and_tokens(
    weir: Weir, prefix: str, sample: tuple[Image, str], secured: SecuredUpstream, pull: Puller,
    request: pytest.FixtureRequest,
) -> None:
    weir.rule(prefix, "registry-1.docker.io", credentialArn=weir.secret(prefix, *ROBOT))
    before = len(secured.issuer.requests)
    assert pull(request, weir, f"{prefix}/team/app:1") == sample[0].digest
    asked = secured.issuer.requests[before:]
    assert asked and all(one.user == ROBOT[0] and one.granted for one in asked)
    assert all(scope.startswith("repository:team/app:") for one in asked for scope in one.scopes)


def test_with_upstream_stopped_the_image_pulls_again(
    make_weir: Callable[..., Weir], tmp_path: Path, skopeo: Skopeo, podman: Podman,
) -> None:
    registry = DockerRegistry(tmp_path / "upstream").start()
    image = two_platforms("stopped")
    skopeo.push(write_layout(tmp_path / "layout", "1", image), f"{registry.host}/some/app:1")
    weir = make_weir(upstreams={"public.ecr.aws": registry.url})
    weir.rule("ecr-public", "public.ecr.aws")
    reference = f"{weir.host}/ecr-public/some/app:1"
    assert skopeo.pull(reference, weir.password()) == image.digest
    registry.stop()
    assert skopeo.pull(reference, weir.password()) == image.digest
    weir.restart()
    assert skopeo.pull(reference, weir.password()) == image.digest
    podman.login(weir.host, weir.password())
    assert image.digest in podman.pull(reference)


def test_a_repository_made_beforehand_stays_as_it_is(weir: Weir, prefix: str, sample: tuple[Image, str]) -> None:
    weir.rule(prefix, "public.ecr.aws")
    weir.client("ecr").create_repository_creation_template(
        prefix=prefix, appliedFor=["PULL_THROUGH_CACHE"], encryptionConfiguration={"encryptionType": "KMS"},
        imageTagMutability="IMMUTABLE", resourceTags=[{"Key": "from", "Value": "template"}])
    weir.repository(f"{prefix}/nginx/nginx")
    weir.distribution().pull(f"{prefix}/nginx/nginx", "latest")
    kept = weir.describe(f"{prefix}/nginx/nginx")
    assert kept["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert kept["imageTagMutability"] == "MUTABLE"
    tags = weir.client("ecr").list_tags_for_resource(resourceArn=kept["repositoryArn"])["tags"]
    assert tags == []


def test_every_byte_is_upstreams(weir: Weir, prefix: str, sample: tuple[Image, str]) -> None:
    weir.rule(prefix, "public.ecr.aws")
    client, image = weir.distribution(), sample[0]
    for manifest in image.manifests:
        answer = client.manifest(f"{prefix}/nginx/nginx", manifest.digest)
        assert answer.content == manifest.content
        assert answer.headers["Content-Type"] == manifest.media_type
        assert answer.headers["Docker-Content-Digest"] == manifest.digest
    for blob in image.blobs:
        assert client.blob(f"{prefix}/nginx/nginx", blob.digest).content == blob.content


def test_a_first_pull_by_digest(weir: Weir, prefix: str, sample: tuple[Image, str], upstream: DockerRegistry) -> None:
    weir.rule(prefix, "public.ecr.aws")
    digests = weir.distribution().pull(f"{prefix}/nginx/nginx", sample[0].digest)
    assert set(digests) == {one.digest for one in (*sample[0].manifests, *sample[0].blobs)}
    images = weir.client("ecr").list_images(repositoryName=f"{prefix}/nginx/nginx")["imageIds"]
    assert {one["imageDigest"] for one in images} == {one.digest for one in sample[0].manifests}
    assert all("imageTag" not in one for one in images)


def test_a_head_request_imports_too(weir: Weir, prefix: str, sample: tuple[Image, str]) -> None:
    weir.rule(prefix, "public.ecr.aws")
    answer = weir.distribution().manifest(f"{prefix}/nginx/nginx", "latest", method="HEAD")
    assert answer.status_code == 200 and answer.content == b""
    assert answer.headers["Docker-Content-Digest"] == sample[0].digest
    assert int(answer.headers["Content-Length"]) == len(sample[0].top.content)
    weir.describe(f"{prefix}/nginx/nginx")


def test_the_index_and_its_children_are_images(weir: Weir, prefix: str, sample: tuple[Image, str]) -> None:
    weir.rule(prefix, "public.ecr.aws")
    name, ecr = f"{prefix}/nginx/nginx", weir.client("ecr")
    weir.distribution().pull(name, "latest")
    details = {one["imageDigest"]: one for one in ecr.describe_images(repositoryName=name)["imageDetails"]}
    assert set(details) == {one.digest for one in sample[0].manifests}
    assert details[sample[0].digest]["imageTags"] == ["latest"]
    for child in sample[0].children:
        assert "imageTags" not in details[child.digest]
        parts = json.loads(child.content)
        size = sum(one["size"] for one in [parts["config"], *parts["layers"]])
        assert details[child.digest]["imageSizeInBytes"] in (size, size + len(child.content))


def test_a_warm_pull_does_not_ask_upstream(
    weir: Weir, prefix: str, sample: tuple[Image, str], upstream: DockerRegistry,
) -> None:
    weir.rule(prefix, "public.ecr.aws")
    client = weir.distribution()
    client.pull(f"{prefix}/nginx/nginx", "latest")
    before = len(upstream.accesses())
    client.pull(f"{prefix}/nginx/nginx", "latest")
    client.pull(f"{prefix}/nginx/nginx", sample[0].children[1].digest)
    assert len(upstream.accesses()) == before


def test_the_longest_prefix_decides_and_root_comes_last(
    weir: Weir, sample: tuple[Image, str], rude: RudeRegistry,
) -> None:
    region = "eu-central-1"
    rules = [("ROOT", "public.ecr.aws", None), ("deep", "quay.io", None), ("deep/er", "registry.k8s.io", "mapped")]
    for name, upstream, mapped in rules:
        extra = {"upstreamRepositoryPrefix": mapped} if mapped else {}
        weir.client("ecr", region).create_pull_through_cache_rule(
            ecrRepositoryPrefix=name, upstreamRegistryUrl=upstream, **extra)
    image = rude.hold("mapped/app", "1", single([random_layer("mapped", 2000)]))
    client = weir.distribution(region)
    assert client.manifest("deep/er/app", "1").headers["Docker-Content-Digest"] == image.digest
    assert client.manifest("nginx/nginx", "latest").headers["Docker-Content-Digest"] == sample[0].digest
    assert_error(client.manifest("deep/app", "1"), 503, "UNAVAILABLE")
    # "deeper" does not begin with "deep/".
    assert client.manifest("deeper/app", "1").status_code == 404


def test_without_a_rule_nothing_is_asked(weir: Weir, upstream: DockerRegistry) -> None:
    before = len(upstream.accesses())
    answer = weir.distribution().manifest("nobody/nginx", "latest")
    assert_error(answer, 404, "NAME_UNKNOWN", "The repository with name 'nobody/nginx' does not exist in the registry")
    assert len(upstream.accesses()) == before


def test_a_rotated_secret_counts_at_once(weir: Weir, prefix: str, secured: SecuredUpstream, skopeo: Skopeo,
                                         tmp_path: Path) -> None:
    images = [single([random_layer(f"{prefix}-{number}", 3000)]) for number in range(2)]
    for number, image in enumerate(images):
        secured.push(write_layout(tmp_path / "layout", str(number), image), f"{prefix}/app:{number}")
    secret = weir.secret(prefix, "robot", "not-the-password")
    weir.rule(prefix, "registry-1.docker.io", credentialArn=secret)
    client = weir.distribution()
    assert_error(client.manifest(f"{prefix}/{prefix}/app", "0"), 403, "DENIED",
                 "The authentication to the upstream registry failed")
    for number, (user, password) in enumerate([ROBOT, ("other", "staple")]):
        weir.client("secretsmanager").put_secret_value(
            SecretId=secret, SecretString=json.dumps({"username": user, "accessToken": password}))
        client.pull(f"{prefix}/{prefix}/app", str(number))
        assert secured.issuer.requests[-1].user == user


def test_a_moved_tag_is_seen_when_the_window_has_passed(
    make_weir: Callable[..., Weir], rude: RudeRegistry,
) -> None:
    weir = make_weir(options=["--freshness", "1"])
    weir.rule("kubernetes", "registry.k8s.io")
    old, new = (single([random_layer(f"moved-{number}", 2000)]) for number in range(2))
    client = weir.distribution()
    rude.hold("moved/app", "1", old)
    client.pull("kubernetes/moved/app", "1")
    rude.hold("moved/app", "1", new)

    def current() -> str:
        return client.manifest("kubernetes/moved/app", "1").headers["Docker-Content-Digest"]

    wait_until(lambda: current() == new.digest, 60, "the new digest", pause=0.3)
    client.pull("kubernetes/moved/app", "1")
    client.pull("kubernetes/moved/app", old.digest)


def test_a_stale_image_is_served_when_upstream_fails(
    make_weir: Callable[..., Weir], rude: RudeRegistry,
) -> None:
    weir = make_weir(options=["--freshness", "0"])
    weir.rule("kubernetes", "registry.k8s.io")
    image = rude.hold("stale/app", "1", single([random_layer("stale", 2000)]))
    client = weir.distribution()
    client.pull("kubernetes/stale/app", "1")
    for status in (401, 404, 429, 500, 503):
        rude.manners = Manners(manifest_status=status)
        answer = client.manifest("kubernetes/stale/app", "1")
        assert answer.status_code == 200, f"upstream {status}: {answer.status_code} {answer.text[:300]}"
        assert answer.headers["Docker-Content-Digest"] == image.digest
        assert "Warning" in answer.headers
