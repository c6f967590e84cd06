"""Upstream's faults, except breaks in the middle of a body (those are in test_resume.py).

Invariants: I1 a 2xx body matches its digest and length; I3 a tag never points at something unreadable; I4 no request waits longer than its
budget; I5 one upstream transfer; I6 no secret anywhere (checked at the end of the run); I7 temp space returns to zero.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import gzip
import json
import time
from collections.abc import Iterator

import pytest
import requests

from harness.certificates import Authority
from harness.distribution import Truncated, errors
from harness.expect import assert_error, download_fails
from harness.faults import Fault
from harness.images import MANIFEST, MIB, Blob, Image, image, index, random_layer, single
from harness.nowhere import BlackHole, Recorder
from harness.processes import refusing_port, wait_until
from harness.scene import Scene
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import S3, Vendor
from harness.weir import Weir

#: Asked at every pull (`--freshness 0`), with a token and links, as most registries are.
PLAIN = Vendor("plain", "quay.io", service="plain", blobs="cdn", redirect_status=302, signed_by=S3)


@pytest.fixture(scope="module")
def standin(authority: Authority) -> Iterator[StandIn]:
    made = StandIn(PLAIN, authority.server("127.0.0.1", ELSEWHERE))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def nowhere(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Hosts at which no registry answers."""
    hole = BlackHole()
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    plain = {"tls": True, "scheme": "open"}
    standins = {
        "expired.example": StandIn(Vendor("expired", "expired.example", **plain), authority.server("127.0.0.1", expired=True)),
        "wrong-name.example": StandIn(Vendor("wrong-name", "wrong-name.example", **plain), authority.server("other.example")),
        "untrusted.example": StandIn(Vendor("untrusted", "untrusted.example", **plain), stranger.server("127.0.0.1")),
    }
    no_tls = Recorder("127.0.0.1")
    yield {
        **{host: one.url for host, one in standins.items()},
        "refused.example": f"http://127.0.0.1:{refusing_port()}",
        "no-name.example": "https://no-such-host.invalid",
        "black-hole.example": f"http://127.0.0.1:{hole.port}",
        "no-tls.example": f"https://{no_tls.address}",
    }
    for one in standins.values():
        one.stop()
    hole.close()
    no_tls.stop()


@pytest.fixture(scope="module")
def upstream_settings(standin: StandIn, nowhere: dict[str, str], authority: Authority) -> dict[str, object]:
    return {
        "upstreams": {standin.vendor.host: standin.url, **nowhere}, "upstream_ca": authority.ca,
        "options": ["--freshness", "0", "--upstream-patience", "4", "--allow-any-upstream", "--allow-private-upstream", ELSEWHERE],
    }


@pytest.fixture
def scene(weir: Weir, standin: StandIn, prefix: str) -> Iterator[Scene]:
    scene = Scene(weir, standin, prefix).rule().well()
    yield scene
    scene.end()
    wait_until(lambda: not weir.staged_files(), 60, "temp space returns to zero (I7)")


# Nobody there

@pytest.mark.parametrize(("host", "saying"), [
    ("refused.example", "refused"), ("no-name.example", "no such host"), ("black-hole.example", "within"),
    ("expired.example", "expired"), ("wrong-name.example", "another name"), ("untrusted.example", "trusted"),
    ("no-tls.example", "TLS"),
])
def test_an_upstream_that_cannot_be_asked(weir: Weir, prefix: str, host: str, saying: str) -> None:
    """Refused, DNS fail, black hole, TLS expired/wrong name: the true reason, never "not found" for "could not ask"."""
    weir.rule(prefix, host)
    began = time.monotonic()
    answer = weir.distribution().manifest(f"{prefix}/some/app", "1")
    assert time.monotonic() - began < 60, "I4"
    assert_error(answer, 503, "UNAVAILABLE", saying)
    assert host in answer.text
    told = weir.client("ecr").validate_pull_through_cache_rule(ecrRepositoryPrefix=prefix)
    assert told["isValid"] is False and "reached" in told["failure"], told
    images = weir.client("ecr").describe_repositories()["repositories"]
    assert f"{prefix}/some/app" not in [one["repositoryName"] for one in images]
    weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix=prefix)


