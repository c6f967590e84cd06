"""The OCI distribution specification 1.1 and additions of its next version: each behaviour of the conformance suite, requested as that suite
does.

Pull, push, content discovery and content management; and each kind of content in the suite the whole way: pushed, listed, requested,
pulled, its referrers found, deleted.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from harness.distribution import Distribution
from harness.expect import assert_error
from harness.images import INDEX, MANIFEST
from harness.weir import Weir

EMPTY_JSON = "application/vnd.oci.empty.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EXAMPLE = "application/vnd.example.oci.conformance"
ALGORITHMS = ("sha256", "sha512")
NOWHERE = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def client(weir: Weir) -> Distribution:
    weir.client("ecr").put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    for name in ("conformance/repo1", "conformance/repo2"):
        weir.repository(name)
    return weir.distribution()


REPO, OTHER = "conformance/repo1", "conformance/repo2"


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def octets(seed: str, size: int = 512) -> bytes:
    return random.Random(seed).randbytes(size)


def put(client: Distribution, location: str, digest: str, data: bytes | None = None, **headers: str) -> requests.Response:
    headers = {"Content-Type": "application/octet-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request("PUT", urljoin(client.url, location), params={"digest": digest}, data=data, headers=headers)


def patch(client: Distribution, location: str, data: Any, **headers: str) -> requests.Response:
    headers = {"Content-Type": "application/octet-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request("PATCH", urljoin(client.url, location), data=data, headers=headers)


def assert_created(client: Distribution, answer: requests.Response, content: bytes, digest: str) -> None:
    """201, with the digest, and the content at the place that the answer names."""
    assert answer.status_code == 201, f"{answer.status_code}: {answer.text[:300]}"
    assert answer.headers["Docker-Content-Digest"] == digest
    found = client.request("GET", urljoin(client.url, answer.headers["Location"]))
    assert (found.status_code, found.content) == (200, content)
    assert found.headers["Docker-Content-Digest"] == digest


def assert_there(client: Distribution, repository: str, digest: str, content: bytes) -> None:
    for method in ("HEAD", "GET"):
        answer = client.request(method, f"/v2/{repository}/blobs/{digest}")
        assert answer.status_code == 200
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.content == content


def remove_blob(client: Distribution, repository: str, digest: str) -> None:
    assert client.request("DELETE", f"/v2/{repository}/blobs/{digest}").status_code == 202
    assert client.request("HEAD", f"/v2/{repository}/blobs/{digest}").status_code == 404


# Pull

def test_ping(client: Distribution) -> None:
    answer = client.request("GET", "/v2/")
    assert answer.status_code == 200
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", [
    "manifests/.INVALID_MANIFEST_NAME", "manifests/missing", f"manifests/{NOWHERE}", f"blobs/{NOWHERE}",
])
def test_what_is_not_there(client: Distribution, method: str, target: str) -> None:
    answer = client.request(method, f"/v2/{REPO}/{target}")
    assert answer.status_code == 404
    if method == "GET":
        code = "BLOB_UNKNOWN" if target.startswith("blobs") else "MANIFEST_UNKNOWN"
        assert_error(answer, 404, code)


def test_a_digest_that_is_none(client: Distribution) -> None:
    for target in ("manifests/sha256:baddigeststring", "blobs/sha256:baddigeststring", "referrers/sha256:baddigeststring"):
        assert_error(client.request("GET", f"/v2/{REPO}/{target}"), 400, "DIGEST_INVALID")


def test_error_bodies(client: Distribution) -> None:
    answer = client.request("GET", "/v2/conformance/not-there/manifests/1")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert_error(answer, 404, "NAME_UNKNOWN")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ranges(client: Distribution, algorithm: str) -> None:
    content = octets(f"range-{algorithm}", 2048)
    digest = digest_of(content, algorithm)
    client.push_blob(REPO, content, digest)
    for asked, first, last in (("500-1499", 500, 1499), ("500-", 500, 2047), ("-500", 1548, 2047), ("2000-5000", 2000, 2047)):
        answer = client.blob(REPO, digest, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, content[first:last + 1]), asked
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/2048"
        assert answer.headers["Content-Length"] == str(last - first + 1)
    for asked in ("500-0", "5000-10000"):
        assert client.blob(REPO, digest, headers={"Range": f"bytes={asked}"}).status_code == 416, asked
    remove_blob(client, REPO, digest)


# Push: every way in, with both digests

def post_only(client: Distribution, content: bytes, digest: str) -> requests.Response:
    return client.request("POST", f"/v2/{REPO}/blobs/uploads/", params={"digest": digest}, data=content,
                          headers={"Content-Type": "application/octet-stream"})


def post_put(client: Distribution, content: bytes, digest: str) -> requests.Response:
    return put(client, client.begin(REPO), digest, content)


def streamed(client: Distribution, content: bytes, digest: str) -> requests.Response:
    pieces = (content[at:at + 1000] for at in range(0, len(content), 1000))
    answer = patch(client, client.begin(REPO), pieces)
    assert answer.status_code == 202, answer.text
    return put(client, answer.headers["Location"], digest)


def chunked(client: Distribution, content: bytes, digest: str, put_last: bool = False, disorder: bool = False) -> requests.Response:
    location, at, size = client.begin(REPO), 0, 1024
    while at < len(content):
        if disorder:
            location = out_of_order(client, location, content, at, size, digest if put_last else None)
        last = min(at + size, len(content)) - 1
        piece, headers = content[at:last + 1], {"Content_Range": f"{at}-{last}"}
        if put_last and last == len(content) - 1:
            return put(client, location, digest, piece, **headers)
        answer = patch(client, location, piece, **headers)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{last}"), answer.text
        location, at = answer.headers["Location"], last + 1
    return put(client, location, digest)


def out_of_order(
    client: Distribution, location: str, content: bytes, at: int, size: int, digest: str | None,
) -> str:
    """Sends a wrong chunk, and asks where the upload goes on."""
    begin = at + size if at + size < len(content) else 0
    last = min(begin + size, len(content)) - 1
    headers = {"Content_Range": f"{begin}-{last}"}
    if digest and last == len(content) - 1:
        refused = put(client, location, digest, content[begin:last + 1], **headers)
    else:
        refused = patch(client, location, content[begin:last + 1], **headers)
    if begin == at == 0:
        raise AssertionError("the content is too short for disorder")
    assert refused.status_code == 416, refused.text
    assert refused.headers["Location"] and refused.headers["Range"] == f"0-{max(at - 1, 0)}"
    status = client.request("GET", urljoin(client.url, location))
    assert (status.status_code, status.headers["Range"]) == (204, f"0-{max(at - 1, 0)}")
    return status.headers["Location"]


WAYS: dict[str, Callable[..., requests.Response]] = {
    "post only": post_only, "post and put": post_put, "stream": streamed, "chunks": chunked,
    "chunks, the last by put": lambda *words: chunked(*words, put_last=True),
    "chunks, disordered": lambda *words: chunked(*words, disorder=True),
    "chunks, disordered, the last by put": lambda *words: chunked(*words, put_last=True, disorder=True),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("way", WAYS)
def test_blobs_go_up(client: Distribution, way: str, algorithm: str) -> None:
    content = octets(f"{way}-{algorithm}", 3 * 1024 - 5)
    digest = digest_of(content, algorithm)
    assert_created(client, WAYS[way](client, content, digest), content, digest)
    assert_there(client, REPO, digest, content)
    remove_blob(client, REPO, digest)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("way", ["post only", "post and put", "stream", "chunks", "chunks, the last by put"])
def test_blobs_that_are_not_their_digest(client: Distribution, way: str, algorithm: str) -> None:
    content = octets(f"bad-{way}-{algorithm}", 3 * 1024 - 5)
    digest = digest_of(content, algorithm)
    assert_error(WAYS[way](client, content + b"oh no", digest), 400, "DIGEST_INVALID")
    assert client.request("HEAD", f"/v2/{REPO}/blobs/{digest}").status_code == 404


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("content", [b"", b"{}"])
@pytest.mark.parametrize("way", ["post only", "post and put", "stream", "chunks"])
def test_well_known_blobs(client: Distribution, way: str, content: bytes, algorithm: str) -> None:
    digest = digest_of(content, algorithm)
    answer = WAYS[way](client, content, digest)
    if answer.status_code == 202:  # Without a body there is nothing to take at once.
        answer = put(client, answer.headers["Location"], digest)
    assert_created(client, answer, content, digest)
    assert_there(client, REPO, digest, content)
    remove_blob(client, REPO, digest)


def test_the_same_blob_twice(client: Distribution) -> None:
    content = octets("twice")
    digest = digest_of(content)
    for _ in range(2):
        assert_created(client, post_put(client, content, digest), content, digest)
    remove_blob(client, REPO, digest)


def test_an_upload_is_cancelled(client: Distribution) -> None:
    location = client.begin(REPO)
    assert patch(client, location, b"some").status_code == 202
    assert client.request("DELETE", location).status_code == 204
    assert_error(client.request("GET", location), 404, "BLOB_UPLOAD_UNKNOWN")
    assert_error(put(client, location, digest_of(b"some")), 404, "BLOB_UPLOAD_UNKNOWN")
    assert_error(client.request("DELETE", location), 404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("chunk", ["nonsense", "5-2", "-1-5", "0-4", "1-10"])
def test_chunks_that_cannot_be(client: Distribution, chunk: str) -> None:
    location = client.begin(REPO)
    answer = patch(client, location, b"0123456789", Content_Range=chunk)
    assert_error(answer, 416, "BLOB_UPLOAD_INVALID")
    assert client.request("GET", location).headers["Range"] == "0-0"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("source", [OTHER, None])
def test_mounts(client: Distribution, source: str | None, algorithm: str) -> None:
    content = octets(f"mount-{source}-{algorithm}")
    digest = digest_of(content, algorithm)
    words = {"mount": digest} | ({"from": source} if source else {})
    missing = client.request("POST", f"/v2/{REPO}/blobs/uploads/", params=words)
    assert missing.status_code == 202, "what is not there cannot be mounted"
    client.push_blob(OTHER, content, digest)
    assert client.request("HEAD", f"/v2/{REPO}/blobs/{digest}").status_code == 404
    assert_created(client, client.request("POST", f"/v2/{REPO}/blobs/uploads/", params=words), content, digest)
    remove_blob(client, OTHER, digest)
    assert_there(client, REPO, digest, content)
    remove_blob(client, REPO, digest)
    assert_created(client, put(client, missing.headers["Location"], digest, content), content, digest)
    remove_blob(client, REPO, digest)


# Content, all the way

@dataclass
class Content:
    """The contents of a push: blobs, and manifests in their order. The last is the top."""

    algorithm: str = "sha256"
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    referrers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def blob(self, content: bytes, media_type: str, **extra: Any) -> dict[str, Any]:
        digest = digest_of(content, self.algorithm)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content), **extra}

    def manifest(self, document: dict[str, Any], tag: str | None = None) -> dict[str, Any]:
        content = json.dumps(document, indent=2).encode()
        digest = digest_of(content, self.algorithm)
        self.manifests[digest] = content
        if tag:
            self.tags[tag] = digest
        descriptor = {"mediaType": document["mediaType"], "digest": digest, "size": len(content)}
        if subject := document.get("subject"):
            kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
            entry = descriptor | ({"artifactType": kind} if kind else {})
            entry |= {"annotations": document["annotations"]} if "annotations" in document else {}
            self.referrers.setdefault(subject["digest"], []).append(entry)
        return descriptor

    def image(self, seed: str, tag: str | None = None, layers: int = 2, **members: Any) -> dict[str, Any]:
        config = self.blob(json.dumps({"architecture": "amd64", "os": "linux", "note": seed}).encode(), CONFIG)
        parts = [self.blob(octets(f"{seed}-{number}", 2000), LAYER) for number in range(layers)]
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": parts}
        return self.manifest(document | members, tag)

    def artifact(self, seed: str, tag: str | None = None, layer: bytes | None = None, kind: str = EXAMPLE, **members: Any) -> dict[str, Any]:
        config = self.blob(b"{}", EMPTY_JSON, **members.pop("in_config", {}))
        media_type = EMPTY_JSON if layer == b"{}" else kind
        parts = [self.blob(layer or octets(seed), media_type)]
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config, "layers": parts}
        return self.manifest(document | members, tag)

    def index(self, entries: list[dict[str, Any]], tag: str | None = None, **members: Any) -> dict[str, Any]:
        return self.manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries} | members, tag)


def platforms(content: Content, seed: str, tag: str | None = None, **members: Any) -> dict[str, Any]:
    entries = [
        content.image(f"{seed}-{name}", **members) | {"platform": {"os": "linux", "architecture": name}}
        for name in ("amd64", "arm64")
    ]
    return content.index(entries, tag, **members)


def nested(content: Content) -> None:
    content.index([platforms(content, "nested-1"), platforms(content, "nested-2")], "index-of-index")


def with_subject(content: Content) -> None:
    subject = content.image("subject", "image")
    content.image("referring image", subject=subject)
    for number, kind in enumerate((f"{EXAMPLE}.one", f"{EXAMPLE}.two")):
        content.artifact(f"referrer {number}", f"tagged-artifact{number}", kind=kind, subject=subject,
                         annotations={"org.opencontainers.conformance": f"hello {number}"})


def index_with_subject(content: Content) -> None:
    subject = platforms(content, "subject of an index", "index")
    content.index([content.artifact("in an index")], "tagged-artifact", subject=subject, artifactType=EXAMPLE)


def missing_subject(content: Content) -> None:
    subject = {"mediaType": MANIFEST, "digest": digest_of(b"missing content"), "size": 123}
    content.artifact("of nothing", "tagged-artifact", subject=subject)


def non_distributable(content: Content) -> None:
    config = content.blob(b'{"note": "foreign"}', CONFIG)
    away = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    layers = [
        {"mediaType": kind, "digest": digest_of(kind.encode()), "size": 123456, "urls": ["https://store.example.com/x"]}
        for kind in (away, f"{away}+gzip")
    ]
    layers.append(content.blob(octets("at home"), LAYER))
    content.manifest({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}, "foreign")


def custom_fields(content: Content) -> None:
    platforms(content, "custom", "custom-fields", **{"org.example.field": ["it", {"goes": "on"}]})


def sha512(content: Content) -> None:
    content.algorithm = "sha512"
    platforms(content, "sha512")


KINDS: dict[str, Callable[[Content], Any]] = {
    "image": lambda content: content.image("image", "image"),
    "large manifest": lambda content: content.image(
        "large", "large", annotations={f"large-annotation-{number}": "A" * 10_000 for number in range(390)}),
    "index": lambda content: platforms(content, "index", "index"),
    "nested index": nested,
    "empty index": lambda content: content.index([], "empty"),
    "artifact": lambda content: content.artifact("artifact", "artifact"),
    "artifact index": lambda content: content.index(
        [content.artifact("one"), content.artifact("two")], "artifact-index", artifactType=EXAMPLE),
    "artifact without layers": lambda content: content.artifact("bare", "bare", layer=b"{}"),
    "artifacts with subject": with_subject,
    "index with subject": index_with_subject,
    "missing subject": missing_subject,
    "data field": lambda content: content.artifact("data", "data", in_config={"data": "e30="}),
    "non-distributable layers": non_distributable,
    "custom fields": custom_fields,
    "no layers": lambda content: content.image("no layers", "no-layers", layers=0),
    "sha512": sha512,
}


@pytest.mark.parametrize("kind", KINDS)
def test_content(client: Distribution, kind: str) -> None:
    content = Content()
    KINDS[kind](content)
    push(client, content)
    listed(client, content)
    pulled(client, content)
    referred(client, content)
    deleted(client, content)


def push(client: Distribution, content: Content) -> None:
    for digest, blob in content.blobs.items():
        client.push_blob(REPO, blob, digest)
    for digest, manifest in content.manifests.items():
        put_manifest(client, digest, digest, manifest)
    for tag, digest in content.tags.items():
        put_manifest(client, tag, digest, content.manifests[digest])


def put_manifest(client: Distribution, reference: str, digest: str, manifest: bytes) -> None:
    document = json.loads(manifest)
    answer = client.request("PUT", f"/v2/{REPO}/manifests/{reference}", data=manifest,
                            headers={"Content-Type": document["mediaType"]})
    assert_created(client, answer, manifest, digest)
    assert answer.headers.get("OCI-Subject") == document.get("subject", {}).get("digest")


def listed(client: Distribution, content: Content) -> None:
    tags = client.tags(REPO)
    assert set(content.tags) <= set(tags)
    assert tags == sorted(tags)
    for last in tags:
        answer = client.request("GET", f"/v2/{REPO}/tags/list", params={"last": last})
        assert answer.json()["tags"] == [tag for tag in tags if tag > last]


def pulled(client: Distribution, content: Content) -> None:
    for reference, digest in [*content.tags.items(), *zip(content.manifests, content.manifests)]:
        for method in ("HEAD", "GET"):
            answer = client.manifest(REPO, reference, method)
            assert answer.status_code == 200
            assert answer.headers["Docker-Content-Digest"] == digest
            assert answer.headers["Content-Type"] == json.loads(content.manifests[digest])["mediaType"]
            assert answer.headers["Content-Length"] == str(len(content.manifests[digest]))
        assert answer.content == content.manifests[digest]
    for digest, blob in content.blobs.items():
        assert_there(client, REPO, digest, blob)


def referrers(client: Distribution, subject: str, **query: str) -> tuple[list[dict[str, Any]], requests.Response]:
    answer = client.request("GET", f"/v2/{REPO}/referrers/{subject}", params=query)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == INDEX
    document = answer.json()
    assert (document["schemaVersion"], document["mediaType"]) == (2, INDEX)
    return document["manifests"], answer


def referred(client: Distribution, content: Content) -> None:
    for subject, entries in content.referrers.items():
        found, answer = referrers(client, subject)
        assert by_digest(found) == by_digest(entries)
        assert "OCI-Filters-Applied" not in answer.headers
        for kind in {entry["artifactType"] for entry in entries if "artifactType" in entry}:
            found, answer = referrers(client, subject, artifactType=kind)
            assert "artifactType" in answer.headers["OCI-Filters-Applied"]
            assert by_digest(found) == by_digest([one for one in entries if one.get("artifactType") == kind])
        assert referrers(client, subject, artifactType="none/at-all")[0] == []
    assert referrers(client, digest_of(b"nobody speaks of this"))[0] == []


def by_digest(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: entry["digest"])


def deleted(client: Distribution, content: Content) -> None:
    for tag in content.tags:
        assert client.request("DELETE", f"/v2/{REPO}/manifests/{tag}").status_code == 202
        assert client.manifest(REPO, tag, "HEAD").status_code == 404
    for digest in reversed(content.manifests):
        assert client.manifest(REPO, digest, "HEAD").status_code == 200, "the tag went, not the manifest"
        assert client.request("DELETE", f"/v2/{REPO}/manifests/{digest}").status_code == 202
        assert client.manifest(REPO, digest, "HEAD").status_code == 404
        assert client.request("DELETE", f"/v2/{REPO}/manifests/{digest}").status_code == 404
    for subject in content.referrers:
        assert referrers(client, subject)[0] == []
    for digest in content.blobs:
        remove_blob(client, REPO, digest)
    assert client.request("DELETE", f"/v2/{REPO}/blobs/{NOWHERE}").status_code == 404


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tags_as_parameters(client: Distribution, algorithm: str) -> None:
    content = Content(algorithm=algorithm)
    platforms(content, f"tag-param-{algorithm}")
    for digest, blob in content.blobs.items():
        client.push_blob(REPO, blob, digest)
    for number, (digest, manifest) in enumerate(content.manifests.items()):
        tags = [f"param-{algorithm}-{number}-{letter}" for letter in "ab"]
        answer = client.request("PUT", f"/v2/{REPO}/manifests/{digest}", params={"tag": tags}, data=manifest,
                                headers={"Content-Type": json.loads(manifest)["mediaType"]})
        assert_created(client, answer, manifest, digest)
        assert [tag.strip() for tag in answer.headers["OCI-Tag"].split(",")] == tags
        content.tags |= dict.fromkeys(tags, digest)
    pulled(client, content)
    deleted(client, content)


# What a manifest may not be

def test_a_manifest_that_is_not_its_digest(client: Distribution) -> None:
    content = Content()
    content.image("bad digest")
    for digest, blob in content.blobs.items():
        client.push_blob(REPO, blob, digest)
    (digest, manifest), = content.manifests.items()
    for reference, body in ((digest, manifest + b"  "), ("sha256:baddigeststring", manifest)):
        answer = client.request("PUT", f"/v2/{REPO}/manifests/{reference}", data=body, headers={"Content-Type": MANIFEST})
        assert_error(answer, 400, "DIGEST_INVALID")
    for digest in content.blobs:
        remove_blob(client, REPO, digest)


def test_a_manifest_of_what_is_not_there(client: Distribution) -> None:
    content = Content()
    top = content.image("absent")
    index = Content()
    index.index([top])
    for one in (content, index):
        (digest, manifest), = one.manifests.items()
        answer = client.request("PUT", f"/v2/{REPO}/manifests/{digest}", data=manifest,
                                headers={"Content-Type": json.loads(manifest)["mediaType"]})
        assert_error(answer, 400, "MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize("change", [
    lambda document: document.pop("layers"),
    lambda document: document["layers"][0].update(size=1),
    lambda document: document["layers"][0].update(digest="md5:d41d8cd98f00b204e9800998ecf8427e"),
    lambda document: document["layers"][0].update(digest="sha256:../../../etc/passwd"),
    lambda document: document.update(manifests=[]),
    lambda document: document.update(mediaType=INDEX),
    lambda document: document.update(schemaVersion=1),
], ids=["no layers", "a wrong size", "md5", "a path", "layers and manifests", "another type", "schema 1"])
def test_manifests_that_lie(client: Distribution, change: Callable[[dict[str, Any]], Any]) -> None:
    content = Content()
    content.image("lies")
    for digest, blob in content.blobs.items():
        client.push_blob(REPO, blob, digest)
    document = json.loads(next(iter(content.manifests.values())))
    change(document)
    answer = client.request("PUT", f"/v2/{REPO}/manifests/lies", data=json.dumps(document), headers={"Content-Type": MANIFEST})
    assert_error(answer, 405, "UNSUPPORTED", "Invalid parameter at 'ImageManifest' failed to satisfy constraint")
    assert client.manifest(REPO, "lies").status_code == 404


def test_a_manifest_of_more_than_4_mib(client: Distribution) -> None:
    content = Content()
    content.image("too large", annotations={"a": "x" * (5 << 20)})
    answer = client.request("PUT", f"/v2/{REPO}/manifests/large", data=next(iter(content.manifests.values())),
                            headers={"Content-Type": MANIFEST})
    assert_error(answer, 413, "SIZE_INVALID")


def test_tags_that_are_none(client: Distribution) -> None:
    content = Content()
    content.index([])
    (digest, manifest), = content.manifests.items()
    for path in ("a" * 129, ".dot", "-dash", f"{digest}?tag={'a' * 129}", f"{digest}?tag=.dot"):
        answer = client.request("PUT", f"/v2/{REPO}/manifests/{path}", data=manifest, headers={"Content-Type": INDEX})
        assert_error(answer, 400, "TAG_INVALID")
    assert client.manifest(REPO, digest).status_code == 404


def test_types_that_nobody_knows_are_kept(client: Distribution) -> None:
    body = b'{"mediaType": "application/vnd.example.unheard-of+json", "config": 7, "what": ["ever"]}'
    answer = client.request("PUT", f"/v2/{REPO}/manifests/unheard-of", data=body,
                            headers={"Content-Type": "application/vnd.example.unheard-of+json"})
    assert_created(client, answer, body, digest_of(body))
    found = client.manifest(REPO, "unheard-of")
    assert found.headers["Content-Type"] == "application/vnd.example.unheard-of+json"
    assert client.request("DELETE", f"/v2/{REPO}/manifests/{digest_of(body)}").status_code == 202


# Content discovery

def test_pages_of_tags_repositories_and_referrers(weir: Weir, client: Distribution) -> None:
    content = Content()
    subject = content.index([], "page-0")
    for number in range(1, 6):
        content.index([], f"page-{number}", subject=subject, annotations={"n": str(number)})
    push(client, content)
    for path, member, some in (
        (f"/v2/{REPO}/tags/list", "tags", sorted(content.tags)),
        ("/v2/_catalog", "repositories", [REPO, OTHER]),
        (f"/v2/{REPO}/referrers/{subject['digest']}", "manifests", None),
    ):
        whole = client.request("GET", path).json()[member]
        assert some is None or set(some) <= set(whole)
        found, page = [], f"{path}?n=2"
        while page:
            answer = client.request("GET", page)
            assert len(answer.json()[member]) <= 2
            found += answer.json()[member]
            page = answer.links.get("next", {}).get("url")
        assert found == whole
    assert client.request("GET", f"/v2/{REPO}/tags/list", params={"n": 0}).json()["tags"] == []
    for path in (f"/v2/{REPO}/tags/list", "/v2/_catalog", f"/v2/{REPO}/referrers/{NOWHERE}"):
        assert_error(client.request("GET", path, params={"n": 1001}), 405, "UNSUPPORTED", "less than or equal to 1000")
    deleted(client, content)


# Content management

def test_a_child_and_a_blob_stay_as_long_as_what_names_them(client: Distribution) -> None:
    content = Content()
    platforms(content, "kept", "kept")
    push(client, content)
    *children, top = content.manifests
    for child in children:
        assert_error(client.request("DELETE", f"/v2/{REPO}/manifests/{child}"), 405, "UNSUPPORTED", top)
    for blob in content.blobs:
        assert_error(client.request("DELETE", f"/v2/{REPO}/blobs/{blob}"), 405, "UNSUPPORTED", blob)
    pulled(client, content)
    deleted(client, content)


def test_methods_that_are_none(client: Distribution) -> None:
    for method, path in (
        ("POST", f"manifests/{NOWHERE}"), ("PUT", f"blobs/{NOWHERE}"), ("PATCH", "tags/list"), ("DELETE", "tags/list"),
        ("PUT", "blobs/uploads/"), ("DELETE", f"referrers/{NOWHERE}"),
    ):
        assert_error(client.request(method, f"/v2/{REPO}/{path}"), 405, "UNSUPPORTED")
