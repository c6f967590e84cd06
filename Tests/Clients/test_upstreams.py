"""Every upstream by its own rules: a stand-in that behaves as the real one does on the wire, and the requests that it got.

docs/upstreams.md has a table of all upstreams. Each is tested here: cold pull, warm pull, private image with a secret, wrong secret,
unknown image, rate limit; with skopeo or docker as the client, and the stand-in's requests as evidence of what was asked and which
credentials went where.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.distribution import Distribution, errors
from harness.engines import Docker, Skopeo
from harness.expect import assert_error
from harness.faults import Fault
from harness.images import Blob, Image, random_layer, single, two_platforms
from harness.processes import CommandFailed, wait_until
from harness.scene import Scene
from harness.signing import operate
from harness.standin import ELSEWHERE, StandIn
from harness.vendors import BEHIND, DOOR, MANNERS, MORE, PLAIN, VENDORS, Vendor
from harness.weir import Weir

EVERY = pytest.mark.parametrize("name", [vendor.name for vendor in VENDORS])
WITH_LOGIN = pytest.mark.parametrize("name", [vendor.name for vendor in VENDORS if vendor.scheme != "open"])
TABLE = [*VENDORS, *MORE]
#: Settings for upstreams beyond ECR's list.
ANY = ["--allow-any-upstream", "--remember-missing", "1", "--optional-upstream-secrets", "--allow-private-upstream", ELSEWHERE]


@pytest.fixture(scope="module")
def standins(authority: Authority) -> Iterator[dict[str, StandIn]]:
    certificate = authority.server("127.0.0.1", ELSEWHERE)
    made = {vendor.name: StandIn(vendor, certificate) for vendor in [*TABLE, PLAIN, DOOR, BEHIND]}
    made["manners"] = StandIn(MANNERS[0], certificate)
    made["door"].behind = made["behind"]
    yield made
    with ThreadPoolExecutor() as pool:
        list(pool.map(StandIn.stop, made.values()))


@pytest.fixture(scope="module")
def weir(tmp_path_factory: pytest.TempPathFactory, standins: dict[str, StandIn], authority: Authority) -> Iterator[Weir]:
    server = Weir(
        tmp_path_factory.mktemp("weir"), upstreams={one.vendor.host: one.url for one in standins.values()},
        upstream_ca=authority.ca, options=ANY, watched=True).start()
    yield server
    alive = server.daemon is not None and server.daemon.alive
    server.discard()
    assert alive, f"the server has died:\n{server.output[-4000:]}"


@pytest.fixture
def case_of(weir: Weir, standins: dict[str, StandIn], prefix: str) -> Iterator[Callable[[str], Scene]]:
    made: list[Scene] = []

    manners = {vendor.name: vendor for vendor in MANNERS}

    def make(name: str) -> Scene:
        if name in manners:
            standins["manners"].vendor = manners[name]
        made.append(Scene(weir, standins["manners" if name in manners else name], prefix))
        return made[-1]

    yield make
    for scene in made:
        scene.end()


@pytest.fixture
def case(name: str, case_of: Callable[[str], Scene]) -> Scene:
    return case_of(name)


def assert_logins_went_home(case: Scene) -> None:
    """The password goes to the token server or, with Basic, to the registry; tokens go to the registry; nothing goes elsewhere."""
    vendor = case.vendor
    for one in case.asked():
        if one.server == "cdn":
            assert one.login == "", f"a login reached the blobs' host: {one}"
        elif one.kind == "token":
            assert one.user in (None, vendor.user), one.user
        elif one.kind == "cdn":
            # Another path of the registry's own host: the token may be there.
            assert one.login in ("", "bearer"), one.login
        else:
            assert one.login in ("", "basic" if vendor.scheme == "basic" else "bearer"), f"{one.login} at {one.path}"
        if vendor.scheme == "open":
            assert one.login == "", one


@EVERY
def test_cold_and_warm(case: Scene, skopeo: Skopeo) -> None:
    """Cold pull, warm pull."""
    image = case.standin.hold("cold", two_platforms(case.prefix, 20_000, runs=False))
    case.rule()
    assert skopeo.pull(case.reference("cold"), case.weir.password()) == image.digest
    asked = case.asked()
    gets = [one.path for one in asked if one.method == "GET" and one.kind in ("blobs", "cdn")]
    for blob in image.blobs:
        final = [path for path in gets if path.endswith(blob.digest)]
        # Where a blob is at another place, it is asked for once there, too.
        assert len(final) == (1 if case.vendor.blobs == "here" else 2), f"{blob.digest}: {final}"
    assert_logins_went_home(case)
    if case.vendor.scheme == "bearer":
        # One token serves a repository, however many requests come at once.
        assert len([one for one in asked if one.kind == "token"]) == 1, [one.query for one in asked if one.kind == "token"]
    mark = case.standin.mark()
    assert skopeo.pull(case.reference("cold"), case.weir.password()) == image.digest
    assert case.standin.since(mark) == []


@WITH_LOGIN
def test_a_private_image_with_a_secret(case: Scene, skopeo: Skopeo) -> None:
    """Private image with a secret."""
    repository = f"{case.vendor.repository}-private"
    image = case.standin.hold("1", single([random_layer(case.prefix, 5000)], note=case.prefix), repository, private=True)
    case.rule()
    reference = f"{case.weir.host}/{case.prefix}/{repository}:1"
    assert skopeo.pull(reference, case.weir.password()) == image.digest
    assert_logins_went_home(case)
    kind = "token" if case.vendor.scheme == "bearer" else "manifests"
    assert any(one.user == case.vendor.user for one in case.asked() if one.kind == kind)


@WITH_LOGIN
def test_a_wrong_secret(case: Scene) -> None:
    """Wrong secret: refused with ECR's words, naming the upstream; and ValidatePullThroughCacheRule says which step failed."""
    case.hold("wrong")
    case.rule(password="not-the-password-of-anybody")
    answer = case.weir.distribution().manifest(case.repository, "wrong")
    assert_error(answer, 403, "DENIED", "The authentication to the upstream registry failed")
    assert case.vendor.host in answer.text
    assert not any(one.kind in ("manifests", "blobs") and one.login == "bearer" for one in case.asked())
    assert_logins_went_home(case)
    told = case.weir.client("ecr").validate_pull_through_cache_rule(ecrRepositoryPrefix=case.prefix)
    assert told["isValid"] is False and "authentication" in told["failure"].lower(), told