def test_a_time_out_is_paid_once(weir: Weir, prefix: str) -> None:
    """A circuit breaker per upstream: no time-out is paid twice."""
    weir.rule(prefix, "black-hole.example")
    client = weir.distribution()
    assert client.manifest(f"{prefix}/some/app", "1").status_code == 503
    began = time.monotonic()
    for number in range(20):
        assert_error(client.manifest(f"{prefix}/other/app{number}", "1"), 503, "UNAVAILABLE", "black-hole.example")
    # Twenty time-outs would be minutes.
    assert time.monotonic() - began < 30
    weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix=prefix)


# It says nothing, or hardly anything

@pytest.mark.parametrize("fault", [Fault("cdn", times=1, smallest=MIB, stall_at=0.5), Fault("cdn", times=1, smallest=MIB, rate=1)],
                         ids=["stall", "a-byte-a-second"])
def test_a_transfer_that_stands_still(scene: Scene, fault: Fault) -> None:
    """Stall in a body, or 1 byte/s: given up, and resumed by Range; readers that are streaming go on."""
    held = scene.hold("1", 2 * MIB)
    fault = scene.fail(dataclasses.replace(fault))
    client, began = scene.client(), time.monotonic()
    assert client.manifest(scene.repository, "1").status_code == 200
    assert client.blob_digest(scene.repository, held.layers[0].digest) == held.layers[0].digest
    assert fault.happened == 1 and time.monotonic() - began < 60, "I4"
    assert scene.standin.sent[held.layers[0].digest] < 2.2 * MIB, "begun again"


def test_an_answer_that_does_not_begin(scene: Scene) -> None:
    """Slow start (60 s to headers): given up in time, cached images are served, and no client waits for it twice."""
    held = scene.hold("1")
    client = scene.client()
    client.pull(scene.repository, "1")
    scene.fail(*[Fault(kind, delay=60) for kind in ("ping", "token", "manifests")])
    began = time.monotonic()
    for _ in range(10):
        answer = client.manifest(scene.repository, "1")
        assert answer.status_code == 200 and answer.headers["Warning"].startswith("110")
    assert_error(client.manifest(scene.repository, "never-seen"), 503, "UNAVAILABLE", scene.vendor.host)
    # One time-out, or two where another request is the first of its kind; not eleven.
    assert time.monotonic() - began < 30
    assert client.pull(scene.repository, "1")[0] == held.digest


# It answers, but with what?

PORTAL = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"
MANIFEST_FAULTS = {
    "500": (Fault("manifests", status=500), 503, "UNAVAILABLE"),
    "502": (Fault("manifests", status=502), 503, "UNAVAILABLE"),
    "503": (Fault("manifests", status=503), 503, "UNAVAILABLE"),
    "504": (Fault("manifests", status=504), 503, "UNAVAILABLE"),
    "403": (Fault("manifests", status=403, code="DENIED"), 403, "DENIED"),
    "429": (Fault("manifests", status=429, code="TOOMANYREQUESTS"), 429, "TOOMANYREQUESTS"),
    "no-token": (Fault("token", status=500), 503, "UNAVAILABLE"),
    "portal": (Fault("manifests", status=200, body=PORTAL, headers={"Content-Type": "text/html"}), 502, "UNKNOWN"),
    "portal-as-json": (Fault("manifests", status=200, body=PORTAL), 502, "UNKNOWN"),
    "empty": (Fault("manifests", status=200, body=b""), 502, "UNKNOWN"),
    "204": (Fault("manifests", status=204, body=b""), 502, "UNKNOWN"),
    "huge-headers": (Fault("manifests", changed={"X-Huge": "x" * 500_000}), 502, "UNKNOWN"),
    "too-large": (Fault("manifests", status=200, body=b'{"a":"' + b"x" * (5 * MIB) + b'"}'), 502, "UNKNOWN"),
    "too-large-unsaid": (
        Fault("manifests", status=200, body=b"x" * (5 * MIB), headers={"Content-Length": "", "Connection": "close"}), 502, "UNKNOWN"),
    "other-digest": (Fault("manifests", status=200, body=b'{"schemaVersion":2,"layers":[],"config":{}}'), 502, "UNKNOWN"),
    "gzipped": (
        Fault("manifests", status=200, body=gzip.compress(b"{}" * 9999), headers={"Content-Encoding": "gzip"}), 502, "UNKNOWN"),
}


