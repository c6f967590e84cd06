"""A plain client of /v2/: no retries, no caches, every answer as it came."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urljoin

import requests

from .images import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Blob, Image
from .secrets_seen import WATCH

ACCEPT = ", ".join([INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST])


class Truncated(AssertionError):
    """The body ended before its length, or the connection was cut."""


class Distribution:
    def __init__(self, url: str, credentials: tuple[str, str] | None = None, verify: str | bool = True):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = verify
        self.session.auth = credentials

    def request(self, method: str, path: str, **members: Any) -> requests.Response:
        target = path if path.startswith("http") else self.url + path
        answer = self.session.request(method, target, timeout=120, **members)
        if answer.status_code >= 400:
            WATCH.search(answer.content, f"an answer with {answer.status_code}")
        return answer

    # Pulling

    def manifest(self, repository: str, reference: str, method: str = "GET") -> requests.Response:
        path = f"/v2/{repository}/manifests/{reference}"
        return self.request(method, path, headers={"Accept": ACCEPT})

    def blob(self, repository: str, digest: str, **members: Any) -> requests.Response:
        return self.request("GET", f"/v2/{repository}/blobs/{digest}", **members)

    def blob_digest(self, repository: str, digest: str) -> str:
        """Downloads a blob without keeping it. Returns the digest of the bytes; raises where they were cut short."""
        hasher, received = hashlib.sha256(), 0
        try:
            with self.blob(repository, digest, stream=True) as answer:
                if not answer.ok:
                    answer.content  # Read while it can be: the refusal's words are wanted.
                answer.raise_for_status()
                for piece in answer.iter_content(1 << 20):
                    hasher.update(piece)
                    received += len(piece)
                announced = int(answer.headers.get("Content-Length", received))
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as problem:
            raise Truncated(str(problem)) from None
        if received != announced:
            raise Truncated(f"{received} bytes of {announced}")
        return "sha256:" + hasher.hexdigest()

    def pull(self, repository: str, reference: str) -> list[str]:
        """Downloads and checks everything that a tag or digest names. Returns all the digests."""
        answer = self.manifest(repository, reference)
        answer.raise_for_status()
        digest = "sha256:" + hashlib.sha256(answer.content).hexdigest()
        assert answer.headers["Docker-Content-Digest"] == digest
        document, digests = json.loads(answer.content), [digest]
        for child in document.get("manifests", []):
            digests += self.pull(repository, child["digest"])
        for part in [document["config"], *document["layers"]] if "config" in document else []:
            assert self.blob_digest(repository, part["digest"]) == part["digest"]
            digests.append(part["digest"])
        return digests

    def tags(self, repository: str) -> list[str]:
        answer = self.request("GET", f"/v2/{repository}/tags/list")
        answer.raise_for_status()
        return answer.json()["tags"]

    # Pushing

    def begin(self, repository: str) -> str:
        """Starts an upload. Returns the URL at which it goes on."""
        answer = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        answer.raise_for_status()
        assert answer.status_code == 202, answer.status_code
        return urljoin(self.url, answer.headers["Location"])

    def push_blob(self, repository: str, content: bytes, digest: str) -> requests.Response:
        location = self.begin(repository)
        answer = self.request(
            "PUT", location, params={"digest": digest}, data=content,
            headers={"Content-Type": "application/octet-stream"})
        answer.raise_for_status()
        return answer

    def push_manifest(self, repository: str, reference: str, manifest: Blob) -> requests.Response:
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("PUT", path, data=manifest.content, headers={"Content-Type": manifest.media_type})
        answer.raise_for_status()
        return answer

    def push(self, repository: str, tag: str, image: Image) -> str:
        """Pushes the image and all below it, byte for byte. Returns its digest."""
        for blob in image.blobs:
            self.push_blob(repository, blob.content, blob.digest)
        for child in image.children:
            self.push_manifest(repository, child.digest, child)
        self.push_manifest(repository, tag, image.top)
        return image.digest


def errors(answer: requests.Response) -> list[tuple[str, str]]:
    """Code and message of each error in the Distribution protocol's form."""
    return [(error["code"], error.get("message", "")) for error in answer.json()["errors"]]
