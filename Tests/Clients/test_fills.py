"""Content comes from upstream once, verified, and independently of its readers."""

from __future__ import annotations

import concurrent.futures
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.distribution import Distribution
from harness.expect import assert_error, download_fails
from harness.images import MIB, Image, random_layer, single
from harness.processes import clean_environment, wait_until
from harness.registries import DockerRegistry
from harness.rude import HONEST, Manners, RudeRegistry
from harness.weir import Weir


def test_sixteen_clients_share_one_transfer(
    make_weir: Callable[..., Weir], upstream: DockerRegistry, tmp_path: Path,
) -> None:
    image = single([random_layer("sixteen", 512 * MIB)])
    layer = image.layers[0]
    Distribution(upstream.url).push("big/app", "1", image)
    weir = make_weir()
    weir.rule("ecr-public", "public.ecr.aws")
    # Each client is curl and openssl: Python would be the bottleneck.
    digest_of = 'curl -sSf -u "AWS:$PASSWORD" "$URL" | openssl dgst -sha256 -r'
    environment = clean_environment(
        tmp_path / "home", PASSWORD=weir.password(),
        URL=f"{weir.url}/v2/ecr-public/big/app/blobs/{layer.digest}")
    assert weir.distribution().manifest("ecr-public/big/app", "1", method="HEAD").status_code == 200
    clients = [
        subprocess.Popen(["sh", "-c", digest_of], env=environment, text=True, stdout=subprocess.PIPE)
        for _ in range(16)
    ]
    received = ["sha256:" + client.communicate(timeout=240)[0].partition(" ")[0] for client in clients]
    assert received == [layer.digest] * 16
    wait_until(lambda: upstream.blob_gets(layer.digest), 60, "upstream's log line")
    # Once, though perhaps in parts.
    assert sum(one.size for one in upstream.blob_gets(layer.digest)) == len(layer.content)
    assert weir.peak_memory < 256 * MIB


@pytest.fixture
def lying(rude: RudeRegistry, weir: Weir, prefix: str) -> tuple[str, Image]:
    """The repository and the image of the rude registry. Its rule exists; nothing was pulled."""
    image = rude.hold(f"{prefix}/app", "1", single([random_layer(prefix, 3 * MIB)], note=prefix))
    weir.rule(prefix, "registry.k8s.io")
    return f"{prefix}/{prefix}/app", image


@pytest.mark.parametrize("manners", [
    Manners(corrupt_blobs=True),
    Manners(missing_bytes=1000), Manners(missing_bytes=1000, announced_in_full=False),
    Manners(missing_bytes=1000, chunked=True), Manners(missing_bytes=1000, announced_in_full=False, chunked=True),
    Manners(extra_bytes=1000), Manners(extra_bytes=1000, chunked=True),
], ids=[
    "wrong-bytes", "cut", "too-few", "cut-chunked", "too-few-chunked", "too-many", "too-many-chunked",
])
def test_what_is_not_right_is_not_given_and_not_kept(
    weir: Weir, rude: RudeRegistry, lying: tuple[str, Image], manners: Manners,
) -> None:
    repository, image = lying
    layer, client = image.layers[0], weir.distribution()
    rude.manners = manners
    assert client.manifest(repository, "1").status_code == 200
    download_fails(client, repository, layer.digest)
    kept = weir.stored_files()
    asked = rude.gets(layer.digest)
    download_fails(client, repository, layer.digest)
    assert rude.gets(layer.digest) > asked, "upstream was not asked again"
    assert weir.stored_files() == kept
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")
    rude.manners = HONEST
    assert client.blob_digest(repository, layer.digest) == layer.digest


def test_a_manifest_that_is_not_what_its_digest_says(
    weir: Weir, rude: RudeRegistry, lying: tuple[str, Image],
) -> None:
    repository, image = lying
    rude.manners = Manners(corrupt_manifests=True)
    answer = weir.distribution().manifest(repository, image.digest)
    assert answer.status_code in (502, 503), f"{answer.status_code}: {answer.text}"
    assert "digest" in answer.text
    rude.manners = HONEST
    assert weir.distribution().manifest(repository, image.digest).content == image.top.content


def test_readers_see_the_bytes_as_they_land(weir: Weir, rude: RudeRegistry, lying: tuple[str, Image]) -> None:
    repository, image = lying
    layer = image.layers[0]
    rude.manners = Manners(rate=MIB / 2)  # Six seconds for the whole.
    weir.distribution().manifest(repository, "1", method="HEAD")

    def read(delay: float) -> tuple[int, bytes]:
        """How much had come from upstream when the first bytes were here, and all bytes."""
        time.sleep(delay)
        client = weir.distribution()
        with client.blob(repository, layer.digest, stream=True) as answer:
            pieces = answer.iter_content(64 * 1024)
            first = next(pieces)
            return rude.sent[layer.digest], first + b"".join(pieces)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        readings = list(pool.map(read, [0, 0.5, 1.5]))
    assert all(content == layer.content for _, content in readings)
    assert readings[0][0] < len(layer.content), "the first bytes waited for the last"
    assert readings[2][0] < len(layer.content), "a late reader waited for the end"
    assert rude.sent[layer.digest] == len(layer.content)