@pytest.mark.parametrize("fault", MANIFEST_FAULTS)
def test_a_manifest_that_does_not_come(scene: Scene, fault: str) -> None:
    """500/502/503/504, 429, a captive portal, unrequested gzip, huge headers: each has its code and status, nothing is stored, nothing breaks."""
    order, status, code = MANIFEST_FAULTS[fault]
    held = scene.hold("1")
    scene.fail(dataclasses.replace(order))
    reference = held.digest if fault == "other-digest" else "1"
    began = time.monotonic()
    answer = scene.client().manifest(scene.repository, reference)
    assert time.monotonic() - began < 60, "I4"
    assert_error(answer, status, code)
    assert scene.vendor.host in answer.text
    scene.standin.mend()
    wait_until(lambda: scene.client().manifest(scene.repository, "1").status_code == 200, 60, "the breaker to close", 0.5)
    assert scene.client().pull(scene.repository, "1")[0] == held.digest


@pytest.mark.parametrize("fault", [name for name in MANIFEST_FAULTS if name != "other-digest"])
def test_what_is_cached_comes_all_the_same(scene: Scene, fault: str) -> None:
    """Everything cached, by tag and by digest, pulls, marked stale in a header."""
    held = scene.hold("1")
    client = scene.client()
    client.pull(scene.repository, "1")
    scene.fail(dataclasses.replace(MANIFEST_FAULTS[fault][0]))
    scene.standin.revoke_tokens()
    answer = client.manifest(scene.repository, "1")
    assert (answer.status_code, answer.content) == (200, held.top.content), answer.text
    if fault not in ("other-digest", "gzipped", "empty", "portal-as-json", "too-large", "too-large-unsaid"):
        assert answer.headers.get("Warning", "").startswith("110"), answer.headers
    assert client.pull(scene.repository, "1")[0] == held.digest
    assert client.manifest(scene.repository, held.digest).status_code == 200


@pytest.mark.parametrize("status", [502, 503, 504])
def test_one_hiccup_is_noticed_by_nobody(scene: Scene, status: int) -> None:
    """500/502/503/504 flapping: retries with jitter under a budget. (A 500 may be about this one request, and is told as it is.)"""
    held = scene.hold("1", 50_000)
    scene.fail(Fault("manifests", status=status, times=1), Fault("blobs", status=status, times=1), Fault("cdn", status=status, times=1))
    assert scene.client().pull(scene.repository, "1")[0] == held.digest


def test_an_upstream_that_is_down_is_not_hammered(scene: Scene) -> None:
    """Retries stay under a budget: a thousand pulls of a missing image do not become thousands of requests."""
    scene.hold("1")
    scene.fail(Fault("manifests", status=503), Fault("ping", status=503), Fault("token", status=503))
    client, mark = scene.client(), scene.standin.mark()
    for number in range(60):
        assert client.manifest(scene.repository, f"t{number}").status_code == 503
    assert len(scene.standin.since(mark)) < 60, len(scene.standin.since(mark))


def waiting(answer: requests.Response) -> int:
    """The number of seconds for which a refusal says that upstream is not asked."""
    return int(answer.text.partition("it is not asked again for ")[2].partition(" s")[0])


