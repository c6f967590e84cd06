"""Every exception that botocore's model lists for an ECR operation: provoked, or listed with the reason why it cannot occur."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from harness import model
from harness.expect import refused
from harness.images import MANIFEST, Image, random_layer, sha256, single, two_platforms
from harness.weir import Weir

Provoke = Callable[[Weir, Any], Any]
ABSENT = "sha256:" + "0" * 64
KEPT = "arn:aws:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/kept-Ab12Cd"
PRINCIPAL = "arn:aws:iam::111122223333:role/exceptions"

#: Exceptions that cannot be provoked, or not by a test of this size.
EXCUSED = {
    "ServerException": "a fault of the server; nothing is known that makes one",
    "ValidationException": "this server says InvalidParameterException, as ECR does for nearly everything",
    "InvalidParameterException": "test_model.py provokes it for every member",
    "BlockedByOrganizationPolicyException": "there are no organizations",
    "BatchGetImage LimitExceededException": "nothing of it is limited",
    "BatchGetImage UnableToGetUpstreamImageException": "an image that fails upstream fails by itself, with a code of its own",
    "CreateRepository LimitExceededException": "100,000 repositories",
    "CreatePullThroughCacheRule UnableToAccessSecretException": "secrets lie in this server, which may read them",
    "UpdatePullThroughCacheRule UnableToAccessSecretException": "the same",
    "CreatePullThroughCacheRule UnableToDecryptSecretValueException": "content is not read when a rule is made; a pull says it",
    "UpdatePullThroughCacheRule UnableToDecryptSecretValueException": "the same",
    "CreateRepositoryCreationTemplate LimitExceededException": "templates have no quota",
    "DeregisterPullTimeUpdateExclusion LimitExceededException": "less is never too much",
    "ListPullTimeUpdateExclusions LimitExceededException": "reading has no quota",
    "PutAccountSetting LimitExceededException": "there are three settings",
    "PutImage LimitExceededException": "1,000 tags of one image: the push tests have it",
    "StartImageScan LimitExceededException": "nothing is scanned, so that no quota is used up",
    "UploadLayerPart LimitExceededException": "4,200 parts: the layer tests have it",
    "DeleteRepository KmsException": "deleting needs no key",
    "UntagResource TooManyTagsException": "taking tags away never makes them too many",
    "StartLifecyclePolicyPreview LifecyclePolicyPreviewInProgressException": "a preview is done before a second call can come",
    "GetDownloadUrlForLayer UnableToGetUpstreamLayerException": "the URL is of this server, which asks upstream when it is read",
    "UpdateImageStorageClass ImageStorageClassUpdateNotSupportedException": "the lifecycle tests have it",
}


# What the tests below find

@pytest.fixture(scope="module")
def image() -> Image:
    return single([random_layer("exceptions", 1000)])


@pytest.fixture(scope="module")
def house(weir: Weir, image: Image) -> Weir:
    """A repository with an image and a list, a rule, a template, a disabled key."""
    ecr, kms = weir.client("ecr"), weir.client("kms")
    weir.repository("there/app", imageTagMutability="IMMUTABLE")
    client = weir.distribution()
    client.push("there/app", "1", image)
    client.push("there/app", "list", two_platforms("exceptions", 1000, runs=False))
    weir.rule("there", "public.ecr.aws")
    ecr.create_repository_creation_template(prefix="there", appliedFor=["CREATE_ON_PUSH"])
    ecr.register_pull_time_update_exclusion(principalArn=PRINCIPAL)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    weir.repository("locked/app", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    weir.locked_upload = ecr.initiate_layer_upload(repositoryName="locked/app")["uploadId"]
    ecr.upload_layer_part(
        repositoryName="locked/app", uploadId=weir.locked_upload, partFirstByte=0, partLastByte=0, layerPartBlob=b"x")
    kms.disable_key(KeyId=key)
    return weir


def missing_repository(weir: Weir, ecr: Any, operation: str) -> Any:
    """Any operation that names a repository, with a missing one."""
    shape = model.ECR.operation_model(operation).input_shape
    members = model.sample(shape) | {
        name: value for name, value in (
            ("repositoryName", "no/such"), ("resourceArn", weir.arn("no/such")), ("repositoryNames", ["no/such"]))
        if name in shape.members}
    return call(ecr, operation, **members)


def missing_image(weir: Weir, ecr: Any, operation: str) -> Any:
    members = model.sample(model.ECR.operation_model(operation).input_shape) | {"repositoryName": "there/app"}
    if operation == "DescribeImages":
        return call(ecr, operation, repositoryName="there/app", imageIds=[{"imageTag": "none"}])
    return call(ecr, operation, **members | {"imageId": {"imageTag": "none"}})


def call(ecr: Any, operation: str, **members: Any) -> Any:
    return getattr(ecr, boto3.session.botocore.xform_name(operation))(**members)


def there(operation: str, **members: Any) -> Provoke:
    """The operation on the existing repository."""
    return lambda weir, ecr: call(ecr, operation, repositoryName="there/app", **members)


def plain(operation: str, **members: Any) -> Provoke:
    return lambda weir, ecr: call(ecr, operation, **members)


def upload(weir: Weir, *parts: bytes) -> dict[str, str]:
    """An open upload with these parts in it."""
    ecr = weir.client("ecr")
    begun = {"repositoryName": "there/app", "uploadId": ecr.initiate_layer_upload(repositoryName="there/app")["uploadId"]}
    at = 0
    for part in parts:
        ecr.upload_layer_part(**begun, partFirstByte=at, partLastByte=at + len(part) - 1, layerPartBlob=part)
        at += len(part)
    return begun


def tags(count: int) -> list[dict[str, str]]:
    return [{"Key": f"k{number}", "Value": "v"} for number in range(count)]


def manifest(layers: list[dict[str, object]], config: dict[str, object]) -> str:
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})


def put_again(weir: Weir, ecr: Any) -> Any:
    image = single([random_layer("exceptions", 1000)])
    return ecr.put_image(repositoryName="there/app", imageManifest=image.top.content.decode(), imageTag="1")


def put_other(weir: Weir, ecr: Any, **members: Any) -> Any:
    image = single([random_layer("exceptions", 1000)], note="other")
    weir.distribution().push_blob("there/app", image.blobs[0].content, image.blobs[0].digest)
    return ecr.put_image(repositoryName="there/app", imageManifest=image.top.content.decode(), **members)


def fifty_one_rules(weir: Weir, ecr: Any) -> Any:
    region = "ap-south-1"
    for number in range(51):
        weir.client("ecr", region).create_pull_through_cache_rule(
            ecrRepositoryPrefix=f"many-{number}", upstreamRegistryUrl="public.ecr.aws")


def hundred_and_one_exclusions(weir: Weir, ecr: Any) -> Any:
    for number in range(101):
        weir.client("ecr", "ap-south-1").register_pull_time_update_exclusion(
            principalArn=f"arn:aws:iam::111122223333:user/u{number}")


def scan_of_an_archived_image(weir: Weir, ecr: Any) -> Any:
    old = single([random_layer("archived", 500)])
    weir.distribution().push("there/app", "old", old)
    one = {"repositoryName": "there/app", "imageId": {"imageTag": "old"}}
    ecr.update_image_storage_class(**one, targetStorageClass="ARCHIVE")
    return ecr.start_image_scan(**one)


def referrers_of_a_dead_upstream(weir: Weir, ecr: Any) -> Any:
    weir.rule("dead", "quay.io")
    return ecr.list_image_referrers(repositoryName="dead/app", subjectId={"imageDigest": ABSENT})


def layer_of_no_image(weir: Weir, ecr: Any) -> Any:
    lone = random_layer("lone", 100)
    weir.distribution().push_blob("there/app", lone.content, lone.digest)
    return ecr.get_download_url_for_layer(repositoryName="there/app", layerDigest=lone.digest)


def locked(operation: str, **members: Any) -> Provoke:
    """The operation on a repository whose key is disabled."""
    def provoke(weir: Weir, ecr: Any) -> Any:
        shape = model.ECR.operation_model(operation).input_shape
        more = {"uploadId": weir.locked_upload} if "uploadId" in shape.members else {}
        return call(ecr, operation, **model.sample(shape) | {"repositoryName": "locked/app"} | more | members)
    return provoke


EMPTY = {"mediaType": "application/x", "digest": "sha256:" + "1" * 64, "size": 3}

PROVOKED: dict[str, Provoke] = {
    "CompleteLayerUpload EmptyUploadException": lambda weir, ecr: ecr.complete_layer_upload(
        **upload(weir), layerDigests=[ABSENT]),
    "CompleteLayerUpload InvalidLayerException": lambda weir, ecr: ecr.complete_layer_upload(
        **upload(weir, b"content"), layerDigests=[ABSENT]),
    "CompleteLayerUpload LayerPartTooSmallException": lambda weir, ecr: ecr.complete_layer_upload(
        **upload(weir, b"small", b"and more"), layerDigests=[ABSENT]),
    "CompleteLayerUpload LayerAlreadyExistsException": lambda weir, ecr: ecr.complete_layer_upload(
        **upload(weir, random_layer("exceptions", 1000).content), layerDigests=[random_layer("exceptions", 1000).digest]),
    "CompleteLayerUpload UploadNotFoundException": there(
        "CompleteLayerUpload", uploadId=model.SAMPLES["UploadId"], layerDigests=[ABSENT]),
    "UploadLayerPart UploadNotFoundException": there(
        "UploadLayerPart", uploadId=model.SAMPLES["UploadId"], partFirstByte=0, partLastByte=0, layerPartBlob=b"x"),
    "UploadLayerPart InvalidLayerPartException": lambda weir, ecr: ecr.upload_layer_part(
        **upload(weir), partFirstByte=7, partLastByte=7, layerPartBlob=b"x"),
    "CompleteLayerUpload KmsException": locked("CompleteLayerUpload", layerDigests=[sha256(b"x")]),
    "UploadLayerPart KmsException": locked("UploadLayerPart", partFirstByte=1, partLastByte=1, layerPartBlob=b"y"),
    "InitiateLayerUpload KmsException": locked("InitiateLayerUpload"),
    "PutImage KmsException": locked("PutImage", imageManifest=manifest([], EMPTY)),
    "CreateRepository KmsException": plain(
        "CreateRepository", repositoryName="kms/none", encryptionConfiguration={
            "encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-2:111122223333:key/00000000-0000-4000-8000-000000000000"}),
    "PutImage ImageAlreadyExistsException": put_again,
    "PutImage ImageTagAlreadyExistsException": lambda weir, ecr: put_other(weir, ecr, imageTag="1"),
    "PutImage ImageDigestDoesNotMatchException": lambda weir, ecr: put_other(weir, ecr, imageDigest=ABSENT),
    "PutImage LayersNotFoundException": there("PutImage", imageManifest=manifest([EMPTY], EMPTY)),
    "PutImage ReferencedImagesNotFoundException": there("PutImage", imageManifest=json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [EMPTY | {"mediaType": MANIFEST}]})),
    "GetDownloadUrlForLayer LayersNotFoundException": there("GetDownloadUrlForLayer", layerDigest=ABSENT),
    "GetDownloadUrlForLayer LayerInaccessibleException": layer_of_no_image,
    "ListImageReferrers UnableToListUpstreamImageReferrersException": referrers_of_a_dead_upstream,
    "CreateRepository RepositoryAlreadyExistsException": there("CreateRepository"),
    "CreateRepository InvalidTagParameterException": plain(
        "CreateRepository", repositoryName="tags/app", tags=[{"Key": "aws:x", "Value": "v"}]),
    "CreateRepository TooManyTagsException": plain("CreateRepository", repositoryName="tags/app", tags=tags(51)),
    "TagResource InvalidTagParameterException": lambda weir, ecr: ecr.tag_resource(
        resourceArn=weir.arn("there/app"), tags=[{"Key": "aws:x", "Value": "v"}]),
    "TagResource TooManyTagsException": lambda weir, ecr: ecr.tag_resource(
        resourceArn=weir.arn("there/app"), tags=tags(51)),
    "UntagResource InvalidTagParameterException": lambda weir, ecr: ecr.untag_resource(
        resourceArn=weir.arn("there/app"), tagKeys=["aws:x"]),
    "DeleteRepository RepositoryNotEmptyException": there("DeleteRepository"),
    "GetRepositoryPolicy RepositoryPolicyNotFoundException": there("GetRepositoryPolicy"),
    "DeleteRepositoryPolicy RepositoryPolicyNotFoundException": there("DeleteRepositoryPolicy"),
    "GetLifecyclePolicy LifecyclePolicyNotFoundException": there("GetLifecyclePolicy"),
    "DeleteLifecyclePolicy LifecyclePolicyNotFoundException": there("DeleteLifecyclePolicy"),
    "StartLifecyclePolicyPreview LifecyclePolicyNotFoundException": there("StartLifecyclePolicyPreview"),
    "GetLifecyclePolicyPreview LifecyclePolicyPreviewNotFoundException": there("GetLifecyclePolicyPreview"),
    "GetRegistryPolicy RegistryPolicyNotFoundException": plain("GetRegistryPolicy"),
    "DeleteRegistryPolicy RegistryPolicyNotFoundException": plain("DeleteRegistryPolicy"),
    "GetSigningConfiguration SigningConfigurationNotFoundException": plain("GetSigningConfiguration"),
    "DeleteSigningConfiguration SigningConfigurationNotFoundException": plain("DeleteSigningConfiguration"),
    "RegisterPullTimeUpdateExclusion ExclusionAlreadyExistsException": plain(
        "RegisterPullTimeUpdateExclusion", principalArn=PRINCIPAL),
    "RegisterPullTimeUpdateExclusion LimitExceededException": hundred_and_one_exclusions,
    "DeregisterPullTimeUpdateExclusion ExclusionNotFoundException": plain(
        "DeregisterPullTimeUpdateExclusion", principalArn=PRINCIPAL + "-not"),
    "DescribeImageScanFindings ScanNotFoundException": there("DescribeImageScanFindings", imageId={"imageTag": "1"}),
    "StartImageScan UnsupportedImageTypeException": there("StartImageScan", imageId={"imageTag": "list"}),
    "StartImageScan ImageArchivedException": scan_of_an_archived_image,
    "CreatePullThroughCacheRule PullThroughCacheRuleAlreadyExistsException": plain(
        "CreatePullThroughCacheRule", ecrRepositoryPrefix="there", upstreamRegistryUrl="quay.io"),
    "CreatePullThroughCacheRule UnsupportedUpstreamRegistryException": plain(
        "CreatePullThroughCacheRule", ecrRepositoryPrefix="other", upstreamRegistryUrl="registry.example.com"),
    "CreatePullThroughCacheRule SecretNotFoundException": plain(
        "CreatePullThroughCacheRule", ecrRepositoryPrefix="other", upstreamRegistryUrl="quay.io", credentialArn=KEPT),
    "CreatePullThroughCacheRule LimitExceededException": fifty_one_rules,
    "UpdatePullThroughCacheRule SecretNotFoundException": plain(
        "UpdatePullThroughCacheRule", ecrRepositoryPrefix="there", credentialArn=KEPT),
    **{f"{name} PullThroughCacheRuleNotFoundException": plain(name, ecrRepositoryPrefix="none")
       for name in ("DeletePullThroughCacheRule", "ValidatePullThroughCacheRule")},
    "UpdatePullThroughCacheRule PullThroughCacheRuleNotFoundException": plain(
        "UpdatePullThroughCacheRule", ecrRepositoryPrefix="none", credentialArn=KEPT),
    "DescribePullThroughCacheRules PullThroughCacheRuleNotFoundException": plain(
        "DescribePullThroughCacheRules", ecrRepositoryPrefixes=["none"]),
    "CreateRepositoryCreationTemplate TemplateAlreadyExistsException": plain(
        "CreateRepositoryCreationTemplate", prefix="there", appliedFor=["REPLICATION"]),
    "DeleteRepositoryCreationTemplate TemplateNotFoundException": plain("DeleteRepositoryCreationTemplate", prefix="none"),
    "UpdateRepositoryCreationTemplate TemplateNotFoundException": plain("UpdateRepositoryCreationTemplate", prefix="none"),
}

LISTED = [f"{name} {shape.name}" for name in model.OPERATIONS for shape in model.ECR.operation_model(name).error_shapes]


def is_excused(listed: str) -> bool:
    return listed in EXCUSED or listed.partition(" ")[2] in EXCUSED


def is_general(listed: str) -> bool:
    return listed.partition(" ")[2] in ("RepositoryNotFoundException", "ImageNotFoundException")


#: Names of repositories that are missing fail by themselves.
EXCUSED["BatchGetRepositoryScanningConfiguration RepositoryNotFoundException"] = "a missing one fails by itself, with a code"


@pytest.mark.parametrize("listed", [one for one in LISTED if not is_excused(one)])
def test_an_exception_of_the_model(house: Weir, listed: str) -> None:
    operation, _, name = listed.partition(" ")
    ecr = house.client("ecr")
    with refused(name) as told:
        if listed in PROVOKED:
            PROVOKED[listed](house, ecr)
        elif name == "RepositoryNotFoundException":
            missing_repository(house, ecr, operation)
        else:
            missing_image(house, ecr, operation)
    assert told.status == 400 and told.message


def test_every_exception_is_provoked_or_excused() -> None:
    unknown = [one for one in LISTED if one not in PROVOKED and not is_excused(one) and not is_general(one)]
    assert not unknown
    stale = [one for one in (*PROVOKED, *EXCUSED) if " " in one and one not in LISTED]
    assert not stale
    assert not [one for one in PROVOKED if is_excused(one)]
