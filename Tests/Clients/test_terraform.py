"""Terraform: declared resources are created, planned again without a change, changed in place, imported by another state, and removed."""

from __future__ import annotations

import glob
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.expect import refused
from harness.images import random_layer, single
from harness.processes import clean_environment, run
from harness.weir import Weir

#: A mirror has a folder for each registry of providers; any that holds this provider will do.
PROVIDER = "*/hashicorp/aws"


def plugin_folder() -> Path | None:
    """A folder that mirrors the provider: the one that WEIR_TEST_TERRAFORM_PLUGINS names, or one of the usual places."""
    if named := os.environ.get("WEIR_TEST_TERRAFORM_PLUGINS"):
        return Path(named)
    usual = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"),
             Path("/usr/share/terraform/plugins"), *map(Path, sorted(glob.glob("/opt/*")))]
    return next((folder for folder in usual if any(folder.glob(PROVIDER))), None)


class Terraform:
    def __init__(self, folder: Path, plugins: Path):
        self.folder = folder
        self.environment = clean_environment(
            folder / "home", TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1", AWS_EC2_METADATA_DISABLED="true")
        self._call("init", f"-plugin-dir={plugins}", "-input=false")

    def apply(self) -> None:
        self._call("apply", "-auto-approve", "-input=false")

    def assert_nothing_to_change(self) -> None:
        result = run(["terraform", "plan", "-no-color", "-input=false", "-detailed-exitcode"], self.environment,
                     check=False, seconds=900, folder=self.folder)
        assert result.returncode == 0, result.stdout + result.stderr

    def outputs(self) -> dict[str, object]:
        told = json.loads(self._call("output", "-json"))
        return {name: value["value"] for name, value in told.items()}

    def plan(self) -> dict[str, dict[str, Any]]:
        """The next apply's actions, by resource; a resource that is only imported has the action `import`."""
        told = [json.loads(line) for line in self._call("plan", "-json", "-input=false", "-out=planned").splitlines()]
        changes = [one["change"] for one in told if one["type"] == "planned_change"]
        return {change["resource"]["addr"]: change for change in changes if change["action"] != "read"}

    def apply_planned(self) -> None:
        self._call("apply", "-input=false", "planned")

    def state(self) -> dict[str, dict[str, Any]]:
        """The attributes of each resource, by its address."""
        resources = json.loads((self.folder / "terraform.tfstate").read_text())["resources"]
        return {f"{one['type']}.{one['name']}": one["instances"][0]["attributes"]
                for one in resources if one["mode"] == "managed"}

    def destroy(self) -> None:
        self._call("destroy", "-auto-approve", "-input=false")

    def _call(self, *words: str) -> str:
        result = run(["terraform", words[0], "-no-color", *words[1:]],
                     self.environment, seconds=900, folder=self.folder)
        return result.stdout


@pytest.fixture
def plugins() -> Path:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    found = plugin_folder()
    if found is None:
        pytest.skip("no local copy of the AWS provider: set WEIR_TEST_TERRAFORM_PLUGINS to a folder with "
                    f"{PROVIDER}/VERSION/PLATFORM in it")
    return found


def terraform(weir: Weir, folder: Path, plugins: Path) -> Terraform:
    """Terraform in a folder of its own, with everything declared."""
    folder.mkdir()
    (folder / "provider.tf").write_text(provider(weir))
    shutil.copy(Path(__file__).with_name("registry.tf"), folder)
    return Terraform(folder, plugins)


def provider(weir: Weir) -> str:
    keys = weir.credentials
    endpoints = "\n".join(f'    {service} = "{weir.url}"' for service in ("ecr", "kms", "secretsmanager", "sts", "iam"))
    return f"""
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  access_key                  = "{keys['aws_access_key_id']}"
  secret_key                  = "{keys['aws_secret_access_key']}"
  region                      = "{weir.region}"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = 1
  endpoints {{
{endpoints}
  }}
}}
"""


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


def test_apply_plan_change_import_destroy(weir: Weir, tmp_path: Path, plugins: Path) -> None:
    ecr = weir.client("ecr")
    weir.repository("terraform-pushed")
    image = single([random_layer("terraform", 1024)], note="terraform")
    weir.distribution().push("terraform-pushed", "v1", image)
    first = terraform(weir, tmp_path / "first", plugins)
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
    second = imported(weir, tmp_path / "second", plugins, first)
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


def imported(weir: Weir, folder: Path, plugins: Path, first: Terraform) -> Terraform:
    """Another state that has imported the first one's resources, and found them as declared."""
    second = terraform(weir, folder, plugins)
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
