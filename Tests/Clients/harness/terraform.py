"""Terraform with the AWS provider, against a server."""

from __future__ import annotations

import glob
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from .processes import clean_environment, run
from .weir import Weir

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


def plugins() -> Path:
    """The provider's mirror. The test is skipped where there is none, or no Terraform."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    found = plugin_folder()
    if found is None:
        pytest.skip("no local copy of the AWS provider: set WEIR_TEST_TERRAFORM_PLUGINS to a folder with "
                    f"{PROVIDER}/VERSION/PLATFORM in it")
    return found


def terraform(weir: Weir, folder: Path, declared: Path) -> Terraform:
    """Terraform in a folder of its own, with everything that a file declares."""
    mirror = plugins()
    folder.mkdir()
    (folder / "provider.tf").write_text(provider(weir))
    shutil.copy(declared, folder)
    return Terraform(folder, mirror)


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