def date_in(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(("header", "low", "high"), [({"retry-after": "23"}, 23, 23), ("date", 20, 41), ({}, None, None)],
                         ids=["seconds", "date", "none"])
def test_a_429_is_told_as_one(scene: Scene, header: dict[str, str] | str, low: int | None, high: int | None) -> None:
    """429 with and without Retry-After (seconds and date): reported as 429, with the wait in its text, and obeyed."""
    scene.hold("1")
    headers = {"retry-after": date_in(40)} if header == "date" else header
    scene.fail(Fault("manifests", methods=("GET", "HEAD"), status=429, code="TOOMANYREQUESTS", headers=headers))
    client = scene.client()
    answer = client.manifest(scene.repository, "1")
    assert_error(answer, 429, "TOOMANYREQUESTS", scene.vendor.host)
    if low is not None:
        assert low <= waiting(answer) <= high and answer.headers["Retry-After"] == "1"
        mark = scene.standin.mark()
        again = client.manifest(scene.repository, "other")
        assert_error(again, 429, "TOOMANYREQUESTS")
        assert waiting(again) <= high
        assert scene.standin.since(mark) == [], "asked again before its time"
    told = scene.weir.client("ecr").batch_get_image(repositoryName=scene.repository, imageIds=[{"imageTag": "another"}])
    assert [one["failureCode"] for one in told["failures"]] == ["UpstreamTooManyRequests"]


def test_a_tag_that_is_gone_upstream(scene: Scene) -> None:
    """404 for a cached tag: as in ECR, the cached image is served, as stale."""
    held = scene.hold("1")
    client = scene.client()
    client.pull(scene.repository, "1")
    scene.standin.drop("1")
    scene.hold("other")
    answer = client.manifest(scene.repository, "1")
    assert (answer.status_code, answer.content) == (200, held.top.content)
    assert "Warning" in answer.headers
    assert client.pull(scene.repository, "1")[0] == held.digest


def test_a_tag_that_moves_during_the_pull(scene: Scene) -> None:
    """Tag moved during the pull: index and children from one revision; HEAD by tag and GET by digest never disagree."""
    client = scene.client()

    def revision(number: int) -> Image:
        layers = [random_layer(f"{scene.prefix}-{number}", 700)]
        manifest, blobs = image(layers, note=f"{scene.prefix}-{number}")
        return Image(index({"amd64": manifest}), tuple(blobs), (manifest,))

    for number in range(6):
        held = scene.standin.hold("moving", revision(number))
        seen = client.manifest(scene.repository, "moving", method="HEAD").headers["Docker-Content-Digest"]
        assert seen == held.digest
        scene.standin.hold("moving", revision(number + 100))
        scene.standin.hold(f"kept-{number}", held)  # As registries do: the content stays, the tag goes.
        answer = client.manifest(scene.repository, seen)
        assert answer.content == held.top.content
        child = json.loads(answer.content)["manifests"][0]["digest"]
        assert client.pull(scene.repository, child)[0] == child


def test_a_child_that_is_missing(scene: Scene) -> None:
    """Child manifest missing: the index and its other children are served, the missing one is not found."""
    here, blobs = image([random_layer(f"{scene.prefix}-here", 700)])
    gone, _ = image([random_layer(f"{scene.prefix}-gone", 700)], "arm64")
    held = scene.standin.hold("sparse", Image(index({"amd64": here, "arm64": gone}), tuple(blobs), (here,)))
    client = scene.client()
    assert client.manifest(scene.repository, "sparse").content == held.top.content
    assert client.pull(scene.repository, here.digest)[0] == here.digest
    assert_error(client.manifest(scene.repository, gone.digest), 404, "MANIFEST_UNKNOWN")


# What comes is not what was asked for

BLOB_FAULTS = {
    "wrong-bytes": Fault("cdn", methods=("GET",), corrupt=True),
    "longer": Fault("cdn", methods=("GET",), extra_bytes=1000),
    "longer-than-said": Fault("cdn", methods=("GET",), extra_bytes=1000, changed={"Content-Length": "", "Connection": "close"}),
    "short-length": Fault("cdn", methods=("GET",), changed={"Content-Length": "100", "Connection": "close"}),
    "long-length": Fault("cdn", methods=("GET",), changed={"Content-Length": "999999", "Connection": "close"}, reset_at=1.0),
    # The digest is that of the bytes as sent; their unpacked form does not matter.
    "gzipped": Fault("cdn", methods=("GET",), changed={"Content-Encoding": "gzip"}, gzips=True),
    "portal": Fault("cdn", methods=("GET",), status=200, body=PORTAL, headers={"Content-Type": "text/html"}),
    "empty": Fault("cdn", methods=("GET",), status=200, body=b""),
    "206-unasked": Fault("cdn", methods=("GET",), status=206, body=b"x" * 100, headers={"Content-Range": "bytes 5-104/20000"}),
}


@pytest.mark.parametrize("fault", BLOB_FAULTS)
def test_content_that_is_not_what_it_should_be(scene: Scene, fault: str) -> None:
    """Wrong bytes of the right length; right bytes with a wrong Content-Length; longer than declared; unrequested gzip; HTML with 200: never
    stored, never acknowledged, and the connection is cut. A poisoned partial transfer is dropped.
    """
    held = scene.hold("1", 200_000)
    layer = held.layers[0]
    scene.fail(dataclasses.replace(BLOB_FAULTS[fault]))
    client = scene.client()
    assert client.manifest(scene.repository, "1").status_code == 200
    before = scene.weir.stored_files()
    download_fails(client, scene.repository, layer.digest)
    assert scene.weir.stored_files() == before
    scene.standin.mend()
    wait_until(lambda: came(scene, layer), 60, "the true content, once it is there", pause=0.3)
    assert client.pull(scene.repository, "1")[0] == held.digest


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "aws-chunked"])
def test_a_label_that_lies(scene: Scene, encoding: str) -> None:
    """The right bytes under a wrong Content-Encoding: the digest decides."""
    held = scene.hold("1", 200_000)
    scene.fail(*(Fault(at, changed={"Content-Encoding": encoding}) for at in ("cdn", "manifests")))
    assert scene.client().pull(scene.repository, "1")[0] == held.digest


