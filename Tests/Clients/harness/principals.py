"""Accounts, users, roles and sessions of a server, and calls in their names.

A call here is botocore's own, from its model, serializer, signer and parser; only boto3's client objects are left out, since a test file
has some hundred principals. Nothing is raised for a refusal: an `Answer` holds it.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
import requests
import requests.adapters
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from .distribution import Distribution
from .secrets_seen import WATCH
from .signing import operate
from .weir import Weir

SERVICES = ("ecr", "kms", "secretsmanager", "sts", "iam")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"

#: What a denial says at its end, by the kind of policy that lacks the Allow.
SILENT = {
    "identity": "because no identity-based policy allows the {action} action",
    "boundary": "because no permissions boundary allows the {action} action",
    "session": "because no session policy allows the {action} action",
    "resource": "because no resource-based policy allows the {action} action",
}

#: The same for a Deny.
EXPLICIT = {
    "identity": "with an explicit deny in an identity-based policy",
    "boundary": "with an explicit deny in a permissions boundary",
    "session": "with an explicit deny in a session policy",
    "resource": "with an explicit deny in a resource-based policy",
}

Statement = dict[str, Any]


# Policies

def allow(action: str | list[str], resource: str | list[str] | None = "*", **members: Any) -> Statement:
    """A statement. Keyword arguments are its further members: `Condition`, `Principal`; None leaves one out."""
    return statement("Allow", action, resource, **members)


def deny(action: str | list[str], resource: str | list[str] | None = "*", **members: Any) -> Statement:
    return statement("Deny", action, resource, **members)


def statement(effect: str, action: str | list[str] | None, resource: str | list[str] | None, **members: Any) -> Statement:
    whole = {"Effect": effect, "Action": action, "Resource": resource, **members}
    return {name: value for name, value in whole.items() if value is not None}


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(*principals: str, **members: Any) -> str:
    """Lets these ARNs, or account ids, assume the role."""
    return document(allow("sts:AssumeRole", None, Principal={"AWS": list(principals)}, **members))


# Calls

@cache
def model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@dataclass(frozen=True)
class Answer:
    status: int
    #: The refusal's name; empty where there was none.
    code: str
    message: str
    members: dict[str, Any]
    text: str
    headers: Any

    def __getitem__(self, member: str) -> Any:
        assert self.status == 200, self
        return self.members[member]

    @property
    def is_denied(self) -> bool:
        return self.code in ("AccessDenied", "AccessDeniedException")

    def __str__(self) -> str:
        return f"{self.status} {self.code} {self.message}"


def unsigned(service: str, operation: str, members: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """The headers and the body that botocore makes of a call, checked against nothing."""
    described = model(service)
    serializer = create_serializer(described.metadata["protocol"], include_validation=False)
    request = serializer.serialize_to_request(members, described.operation_model(operation))
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    return dict(request["headers"]), body.encode() if isinstance(body, str) else body


def understood(operation: OperationModel, answer: requests.Response) -> Answer:
    parser = create_parser(operation.service_model.metadata["protocol"])
    told = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}
    try:
        members = parser.parse(told, operation.output_shape)
    except Exception as problem:  # noqa: BLE001 what is no answer of this protocol is shown as it is
        members = {"Error": {"Code": f"unreadable: {problem}", "Message": answer.text[:500]}}
    problem = members.get("Error", {})
    code = problem.get("Code", "") if answer.status_code >= 300 or problem else ""
    return Answer(answer.status_code, code, problem.get("Message", "") or "", members, answer.text, answer.headers)


class _From(requests.adapters.HTTPAdapter):
    """Connects from this address of the machine's own network."""

    def __init__(self, address: str):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **named)


_ADDRESSES = itertools.count(2)


def unsigned_call(weir: Weir, service: str, operation: str, **members: Any) -> Answer:
    """A call without any signature, as AssumeRoleWithWebIdentity is made. Each comes from another address: one may lose 60 of them."""
    headers, body = unsigned(service, operation, members)
    number = next(_ADDRESSES)
    with requests.Session() as client:
        client.trust_env = False
        client.mount("http://", _From(f"127.0.{number // 250 % 250}.{number % 250 + 2}"))
        answer = client.post(weir.url + "/", data=body, headers=headers, timeout=60)
    return understood(model(service).operation_model(operation), answer)


_LOCAL = threading.local()


def session() -> requests.Session:
    """This thread's connections."""
    if not hasattr(_LOCAL, "session"):
        _LOCAL.session = requests.Session()
        _LOCAL.session.trust_env = False
    return _LOCAL.session


# Who calls

