"""Terraform: what is declared is made, planned again without a change, and removed."""

from __future__ import annotations

import glob
import json
import os
import shutil
from pathlib import Path

import pytest

from harness.processes import clean_environment, run
from harness.weir import Weir

#: A mirror has a folder for each registry of providers; whichever holds this one will do.
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
                     check=False, seconds=240, folder=self.folder)
        assert result.returncode == 0, result.stdout + result.stderr

    def outputs(self) -> dict[str, object]:
        told = json.loads(self._call("output", "-json"))
        return {name: value["value"] for name, value in told.items()}

    def destroy(self) -> None:
        self._call("destroy", "-auto-approve", "-input=false")

    def _call(self, *words: str) -> str:
        result = run(["terraform", words[0], "-no-color", *words[1:]],
                     self.environment, seconds=240, folder=self.folder)
        return result.stdout


@pytest.fixture
def terraform(weir: Weir, tmp_path: Path) -> Terraform:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    plugins = plugin_folder()
    if plugins is None:
        pytest.skip("no local copy of the AWS provider: set WEIR_TEST_TERRAFORM_PLUGINS to a folder with "
                    f"{PROVIDER}/VERSION/PLATFORM in it")
    (tmp_path / "provider.tf").write_text(provider(weir))
    shutil.copy(Path(__file__).with_name("registry.tf"), tmp_path)
    return Terraform(tmp_path, plugins)


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
  skip_requesting_account_id  = true
  max_retries                 = 1
  endpoints {{
{endpoints}
  }}
}}
"""


def test_apply_plan_change_destroy(weir: Weir, terraform: Terraform) -> None:
    terraform.apply()
    terraform.assert_nothing_to_change()
    outputs = terraform.outputs()
    assert outputs["account"] == weir.account
    made = weir.describe("terraform/app")
    assert made["repositoryUri"] == outputs["uri"]
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": outputs["key"]}
    # A pull through what Terraform declared.
    weir.distribution().pull("declared/nginx/nginx", "latest")
    assert weir.describe("declared/nginx/nginx")["encryptionConfiguration"]["kmsKey"] == outputs["key"]
    # A change in place, and back.
    path = terraform.folder / "registry.tf"
    written = path.read_text()
    path.write_text(written.replace('"IMMUTABLE"', '"MUTABLE"').replace("few untagged", "fewer untagged").replace(
        "the templates description", "another description"))
    terraform.apply()
    terraform.assert_nothing_to_change()
    assert weir.describe("terraform/app")["imageTagMutability"] == "MUTABLE"
    terraform.destroy()
    ecr = weir.client("ecr")
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    assert ecr.describe_repository_creation_templates()["repositoryCreationTemplates"] == []
    assert [one["repositoryName"] for one in ecr.describe_repositories()["repositories"]] == ["declared/nginx/nginx"]