def came(scene: Scene, layer: Blob) -> bool:
    try:
        return scene.client().blob_digest(scene.repository, layer.digest) == layer.digest
    except (Truncated, requests.RequestException):
        return False


@pytest.mark.parametrize("said", ["bytes 0-99/200000", "bytes 7-/9", "nonsense", ""])
def test_a_wrong_range(scene: Scene, said: str) -> None:
    """206 with a wrong Content-Range: its bytes are not written in the wrong place (I1)."""
    held = scene.hold("1", 2 * MIB)
    layer = held.layers[0]
    scene.fail(
        Fault("cdn", times=1, smallest=MIB, methods=("GET",), of_ranges=False, reset_at=0.5),
        Fault("cdn", smallest=MIB, methods=("GET",), of_ranges=True, changed={"Content-Range": said}))
    client = scene.client()
    client.manifest(scene.repository, "1")
    with contextlib.suppress(Truncated, requests.HTTPError):  # Short is allowed, wrong is not.
        assert client.blob_digest(scene.repository, layer.digest) == layer.digest
    scene.standin.mend()
    wait_until(lambda: came(scene, layer), 60, "the true content, once it is there", pause=0.3)


@pytest.mark.parametrize("changed", [
    {"Docker-Content-Digest": "sha256:" + "0" * 64}, {"Docker-Content-Digest": "nonsense"}, {"Docker-Content-Digest": ""},
    {"Content-Type": "text/plain"}, {"Content-Type": "application/vnd.docker.distribution.manifest.list.v2+json"}, {"Content-Type": ""},
], ids=str)
def test_headers_that_lie(scene: Scene, changed: dict[str, str]) -> None:
    """Wrong Docker-Content-Digest; wrong media type (CVE-2025-24882: bytes are hashed against what was asked, the header is not believed)."""
    held = scene.hold("1")
    scene.fail(Fault("manifests", changed=changed))
    for reference in (held.digest, "1"):
        answer = scene.client().manifest(scene.repository, reference)
        if answer.status_code == 200:
            assert answer.content == held.top.content
            assert answer.headers["Docker-Content-Digest"] == held.digest
            assert answer.headers["Content-Type"] == MANIFEST
        else:
            assert answer.status_code == 502 and errors(answer), answer.text
    scene.standin.mend()
    assert scene.client().pull(scene.repository, held.digest)[0] == held.digest


