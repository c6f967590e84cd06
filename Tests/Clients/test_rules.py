"""Pull through cache rules, written as in Amazon's guide."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.expect import refused
from harness.weir import ACCOUNT, REGION, AWSRefusal, Weir

#: Prefix and upstream of the guide's seven commands, and whether each needs a secret.
DOCUMENTED = [
    ("ecr-public", "public.ecr.aws", False),
    ("kubernetes", "registry.k8s.io", False),
    ("quay", "quay.io", False),
    ("docker-hub", "registry-1.docker.io", True),
    ("github", "ghcr.io", True),
    ("azure", "myregistry.azurecr.io", True),
    ("gitlab", "registry.gitlab.com", True),
]
NEEDING_A_SECRET = [(prefix, upstream) for prefix, upstream, needs in DOCUMENTED if needs]


@pytest.fixture(scope="module")
def example_secret(weir: Weir) -> str:
    """The guide's secret, made with the guide's command; its full ARN."""
    made = weir.aws(
        "secretsmanager", "create-secret", "--name", "ecr-pullthroughcache/example1234",
        "--secret-string", '{"username": "robot", "accessToken": "token"}')
    return made["ARN"]


@pytest.fixture
def clean(weir: Weir) -> Iterator[None]:
    """The test starts and ends without rules."""
    ecr = weir.client("ecr")

    def clear() -> None:
        for rule in ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"]:
            ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=rule["ecrRepositoryPrefix"])

    clear()
    yield
    clear()


def create(weir: Weir, prefix: str, upstream: str, secret: str | None = None) -> dict[str, object]:
    words = ["--ecr-repository-prefix", prefix, "--upstream-registry-url", upstream]
    words += ["--credential-arn", secret] if secret else []
    return weir.aws("ecr", "create-pull-through-cache-rule", *words)


@pytest.mark.parametrize("with_suffix", [True, False], ids=["full-arn", "arn-without-suffix"])
def test_the_seven_documented_commands(weir: Weir, clean: None, example_secret: str, with_suffix: bool) -> None:
    arn = example_secret if with_suffix else example_secret[:-len("-AbCdEf")]
    for prefix, upstream, needs_secret in DOCUMENTED:
        made = create(weir, prefix, upstream, arn if needs_secret else None)
        assert made["ecrRepositoryPrefix"] == prefix
        assert made["upstreamRegistryUrl"] == upstream
        assert made["registryId"] == ACCOUNT
        assert made["createdAt"]
        assert made.get("credentialArn") == (arn if needs_secret else None)
        assert "upstreamRepositoryPrefix" not in made
    rules = weir.aws("ecr", "describe-pull-through-cache-rules")["pullThroughCacheRules"]
    assert sorted((one["ecrRepositoryPrefix"], one["upstreamRegistryUrl"]) for one in rules) == sorted(
        (prefix, upstream) for prefix, upstream, _ in DOCUMENTED)
    # Terraform plans to replace every rule where the answer has this member without having sent it.
    assert all("upstreamRepositoryPrefix" not in one for one in rules)


@pytest.mark.parametrize(("name", "host"), NEEDING_A_SECRET)
def test_the_last_four_are_refused_without_a_secret(weir: Weir, clean: None, name: str, host: str) -> None:
    with pytest.raises(AWSRefusal) as caught:
        create(weir, name, host)
    assert caught.value.name == "UnsupportedUpstreamRegistryException"
    assert "requires authentication. Specify a valid Secrets Manager ARN" in caught.value.message


def test_an_upstream_that_ecr_does_not_know(weir: Weir, clean: None) -> None:
    with refused("UnsupportedUpstreamRegistryException") as told:
        weir.rule("other", "harbor.example.com")
    assert told.message.startswith(
        "The upstream registry URL harbor.example.com is invalid. Specify a valid upstream registry URL and try again")


@pytest.mark.parametrize("url", ["https://public.ecr.aws", "public.ecr.aws/nginx", "public.ecr.aws:443", "PUBLIC", ""])
def test_an_upstream_url_is_a_bare_host(weir: Weir, clean: None, url: str) -> None:
    with pytest.raises(weir.client("ecr").exceptions.ClientError) as caught:
        weir.rule("other", url)
    assert caught.value.response["Error"]["Code"] in (
        "UnsupportedUpstreamRegistryException", "InvalidParameterException")


def secret_of_another_region(weir: Weir) -> str:
    made = weir.client("secretsmanager", "us-west-2").create_secret(
        Name="ecr-pullthroughcache/elsewhere", SecretString='{"username": "a", "accessToken": "b"}')
    return made["ARN"]


def deleted_secret(weir: Weir) -> str:
    arn = weir.secret("deleted")
    weir.client("secretsmanager").delete_secret(SecretId=arn)
    return arn


def purged_secret(weir: Weir) -> str:
    arn = weir.secret("purged")
    weir.client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    return arn


def secret_never_made(weir: Weir) -> str:
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:ecr-pullthroughcache/nothing-AbCdEf"


def secret_of_another_account(weir: Weir) -> str:
    return weir.secret("other-account").replace(ACCOUNT, "999988887777")


@pytest.mark.parametrize("secret", [
    secret_of_another_region, deleted_secret, purged_secret, secret_never_made, secret_of_another_account,
], ids=lambda make: make.__name__)
def test_a_secret_that_cannot_be_used(weir: Weir, clean: None, secret: Callable[[Weir], str]) -> None:
    arn = secret(weir)
    with refused("SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule was not"):
        weir.rule("docker-hub", "registry-1.docker.io", credentialArn=arn)
    assert weir.client("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"] == []


def test_a_credential_arn_must_be_one_of_ecrs(weir: Weir, clean: None) -> None:
    made = weir.client("secretsmanager").create_secret(Name="another/kind/of/secret/altogether", SecretString="{}")
    with refused("InvalidParameterException", "credentialArn"):
        weir.rule("docker-hub", "registry-1.docker.io", credentialArn=made["ARN"])


@pytest.mark.parametrize("prefix", ["A", "Upper", "a", "-ab", "ab-", "a//b", "/ab", "a b", "a..b", "a" * 31, "ab//", "ü1"])
def test_a_bad_prefix(weir: Weir, clean: None, prefix: str) -> None:
    # Without boto3's own check of lengths, which would refuse some of these unsent.
    ecr = weir.client("ecr", unchecked=True)
    with refused("InvalidParameterException", "ecrRepositoryPrefix"):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl="public.ecr.aws")


def test_a_duplicate(weir: Weir, clean: None) -> None:
    weir.rule("twice", "public.ecr.aws")
    with refused("PullThroughCacheRuleAlreadyExistsException", "'twice' already exists"):
        weir.rule("twice", "quay.io")
    # Two rules may share an upstream.
    weir.rule("thrice", "public.ecr.aws")


def test_the_51st_rule(weir: Weir, clean: None) -> None:
    for number in range(50):
        weir.rule(f"rule-{number}", "public.ecr.aws")
    with refused("LimitExceededException"):
        weir.rule("rule-51", "public.ecr.aws")
    # Fifty in each region.
    weir.client("ecr", "sa-east-1").create_pull_through_cache_rule(
        ecrRepositoryPrefix="rule-51", upstreamRegistryUrl="public.ecr.aws")


def test_rules_of_one_region_are_not_seen_in_another(weir: Weir, clean: None) -> None:
    weir.rule("here", "public.ecr.aws")
    elsewhere = weir.client("ecr", "ap-northeast-1")
    assert elsewhere.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    with refused("PullThroughCacheRuleNotFoundException"):
        elsewhere.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["here"])
    elsewhere.create_pull_through_cache_rule(ecrRepositoryPrefix="here", upstreamRegistryUrl="quay.io")
    (rule,) = weir.client("ecr").describe_pull_through_cache_rules(ecrRepositoryPrefixes=["here"])["pullThroughCacheRules"]
    assert rule["upstreamRegistryUrl"] == "public.ecr.aws"


def test_updating_and_deleting(weir: Weir, clean: None, example_secret: str) -> None:
    ecr, other = weir.client("ecr"), weir.secret("other-one")
    weir.rule("docker-hub", "registry-1.docker.io", credentialArn=example_secret)
    changed = ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="docker-hub", credentialArn=other)
    assert changed["credentialArn"] == other and changed["updatedAt"]
    assert "upstreamRegistryUrl" not in changed and "createdAt" not in changed
    with refused("SecretNotFoundException"):
        ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="docker-hub", credentialArn=secret_never_made(weir))
    with refused("PullThroughCacheRuleNotFoundException"):
        ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="nothing", credentialArn=other)
    gone = ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="docker-hub")
    assert (gone["credentialArn"], gone["upstreamRegistryUrl"]) == (other, "registry-1.docker.io")
    with refused("PullThroughCacheRuleNotFoundException", "'docker-hub' does not exist"):
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="docker-hub")


def test_an_upstream_prefix_is_read_back(weir: Weir, clean: None) -> None:
    made = weir.rule("mapped", "public.ecr.aws", upstreamRepositoryPrefix="nginx")
    assert made["upstreamRepositoryPrefix"] == "nginx"
    (rule,) = weir.client("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"]
    assert rule["upstreamRepositoryPrefix"] == "nginx"
    with refused("InvalidParameterException"):
        weir.rule("ROOT", "public.ecr.aws", upstreamRepositoryPrefix="nginx")


def test_rules_come_in_pages(weir: Weir, clean: None) -> None:
    names = {f"page-{number}" for number in range(7)}
    for name in names:
        weir.rule(name, "quay.io")
    pages = list(weir.client("ecr").get_paginator("describe_pull_through_cache_rules").paginate(
        PaginationConfig={"PageSize": 3}))
    assert [len(page["pullThroughCacheRules"]) for page in pages] == [3, 3, 1]
    assert {rule["ecrRepositoryPrefix"] for page in pages for rule in page["pullThroughCacheRules"]} == names
