"""How /v2/ answers on the wire: tokens, ranges, 100-continue, and a stop in the middle."""

from __future__ import annotations

import base64
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.distribution import Distribution
from harness.expect import assert_error
from harness.images import MIB, random_layer, sha256, single
from harness.processes import clean_environment, run
from harness.registries import DockerRegistry
from harness.weir import AWS, Weir


@pytest.fixture(scope="module")
def held(weir: Weir) -> bytes:
    """A blob of held/app."""
    weir.repository("held/app")
    content = random_layer("held", 1_000_000).content
    weir.distribution().push_blob("held/app", content, sha256(content))
    weir.distribution().push("held/app", "1", single([random_layer("held", 1_000_000)]))
    return content


# Who asks

def test_the_challenge_is_basic(weir: Weir) -> None:
    for path in ("/v2/", "/v2/held/app/manifests/1", "/v2/nothing/at/all/tags/list"):
        answer = Distribution(weir.url).request("GET", path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
        assert 'service="ecr.amazonaws.com"' in answer.headers["WWW-Authenticate"]
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_good_token(weir: Weir) -> None:
    answer = weir.distribution().request("GET", "/v2/")
    assert answer.status_code == 200
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    (data,) = weir.client("ecr").get_authorization_token()["authorizationData"]
    assert data["proxyEndpoint"].startswith("http")
    hours = (data["expiresAt"].timestamp() - time.time()) / 3600
    assert 11.9 < hours < 12.1
    # Basic carries the token as it is.
    bare = Distribution(weir.url)
    answer = bare.request("GET", "/v2/", headers={"Authorization": f"Basic {data['authorizationToken']}"})
    assert answer.status_code == 200


def test_get_login_password_is_that_token(weir: Weir) -> None:
    words = [AWS, "ecr", "get-login-password", "--region", weir.region]
    password = run(words, weir.aws_environment).stdout.strip()
    assert weir.distribution(password=password).request("GET", "/v2/").status_code == 200


@pytest.mark.parametrize("change", [
    lambda password: password[:-2] + ("AA" if password[-2:] != "AA" else "BB"),
    lambda password: password[::-1],
    lambda password: password[: len(password) // 2],
    lambda password: "",
    lambda password: "x" * 20_000,
], ids=["last-letters", "reversed", "half", "empty", "long"])
def test_a_bad_token(weir: Weir, held: bytes, change: Callable[[str], str]) -> None:
    answer = Distribution(weir.url, ("AWS", change(weir.password()))).manifest("held/app", "1")
    assert answer.status_code in (400, 401, 403, 431), answer.text
    assert answer.status_code == 401 or len(change(weir.password())) > 10_000


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer abc", "Basic " + base64.b64encode(b"AWS").decode()])
def test_a_header_that_is_no_token(weir: Weir, header: str) -> None:
    assert Distribution(weir.url).request("GET", "/v2/", headers={"Authorization": header}).status_code == 401


def test_a_token_is_bound_to_its_region(weir: Weir, held: bytes) -> None:
    assert weir.distribution().manifest("held/app", "1").status_code == 200
    elsewhere = weir.distribution("ap-southeast-2")
    assert_error(elsewhere.manifest("held/app", "1"), 404, "NAME_UNKNOWN")


# Ranges

@pytest.mark.parametrize(("asked", "first", "last"), [
    ("bytes=0-0", 0, 0), ("bytes=100-70000", 100, 70_000), ("bytes=65535-65536", 65_535, 65_536),
    ("bytes=999000-", 999_000, None), ("bytes=-10", -10, None), ("bytes=131072-196607", 131_072, 196_607),
])
def test_ranges(weir: Weir, held: bytes, asked: str, first: int, last: int | None) -> None:
    answer = weir.distribution().blob("held/app", sha256(held), headers={"Range": asked})
    first, last = first % len(held), len(held) - 1 if last is None else last
    assert answer.status_code == 206
    assert answer.content == held[first:last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(held)}"


def test_a_range_beyond_the_end(weir: Weir, held: bytes) -> None:
    client = weir.distribution()
    answer = client.blob("held/app", sha256(held), headers={"Range": f"bytes={len(held)}-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(held)}"
    for nonsense in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=", "bytes=99999999999999999999999-"):
        answer = client.blob("held/app", sha256(held), headers={"Range": nonsense})
        assert answer.status_code in (200, 400, 416), nonsense


def test_head_tells_the_size(weir: Weir, held: bytes) -> None:
    answer = weir.distribution().request("HEAD", f"/v2/held/app/blobs/{sha256(held)}")
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(held)))
    assert answer.headers["Docker-Content-Digest"] == sha256(held)


def test_the_empty_blob(weir: Weir, held: bytes) -> None:
    client = weir.distribution()
    client.push_blob("held/app", b"", sha256(b""))
    # Only content that an image names need be readable, but every answer must be right.
    answer = client.blob("held/app", sha256(b""))
    assert answer.status_code == 200 and answer.content == b""


# Expect: 100-continue

def first_line(weir: Weir, request: str) -> str:
    """Sends a request's head without its body. Returns the answer's first line, which therefore cannot wait for the body."""
    with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").readline().decode().strip()


def upload_head(weir: Weir, location: str, authorization: str) -> str:
    target = location.removeprefix(weir.url)
    return (f"PATCH {target} HTTP/1.1\r\nHost: {weir.host}\r\nAuthorization: {authorization}\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")


def test_a_client_that_expects_100_continue_does_not_wait(weir: Weir, held: bytes) -> None:
    location = weir.distribution().begin("held/app")
    token = base64.b64encode(f"AWS:{weir.password()}".encode()).decode()
    assert first_line(weir, upload_head(weir, location, f"Basic {token}")) == "HTTP/1.1 100 Continue"


def test_curl_uploads_without_a_second_of_waiting(weir: Weir, held: bytes, tmp_path: Path) -> None:
    content = random_layer("curl", 2 * MIB).content
    (tmp_path / "blob").write_bytes(content)
    location = weir.distribution().begin("held/app")
    joiner = "&" if "?" in location else "?"
    words = ["curl", "-sS", "-T", str(tmp_path / "blob"), "-H", "Expect: 100-continue", "--expect100-timeout", "60",
             "-u", f"AWS:{weir.password()}", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", f"{location}{joiner}digest={sha256(content)}"]
    result = subprocess.run(words, env=clean_environment(tmp_path / "home"), text=True, capture_output=True, timeout=90)
    status, seconds = result.stdout.split()
    assert status == "201", result
    assert float(seconds) < 30, "curl gave up waiting for 100 Continue"


def test_a_refusal_does_not_wait_for_the_body(weir: Weir, held: bytes) -> None:
    location = weir.distribution().begin("held/app")
    line = first_line(weir, upload_head(weir, location, "Basic QVdTOm5v"))
    assert line.startswith("HTTP/1.1 401"), line


# SIGTERM

class SlowDownload:
    """curl at a limited rate."""

    def __init__(self, weir: Weir, repository: str, digest: str, rate: str, home: Path):
        environment = clean_environment(home)
        words = ["curl", "-sS", "--limit-rate", rate, "-u", f"AWS:{weir.password()}",
                 f"{weir.url}/v2/{repository}/blobs/{digest}"]
        self._curl = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.content = b""
        self.trouble = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        self.content, self.trouble = self._curl.communicate(timeout=60)

    def wait(self) -> bytes:
        self._reader.join()
        return self.content


@pytest.mark.parametrize("cold", [False, True], ids=["stored", "coming-from-upstream"])
@pytest.mark.parametrize("options", [[], ["--sealing", "kms-only"]], ids=["sealed", "kms-only"])
def test_sigterm_cuts_no_download_short(
    make_weir: Callable[..., Weir], upstream: DockerRegistry, tmp_path: Path, cold: bool, options: list[str],
) -> None:
    image = single([random_layer(f"sigterm-{cold}-{len(options)}", 32 * MIB)])
    layer = image.layers[0]
    weir = make_weir(options=options)
    if cold:
        Distribution(upstream.url).push(f"sigterm/app{len(options)}", "1", image)
        weir.rule("sigterm", "public.ecr.aws", upstreamRepositoryPrefix="sigterm")
        weir.distribution().manifest(f"sigterm/app{len(options)}", "1", method="HEAD")
    else:
        weir.repository(f"sigterm/app{len(options)}")
        weir.distribution().push(f"sigterm/app{len(options)}", "1", image)
    downloads = [
        SlowDownload(weir, f"sigterm/app{len(options)}", layer.digest, "8M", tmp_path / "home") for _ in range(4)]
    time.sleep(1)
    weir.terminate()
    received = [download.wait() for download in downloads]
    assert [len(content) for content in received] == [len(layer.content)] * 4, [one.trouble for one in downloads]
    assert all(content == layer.content for content in received)
    assert weir.daemon is not None and weir.daemon.wait(30) == 0


def test_sigterm_without_work_ends_at_once(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    client = weir.distribution()
    assert client.request("GET", "/v2/").status_code == 200  # An idle keep-alive connection stays open.
    started = time.monotonic()
    assert weir.stop() == 0
    assert time.monotonic() - started < 20


def test_many_idle_connections(weir: Weir, held: bytes) -> None:
    connections = [socket.create_connection(("127.0.0.1", weir.port)) for _ in range(300)]
    try:
        assert weir.distribution().manifest("held/app", "1").status_code == 200
    finally:
        for connection in connections:
            connection.close()


def test_many_clients_that_do_not_read_cost_little_memory(make_weir: Callable[..., Weir]) -> None:
    """200 clients ask for a layer and read none of it: together they hold 96 MiB at most, whatever the layer's size."""
    weir = make_weir(options=["--log-level", "warning"])
    weir.repository("slow/app")
    layer = random_layer("slow", 24 * MIB)
    weir.distribution().push_blob("slow/app", layer.content, layer.digest)
    token = base64.b64encode(f"AWS:{weir.password()}".encode()).decode()
    ask = (f"GET /v2/slow/app/blobs/{layer.digest} HTTP/1.1\r\nHost: {weir.host}\r\n"
           f"Authorization: Basic {token}\r\n\r\n").encode()
    clients = []
    try:
        for _ in range(200):
            client = socket.socket()
            # Small, so that the kernel holds little for a client, and the rest would wait in the server.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            client.connect(("127.0.0.1", weir.port))
            client.sendall(ask)
            clients.append(client)
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
        # Other clients are served meanwhile, whole.
        assert weir.distribution().blob("slow/app", layer.digest).content == layer.content
        assert weir.peak_memory < 224 * MIB
    finally:
        for client in clients:
            client.close()
