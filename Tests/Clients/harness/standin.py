"""Stand-ins for public registries: each challenges, redirects, refuses, limits and counts as the real one does.

A stand-in has up to three servers: the registry on 127.0.0.1, its token server, and the host of its blobs on 127.0.0.2. Each records its
requests and their logins: that is the evidence of what Weir sent where.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from .faults import Fault
from .images import INDEX, Blob, Image
from .secrets_seen import WATCH
from .serving import Request, Server
from .vendors import Vendor

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
FRONT, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@dataclass(frozen=True)
class Asked:
    """One request: its server, its target and its login."""

    server: str
    kind: str
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def login(self) -> str:
        """"", "basic" or "bearer"."""
        return self.headers.get("authorization", "").partition(" ")[0].lower()

    @property
    def user(self) -> str | None:
        return _basic(self.headers.get("authorization", ""))[0]


@dataclass
class Held:
    image: Image
    is_private: bool = False
    referrers: list[dict[str, object]] = field(default_factory=list)


class StandIn:
    def __init__(self, vendor: Vendor, certificate: tuple[Path, Path] | None = None):
        self.vendor = vendor
        self.password = WATCH.plant(vendor.password or f"pw-{vendor.name}-{uuid.uuid4().hex}", f"{vendor.name}'s password")
        WATCH.login(vendor.user, self.password, f"{vendor.name}'s login")
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.sent: dict[str, int] = {}
        #: Every GET of a manifest is answered with 429.
        self.is_limited = False
        #: Counted down by each GET of a manifest, where the vendor has a quota.
        self.remaining: int | None = None
        self.link_life = 600.0
        #: The largest number of bodies from the blobs' host that were under way at the same time, since it was set to 0.
        self.busiest = 0
        self._busy = 0
        self._held: dict[tuple[str, str], Held] = {}
        self._tokens: dict[str, tuple[bool, list[str], float]] = {}
        self._links: dict[str, tuple[str, float]] = {}
        #: Paths that have been asked for with a range once.
        self._ranged: set[str] = set()
        #: Missing for now, though manifests name them.
        self.absent: set[str] = set()
        #: The registry to which this one redirects.
        self.behind: StandIn | None = None
        self._lock = threading.Lock()
        tls = certificate if vendor.tls else None
        self._front = Server(FRONT, self, "registry", tls)
        self._token_server = Server(FRONT, self, "token", tls) if vendor.realm_elsewhere else self._front
        self._elsewhere = Server(ELSEWHERE, self, "cdn", tls)

    # For the tests

    @property
    def url(self) -> str:
        return self._front.url + self.vendor.path

    @property
    def port(self) -> int:
        return self._front.server_address[1]

    @property
    def elsewhere_host(self) -> str:
        return self._elsewhere.url.partition("//")[2]

    def hold(self, tag: str, image: Image, repository: str | None = None, private: bool = False) -> Image:
        with self._lock:
            self._held[repository or self.vendor.repository, tag] = Held(image, private)
        return image

    def refer(self, repository: str, tag: str, referrer: dict[str, object]) -> None:
        """Adds a referrer to an image."""
        with self._lock:
            self._held[repository, tag].referrers.append(referrer)

    def drop(self, tag: str, repository: str | None = None) -> None:
        with self._lock:
            del self._held[repository or self.vendor.repository, tag]

    def tags(self, repository: str) -> list[str]:
        with self._lock:
            return sorted(tag for name, tag in self._held if name == repository)

    def fail(self, *faults: Fault) -> Fault:
        with self._lock:
            self.faults = list(faults)
        return faults[0]

    def mend(self) -> None:
        with self._lock:
            self.faults, self.is_limited = [], False

    def revoke_tokens(self) -> None:
        with self._lock:
            self._tokens.clear()

    def expire_links(self) -> None:
        with self._lock:
            self._links = {signature: (digest, 0) for signature, (digest, _) in self._links.items()}

    def count(self, kind: str, end: str = "", method: str | None = None) -> int:
        with self._lock:
            return sum(one.kind == kind and one.path.endswith(end) and method in (None, one.method) for one in self.asked)

    def since(self, mark: int) -> list[Asked]:
        with self._lock:
            return self.asked[mark:]

    def count_sent(self, digest: str, size: int) -> None:
        with self._lock:
            self.sent[digest] = self.sent.get(digest, 0) + size

    def mark(self) -> int:
        with self._lock:
            return len(self.asked)

    def stop(self) -> None:
        for server in {self._front, self._token_server, self._elsewhere}:
            server.shutdown()
            server.server_close()

    # Requests

    def answer(self, request: Request) -> None:
        server: Server = request.server
        target = urlsplit(request.path)
        # Some clients send a header line for each type that they accept.
        headers = {name.lower(): ", ".join(request.headers.get_all(name, [])) for name in request.headers}
        kind = self._kind(server, target.path)
        asked = Asked(server.label, kind, request.command, target.path, parse_qs(target.query), headers)
        with self._lock:
            self.asked.append(asked)
            fault = next((one for one in self.faults if _meets(one, asked) and self._is_big(asked, one)), Fault(kind))
            fault.times -= 1
            fault.happened += 1
        if fault.delay:
            time.sleep(fault.delay)
        if fault.hangs_up:
            request.close_connection = True
            return None
        if fault.status is not None:
            return request.refuse(fault.status, fault.code, fault.headers, fault.body)
        answer = {"ping": self._ping, "token": self._token, "cdn": self._cdn}.get(kind, self._resource)
        answer(request, asked, fault)

    def _kind(self, server: Server, path: str) -> str:
        if server.label == "cdn" or path.startswith("/near/"):
            return next((kind for kind in ("manifests", "referrers") if f"/{kind}/" in path), "cdn")
        # nvcr.io and others: the token server is the registry itself.
        if path == self.vendor.realm:
            return "token"
        if path in (f"{self.vendor.path}/v2/", f"{self.vendor.path}/v2"):
            return "ping"
        return next((kind for kind in ("manifests", "blobs", "referrers", "tags") if f"/{kind}/" in path), "unknown")

    def _ping(self, request: Request, asked: Asked, _: Fault) -> None:
        if self.vendor.ping == "open" or (self.vendor.ping == "any bearer" and asked.login == "bearer"):
            return request.send(200, b"", {"Content-Type": "text/html"})
        if self.vendor.scheme == "open" or self._grants(asked, None):
            return request.send(200, b"{}", {"Content-Type": "application/json"})
        self._challenge(request, asked, None)

    def _token(self, request: Request, asked: Asked, _: Fault) -> None:
        user, password = _basic(asked.headers.get("authorization", ""))
        signed_in = (user, password) == (self.vendor.user, self.password)
        if user is not None and not signed_in:
            return request.refuse(*self.vendor.wrong_login)
        if not signed_in and not self.vendor.is_public:
            return request.refuse(401, "UNAUTHORIZED")
        scopes = [scope for value in asked.query.get("scope", []) for scope in value.split(" ")]
        names = [scope.split(":")[1] for scope in scopes if ":" in scope]
        if self.vendor.unknown_at_token and any(not self._may(name, signed_in) for name in names):
            return request.refuse(*self.vendor.unknown_at_token)
        if self.vendor.is_exact and self.vendor.scope is not None:
            names = [name for name in names if self.vendor.scope.format(name=name) in scopes]
        token = WATCH.plant(f"tk-{self.vendor.name}-{uuid.uuid4().hex}", f"a token of {self.vendor.name}")
        with self._lock:
            self._tokens[token] = (signed_in, names, time.monotonic() + 300)
        answer: dict[str, object] = {**self.vendor.token_also, self.vendor.token_member: token}
        if self.vendor.expires_in is not None:
            answer["expires_in"] = self.vendor.expires_in
        request.send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _resource(self, request: Request, asked: Asked, fault: Fault) -> None:
        path = asked.path.removeprefix(self.vendor.path).removeprefix("/v2/")
        repository, kind, reference = path.rsplit("/", 2) if path.count("/") >= 2 else (path, "unknown", "")
        if self.vendor.is_door and self.behind is not None:
            return request.redirect(307, f"{self.behind.url}{asked.path}")
        if asked.server != "cdn" and (refusal := self._refusal(asked, repository)):
            if refusal == (401, "basic"):
                return request.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Basic realm="{self.vendor.name}"'})
            return self._challenge(request, asked, repository) if refusal[1] == "" else self._no(request, refusal)
        if self.vendor.manifests_elsewhere and kind == "manifests" and asked.server != "cdn":
            return request.redirect(307, f"{self._elsewhere.url}/v2/k8s-artifacts-prod/images/{path}")
        repository = repository.removeprefix("k8s-artifacts-prod/images/")
        if asked.method == "HEAD" and (status := {"blobs": self.vendor.head_blob, "manifests": self.vendor.head_manifest}.get(kind)):
            return request.refuse(status, "DENIED" if status in (401, 403) else "MANIFEST_UNKNOWN")
        if kind == "referrers" and self.vendor.referrers_elsewhere:
            if asked.server == "cdn":
                return request.refuse(429, "TOOMANYREQUESTS", {"Retry-After": "600"})
            return request.redirect(303, f"{self._elsewhere.url}{asked.path}")
        if kind == "tags":
            return self._tags(request, asked, repository)
        if kind == "referrers":
            return self._referrers(request, repository, reference)
        blob = self._find(repository, kind, reference)
        if blob is not None and kind == "manifests":
            blob = self._accepted(blob, asked)
        if blob is None or blob.digest in self.absent:
            return self._no(request, self.vendor.unknown_tag)
        if kind == "blobs" and self.vendor.blobs != "here":
            return request.redirect(self.vendor.redirect_status, self._link(blob.digest))
        headers = {"Docker-Content-Digest": blob.digest if asked.method in self.vendor.digest_header else "", **self._labels(kind)}
        if kind == "manifests":
            headers |= {"Content-Type": self.vendor.manifest_type or blob.media_type, **self.vendor.quota}
            if self.is_limited and asked.method == "GET":
                return request.refuse(429, "TOOMANYREQUESTS", {**self.vendor.when_limited, **self.vendor.quota})
            if self.remaining is not None and self.vendor.quota:
                self.remaining -= asked.method == "GET"
                headers["ratelimit-remaining"] = f"{self.remaining};w=21600"
        self._content(request, asked, blob, headers, fault)

    def _content(self, request: Request, asked: Asked, blob: Blob, headers: dict[str, str], fault: Fault) -> None:
        ranges, wanted = self.vendor.ranges, asked.headers.get("range")
        if wanted is not None and "manifests" not in asked.path:
            is_first = blob.digest not in self._ranged
            self._ranged.add(blob.digest)
            if ranges == "refused" or (ranges == "closed" and wanted.endswith("-")):
                return request.refuse(400 if ranges == "refused" else 416, "RANGE_INVALID")
            if ranges == "ignored" or (ranges == "ignored once" and is_first):
                fault = replace(fault, ignores_range=True)
        if ranges not in ("served", "closed"):
            headers = {"Accept-Ranges": "", **headers}
        request.content(blob.content, headers, fault, blob.digest)

    def _labels(self, kind: str) -> dict[str, str]:
        named = {"Content-Type": self.vendor.blob_type} if self.vendor.blob_type and kind == "blobs" else {}
        return {**self.vendor.labels, **named}

    def _no(self, request: Request, refusal: tuple[int, str]) -> None:
        if self.vendor.refusal is None:
            return request.refuse(*refusal)
        return request.refuse(*refusal, {"Content-Type": self.vendor.refusal[0]}, self.vendor.refusal[1].encode())

    def _accepted(self, manifest: Blob, asked: Asked) -> Blob | None:
        """The answer for a manifest whose type the client does not accept."""
        accepted = asked.headers.get("accept", "")
        if self.vendor.unaccepted is None or manifest.media_type in accepted:
            return manifest
        return None if self.vendor.unaccepted == "unknown" else Blob(json.dumps({"schemaVersion": 1, "name": "made"}).encode(), SCHEMA1)

    def _cdn(self, request: Request, asked: Asked, fault: Fault) -> None:
        digest = asked.path.rsplit("/", 1)[-1]
        # As S3 does: a signed link together with a login is refused.
        if "authorization" in asked.headers and asked.server == "cdn":
            return request.refuse(400, "InvalidArgument")
        if asked.method == "HEAD" and self.vendor.head_link:
            return request.refuse(self.vendor.head_link, "AccessDenied", body=b"<Error><Code>AccessDenied</Code></Error>")
        if self.vendor.signed_by:
            signature = (asked.query.get(self._signature) or [""])[0]
            linked, until = self._links.get(signature, ("", 0))
            if linked != digest or time.monotonic() > until:
                return request.refuse(403, "AccessDenied", body=b"<Error><Code>AccessDenied</Code></Error>")
        blob = next((found for held in self._held.values() if (found := held.image.find(digest))), None)
        if blob is None:
            return request.refuse(404, "NoSuchKey", body=b"<Error><Code>NoSuchKey</Code></Error>")
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        try:
            self._content(request, asked, blob, {"ETag": f'"{digest[7:39]}"', **self._labels("blobs")}, fault)
        finally:
            with self._lock:
                self._busy -= 1

    # What is behind

    @property
    def _signature(self) -> str:
        names = self.vendor.signed_by
        return next((name for name in names if name.lower().endswith(("signature", "sig", "token"))), names[0])

    def _link(self, digest: str) -> str:
        base = "/near/blobs" if self.vendor.blobs == "near" else f"{self._elsewhere.url}/{self.vendor.name}/blobs"
        if not self.vendor.signed_by:
            return f"{base}/{digest}"
        signature = WATCH.plant(f"sg-{self.vendor.name}-{uuid.uuid4().hex}", f"a signed query of {self.vendor.name}")
        with self._lock:
            self._links[signature] = (digest, time.monotonic() + self.link_life)
        query = {name: signature if name == self._signature else f"{name}-1" for name in self.vendor.signed_by}
        return f"{base}/{digest}?{urlencode(query)}"

    def _may(self, repository: str, signed_in: bool) -> bool:
        here = [held for (name, _), held in self._held.items() if name == repository]
        return bool(here) and (signed_in or (self.vendor.is_public and not any(held.is_private for held in here)))

    def _grants(self, asked: Asked, repository: str | None) -> bool:
        """Whether the request's login is valid, and counts for the repository."""
        scheme, _, value = asked.headers.get("authorization", "").partition(" ")
        if self.vendor.scheme == "basic":
            return _basic(asked.headers.get("authorization", "")) == (self.vendor.user, self.password)
        signed_in, names, until = self._tokens.get(value, (False, [], 0))
        return scheme == "Bearer" and time.monotonic() < until and (repository is None or repository in names
                                                                    or self.vendor.scope == "aws")

    def _refusal(self, asked: Asked, repository: str) -> tuple[int, str] | None:
        """None: go on. With an empty code: a challenge."""
        if self.vendor.scheme == "open":
            return None if self._may(repository, False) else self.vendor.unknown
        if not self._grants(asked, repository):
            if self.vendor.bad_token and asked.login == "bearer" and asked.headers["authorization"].partition(" ")[2] not in self._tokens:
                return self.vendor.bad_token
            wrong = self.vendor.scheme == "basic" and asked.login == "basic"
            return self.vendor.wrong_login if wrong and self.vendor.wrong_login[0] != 401 else (401, "")
        token = asked.headers["authorization"].partition(" ")[2]
        signed_in = self.vendor.scheme == "basic" or self._tokens[token][0]
        return None if self._may(repository, signed_in) else self.vendor.unknown

    def _challenge(self, request: Request, asked: Asked, repository: str | None) -> None:
        vendor = self.vendor
        if asked.method not in vendor.challenged:
            return request.refuse(401, "UNAUTHORIZED")
        if vendor.scheme == "basic":
            name = "BASIC" if vendor.challenge == "BASIC" else "Basic"
            return request.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": f'{name} realm="{vendor.name}",service="ecr.amazonaws.com"'})
        realm = ("" if vendor.realm_is_relative else self._token_server.url) + vendor.realm + vendor.realm_query
        words = {"realm": realm, "service": vendor.service}
        if repository and vendor.scope is not None:
            words["scope"] = vendor.scope.format(name=repository)
        elif not repository:
            words["scope"] = vendor.ping_scope
        if asked.login == "bearer":
            words["error"] = "invalid_token"
        said = {name: value for name, value in words.items() if value is not None}
        if vendor.challenge == "unquoted":
            bearer = "Bearer " + ", ".join(f"{name}={value}" for name, value in said.items())
        else:
            bearer = "Bearer " + ",".join(f'{name}="{value}"' for name, value in said.items())
        basic = f'Basic realm="{vendor.name}"'
        text = {"bearer, basic": f"{bearer},{basic}", "basic, bearer": f"{basic},{bearer}", "negotiate first": f"Negotiate, {bearer}"}
        request.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": text.get(vendor.challenge, bearer)})

    def _is_big(self, asked: Asked, fault: Fault) -> bool:
        digest = asked.path.rsplit("/", 1)[-1]
        return not fault.smallest or any(
            len(found.content) >= fault.smallest for held in self._held.values() if (found := held.image.find(digest)))

    def _find(self, repository: str, kind: str, reference: str) -> Blob | None:
        with self._lock:
            here = {tag: held.image for (name, tag), held in self._held.items() if name == repository}
        if kind == "manifests" and reference in here:
            return here[reference].top
        if kind == "manifests" and self.vendor.dash_tag_is_digest:
            reference = reference.replace("sha256-", "sha256:")
        return next((found for image in here.values() if (found := image.find(reference))), None)

    def _tags(self, request: Request, asked: Asked, repository: str) -> None:
        tags = sorted(tag for name, tag in self._held if name == repository)
        asks_for = int((asked.query.get("n") or ["50"])[0])
        if self.vendor.most_tags is not None and "n" in asked.query and asks_for > self.vendor.most_tags:
            return request.refuse(405, "UNSUPPORTED")
        size = len(tags) if self.vendor.next_link == "none" else min(asks_for, 50, self.vendor.most_tags or 50)
        after = (asked.query.get(self.vendor.next_page) or [""])[0]
        page = [tag for tag in tags if tag > after][:size]
        headers = {"Content-Type": "application/json"}
        if page and page[-1] != tags[-1]:
            last = after if self.vendor.next_link == "same" and after else page[-1]
            query = f"n={size}&{self.vendor.next_page}={quote(last)}"
            path = f"{self.vendor.path}/v2/{repository}/tags/list?{query}"
            link = {
                "another host": f"https://elsewhere.example{path}", "inner": f"http://localhost:24817{path}",
                "cut": f"/v2/{repository}/tags/list?{query}", "same": f"{path}&again="}.get(self.vendor.next_link, path)
            headers["Link"] = f'<{link}>; rel="next"'
        request.send(200, json.dumps({"name": repository, "tags": page}).encode(), headers)

    def _referrers(self, request: Request, repository: str, subject: str) -> None:
        if not self.vendor.has_referrers:
            return request.refuse(self.vendor.no_referrers, "UNSUPPORTED")
        with self._lock:
            listed = [one for (name, _), held in self._held.items() if name == repository and held.image.digest == subject
                      for one in held.referrers]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
        request.send(200, body, {"Content-Type": INDEX})


def _meets(fault: Fault, asked: Asked) -> bool:
    is_range = "range" in asked.headers
    return (fault.at == asked.kind and fault.times > 0 and asked.method in fault.methods
            and fault.of_ranges in (None, is_range))


def _basic(authorization: str) -> tuple[str | None, str]:
    if not authorization.startswith("Basic "):
        return None, ""
    user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    return user, password