def test_a_fill_outlives_its_client(weir: Weir, rude: RudeRegistry, lying: tuple[str, Image]) -> None:
    repository, image = lying
    layer, client = image.layers[0], weir.distribution()
    rude.manners = Manners(rate=2 * MIB)
    client.manifest(repository, "1", method="HEAD")
    with client.blob(repository, layer.digest, stream=True) as answer:
        next(answer.iter_content(1000))
    wait_until(lambda: rude.sent.get(layer.digest) == len(layer.content), 60, "the whole fill")
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")
    rude.manners = Manners(blob_status=503)
    assert client.blob_digest(repository, layer.digest) == layer.digest


def test_a_range_of_what_is_not_here_yet(weir: Weir, rude: RudeRegistry, lying: tuple[str, Image]) -> None:
    repository, image = lying
    layer, client = image.layers[0], weir.distribution()
    rude.manners = Manners(rate=2 * MIB)
    client.manifest(repository, "1", method="HEAD")
    answer = client.blob(repository, layer.digest, headers={"Range": "bytes=1000-1999"})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(layer.content)}"
    assert answer.content == layer.content[1000:2000]


# Upstream's refusal is passed on, and never as "not found".

@pytest.mark.parametrize(("upstream_status", "status", "code", "saying"), [
    # No login was sent, so none can be wrong.
    (401, 403, "DENIED", "without a login"),
    (403, 403, "DENIED", "upstream"),
    (404, 404, "MANIFEST_UNKNOWN", "Requested image not found"),
    (429, 429, "TOOMANYREQUESTS", ""),
    (500, 503, "UNAVAILABLE", "upstream"),
    (503, 503, "UNAVAILABLE", "upstream"),
])
def test_refusals_of_upstream(
    weir: Weir, rude: RudeRegistry, lying: tuple[str, Image], upstream_status: int, status: int, code: str, saying: str,
) -> None:
    repository, image = lying
    rude.manners = Manners(manifest_status=upstream_status, headers={"Retry-After": "2"})
    answer = weir.distribution().manifest(repository, "1")
    assert_error(answer, status, code, saying)
    if status == 429:
        assert answer.headers["Retry-After"] == "2"
    rude.manners = HONEST
    # Not found is remembered for ten seconds, and a 429 for as long as it said.
    wait_until(lambda: weir.distribution().manifest(repository, "1").ok, 60, "the image")
    weir.distribution().pull(repository, "1")


@pytest.mark.parametrize(("upstream_status", "status"), [(401, 403), (403, 403), (429, 429), (500, 503), (503, 503)])
def test_refusals_of_a_layer(
    weir: Weir, rude: RudeRegistry, lying: tuple[str, Image], upstream_status: int, status: int,
) -> None:
    repository, image = lying
    rude.manners = Manners(blob_status=upstream_status, headers={"Retry-After": "1"} if status == 429 else {})
    weir.distribution().manifest(repository, "1", method="HEAD")
    layer = image.layers[0].digest
    # The fill that the manifest began may have come before the upstream was told to refuse.
    if rude.gets(layer) == 0:
        answer = weir.distribution().blob(repository, layer)
        assert answer.status_code == status, answer.text
    rude.manners = HONEST
    wait_until(lambda: weir.distribution().blob(repository, layer).ok, 60, "the layer")
    weir.distribution().pull(repository, "1")


def test_an_upstream_that_nobody_answers_for(weir: Weir, prefix: str) -> None:
    weir.rule(prefix, "quay.io")
    answer = weir.distribution().manifest(f"{prefix}/some/app", "1")
    assert_error(answer, 503, "UNAVAILABLE", "quay.io")


def test_a_secret_that_has_gone_or_is_malformed(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    arn = weir.secret(prefix)
    weir.rule(prefix, "registry-1.docker.io", credentialArn=arn)
    secrets.put_secret_value(SecretId=arn, SecretString="no JSON, and its-content-is-told-to-nobody")
    malformed = weir.distribution().manifest(f"{prefix}/team/app", "1")
    assert 400 <= malformed.status_code < 600 and malformed.status_code not in (404, 500), malformed.text
    assert arn in malformed.text or f"ecr-pullthroughcache/{prefix}" in malformed.text
    assert "told-to-nobody" not in malformed.text + weir.output
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    gone = weir.distribution().manifest(f"{prefix}/team/app", "1")
    assert 400 <= gone.status_code < 600 and gone.status_code not in (404, 500), gone.text
    assert "secret" in gone.text.lower() and gone.text != malformed.text