# Redirects

@pytest.fixture
def trap(authority: Authority) -> Iterator[Recorder]:
    """A private address that the settings do not allow."""
    recorder = Recorder("127.0.0.3", authority.server("127.0.0.3"))
    yield recorder
    recorder.stop()


def test_redirects_in_a_circle(scene: Scene) -> None:
    """Redirect loop: bounded."""
    held = scene.hold("1")
    path = f"/v2/{scene.vendor.repository}/manifests/1"
    scene.fail(Fault("manifests", status=307, headers={"Location": path}))
    answer = scene.client().manifest(scene.repository, "1")
    assert answer.status_code in (403, 502), answer.text
    assert len([one for one in scene.asked() if one.kind == "manifests"]) < 25
    scene.standin.mend()
    wait_until(lambda: scene.client().manifest(scene.repository, "1").status_code == 200, 60, "well again", 0.5)
    assert scene.client().pull(scene.repository, "1")[0] == held.digest


@pytest.mark.parametrize("target", [
    "http://{elsewhere}/x", "https://{trap}/x", "https://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "https://[::1]:{port}/x",
    "https://[::ffff:127.0.0.3]:{port}/x", "https://2130706435:{port}/x", "https://user:pass@{trap}/x", "file:///etc/passwd",
    "gopher://{trap}/x", "//{trap}/x", "https://{trap}\\@127.0.0.1/x", "", "http://",
])
@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_redirects_to_where_it_may_not_go(scene: Scene, trap: Recorder, kind: str, target: str) -> None:
    """Redirect to http, or to a private address: refused, without a credential. The reason names the host, and is not "not found"."""
    held = scene.hold("1", 2000)
    elsewhere = scene.standin.elsewhere_host
    location = target.format(trap=trap.address, port=trap.port, elsewhere=elsewhere)
    scene.fail(Fault(kind, status=307, headers={"Location": location}))
    client = scene.client()
    if kind == "manifests":
        answer = client.manifest(scene.repository, "1")
    else:
        assert client.manifest(scene.repository, "1").status_code == 200
        answer = client.blob(scene.repository, held.layers[0].digest)
    assert answer.status_code in (403, 502, 503), f"{answer.status_code} {answer.text}"
    assert trap.heard == []
    assert not [one for one in scene.asked() if one.server == "cdn"]


def test_a_long_way(scene: Scene) -> None:
    """Redirect over 10 hosts: a bounded number of hops, and never with the login."""
    held = scene.hold("1", 2000)
    hop = f"https://{scene.standin.elsewhere_host}/v2/{scene.vendor.repository}/manifests/1"
    scene.fail(Fault("manifests", status=307, headers={"Location": hop}))
    answer = scene.client().manifest(scene.repository, "1")
    assert answer.status_code in (403, 502), answer.text
    asked = [one for one in scene.asked() if one.server == "cdn"]
    assert 1 <= len(asked) < 25 and all(one.login == "" for one in asked)
    scene.standin.mend()
    assert held.digest


def test_the_blobs_host_wants_a_login(scene: Scene) -> None:
    """GO-2026-5822: the CDN's 401 does not make the server send its login."""
    held = scene.hold("1", 2000)
    scene.fail(Fault("cdn", status=401, headers={"WWW-Authenticate": 'Basic realm="give me yours"'}))
    client = scene.client()
    client.manifest(scene.repository, "1")
    answer = client.blob(scene.repository, held.layers[0].digest)
    assert answer.status_code in (403, 503), answer.text
    assert all(one.login == "" for one in scene.asked() if one.server == "cdn")
