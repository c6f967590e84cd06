"""Artifacts beyond a plain image: copies, indexes, signatures, attestations, SBOMs, charts; pushed, found, pulled, deleted.

With docker, podman, buildah, skopeo, `ctr`, and oras for artifacts: push, pull, copy between repositories, multi-platform index, signature
and SBOM attached and found, delete; online and offline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import oras.client
import pytest

from harness.certificates import Authority
from harness.distribution import Distribution
from harness.engines import Buildah, Containerd, Docker, Podman, Skopeo
from harness.images import (
    CONFIG, DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Blob, Image, image, index, random_layer, sha256, single, two_platforms,
    write_layout,
)
from harness.processes import run
from harness.scene import Scene
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import Vendor
from harness.weir import Weir

SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
NOTATION = "application/vnd.cncf.notary.signature"
SBOM = "application/vnd.cyclonedx+json"
EMPTY = Blob(b"{}", "application/vnd.oci.empty.v1+json")


def attached(subject: Blob, artifact_type: str, content: bytes) -> tuple[Blob, list[Blob]]:
    """A manifest that names another one as its subject."""
    part = Blob(content, artifact_type)
    document = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type, "config": EMPTY.descriptor(),
        "layers": [part.descriptor()], "subject": subject.descriptor(), "annotations": {"made.by": "test"}}
    return Blob(json.dumps(document).encode(), MANIFEST), [EMPTY, part]


def cosign_signature(subject: Blob) -> Image:
    """In cosign's form by tags: sha256-HEX.sig."""
    payload = Blob(json.dumps({"critical": {"image": {"docker-manifest-digest": subject.digest}}}).encode(), SIGNATURE)
    config = Blob(b'{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}', CONFIG)
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
                "layers": [payload.descriptor(annotations={"dev.cosignproject.cosign/signature": "MEUCIQ=="})]}
    return Image(Blob(json.dumps(document).encode(), MANIFEST), (config, payload))


def referrers(client: Distribution, repository: str, digest: str, query: str = "") -> list[dict[str, object]]:
    answer = client.request("GET", f"/v2/{repository}/referrers/{digest}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == INDEX
    return answer.json()["manifests"]


@pytest.fixture
def repository(weir: Weir, prefix: str) -> str:
    weir.repository(f"{prefix}/app")
    return f"{prefix}/app"


# Clients push, copy, delete

def test_ctr_pushes(weir: Weir, repository: str, sample: tuple[Image, str], containerd: Containerd, skopeo: Skopeo) -> None:
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password())
    source, target = f"{weir.host}/{repository}:1", f"{weir.host}/{repository}:by-ctr"
    containerd.pull(source, weir.password())
    containerd.call("images", "tag", source, target)
    containerd.call("images", "push", "--plain-http", "--user", f"AWS:{weir.password()}", target)
    assert skopeo.pull(target, weir.password()) == sample[0].digest


def test_a_copy_between_repositories(weir: Weir, repository: str, sample: tuple[Image, str], skopeo: Skopeo) -> None:
    other = f"{repository}-copy"
    weir.repository(other)
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password())
    skopeo.copy(f"docker://{weir.host}/{repository}:1", f"docker://{weir.host}/{other}:1",
                source_password=weir.password(), destination_password=weir.password())
    assert skopeo.pull(f"{weir.host}/{other}:1", weir.password()) == sample[0].digest
    weir.client("ecr").delete_repository(repositoryName=repository, force=True)
    assert skopeo.pull(f"{weir.host}/{other}:1", weir.password()) == sample[0].digest


def test_podman_pushes_an_index(weir: Weir, repository: str, sample: tuple[Image, str], podman: Podman) -> None:
    client = weir.distribution()
    for child, name in zip(sample[0].children, ("amd64", "arm64")):
        client.push(repository, name, Image(child, sample[0].blobs))
    podman.login(weir.host, weir.password())
    podman.call("manifest", "create", "both")
    for name in ("amd64", "arm64"):
        podman.call("manifest", "add", "--tls-verify=false", "both", f"docker://{weir.host}/{repository}:{name}")
    podman.call("manifest", "push", "--all", "--tls-verify=false", "both", f"docker://{weir.host}/{repository}:both")
    answer = client.manifest(repository, "both")
    assert {one["digest"] for one in answer.json()["manifests"]} == {one.digest for one in sample[0].children}


