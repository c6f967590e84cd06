"""Terraform: declared resources are created, planned again without a change, changed in place, imported by another state, and removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from harness.expect import refused
from harness.images import random_layer, single
from harness.terraform import Terraform, terraform
from harness.weir import Weir

DECLARED = Path(__file__).with_name("registry.tf")

#: Attributes that are changed in place, and their new values.
CHANGES = [
    ('image_tag_mutability = "IMMUTABLE"', 'image_tag_mutability = "MUTABLE"'), ("few untagged", "fewer untagged"),
    ("the templates description", "another description"), ('"terraform/*"', '"terraform/a*"'),
    ('"terraform/copied"', '"terraform/copied-too"'), ('sid       = "caches"', 'sid       = "otherCaches"'),
    ("scan_on_push = true", "scan_on_push = false"), ('sid     = "others"', 'sid     = "allOthers"'),
    ('["PULL_THROUGH_CACHE"]', '["PULL_THROUGH_CACHE", "REPLICATION"]'),
]

#: The attribute by which each resource is imported. What cannot be read back is written once more after an import.
IMPORTED_BY = {
    "aws_ecr_account_setting": "name", "aws_ecr_pull_through_cache_rule": "ecr_repository_prefix",
    "aws_ecr_repository_creation_template": "prefix",
}
REWRITTEN = {"aws_kms_key", "aws_secretsmanager_secret", "aws_ecr_repository.plain"}


def test_apply_plan_change_import_destroy(weir: Weir, tmp_path: Path) -> None:
    ecr = weir.client("ecr")
    weir.repository("terraform-pushed")
    image = single([random_layer("terraform", 1024)], note="terraform")
    weir.distribution().push("terraform-pushed", "v1", image)
    first = terraform(weir, tmp_path / "first", DECLARED)
    first.apply()
    first.assert_nothing_to_change()
    outputs = first.outputs()
    assert outputs["account"] == weir.account
    made = weir.describe("terraform/app")
    assert made["repositoryUri"] == outputs["uri"]
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": outputs["key"]}
    assert_looked_up(weir, outputs, image.digest)
    # A pull through what Terraform declared.
    weir.distribution().pull("declared/nginx/nginx", "latest")
    assert weir.describe("declared/nginx/nginx")["encryptionConfiguration"]["kmsKey"] == outputs["key"]
    change_in_place(first)
    assert weir.describe("terraform/app")["imageTagMutability"] == "MUTABLE"
    assert ecr.describe_registry()["replicationConfiguration"]["rules"][0]["repositoryFilters"] == [
        {"filter": "terraform/copied-too", "filterType": "PREFIX_MATCH"}]
    second = imported(weir, tmp_path / "second", first)
    second.assert_nothing_to_change()
    second.destroy()
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    assert ecr.describe_repository_creation_templates()["repositoryCreationTemplates"] == []
    assert ecr.describe_registry()["replicationConfiguration"] == {"rules": []}
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    with refused("RegistryPolicyNotFoundException"):
        ecr.get_registry_policy()
    left = [one["repositoryName"] for one in ecr.describe_repositories()["repositories"]]
    assert left == ["declared/nginx/nginx", "terraform-pushed"]


def assert_looked_up(weir: Weir, outputs: dict[str, Any], image: str) -> None:
    found = outputs["looked_up"]
    assert found["key"] == outputs["key"]
    assert json.loads(found["secret"]) == {"username": "robot", "accessToken": "token"}
    assert found["names"] == ["terraform-pushed", "terraform/app", "terraform/plain"]
    assert (found["encryption"], found["user"]) == ("KMS", "AWS")
    assert found["credential"].startswith(f"arn:aws:secretsmanager:{weir.region}:{weir.account}:secret:ecr-pullthroughcache/")
    assert (found["template"], found["applied"]) == ("the templates description", ["PULL_THROUGH_CACHE"])
    assert found["image"] == image
    assert found["image_uri"].endswith(f"/terraform-pushed@{image}")
    assert found["image_size"] > 1024


def change_in_place(terraform: Terraform) -> None:
    path = terraform.folder / "registry.tf"
    text = path.read_text()
    for before, after in CHANGES:
        assert before in text, before
        text = text.replace(before, after)
    path.write_text(text)
    actions = {address: change["action"] for address, change in terraform.plan().items()}
    # The provider can change a lifecycle policy in no other way.
    assert actions.pop("aws_ecr_lifecycle_policy.app") == "replace"
    assert set(actions.values()) == {"update"} and len(actions) >= 7, actions
    terraform.apply_planned()
    terraform.assert_nothing_to_change()


def imported(weir: Weir, folder: Path, first: Terraform) -> Terraform:
    """Another state that has imported the first one's resources, and found them as declared."""
    second = terraform(weir, folder, DECLARED)
    shutil.copy(first.folder / "registry.tf", folder)
    blocks = []
    for address, values in first.state().items():
        found_by = values[IMPORTED_BY.get(address.partition(".")[0], "id")]
        blocks.append(f'import {{\n  to = {address}\n  id = "{found_by}"\n}}\n')
    (folder / "imports.tf").write_text("\n".join(blocks))
    changes = second.plan()
    assert len(changes) == len(blocks)
    for address, change in changes.items():
        assert "importing" in change, change
        may_write = bool(REWRITTEN & {address, address.partition(".")[0]})
        assert change["action"] == "import" or (may_write and change["action"] == "update"), change
    second.apply_planned()
    return second
