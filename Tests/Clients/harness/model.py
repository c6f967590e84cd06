"""botocore's model of a service as a judge: how a request can violate it, and whether an answer conforms to it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape

ECR = botocore.session.get_session().get_service_model("ecr")
OPERATIONS = sorted(ECR.operation_names)

#: Values that match the model's patterns, by the shape's name.
SAMPLES = {
    "Arn": "arn:aws:ecr:us-east-2:111122223333:repository/model/app",
    "CredentialArn": "arn:aws:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/model-Ab12Cd",
    "PrincipalArn": "arn:aws:iam::111122223333:role/model",
    "SigningProfileArn": "arn:aws:signer:us-east-2:111122223333:/signing-profiles/model",
    "CustomRoleArn": "arn:aws:iam::111122223333:role/model",
    "RepositoryName": "model/app", "RegistryId": "111122223333", "Region": "eu-west-1", "Prefix": "model",
    "PullThroughCacheRuleRepositoryPrefix": "model", "UploadId": "00000000-0000-4000-8000-000000000000",
    "LayerDigest": "sha256:" + "a" * 64, "BatchedOperationLayerDigest": "sha256:" + "a" * 64,
    "ImageDigest": "sha256:" + "a" * 64, "Url": "public.ecr.aws", "AccountSettingName": "BLOB_MOUNTING",
    "AccountSettingValue": "ENABLED", "LayerPartBlob": "eA==", "NextToken": "",
    "LifecyclePolicyText": '{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan",'
                           '"countNumber":5},"action":{"type":"expire"}}]}',
    "RegistryPolicyText": '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"}]}',
    "RepositoryPolicyText": '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}',
    "KmsKeyForRepositoryCreationTemplate": "arn:aws:kms:us-east-2:111122223333:key/model",
    "LifecyclePolicyTextForRepositoryCreationTemplate": "",
}

#: Values that match no pattern of the model.
STRANGE = ("!", "Bad Name!", "ä" * 40, "!" * 60, "../x")

#: Longer values show nothing new and take long to send.
LONGEST = 5 << 20


def sample(shape: Shape) -> Any:
    """A small value that conforms to the model: with every required member and no other."""
    if shape.name in SAMPLES:
        return SAMPLES[shape.name]
    if enum := shape.metadata.get("enum"):
        return enum[0]
    match shape.type_name:
        case "structure":
            return {name: sample(shape.members[name]) for name in shape.required_members}
        case "list":
            return [sample(shape.member)] * max(1, shape.metadata.get("min", 0))
        case "map":
            return {}
        case "integer" | "long":
            return max(1, shape.metadata.get("min", 0))
        case "boolean":
            return True
        case _:
            return "a" * max(1, shape.metadata.get("min", 0))


@dataclass(frozen=True)
class Breach:
    """One violation of the model, and a request with it."""

    operation: str
    path: str
    kind: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.operation} {self.path} {self.kind}"


def breaches(operation: OperationModel) -> Iterator[Breach]:
    """Leaves out every required member, and violates every bound, pattern, enumeration and type, one at a time."""
    shape = operation.input_shape
    whole = sample(shape)
    for path, kind, body in _of_structure(shape, whole):
        yield Breach(operation.name, path, kind, body)


def _of_structure(shape: Shape, whole: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, member in shape.members.items():
        if name in shape.required_members:
            yield name, "missing", {key: value for key, value in whole.items() if key != name}
            yield name, "null", {**whole, name: None}
        for path, kind, value in _of_value(member):
            yield f"{name}{path}", kind, {**copy.deepcopy(whole), name: value}


def _of_value(shape: Shape) -> Iterator[tuple[str, str, Any]]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "structure":
            yield "", "type", "text"
            for path, kind, value in _of_structure(shape, sample(shape)):
                yield f".{path}", kind, value
        case "list":
            yield "", "type", "text"
            if low:
                yield "", "too few", [sample(shape.member)] * (low - 1)
            if high is not None:
                yield "", "too many", [sample(shape.member)] * (high + 1)
            for path, kind, value in _of_value(shape.member):
                yield f"[0]{path}", kind, [value]
        case "map":
            yield "", "type", "text"
        case "integer" | "long":
            yield "", "type", "many"
            if low is not None:
                yield "", "too small", low - 1
            if high is not None:
                yield "", "too large", high + 1
        case "boolean":
            yield "", "type", "yes"
        case "blob":
            yield "", "type", 7
        case "string":
            yield "", "type", ["a"]
            yield from _of_string(shape, low, high)


def _of_string(shape: Shape, low: int | None, high: int | None) -> Iterator[tuple[str, str, Any]]:
    if enum := shape.metadata.get("enum"):
        yield "", "enum", "NOT_" + enum[0]
        return
    if low:
        yield "", "too short", "a" * (low - 1)
    if high is not None and high < LONGEST:
        yield "", "too long", "a" * (high + 1)
    if pattern := shape.metadata.get("pattern"):
        fits = re.compile(pattern.removeprefix("^").removesuffix("$"))
        strange = [text for text in STRANGE if not fits.fullmatch(text)
                   and (low or 0) <= len(text) <= (high if high is not None else LONGEST)]
        assert strange, f"nothing breaks {shape.name}"
        yield "", "pattern", strange[0]


def faults(shape: Shape | None, answer: Any, path: str = "answer") -> Iterator[str]:
    """The parts of an answer, as it came over the wire, that do not conform to the model."""
    match shape.type_name if shape else None:
        case None:
            return
        case "structure":
            if not isinstance(answer, dict):
                yield f"{path}: no object"
                return
            for name in sorted(answer.keys() - shape.members.keys()):
                yield f"{path}.{name}: unknown member"
            for name in shape.required_members:
                if name not in answer:
                    yield f"{path}.{name}: missing"
            for name, member in shape.members.items():
                if name in answer:
                    yield from faults(member, answer[name], f"{path}.{name}")
        case "list":
            if not isinstance(answer, list):
                yield f"{path}: no list"
                return
            for number, value in enumerate(answer):
                yield from faults(shape.member, value, f"{path}[{number}]")
        case "map":
            for key, value in answer.items():
                yield from faults(shape.value, value, f"{path}.{key}")
        case "integer" | "long":
            if type(answer) is not int:
                yield f"{path}: {answer!r} is no integer"
            elif not _within(answer, shape):
                yield f"{path}: {answer} is out of bounds"
        case "boolean":
            if type(answer) is not bool:
                yield f"{path}: {answer!r} is no boolean"
        case "timestamp" | "double" | "float":
            if type(answer) not in (int, float):
                yield f"{path}: {answer!r} is no number"
        case "string":
            yield from _string_faults(shape, answer, path)


def _string_faults(shape: Shape, answer: Any, path: str) -> Iterator[str]:
    if not isinstance(answer, str):
        yield f"{path}: {answer!r} is no string"
        return
    if (enum := shape.metadata.get("enum")) and answer not in enum:
        yield f"{path}: {answer!r} is none of {enum}"
    if not _within(len(answer), shape):
        yield f"{path}: a text of {len(answer)} characters"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), answer):
        yield f"{path}: {answer!r} does not fit {pattern}"


def _within(number: int, shape: Shape) -> bool:
    return shape.metadata.get("min", number) <= number <= shape.metadata.get("max", number)
