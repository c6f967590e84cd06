"""Published incidents of other caches, over the wire: what leaves this server, and what it accepts.

(The matrices of realms, redirects and addresses are unit tests; here it is checked from outside what arrives where.)
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from collections.abc import Iterator

import pytest
import requests

from harness.certificates import Authority
from harness.distribution import Truncated
from harness.expect import assert_error, refused
from harness.faults import Fault
from harness.images import CONFIG, DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Blob, Image, random_layer, single
from harness.nowhere import Recorder
from harness.scene import Scene
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import Vendor
from harness.weir import Weir

HOME = Vendor("home", "registry-1.docker.io", service="home")


@pytest.fixture(scope="module")
def standin(authority: Authority) -> Iterator[StandIn]:
    made = StandIn(HOME, authority.server("127.0.0.1", ELSEWHERE))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def upstream_settings(standin: StandIn, authority: Authority) -> dict[str, object]:
    return {
        "upstreams": {standin.vendor.host: standin.url}, "upstream_ca": authority.ca,
        "options": ["--allow-any-upstream", "--allow-private-upstream", ELSEWHERE],
    }


@pytest.fixture
def scene(weir: Weir, standin: StandIn, prefix: str) -> Iterator[Scene]:
    scene = Scene(weir, standin, prefix).rule().well()
    yield scene
    scene.end()


@pytest.fixture
def evil(authority: Authority) -> Iterator[Recorder]:
    """Speaks TLS with a certificate that Weir trusts, at an address that no setting allows."""
    recorder = Recorder("127.0.0.3", authority.server("127.0.0.3", "localhost"))
    yield recorder
    recorder.stop()


@pytest.fixture
def allowed(authority: Authority) -> Iterator[Recorder]:
    """The same, at a private address that the operator has allowed: only the login's own rules keep it from there."""
    recorder = Recorder(ELSEWHERE, authority.server(ELSEWHERE))
    yield recorder
    recorder.stop()


@pytest.fixture
def plain() -> Iterator[Recorder]:
    recorder = Recorder(ELSEWHERE)
    yield recorder
    recorder.stop()


# Credentials and outbound requests

@pytest.mark.parametrize("realm", [
    "https://{evil}/token", "https://{allowed}/token", "http://{plain}/token", "http://127.0.0.1:{port}/token",
    "https://127.0.0.1@{evil}/token", "https://user:word@{allowed}/token", "https://{allowed}.", "https://2130706435:{evil_port}/t",
    "https://[::ffff:127.0.0.3]:{evil_port}/t", "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/",
    "https://0177.0.0.3:{evil_port}/t", "https://127.0.0.3\\@127.0.0.1/t", "//{evil}/token", "{evil}", "", "file:///etc/passwd",
    "https://auth.docker.io@{evil}/token", "https://auth.docker.io.{evil}/token", "https://xn--80ak6aa92e.example/token",
])
def test_a_realm_somewhere_else(
    scene: Scene, evil: Recorder, allowed: Recorder, plain: Recorder, realm: str,
) -> None:
    """CVE-2026-33540, CVE-2026-48978: no credential goes to an arbitrary `realm` of a challenge; the error names the realm."""
    scene.hold("1")
    where = realm.format(
        evil=evil.address, allowed=allowed.address, plain=plain.address, port=plain.port, evil_port=evil.port)
    challenge = {"WWW-Authenticate": f'Bearer realm="{where}",service="home"'}
    scene.fail(Fault("ping", status=401, headers=challenge), Fault("manifests", status=401, headers=challenge))
    answer = scene.client().manifest(scene.repository, "1")
    assert answer.status_code in (403, 502, 503), f"{answer.status_code} {answer.text}"
    for recorder in (evil, allowed, plain):
        assert recorder.heard == [], recorder.heard
    assert not [one for one in scene.asked() if one.kind in ("manifests", "ping") and one.login == "basic"]


