"""Secrets Manager and KMS, by boto3."""

from __future__ import annotations

import datetime
import json
import re

import pytest

from harness.expect import refused
from harness.weir import ACCOUNT, REGION, Weir


# Secrets Manager

def test_a_secrets_arn_has_six_letters_more(weir: Weir, prefix: str) -> None:
    made = weir.client("secretsmanager").create_secret(Name=f"{prefix}/s", SecretString="one")
    start = re.escape(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{prefix}/s-")
    assert re.fullmatch(start + "[A-Za-z0-9]{6}", made["ARN"]), made["ARN"]
    assert re.fullmatch("[0-9a-f-]{32,64}", made["VersionId"])


def test_a_secret_is_found_by_name_and_both_arns(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    made = secrets.create_secret(Name=f"{prefix}-find-me", SecretString="here", Description="words", Tags=[
        {"Key": "a", "Value": "b"}])
    for name in (f"{prefix}-find-me", made["ARN"], made["ARN"][:-7]):
        assert secrets.get_secret_value(SecretId=name)["SecretString"] == "here"
        told = secrets.describe_secret(SecretId=name)
        assert (told["ARN"], told["Name"], told["Description"]) == (made["ARN"], f"{prefix}-find-me", "words")
        assert told["Tags"] == [{"Key": "a", "Value": "b"}]
        assert list(told["VersionIdsToStages"].values()) == [["AWSCURRENT"]]
    with refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret"):
        secrets.get_secret_value(SecretId=made["ARN"].replace(REGION, "us-west-1"))


def test_versions_and_stages(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    first = secrets.create_secret(Name=prefix, SecretString="1")["VersionId"]
    second = secrets.put_secret_value(SecretId=prefix, SecretString="2")["VersionId"]
    assert secrets.get_secret_value(SecretId=prefix)["SecretString"] == "2"
    assert secrets.get_secret_value(SecretId=prefix, VersionStage="AWSPREVIOUS")["VersionId"] == first
    third = secrets.update_secret(SecretId=prefix, SecretString="3")["VersionId"]
    assert secrets.get_secret_value(SecretId=prefix, VersionStage="AWSPREVIOUS")["VersionId"] == second
    stages = secrets.describe_secret(SecretId=prefix)["VersionIdsToStages"]
    assert stages[third] == ["AWSCURRENT"] and stages[second] == ["AWSPREVIOUS"]
    listed = secrets.list_secret_version_ids(SecretId=prefix)["Versions"]
    assert {one["VersionId"] for one in listed} == {second, third}
    with refused("ResourceNotFoundException"):
        secrets.get_secret_value(SecretId=prefix, VersionStage="NEVER")


def test_the_same_request_twice(weir: Weir, prefix: str) -> None:
    secrets, token = weir.client("secretsmanager"), "11111111-2222-3333-4444-555555555555"
    first = secrets.create_secret(Name=prefix, SecretString="same", ClientRequestToken=token)
    assert secrets.create_secret(Name=prefix, SecretString="same", ClientRequestToken=token)["ARN"] == first["ARN"]
    with refused("ResourceExistsException"):
        secrets.create_secret(Name=prefix, SecretString="other", ClientRequestToken=token)
    with refused("ResourceExistsException"):
        secrets.create_secret(Name=prefix, SecretString="same")


def test_deleting_and_restoring(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    secrets.create_secret(Name=prefix, SecretString="kept")
    deleted = secrets.delete_secret(SecretId=prefix, RecoveryWindowInDays=7)
    days = deleted["DeletionDate"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=6.9) < days < datetime.timedelta(days=7.1)
    with refused("InvalidRequestException", "marked for deletion"):
        secrets.get_secret_value(SecretId=prefix)
    with refused("InvalidRequestException"):
        secrets.create_secret(Name=prefix, SecretString="new")
    assert "DeletedDate" in secrets.describe_secret(SecretId=prefix)
    secrets.restore_secret(SecretId=prefix)
    assert secrets.get_secret_value(SecretId=prefix)["SecretString"] == "kept"
    secrets.delete_secret(SecretId=prefix, ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=prefix)
    assert secrets.create_secret(Name=prefix, SecretString="new")["Name"] == prefix
    for window in (6, 31):
        with refused("InvalidParameterException"):
            secrets.delete_secret(SecretId=prefix, RecoveryWindowInDays=window)


def test_binary_values_lists_and_tags(weir: Weir, prefix: str) -> None:
    secrets = weir.client("secretsmanager")
    for number in range(3):
        secrets.create_secret(Name=f"{prefix}/{number}", SecretBinary=b"\x00\xff" * number + b"\x01")
    assert secrets.get_secret_value(SecretId=f"{prefix}/2")["SecretBinary"] == b"\x00\xff\x00\xff\x01"
    pages = secrets.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix + "/"]}], PaginationConfig={"PageSize": 2})
    assert {one["Name"] for page in pages for one in page["SecretList"]} == {f"{prefix}/{n}" for n in range(3)}
    secrets.tag_resource(SecretId=f"{prefix}/0", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    secrets.untag_resource(SecretId=f"{prefix}/0", TagKeys=["a"])
    assert secrets.describe_secret(SecretId=f"{prefix}/0")["Tags"] == [{"Key": "b", "Value": "2"}]
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=f"{prefix}/0")
    with refused("InvalidParameterException"):
        secrets.create_secret(Name=f"{prefix}/big", SecretString="x" * 65_537)


