"""Every operation of botocore's models, each with the members that it requires: of things that an account holds, or of things that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape

from . import model as ecr_model
from .images import random_layer, single
from .principals import SERVICES, Account, Answer, allow, document, model, trust

#: Members that are sent although the model does not require them, since they say what the call is about.
NAMING = {"repositoryNames", "ecrRepositoryPrefixes", "prefixes", "UserName", "SecretIdList", "KeyId", "CiphertextBlob", "SourceKeyId"}

REPOSITORY_POLICY = document(allow("ecr:ListImages", None, Principal="*"))


@dataclass
class Held:
    """What an account has, or has not, one of each kind."""

    account: Account
    #: Begins every name.
    word: str
    key: str
    sealed: bytes
    secret: str
    access_key: str
    digest: str
    layer: str
    upload: str
    grant: str

    def members(self) -> dict[str, Any]:
        """Values by their members' names, of all services: no name means two things."""
        word, account = self.word, self.account
        provider, policy = account.arn("oidc-provider", f"{word}.example"), account.arn("policy", word)
        return {
            # ECR
            "repositoryName": f"{word}/app", "repositoryNames": [f"{word}/app"], "resourceArn": account.repository_arn(f"{word}/app"),
            "ecrRepositoryPrefix": word, "ecrRepositoryPrefixes": [word], "prefix": word, "prefixes": [word],
            "imageId": {"imageTag": "1"}, "imageIds": [{"imageTag": "1"}], "subjectId": {"imageDigest": self.digest},
            "layerDigest": self.layer, "layerDigests": [self.layer], "uploadId": self.upload, "policyText": REPOSITORY_POLICY,
            "principalArn": account.arn("user", word),
            # KMS
            "KeyId": self.key, "TargetKeyId": self.key, "DestinationKeyId": self.key, "SourceKeyId": self.key,
            "AliasName": f"alias/{word}", "CiphertextBlob": self.sealed, "GrantId": self.grant, "GranteePrincipal": account.arn("user", word),
            "RetiringPrincipal": account.arn("user", word), "Operations": ["Decrypt"], "Plaintext": b"x",
            "Policy": document(allow("kms:*", Principal={"AWS": account.id})), "PrimaryRegion": "eu-west-1", "ReplicaRegion": "eu-west-1",
            # Secrets Manager
            "SecretId": self.secret, "SecretIdList": [self.secret], "Name": word, "VersionStage": "AWSCURRENT",
            "ResourcePolicy": document(allow("secretsmanager:GetSecretValue", Principal={"AWS": account.id})),
            # STS and IAM
            "RoleArn": account.arn("role", word), "RoleSessionName": "walk", "AccessKeyId": self.access_key, "EncodedMessage": "abcd",
            "UserName": word, "GroupName": word, "RoleName": word, "InstanceProfileName": word, "PolicyName": word, "PolicyArn": policy,
            "PermissionsBoundary": policy, "PolicySourceArn": account.arn("user", word), "PolicyInputList": [document(allow("ecr:*"))],
            "ActionNames": ["ecr:ListImages"], "PolicyDocument": document(allow("ecr:*")),
            "AssumeRolePolicyDocument": trust(account.id), "OpenIDConnectProviderArn": provider, "Url": f"https://{word}.example",
            "ClientID": word, "ThumbprintList": ["a" * 40], "VersionId": "v1", "AccountAlias": word, "AWSServiceName": "ecr.amazonaws.com",
            "DeletionTaskId": f"task/{word}", "Status": "Active", "Arn": account.arn("user", word), "Description": word,
            "Tags": [{"Key": "walk", "Value": word}], "TagKeys": ["walk"],
        }


def held(account: Account, word: str) -> Held:
    """Makes one thing of each kind."""
    root = account.root
    pushed = single([random_layer(word, 300)], note=word)
    account.repository(f"{word}/app")
    root.distribution().push(f"{word}/app", "1", pushed)
    upload = root.must("ecr", "InitiateLayerUpload", repositoryName=f"{word}/app")["uploadId"]
    root.must("ecr", "CreatePullThroughCacheRule", ecrRepositoryPrefix=word, upstreamRegistryUrl="public.ecr.aws")
    root.must("ecr", "CreateRepositoryCreationTemplate", prefix=word, appliedFor=["CREATE_ON_PUSH"])
    key = root.must("kms", "CreateKey")["KeyMetadata"]["Arn"]
    root.must("kms", "CreateAlias", AliasName=f"alias/{word}", TargetKeyId=key)
    sealed = root.must("kms", "Encrypt", KeyId=key, Plaintext=b"walk")["CiphertextBlob"]
    secret = root.must("secretsmanager", "CreateSecret", Name=word, SecretString="walk")["ARN"]
    policy = account.policy(word, allow("ecr:ListImages"))
    user = account.user(word, allow("ecr:ListImages"), policies=[policy])
    grant = root.must("kms", "CreateGrant", KeyId=key, GranteePrincipal=user.arn, Operations=["Decrypt"])["GrantId"]
    root.must("iam", "CreateGroup", GroupName=word)
    account.role(word)
    root.must("iam", "CreateInstanceProfile", InstanceProfileName=word)
    root.must("iam", "CreateOpenIDConnectProvider", Url=f"https://{word}.example", ClientIDList=[word])
    return Held(account, word, key, sealed, secret, user.key, pushed.digest, pushed.layers[0].digest, upload, grant)


