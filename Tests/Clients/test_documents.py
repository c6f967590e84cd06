"""Bounds on documents: what a manifest, a batch, a policy or a stream of small calls may cost the server and its other clients."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Callable

import pytest
import requests

from harness.distribution import errors
from harness.images import INDEX, MANIFEST, Blob, Image, random_layer, sha256, single
from harness.signing import send, signed
from harness.weir import Weir

CONFIG = "application/vnd.oci.image.config.v1+json"


def put(weir: Weir, repository: str, reference: str, document: object, media_type: str | None = MANIFEST) -> requests.Response:
    return weir.distribution().request(
        "PUT", f"/v2/{repository}/manifests/{reference}", data=json.dumps(document, separators=(",", ":")),
        headers={"Content-Type": media_type} if media_type else {})


def pushed(weir: Weir, repository: str) -> Image:
    """A repository with a complete image."""
    weir.client("ecr").create_repository(repositoryName=repository)
    image = single([random_layer(repository, 300)], note=repository)
    weir.distribution().push(repository, "1", image)
    return image


def descriptors(count: int, media_type: str = "application/x") -> list[dict[str, object]]:
    return [{"mediaType": media_type, "digest": sha256(b"%d" % number), "size": 1} for number in range(count)]


# Types

TYPES = ["a\x00b/c", "\x00", "a/b\x01", "a/b\n", "text", "a b/c", "/", "a/", "/b", "a/b/c", "ä/b", "a/" + "b" * 128, "x" * 70_000]


@pytest.mark.parametrize("odd", TYPES, ids=lambda text: repr(text[:12]))
def test_media_types(weir: Weir, odd: str) -> None:
    """No database holds U+0000, and no client reads a header of 70 KB: RFC 6838 bounds a type at 127 characters each side."""
    repository = "types"
    if not weir.client("ecr").describe_repositories()["repositories"]:
        pushed(weir, repository)
    image = json.loads(single([random_layer(repository, 300)], note=repository).top.content)
    for change in ({"mediaType": odd}, {"artifactType": odd}, {"config": image["config"] | {"mediaType": odd}}):
        document = image | change
        answer = put(weir, repository, "odd", document, None if "mediaType" in change else MANIFEST)
        assert answer.status_code == 400, f"{change}: {answer.status_code} {answer.text[:300]}"
        assert errors(answer)[0][0] == "MANIFEST_INVALID"
        assert len(answer.content) < 2_000
        told = send(signed(weir, "ecr", "PutImage", json.dumps(
            {"repositoryName": repository, "imageManifest": json.dumps(document), "imageTag": "odd"})))
        assert told.status_code == 400, f"{change}: {told.status_code} {told.text[:300]}"
    for header in ("x" * 8_000, "a b", "a/b/c"):
        document = {name: value for name, value in image.items() if name != "mediaType"}
        assert put(weir, repository, "odd", document, header).status_code == 400
    assert weir.distribution().request("GET", f"/v2/{repository}/manifests/odd").status_code == 404


# Descriptors

def test_tens_of_thousands_of_layers(weir: Weir) -> None:
    """Each layer would be a database query, and a digest in the answer and in the log."""
    pushed(weir, "many")
    config = {"mediaType": CONFIG, "digest": sha256(b"config"), "size": 6}
    begun = len(weir.output)
    for count in (1_001, 25_000):
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors(count)}
        answer = put(weir, "many", "x", document)
        assert answer.status_code == 400 and errors(answer)[0][0] == "MANIFEST_INVALID", answer.text[:300]
        answer = put(weir, "many", "x", {"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors(count, MANIFEST)}, INDEX)
        assert answer.status_code == 400 and errors(answer)[0][0] == "MANIFEST_INVALID", answer.text[:300]
    for document in (
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors(999)},
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors(1_000, MANIFEST)},
    ):
        answer = put(weir, "many", "x", document, document["mediaType"])
        assert answer.status_code == 400 and "990 more" in answer.text, answer.text[:300]
        assert len(answer.content) < 3_000
    assert len(weir.output) - begun < 40_000


def test_a_push_goes_on_beside_the_greedy_one(weir: Weir) -> None:
    """A refusal comes before the one transaction that all pushes wait for."""
    image = pushed(weir, "greedy")
    document = json.loads(image.top.content)
    document["layers"] = descriptors(999)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(put, weir, "greedy", "x", document) for _ in range(16)]
        assert put(weir, "greedy", "2", json.loads(image.top.content) | {"annotations": {"a": "b"}}).status_code == 201
        assert all(one.result().status_code == 400 for one in waiting)


def test_lists_in_lists(weir: Weir) -> None:
    """Four lists around an image: a walk through a list must end."""
    image = pushed(weir, "deep")
    held = image.top
    for level in range(2, 7):
        entries = [{"mediaType": held.media_type, "digest": held.digest, "size": len(held.content)}]
        held = Blob(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode(), INDEX)
        answer = weir.distribution().push_manifest("deep", held.digest, held) if level < 6 else weir.distribution().request(
            "PUT", f"/v2/deep/manifests/{held.digest}", data=held.content, headers={"Content-Type": INDEX})
        assert answer.status_code == (201 if level < 6 else 400), f"{level}: {answer.text}"


# Answers

def large(number: int) -> str:
    """An image's manifest of nearly 4 MB."""
    return json.dumps({"pad": [f"{number}"] + ["x" * 1000] * 3_850})


