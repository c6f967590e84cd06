"""What users, roles and their policies cost: a manifest by a user's rights beside root's, and memory for thousands of them."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from contenders import Contender, WeirContender
from measures import Sample, watched
from scenarios import Bench, ManifestByTag, Scenario



def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str], **conditions: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **({"Condition": conditions} if conditions else {})}


class UserContender(WeirContender):
    """Its client is a user in two groups, with ten policies between them, of which one allows the pull."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.name = "weir, a user"
        self._password: str | None = None

    def start(self) -> None:
        super().start()
        self._password = None
        iam = self._weir.client("iam")
        iam.create_user(UserName="puller", Tags=[{"Key": "team", "Value": "bench"}])
        repositories = f"arn:aws:ecr:*:{self._weir.account}:repository/"
        texts = [
            policy(allow("ecr:GetAuthorizationToken", "*")),
            policy(allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], f"{repositories}bench/*")),
            policy(allow(["ecr:PutImage", "ecr:InitiateLayerUpload"], f"{repositories}${{aws:PrincipalTag/team}}/*")),
            policy(allow("ecr:Describe*", "*"), allow("ecr:List*", "*")),
            policy(allow("iam:Get*", "*")),
            policy(allow("kms:Decrypt", f"arn:aws:kms:*:{self._weir.account}:key/*")),
            policy(allow("secretsmanager:GetSecretValue", "*", StringEquals={"aws:ResourceTag/team": "bench"})),
            policy({"Effect": "Deny", "Action": "ecr:DeleteRepository", "Resource": "*"}),
            policy({"Effect": "Deny", "Action": "ecr:*", "Resource": f"{repositories}prod/*"}),
            policy(allow("sts:AssumeRole", f"arn:aws:iam::{self._weir.account}:role/ci")),
        ]
        arns = [iam.create_policy(PolicyName=f"p{number}", PolicyDocument=text)["Policy"]["Arn"]
                for number, text in enumerate(texts)]
        for arn in arns[:4]:
            iam.attach_user_policy(UserName="puller", PolicyArn=arn)
        for name, part in (("readers", arns[4:7]), ("limited", arns[7:])):
            iam.create_group(GroupName=name)
            for arn in part:
                iam.attach_group_policy(GroupName=name, PolicyArn=arn)
            iam.add_user_to_group(GroupName=name, UserName="puller")
        self._key = iam.create_access_key(UserName="puller")["AccessKey"]

    @property
    def credentials(self) -> tuple[str, str]:
        # The image is pushed by root, and pulled by the user.
        if self._password is None:
            return super().credentials
        return "AWS", self._password

    def sign_in(self) -> None:
        ecr = client(self, "ecr", self._key["AccessKeyId"], self._key["SecretAccessKey"])
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self._password = base64.b64decode(token).decode().partition(":")[2]


def client(contender: WeirContender, service: str, key: str, secret: str) -> Any:
    return boto3.client(
        service, region_name=contender._weir.region, endpoint_url=contender.url, aws_access_key_id=key,
        aws_secret_access_key=secret, config=Config(retries={"max_attempts": 1}, max_pool_connections=16))


class ManifestAsUser(ManifestByTag):
    """A manifest by its tag: as the account's root, and as a user."""

    peer = "weir"

    def contenders(self, folder: Path) -> list[Contender]:
        return [WeirContender(folder / "root"), UserContender(folder / "user")]

    def prepare(self, contender: Contender) -> None:
        super().prepare(contender)
        if isinstance(contender, UserContender):
            contender.sign_in()


class ManyPrincipals(Scenario):
    """5,000 users who have all signed in, and 1,000 roles that have all been assumed: memory beside a server without them."""

    unit = "requests/s"
    fresh = True
    rounds = 1
    peer = "weir"

    def contenders(self, folder: Path) -> list[Contender]:
        return [WeirContender(folder / "empty"), CrowdedContender(folder / "crowded")]

    def measure(self, contender: Contender) -> Sample:
        assert isinstance(contender, WeirContender)
        users, roles = (0, 0)
        if isinstance(contender, CrowdedContender):
            users, roles = int(5_000 * self.bench.scale), int(1_000 * self.bench.scale)
        root = contender._weir.client("iam")
        root.create_policy(PolicyName="pull", PolicyDocument=policy(allow("ecr:*", "*")))
        arn = f"arn:aws:iam::{contender._weir.account}:policy/pull"
        sts = contender._weir.client("sts")

        def user(number: int) -> None:
            name = f"user-{number}"
            root.create_user(UserName=name)
            root.attach_user_policy(UserName=name, PolicyArn=arn)
            key = root.create_access_key(UserName=name)["AccessKey"]
            own = client(contender, "ecr", key["AccessKeyId"], key["SecretAccessKey"])
            own.describe_registry()

        def role(number: int) -> None:
            name = f"role-{number}"
            root.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}))
            root.attach_role_policy(RoleName=name, PolicyArn=arn)

        with ThreadPoolExecutor(8) as pool, watched(contender.daemon) as sample:
            list(pool.map(user, range(users)))
            list(pool.map(role, range(roles)))
            for _ in range(100):
                sts.get_caller_identity()
        sample.moved = 4 * users + 2 * roles + 100
        time.sleep(1)
        sample.extra["resident MiB"] = resident(contender.daemon.pid) / (1 << 20)
        return sample


class CrowdedContender(WeirContender):
    def __init__(self, folder: Path):
        super().__init__(folder)
        self.name = "weir, 5,000 users"


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


def identities(bench: Bench) -> list[Scenario]:
    return [ManifestAsUser("manifest-user", bench), ManyPrincipals("principals", bench)]