@pytest.mark.parametrize("challenge", [
    'Basic realm="home", Bearer realm="https://{allowed}/token",service="home"',
    'Bearer realm="https://{allowed}/token", Basic realm="https://127.0.0.1/, token"',
    'Negotiate abc==, Bearer realm="https:\\/\\/{allowed}/token"',
    'Bearer realm="{home}" , realm="https://{allowed}/token"',
    "Bearer realm=https://{allowed}/token", "Bearer", "Bearer realm", 'Bearer realm="', ", ,, ,", "\x7f",
    "Bearer " + "a=b," * 2000,
])
def test_challenges_that_are_hard_to_read(scene: Scene, allowed: Recorder, challenge: str) -> None:
    """CVE-2026-12566: several challenges, quoted pairs, commas in quotes: no credential goes to another host."""
    scene.hold("1")
    told = {"WWW-Authenticate": challenge.replace("{allowed}", allowed.address).replace("{home}", scene.standin.url + "/token")}
    scene.fail(Fault("ping", status=401, headers=told), Fault("manifests", status=401, headers=told))
    answer = scene.client().manifest(scene.repository, "1")
    assert answer.status_code != 404 and answer.status_code < 504, answer.text
    assert allowed.heard == []


@pytest.mark.parametrize("target", ["https://{allowed}/x", "http://{plain}/x", "https://127.0.0.1:{evil_port}/x"])
@pytest.mark.parametrize("kind", ["manifests", "blobs", "token", "ping"])
def test_a_redirect_takes_no_login_along(
    scene: Scene, evil: Recorder, allowed: Recorder, plain: Recorder, kind: str, target: str,
) -> None:
    """GHSA-vh4v-2xq2-g5cg: only the identical origin keeps Authorization; never from https to http."""
    image = scene.hold("1", 2000)
    if kind == "blobs":
        scene.client().manifest(scene.repository, "1", method="HEAD")
    location = target.format(allowed=allowed.address, plain=plain.address, evil_port=evil.port)
    scene.fail(Fault(kind, status=307, headers={"Location": location}))
    with contextlib.suppress(requests.HTTPError, Truncated, AssertionError):
        scene.client().pull(scene.repository, image.digest)
    for heard in [*allowed.heard, *plain.heard, *evil.heard]:
        head = heard.decode(errors="replace").lower()
        assert "authorization" not in head and "cookie" not in head, head
    assert plain.heard == [], "https was left for http"


def test_layers_that_say_where_they_are(scene: Scene, allowed: Recorder) -> None:
    """CVE-2020-15157: manifests with `urls` are served as they are, and the cache never fetches from there."""
    foreign = Blob(b"not here", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    config = Blob(b"{}", CONFIG)
    document = {
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
        "layers": [foreign.descriptor(urls=[f"https://{allowed.address}/layer", f"http://{allowed.address}/layer"])]}
    image = scene.standin.hold("foreign", Image(Blob(json.dumps(document).encode(), MANIFEST), (config,)))
    client = scene.client()
    assert client.manifest(scene.repository, "foreign").content == image.top.content
    assert_error(client.blob(scene.repository, foreign.digest), 404, "BLOB_UNKNOWN")
    assert allowed.heard == []


@pytest.mark.parametrize("host", [
    "evil.azurecr.io.attacker.com", "azurecr.io", ".azurecr.io", "a.b.azurecr.io", "registry-1.docker.io@evil.example",
    "registry-1.docker.io#evil.example", "registry-1.docker.io/evil", "https://registry-1.docker.io", "REGISTRY-1.DOCKER.IO",
    "registry-1.docker.io.", "quay.io:443@evil", "quay.io ", "quay.io\n", "quay.io%2eevil.example", "qu\u00e4y.io", "quay。io",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
])
def test_hosts_that_only_look_like_one(make_any: dict[bool, Weir], host: str) -> None:
    """GO-2026-6225: upstream host matching is exact or suffix-with-dot."""
    ecr = make_any[False].client("ecr")
    with pytest.raises((ecr.exceptions.UnsupportedUpstreamRegistryException, ecr.exceptions.InvalidParameterException)):
        make_any[False].rule("looks-like", host)


@pytest.fixture(scope="module")
def make_any(weir: Weir, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Weir]]:
    """A server that allows any upstream, and one that does not."""
    strict = Weir(tmp_path_factory.mktemp("strict"), watched=True).start()
    yield {True: weir, False: strict}
    strict.discard()