def test_docker_pushes_what_buildah_pulls(
    weir: Weir, repository: str, sample: tuple[Image, str], skopeo: Skopeo, docker: Docker, buildah: Buildah, tmp_path: Path,
) -> None:
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password())
    docker.login(weir.host, weir.password())
    docker.pull(f"{weir.host}/{repository}:1")
    docker.tag(f"{weir.host}/{repository}:1", f"{weir.host}/{repository}:docker")
    docker.push(f"{weir.host}/{repository}:docker")
    docker.remove(f"{weir.host}/{repository}:1", f"{weir.host}/{repository}:docker")
    buildah.login(weir.host, weir.password())
    (tmp_path / "added").write_text("by buildah")
    buildah.build_on(f"{weir.host}/{repository}:docker", tmp_path / "added", f"{weir.host}/{repository}:buildah")
    buildah.push(f"{weir.host}/{repository}:buildah")
    assert sorted(weir.distribution().tags(repository)) == ["1", "buildah", "docker"]


def test_skopeo_deletes(weir: Weir, repository: str, skopeo: Skopeo, tmp_path: Path) -> None:
    held = single([random_layer(repository, 3000)], note=repository)
    skopeo.push(write_layout(tmp_path / "layout", "1", held), f"{weir.host}/{repository}:1", weir.password())
    run(["skopeo", "delete", "--tls-verify=false", "--creds", f"AWS:{weir.password()}", f"docker://{weir.host}/{repository}:1"],
        skopeo.environment)
    assert weir.distribution().manifest(repository, "1").status_code == 404
    assert weir.distribution().manifest(repository, held.digest).status_code == 404


