"""ECR's own way to push, by boto3: layers in parts, the manifest, and the link to a layer. Also repositories made by a push."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest
import requests

from harness.engines import Skopeo
from harness.expect import assert_error, refused
from harness.images import MANIFEST, MIB, Image, random_layer, single
from harness.weir import Weir


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.fixture
def repository(weir: Weir, prefix: str) -> str:
    weir.repository(f"{prefix}/app")
    return f"{prefix}/app"


@pytest.fixture
def ecr(weir: Weir) -> Any:
    return weir.client("ecr")


def upload(ecr: Any, repository: str, content: bytes) -> str:
    """Uploads a layer, in parts of the size that the server tells."""
    begun = ecr.initiate_layer_upload(repositoryName=repository)
    size = begun["partSize"]
    assert size == 10 * MIB
    for first in range(0, len(content), size):
        part = content[first:first + size]
        answer = ecr.upload_layer_part(
            repositoryName=repository, uploadId=begun["uploadId"], partFirstByte=first,
            partLastByte=first + len(part) - 1, layerPartBlob=part)
        assert answer["lastByteReceived"] == first + len(part) - 1
    done = ecr.complete_layer_upload(
        repositoryName=repository, uploadId=begun["uploadId"], layerDigests=[sha256(content)])
    assert done["layerDigest"] == sha256(content)
    return done["layerDigest"]


def test_an_image_by_ecrs_own_api(weir: Weir, ecr: Any, repository: str) -> None:
    image = single([random_layer("layers", 11 * MIB), random_layer("small", 1000)], note=repository)
    digests = [blob.digest for blob in image.blobs]
    check = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=[*digests, "sha256:zz"])
    assert {one["layerAvailability"] for one in check["layers"]} == {"UNAVAILABLE"}
    assert [one["failureCode"] for one in check["failures"]] == ["InvalidLayerDigest"]
    for blob in image.blobs:
        upload(ecr, repository, blob.content)
    check = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=digests)
    assert {one["layerDigest"]: (one["layerAvailability"], one["layerSize"]) for one in check["layers"]} == {
        blob.digest: ("AVAILABLE", len(blob.content)) for blob in image.blobs}
    words = {"repositoryName": repository, "imageManifest": image.top.content.decode(), "imageTag": "1"}
    put = ecr.put_image(**words, imageDigest=image.digest)["image"]
    assert (put["imageId"], put["imageManifestMediaType"]) == ({"imageDigest": image.digest, "imageTag": "1"}, MANIFEST)
    with refused("ImageAlreadyExistsException", f"Image with digest '{image.digest}' and tag '1' already exists"):
        ecr.put_image(**words)
    ecr.put_image(**words | {"imageTag": "2"})
    client = weir.distribution()
    assert client.pull(repository, "2") == client.pull(repository, "1")


def flipped(text: str, at: int) -> str:
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1:]


def test_a_link_to_a_layer(weir: Weir, ecr: Any, repository: str) -> None:
    image = single([random_layer("linked", MIB)], note=repository)
    weir.distribution().push(repository, "1", image)
    layer = image.layers[0]
    link = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=layer.digest)["downloadUrl"]
    assert requests.get(link, timeout=60).content == layer.content
    part = requests.get(link, timeout=60, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, layer.content[10:20])
    other = link.replace(layer.digest, image.blobs[0].digest)
    sealed = link.index("weir-signature=") + len("weir-signature=")
    for forged in (other, link.partition("?")[0], link[:-1], *(flipped(link, at) for at in range(sealed, len(link) - 1, 20))):
        assert requests.get(forged, timeout=60).status_code == 401, forged
    assert requests.delete(link, timeout=60).status_code == 401
    loose = upload(ecr, repository, b"no image names it")
    with refused("LayerInaccessibleException"):
        ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=loose)
    with refused("LayersNotFoundException"):
        ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=sha256(b"never"))


def test_what_the_layer_api_refuses(ecr: Any, repository: str) -> None:
    words = {"repositoryName": repository, "uploadId": ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]}
    with refused("EmptyUploadException"):
        ecr.complete_layer_upload(**words, layerDigests=[sha256(b"")])
    ecr.upload_layer_part(**words, partFirstByte=0, partLastByte=9, layerPartBlob=b"0123456789")
    for first, last, part in ((0, 9, b"0123456789"), (11, 11, b"x"), (10, 20, b"x")):
        with pytest.raises(ecr.exceptions.InvalidLayerPartException) as caught:
            ecr.upload_layer_part(**words, partFirstByte=first, partLastByte=last, layerPartBlob=part)
        told = caught.value.response
        assert (told["repositoryName"], told["uploadId"]) == (repository, words["uploadId"])
    ecr.upload_layer_part(**words, partFirstByte=10, partLastByte=10, layerPartBlob=b"x")
    with refused("LayerPartTooSmallException"):
        ecr.complete_layer_upload(**words, layerDigests=[sha256(b"0123456789x")])
    digest = upload(ecr, repository, b"known")
    with refused("LayerAlreadyExistsException"):
        upload(ecr, repository, b"known")
    words["uploadId"] = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    ecr.upload_layer_part(**words, partFirstByte=0, partLastByte=0, layerPartBlob=b"x")
    with refused("InvalidLayerException"):
        ecr.complete_layer_upload(**words, layerDigests=[digest])
    with refused("UploadNotFoundException"):
        ecr.complete_layer_upload(**words, layerDigests=[digest])
    with refused("RepositoryNotFoundException"):
        ecr.initiate_layer_upload(repositoryName="not/there")


def test_what_put_image_refuses(weir: Weir, ecr: Any, repository: str) -> None:
    image = single([random_layer("refused", 1000)], note=repository)
    words = {"repositoryName": repository, "imageManifest": image.top.content.decode()}
    with refused("LayersNotFoundException"):
        ecr.put_image(**words)
    weir.distribution().push(repository, "1", image)
    with refused("ImageDigestDoesNotMatchException"):
        ecr.put_image(**words, imageDigest=sha256(b"other"))
    with refused("InvalidParameterException", "Invalid JSON syntax"):
        ecr.put_image(repositoryName=repository, imageManifest="{")
    with refused("InvalidParameterException", "image manifest mediatype not provided in manifest or parameter"):
        ecr.put_image(repositoryName=repository, imageManifest='{"schemaVersion": 2}')
    index = {"schemaVersion": 2, "manifests": [image.top.descriptor() | {"digest": sha256(b"absent")}]}
    with refused("ReferencedImagesNotFoundException", "Images with digests '[sha256:"):
        ecr.put_image(repositoryName=repository, imageManifest=json.dumps(index),
                      imageManifestMediaType="application/vnd.oci.image.index.v1+json")
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    with refused("ImageTagAlreadyExistsException", "immutable"):
        ecr.put_image(**words | {"imageManifest": words["imageManifest"] + " "}, imageTag="1")


# Create on push

def test_a_push_makes_its_repository(weir: Weir, ecr: Any, prefix: str, skopeo: Skopeo, sample: tuple[Image, str]) -> None:
    ecr.create_repository_creation_template(
        prefix=prefix, appliedFor=["CREATE_ON_PUSH"], imageTagMutability="IMMUTABLE",
        encryptionConfiguration={"encryptionType": "KMS"}, resourceTags=[{"Key": "team", "Value": "red"}],
        customRoleArn="arn:aws:iam::111122223333:role/ecr")
    name = f"{prefix}/team/app"
    # Clients first ask whether the repository is there: that makes none.
    assert_error(weir.distribution().manifest(name, "1"), 404, "NAME_UNKNOWN")
    skopeo.push(sample[1], f"{weir.host}/{name}:1", weir.password())
    assert skopeo.pull(f"{weir.host}/{name}:1", weir.password()) == sample[0].digest
    made = weir.describe(name)
    assert (made["imageTagMutability"], made["encryptionConfiguration"]["encryptionType"]) == ("IMMUTABLE", "KMS")
    assert ecr.list_tags_for_resource(resourceArn=weir.arn(name))["tags"] == [{"Key": "team", "Value": "red"}]
    ecr.initiate_layer_upload(repositoryName=f"{prefix}/by-api")
    assert weir.describe(f"{prefix}/by-api")["imageTagMutability"] == "IMMUTABLE"
    with refused("RepositoryNotFoundException"):
        ecr.initiate_layer_upload(repositoryName=f"not-{prefix}/app")


def test_a_template_that_cannot_be_applied_says_so(weir: Weir, ecr: Any, prefix: str) -> None:
    key = weir.client("kms").create_key()["KeyMetadata"]
    ecr.create_repository_creation_template(
        prefix=prefix, appliedFor=["CREATE_ON_PUSH"],
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key["Arn"]})
    weir.client("kms").disable_key(KeyId=key["KeyId"])
    answer = weir.distribution().request("POST", f"/v2/{prefix}/app/blobs/uploads/")
    assert_error(answer, 403, "DENIED", f"creation template '{prefix}'")
    weir.client("kms").enable_key(KeyId=key["KeyId"])
    assert weir.distribution().request("POST", f"/v2/{prefix}/app/blobs/uploads/").status_code == 202