@pytest.mark.parametrize("host", [
    "169.254.169.254", "127.0.0.1", "127.0.0.3", "localhost", "10.0.0.1", "192.168.1.1", "0.0.0.0", "2130706433", "0x7f000001", "127.1",
    "::1", "[::1]", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "metadata.google.internal", "localhost.localdomain", "ip6-localhost",
])
def test_rules_for_places_inside(weir: Weir, evil: Recorder, prefix: str, host: str) -> None:
    """CVE-2026-32591, CVE-2026-79913: rule creation and every connection apply the same guard."""
    ecr = weir.client("ecr")
    with contextlib.suppress(ecr.exceptions.UnsupportedUpstreamRegistryException, ecr.exceptions.InvalidParameterException):
        weir.rule(prefix, host if host.startswith("[") or host.count(":") > 1 else f"{host}:{evil.port}")
        answer = weir.distribution().manifest(f"{prefix}/some/app", "1")
        assert answer.status_code in (403, 503), f"{answer.status_code} {answer.text}"
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=prefix)
    assert evil.heard == []


def test_a_login_is_bound_to_its_rule(weir: Weir, standin: StandIn, prefix: str) -> None:
    """zot's `newClient`: a credential is bound to (rule, origin): another rule for the same host goes without it."""
    scene = Scene(weir, standin, prefix).rule()
    private = single([random_layer(prefix, 500)], note=prefix)
    standin.hold("1", private, "mine/alone", private=True)
    assert scene.client().pull(f"{prefix}/mine/alone", "1")[0] == private.digest
    other = f"{prefix}-other"
    weir.rule(other, HOME.host, credentialArn=weir.secret(other, "somebody", "with-another-password"))
    answer = scene.client().manifest(f"{other}/mine/alone", "1")
    assert_error(answer, 403, "DENIED", "The authentication to the upstream registry failed")
    # Nor does it get the content that the first rule brought.
    assert scene.client().manifest(f"{other}/mine/alone", private.digest).status_code == 403
    assert scene.client().blob(f"{other}/mine/alone", private.layers[0].digest).status_code in (403, 404)
    scene.end()
    weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix=other)


# Integrity, poisoning, parsing

def named(content: bytes, media_type: str, *blobs: Blob) -> Image:
    return Image(Blob(content, media_type), blobs)


def test_a_body_that_is_two_things(scene: Scene) -> None:
    """GHSA-qq97-vm5h-rrhg, CVE-2021-41190: Content-Type must agree with the body; one with both layers and manifests is refused."""
    config = Blob(b"{}", CONFIG)
    both = json.dumps({"schemaVersion": 2, "config": config.descriptor(), "layers": [], "manifests": []}).encode()
    scene.standin.hold("both", named(both, MANIFEST, config))
    as_index = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(), "layers": []}).encode()
    scene.standin.hold("index", named(as_index, INDEX, config))
    as_list = json.dumps({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": []}).encode()
    scene.standin.hold("list", named(as_list, DOCKER_MANIFEST))
    for tag in ("both", "index", "list"):
        answer = scene.client().manifest(scene.repository, tag)
        assert answer.status_code == 502, f"{tag}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("size", [-1, 10**15, 2**63, 1.5, "12", None])
def test_sizes_that_are_none(scene: Scene, size: object) -> None:
    """GHSA-f36w-mj3v-6jqv: no allocation from a declared size; streaming with caps."""
    config = Blob(b"{}", CONFIG)
    layer = random_layer(scene.prefix, 500)
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
                "layers": [{**layer.descriptor(), "size": size}]}
    scene.standin.hold("odd", named(json.dumps(document).encode(), MANIFEST, config, layer))
    before = scene.weir.peak_memory
    client = scene.client()
    answer = client.manifest(scene.repository, "odd")
    assert answer.status_code in (200, 502), answer.text
    with contextlib.suppress(Truncated, requests.HTTPError):
        assert client.blob_digest(scene.repository, layer.digest) == layer.digest
    assert scene.weir.peak_memory - before < 64 << 20


def test_an_index_of_indexes(scene: Scene) -> None:
    """zot#4318: nested indexes are walked to a bounded depth, and once for each manifest, not for each path to it."""
    child, depth = Blob(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode(), INDEX), 25
    nested = [child]
    for _ in range(depth):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [nested[-1].descriptor(), nested[-1].descriptor()]}
        nested.append(Blob(json.dumps(document).encode(), INDEX))
    scene.standin.hold("deep", Image(nested[-1], (), tuple(nested[:-1])))
    client = scene.client()
    assert client.manifest(scene.repository, "deep").status_code in (200, 502)
    assert client.request("GET", "/v2/").status_code == 200
    # 2^25 requests would still be coming.
    assert len([one for one in scene.asked() if one.kind == "manifests"]) < 500