@EVERY
def test_a_good_rule_is_valid(case: Scene) -> None:
    """ValidatePullThroughCacheRule for real: reads the secret, checks its form, connects, authenticates."""
    for repository in VALIDATED.get(case.vendor.name, ()):
        case.standin.hold("latest", single([random_layer(case.prefix, 50)], note=case.prefix), repository)
    case.rule()
    told = case.weir.client("ecr").validate_pull_through_cache_rule(ecrRepositoryPrefix=case.prefix)
    assert told["isValid"] is True, told
    assert case.asked(), "nothing was asked"
    assert_logins_went_home(case)
    if case.vendor.scheme != "open":
        assert any(one.user == case.vendor.user for one in case.asked())


#: Public images at the real registries. They tell a good login where unknown names are answered like a bad one.
VALIDATED = {
    "docker-hub": ["library/hello-world"], "quay": ["quay/busybox"], "github": ["actions/actions-runner"],
    "gitlab": ["gitlab-org/gitlab-runner"], "chainguard": ["chainguard/static"],
}


@pytest.mark.parametrize("name", [vendor.name for vendor in TABLE])
def test_an_unknown_image(case: Scene) -> None:
    """Unknown image: "not found" where upstream says so; where it says "unauthorized" for missing images, that, and a hint."""
    case.rule()
    answer = case.weir.distribution().manifest(f"{case.prefix}/no/such", "1")
    if case.vendor.unknown[0] == 404:
        assert_error(answer, 404, "MANIFEST_UNKNOWN", "Requested image not found")
    else:
        assert_error(answer, 403, "DENIED", "that the repository exists")
        assert case.vendor.host in answer.text
    assert case.weir.client("ecr").describe_repositories()["repositories"] is not None
    names = [one["repositoryName"] for one in case.weir.client("ecr").describe_repositories()["repositories"]]
    assert f"{case.prefix}/no/such" not in names, "a repository was made for what is not there"