def absent(there: Held, word: str) -> Held:
    """Names of the same forms that nothing has. What was sealed by a key is told by its key alone."""
    account, number = there.account, "00000000-0000-4000-8000-000000000000"
    return Held(account, word, re.sub("key/.*", f"key/{number}", there.key), there.sealed,
                re.sub("secret:.*", f"secret:{word}-{'x' * 6}", there.secret), "AKIA" + "B" * 16,
                "sha256:" + "0" * 64, "sha256:" + "1" * 64, number, "0" * 64)


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    members: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


def calls(things: Held, *services: str) -> Iterator[Call]:
    known = things.members()
    for service in services or SERVICES:
        described = model(service)
        for operation in sorted(described.operation_names):
            shape = described.operation_model(operation).input_shape
            yield Call(service, operation, _members(service, shape, known) if shape else {})


def _members(service: str, shape: Shape, known: dict[str, Any]) -> dict[str, Any]:
    wanted = [name for name in shape.members if name in shape.required_members or name in NAMING]
    found = {name: known[name] if name in known else ecr_model.sample(shape.members[name]) for name in wanted}
    if service == "kms" and "Tags" in found:
        found["Tags"] = [{"TagKey": one["Key"], "TagValue": one["Value"]} for one in found["Tags"]]
    # A key is sealed with one, and opened with the one that the ciphertext names.
    if "CiphertextBlob" in found and "KeyId" in found:
        del found["KeyId"]
    return found


def everything(account: Account, things: Held) -> dict[str, Any]:
    """All that an account holds, as its root sees it: what an attempt could have changed."""
    asked = [
        ("iam", "GetAccountAuthorizationDetails", {"MaxItems": 1000}), ("iam", "ListAccessKeys", {"UserName": things.word}),
        ("iam", "ListInstanceProfiles", {}), ("iam", "ListOpenIDConnectProviders", {}), ("iam", "ListAccountAliases", {}),
        ("iam", "ListUserTags", {"UserName": things.word}), ("iam", "ListAccessKeys", {}),
        ("ecr", "DescribeRepositories", {}), ("ecr", "DescribeImages", {"repositoryName": f"{things.word}/app"}),
        ("ecr", "DescribePullThroughCacheRules", {}), ("ecr", "DescribeRepositoryCreationTemplates", {}), ("ecr", "DescribeRegistry", {}),
        ("ecr", "GetRegistryPolicy", {}), ("ecr", "GetRegistryScanningConfiguration", {}), ("ecr", "GetRepositoryPolicy", {
            "repositoryName": f"{things.word}/app"}), ("ecr", "ListTagsForResource", {"resourceArn": account.repository_arn(f"{things.word}/app")}),
        ("kms", "ListKeys", {}), ("kms", "ListAliases", {}), ("kms", "ListGrants", {"KeyId": things.key}),
        ("kms", "DescribeKey", {"KeyId": things.key}), ("kms", "GetKeyPolicy", {"KeyId": things.key}),
        ("secretsmanager", "ListSecrets", {}), ("secretsmanager", "GetResourcePolicy", {"SecretId": things.secret}),
    ]
    found: dict[str, Any] = {}
    for number, (service, operation, members) in enumerate(asked):
        answer = account.root.call(service, operation, **members)
        found[f"{number} {operation}"] = answer.code or {
            name: value for name, value in answer.members.items() if name != "ResponseMetadata"}
    return found


def without_names(answer: Answer, *things: Held) -> tuple[int, str, str]:
    """What an answer says, whatever it was asked about."""
    text = answer.message
    for one in things:
        for name in (one.key, one.secret, one.access_key, one.upload, one.word):
            text = text.replace(name, "<name>")
    return answer.status, answer.code, re.sub("<name>(-[A-Za-z0-9]{6}|-\\?{6}|/none)?", "<name>", text)
