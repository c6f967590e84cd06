"""How a test states that the server must refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests
from botocore.exceptions import ClientError

from .distribution import Distribution, Truncated, errors


@dataclass
class Refused:
    name: str = ""
    message: str = ""
    status: int = 0


@contextmanager
def refused(name: str, saying: str = "") -> Iterator[Refused]:
    """The boto3 call inside must fail with this exception, whose message must hold these words."""
    told = Refused()
    with pytest.raises(ClientError) as caught:
        yield told
    answer = caught.value.response
    told.name, told.message = answer["Error"]["Code"], answer["Error"]["Message"]
    told.status = answer["ResponseMetadata"]["HTTPStatusCode"]
    assert told.name == name, f"{told.name}: {told.message}"
    assert saying.lower() in told.message.lower(), told.message


def assert_error(answer: requests.Response, status: int, code: str, saying: str = "") -> None:
    """An answer of /v2/ in the Distribution protocol's error form."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    ((found, message),) = errors(answer)
    assert found == code, f"{found}: {message}"
    assert saying.lower() in message.lower(), message


def download_fails(client: Distribution, repository: str, digest: str) -> str:
    """A download that must fail: refused, or cut off before its end. Returns how it failed."""
    try:
        received = client.blob_digest(repository, digest)
    except Truncated:
        return "cut"
    except requests.HTTPError as problem:
        status = problem.response.status_code
        # The content is not unknown, so 404 would be wrong. The words must be about the content, and not the general ones.
        assert status >= 500, f"{status}: {problem.response.text[:500]}"
        ((_, message),) = errors(problem.response)
        assert digest in message, message
        return str(status)
    raise AssertionError(f"the download was completed, with {received}")