@EVERY
def test_rate_limited(case: Scene) -> None:
    """Rate limit: reported as 429, with upstream's wait; cached images are served all the same."""
    case.hold("limited")
    kept = case.hold("kept")
    case.rule()
    client = case.weir.distribution()
    client.pull(case.repository, "kept")
    case.standin.is_limited = True
    answer = client.manifest(case.repository, "limited")
    assert_error(answer, 429, "TOOMANYREQUESTS", case.vendor.host)
    if retry_after := case.vendor.when_limited.get("retry-after"):
        assert f"it is not asked again for {retry_after} s" in answer.text and f"for {retry_after} s" in answer.reason
        # No client is told to wait that long: containers/image would do so five times.
        assert answer.headers["Retry-After"] == "1"
    assert client.pull(case.repository, "kept")[0] == kept.digest
    assert client.pull(case.repository, kept.digest)[0] == kept.digest


@pytest.mark.parametrize("name", [vendor.name for vendor in TABLE])
def test_a_day_with(case: Scene, skopeo: Skopeo) -> None:
    """Each vendor: two images on one base, a token that ends in the middle, a moved tag, referrers, an outage; cold, warm and offline."""
    password = case.weir.password()
    live(case, lambda repository, tag: skopeo.pull(f"{case.weir.host}/{case.prefix}/{repository}:{tag}", password))


@pytest.mark.parametrize("name", [vendor.name for vendor in MANNERS])
def test_a_manner(case: Scene) -> None:
    """Each peculiarity alone: the same sequence."""
    client = case.client()
    live(case, lambda repository, tag: client.pull(f"{case.prefix}/{repository}", tag)[0])


def live(case: Scene, pull: Callable[[str, str], str]) -> None:
    vendor, standin = case.vendor, case.standin
    base = random_layer(f"{case.prefix}-base", 3000)

    def image(name: str, size: int = 700) -> Image:
        return single([base, random_layer(f"{case.prefix}-{name}", size)], note=f"{case.prefix}-{name}")

    here, other = vendor.repository, f"{vendor.repository}-other"
    one, two = standin.hold("day", image("one")), standin.hold("1", image("two"), other)
    # Content long enough for ranges, where the vendor treats them unusually.
    later = standin.hold("later", image("later", 700 if vendor.ranges == "served" else 9 << 20))
    case.rule().set(freshnessSeconds=0)
    assert pull(here, "day") == one.digest
    assert pull(other, "1") == two.digest
    standin.revoke_tokens()
    assert pull(here, "later") == later.digest
    moved = standin.hold("day", image("moved"))
    assert pull(here, "day") == moved.digest
    assert_referrers(case, later)
    case.fail(Fault("manifests", times=10_000, status=503), Fault("token", times=10_000, status=503))
    assert pull(here, "day") == moved.digest
    assert case.client().pull(f"{case.prefix}/{other}", two.digest)[0] == two.digest
    assert_logins_went_home(case)


@pytest.mark.parametrize("name", [
    *(vendor.name for vendor in [*TABLE, *MANNERS] if vendor.next_link != "here" or vendor.next_page != "last" or vendor.most_tags),
    "harbor", "kubernetes"])
def test_a_merged_list_of_tags(case: Scene) -> None:
    """As updaters (renovate, for one) need it: all of upstream's tags, however its pages are linked, and the stored ones."""
    image = case.hold("t00")
    for number in range(120):
        case.standin.hold(f"t{number:03}", image)
    case.rule()
    client = case.client()
    assert client.pull(case.repository, "t00")[0] == image.digest
    case.standin.drop("t00")
    path = f"/v2/{case.repository}/tags/list"
    assert client.request("GET", path).json()["tags"] == ["t00"]
    case.set(tags="merged")
    there = case.standin.tags(case.vendor.repository)
    if case.vendor.next_link == "same":
        # A second page that links to itself: the tags so far are listed, and the requests end.
        there = there[:100]
    told = client.request("GET", path).json()["tags"]
    assert told == sorted({*there, "t00"})
    mark = case.standin.mark()
    pages = client.request("GET", path, params={"n": 50})
    assert pages.json()["tags"] == told[:50] and f"last={told[49]}" in pages.headers["Link"]
    assert case.standin.since(mark) == []
    assert_logins_went_home(case)
    for number in range(120):
        case.standin.drop(f"t{number:03}")