# KMS

def test_a_keys_life(weir: Weir) -> None:
    kms = weir.client("kms")
    key = kms.create_key(Description="life", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    assert key["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['KeyId']}"
    assert (key["KeyState"], key["Enabled"], key["KeyManager"]) == ("Enabled", True, "CUSTOMER")
    assert (key["KeySpec"], key["KeyUsage"], key["Origin"]) == ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS")
    states = []
    for change in (
        lambda: kms.disable_key(KeyId=key["Arn"]), lambda: kms.enable_key(KeyId=key["KeyId"]),
        lambda: kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7),
        lambda: kms.cancel_key_deletion(KeyId=key["KeyId"]),
    ):
        change()
        states.append(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"])
    assert states == ["Disabled", "Enabled", "PendingDeletion", "Disabled"]
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert key["KeyId"] in {one["KeyId"] for one in kms.list_keys()["Keys"]}
    with refused("NotFoundException"):
        kms.describe_key(KeyId="00000000-1111-2222-3333-444444444444")


def test_aliases(weir: Weir, prefix: str) -> None:
    kms = weir.client("kms")
    one, other = (kms.create_key()["KeyMetadata"] for _ in range(2))
    alias = f"alias/{prefix}"
    kms.create_alias(AliasName=alias, TargetKeyId=one["KeyId"])
    with refused("AlreadyExistsException"):
        kms.create_alias(AliasName=alias, TargetKeyId=other["KeyId"])
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == one["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=other["Arn"])
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:{alias}"
    assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyId"] == other["KeyId"]
    assert [one["AliasName"] for one in kms.list_aliases(KeyId=other["KeyId"])["Aliases"]] == [alias]
    kms.delete_alias(AliasName=alias)
    with refused("NotFoundException"):
        kms.describe_key(KeyId=alias)
    for reserved in ("alias/aws/mine", "no-alias"):
        with pytest.raises(kms.exceptions.ClientError):
            kms.create_alias(AliasName=reserved, TargetKeyId=one["KeyId"])
    made = weir.repository(prefix + "/app", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": one["KeyId"]})
    assert made["encryptionConfiguration"]["kmsKey"] == one["Arn"]


def test_sealing_by_hand(weir: Weir) -> None:
    kms = weir.client("kms")
    key, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    context = {"purpose": "test"}
    sealed = kms.encrypt(KeyId=key, Plaintext=b"plain", EncryptionContext=context)["CiphertextBlob"]
    assert b"plain" not in sealed
    opened = kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    assert opened["Plaintext"] == b"plain" and opened["KeyId"].endswith(key)
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=sealed)
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=sealed[:-1] + bytes([sealed[-1] ^ 1]), EncryptionContext=context)
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context, KeyId=other)
    data = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert len(data["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    kms.disable_key(KeyId=key)
    with refused("DisabledException"):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)


def test_policies_and_rotation(weir: Weir) -> None:
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    policy["Id"] = "mine"
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"]) == policy
    with refused("MalformedPolicyDocumentException"):
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy="{")
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    kms.disable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
