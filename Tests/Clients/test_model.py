"""botocore's model of ECR, walked: every operation, member, length, pattern, enumeration, exception, paginator and waiter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from harness import model
from harness.expect import refused
from harness.images import MANIFEST, Blob, random_layer, single
from harness.signing import send, signed
from harness.weir import Weir

COMPATIBILITY = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
REFUSALS = {"InvalidParameterException", "ValidationException", "SerializationException"}

#: Violations with an exception of their own: AWS has one for tags.
OTHERWISE = {
    "InvalidTagParameterException": ("tags", "tagKeys"),
    "TooManyTagsException": ("tags",),
    "UnsupportedUpstreamRegistryException": ("upstreamRegistry",),
}


# Requests

@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_what_breaks_the_model_is_refused(weir: Weir, operation: str) -> None:
    wrong = []
    for breach in model.breaches(model.ECR.operation_model(operation)):
        answer = send(signed(weir, "ecr", operation, json.dumps(breach.body)))
        name = answer.json().get("__type", "") if answer.status_code != 200 else "200"
        fits = name in REFUSALS or breach.path.startswith(OTHERWISE.get(name, ("?",)))
        if answer.status_code != 400 or not fits or not answer.json().get("message"):
            wrong.append(f"{breach}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


def test_the_page_lists_all_58_operations_as_here() -> None:
    section = COMPATIBILITY.read_text().partition("### Amazon ECR")[2].partition("###")[0]
    (line,) = [line for line in section.splitlines() if line.startswith("Here: ")]
    assert sorted(line.split("`")[1::2]) == model.OPERATIONS
    assert "Missing: " not in section
    assert len(model.OPERATIONS) == 58


# Answers

class Story:
    """A registry in which every operation can succeed. Each answer is checked against the model."""

    def __init__(self, weir: Weir):
        self.weir = weir
        self.ecr = weir.client("ecr")
        self.called: set[str] = set()
        self.faults: list[str] = []
        self.ecr.meta.events.register("after-call.ecr", self.judge)

    def judge(self, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200:
            self.called.add(model.name)
            answer = json.loads(http_response.content)
            self.faults += [f"{model.name}: {fault}" for fault in faults(model.output_shape, answer)]

    def close(self) -> None:
        self.ecr.meta.events.unregister("after-call.ecr", self.judge)


faults = model.faults


@pytest.fixture
def story(weir: Weir) -> Iterator[Story]:
    story = Story(weir)
    yield story
    story.close()


def lifecycle(count: int = 5) -> str:
    return json.dumps({"rules": [{
        "rulePriority": 1, "description": "keep some", "action": {"type": "expire"},
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}}]})


POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Sid": "readers", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]})

#: A registry's policy names its repositories; a repository's does not.
REGISTRY_POLICY = POLICY.replace('"Action"', '"Resource": "arn:aws:ecr:us-east-2:111122223333:repository/*", "Action"')


def referrer(subject: Blob, kind: str, note: str, config: Blob) -> Blob:
    return Blob(json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config.descriptor(), "layers": [],
        "subject": subject.descriptor(), "annotations": {"note": note}}).encode(), MANIFEST)


def test_every_operation_answers_as_the_model_says(story: Story, weir: Weir) -> None:
    ecr = story.ecr
    registry_wide(ecr)
    repositories_and_rules(ecr, weir)
    images(ecr, weir)
    assert not story.faults, "\n".join(story.faults)
    assert sorted(story.called) == model.OPERATIONS


def registry_wide(ecr: Any) -> None:
    assert ecr.get_authorization_token()["authorizationData"][0]["proxyEndpoint"].startswith("http")
    assert ecr.describe_registry()["replicationConfiguration"] == {"rules": []}
    replication = {"rules": [{
        "destinations": [{"region": "eu-west-1", "registryId": "111122223333"}],
        "repositoryFilters": [{"filter": "story/app", "filterType": "PREFIX_MATCH"}]}]}
    assert ecr.put_replication_configuration(
        replicationConfiguration=replication)["replicationConfiguration"] == replication
    assert ecr.describe_registry()["replicationConfiguration"] == replication

    assert ecr.put_registry_policy(policyText=REGISTRY_POLICY)["policyText"] == REGISTRY_POLICY
    assert ecr.get_registry_policy()["policyText"] == REGISTRY_POLICY
    assert ecr.delete_registry_policy()["policyText"] == REGISTRY_POLICY

    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "story*", "filterType": "WILDCARD"}]}]
    put = ecr.put_registry_scanning_configuration(scanType="BASIC", rules=rules)
    assert put["registryScanningConfiguration"] == {"scanType": "BASIC", "rules": rules}
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"]["rules"] == rules

    signing = {"rules": [{
        "signingProfileArn": "arn:aws:signer:us-east-2:111122223333:/signing-profiles/story",
        "repositoryFilters": [{"filter": "story/*", "filterType": "WILDCARD_MATCH"}]}]}
    assert ecr.put_signing_configuration(signingConfiguration=signing)["signingConfiguration"] == signing
    assert ecr.get_signing_configuration()["signingConfiguration"] == signing

    for name, value in [("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"), ("REGISTRY_POLICY_SCOPE", "V2"), ("BLOB_MOUNTING", "DISABLED")]:
        assert ecr.get_account_setting(name=name)["value"] == value
        assert ecr.put_account_setting(name=name, value=value)["value"] == value

    scanner = "arn:aws:iam::111122223333:role/scanner"
    assert ecr.register_pull_time_update_exclusion(principalArn=scanner)["principalArn"] == scanner
    assert ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == [scanner]
    assert ecr.deregister_pull_time_update_exclusion(principalArn=scanner)["principalArn"] == scanner


def repositories_and_rules(ecr: Any, weir: Weir) -> None:
    ecr.create_repository(repositoryName="story/app", tags=[{"Key": "team", "Value": "a"}])
    assert ecr.describe_repositories(repositoryNames=["story/app"])["repositories"]
    arn = weir.arn("story/app")
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "stage", "Value": "test"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["stage"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "team", "Value": "a"}]
    filters = [{"filterType": "WILDCARD", "filter": "dev-*"}]
    ecr.put_image_tag_mutability(
        repositoryName="story/app", imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=filters)
    ecr.put_image_scanning_configuration(
        repositoryName="story/app", imageScanningConfiguration={"scanOnPush": False})
    told = ecr.batch_get_repository_scanning_configuration(repositoryNames=["story/app", "no/such"])
    assert told["scanningConfigurations"][0]["scanFrequency"] == "SCAN_ON_PUSH"
    assert told["failures"][0]["failureCode"] == "REPOSITORY_NOT_FOUND"
    for name in ("set", "get", "delete"):
        more = {"policyText": POLICY} if name == "set" else {}
        getattr(ecr, f"{name}_repository_policy")(repositoryName="story/app", **more)
    for name in ("put", "get", "delete", "put"):
        more = {"lifecyclePolicyText": lifecycle()} if name == "put" else {}
        getattr(ecr, f"{name}_lifecycle_policy")(repositoryName="story/app", **more)

    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="story-cache", upstreamRegistryUrl="public.ecr.aws")
    ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["story-cache"])
    arn = weir.secret("story", token="not-a-token")
    ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="story-cache", credentialArn=arn)
    ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="story-cache")
    ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="story-cache")

    ecr.create_repository_creation_template(
        prefix="story", appliedFor=["REPLICATION"], resourceTags=[{"Key": "a", "Value": "b"}], description="d",
        repositoryPolicy=POLICY, lifecyclePolicy=lifecycle())
    ecr.describe_repository_creation_templates(prefixes=["story"])
    ecr.update_repository_creation_template(prefix="story", description="other")
    ecr.delete_repository_creation_template(prefix="story")


def images(ecr: Any, weir: Weir) -> None:
    name = {"repositoryName": "story/app"}
    image = single([random_layer("story", 6 << 20)], "story")
    for blob in image.blobs:
        upload_by_layers(ecr, name, blob)
    layers = ecr.batch_check_layer_availability(**name, layerDigests=[image.blobs[0].digest, "sha256:" + "0" * 64])
    assert [one["layerAvailability"] for one in layers["layers"]] == ["AVAILABLE", "UNAVAILABLE"]
    put = ecr.put_image(**name, imageManifest=image.top.content.decode(), imageTag="1")
    assert put["image"]["imageId"] == {"imageDigest": image.digest, "imageTag": "1"}
    assert ecr.get_download_url_for_layer(**name, layerDigest=image.blobs[1].digest)["downloadUrl"].startswith("http")
    signature = referrer(image.top, "application/vnd.story.sig", "x", image.blobs[0])
    ecr.put_image(**name, imageManifest=signature.content.decode())

    assert len(ecr.list_images(**name)["imageIds"]) == 2
    assert len(ecr.describe_images(**name)["imageDetails"]) == 2
    assert ecr.batch_get_image(**name, imageIds=[{"imageTag": "1"}, {"imageTag": "2"}])["failures"]
    (found,) = ecr.list_image_referrers(**name, subjectId={"imageDigest": image.digest})["referrers"]
    assert found["digest"] == signature.digest and found["annotations"] == {"note": "x"}
    assert found["size"] == len(signature.content) and found["artifactStatus"] == "ACTIVE"

    one = {**name, "imageId": {"imageTag": "1"}}
    assert ecr.start_image_scan(**one)["imageScanStatus"]["status"] == "FAILED"
    assert "not scanned" in ecr.describe_image_scan_findings(**one)["imageScanStatus"]["description"]
    (status,) = ecr.describe_image_signing_status(**one)["signingStatuses"]
    assert status["status"] == "FAILED" and "no signer" in status["failureReason"]
    assert ecr.delete_signing_configuration()["signingConfiguration"]["rules"]
    (copy,) = ecr.describe_image_replication_status(**one)["replicationStatuses"]
    assert (copy["region"], copy["registryId"]) == ("eu-west-1", weir.account)

    ecr.start_lifecycle_policy_preview(**name)
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(**name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert ecr.get_lifecycle_policy_preview(**name)["status"] == "COMPLETE"
    with pytest.raises(WaiterError, match="FAILED"):
        ecr.get_waiter("image_scan_complete").wait(**one)

    assert ecr.update_image_storage_class(**one, targetStorageClass="ARCHIVE")["imageStatus"] == "ARCHIVED"
    archived = ecr.list_images(**name, filter={"imageStatus": "ARCHIVED"})["imageIds"]
    # Referrers of an archived image go with it.
    assert {one["imageDigest"] for one in archived} == {image.digest, signature.digest}
    assert ecr.describe_images(**name, filter={"imageStatus": "ANY"})["imageDetails"]
    ids = [{"imageDigest": signature.digest}, {"imageTag": "1"}, {"imageTag": "2"}]
    assert len(ecr.batch_delete_image(**name, imageIds=ids)["imageIds"]) == 2
    ecr.delete_repository(**name, force=True)


def upload_by_layers(ecr: Any, name: dict[str, str], blob: Blob) -> None:
    begun = ecr.initiate_layer_upload(**name)
    upload, size, at = {**name, "uploadId": begun["uploadId"]}, begun["partSize"], 0
    while at < len(blob.content):
        part = blob.content[at:at + size]
        answer = ecr.upload_layer_part(
            **upload, partFirstByte=at, partLastByte=at + len(part) - 1, layerPartBlob=part)
        at += len(part)
        assert answer["lastByteReceived"] == at - 1
    assert ecr.complete_layer_upload(**upload, layerDigests=[blob.digest])["layerDigest"] == blob.digest


# Paginators and tokens

def all_of(ecr: Any, operation: str, member: str, size: int = 2, **members: Any) -> list[Any]:
    pages = list(ecr.get_paginator(operation).paginate(**members, PaginationConfig={"PageSize": size}))
    assert all(len(page[member]) <= size for page in pages)
    return [item for page in pages for item in page[member]]


def test_paginators_show_everything_once(weir: Weir) -> None:
    ecr = weir.client("ecr")
    for number in range(5):
        weir.repository(f"pages/r{number}")
        ecr.create_repository_creation_template(prefix=f"pages/t{number}", appliedFor=["CREATE_ON_PUSH"])
        weir.rule(f"pages-{number}", "public.ecr.aws")
    client = weir.distribution()
    for number in range(5):
        client.push("pages/r0", f"v{number}", single([random_layer(f"pages-{number}", 100)]))
    names = [one["repositoryName"] for one in all_of(ecr, "describe_repositories", "repositories")]
    assert names == sorted(set(names)) and {f"pages/r{number}" for number in range(5)} <= set(names)
    rules = [one["ecrRepositoryPrefix"] for one in all_of(ecr, "describe_pull_through_cache_rules", "pullThroughCacheRules")]
    assert len(rules) == len(set(rules)) >= 5
    templates = all_of(ecr, "describe_repository_creation_templates", "repositoryCreationTemplates")
    assert len({one["prefix"] for one in templates}) == len(templates) >= 5
    ids = all_of(ecr, "list_images", "imageIds", repositoryName="pages/r0")
    assert sorted(one["imageTag"] for one in ids) == [f"v{number}" for number in range(5)]
    details = all_of(ecr, "describe_images", "imageDetails", repositoryName="pages/r0")
    assert len({one["imageDigest"] for one in details}) == len(details) == 5
    ecr.start_lifecycle_policy_preview(repositoryName="pages/r0", lifecyclePolicyText=lifecycle(1))
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(
        repositoryName="pages/r0", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert len(all_of(ecr, "get_lifecycle_policy_preview", "previewResults", repositoryName="pages/r0")) == 4


def by_token(call: Callable[..., dict[str, Any]], member: str, **members: Any) -> list[Any]:
    """For lists that botocore has no paginator for."""
    found, token = [], None
    while True:
        page = call(**members, **({"nextToken": token} if token else {}))
        found += page[member]
        if not (token := page.get("nextToken")):
            return found


def test_lists_without_a_paginator_have_tokens(weir: Weir) -> None:
    ecr = weir.client("ecr")
    arns = [f"arn:aws:iam::{weir.account}:user/pages/u{number}" for number in range(5)]
    for arn in arns:
        ecr.register_pull_time_update_exclusion(principalArn=arn)
    assert by_token(ecr.list_pull_time_update_exclusions, "pullTimeUpdateExclusions", maxResults=2) == arns
    weir.repository("pages/subject")
    client = weir.distribution()
    subject = single([random_layer("pages-subject", 100)])
    client.push("pages/subject", "1", subject)
    kinds = {}
    for number in range(7):
        manifest = referrer(subject.top, f"application/x-{number % 2}", str(number), subject.blobs[0])
        client.push_manifest("pages/subject", manifest.digest, manifest)
        kinds[manifest.digest] = f"application/x-{number % 2}"
    query = {"repositoryName": "pages/subject", "subjectId": {"imageDigest": subject.digest}, "maxResults": 3}
    assert [one["digest"] for one in by_token(ecr.list_image_referrers, "referrers", **query)] == sorted(kinds)
    some = by_token(ecr.list_image_referrers, "referrers", **query, filter={"artifactTypes": ["application/x-1"]})
    assert [one["digest"] for one in some] == sorted(one for one, kind in kinds.items() if kind.endswith("1"))


def test_a_token_is_good_for_its_own_list_alone(weir: Weir) -> None:
    ecr = weir.client("ecr")
    client = weir.distribution()
    for name in ("tokens/a", "tokens/b"):
        weir.repository(name)
        for number in range(3):
            client.push(name, f"v{number}", single([random_layer(f"tokens-{number}", 100)]))
    for call in (ecr.list_images, ecr.describe_images):
        token = call(repositoryName="tokens/a", maxResults=1)["nextToken"]
        assert call(repositoryName="tokens/a", maxResults=2, nextToken=token)
        for other in ({"repositoryName": "tokens/b"}, {"repositoryName": "tokens/a", "filter": {"tagStatus": "TAGGED"}}):
            with refused("InvalidParameterException", "next token"):
                call(**other, nextToken=token)
