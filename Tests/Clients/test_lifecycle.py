"""Lifecycle policies and the archive, as boto3, the aws CLI and container clients see them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.expect import assert_error, refused
from harness.images import MANIFEST, Blob, Image, index, random_layer, single
from harness.processes import clean_environment, run
from harness.weir import PROGRAM, Weir

KIB = 1024


def rule(priority: int, status: str, number: int = 1, action: str = "expire", **selection: Any) -> dict[str, Any]:
    selected = {"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": number, **selection}
    done = {"type": action} | ({"targetStorageClass": "archive"} if action == "transition" else {})
    return {"rulePriority": priority, "description": f"rule {priority}", "selection": selected, "action": done}


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": rules})


@pytest.fixture
def repository(weir: Weir, prefix: str) -> str:
    weir.repository(f"{prefix}/app")
    return f"{prefix}/app"


@pytest.fixture
def push(weir: Weir, repository: str) -> Callable[[str], str]:
    """Pushes a small image under a tag. Returns its digest."""
    def push(tag: str) -> str:
        return weir.distribution().push(repository, tag, single([random_layer(tag, KIB)], note=tag))

    return push


def digests(weir: Weir, repository: str, **filters: str) -> set[str]:
    pages = weir.client("ecr").get_paginator("list_images").paginate(repositoryName=repository, filter=filters)
    return {one["imageDigest"] for page in pages for one in page["imageIds"]}


def describe(weir: Weir, repository: str, digest: str) -> dict[str, Any]:
    answer = weir.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])
    return answer["imageDetails"][0]


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"it did not happen within a minute: {what}"
        time.sleep(0.05)


def command(weir: Weir, *words: str) -> str:
    """Runs a command of the program against the server. Returns its output."""
    said = [PROGRAM, *words, "--endpoint", weir.url, "--data", weir.data]
    return run(said, clean_environment(weir.folder / "home")).stdout


# Previews

def test_a_preview_completes_for_the_waiter_and_pages(weir: Weir, repository: str, push: Callable[[str], str]) -> None:
    ecr = weir.client("ecr")
    with refused("LifecyclePolicyPreviewNotFoundException"):
        ecr.get_lifecycle_policy_preview(repositoryName=repository)
    with refused("LifecyclePolicyNotFoundException"):
        ecr.start_lifecycle_policy_preview(repositoryName=repository)
    pushed = [push(f"v{number}") for number in range(5)]
    text = policy(rule(1, "tagged", 1, tagPrefixList=["v"]), rule(2, "any", 1))
    started = ecr.start_lifecycle_policy_preview(repositoryName=repository, lifecyclePolicyText=text)
    assert (started["status"], started["lifecyclePolicyText"]) == ("IN_PROGRESS", text)
    # The waiter asks every five seconds; the first answer nearly always says COMPLETE.
    eventually(lambda: ecr.get_lifecycle_policy_preview(repositoryName=repository)["status"] != "IN_PROGRESS", "a preview")
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName=repository)
    pages = list(ecr.get_paginator("get_lifecycle_policy_preview").paginate(
        repositoryName=repository, PaginationConfig={"PageSize": 3}))
    found = [one for page in pages for one in page["previewResults"]]
    assert len(pages) == 2
    assert {one["imageDigest"] for one in found} == set(pushed[:4])
    assert all(one["action"] == {"type": "EXPIRE"} for one in found)
    assert all((one["appliedRulePriority"], one["storageClass"]) == (1, "STANDARD") for one in found)
    assert pages[0]["summary"] == {"expiringImageTotalCount": 4}
    one = ecr.get_lifecycle_policy_preview(repositoryName=repository, imageIds=[{"imageTag": "v0"}, {"imageTag": "v4"}])
    assert [result["imageTags"] for result in one["previewResults"]] == [["v0"]]
    none = ecr.get_lifecycle_policy_preview(repositoryName=repository, filter={"tagStatus": "UNTAGGED"})
    assert none["previewResults"] == []
    with refused("InvalidParameterException"):
        ecr.get_lifecycle_policy_preview(repositoryName=repository, imageIds=[{"imageTag": "v0"}], maxResults=1)
    # Nothing was done.
    assert digests(weir, repository) == set(pushed)


def test_a_preview_tells_what_would_be_archived(weir: Weir, repository: str, push: Callable[[str], str]) -> None:
    ecr = weir.client("ecr")
    for number in range(3):
        push(f"v{number}")
    text = policy(rule(1, "any", 1, "transition"))
    ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=text)
    ecr.start_lifecycle_policy_preview(repositoryName=repository)
    eventually(lambda: ecr.get_lifecycle_policy_preview(repositoryName=repository)["status"] == "COMPLETE", "a preview")
    preview = ecr.get_lifecycle_policy_preview(repositoryName=repository)
    assert preview["summary"] == {
        "expiringImageTotalCount": 0,
        "transitioningImageTotalCounts": [{"targetStorageClass": "ARCHIVE", "imageTotalCount": 2}]}
    assert preview["previewResults"][0]["action"] == {"type": "TRANSITION", "targetStorageClass": "ARCHIVE"}


# The schedule

def test_policies_are_carried_out_on_a_schedule(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--lifecycle-interval", "1"])
    weir.repository("app")
    ecr = weir.client("ecr")
    parts = [single([random_layer(f"part {number}", KIB)], note=f"part {number}") for number in range(2)]
    children = [part.top for part in parts]
    listed = Image(index({"amd64": children[0], "arm64": children[1]}),
                   tuple(blob for part in parts for blob in part.blobs), tuple(children))
    door = weir.distribution()
    kept = door.push("app", "list", listed)
    old = door.push("app", "v1", single([random_layer("old", KIB)], note="old"))
    new = door.push("app", "v2", single([random_layer("new", KIB)], note="new"))
    signature = Blob(json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "test/signature",
        "config": parts[0].blobs[0].descriptor(), "layers": [],
        "subject": {"mediaType": MANIFEST, "digest": old, "size": len(door.manifest("app", "v1").content)},
    }).encode(), MANIFEST)
    door.push_manifest("app", signature.digest, signature)
    ecr.put_lifecycle_policy(
        repositoryName="app",
        lifecyclePolicyText=policy(rule(1, "tagged", 1, tagPrefixList=["v"]), rule(2, "untagged", 1)))
    # The older version goes, and its signature with it. The untagged parts of the list stay.
    expected = {kept, new, *(child.digest for child in children)}
    eventually(lambda: digests(weir, "app") == expected, f"{digests(weir, 'app')} becoming {expected}")
    assert_error(door.manifest("app", "v1"), 404, "MANIFEST_UNKNOWN")
    assert len(door.pull("app", "list")) > 4
    eventually(lambda: "lastEvaluatedAt" in ecr.get_lifecycle_policy(repositoryName="app"), "an evaluation")
    told = [json.loads(line) for line in weir.audit.read_text().splitlines() if "PolicyExecutionEvent" in line]
    done = {action["lifecycleEventImage"]["digest"]: action["rulePriority"]
            for record in told for action in record["serviceEventDetails"]["lifecycleEventImageActions"]}
    assert done == {old: 1, signature.digest: 1}
    failures = [failure for record in told for failure in record["serviceEventDetails"]["lifecycleEventFailureDetails"]]
    assert {one["failureCode"] for one in failures} == {"ImageReferencedByManifestList"}
    events = [json.loads(line) for line in weir.events.read_text().splitlines()]
    deleted = {event["detail"]["image-digest"]: event["detail-type"] for event in events
               if event["detail"].get("action-type") == "DELETE"}
    assert deleted == {old: "ECR Image Action", signature.digest: "ECR Referrer Action"}
    # Deleted together with the policy: the time of the last run.
    assert "lastEvaluatedAt" in ecr.delete_lifecycle_policy(repositoryName="app")


# The archive

def test_an_archived_image_is_listed_and_not_pulled(weir: Weir, repository: str, push: Callable[[str], str]) -> None:
    ecr = weir.client("ecr")
    digest = push("v1")
    moved = ecr.update_image_storage_class(
        repositoryName=repository, imageId={"imageTag": "v1"}, targetStorageClass="ARCHIVE")
    assert moved["imageStatus"] == "ARCHIVED"
    assert moved["imageId"] == {"imageDigest": digest, "imageTag": "v1"}
    door = weir.distribution()
    for reference in ("v1", digest):
        assert_error(door.manifest(repository, reference), 404, "MANIFEST_UNKNOWN")
        assert door.manifest(repository, reference, "HEAD").status_code == 404
    assert door.tags(repository) == []
    assert digests(weir, repository) == set()
    assert digests(weir, repository, imageStatus="ARCHIVED") == {digest}
    assert digests(weir, repository, imageStatus="ANY", tagStatus="TAGGED") == {digest}
    assert digests(weir, repository, imageStatus="ANY", tagStatus="UNTAGGED") == set()
    told = describe(weir, repository, digest)
    assert told["imageStatus"] == "ARCHIVED"
    assert told["lastArchivedAt"] and "lastActivatedAt" not in told
    batch = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert [failure["failureCode"] for failure in batch["failures"]] == ["ImageInaccessible"]
    with refused("ImageStorageClassUpdateNotSupportedException", "not active"):
        ecr.update_image_storage_class(
            repositoryName=repository, imageId={"imageTag": "v1"}, targetStorageClass="ARCHIVE")
    back = ecr.update_image_storage_class(
        repositoryName=repository, imageId={"imageTag": "v1"}, targetStorageClass="STANDARD")
    assert back["imageStatus"] == "ACTIVATING"
    eventually(lambda: describe(weir, repository, digest)["imageStatus"] == "ACTIVE", "an activation")
    assert "lastActivatedAt" in describe(weir, repository, digest)
    assert digest in door.pull(repository, "v1")
    events = [json.loads(line)["detail"] for line in weir.events.read_text().splitlines()]
    moves = [event["target-storage-class"] for event in events
             if event.get("action-type") == "UPDATE_STORAGE_CLASS" and event["repository-name"] == repository]
    assert moves == ["ARCHIVE", "STANDARD"]


def test_pushing_an_archived_image_again_restores_it(weir: Weir, repository: str, push: Callable[[str], str]) -> None:
    ecr = weir.client("ecr")
    digest = push("v1")
    ecr.update_image_storage_class(
        repositoryName=repository, imageId={"imageDigest": digest}, targetStorageClass="ARCHIVE")
    assert push("v1") == digest
    assert describe(weir, repository, digest)["imageStatus"] == "ACTIVE"
    assert digest in weir.distribution().pull(repository, "v1")


def test_a_move_that_is_none_is_refused(weir: Weir, repository: str, push: Callable[[str], str]) -> None:
    ecr = weir.client("ecr")
    push("v1")
    with refused("ImageStorageClassUpdateNotSupportedException", "not in the archive"):
        ecr.update_image_storage_class(
            repositoryName=repository, imageId={"imageTag": "v1"}, targetStorageClass="STANDARD")
    with refused("ImageNotFoundException"):
        ecr.update_image_storage_class(
            repositoryName=repository, imageId={"imageTag": "v2"}, targetStorageClass="ARCHIVE")
    with refused("InvalidParameterException"):
        ecr.update_image_storage_class(repositoryName=repository, imageId={}, targetStorageClass="ARCHIVE")
    with refused("RepositoryNotFoundException"):
        ecr.update_image_storage_class(
            repositoryName=f"{repository}-none", imageId={"imageTag": "v1"}, targetStorageClass="ARCHIVE")


def test_a_run_archives_by_command(weir: Weir, repository: str, push: Callable[[str], str]) -> None:
    ecr = weir.client("ecr")
    old, new = push("v1"), push("v2")
    ecr.put_lifecycle_policy(
        repositoryName=repository, lifecyclePolicyText=policy(rule(1, "any", 1, "transition")))
    for words, status in ((["--dry-run"], "ACTIVE"), ([], "ARCHIVED")):
        command(weir, "lifecycle", repository, *words)
        assert describe(weir, repository, old)["imageStatus"] == status
    assert describe(weir, repository, new)["imageStatus"] == "ACTIVE"
