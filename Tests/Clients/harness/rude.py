"""An upstream that misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .images import Blob, Image

PIECE = 64 * 1024


@dataclass(frozen=True)
class Manners:
    """How the registry answers. Whatever is not set is done properly."""

    blob_status: int = 200
    manifest_status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: One byte in the middle of every blob is wrong.
    corrupt_blobs: bool = False
    #: The manifest's bytes do not have its digest.
    corrupt_manifests: bool = False
    #: The body ends this many bytes early.
    missing_bytes: int = 0
    #: Whether the announced length is then the full one, or that of the bytes that are sent.
    announced_in_full: bool = True
    #: Bytes after the last one, counted in the announced length.
    extra_bytes: int = 0
    #: The body comes in chunks, without Content-Length.
    chunked: bool = False
    #: Bytes a second, for each blob.
    rate: int | None = None
    #: Seconds of silence after a request is accepted.
    silence: float = 0

    @property
    def truthful(self) -> bool:
        return not (self.corrupt_blobs or self.missing_bytes or self.extra_bytes)


HONEST = Manners()


class RudeRegistry:
    """Serves its images with the present manners, and counts its requests."""

    def __init__(self) -> None:
        self.manners = HONEST
        self.requests: list[tuple[str, str]] = []
        self.sent: dict[str, int] = {}
        self._images: dict[tuple[str, str], Image] = {}
        self._lock = threading.Lock()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                registry._answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hold(self, repository: str, tag: str, image: Image) -> Image:
        with self._lock:
            self._images[repository, tag] = image
        return image

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def gets(self, digest_or_tag: str) -> int:
        with self._lock:
            return sum(method == "GET" and path.endswith("/" + digest_or_tag) for method, path in self.requests)

    def _find(self, repository: str, kind: str, reference: str) -> Blob | None:
        with self._lock:
            here = {tag: image for (name, tag), image in self._images.items() if name == repository}
        if kind == "manifests" and reference in here:
            return here[reference].top
        return next((found for image in here.values() if (found := image.find(reference))), None)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        manners, path = self.manners, request.path.split("?")[0]
        with self._lock:
            self.requests.append((request.command, path))
        if path in ("/v2", "/v2/"):
            return self._refuse(request, 200, {})
        try:
            repository, kind, reference = path.removeprefix("/v2/").rsplit("/", 2)
        except ValueError:
            return self._refuse(request, 404, {})
        if manners.silence:
            time.sleep(manners.silence)
        status = manners.blob_status if kind == "blobs" else manners.manifest_status
        if status != 200:
            return self._refuse(request, status, manners.headers)
        blob = self._find(repository, kind, reference)
        if blob is None:
            return self._refuse(request, 404, {})
        self._send(request, blob, manners, is_blob=kind == "blobs")

    @staticmethod
    def _refuse(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
        error = {"code": "UNKNOWN", "message": f"the upstream of the tests says {status}"}
        body = b"{}" if status == 200 else json.dumps({"errors": [error]}).encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _send(self, request: BaseHTTPRequestHandler, blob: Blob, manners: Manners, is_blob: bool) -> None:
        content = _spoil(blob.content, manners, is_blob)
        missing = manners.missing_bytes if is_blob and manners.announced_in_full else 0
        announced = len(content) + missing
        first = _range_start(request, len(content)) if is_blob and manners.truthful else 0
        request.send_response(206 if first else 200)
        request.send_header("Content-Type", blob.media_type if not is_blob else "application/octet-stream")
        request.send_header("Docker-Content-Digest", blob.digest)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{announced - 1}/{announced}")
        if manners.chunked and is_blob:
            request.send_header("Transfer-Encoding", "chunked")
        else:
            request.send_header("Content-Length", str(announced - first))
        request.end_headers()
        if request.command == "HEAD":
            return
        try:
            self._stream(request, blob.digest, memoryview(content)[first:], manners, is_blob)
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True

    def _stream(self, request: BaseHTTPRequestHandler, digest: str, content: memoryview, manners: Manners,
                is_blob: bool) -> None:
        chunked = manners.chunked and is_blob
        for start in range(0, len(content), PIECE):
            piece = content[start:start + PIECE]
            # Counted before sending: a client that has the bytes may look at once.
            with self._lock:
                self.sent[digest] = self.sent.get(digest, 0) + len(piece)
            request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if is_blob and manners.rate:
                time.sleep(len(piece) / manners.rate)
        cut = is_blob and manners.missing_bytes and manners.announced_in_full
        if cut:
            request.close_connection = True
        elif chunked:
            request.wfile.write(b"0\r\n\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _spoil(content: bytes, manners: Manners, is_blob: bool) -> bytes:
    if not is_blob:
        return content.replace(b"schemaVersion", b"schemaversion") if manners.corrupt_manifests else content
    if manners.corrupt_blobs:
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1:]
    if manners.missing_bytes:
        content = content[:-manners.missing_bytes]
    return content + bytes(manners.extra_bytes)


def _range_start(request: BaseHTTPRequestHandler, size: int) -> int:
    value = request.headers.get("Range", "")
    first = value.removeprefix("bytes=").partition("-")[0]
    return int(first) if value.startswith("bytes=") and first.isdigit() and int(first) < size else 0
