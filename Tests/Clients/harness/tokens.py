"""The server half of the Docker token protocol: a small issuer, like Docker Hub's."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from .certificates import signing_pair
from .secrets_seen import WATCH

ISSUER = "weir-test-issuer"
SERVICE = "weir-test-upstream"
LIFETIME = 300


@dataclass(frozen=True)
class TokenRequest:
    """One request for a token: the user, the scope, and whether a token was given."""

    user: str | None
    scopes: tuple[str, ...]
    granted: bool


class TokenIssuer:
    """Issues RS256 tokens over TLS. Users may do everything; other clients may pull where that is allowed."""

    def __init__(self, folder: Path, certificate: tuple[Path, Path], users: dict[str, str], anonymous: bool = False):
        self.users = users
        for name, password in users.items():
            WATCH.login(name, password, f"the password of {name}")
        self.anonymous = anonymous
        self.requests: list[TokenRequest] = []
        self._key, self._certificate, self.root = signing_pair(folder)
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                issuer._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.realm = f"https://127.0.0.1:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def registry_auth(self) -> dict[str, object]:
        """The configuration by which docker-registry trusts this issuer."""
        return {"token": {
            "realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self.root)}}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(request.path).query)
        scopes = tuple(scope for value in query.get("scope", []) for scope in value.split(" "))
        user, known = self._identify(request.headers.get("Authorization", ""))
        self.requests.append(TokenRequest(user, scopes, known))
        if not known:
            return self._send(request, 401, {"details": "incorrect username or password"})
        token = self._token(user, query.get("service", [SERVICE])[0], scopes)
        self._send(request, 200, {"token": token, "access_token": token, "expires_in": LIFETIME})

    def _identify(self, authorization: str) -> tuple[str | None, bool]:
        if not authorization.startswith("Basic "):
            return None, True
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return user, self.users.get(user) == password

    def _token(self, user: str | None, audience: str, scopes: tuple[str, ...]) -> str:
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            allowed = [one for one in actions.split(",") if user or (self.anonymous and one == "pull")]
            access.append({"type": kind, "name": name, "actions": allowed})
        now = int(time.time())
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": ISSUER, "sub": user or "", "aud": audience, "exp": now + LIFETIME, "nbf": now - 10, "iat": now,
            "jti": str(uuid.uuid4()), "access": access,
        }
        signed = _encode(json.dumps(header).encode()) + b"." + _encode(json.dumps(claims).encode())
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return WATCH.plant((signed + b"." + _encode(signature)).decode(), "a token of the tests' issuer")

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


def _encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
