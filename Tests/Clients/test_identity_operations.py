"""Every operation of every service, called by principals who may not: each is denied, in its own dialect, before it does or tells anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from harness.distribution import errors
from harness.principals import (
    ADMINISTRATOR, SERVICES, SILENT, Account, Answer, Principal, allow, document, model, session, understood, unsigned,
    unsigned_call)
from harness.walk import Call, Held, absent, calls, everything, held, without_names
from harness.weir import Weir

#: These are never denied: AWS lets every caller make them.
FREE = {"sts GetCallerIdentity", "sts GetSessionToken", "sts AssumeRoleWithWebIdentity", "sts AssumeRoleWithSAML"}
#: Denied without a reason: a missing role is not told from a forbidden one, and sessions make no federated users.
SHORT = {"sts AssumeRole", "sts GetFederationToken"}
UNSUPPORTED = ("UnsupportedOperation", "UnsupportedOperationException")
TOKEN_ONLY = allow("ecr:GetAuthorizationToken")

#: As at AWS, credentials of GetFederationToken are unknown there, whatever they may.
NOT_FOR_FEDERATED = ("iam", "sts")
DENIED = {"json": (400, "AccessDeniedException"), "query": (403, "AccessDenied")}


@pytest.fixture(scope="module")
def server(_program: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    made = Weir(tmp_path_factory.mktemp("operations"), watched=True).start()
    yield made
    made.discard()


@pytest.fixture(scope="module")
def home(server: Weir) -> Account:
    return Account.home(server)


@pytest.fixture(scope="module")
def there(home: Account) -> Held:
    return held(home, "there")


@pytest.fixture(scope="module")
def missing(there: Held) -> Held:
    return absent(there, "absent")


@pytest.fixture(scope="module")
def unsupported(home: Account, there: Held, server: Weir) -> set[str]:
    """What the server says it does not have: asked of a user with all rights, about what is not there.

    In a region of its own. What such a caller changes of the account, the other tests do not look at.
    """
    caller = home.user("who-may-all", policies=[ADMINISTRATOR])
    told = {str(one): caller.call(one.service, one.operation, "eu-north-1", **one.members) for one in calls(absent(there, "unknown"))}
    faults = [f"{name}: {answer}" for name, answer in told.items() if answer.status >= 500]
    assert not faults, "\n".join(faults)
    return {name for name, answer in told.items() if answer.code in UNSUPPORTED}


# Without rights

def principals(home: Account) -> dict[str, Principal]:
    """Whoever may nothing, or only sign in at the registry; and the layer that denies."""
    administrator, limited = home.administrator, document(TOKEN_ONLY)
    all_rights = home.role("all-rights", policies=[ADMINISTRATOR])
    return {
        "a user": home.user("may-nothing"),
        "a user under a boundary": home.user("bounded", boundary=[TOKEN_ONLY], policies=[ADMINISTRATOR]),
        "a role's session": administrator.assume(home.role("token-only", TOKEN_ONLY)),
        "a limited session": administrator.assume(all_rights, "limited", Policy=limited),
        "a session limited by a managed policy": administrator.assume(
            all_rights, "managed", PolicyArns=[{"arn": home.policy("token-only", TOKEN_ONLY)}]),
        "a federated user": administrator.federate("limited", Policy=limited),
        "a federated user without a policy": administrator.federate("empty"),
    }


LAYERS = {
    "a user": "identity", "a user under a boundary": "boundary", "a role's session": "identity", "a limited session": "session",
    "a session limited by a managed policy": "session", "a federated user": "session", "a federated user without a policy": "session",
}


@pytest.fixture(scope="module")
def callers(home: Account) -> dict[str, Principal]:
    return principals(home)


def together(caller: Principal, asked: list[Call]) -> list[Answer]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda one: caller.call(one.service, one.operation, **one.members), asked))


def is_expected(caller: str, call: Call) -> bool:
    """Whether the call is one that this caller may make."""
    return str(call) in FREE or (caller not in ("a user", "a federated user without a policy") and str(call) == "ecr GetAuthorizationToken")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("who", LAYERS)
def test_each_operation_is_denied(
    callers: dict[str, Principal], there: Held, missing: Held, unsupported: set[str], service: str, who: str,
) -> None:
    """What is there and what is not, in the same words."""
    caller = callers[who]
    asked = [one for one in calls(there, service) if not is_expected(who, one) and str(one) not in unsupported]
    others = {one.operation: one for one in calls(missing, service)}
    faults = []
    answers = together(caller, asked), together(caller, [others[one.operation] for one in asked])
    tail = SILENT[LAYERS[who]]
    for call, answer, other in zip(asked, *answers):
        if service in NOT_FOR_FEDERATED and who.startswith("a federated user") and answer.code == "InvalidClientTokenId":
            continue
        if (answer.status, answer.code) != DENIED[model(service).metadata["protocol"]]:
            faults.append(f"{call}: {answer}")
        elif str(call) not in SHORT and tail.partition("{")[0] not in answer.message:
            faults.append(f"{call}: not '{tail}': {answer}")
        elif without_names(answer, there, missing) != without_names(other, there, missing):
            faults.append(f"{call}: what is there is told from what is not:\n   {answer}\n   {other}")
    assert not faults, f"{len(faults)} of {len(asked)}:\n" + "\n".join(faults)


@pytest.mark.parametrize("who", ["a user", "a limited session"])
def test_nothing_came_of_it(callers: dict[str, Principal], home: Account, there: Held, unsupported: set[str], who: str) -> None:
    before = everything(home, there)
    together(callers[who], [one for one in calls(there) if not is_expected(who, one)])
    assert everything(home, there) == before


def test_what_is_not_here_says_so_to_all(callers: dict[str, Principal], there: Held, unsupported: set[str]) -> None:
    """And the contract's operations are here."""
    assert not [one for one in unsupported if one.startswith("ecr ")], unsupported
    counted = {service: len(model(service).operation_names) - sum(one.startswith(f"{service} ") for one in unsupported) for service in SERVICES}
    assert counted["iam"] >= 98 and counted["sts"] >= 7, counted
    for operation in ("CreateGrant", "ListGrants", "RetireGrant", "RevokeGrant", "ListRetirableGrants"):
        assert f"kms {operation}" not in unsupported
    for operation in ("PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy", "ValidateResourcePolicy"):
        assert f"secretsmanager {operation}" not in unsupported
    asked = [one for one in calls(there) if str(one) in unsupported]
    told = zip(asked, together(callers["a user"], asked))
    assert not [f"{call}: {answer}" for call, answer in told if answer.code not in (*UNSUPPORTED, "AccessDenied", "AccessDeniedException")]


