"""The harness itself, on Debian's docker-registry alone: a failure here says nothing about Weir."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import requests

from conftest import ROBOT, SecuredUpstream
from harness.distribution import Distribution, Truncated, errors
from harness.engines import Buildah, Containerd, Docker, Podman, Skopeo
from harness.images import Image, random_layer, single
from harness.issuer import Issuer
from harness.registries import DockerRegistry
from harness.rude import HONEST, RudeRegistry


def test_the_upstream_holds_the_sample_and_logs_each_blob(upstream: DockerRegistry, sample: tuple[Image, str]) -> None:
    image, client = sample[0], Distribution(upstream.url)
    before = len(upstream.blob_gets(image.layers[0].digest))
    assert set(client.pull("nginx/nginx", "latest")) == {one.digest for one in (*image.manifests, *image.blobs)}
    # The layer that both platforms share was asked for twice.
    gets = upstream.blob_gets(image.layers[0].digest)[before:]
    assert [(one.status, one.size) for one in gets] == [(200, len(image.layers[0].content))] * 2


def test_a_push_of_our_own_client_pulls_again(upstream: DockerRegistry) -> None:
    image, client = single([random_layer("own", 5000)]), Distribution(upstream.url)
    assert client.push("own/push", "1", image) == client.manifest("own/push", "1").headers["Docker-Content-Digest"]
    assert client.tags("own/push") == ["1"]
    client.pull("own/push", image.digest)


def test_the_secured_upstream_wants_a_token(
    secured: SecuredUpstream, sample: tuple[Image, str], tmp_path: Path,
) -> None:
    bare = Distribution(secured.url, verify=str(tmp_path / "none.crt"))
    bare.session.verify = str(secured.skopeo.environment["SSL_CERT_FILE"])
    answer = bare.manifest("team/app", "1")
    assert answer.status_code == 401 and secured.issuer.realm in answer.headers["WWW-Authenticate"]
    reference = f"{secured.registry.host}/team/app:1"
    assert secured.skopeo.pull(reference, ROBOT[1], user=ROBOT[0]) == sample[0].digest
    with pytest.raises(AssertionError, match="unauthorized"):
        secured.skopeo.pull(reference, "wrong", user=ROBOT[0])


def test_every_client_pulls_the_same_digest(
    upstream: DockerRegistry, sample: tuple[Image, str], skopeo: Skopeo, podman: Podman,
) -> None:
    reference = f"{upstream.host}/nginx/nginx:latest"
    assert skopeo.pull(reference, None) == sample[0].digest
    assert sample[0].digest in podman.pull(reference)


def test_docker_pulls_and_pushes(upstream: DockerRegistry, sample: tuple[Image, str], docker: Docker) -> None:
    reference, other = f"{upstream.host}/nginx/nginx:latest", f"{upstream.host}/by/docker:1"
    assert docker.pull(reference) == [sample[0].digest]
    docker.tag(reference, other)
    docker.push(other)
    docker.remove(reference, other)
    assert Distribution(upstream.url).tags("by/docker") == ["1"]


def test_containerd_pulls_every_platform(
    upstream: DockerRegistry, sample: tuple[Image, str], containerd: Containerd,
) -> None:
    assert containerd.pull(f"{upstream.host}/nginx/nginx:latest", "unused") == sample[0].digest
    assert {one.digest for one in (*sample[0].manifests, *sample[0].blobs)} <= set(containerd.contents())


def test_podman_and_buildah_push(
    upstream: DockerRegistry, podman: Podman, buildah: Buildah, tmp_path: Path,
) -> None:
    reference = f"{upstream.host}/nginx/nginx:latest"
    podman.pull(reference)
    podman.tag(reference, f"{upstream.host}/by/podman:1")
    podman.push(f"{upstream.host}/by/podman:1")
    (tmp_path / "file").write_text("added")
    buildah.build_on(reference, tmp_path / "file", f"{upstream.host}/by/buildah:1")
    buildah.push(f"{upstream.host}/by/buildah:1")
    client = Distribution(upstream.url)
    assert (client.tags("by/podman"), client.tags("by/buildah")) == (["1"], ["1"])


@pytest.mark.parametrize("manners", [
    {"corrupt_blobs": True}, {"missing_bytes": 100}, {"missing_bytes": 100, "chunked": True},
    {"missing_bytes": 100, "announced_in_full": False}, {"extra_bytes": 9}, {"extra_bytes": 9, "chunked": True},
], ids=str)
def test_the_rude_registry_lies(rude: RudeRegistry, manners: dict[str, object]) -> None:
    image = rude.hold("rude/lies", "1", single([random_layer("lies", 300_000)]))
    client, layer = Distribution(rude.url), image.layers[0]
    assert client.blob_digest("rude/lies", layer.digest) == layer.digest
    rude.manners = dataclasses.replace(HONEST, **manners)
    try:
        assert client.blob_digest("rude/lies", layer.digest) != layer.digest
    except Truncated:
        pass


def test_the_rude_registry_refuses_resumes_and_counts(rude: RudeRegistry) -> None:
    image = rude.hold("rude/counts", "1", single([random_layer("counts", 300_000)]))
    client, layer = Distribution(rude.url), image.layers[0]
    rude.manners = dataclasses.replace(HONEST, blob_status=429, headers={"Retry-After": "7"})
    answer = client.blob("rude/counts", layer.digest)
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "7" and errors(answer)
    rude.manners = HONEST
    rest = requests.get(
        f"{rude.url}/v2/rude/counts/blobs/{layer.digest}", headers={"Range": "bytes=100000-"}, timeout=10)
    assert rest.status_code == 206
    assert hashlib.sha256(layer.content[100_000:]).digest() == hashlib.sha256(rest.content).digest()
    assert rude.gets(layer.digest) == 2 and rude.sent[layer.digest] == len(rest.content)


def test_the_issuer_publishes_what_it_signs_with() -> None:
    issuer = Issuer(path="/realms/weir")
    try:
        found = requests.get(f"{issuer.url}/.well-known/openid-configuration", timeout=10).json()
        assert found["issuer"] == issuer.url
        for algorithm in ("RS256", "RS512", "ES256", "ES384", "ES512"):
            kid = json.loads(base64.urlsafe_b64decode(issuer.mint(algorithm).partition(".")[0] + "=="))["kid"]
            assert kid in {key["kid"] for key in requests.get(found["jwks_uri"], timeout=10).json()["keys"]}
        old = set(issuer.keys)
        new = issuer.rotate(forget=True)
        assert new not in old and [key["kid"] for key in issuer.jwks()["keys"]] == [new]
        assert issuer.fetches() == 5
        issuer.behave(status=503)
        assert requests.get(found["jwks_uri"], timeout=10).status_code == 503
        issuer.behave(empty=True)
        assert requests.get(found["jwks_uri"], timeout=10).json() == {"keys": []}
    finally:
        issuer.stop()