class Principal:
    """A server's root, user or session, with its credentials."""

    def __init__(self, weir: Weir, account: str, arn: str, key: str, secret: str, token: str | None = None):
        self.weir, self.account, self.arn = weir, account, arn
        WATCH.plant(secret, f"the secret access key of {arn}")
        if token:
            WATCH.plant(token, f"the session token of {arn}")
        self.credentials = Credentials(key, secret, token)
        self._password: str | None = None

    def __str__(self) -> str:
        return self.arn

    @property
    def key(self) -> str:
        return self.credentials.access_key

    def call(self, service: str, operation: str, region: str | None = None, *, headers: dict[str, str] | None = None,
             **members: Any) -> Answer:
        """One call, signed by this principal. `headers` are sent and not signed."""
        made, body = unsigned(service, operation, members)
        request = AWSRequest("POST", self.weir.url + "/", data=body, headers=made)
        SigV4Auth(self.credentials, service, region or self.weir.region).add_auth(request)
        answer = session().post(
            self.weir.url + "/", data=body, headers={**dict(request.headers), **(headers or {})}, timeout=60)
        return understood(model(service).operation_model(operation), answer)

    def post(self, service: str, form: dict[str, str] | bytes, headers: dict[str, str] | None = None, url: str = "/") -> Answer:
        """A Query call with any body, and all of it signed."""
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        request = AWSRequest("POST", self.weir.url + url, data=body, headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})})
        SigV4Auth(self.credentials, service, self.weir.region).add_auth(request)
        answer = session().post(self.weir.url + url, data=body, headers=dict(request.headers), timeout=60)
        return understood(model("sts").operation_model("GetCallerIdentity"), answer)

    def must(self, service: str, operation: str, **members: Any) -> Answer:
        """The same for what a test needs."""
        answer = self.call(service, operation, **members)
        assert answer.status == 200 and not answer.code, f"{operation} by {self.arn}: {answer}"
        return answer

    def client(self, service: str, region: str | None = None) -> Any:
        """boto3's client."""
        return botocore.session.get_session().create_client(
            service, region_name=region or self.weir.region, endpoint_url=self.weir.url,
            aws_access_key_id=self.key, aws_secret_access_key=self.credentials.secret_key, aws_session_token=self.credentials.token)

    def authorization(self) -> Answer:
        return self.call("ecr", "GetAuthorizationToken")

    def password(self) -> str:
        """Of `docker login --username AWS`; asked for once."""
        if self._password is None:
            token = base64.b64decode(self.authorization()["authorizationData"][0]["authorizationToken"]).decode()
            self._password = WATCH.plant(token.partition(":")[2], f"a registry password of {self.arn}")
        return self._password

    def distribution(self) -> Distribution:
        """A client of /v2/ with a registry password."""
        return Distribution(self.weir.url, ("AWS", self.password()))

    def signed_in_by_key(self) -> Distribution:
        """A client of /v2/ with the access key itself, as a user may."""
        WATCH.login(self.key, self.credentials.secret_key, "an access key")
        return Distribution(self.weir.url, (self.key, self.credentials.secret_key))

    # Sessions

    def assume(self, role: str, name: str = "run1", **members: Any) -> Principal:
        return self._session(self.must("sts", "AssumeRole", RoleArn=role, RoleSessionName=name, **members), "AssumedRoleUser")

    def federate(self, name: str, **members: Any) -> Principal:
        return self._session(self.must("sts", "GetFederationToken", Name=name, **members), "FederatedUser")

    def session_token(self, **members: Any) -> Principal:
        return self._session(self.must("sts", "GetSessionToken", **members), None)

    def _session(self, answer: Answer, who: str | None) -> Principal:
        return session_of(self.weir, answer, answer[who]["Arn"] if who else self.arn)


