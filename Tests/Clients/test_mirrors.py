"""Unchanged names: clients that say `docker.io/library/alpine` or `quay.io/team/app` are served by Weir all the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engines import Containerd, Docker, missing
from harness.images import single, random_layer, two_platforms
from harness.standin import StandIn
from harness.vendors import Vendor
from harness.weir import Weir

QUAY = Vendor("mirrored-quay", "quay.io", scheme="open", tls=False)
HUB = Vendor("mirrored-hub", "registry-1.docker.io", service="hub", tls=False, repository="library/tiny")


@pytest.fixture(scope="module")
def standins() -> Iterator[dict[str, StandIn]]:
    made = {vendor.host: StandIn(vendor) for vendor in (QUAY, HUB)}
    yield made
    for standin in made.values():
        standin.stop()


def login(weir: Weir) -> str:
    return base64.b64encode(f"AWS:{weir.password()}".encode()).decode()


def test_containerd_with_one_default_mirror(
    make_weir: Callable[..., Weir], standins: dict[str, StandIn], containerd: Containerd, tmp_path: Path,
) -> None:
    """containerd's `_default/hosts.toml`: docker.io and quay.io names, unchanged, through the rule for each host."""
    weir = make_weir(upstreams={host: one.url for host, one in standins.items()})
    hub = standins[HUB.host]
    weir.rule("hub", HUB.host, credentialArn=weir.secret("hub", HUB.user, hub.password))
    weir.rule("quay", QUAY.host)
    folder = tmp_path / "certs.d"
    (folder / "_default").mkdir(parents=True)
    (folder / "_default/hosts.toml").write_text(
        f'[host."{weir.url}"]\n  capabilities = ["pull", "resolve"]\n  [host."{weir.url}".header]\n'
        f'    Authorization = "Basic {login(weir)}"\n')
    pulled = {}
    for reference, standin, name in (
        ("quay.io/team/app:1", standins[QUAY.host], "team/app"), ("docker.io/library/tiny:1", hub, "library/tiny"),
    ):
        held = standin.hold("1", two_platforms(reference, 3000, runs=False), name)
        containerd.call("images", "pull", "--hosts-dir", str(folder), "--all-platforms", "--snapshotter", "native", reference)
        line = next(line for line in containerd.call("images", "ls").splitlines() if line.startswith(reference + " "))
        assert held.digest in line
        pulled[reference] = held.digest
    client = weir.distribution()
    assert client.manifest("quay/team/app", "1").headers["Docker-Content-Digest"] == pulled["quay.io/team/app:1"]
    answer = client.request("GET", "/v2/library/tiny/manifests/1?ns=docker.io")
    assert answer.status_code == 200 and answer.headers["OCI-Namespace"] == "docker.io"
    blob = single([random_layer("other", 10)]).layers[0]
    assert client.request("GET", f"/v2/team/app/blobs/{blob.digest}?ns=quay.io").status_code == 404


def test_docker_with_a_registry_mirror(
    make_weir: Callable[..., Weir], standins: dict[str, StandIn], tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """docker's `registry-mirrors`, which stands for Docker Hub alone: a rule for it at ROOT."""
    if reason := missing("dockerd", "docker", "containerd", root=True):
        pytest.skip(reason)
    weir, hub = make_weir(upstreams={HUB.host: standins[HUB.host].url}), standins[HUB.host]
    weir.rule("ROOT", HUB.host, credentialArn=weir.secret("hub", HUB.user, hub.password))
    held = hub.hold("mirrored", single([random_layer("mirrored", 3000)], note="mirrored"))
    try:
        docker = Docker(tmp_path_factory.mktemp("mirror"), f"--registry-mirror={weir.url}")
    except (RuntimeError, TimeoutError) as problem:
        pytest.skip(f"dockerd does not run here: {str(problem)[-400:]}")
    try:
        configuration = docker.folder / "config"
        configuration.mkdir(exist_ok=True)
        # The mirror gets the login for Docker Hub.
        (configuration / "config.json").write_text(json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": login(weir)}}}))
        assert docker.pull("tiny:mirrored") == [held.digest]
    finally:
        docker.stop()