def test_oras_pushes_and_pulls(weir: Weir, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """oras: an artifact that is no image, with annotations, and a second one with the first as its subject."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "notes.txt").write_text("an artifact")
    client = oras.client.OrasClient(hostname=weir.host, insecure=True, auth_backend="basic")
    client.login(username="AWS", password=weir.password(), hostname=weir.host)
    answer = client.push(target=f"{weir.host}/{repository}:notes", files=["notes.txt:text/plain"],
                         manifest_annotations={"made.by": "oras"}, quiet=True)
    assert answer.status_code == 201
    files = client.pull(target=f"{weir.host}/{repository}:notes", outdir=str(tmp_path / "out"))
    assert [Path(file).read_text() for file in files] == ["an artifact"]
    assert client.get_tags(f"{weir.host}/{repository}") == ["notes"]
    assert client.get_manifest(f"{weir.host}/{repository}:notes")["annotations"] == {"made.by": "oras"}


# Attached and found

def test_signatures_and_sboms_of_what_was_pushed(weir: Weir, repository: str) -> None:
    """Signature and SBOM attached and found, by the API and, as cosign does, by a tag; deleted, they are gone."""
    client = weir.distribution()
    held = two_platforms(repository, 3000, runs=False)
    client.push(repository, "1", held)
    made = []
    for artifact_type, content in ((NOTATION, b"signature"), (SBOM, b'{"bomFormat":"CycloneDX"}'), (SBOM, b'{"b":2}')):
        manifest, blobs = attached(held.top, artifact_type, content)
        for blob in blobs:
            client.push_blob(repository, blob.content, blob.digest)
        answer = client.push_manifest(repository, manifest.digest, manifest)
        assert answer.headers["OCI-Subject"] == held.digest
        made.append(manifest)
    found = {one["digest"]: one for one in referrers(client, repository, held.digest)}
    assert set(found) == {one.digest for one in made}
    assert found[made[0].digest]["artifactType"] == NOTATION
    assert found[made[0].digest]["annotations"] == {"made.by": "test"}
    assert {one["digest"] for one in referrers(client, repository, held.digest, f"?artifactType={SBOM}")} == {
        one.digest for one in made[1:]}
    assert referrers(client, repository, "sha256:" + "0" * 64) == []
    listed = weir.client("ecr").list_image_referrers(repositoryName=repository, subjectId={"imageDigest": held.digest})["referrers"]
    assert {one["digest"] for one in listed} == set(found)
    tag = held.digest.replace(":", "-") + ".sig"
    client.push(repository, tag, cosign_signature(held.top))
    assert client.manifest(repository, tag).status_code == 200
    client.request("DELETE", f"/v2/{repository}/manifests/{made[0].digest}").raise_for_status()
    assert made[0].digest not in {one["digest"] for one in referrers(client, repository, held.digest)}


MODERN = Vendor("modern", "quay.io", scheme="open", tls=False, has_referrers=True)
OLD = Vendor("old", "public.ecr.aws", scheme="open", tls=False)


@pytest.fixture(scope="module")
def standins(authority: Authority) -> Iterator[dict[str, StandIn]]:
    made = {vendor.name: StandIn(vendor) for vendor in (MODERN, OLD)}
    yield made
    for standin in made.values():
        standin.stop()


@pytest.fixture(scope="module")
def upstream_settings(standins: dict[str, StandIn]) -> dict[str, object]:
    return {"upstreams": {one.vendor.host: one.url for one in standins.values()},
            "options": ["--allow-private-upstream", ELSEWHERE]}


@pytest.mark.parametrize("name", ["modern", "old"])
def test_signatures_and_sboms_through_the_cache(
    make_weir: Callable[..., Weir], standins: dict[str, StandIn], prefix: str, name: str,
) -> None:
    """Referrers (API and tag fallback), cosign and notation signatures, attestations, SBOMs; online and offline."""
    standin, weir = standins[name], make_weir()
    scene = Scene(weir, standin, prefix).rule()
    held = standin.hold("1", two_platforms(prefix, 3000, runs=False))
    upstream_repository = scene.vendor.repository
    made = [attached(held.top, kind, content) for kind, content in ((NOTATION, b"sig" + prefix.encode()), (SBOM, b"{}"))]
    listed = [one.descriptor(artifactType=kind) for (one, _), kind in zip(made, (NOTATION, SBOM))]
    for number, (manifest, blobs) in enumerate(made):
        standin.hold(f"referrer-{number}", Image(manifest, tuple(blobs)))
        standin.refer(upstream_repository, "1", listed[number])
    if name == "old":
        # The specification's fallback without an API: an index under a tag made from the digest.
        fallback = Blob(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode(), INDEX)
        standin.hold(held.digest.replace(":", "-"), Image(fallback, ()))
    signature = standin.hold(held.digest.replace(":", "-") + ".sig", cosign_signature(held.top))
    client = scene.client()

    def discover() -> None:
        assert client.pull(scene.repository, "1")[0] == held.digest
        found = referrers(client, scene.repository, held.digest)
        assert {one["digest"] for one in found} == {manifest.digest for manifest, _ in made}
        only = referrers(client, scene.repository, held.digest, f"?artifactType={SBOM}")
        assert [one["digest"] for one in only] == [made[1][0].digest]
        for manifest, blobs in made:
            assert client.manifest(scene.repository, manifest.digest).content == manifest.content
            for blob in blobs:
                assert client.blob_digest(scene.repository, blob.digest) == blob.digest
        by_tag = client.manifest(scene.repository, held.digest.replace(":", "-") + ".sig")
        assert by_tag.content == signature.top.content
        for blob in signature.blobs:
            assert client.blob_digest(scene.repository, blob.digest) == blob.digest

    discover()
    mark = standin.mark()
    discover()
    assert [one for one in standin.since(mark) if one.kind == "referrers"] == [], "asked again within the window of six hours"
    weir.stop()
    weir.upstreams[scene.vendor.host] = "http://127.0.0.1:1"
    weir.start()
    client = scene.client()
    discover()


# Bytes never change

def _docker(seed: str) -> Image:
    layer = random_layer(seed, 2000)
    config = Blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}}).encode(),
                  "application/vnd.docker.container.image.v1+json")
    packed = Blob(layer.content, "application/vnd.docker.image.rootfs.diff.tar.gzip")
    document = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config.descriptor(), "layers": [packed.descriptor()]}
    return Image(Blob(json.dumps(document, indent=3).encode(), DOCKER_MANIFEST), (config, packed))


def _docker_list(seed: str) -> Image:
    child = _docker(seed)
    entry = child.top.descriptor(platform={"architecture": "amd64", "os": "linux"})
    document = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry]}
    return Image(Blob(json.dumps(document, indent=3).encode(), DOCKER_LIST), child.blobs, (child.top,))


def _chart(seed: str) -> Image:
    config = Blob(json.dumps({"name": "chart", "version": "0.1.0"}).encode(), "application/vnd.cncf.helm.config.v1+json")
    chart = Blob(random_layer(seed, 900).content, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    document = {"schemaVersion": 2, "config": config.descriptor(), "layers": [chart.descriptor()]}
    return Image(Blob(json.dumps(document).encode(), MANIFEST), (config, chart))


def _attested(seed: str) -> Image:
    """BuildKit's form: an attestation beside the image in the index, for a platform that does not exist."""
    manifest, blobs = image([random_layer(seed, 900)], note=seed)
    statement = Blob(b'{"_type":"https://in-toto.io/Statement/v0.1"}' + seed.encode(), "application/vnd.in-toto+json")
    config = Blob(b'{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}' + b" " * len(seed), CONFIG)
    attestation = Blob(json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(), "layers": [statement.descriptor()]}).encode(), MANIFEST)
    entries = [manifest.descriptor(platform={"architecture": "amd64", "os": "linux"}), attestation.descriptor(
        platform={"architecture": "unknown", "os": "unknown"}, annotations={"vnd.docker.reference.type": "attestation-manifest"})]
    top = Blob(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode(), INDEX)
    return Image(top, (*blobs, config, statement), (manifest, attestation))


