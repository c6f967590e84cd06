"""Pushing, with the real clients and by hand."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from harness.engines import Buildah, Docker, Podman, Skopeo
from harness.expect import assert_error, refused
from harness.images import DOCKER_LIST, MIB, Image, random_layer, single
from harness.processes import wait_until
from harness.weir import Weir


@pytest.fixture
def repository(weir: Weir, prefix: str) -> str:
    weir.repository(f"{prefix}/app")
    return f"{prefix}/app"


# The clients

def test_skopeo_pushes_and_podman_pulls(
    weir: Weir, repository: str, sample: tuple[Image, str], skopeo: Skopeo, podman: Podman,
) -> None:
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password())
    assert skopeo.pull(f"{weir.host}/{repository}:1", weir.password()) == sample[0].digest
    assert skopeo.list_tags(f"{weir.host}/{repository}", weir.password()) == ["1"]
    podman.login(weir.host, weir.password())
    assert sample[0].digest in podman.pull(f"{weir.host}/{repository}:1")


def test_skopeo_pushes_dockers_own_format(
    weir: Weir, repository: str, sample: tuple[Image, str], skopeo: Skopeo,
) -> None:
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password(), format="v2s2")
    answer = weir.distribution().manifest(repository, "1")
    assert answer.headers["Content-Type"] == DOCKER_LIST
    assert len(weir.distribution().pull(repository, "1")) > 4


def test_docker_pushes_and_skopeo_pulls(
    weir: Weir, repository: str, sample: tuple[Image, str], docker: Docker, skopeo: Skopeo, tmp_path: Path,
) -> None:
    weir.repository(f"{repository}-source")
    skopeo.push(sample[1], f"{weir.host}/{repository}-source:1", weir.password())
    docker.login(weir.host, weir.password())
    docker.pull(f"{weir.host}/{repository}-source:1")
    docker.tag(f"{weir.host}/{repository}-source:1", f"{weir.host}/{repository}:2")
    docker.push(f"{weir.host}/{repository}:2")
    docker.remove(f"{weir.host}/{repository}-source:1", f"{weir.host}/{repository}:2")
    pushed = weir.distribution().manifest(repository, "2").headers["Docker-Content-Digest"]
    assert skopeo.pull(f"{weir.host}/{repository}:2", weir.password()) == pushed


def test_podman_pushes(weir: Weir, repository: str, sample: tuple[Image, str], podman: Podman, skopeo: Skopeo) -> None:
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password())
    podman.login(weir.host, weir.password())
    podman.pull(f"{weir.host}/{repository}:1")
    podman.tag(f"{weir.host}/{repository}:1", f"{weir.host}/{repository}:by-podman")
    podman.push(f"{weir.host}/{repository}:by-podman")
    weir.distribution().pull(repository, "by-podman")


def test_buildah_builds_on_and_pushes(
    weir: Weir, repository: str, sample: tuple[Image, str], buildah: Buildah, skopeo: Skopeo, tmp_path: Path,
) -> None:
    skopeo.push(sample[1], f"{weir.host}/{repository}:1", weir.password())
    buildah.login(weir.host, weir.password())
    (tmp_path / "file").write_text("added by buildah")
    buildah.build_on(f"{weir.host}/{repository}:1", tmp_path / "file", f"{weir.host}/{repository}:built")
    buildah.push(f"{weir.host}/{repository}:built")
    document = weir.distribution().manifest(repository, "built").json()
    base = json.loads(sample[0].children[0].content)
    assert len(document["layers"]) == len(base["layers"]) + 1
    weir.distribution().pull(repository, "built")


# By hand

def test_a_blob_in_chunks(weir: Weir, repository: str) -> None:
    content, client = random.Random(1).randbytes(3 * MIB), weir.distribution()
    location, sent = client.begin(repository), 0
    for size in (MIB, 100, 2 * MIB - 100):
        piece = content[sent:sent + size]
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{sent}-{sent + size - 1}"}
        answer = client.request("PATCH", location, data=piece, headers=headers)
        sent += size
        assert answer.status_code in (201, 202), answer.text
        assert answer.headers["Range"] == f"0-{sent - 1}"
        location = answer.headers["Location"]
        status = client.request("GET", location)
        assert (status.status_code, status.headers["Range"]) == (204, f"0-{sent - 1}")
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    answer = client.request("PUT", location, params={"digest": digest})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Docker-Content-Digest"] == digest
    assert client.blob(repository, digest).content == content


def test_a_blob_without_a_length(weir: Weir, repository: str) -> None:
    content, client = random.Random(2).randbytes(MIB + 7), weir.distribution()
    location = client.begin(repository)
    pieces = (content[start:start + 50_000] for start in range(0, len(content), 50_000))
    answer = client.request("PATCH", location, data=pieces)  # An iterator: requests sends it chunked.
    assert answer.status_code in (201, 202), answer.text
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert client.request("PUT", answer.headers["Location"], params={"digest": digest}).status_code == 201
    assert client.blob(repository, digest).content == content


def test_a_blob_in_one_post(weir: Weir, repository: str) -> None:
    content, client = b"one piece", weir.distribution()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    answer = client.request("POST", f"/v2/{repository}/blobs/uploads/", params={"digest": digest}, data=content)
    if answer.status_code == 202:  # The specification lets a registry fall back to a session.
        answer = client.request("PUT", answer.headers["Location"], params={"digest": digest}, data=content)
    assert answer.status_code == 201, answer.text
    assert client.blob(repository, digest).content == content


def test_chunks_out_of_order(weir: Weir, repository: str) -> None:
    client = weir.distribution()
    location = client.begin(repository)
    first = client.request("PATCH", location, data=b"0123456789", headers={"Content-Range": "0-9"})
    gap = client.request("PATCH", first.headers["Location"], data=b"x", headers={"Content-Range": "20-20"})
    assert gap.status_code == 416, gap.text
    again = client.request("PATCH", first.headers["Location"], data=b"abcde", headers={"Content-Range": "10-14"})
    assert again.status_code in (201, 202), again.text
    digest = "sha256:" + hashlib.sha256(b"0123456789abcde").hexdigest()
    assert client.request("PUT", again.headers["Location"], params={"digest": digest}).status_code == 201


def test_a_blob_that_is_not_its_digest(weir: Weir, repository: str) -> None:
    client, digest = weir.distribution(), "sha256:" + hashlib.sha256(b"something else").hexdigest()
    answer = client.request("PUT", client.begin(repository), params={"digest": digest}, data=b"content")
    assert_error(answer, 400, "DIGEST_INVALID")
    assert client.request("HEAD", f"/v2/{repository}/blobs/{digest}").status_code == 404
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")


def test_an_upload_is_cancelled(weir: Weir, repository: str) -> None:
    client = weir.distribution()
    location = client.begin(repository)
    client.request("PATCH", location, data=b"some")
    assert client.request("DELETE", location).status_code == 204
    assert_error(client.request("GET", location), 404, "BLOB_UPLOAD_UNKNOWN")
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")


def test_a_manifest_of_what_is_not_there(weir: Weir, repository: str, sample: tuple[Image, str]) -> None:
    client = weir.distribution()
    for manifest in sample[0].manifests:
        answer = client.request(
            "PUT", f"/v2/{repository}/manifests/1", data=manifest.content,
            headers={"Content-Type": manifest.media_type})
        assert 400 <= answer.status_code < 500, answer.text
        assert client.manifest(repository, "1").status_code == 404


def test_pushing_where_there_is_no_repository(weir: Weir) -> None:
    client = weir.distribution()
    answer = client.request("POST", "/v2/not/there/blobs/uploads/")
    assert_error(answer, 404, "NAME_UNKNOWN", "The repository with name 'not/there' does not exist in the registry")


def test_an_immutable_tag(weir: Weir, prefix: str) -> None:
    name, client = f"{prefix}/app", weir.distribution()
    weir.repository(name, imageTagMutability="IMMUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=[
        {"filterType": "WILDCARD", "filter": "latest"}])
    first, second = (single([random_layer(f"{prefix}-{number}", 2000)]) for number in range(2))
    for tag in ("1.0", "latest"):
        client.push(name, tag, first)
    client.push(name, "1.0", first)  # The same image again changes nothing.
    client.push(name, "latest", second)
    answer = client.request("PUT", f"/v2/{name}/manifests/1.0", data=second.top.content,
                            headers={"Content-Type": second.top.media_type})
    assert_error(answer, 400, "TAG_INVALID",
                 f"The image tag '1.0' already exists in the '{name}' repository and cannot be overwritten because the")
    assert client.manifest(name, "1.0").headers["Docker-Content-Digest"] == first.digest


def test_tags_in_pages(weir: Weir, repository: str) -> None:
    client, image = weir.distribution(), single([random_layer("tags", 1000)])
    names = [f"tag-{number:02}" for number in range(7)]
    for name in names:
        client.push(repository, name, image)
    assert sorted(client.tags(repository)) == names
    found, path = [], f"/v2/{repository}/tags/list?n=3"
    while path:
        answer = client.request("GET", path)
        assert answer.json()["name"] == repository
        found += answer.json()["tags"]
        path = answer.links.get("next", {}).get("url")
    assert found == names
    assert_error(client.request("GET", f"/v2/{repository}/tags/list?n=1001"), 405, "UNSUPPORTED",
                 "Member must have value less than or equal to 1000")


def test_the_image_operations(weir: Weir, repository: str, sample: tuple[Image, str]) -> None:
    ecr, client = weir.client("ecr"), weir.distribution()
    client.push(repository, "multi", sample[0])
    plain = single([random_layer(repository, 9000)])
    client.push(repository, "plain", plain)
    client.push_manifest(repository, "other", plain.top)

    tagged = ecr.list_images(repositoryName=repository, filter={"tagStatus": "TAGGED"})["imageIds"]
    assert {(one["imageTag"], one["imageDigest"]) for one in tagged} == {
        ("multi", sample[0].digest), ("plain", plain.digest), ("other", plain.digest)}
    untagged = ecr.list_images(repositoryName=repository, filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert {one["imageDigest"] for one in untagged} == {child.digest for child in sample[0].children}

    (detail,) = ecr.describe_images(
        repositoryName=repository, imageIds=[{"imageTag": "plain"}])["imageDetails"]
    assert sorted(detail["imageTags"]) == ["other", "plain"]
    assert detail["imageManifestMediaType"] == plain.top.media_type
    assert detail["imagePushedAt"]

    got = ecr.batch_get_image(repositoryName=repository, imageIds=[
        {"imageTag": "plain"}, {"imageTag": "absent"}, {"imageDigest": "nonsense"}, {}])
    assert [one["imageManifest"].encode() for one in got["images"]] == [plain.top.content]
    assert {one["failureCode"] for one in got["failures"]} == {
        "ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag"}

    child = sample[0].children[0].digest
    kept = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": child}])
    assert [one["failureCode"] for one in kept["failures"]] == ["ImageReferencedByManifestList"]
    gone = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "other"}])
    assert gone["imageIds"] == [{"imageTag": "other", "imageDigest": plain.digest}]
    client.pull(repository, "plain")
    with refused("RepositoryNotEmptyException"):
        ecr.delete_repository(repositoryName=repository)
    ecr.delete_repository(repositoryName=repository, force=True)
    assert_error(client.manifest(repository, "plain"), 404, "NAME_UNKNOWN")


def test_a_subject_is_kept(weir: Weir, repository: str) -> None:
    client, image = weir.distribution(), single([random_layer("subject", 1000)])
    client.push(repository, "1", image)
    document = json.loads(image.top.content) | {"subject": image.top.descriptor()}
    answer = client.request(
        "PUT", f"/v2/{repository}/manifests/referrer", data=json.dumps(document),
        headers={"Content-Type": image.top.media_type})
    assert answer.status_code == 201
    (detail,) = weir.client("ecr").describe_images(
        repositoryName=repository, imageIds=[{"imageTag": "referrer"}])["imageDetails"]
    assert detail["subjectManifestDigest"] == image.digest


def test_deleting_by_digest(weir: Weir, repository: str) -> None:
    client, image = weir.distribution(), single([random_layer("delete", 1000)])
    client.push(repository, "1", image)
    assert client.request("DELETE", f"/v2/{repository}/manifests/{image.digest}").status_code == 202
    assert_error(client.manifest(repository, "1"), 404, "MANIFEST_UNKNOWN")