@pytest.mark.parametrize("path", [
    "{name}/manifests/1%00", "{name}/manifests/1%2f..%2f2", "{name}//manifests/1", "{name}/./manifests/1", "{name};a/manifests/1",
    "{upper}/manifests/1", "{name}%2e/manifests/1", "{name}./manifests/1", "{name}/../{name}/manifests/1", "{name}/manifests/1%0d%0aX:y",
    "%63{rest}/manifests/1", "{name}/manifests/sha256:../../../../etc/passwd", "{name}/blobs/sha256:%2e%2e%2f", "{name}/manifests/\u00e9",
])
def test_names_that_are_another_in_disguise(scene: Scene, path: str) -> None:
    """CVE-2024-6915, CVE-2024-3727, CVE-2024-4956: percent-encoding, `//`, `;`, case and dots neither alias two keys nor leave the folder."""
    held = scene.hold("1")
    client = scene.client()
    client.pull(scene.repository, "1")
    name = scene.repository
    raw = "/v2/" + path.format(name=name, upper=name.upper(), rest=name[1:])
    login = base64.b64encode(f"AWS:{scene.weir.password()}".encode()).decode()
    host, _, port = scene.weir.host.partition(":")
    mark = scene.standin.mark()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"GET {raw} HTTP/1.1\r\nHost: {scene.weir.host}\r\nAuthorization: Basic {login}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    if path.startswith("%63"):  # The same name, written otherwise: the same image, or no such path.
        assert status in (200, 400, 404)
        return
    assert 400 <= status < 500, answer[:300]
    assert b"root:" not in answer
    assert not [one for one in scene.standin.since(mark) if ".." in one.path or "%" in one.path]
    assert client.manifest(name, "1").content == held.top.content


def test_pages_without_end(scene: Scene) -> None:
    """CVE-2023-2253, GHSA-vfp6-jrw2-99g9: page sizes are capped, whatever the request."""
    scene.hold("1")
    client = scene.client()
    client.pull(scene.repository, "1")
    for size in ("99999999999999999999", "-1", "0", "1e9", "a"):
        answer = client.request("GET", f"/v2/{scene.repository}/tags/list?n={size}")
        assert answer.status_code in (200, 400, 405), f"{size}: {answer.status_code}"
        answer = client.request("GET", f"/v2/_catalog?n={size}")
        assert answer.status_code in (200, 400, 405), f"{size}: {answer.status_code}"


def test_ns_widens_nothing(scene: Scene) -> None:
    """`?ns=HOST` on /v2/ finds the rule for that host, answers `OCI-Namespace`, and never widens access."""
    held = scene.hold("ns")
    client = scene.client()
    answer = client.request("GET", f"/v2/{scene.vendor.repository}/manifests/ns?ns={scene.vendor.host}")
    assert answer.status_code == 200 and answer.content == held.top.content, answer.text
    assert answer.headers["OCI-Namespace"] == scene.vendor.host
    bare = requests.get(
        f"{scene.weir.url}/v2/{scene.vendor.repository}/manifests/ns?ns={scene.vendor.host}", timeout=30)
    assert bare.status_code == 401
    for other in ("evil.example", "", "127.0.0.1", f"{scene.vendor.host}/", "https://quay.io", "..", "a" * 5000):
        answer = client.request("GET", f"/v2/some/unknown/manifests/1?ns={other}")
        assert answer.status_code in (400, 403, 404), f"{other}: {answer.status_code}"


def test_a_rule_with_anothers_words_in_it(weir: Weir) -> None:
    """Rule creation is checked member by member, for every caller."""
    with refused("InvalidParameterException"):
        weir.client("ecr", unchecked=True).create_pull_through_cache_rule(
            ecrRepositoryPrefix="../up", upstreamRegistryUrl="quay.io")
