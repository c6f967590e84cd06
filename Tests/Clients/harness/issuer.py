"""A stand-in OpenID Connect issuer: discovery, keys, tokens of every kind, and bad manners on demand.

An issuer is one server on the loopback, over TLS or not. It records what it is asked: that is the evidence of what Weir fetched, and how
often. Tokens that it mints are secrets: no log may hold one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .secrets_seen import WATCH
from .serving import Request, Server

LIFETIME = 600
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
DISCOVERY = "/.well-known/openid-configuration"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Manners:
    """How the issuer answers. Whatever is not set is done properly."""

    #: Of both documents.
    status: int = 200
    #: Seconds before an answer.
    silence: float = 0
    #: Seconds between two bytes of an answer.
    drip: float = 0
    #: What discovery says of itself.
    issuer: str | None = None
    jwks_uri: str | None = None
    #: The set has no keys.
    empty: bool = False
    #: As many bytes of blanks in the key set.
    huge: int = 0
    #: As many copies of a useless key in the set.
    crowd: int = 0
    #: Where both documents are redirected to.
    location: str | None = None
    cache_control: str | None = None
    #: In the place of both documents.
    body: bytes | None = None


HONEST = Manners()


@dataclass
class Issuer:
    """Signs with its newest key of an algorithm; publishes them all, but for those that `forget` took out."""

    certificate: tuple[Path, Path] | None = None
    #: Follows the host: `/realms/weir`.
    path: str = ""
    address: str = "127.0.0.1"
    manners: Manners = HONEST
    #: Paths, in the order in which they were asked.
    asked: list[str] = field(default_factory=list)
    keys: dict[str, tuple[str, Key]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = Server(self.address, self, "issuer", self.certificate)
        self.url = self._server.url + self.path
        self.rotate()

    # For the tests

    @property
    def name(self) -> str:
        """The issuer without its scheme: what stands before the colon in condition keys."""
        return self.url.partition("://")[2]

    @property
    def host(self) -> str:
        return self._server.url.partition("://")[2]

    def rotate(self, algorithm: str = "RS256", forget: bool = False) -> str:
        """Makes a new key, which signs from now on, and returns its kid; the old ones stay published unless they are forgotten."""
        made = ec.generate_private_key(CURVES[algorithm]()) if algorithm in CURVES else rsa.generate_private_key(65537, 2048)
        kid = uuid.uuid4().hex
        with self._lock:
            if forget:
                self.keys = {}
            self.keys[kid] = (algorithm, made)
        return kid

    def behave(self, **changes: object) -> None:
        """Mends its manners, or spoils them."""
        self.manners = replace(HONEST, **changes)

    def fetches(self, end: str = "/jwks") -> int:
        with self._lock:
            return sum(path.endswith(end) for path in self.asked)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # Tokens

    def mint(self, algorithm: str = "RS256", kid: str | None = None, header: dict[str, object] | None = None,
             key: Key | None = None, **claims: object) -> str:
        """A token. Claims replace the usual ones; those that are None are left out, and so are members of the header.

        `key` signs in the place of the one that `kid` names.
        """
        kid = kid or self._newest(algorithm)
        head = {"alg": algorithm, "typ": "JWT", "kid": kid, **(header or {})}
        signed = _join(_present(head), _present({**self._usual(), **claims}))
        return self._plant(signed + "." + _encode(_sign(key or self.keys[kid][1], algorithm, signed.encode())))

    def unsigned(self, algorithm: str = "none", signature: bytes = b"", **claims: object) -> str:
        """As libraries have taken it: no key was asked."""
        kid = self._newest("RS256")
        signed = _join({"alg": algorithm, "typ": "JWT", "kid": kid}, _present({**self._usual(), **claims}))
        return self._plant(signed + "." + _encode(signature))

    def confused(self, form: str = "pem", **claims: object) -> str:
        """HS256 with the public key, in one of its forms, for the secret."""
        kid = self._newest("RS256")
        public = self.keys[kid][1].public_key()
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        secret = {
            "pem": public.public_bytes(serialization.Encoding.PEM, info),
            "der": public.public_bytes(serialization.Encoding.DER, info),
            "modulus": _number(public.public_numbers().n),
            "empty": b"",
        }[form]
        signed = _join({"alg": "HS256", "typ": "JWT", "kid": kid}, _present({**self._usual(), **claims}))
        return self._plant(signed + "." + _encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest()))

    def service_account(self, namespace: str, name: str, audience: str, **claims: object) -> str:
        """As a cluster projects it into a pod."""
        about = {"namespace": namespace, "serviceaccount": {"name": name, "uid": str(uuid.uuid4())}}
        subject = f"system:serviceaccount:{namespace}:{name}"
        return self.mint(sub=subject, aud=[audience], **{"kubernetes.io": about, **claims})

    def job(self, repository: str, ref: str = "refs/heads/main", audience: str = "sts.amazonaws.com", **claims: object) -> str:
        """As GitHub gives it to a workflow's job."""
        owner = repository.partition("/")[0]
        return self.mint(sub=f"repo:{repository}:ref:{ref}", aud=audience, **{
            "repository": repository, "repository_owner": owner, "repository_id": "74", "repository_owner_id": "65",
            "ref": ref, "actor": "octocat", "event_name": "push", "run_attempt": "1", **claims})

    def jwks(self) -> dict[str, object]:
        """The published set, as a provider without a network is given it."""
        with self._lock:
            return {"keys": [_jwk(kid, algorithm, key.public_key()) for kid, (algorithm, key) in self.keys.items()]}

    def _usual(self) -> dict[str, object]:
        now = int(time.time())
        return {"iss": self.url, "sub": "weir-test", "aud": "sts.amazonaws.com", "exp": now + LIFETIME, "nbf": now - 5, "iat": now - 5,
                "jti": str(uuid.uuid4())}

    def _newest(self, algorithm: str) -> str:
        """A key for the algorithm; made where there is none. RSA keys sign by all three hashes."""
        kind = algorithm if algorithm in CURVES else "RS256"
        with self._lock:
            fitting = [kid for kid, (one, _) in self.keys.items() if one == kind]
        return fitting[-1] if fitting else self.rotate(kind)

    @staticmethod
    def _plant(token: str) -> str:
        signature = token.rpartition(".")[2]
        if len(signature) > 20:
            WATCH.plant(signature, "the signature of a web identity token")
        return WATCH.plant(token, "a web identity token")

    # Requests

    def count_sent(self, digest: str, size: int) -> None:
        """Bodies here are small: nobody asks."""

    def answer(self, request: Request) -> None:
        path, manners = urlsplit(request.path).path, self.manners
        with self._lock:
            self.asked.append(path)
        if manners.silence:
            time.sleep(manners.silence)
        if manners.location is not None:
            return request.redirect(302, manners.location)
        if manners.status != 200:
            return request.refuse(manners.status, "ISSUER")
        body = manners.body if manners.body is not None else self._document(path, manners)
        if body is None:
            return request.refuse(404, "ISSUER")
        headers = {"Content-Type": "application/json"}
        if manners.cache_control is not None:
            headers["Cache-Control"] = manners.cache_control
        if not manners.drip:
            return request.send(200, body, headers)
        request.send(200, b"", {**headers, "Content-Length": str(len(body))})
        for byte in body:
            request.wfile.write(bytes([byte]))
            time.sleep(manners.drip)

    def _document(self, path: str, manners: Manners) -> bytes | None:
        if path == self.path.rstrip("/") + DISCOVERY:
            return json.dumps({
                "issuer": manners.issuer or self.url, "jwks_uri": manners.jwks_uri or self._server.url + "/jwks",
                "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", *CURVES],
            }).encode()
        if path != "/jwks":
            return None
        keys = [] if manners.empty else self.jwks()["keys"]
        keys += [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": f"crowd-{number}"} for number in range(manners.crowd)]
        return json.dumps({"keys": keys}).encode() + b" " * manners.huge


def _present(members: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _join(header: dict[str, object], claims: dict[str, object]) -> str:
    return _encode(json.dumps(header).encode()) + "." + _encode(json.dumps(claims).encode())


def _number(value: int, size: int | None = None) -> bytes:
    return value.to_bytes(size or (value.bit_length() + 7) // 8, "big")


def _sign(key: Key, algorithm: str, content: bytes) -> bytes:
    digest = HASHES[algorithm[2:]]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), digest)
    size = (key.curve.key_size + 7) // 8
    return b"".join(_number(part, size) for part in decode_dss_signature(key.sign(content, ec.ECDSA(digest))))


def _jwk(kid: str, algorithm: str, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    if isinstance(key, rsa.RSAPublicKey):
        return {"kty": "RSA", "use": "sig", "kid": kid, "n": _encode(_number(numbers.n)), "e": _encode(_number(numbers.e))}
    size = (key.curve.key_size + 7) // 8
    return {"kty": "EC", "use": "sig", "kid": kid, "alg": algorithm, "crv": f"P-{key.curve.key_size}",
            "x": _encode(_number(numbers.x, size)), "y": _encode(_number(numbers.y, size))}