def session_of(weir: Weir, answer: Answer, arn: str) -> Principal:
    """The principal of an answer with credentials in it."""
    given = answer["Credentials"]
    return Principal(weir, arn.split(":")[4], arn, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


class Account:
    """An account of the server: its root, an administrator (a user with AdministratorAccess), and makers of what tests need."""

    _numbers = itertools.count(1)

    def __init__(self, root: Principal):
        self.root, self.weir, self.id = root, root.weir, root.account
        self._administrator: Principal | None = None

    @classmethod
    def home(cls, weir: Weir) -> Account:
        mine = weir.credentials
        arn = f"arn:aws:iam::{weir.account}:root"
        return cls(Principal(weir, weir.account, arn, mine["aws_access_key_id"], mine["aws_secret_access_key"]))

    @classmethod
    def another(cls, weir: Weir, number: str) -> Account:
        """One more account on the same server, as `weir accounts create` makes it."""
        key = operate(weir, "CreateAccount", accountId=number)["accessKey"]
        return cls(Principal(weir, number, f"arn:aws:iam::{number}:root", key["accessKeyId"], key["secretAccessKey"]))

    @property
    def administrator(self) -> Principal:
        """Root may not assume roles: this one does."""
        if self._administrator is None:
            self._administrator = self.user(f"administrator-{next(self._numbers)}", policies=[ADMINISTRATOR])
        return self._administrator

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:iam::{self.id}:{kind}/{name}"

    def repository_arn(self, name: str, region: str | None = None) -> str:
        return f"arn:aws:ecr:{region or self.weir.region}:{self.id}:repository/{name}"

    def repository(self, name: str, *statements: Statement, **members: Any) -> str:
        """A repository; with statements it has a policy. Returns its ARN."""
        made = self.root.must("ecr", "CreateRepository", repositoryName=name, **members)
        if statements:
            self.root.must("ecr", "SetRepositoryPolicy", repositoryName=name, policyText=document(*statements), force=True)
        return made["repository"]["repositoryArn"]

    def policy(self, name: str, *statements: Statement) -> str:
        """A managed policy. Returns its ARN."""
        return self.root.must("iam", "CreatePolicy", PolicyName=name, PolicyDocument=document(*statements))["Policy"]["Arn"]

    def user(self, name: str, *statements: Statement, boundary: Iterable[Statement] | None = None, policies: Iterable[str] = (),
             tags: dict[str, str] | None = None, path: str = "/") -> Principal:
        """A user with an inline policy of these statements, and a key."""
        members: dict[str, Any] = {"UserName": name, "Path": path}
        if boundary is not None:
            members["PermissionsBoundary"] = self.policy(f"boundary-{next(self._numbers)}", *boundary)
        if tags:
            members["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        arn = self.root.must("iam", "CreateUser", **members)["User"]["Arn"]
        if statements:
            self.root.must("iam", "PutUserPolicy", UserName=name, PolicyName="inline", PolicyDocument=document(*statements))
        for policy in policies:
            self.root.must("iam", "AttachUserPolicy", UserName=name, PolicyArn=policy)
        return self.with_key(name, arn)

    def with_key(self, name: str, arn: str | None = None) -> Principal:
        """One more key of a user."""
        key = self.root.must("iam", "CreateAccessKey", UserName=name)["AccessKey"]
        return Principal(self.weir, self.id, arn or self.arn("user", name), key["AccessKeyId"], key["SecretAccessKey"])

    def role(self, name: str, *statements: Statement, trusts: str | None = None, boundary: Iterable[Statement] | None = None,
             policies: Iterable[str] = (), path: str = "/", **members: Any) -> str:
        """A role that the administrator may assume, or that trusts as it is told. Returns its ARN."""
        if boundary is not None:
            members["PermissionsBoundary"] = self.policy(f"boundary-{next(self._numbers)}", *boundary)
        made = self.root.must("iam", "CreateRole", RoleName=name, Path=path,
                              AssumeRolePolicyDocument=trusts or trust(self.administrator.arn), **members)
        if statements:
            self.root.must("iam", "PutRolePolicy", RoleName=name, PolicyName="inline", PolicyDocument=document(*statements))
        for policy in policies:
            self.root.must("iam", "AttachRolePolicy", RoleName=name, PolicyArn=policy)
        return made["Role"]["Arn"]

    def delete_user(self, name: str) -> None:
        """With all that hangs on it."""
        root = self.root
        for key in root.must("iam", "ListAccessKeys", UserName=name)["AccessKeyMetadata"]:
            root.must("iam", "DeleteAccessKey", UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in root.must("iam", "ListUserPolicies", UserName=name)["PolicyNames"]:
            root.must("iam", "DeleteUserPolicy", UserName=name, PolicyName=policy)
        for policy in root.must("iam", "ListAttachedUserPolicies", UserName=name)["AttachedPolicies"]:
            root.must("iam", "DetachUserPolicy", UserName=name, PolicyArn=policy["PolicyArn"])
        for group in root.must("iam", "ListGroupsForUser", UserName=name)["Groups"]:
            root.must("iam", "RemoveUserFromGroup", UserName=name, GroupName=group["GroupName"])
        root.must("iam", "DeleteUser", UserName=name)

    def delete_role(self, name: str) -> None:
        root = self.root
        for policy in root.must("iam", "ListRolePolicies", RoleName=name)["PolicyNames"]:
            root.must("iam", "DeleteRolePolicy", RoleName=name, PolicyName=policy)
        for policy in root.must("iam", "ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]:
            root.must("iam", "DetachRolePolicy", RoleName=name, PolicyArn=policy["PolicyArn"])
        root.must("iam", "DeleteRole", RoleName=name)


# What tests state

def sentence(principal: Principal, action: str, resource: str, tail: str) -> str:
    """A denial in full."""
    return f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} {tail}"


def assert_denied(answer: Answer, action: str = "", resource: str = "", tail: str = "") -> None:
    """The door's own denial, in the dialect of the protocol, with these words in its sentence."""
    assert answer.is_denied, f"{action}: {answer}"
    assert (answer.status, answer.code) in ((400, "AccessDeniedException"), (403, "AccessDenied")), answer
    for words in (f"perform: {action} on" if action else "", f"resource: {resource}" if resource else "", tail.format(action=action)):
        assert words in answer.message, f"'{words}' is not in: {answer}"


def pause_for_the_next_second() -> None:
    """Issue times are whole seconds."""
    time.sleep(1.05 - time.time() % 1)
