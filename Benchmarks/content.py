"""The benchmarks' content: images of random bytes, kept as files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from harness.images import CONFIG, LAYER, MANIFEST, sha256
from wire import Connection, push_blob, push_manifest

PIECE = 8 << 20


@dataclass(frozen=True)
class Stored:
    """A blob in a file."""

    file: Path
    digest: str
    size: int

    def descriptor(self, media_type: str) -> dict[str, object]:
        return {"mediaType": media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class BigImage:
    """An image whose layers are files. The layers are no archives, since nothing here unpacks them."""

    repository: str
    manifest: bytes
    config: Stored
    layers: list[Stored]

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    @property
    def blobs(self) -> list[Stored]:
        return [self.config, *self.layers]

    def push(self, url: str, credentials: tuple[str, str] | None = None) -> None:
        with Connection(url, credentials) as connection:
            for blob in self.blobs:
                push_blob(connection, self.repository, blob.file, blob.digest)
            push_manifest(connection, self.repository, "1", self.manifest, MANIFEST)


def random_blob(folder: Path, name: str, size: int) -> Stored:
    folder.mkdir(parents=True, exist_ok=True)
    file, hasher, left = folder / name, hashlib.sha256(), size
    with file.open("wb") as output:
        while left:
            piece = os.urandom(min(left, PIECE))
            hasher.update(piece)
            output.write(piece)
            left -= len(piece)
    return Stored(file, "sha256:" + hasher.hexdigest(), size)


def big_image(folder: Path, repository: str, layers: int, layer_size: int) -> BigImage:
    stem = repository.replace("/", "-")
    parts = [random_blob(folder, f"{stem}-{number}", layer_size) for number in range(layers)]
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": [part.digest for part in parts]}}).encode()
    file = folder / f"{stem}-config"
    file.write_bytes(config)
    stored = Stored(file, sha256(config), len(config))
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": stored.descriptor(CONFIG),
                "layers": [part.descriptor(LAYER) for part in parts]}
    return BigImage(repository, json.dumps(manifest, indent=3).encode(), stored, parts)