def _unheard_of(seed: str) -> Image:
    part = Blob(seed.encode(), "application/x.never-seen")
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x.never-seen.type", "config": EMPTY.descriptor(),
                "layers": [part.descriptor()], "\u00fcnusual": [1, 2.50, None], "annotations": {"a": "\u2603"}}
    return Image(Blob(json.dumps(document, ensure_ascii=False, indent=1).encode(), MANIFEST), (EMPTY, part))


@pytest.mark.parametrize("make", [_docker, _docker_list, _chart, _attested, _unheard_of], ids=lambda make: make.__name__[1:])
def test_bytes_stay_what_they_are(weir: Weir, standins: dict[str, StandIn], prefix: str, make: Callable[[str], Image]) -> None:
    """Any artifact type, both Docker and OCI media types: served bytes equal upstream bytes, cold, warm and pushed."""
    held = make(prefix)
    standin = standins["modern"]
    scene = Scene(weir, standin, prefix).rule()
    standin.hold("1", held)
    weir.repository(f"pushed-{prefix}/app")
    client = weir.distribution()
    client.push(f"pushed-{prefix}/app", "1", held)
    for name in (scene.repository, scene.repository, f"pushed-{prefix}/app"):
        for manifest in held.manifests:
            answer = client.manifest(name, manifest.digest)
            assert (answer.content, answer.headers["Content-Type"]) == (manifest.content, manifest.media_type), answer.text[:200]
        assert client.manifest(name, "1").content == held.top.content
        for blob in held.blobs:
            assert client.blob(name, blob.digest).content == blob.content
    scene.end()


def test_an_index_in_an_index(weir: Weir, standins: dict[str, StandIn], prefix: str) -> None:
    """Nested indexes, as some build tools make them."""
    inner = two_platforms(prefix, 2000, runs=False)
    outer = Image(index({"all": inner.top}), inner.blobs, (inner.top, *inner.children))
    scene = Scene(weir, standins["modern"], prefix).rule()
    standins["modern"].hold("1", outer)
    digests = scene.client().pull(scene.repository, "1")
    assert {one.digest for one in outer.manifests} <= set(digests)
    assert sha256(outer.top.content) == digests[0]
    scene.end()
