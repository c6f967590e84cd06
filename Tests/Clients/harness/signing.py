"""Requests signed by botocore that boto3's own client would not send."""

from __future__ import annotations

import datetime
import json
from typing import Any
from unittest import mock

import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .weir import Weir

TARGETS = {
    "ecr": "AmazonEC2ContainerRegistry_V20150921", "secretsmanager": "secretsmanager", "kms": "TrentService",
}


def signed(
    weir: Weir, service: str, operation: str, body: bytes | str, *, region: str | None = None, late_by: float = 0,
    credentials: Credentials | None = None, headers: dict[str, str] | None = None,
) -> requests.PreparedRequest:
    """A JSON 1.1 call with any body. `late_by`: signed as of so many seconds ago."""
    target = f"{TARGETS.get(service, service)}.{operation}"
    request = AWSRequest("POST", weir.url + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **(headers or {})})
    with clock(late_by):
        SigV4Auth(credentials or keys(weir), service, region or weir.region).add_auth(request)
    return requests.Request("POST", weir.url + "/", data=body, headers=dict(request.headers)).prepare()


def operate(weir: Weir, operation: str, **members: Any) -> dict[str, Any]:
    """A call of the operator's API. Returns its answer; raises a refusal with its own text."""
    request = signed(weir, "ecr", operation, json.dumps(members), headers={"X-Amz-Target": f"Weir_20261122.{operation}"})
    answer = send(request)
    assert answer.status_code == 200, f"{operation}: {answer.status_code} {answer.text}"
    return answer.json()


def presigned(weir: Weir, query: str, late_by: float = 0, expires: int = 60) -> str:
    """The URL of an STS call, signed in its query."""
    request = AWSRequest("GET", f"{weir.url}/?{query}")
    with clock(late_by):
        SigV4QueryAuth(keys(weir), "sts", weir.region, expires=expires).add_auth(request)
    return request.url


def keys(weir: Weir, **changes: str) -> Credentials:
    mine = {name.removeprefix("aws_"): value for name, value in weir.credentials.items()} | changes
    return Credentials(mine["access_key_id"], mine["secret_access_key"])


def send(request: requests.PreparedRequest) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    return session.send(request, timeout=60)


def clock(late_by: float) -> mock._patch[object]:
    """Sets botocore's clock so many seconds behind."""
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=late_by)
    return mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None))
