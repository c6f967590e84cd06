"""Images made without any network: OCI layouts that skopeo and every other client can read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

MIB = 1 << 20
CREATED = "2023-11-14T22:13:20Z"
CREATED_SECONDS = 1_700_000_000


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Blob:
    """Content, and its descriptor's facts."""

    content: bytes
    media_type: str
    diff_id: str = ""

    @cached_property
    def digest(self) -> str:
        return sha256(self.content)

    def descriptor(self, **extra: object) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content), **extra}


def layer(files: Iterable[tuple[str, bytes | str | None]], level: int = 0) -> Blob:
    """A gzipped tar of (path, content): bytes make a file, a string a symbolic link, None a folder."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = CREATED_SECONDS, 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    plain = archive.getvalue()
    return Blob(gzip.compress(plain, level, mtime=0), LAYER, sha256(plain))


def random_layer(seed: str, size: int, marker: bytes = b"") -> Blob:
    """A layer that cannot be compressed; a marker stands in it literally."""
    source, left = random.Random(seed), size - len(marker)
    # In pieces, since one draw cannot make half a gigabyte.
    content = b"".join([marker, *(source.randbytes(min(MIB, left - done)) for done in range(0, left, MIB))])
    return layer([(f"{seed.replace('/', '-')}.bin", content)])


def busybox_layer() -> Blob:
    """A root file system that runs: Debian's static busybox and links to it."""
    program = shutil.which("busybox", path="/bin:/usr/bin")
    if program is None:
        raise RuntimeError("no busybox: install busybox-static")
    names = ("sh", "ls", "cat", "echo", "sleep", "true", "wget", "id", "uname")
    folders = [(name, None) for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "root")]
    files = [("bin/busybox", Path(program).read_bytes()), ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")]
    return layer([*folders, *files, *((f"bin/{name}", "busybox") for name in names)], level=6)


def image(layers: Iterable[Blob], architecture: str = "amd64", note: str = "") -> tuple[Blob, list[Blob]]:
    """The manifest of these layers, and everything it names."""
    layers = list(layers)
    config = {
        "created": CREATED, "architecture": architecture, "os": "linux",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], "Labels": {"note": note}},
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        "history": [{"created": CREATED, "created_by": f"layer {number}"} for number in range(len(layers))],
    }
    config_blob = Blob(json.dumps(config).encode(), CONFIG)
    # Indented, as in many registries: the server must store these bytes, and not equivalent JSON.
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config_blob.descriptor(),
        "layers": [one.descriptor() for one in layers],
        "annotations": {"org.opencontainers.image.title": note or "weir test image"},
    }
    return Blob(json.dumps(manifest, indent=3).encode(), MANIFEST), [config_blob, *layers]


def index(manifests: dict[str, Blob]) -> Blob:
    """An index of manifests by architecture."""
    entries = [
        one.descriptor(platform={"architecture": architecture, "os": "linux"})
        for architecture, one in manifests.items()
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    return Blob(json.dumps(document, indent=3).encode(), INDEX)


@dataclass(frozen=True)
class Image:
    """An image or an index, with all that it names."""

    top: Blob
    blobs: tuple[Blob, ...]
    children: tuple[Blob, ...] = ()

    @property
    def digest(self) -> str:
        return self.top.digest

    @property
    def layers(self) -> list[Blob]:
        return [blob for blob in self.blobs if blob.media_type == LAYER]

    @property
    def manifests(self) -> list[Blob]:
        return [self.top, *self.children]

    def find(self, digest: str) -> Blob | None:
        return next((one for one in (*self.manifests, *self.blobs) if one.digest == digest), None)


def single(layers: Iterable[Blob], note: str = "") -> Image:
    manifest, blobs = image(layers, note=note)
    return Image(manifest, tuple(blobs))


def two_platforms(seed: str, size: int = MIB, runs: bool = True) -> Image:
    """An index of an amd64 and an arm64 image that share their root file system; a small one, of noise, where nothing is run."""
    root = busybox_layer() if runs else random_layer(f"{seed}/root", size)
    manifests, blobs = {}, {}
    for architecture in ("amd64", "arm64"):
        layers = [root, random_layer(f"{seed}/{architecture}", size)]
        manifests[architecture], parts = image(layers, architecture, note=seed)
        blobs |= {part.digest: part for part in parts}
    return Image(index(manifests), tuple(blobs.values()), tuple(manifests.values()))


def write_layout(folder: Path, tag: str, content: Image) -> str:
    """Writes the image into an OCI layout (a new one, or beside its present images). Returns skopeo's name for it."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for blob in (*content.blobs, *content.manifests):
        path = blobs / blob.digest.removeprefix("sha256:")
        if not path.exists():
            path.write_bytes(blob.content)
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    contents = folder / "index.json"
    entries = json.loads(contents.read_text())["manifests"] if contents.exists() else []
    name = {"org.opencontainers.image.ref.name": tag}
    entries = [one for one in entries if one.get("annotations") != name]
    entries.append(content.top.descriptor(annotations=name))
    contents.write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
    return f"oci:{folder}:{tag}"
