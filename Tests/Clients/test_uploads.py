"""Uploads that survive a restart, that are never finished, and that are many."""

from __future__ import annotations

import hashlib
import http.client
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import pytest

from harness.distribution import Distribution
from harness.expect import assert_error
from harness.images import MIB
from harness.processes import wait_until
from harness.weir import Weir

from test_bad_input import basic


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def send(client: Distribution, location: str, content: bytes, at: int) -> str:
    """Sends a part of an upload. Returns the URL at which it goes on."""
    headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{at}-{at + len(content) - 1}"}
    answer = client.request("PATCH", urljoin(client.url, location), data=content, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def received(client: Distribution, location: str) -> int:
    answer = client.request("GET", urljoin(client.url, location))
    assert answer.status_code == 204, answer.text
    return int(answer.headers["Range"].removeprefix("0-")) + 1


@pytest.mark.parametrize("sealing", ["all", "kms-only"])
def test_an_upload_goes_on_after_each_kill(make_weir: Callable[..., Weir], sealing: str) -> None:
    weir = make_weir(options=["--sealing", sealing])
    weir.repository("kept/app")
    content = random.Random("kept").randbytes(9 * MIB + 7)
    client = weir.distribution()
    location, at = client.begin("kept/app"), 0
    for size in (3 * MIB, 1, 65_535, 4 * MIB):
        # The server dies right after each "202": what it has acknowledged is there.
        location = send(client, location, content[at:at + size], at)
        at += size
        weir.kill()
        weir.start()
        assert received(client, location) == at
    answer = client.request("PUT", urljoin(client.url, location), params={"digest": sha256(content)}, data=content[at:])
    assert answer.status_code == 201, answer.text
    assert client.blob_digest("kept/app", sha256(content)) == sha256(content)
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")
    assert_error(client.request("GET", urljoin(client.url, location)), 404, "BLOB_UPLOAD_UNKNOWN")


def test_what_came_before_the_client_left_counts(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("left/app")
    content, client = random.Random("left").randbytes(2 * MIB), weir.distribution()
    location = urljoin(client.url, client.begin("left/app"))
    connection = http.client.HTTPConnection("127.0.0.1", weir.port)
    connection.putrequest("PATCH", location.removeprefix(weir.url))
    connection.putheader("Authorization", basic(weir))
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders()
    connection.send(content[:MIB])
    wait_until(lambda: received(client, location) == MIB, 60, "what was sent")
    connection.close()
    wait_until(lambda: client.request("PATCH", location, data=b"").status_code == 202, 60, "nobody sends any more")
    weir.restart()
    assert received(client, location) == MIB
    answer = client.request("PUT", location, params={"digest": sha256(content)}, data=content[MIB:])
    assert answer.status_code == 201, answer.text


def test_abandoned_uploads_are_given_up(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--upload-window", "2"])
    weir.repository("abandoned/app")
    client = weir.distribution()
    empty, begun = client.begin("abandoned/app"), client.begin("abandoned/app")
    begun = urljoin(client.url, send(client, begun, b"x" * MIB, 0))
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")
    for location in (empty, begun):
        wait_until(lambda: client.request("GET", location).status_code == 404, 60, "an upload given up")
        assert_error(client.request("PUT", location, params={"digest": sha256(b"")}), 404, "BLOB_UPLOAD_UNKNOWN")


def test_many_open_uploads(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("many/app")
    before, count = weir.peak_memory, 600

    def begin(number: int) -> str:
        client = weir.distribution()
        return send(client, client.begin("many/app"), f"{number:05}".encode() * 200, 0)

    with ThreadPoolExecutor(8) as workers:
        locations = list(workers.map(begin, range(count)))
    # Each has a bounded cost: most are unloaded, and hold only their name in memory.
    assert weir.peak_memory - before < 200 * MIB
    client = weir.distribution()
    for number in (0, 1, count // 2, count - 1):
        content = f"{number:05}".encode() * 200
        location = urljoin(client.url, locations[number])
        assert received(client, location) == 1000
        answer = client.request("PUT", location, params={"digest": sha256(content + b"!")}, data=b"!")
        assert answer.status_code == 201, answer.text
    weir.client("ecr").delete_repository(repositoryName="many/app", force=True)
    weir.restart()
    # Uploads of a deleted repository go with the first sweep.
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")


def test_two_at_once_do_not_mix(weir: Weir) -> None:
    weir.repository("two/app")
    client, content = weir.distribution(), random.Random("two").randbytes(MIB)
    location = urljoin(client.url, client.begin("two/app"))
    connection = http.client.HTTPConnection("127.0.0.1", weir.port)
    connection.putrequest("PATCH", location.removeprefix(weir.url))
    connection.putheader("Authorization", basic(weir))
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders()
    connection.send(content[:1000])
    wait_until(lambda: received(client, location) == 1000, 60, "what was sent")
    assert_error(client.request("PATCH", location, data=b"another"), 416, "BLOB_UPLOAD_INVALID", "another request")
    connection.send(content[1000:])
    assert connection.getresponse().status == 202
    assert client.request("PUT", location, params={"digest": sha256(content)}).status_code == 201


def test_the_same_blob_from_many_at_once(weir: Weir) -> None:
    weir.repository("same/app")
    content = random.Random("same").randbytes(2 * MIB)

    def push(_: int) -> int:
        return weir.distribution().push_blob("same/app", content, sha256(content)).status_code

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(push, range(24))) == {201}
    assert weir.distribution().blob_digest("same/app", sha256(content)) == sha256(content)
    wait_until(lambda: not weir.staged_files(), 60, "empty staging")


def test_a_race_for_a_tag_has_one_end(weir: Weir) -> None:
    """Immutable: one image gets the tag, the others are refused. Mutable: all are accepted, and the tag is on one of them."""
    for mutability in ("IMMUTABLE", "MUTABLE"):
        name = f"race/{mutability.lower()}"
        weir.repository(name, imageTagMutability=mutability)
        bodies = [
            b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}' + b" " * number
            for number in range(16)
        ]

        def put(body: bytes) -> int:
            return weir.distribution().request(
                "PUT", f"/v2/{name}/manifests/1", data=body,
                headers={"Content-Type": "application/vnd.oci.image.index.v1+json"}).status_code

        with ThreadPoolExecutor(8) as workers:
            answers = sorted(workers.map(put, bodies))
        assert answers == ([201] + [400] * 15 if mutability == "IMMUTABLE" else [201] * 16)
        assert weir.distribution().manifest(name, "1").content in bodies