def test_a_merged_list_while_upstream_is_away(case_of: Callable[[str], Scene]) -> None:
    case = case_of("plain")
    case.hold("here")
    case.hold("there")
    case.rule().set(tags="merged", freshnessSeconds=0)
    client = case.client()
    client.pull(case.repository, "here")
    path = f"/v2/{case.repository}/tags/list"
    assert {"here", "there"} <= set(client.request("GET", path).json()["tags"])
    case.fail(Fault("tags", status=503))
    answer = client.request("GET", path)
    assert {"here", "there"} <= set(answer.json()["tags"]) and answer.headers["Warning"].startswith("110")
    # A client that has seen no list yet gets the stored tags.
    other = f"{case.prefix}-2"
    case.weir.rule(other, case.vendor.host)
    operate(case.weir, "SetRuleOptions", ecrRepositoryPrefix=other, tags="merged")
    client.pull(f"{other}/{case.vendor.repository}", "here")
    assert client.request("GET", f"/v2/{other}/{case.vendor.repository}/tags/list").json()["tags"] == ["here"]
    assert client.request("GET", f"/v2/{other}/not/here/tags/list").status_code in (503, 403)
    case.weir.client("ecr").delete_pull_through_cache_rule(ecrRepositoryPrefix=other)


def assert_referrers(case: Scene, subject: Image) -> None:
    signature = single([random_layer(f"{case.prefix}-signature", 50)], note=f"{case.prefix}-signature").top.descriptor()
    case.standin.refer(case.vendor.repository, "later", {**signature, "annotations": {"a": None}})
    answer = case.client().request("GET", f"/v2/{case.repository}/referrers/{subject.digest}")
    expected = [signature["digest"]] if case.vendor.has_referrers else []
    assert answer.status_code == 200, answer.text
    assert [one["digest"] for one in answer.json()["manifests"]] == expected


def test_a_door(case_of: Callable[[str], Scene], standins: dict[str, StandIn]) -> None:
    """A registry that only redirects: public images come by an anonymous token; private ones are refused, and both hosts are named."""
    case, behind = case_of("door"), standins["behind"]
    behind.mend()
    mark = behind.mark()
    images = [behind.hold(tag, two_platforms(f"{case.prefix}-{tag}", 900, runs=False)) for tag in ("a", "b")]
    behind.hold("c", single([random_layer(case.prefix, 500)], note=case.prefix), "team/secret", private=True)
    arn = case.weir.secret(f"{case.prefix}-secret", "robot", "for-the-door-and-nobody-behind")
    case.weir.rule(case.prefix, case.vendor.host, credentialArn=arn)
    client = case.client()
    for tag, image in zip("ab", images, strict=True):
        assert client.pull(case.repository, tag)[0] == image.digest
    assert behind.count("token") - sum(one.kind == "token" for one in behind.asked[:mark]) == 1
    behind.revoke_tokens()
    again = behind.hold("d", single([random_layer(f"{case.prefix}-d", 500)], note=f"{case.prefix}-d"))
    assert client.pull(case.repository, "d")[0] == again.digest
    answer = client.manifest(f"{case.prefix}/team/secret", "c")
    assert_error(answer, 403, "DENIED", DOOR.host)
    assert "127.0.0.1" in answer.text and "credentials" not in answer.text
    assert all(one.login in ("", "bearer") and one.user is None for one in behind.since(mark))


def test_a_child_that_comes_later(case_of: Callable[[str], Scene]) -> None:
    """ECR serves an index before its attestations: the index and the images are served, and the missing ones once they are there."""
    case = case_of("harbor")
    image = case.standin.hold("lazy", two_platforms(f"{case.prefix}-lazy", 300, runs=False))
    children = [one["digest"] for one in json.loads(image.top.content)["manifests"]]
    case.rule().set(fetch="all")
    client = case.client()
    case.standin.absent = {children[1]}
    assert client.manifest(case.repository, "lazy").headers["Docker-Content-Digest"] == image.digest
    assert client.pull(case.repository, children[0])[0] == children[0]
    assert client.manifest(case.repository, children[1]).status_code == 404
    case.standin.absent = set()
    wait_until(lambda: client.manifest(case.repository, children[1]).status_code == 200, 30, "the child that was late", 0.5)


PAGE = b"<html><head><title>Just a moment...</title></head></html>"


@pytest.mark.parametrize(("name", "body", "kind"), [
    ("harbor", PAGE, "text/html"), ("microsoft", PAGE, "text/html; charset=UTF-8"), ("microsoft", b"", ""), ("kubernetes", PAGE, "text/html")])
