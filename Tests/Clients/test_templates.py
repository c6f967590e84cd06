"""Repository creation templates: a pull makes repositories as the template says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.expect import refused
from harness.weir import ACCOUNT, Weir

POLICY = {"Version": "2012-10-17", "Statement": [{
    "Sid": "others may pull", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]}
LIFECYCLE = {"rules": [{
    "rulePriority": 1, "description": "few untagged",
    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
    "action": {"type": "expire"}}]}
TAGS = [{"Key": "team", "Value": "platform"}, {"Key": "cost", "Value": "42"}]
FILTERS = [{"filterType": "WILDCARD", "filter": "latest"}, {"filterType": "WILDCARD", "filter": "beta*"}]


def template(weir: Weir, prefix: str, region: str | None = None, **members: Any) -> dict[str, Any]:
    members = {"appliedFor": ["PULL_THROUGH_CACHE"], **members}
    made = weir.client("ecr", region).create_repository_creation_template(prefix=prefix, **members)
    return made["repositoryCreationTemplate"]


def everything() -> dict[str, Any]:
    return {
        "description": "all that a template can say", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": FILTERS, "repositoryPolicy": json.dumps(POLICY),
        "lifecyclePolicy": json.dumps(LIFECYCLE), "resourceTags": TAGS,
        "customRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ecr-template",
    }


def pulled(weir: Weir, name: str, region: str | None = None) -> dict[str, Any]:
    """Pulls the sample into a repository. Returns the answers of describe-repositories and its sisters."""
    weir.distribution(region).pull(name, "latest")
    ecr = weir.client("ecr", region)
    made = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    tags = ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]
    made["tags"] = sorted(tags, key=lambda tag: tag["Key"])
    for member, ask, absent in [
        ("policyText", ecr.get_repository_policy, "RepositoryPolicyNotFoundException"),
        ("lifecyclePolicyText", ecr.get_lifecycle_policy, "LifecyclePolicyNotFoundException"),
    ]:
        try:
            made[member] = json.loads(ask(repositoryName=name)[member])
        except ecr.exceptions.ClientError as problem:
            assert problem.response["Error"]["Code"] == absent, problem
            made[member] = None
    return made


def assert_everything(made: dict[str, Any]) -> None:
    assert made["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert made["imageTagMutabilityExclusionFilters"] == FILTERS
    assert made["policyText"] == POLICY
    assert made["lifecyclePolicyText"] == LIFECYCLE
    assert made["tags"] == sorted(TAGS, key=lambda tag: tag["Key"])


def test_the_documented_template_with_the_default_key(weir: Weir) -> None:
    weir.aws("ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "ecr-public",
             "--upstream-registry-url", "public.ecr.aws")
    weir.aws("ecr", "create-repository-creation-template", "--prefix", "ecr-public",
             "--applied-for", "PULL_THROUGH_CACHE", "--encryption-configuration", "encryptionType=KMS")
    weir.client("ecr").update_repository_creation_template(prefix="ecr-public", **everything())
    made = pulled(weir, "ecr-public/nginx/nginx")
    assert_everything(made)
    kms = weir.client("kms")
    key = kms.describe_key(KeyId="alias/aws/ecr")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key["Arn"]}
    (alias,) = [one for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/aws/ecr"]
    assert alias["TargetKeyId"] == key["KeyId"]


def test_a_key_of_ones_own(weir: Weir, prefix: str) -> None:
    key = weir.client("kms").create_key(Description="mine")["KeyMetadata"]
    encryption = {"encryptionType": "KMS", "kmsKey": key["Arn"]}
    weir.rule(prefix, "public.ecr.aws")
    told = template(weir, prefix, encryptionConfiguration=encryption, **everything())
    assert told["encryptionConfiguration"] == encryption
    assert told["customRoleArn"] == everything()["customRoleArn"]
    made = pulled(weir, f"{prefix}/nginx/nginx")
    assert made["encryptionConfiguration"] == encryption
    assert_everything(made)


def test_a_root_template_is_for_what_no_other_matches(weir: Weir) -> None:
    region = "eu-west-1"
    ecr = weir.client("ecr", region)
    for prefix in ("first", "second"):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl="public.ecr.aws")
    template(weir, "ROOT", region, **everything())
    template(weir, "second", region, imageTagMutability="IMMUTABLE")
    by_root = pulled(weir, "first/nginx/nginx", region)
    assert_everything(by_root)
    assert by_root["encryptionConfiguration"] == {"encryptionType": "AES256"}
    by_prefix = pulled(weir, "second/nginx/nginx", region)
    assert (by_prefix["imageTagMutability"], by_prefix["tags"], by_prefix["policyText"]) == ("IMMUTABLE", [], None)


def test_the_defaults_without_a_template(weir: Weir, prefix: str) -> None:
    weir.rule(prefix, "public.ecr.aws")
    made = pulled(weir, f"{prefix}/nginx/nginx")
    assert made["imageTagMutability"] == "MUTABLE"
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert made["imageScanningConfiguration"] == {"scanOnPush": False}
    assert (made["tags"], made["policyText"], made["lifecyclePolicyText"]) == ([], None, None)
    assert "imageTagMutabilityExclusionFilters" not in made


def test_the_longest_prefix_wins_among_those_for_the_scenario(weir: Weir, prefix: str) -> None:
    weir.rule(prefix, "public.ecr.aws")
    template(weir, prefix, imageTagMutability="IMMUTABLE")
    template(weir, f"{prefix}/nginx", appliedFor=["CREATE_ON_PUSH", "REPLICATION"], resourceTags=TAGS)
    made = pulled(weir, f"{prefix}/nginx/nginx")
    assert (made["imageTagMutability"], made["tags"]) == ("IMMUTABLE", [])


@pytest.mark.parametrize("trouble", ["disabled", "scheduled for deletion", "missing"])
def test_a_template_that_cannot_be_applied_fails_the_pull_with_its_reason(
    weir: Weir, prefix: str, trouble: str,
) -> None:
    kms = weir.client("kms")
    key = kms.create_key()["KeyMetadata"]
    arn = key["Arn"]
    if trouble == "disabled":
        kms.disable_key(KeyId=arn)
    elif trouble == "missing":
        arn = arn.replace(key["KeyId"], "00000000-1111-2222-3333-444444444444")
    else:
        kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    weir.rule(prefix, "public.ecr.aws")
    template(weir, prefix, encryptionConfiguration={"encryptionType": "KMS", "kmsKey": arn})
    answer = weir.distribution().manifest(f"{prefix}/nginx/nginx", "latest")
    assert 400 <= answer.status_code < 600 and answer.status_code not in (404, 500), answer.text
    assert arn in answer.text, answer.text
    with refused("RepositoryNotFoundException"):
        weir.describe(f"{prefix}/nginx/nginx")


def test_templates_are_kept_changed_and_removed(weir: Weir, prefix: str) -> None:
    ecr = weir.client("ecr")
    made = template(weir, prefix, **everything())
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert made["createdAt"] == made["updatedAt"]
    with refused("TemplateAlreadyExistsException"):
        template(weir, prefix)
    changed = ecr.update_repository_creation_template(prefix=prefix, description="another")["repositoryCreationTemplate"]
    assert changed["description"] == "another"
    assert json.loads(changed["repositoryPolicy"]) == POLICY
    assert changed["imageTagMutabilityExclusionFilters"] == FILTERS
    assert ecr.update_repository_creation_template(prefix=prefix, repositoryPolicy="")[
        "repositoryCreationTemplate"].get("repositoryPolicy", "") == ""
    (told,) = ecr.describe_repository_creation_templates(prefixes=[prefix])["repositoryCreationTemplates"]
    assert told["appliedFor"] == ["PULL_THROUGH_CACHE"] and told["resourceTags"] == TAGS
    ecr.delete_repository_creation_template(prefix=prefix)
    assert ecr.describe_repository_creation_templates(prefixes=[prefix])["repositoryCreationTemplates"] == []
    with refused("TemplateNotFoundException"):
        ecr.delete_repository_creation_template(prefix=prefix)


@pytest.mark.parametrize("members", [
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
    {"imageTagMutability": "MUTABLE", "imageTagMutabilityExclusionFilters": FILTERS},
    {"imageTagMutability": "SOMETIMES"},
    {"appliedFor": ["NEVER"]},
    {"encryptionConfiguration": {"encryptionType": "ROT13"}},
    {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/mine"}},
    {"repositoryPolicy": "not a policy"},
    {"lifecyclePolicy": "{}"},
    {"description": "d" * 257},
], ids=lambda members: "-".join(members))
def test_a_template_that_says_nonsense(weir: Weir, prefix: str, members: dict[str, Any]) -> None:
    ecr = weir.client("ecr", unchecked=True)
    with refused("InvalidParameterException"):
        ecr.create_repository_creation_template(**{"prefix": prefix, "appliedFor": ["PULL_THROUGH_CACHE"], **members})