# Who they are not

def test_no_operation_is_for_strangers(server: Weir, there: Held) -> None:
    """Without credentials: AssumeRoleWithWebIdentity alone looks at what it was sent."""
    faults = []
    for call in calls(there):
        answer = unsigned_call(server, call.service, call.operation, **call.members)
        if str(call) == "sts AssumeRoleWithWebIdentity":
            assert (answer.status, answer.code) == (400, "InvalidIdentityToken"), answer
        elif answer.status not in (400, 401, 403) or answer.code not in (
                "MissingAuthenticationTokenException", "MissingAuthenticationToken", *UNSUPPORTED):
            faults.append(f"{call}: {answer}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("service", SERVICES)
def test_a_signature_is_for_one_service(home: Account, there: Held, missing: Held, service: str) -> None:
    """Every other service's operations, signed by root for this one."""
    faults = []
    for call in calls(missing):
        if call.service == service:
            continue
        headers, body = unsigned(call.service, call.operation, call.members)
        request = AWSRequest("POST", home.weir.url + "/", data=body, headers=headers)
        SigV4Auth(home.root.credentials, service, home.weir.region).add_auth(request)
        answer = understood(model(call.service).operation_model(call.operation), session().post(
            home.weir.url + "/", data=body, headers=dict(request.headers), timeout=60))
        if answer.status not in (400, 403) or answer.code.partition("Exception")[0] not in (
                "InvalidSignature", "SignatureDoesNotMatch", "UnrecognizedClient", "InvalidClientTokenId", "IncompleteSignature",
                "UnknownOperation", "InvalidAction", *UNSUPPORTED):
            faults.append(f"{call}: {answer}")
    assert not faults, f"{len(faults)}:\n" + "\n".join(faults[:20])


# Credentials of GetSessionToken

def test_a_session_tokens_credentials_know_no_iam(home: Account, missing: Held, unsupported: set[str]) -> None:
    """As at AWS: of STS they know AssumeRole and GetCallerIdentity, of IAM nothing."""
    session = home.administrator.session_token()
    assert session.must("sts", "GetCallerIdentity")["Arn"] == home.administrator.arn
    assert session.call("ecr", "DescribeRepositories").status == 200
    asked = [one for one in calls(missing, "iam") if str(one) not in unsupported]
    told = zip(asked, together(session, asked))
    faults = [f"{call}: {answer}" for call, answer in told if (answer.status, answer.code) != (403, "InvalidClientTokenId")]
    assert not faults, f"{len(faults)} of {len(asked)}:\n" + "\n".join(faults[:20])
    for operation in ("GetSessionToken", "GetFederationToken"):
        told = session.call("sts", operation, **({"Name": "fed"} if "Fed" in operation else {}))
        assert (told.status, told.code) == (403, "AccessDenied"), told
        assert told.message == f"Cannot call {operation} with session credentials"


# /v2/

def sweep(things: Held) -> list[tuple[str, str, dict[str, object]]]:
    """Each kind of request at the registry."""
    name, digest, layer = f"/v2/{things.word}/app", things.digest, things.layer
    reads = [f"{name}/manifests/1", f"{name}/manifests/{digest}", f"{name}/blobs/{layer}", f"{name}/referrers/{digest}", f"{name}/tags/list"]
    octets = {"headers": {"Content-Type": "application/octet-stream"}}
    return [
        *[(method, path, {}) for path in reads for method in ("GET", "HEAD")],
        ("GET", "/v2/_catalog", {}),
        ("POST", f"{name}/blobs/uploads/", {}), ("POST", f"{name}/blobs/uploads/?mount={layer}&from={things.word}/other", {}),
        ("POST", f"{name}/blobs/uploads/?digest={layer}", {"data": b"x", **octets}),
        ("GET", f"{name}/blobs/uploads/{things.upload}", {}), ("DELETE", f"{name}/blobs/uploads/{things.upload}", {}),
        ("PATCH", f"{name}/blobs/uploads/{things.upload}", {"data": b"x", **octets}),
        ("PUT", f"{name}/blobs/uploads/{things.upload}?digest={layer}", {"data": b"x", **octets}),
        ("PUT", f"{name}/manifests/2", {"data": json.dumps({}), "headers": {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}}),
        ("DELETE", f"{name}/manifests/{digest}", {}), ("DELETE", f"{name}/blobs/{layer}", {}),
    ]


@pytest.mark.parametrize("who", [one for one in LAYERS if one not in ("a user", "a federated user without a policy")])
def test_a_login_alone_reads_and_writes_nothing(callers: dict[str, Principal], there: Held, missing: Held, who: str) -> None:
    """Every kind of request at /v2/; and what is there is not told from what is not."""
    client, faults = callers[who].distribution(), []
    assert client.request("GET", "/v2/").status_code == 200
    for (method, path, members), (_, other, more) in zip(sweep(there), sweep(missing)):
        answer, unknown = client.request(method, path, **members), client.request(method, other, **more)
        if not is_denied(answer) and not is_none(method, path, answer):
            faults.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        if (answer.status_code, told(answer, there)) != (unknown.status_code, told(unknown, missing)):
            faults.append(f"{method} {path}: {answer.text[:200]}\n   but {other}: {unknown.status_code} {unknown.text[:200]}")
    assert not faults, "\n".join(faults)


def is_none(method: str, path: str, answer: requests.Response) -> bool:
    """The registry has no such request, whoever makes it."""
    return answer.status_code == 405 and (method == "DELETE" and "/blobs/sha256" in path or method == "HEAD" and path.endswith("/tags/list"))


def is_denied(answer: requests.Response) -> bool:
    return answer.status_code == 403 and (not answer.content or errors(answer)[0][0] == "DENIED")


def told(answer: requests.Response, things: Held) -> list[tuple[str, str]]:
    return [(code, text.replace(things.word, "<name>")) for code, text in errors(answer)] if answer.content else []
