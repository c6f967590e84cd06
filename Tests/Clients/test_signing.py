"""Signature Version 4, as the server sees it."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree

import pytest
import requests

from harness.signing import keys, presigned, send, signed
from harness.weir import ACCOUNT, REGION, Weir


def assert_refused(answer: requests.Response, name: str, saying: str = "") -> None:
    assert answer.status_code in (400, 403), answer.text
    told = answer.json()
    assert told["__type"].rpartition("#")[2] == name, answer.text
    message = told.get("message") or told.get("Message") or ""
    assert saying in message, message
    assert answer.headers["x-amzn-RequestId"]


def test_a_right_signature(weir: Weir) -> None:
    answer = send(signed(weir, "ecr", "DescribeRegistry", "{}"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["registryId"] == ACCOUNT
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-RequestId"]


def test_the_region_is_that_of_the_scope(weir: Weir) -> None:
    made = send(signed(weir, "ecr", "CreateRepository", '{"repositoryName": "scope/app"}', region="ca-central-1"))
    assert made.json()["repository"]["repositoryArn"].startswith(f"arn:aws:ecr:ca-central-1:{ACCOUNT}:")
    assert send(signed(weir, "ecr", "DescribeRepositories", "{}")).json()["repositories"] == []


def test_no_signature(weir: Weir) -> None:
    answer = requests.post(weir.url + "/", data="{}", timeout=10, headers={
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRegistry"})
    assert_refused(answer, "MissingAuthenticationTokenException")


def test_an_unknown_access_key(weir: Weir) -> None:
    credentials = keys(weir, access_key_id="AKIANOBODYKNOWSTHIS1")
    answer = send(signed(weir, "ecr", "DescribeRegistry", "{}", credentials=credentials))
    assert_refused(answer, "UnrecognizedClientException", "The security token included in the request is invalid")


def test_a_wrong_secret(weir: Weir) -> None:
    credentials = keys(weir, secret_access_key="not/the/secret")
    answer = send(signed(weir, "ecr", "DescribeRegistry", "{}", credentials=credentials))
    assert_refused(answer, "InvalidSignatureException", "signature we calculated does not match")


def test_what_is_signed_cannot_be_changed(weir: Weir) -> None:
    body = signed(weir, "ecr", "DescribeRegistry", "{}")
    body.prepare_body('{"registryId": "999988887777"}', None)
    target = signed(weir, "ecr", "DescribeRegistry", "{}")
    target.headers["X-Amz-Target"] = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"
    query = signed(weir, "ecr", "DescribeRegistry", "{}")
    query.prepare_url(weir.url + "/", {"more": "1"})
    region = signed(weir, "ecr", "DescribeRegistry", "{}")
    region.headers["Authorization"] = region.headers["Authorization"].replace(REGION, "us-west-1")
    for request in (body, target, query, region):
        assert_refused(send(request), "InvalidSignatureException")


@pytest.mark.parametrize("late_by", [20 * 60, -20 * 60, 3 * 24 * 3600])
def test_a_clock_that_is_wrong(weir: Weir, late_by: int) -> None:
    answer = send(signed(weir, "ecr", "DescribeRegistry", "{}", late_by=late_by))
    assert_refused(answer, "InvalidSignatureException", "Signature expired" if late_by > 0 else "Signature not yet current")


@pytest.mark.parametrize("late_by", [14 * 60, -14 * 60])
def test_a_clock_that_is_a_little_wrong(weir: Weir, late_by: int) -> None:
    assert send(signed(weir, "ecr", "DescribeRegistry", "{}", late_by=late_by)).status_code == 200


@pytest.mark.parametrize("header", [
    "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host",
    "AWS4-HMAC-SHA256 Credential=AKIA/20240101/us-east-2/ecr/aws4_request, SignedHeaders=, Signature=zz",
    "AWS4-HMAC-MD5 Credential=a/20240101/b/c/aws4_request, SignedHeaders=host, Signature=00",
])
def test_an_authorization_header_in_pieces(weir: Weir, header: str) -> None:
    request = signed(weir, "ecr", "DescribeRegistry", "{}")
    request.headers["Authorization"] = header
    answer = send(request)
    assert answer.status_code in (400, 403), answer.text
    assert answer.json()["__type"].rpartition("#")[2] in (
        "IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidSignatureException",
        "UnrecognizedClientException")


# STS, the Query protocol

QUERY = "Action=GetCallerIdentity&Version=2011-06-15"


def identity(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    root = ElementTree.fromstring(answer.content)
    return {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()}


def test_the_caller_by_cli(weir: Weir) -> None:
    told = weir.aws("sts", "get-caller-identity")
    assert (told["Account"], told["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")


def test_the_caller_by_a_signed_query(weir: Weir) -> None:
    assert identity(requests.get(presigned(weir, QUERY), timeout=10))["Account"] == ACCOUNT


def test_a_signed_query_that_is_too_old_or_changed(weir: Weir) -> None:
    old = requests.get(presigned(weir, QUERY, late_by=120, expires=60), timeout=10)
    assert old.status_code in (400, 403) and "<Code>" in old.text
    changed = requests.get(presigned(weir, QUERY).replace("GetCallerIdentity", "GetSessionToken"), timeout=10)
    assert changed.status_code in (400, 403) and "<Code>SignatureDoesNotMatch</Code>" in changed.text


def test_unknown_actions(weir: Weir) -> None:
    answer = requests.get(presigned(weir, "Action=Dance&Version=2011-06-15"), timeout=10)
    assert answer.status_code == 400 and "<Code>InvalidAction</Code>" in answer.text


def test_many_calls_stay_quick(weir: Weir) -> None:
    """No benchmark: a guard against quadratic work in the parsing."""
    request = signed(weir, "ecr", "DescribeRegistry", "{}")
    session, started = requests.Session(), time.monotonic()
    for _ in range(300):
        assert session.send(request, timeout=10).status_code == 200
    assert time.monotonic() - started < 60
