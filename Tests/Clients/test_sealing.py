"""The stored files reveal nothing, and changes to them are noticed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.distribution import Distribution
from harness.expect import assert_error, download_fails, refused
from harness.images import MIB, Image, random_layer, single
from harness.registries import DockerRegistry
from harness.weir import Weir, free_text

LAYER_MARKER = b"MARKER-in-a-layer-5d1f"
MANIFEST_MARKER = "MARKER-in-a-manifest-8c20"
SECRET_MARKER = "MARKER-in-a-secret-77ab"
KEY_MARKER = "MARKERinAnAccessKey03e9"


@pytest.mark.parametrize("kind", ["AES256", "KMS"])
@pytest.mark.parametrize("way", ["pushed", "pulled"])
def test_no_marker_is_found_on_the_disk(
    make_weir: Callable[..., Weir], upstream: DockerRegistry, kind: str, way: str,
) -> None:
    weir = make_weir(environment={
        "WEIR_ROOT_ACCESS_KEY_ID": "AKIAWEIRTESTMARKER00", "WEIR_ROOT_SECRET_ACCESS_KEY": KEY_MARKER * 2})
    weir.secret("marked", "robot", SECRET_MARKER)
    image = single([random_layer("marked", MIB, marker=LAYER_MARKER)], note=MANIFEST_MARKER)
    encryption = {"encryptionType": kind}
    if way == "pushed":
        weir.repository("marked/app", encryptionConfiguration=encryption)
        weir.distribution().push("marked/app", "1", image)
    else:
        Distribution(upstream.url).push("marked/app", "1", image)
        weir.rule("marked", "public.ecr.aws", upstreamRepositoryPrefix="marked")
        weir.client("ecr").create_repository_creation_template(
            prefix="marked", appliedFor=["PULL_THROUGH_CACHE"], encryptionConfiguration=encryption)
    assert set(weir.distribution().pull("marked/app", "1")) == {one.digest for one in (image.top, *image.blobs)}
    assert weir.describe("marked/app")["encryptionConfiguration"]["encryptionType"] == kind
    assert weir.stored_files()
    for moment in ("running", "stopped"):
        if moment == "stopped":
            weir.stop()
        for marker in (LAYER_MARKER, MANIFEST_MARKER.encode(), SECRET_MARKER.encode(), KEY_MARKER.encode()):
            assert free_text(weir.data, marker) == [], f"{marker!r} while {moment}"
    assert SECRET_MARKER not in weir.output and KEY_MARKER not in weir.output


def test_the_marker_would_be_found(make_weir: Callable[..., Weir]) -> None:
    """The search itself works: with `--sealing kms-only` an AES256 repository is not sealed, and a KMS one is."""
    weir = make_weir(options=["--sealing", "kms-only"])
    assert "kms-only" in weir.output or "unsealed" in weir.output.lower(), "the server must say so when it starts"
    for kind in ("AES256", "KMS"):
        weir.repository(kind.lower(), encryptionConfiguration={"encryptionType": kind})
        image = single([random_layer(kind, MIB, marker=LAYER_MARKER + kind.encode())])
        weir.distribution().push(kind.lower(), "1", image)
        weir.distribution().pull(kind.lower(), "1")
    assert len(free_text(weir.data, LAYER_MARKER + b"AES256")) == 1
    assert free_text(weir.data, LAYER_MARKER + b"KMS") == []


def test_without_its_key_nothing_is_pulled(weir: Weir, prefix: str, sample: tuple[Image, str]) -> None:
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    weir.rule(prefix, "public.ecr.aws")
    weir.client("ecr").create_repository_creation_template(
        prefix=prefix, appliedFor=["PULL_THROUGH_CACHE"],
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    client, name = weir.distribution(), f"{prefix}/nginx/nginx"
    client.pull(name, "latest")
    layer = sample[0].layers[0].digest
    weir.aws("kms", "disable-key", "--key-id", key)
    for answer in (client.manifest(name, "latest"), client.manifest(name, sample[0].digest), client.blob(name, layer)):
        assert 400 <= answer.status_code < 600 and answer.status_code not in (404, 500), answer.text
        assert "disabled" in answer.text.lower(), answer.text
    pushed = client.request("POST", f"/v2/{name}/blobs/uploads/")
    if pushed.status_code == 202:
        content = b"sealed under a disabled key"
        digest = "sha256:" + "0" * 64
        pushed = client.request("PUT", pushed.headers["Location"], params={"digest": digest}, data=content)
    assert pushed.status_code >= 400 and pushed.status_code != 500
    weir.aws("kms", "enable-key", "--key-id", key)
    client.pull(name, "latest")


def test_a_key_to_be_deleted_and_kept_after_all(weir: Weir, prefix: str) -> None:
    kms, client = weir.client("kms"), weir.distribution()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    weir.repository(prefix + "/app", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    image = single([random_layer(prefix, 5000)])
    client.push(prefix + "/app", "1", image)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    answer = client.blob(prefix + "/app", image.layers[0].digest)
    assert answer.status_code >= 400 and answer.status_code not in (404, 500)
    assert "pending deletion" in answer.text.lower() or "PendingDeletion" in answer.text, answer.text
    kms.cancel_key_deletion(KeyId=key)
    assert client.blob(prefix + "/app", image.layers[0].digest).status_code >= 400, "it comes back disabled"
    kms.enable_key(KeyId=key)
    client.pull(prefix + "/app", "1")


def test_a_repository_is_not_made_under_a_key_that_cannot_be_used(weir: Weir, prefix: str) -> None:
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=key)
    with refused("KmsException"):
        weir.repository(prefix, encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})


# Damage

PLACES = {"first-segment": 600, "middle": None, "last-byte": -1}


def layer_file(weir: Weir, before: set[Path]) -> Path:
    """The file of the largest blob since then."""
    return max(set(weir.stored_files()) - before, key=lambda path: path.stat().st_size)


def flip(path: Path, place: int | None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("kind", ["AES256", "KMS"])
def test_a_flipped_byte_of_a_cached_blob_is_fetched_again(
    weir: Weir, prefix: str, upstream: DockerRegistry, kind: str, place: int | None,
) -> None:
    image = single([random_layer(f"{prefix}-flip", 2 * MIB)])
    layer, client = image.layers[0], weir.distribution()
    Distribution(upstream.url).push(f"{prefix}/app", "1", image)
    weir.rule(prefix, "public.ecr.aws")
    weir.client("ecr").create_repository_creation_template(
        prefix=prefix, appliedFor=["PULL_THROUGH_CACHE"], encryptionConfiguration={"encryptionType": kind})
    before = set(weir.stored_files())
    client.pull(f"{prefix}/{prefix}/app", "1")
    asked = len(upstream.blob_gets(layer.digest))
    flip(layer_file(weir, before), place)
    whole = pulls_in_the_end(client, f"{prefix}/{prefix}/app", layer.digest)
    assert whole, "the blob was not fetched again"
    assert len(upstream.blob_gets(layer.digest)) > asked
    # The bytes on the disk are right again, so upstream is no longer needed.
    asked = len(upstream.blob_gets(layer.digest))
    assert client.blob_digest(f"{prefix}/{prefix}/app", layer.digest) == layer.digest
    assert len(upstream.blob_gets(layer.digest)) == asked


def pulls_in_the_end(client: Distribution, repository: str, digest: str) -> bool:
    """A download whose first bytes were sent before the damage showed is cut; a client then tries again."""
    for _ in range(4):
        try:
            assert client.blob_digest(repository, digest) == digest
            return True
        except AssertionError as problem:
            assert type(problem) is not AssertionError, "wrong bytes were served as the blob"
            time.sleep(0.2)
    return False


def test_a_lost_file_of_a_cached_blob_is_fetched_again(weir: Weir, prefix: str, upstream: DockerRegistry) -> None:
    image = single([random_layer(f"{prefix}-lost", MIB)])
    Distribution(upstream.url).push(f"{prefix}/app", "1", image)
    weir.rule(prefix, "public.ecr.aws")
    before, client = set(weir.stored_files()), weir.distribution()
    client.pull(f"{prefix}/{prefix}/app", "1")
    layer_file(weir, before).unlink()
    assert pulls_in_the_end(client, f"{prefix}/{prefix}/app", image.layers[0].digest)


@pytest.mark.parametrize("damage", [*PLACES, "lost", "cut-short"])
def test_damage_of_a_pushed_blob_is_an_honest_failure(weir: Weir, prefix: str, damage: str) -> None:
    image = single([random_layer(f"{prefix}-pushed", 2 * MIB)])
    client, name = weir.distribution(), f"{prefix}/app"
    weir.repository(name)
    before = set(weir.stored_files())
    client.push(name, "1", image)
    path = layer_file(weir, before)
    logged = len(weir.output)
    if damage == "lost":
        path.unlink()
    elif damage == "cut-short":
        path.write_bytes(path.read_bytes()[:-100_000])
    else:
        flip(path, PLACES[damage])
    download_fails(client, name, image.layers[0].digest)
    assert image.layers[0].digest.removeprefix("sha256:")[:12] in weir.output[logged:], "no alarm in the log"
    # A push of the same bytes is told that they are missing, and so heals them.
    client.push(name, "2", image)
    client.pull(name, "2")


def test_secrets_need_the_root_key(make_weir: Callable[..., Weir]) -> None:
    """With another root key the server must not start on these data, and must not change them."""
    weir = make_weir()
    weir.secret("kept", "robot", "value")
    weir.stop()
    keys = [path for path in weir.data.iterdir() if path.is_file() and "key" in path.name and path.stat().st_mode & 0o077 == 0]
    assert len(keys) == 1, f"one root key file of mode 0600: {list(weir.data.iterdir())}"
    right = keys[0].read_bytes()
    keys[0].write_bytes(right[::-1])
    with pytest.raises(RuntimeError):
        weir.start()
    assert "root key" in weir.output.lower()
    keys[0].write_bytes(right)
    weir.start()
    secret = weir.client("secretsmanager").get_secret_value(SecretId="ecr-pullthroughcache/kept")
    assert json.loads(secret["SecretString"])["accessToken"] == "value"


def test_one_registrys_content_is_not_anothers(weir: Weir, prefix: str) -> None:
    """A blob of one repository is not given to clients of another."""
    image = single([random_layer(prefix, 5000)])
    weir.repository(f"{prefix}/has")
    weir.repository(f"{prefix}/has-not")
    client = weir.distribution()
    client.push(f"{prefix}/has", "1", image)
    assert_error(client.blob(f"{prefix}/has-not", image.layers[0].digest), 404, "BLOB_UNKNOWN")
    assert_error(client.manifest(f"{prefix}/has-not", image.digest), 404, "MANIFEST_UNKNOWN")