def test_a_wall_in_front(case: Scene, body: bytes, kind: str) -> None:
    """A delivery network that blocks this server's address: held images are served, and the refusal does not blame the secret."""
    kept = case.hold("kept")
    case.hold("new")
    case.rule().set(freshnessSeconds=0)
    client = case.client()
    assert client.pull(case.repository, "kept")[0] == kept.digest
    case.fail(Fault("manifests", status=403, headers={"Content-Type": kind, "Server": "cloudflare"}, body=body))
    answer = client.manifest(case.repository, "new")
    assert_error(answer, 403, "DENIED", "in front of it")
    assert case.vendor.host in answer.text and "credentials" not in answer.text and "secret" not in answer.text
    assert client.pull(case.repository, "kept")[0] == kept.digest


OUTAGES = {
    "plain 404": [Fault("manifests", status=404, headers={"Content-Type": "text/plain"}, body=b"404 page not found\n")],
    "unknown": [Fault("manifests", status=404, code="MANIFEST_UNKNOWN"), Fault("blobs", status=404, code="BLOB_UNKNOWN")],
    "401 to all": [Fault("manifests", status=401, code="UNAUTHORIZED"), Fault("blobs", status=401)],
    "403 to all": [Fault("manifests", status=403, code="DENIED")],
    "nginx": [Fault("manifests", status=405, headers={"Content-Type": "text/html"}, body=PAGE)],
    "haproxy": [Fault("manifests", status=503, headers={"Content-Type": "text/html"}, body=PAGE, delay=0.3)],
    "500": [Fault("manifests", status=500), Fault("blobs", status=500)],
    "token server": [Fault("token", status=404), Fault("manifests", status=401)],
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_forgets_nothing(case_of: Callable[[str], Scene], outage: str) -> None:
    """Every form of an outage: nothing cached is dropped, no login is called wrong, and pulls work again as soon as it ends."""
    case = case_of("harbor")
    kept, new = case.hold("kept"), case.hold("new")
    case.rule().set(freshnessSeconds=0)
    client = case.client()
    assert client.pull(case.repository, "kept")[0] == kept.digest
    case.fail(*(dataclasses.replace(one) for one in OUTAGES[outage]))
    assert client.pull(case.repository, "kept")[0] == kept.digest
    answer = client.manifest(case.repository, "new")
    assert answer.status_code != 200 and "authentication" not in answer.text and "credentials" not in answer.text, answer.text
    case.standin.mend()
    wait_until(lambda: client.manifest(case.repository, "new").status_code == 200, 15, "the end of the outage", 0.5)
    assert client.pull(case.repository, "new")[0] == new.digest
    assert client.pull(case.repository, "kept")[0] == kept.digest


def test_a_head_on_which_it_hangs_up(case_of: Callable[[str], Scene]) -> None:
    """mcr.microsoft.com and public.ecr.aws at times: a HEAD ends in EOF, and a GET is answered."""
    case = case_of("harbor")
    base = random_layer(f"{case.prefix}-base", 900)
    for tag in ("one", "two"):
        case.standin.hold(tag, single([base, random_layer(f"{case.prefix}-{tag}", 300)], note=f"{case.prefix}-{tag}"))
    case.rule().set(freshnessSeconds=0)
    client = case.client()
    case.fail(Fault("manifests", methods=("HEAD",), hangs_up=True), Fault("blobs", methods=("HEAD",), hangs_up=True))
    for tag in ("one", "two"):
        client.pull(case.repository, tag)
    moved = case.hold("one")
    assert client.pull(case.repository, "one")[0] == moved.digest


LIMITS = {
    "no number": Fault("manifests", status=429, code="TOOMANYREQUESTS"),
    "a moment": Fault("manifests", status=429, headers={"Retry-After": str(int(time.time()) + 20)}),
    "text": Fault("manifests", status=429, headers={"Content-Type": "text/plain", "Retry-After": "60", "Connection": "close"},
                  body=b"Too Many Requests (HAP429).\n"),
    "in the message": Fault("manifests", status=429, code="TOOMANYREQUESTS: retry-after: 985.86\u00b5s, allowed: 44000/minute"),
    "token server": Fault("token", status=429),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(case_of: Callable[[str], Scene], limit: str) -> None:
    """A limit in any form is reported as one, with a wait of seconds and not of years; cached images are served."""
    case = case_of("harbor")
    kept = case.hold("kept")
    case.hold("new")
    case.rule().set(freshnessSeconds=0)
    client = case.client()
    assert client.pull(case.repository, "kept")[0] == kept.digest
    case.standin.revoke_tokens()
    case.fail(dataclasses.replace(LIMITS[limit]))
    answer = client.manifest(case.repository, "new")
    assert_error(answer, 429, "TOOMANYREQUESTS", case.vendor.host)
    assert int(answer.headers.get("Retry-After", "1")) <= 60
    assert client.pull(case.repository, "kept")[0] == kept.digest


def test_referrers_that_are_told_wrong(case_of: Callable[[str], Scene]) -> None:
    """Wrong sizes and types, and malformed entries: the others are listed, and stored referrers are listed with their own facts."""
    case = case_of("harbor")
    image = case.hold("subject")
    signature = case.standin.hold("signature", referrer(image, f"{case.prefix}-signature"))
    entry = {**signature.top.descriptor(), "size": 521_000, "artifactType": "application/vnd.oci.empty.v1+json"}
    for one in ({"mediaType": "x/y"}, {"digest": 7}, {"digest": "sha256:short", "size": 1}, entry, {**entry, "size": "x"}):
        case.standin.refer(case.vendor.repository, "subject", one)
    case.rule()
    client = case.client()
    assert client.pull(case.repository, "subject")[0] == image.digest
    path = f"/v2/{case.repository}/referrers/{image.digest}"
    assert [one["digest"] for one in client.request("GET", path).json()["manifests"]] == [signature.digest]
    assert client.pull(case.repository, signature.digest)[0] == signature.digest
    [told] = client.request("GET", path).json()["manifests"]
    assert (told["size"], told["artifactType"]) == (len(signature.top.content), "application/vnd.example.signature")


def referrer(subject: Image, note: str) -> Image:
    """An image that names another one as its subject."""
    plain = single([random_layer(note, 60)], note=note)
    document = json.loads(plain.top.content)
    document |= {"subject": subject.top.descriptor(), "artifactType": "application/vnd.example.signature"}
    return dataclasses.replace(plain, top=Blob(json.dumps(document).encode(), plain.top.media_type))


@pytest.mark.parametrize(("status", "body", "kind"), [
    (403, PAGE, "text/html"), (400, b"<Error><Code>InvalidRequest</Code></Error>", "application/xml"), (410, b"", "")])
def test_a_link_that_is_refused(case_of: Callable[[str], Scene], status: int, body: bytes, kind: str) -> None:
    """A bucket that refuses a link, with a web page or in XML: a new link is requested, and then the blob comes."""
    case = case_of("microsoft")
    image = case.hold("link", 40_000)
    case.rule()
    case.fail(Fault("cdn", times=1, methods=("GET",), status=status, body=body, headers={"Content-Type": kind}))
    assert case.client().pull(case.repository, "link")[0] == image.digest


def test_what_a_plain_pull_costs_upstream(case_of: Callable[[str], Scene]) -> None:
    """As docker pulls: HEAD of the tag, the list, one platform's image and its blobs, with a login. No further request."""
    case = case_of("plain")
    image = case.standin.hold("count", two_platforms(f"{case.prefix}-count", 900, runs=False))
    child = json.loads(image.top.content)["manifests"][0]["digest"]
    case.rule()
    client = case.client()
    assert client.manifest(case.repository, "count", method="HEAD").status_code == 200
    assert client.pull(case.repository, child)[0] == child
    kinds = [(one.kind, one.method) for one in case.asked()]
    layers = len(image.find(child) and json.loads(image.find(child).content)["layers"])
    assert sorted(kinds) == sorted([
        ("ping", "GET"), ("token", "GET"), ("manifests", "GET"), ("manifests", "GET"), *[("blobs", "GET")] * (1 + layers)]), kinds
    # Warm, by tag and by digest: nothing.
    mark = case.standin.mark()
    assert client.manifest(case.repository, "count").status_code == 200
    assert client.pull(case.repository, child)[0] == child
    assert case.standin.since(mark) == []


@EVERY
def test_a_head_of_a_blob_that_only_upstream_has(case: Scene) -> None:
    """The blob is there: a HEAD says so, with the size from the manifest."""
    image = case.hold("head")
    case.rule()
    client = case.client()
    assert client.manifest(case.repository, "head").status_code == 200
    answer = client.request("HEAD", f"/v2/{case.repository}/blobs/{image.layers[0].digest}")
    assert (answer.status_code, answer.headers.get("Content-Length")) == (200, str(len(image.layers[0].content)))


@pytest.mark.parametrize("name", [
    vendor.name for vendor in VENDORS if not vendor.has_referrers and (vendor.is_ecrs or vendor.unknown[0] == 404)])
def test_referrers_where_there_is_no_api(case: Scene) -> None:
    """However a registry says that it has no list of referrers, the answer is an empty list, and images can still be pulled."""
    image = case.standin.hold("subject", two_platforms(f"{case.prefix}-subject", 300, runs=False))
    after = case.hold("after")
    case.rule()
    client = case.client()
    assert client.pull(case.repository, "subject")[0] == image.digest
    answer = client.request("GET", f"/v2/{case.repository}/referrers/{image.digest}")
    assert (answer.status_code, answer.json()["manifests"]) == (200, []), answer.text
    assert client.pull(case.repository, "after")[0] == after.digest


@pytest.mark.parametrize("status", [400, 416, 501])
def test_a_registry_that_refuses_ranges(case_of: Callable[[str], Scene], status: int) -> None:
    """Ranges are optional (RFC 9110, 14.2): a big layer comes all the same, and each byte once."""
    case = case_of("harbor")
    image = case.hold("ranges", 9 << 20)
    case.rule()
    case.fail(Fault("blobs", times=100, status=status, of_ranges=True, methods=("GET",)))
    assert case.client().pull(case.repository, "ranges")[0] == image.digest


def test_a_manifest_is_no_blob(case_of: Callable[[str], Scene]) -> None:
    """A registry that serves manifests as blobs, as docker-registry does: a client told so would keep the image under that type."""
    case = case_of("harbor")
    image = case.hold("both")
    case.rule()
    client = case.client()
    assert client.pull(case.repository, "both")[0] == image.digest
    for method in ("HEAD", "GET"):
        assert client.request(method, f"/v2/{case.repository}/blobs/{image.digest}").status_code == 404


def test_docker_pulls_from_docker_hub(case_of: Callable[[str], Scene], docker: Docker) -> None:
    """With docker as the client; Docker Hub's `library/` is added where it is missing."""
    case = case_of("docker-hub")
    image = case.standin.hold("3", single([random_layer(case.prefix, 5000)], note=case.prefix), "library/tiny")
    case.rule()
    docker.login(case.weir.host, case.weir.password())
    for name in (f"{case.prefix}/library/tiny:3", f"{case.prefix}/tiny:3"):
        assert docker.pull(f"{case.weir.host}/{name}") == [image.digest]
        docker.remove(f"{case.weir.host}/{name}")
    assert_logins_went_home(case)


def test_a_wrong_secret_as_docker_tells_it(case_of: Callable[[str], Scene], skopeo: Skopeo) -> None:
    """A refusal for a bad secret names the secret, in the client's output."""
    case = case_of("docker-hub")
    case.rule(password="not-the-password-of-anybody")
    with pytest.raises(CommandFailed) as told:
        skopeo.pull(case.reference("1"), case.weir.password())
    assert "authentication to the upstream registry failed" in told.value.output


@pytest.mark.parametrize("name", [vendor.name for vendor in VENDORS if vendor.is_public and vendor.scheme == "bearer"])
def test_without_a_secret_where_the_settings_allow_it(case: Scene) -> None:
    """The settings can allow Docker Hub, GitHub, Azure and GitLab without a secret (ECR's refusal stays the default)."""
    image = case.hold("open")
    case.weir.rule(case.prefix, case.vendor.host)
    assert case.weir.distribution().pull(case.repository, "open")[0] == image.digest
    assert all(one.user is None for one in case.asked())


@pytest.mark.parametrize("name", ["kubernetes", "microsoft"])
def test_a_secret_for_one_who_never_asks_stays_at_home(case: Scene) -> None:
    """A secret is accepted for every upstream; one that never challenges never gets it."""
    image = case.hold("shy")
    arn = case.weir.secret(f"{case.prefix}-secret", "robot", "kept-at-home-and-nowhere-else")
    case.weir.rule(case.prefix, case.vendor.host, credentialArn=arn)
    assert case.weir.distribution().pull(case.repository, "shy")[0] == image.digest
    assert all(one.login == "" for one in case.asked())


def test_a_token_is_renewed_once(case_of: Callable[[str], Scene]) -> None:
    """A token renewed once: where upstream revokes it, that costs one 401 and one new token."""
    case = case_of("github")
    for number in range(2):
        case.hold(f"t{number}")
    case.rule()
    client = case.weir.distribution()
    client.pull(case.repository, "t0")
    case.standin.revoke_tokens()
    mark = case.standin.mark()
    client.pull(case.repository, "t1")
    assert sum(one.kind == "token" for one in case.standin.since(mark)) == 1


def test_what_docker_hub_leaves_is_known(case_of: Callable[[str], Scene]) -> None:
    """Docker Hub's `ratelimit-*` headers are read; the rest of the quota is a metric."""
    case = case_of("docker-hub")
    case.hold("quota")
    case.standin.remaining = 42
    case.rule()
    case.weir.distribution().pull(case.repository, "quota")
    metrics = Distribution(case.weir.url).request("GET", "/metrics").text
    lines = [line for line in metrics.splitlines() if "quota" in line and "registry-1.docker.io" in line]
    assert any(line.split()[-1] in ("41", "41.0") for line in lines), lines
    case.standin.remaining = None


def test_head_before_get_spares_the_quota(case_of: Callable[[str], Scene]) -> None:
    """HEAD before GET: an unmoved tag costs a HEAD, which Docker Hub does not count."""
    case = case_of("docker-hub")
    image: Image = case.hold("one")
    case.rule().set(freshnessSeconds=0)
    client = case.weir.distribution()
    client.pull(case.repository, "one")
    mark = case.standin.mark()
    assert client.pull(case.repository, "one")[0] == image.digest
    assert [one.method for one in case.standin.since(mark)] == ["HEAD"]
    moved = case.hold("another")
    case.standin.hold("one", moved)
    mark = case.standin.mark()
    assert client.pull(case.repository, "one")[0] == moved.digest
    assert [one.method for one in case.standin.since(mark) if one.kind == "manifests"] == ["HEAD", "GET"]


def test_the_secret_that_ecr_demands(make_weir: Callable[..., Weir], prefix: str) -> None:
    """ECR's refusal stays the default: no secret, no rule for Docker Hub, GitHub, Azure, GitLab; no other host than ECR's own."""
    weir = make_weir()
    ecr = weir.client("ecr")
    for host in ("registry-1.docker.io", "ghcr.io", "contoso.azurecr.io", "registry.gitlab.com", "harbor.example"):
        with pytest.raises(ecr.exceptions.UnsupportedUpstreamRegistryException):
            weir.rule(prefix, host)


def test_vendors_are_unlike_each_other() -> None:
    """Tests the stand-ins, not Weir: a table whose rows are all the same proves nothing."""
    assert len({vendor.host for vendor in VENDORS}) == len(VENDORS) >= 16
    assert {vendor.scheme for vendor in VENDORS} == {"bearer", "basic", "open"}
    assert {vendor.blobs for vendor in VENDORS} == {"here", "cdn", "near"}
    assert {vendor.unknown[0] for vendor in VENDORS} == {401, 403, 404}


def test_a_stand_in_stands_its_own(standins: dict[str, StandIn], authority: Authority, tmp_path: Path) -> None:
    """Tests the stand-ins, not Weir: skopeo, which knows the real ones, logs in, follows redirects and pulls."""
    for name in ("docker-hub", "quay", "nvidia", "google", "ecr"):
        standin: StandIn = standins[name]
        vendor: Vendor = standin.vendor
        standin.mend()
        image = standin.hold("direct", two_platforms(f"direct-{name}", 2000, runs=False))
        client = Skopeo(tmp_path / f"skopeo-{name}", ca=authority.ca)
        host = standin.url.partition("//")[2]
        assert client.pull(f"{host}/{vendor.repository}:direct", standin.password, user=vendor.user) == image.digest
        with pytest.raises(CommandFailed):
            client.pull(f"{host}/{vendor.repository}:direct", "wrong", user=vendor.user)
        answer = Distribution(standin.url, verify=str(authority.ca)).manifest(vendor.repository, "direct")
        assert answer.status_code == 401 and errors(answer)