def test_the_same_manifest_a_hundred_times(weir: Weir) -> None:
    """A call of 2 KB would be answered with 390 MB."""
    image = pushed(weir, "batch")
    client = weir.distribution()
    digests = []
    for number in range(6):
        document = json.loads(image.top.content) | json.loads(large(number))
        answer = put(weir, "batch", f"big-{number}", document)
        assert answer.status_code == 201, answer.text[:300]
        digests.append(answer.headers["Docker-Content-Digest"])
    ecr = weir.client("ecr")
    before = weir.peak_memory
    told = send(signed(weir, "ecr", "BatchGetImage", json.dumps(
        {"repositoryName": "batch", "imageIds": [{"imageDigest": digests[0]}] * 100})))
    assert told.status_code == 200 and len(told.json()["images"]) == 1 and not told.json()["failures"]
    ids = [{"imageDigest": digest} for digest in digests] + [{"imageTag": f"big-{number}"} for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ecr.batch_get_image(repositoryName="batch", imageIds=ids), range(4)))
    for answer in answers:
        assert sum(len(one["imageManifest"]) for one in answer["images"]) <= 16 * 2**20
        assert 1 <= len(answer["images"]) < 12 and len(answer["images"]) + len(answer["failures"]) == 12
        assert {one["failureCode"] for one in answer["failures"]} == {"ImageInaccessible"}
        assert "fewer" in answer["failures"][0]["failureReason"]
    assert weir.peak_memory - before < 900 * 2**20
    small = ecr.batch_get_image(repositoryName="batch", imageIds=[{"imageTag": "1"}, {"imageTag": "1"}, {"imageDigest": image.digest}])
    assert len(small["images"]) == 2 and not small["failures"]
    assert client.request("GET", "/v2/batch/manifests/big-0").status_code == 200


# Quotas

def test_one_repositorys_uploads_keep_nobody_out(make_weir: Callable[..., Weir]) -> None:
    """Beginning an upload costs its client nothing: one who begins as many as possible uses up only one repository's share."""
    weir = make_weir()
    for name in ("greedy", "other"):
        weir.client("ecr").create_repository(repositoryName=name)
    client = weir.distribution()
    refused = None

    def begin(_: int) -> requests.Response:
        return weir.distribution().request("POST", "/v2/greedy/blobs/uploads/")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for start in range(0, 10_400, 400):
            answers = list(pool.map(begin, range(start, start + 400)))
            refused = next((one for one in answers if one.status_code != 202), None)
            if refused is not None:
                break
    assert refused is not None and refused.status_code == 429, refused
    assert "greedy" in refused.text and int(refused.headers["Retry-After"]) > 0
    layer = random_layer("other", 100)
    assert client.push_blob("other", layer.content, layer.digest).status_code == 201
    assert weir.client("ecr").initiate_layer_upload(repositoryName="other")["uploadId"]


# Policies

def test_a_long_header_costs_little(weir: Weir) -> None:
    """`${aws:UserAgent}` again and again, with a header of 8 KB: a value that is too long is not compared. No Allow holds because of it, and
    no Deny fails.
    """
    image = pushed(weir, "variables")
    pattern = "*" + "${aws:UserAgent}*" * 500
    policy = {"Version": "2012-10-17", "Statement": [{
        "Sid": "deny", "Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage",
        "Condition": {"StringLike": {"aws:UserAgent": pattern}}}]}
    weir.client("ecr").set_repository_policy(repositoryName="variables", policyText=json.dumps(policy))
    client = weir.distribution()
    begun = time.monotonic()
    for _ in range(5):
        answer = client.request("GET", f"/v2/variables/manifests/{image.digest}", headers={"User-Agent": "a" * 8_000})
        assert answer.status_code == 403
    assert time.monotonic() - begun < 20
    assert client.request("GET", f"/v2/variables/manifests/{image.digest}", headers={"User-Agent": "short"}).status_code == 200
