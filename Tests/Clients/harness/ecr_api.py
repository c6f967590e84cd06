"""The part of AWS that a client of a private ECR registry needs: GetAuthorizationToken and AssumeRole, signatures checked by botocore."""

from __future__ import annotations

import base64
import re
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .secrets_seen import WATCH

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})")


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    region: str
    #: The key that signed it; None where the signature is wrong.
    caller: str | None
    body: str


class ECRAPI:
    """One account's keys, the roles that they may assume, and the password for its registry."""

    def __init__(self, password: str):
        self.key = Credentials("AKIAUPSTREAMOFTHETEST", WATCH.plant(f"sk-{uuid.uuid4().hex}", "an upstream's secret access key"))
        self.password = password
        self.lifetime = 43_200.0
        self.calls: list[Call] = []
        self._sessions: dict[str, Credentials] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                api._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        caller = self._caller(request.path, headers, body, signed)
        form = parse_qs(body.decode())
        operation = headers.get("x-amz-target", "").rpartition(".")[2] or (form.get("Action") or [""])[0]
        service, region = (signed["service"], signed["region"]) if signed else ("", "")
        self.calls.append(Call(service, operation, region, caller, body.decode()))
        if caller is None:
            return self._send(request, 403, "application/x-amz-json-1.1", '{"__type":"InvalidSignatureException","message":"no"}')
        if operation == "GetAuthorizationToken":
            token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
            WATCH.plant(token, "an upstream's authorization token")
            until = time.time() + self.lifetime
            return self._send(request, 200, "application/x-amz-json-1.1", (
                f'{{"authorizationData":[{{"authorizationToken":"{token}","expiresAt":{until:.3f},'
                '"proxyEndpoint":"https://444455556666.dkr.ecr.eu-west-1.amazonaws.com"}]}'))
        if operation == "AssumeRole":
            return self._send(request, 200, "text/xml", self._session(form["RoleArn"][0]))
        self._send(request, 400, "application/x-amz-json-1.1", '{"__type":"UnknownOperationException"}')

    def _session(self, role: str) -> str:
        name = f"ASIA{uuid.uuid4().hex[:16].upper()}"
        secret, token = (WATCH.plant(f"{kind}-{uuid.uuid4().hex}", "a session's key") for kind in ("ss", "st"))
        self._sessions[name] = Credentials(name, secret, token)
        return (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>{name}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
            "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>{role}/weir</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>")

    def _caller(self, path: str, headers: dict[str, str], body: bytes, signed: re.Match[str] | None) -> str | None:
        if signed is None:
            return None
        keys = self.key if signed["id"] == self.key.access_key else self._sessions.get(signed["id"])
        if keys is None or headers.get("x-amz-security-token") != keys.token:
            return None
        names = signed["headers"].split(";")
        request = AWSRequest(
            "POST", f"http://{headers['host']}{path}", data=body,
            headers={name: headers[name] for name in names if name != "host"})
        request.context["timestamp"] = headers["x-amz-date"]
        auth = SigV4Auth(keys, signed["service"], signed["region"])
        expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return keys.access_key if expected == signed["signature"] else None

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, media_type: str, text: str) -> None:
        request.send_response(status)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text.encode())
