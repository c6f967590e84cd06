"""docs/identity.md to the letter, from a newcomer's user to a denial's explanation, in one shell after the other as README.md says.

What it says of machines outside AWS is followed by test_credentials.py.
"""

from __future__ import annotations

import json
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.distribution import Distribution, errors
from harness.engines import Docker
from harness.images import Image, two_platforms
from harness.node import blocks
from harness.processes import CommandFailed, clean_environment, run
from harness.secrets_seen import WATCH
from harness.standin import StandIn
from harness.vendors import Vendor
from harness.weir import PROGRAM, REPOSITORY, Weir

PAGE = "docs/identity.md"
CI, CLUSTER = "A CI job that may push below one prefix", "A cluster that may pull"
COLLEAGUE, WHY = "A colleague who may look", "Why was it denied?"
HUB = Vendor("identity-hub", "registry-1.docker.io", service="hub", tls=False, repository="library/alpine")

#: As README.md has them, for a shell in the folder of the server.
EXPORTS = "".join(line for line in blocks("README.md", "Use it")[0].splitlines(True) if line.startswith(("unset", "export")))

#: Writes its words, one a line, in the place of a cluster.
KUBECTL = '#!/bin/sh\nprintf "%s\\n" "$@" > "$HOME/kubectl-was-told"\n'


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    made = StandIn(HUB)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def alpine(standin: StandIn) -> Image:
    return standin.hold("3.20", two_platforms("identity-alpine", 3000))


@pytest.fixture(scope="module")
def server(_program: Path, tmp_path_factory: pytest.TempPathFactory, standin: StandIn) -> Iterator[Weir]:
    """As README.md leaves it: with the rule docker-hub, at the account and in the region of the page."""
    made = Weir(tmp_path_factory.mktemp("docs"), upstreams={HUB.host: standin.url}, account="123456789012", region="us-east-1",
                watched=True).start()
    (made.folder / "weir-data").symlink_to(made.data)
    tools = made.folder / "home/bin"
    tools.mkdir(parents=True)
    (tools / "kubectl").write_text(KUBECTL)
    (tools / "weir").symlink_to(PROGRAM)
    for tool in tools.iterdir():
        tool.chmod(0o755) if not tool.is_symlink() else None
    made.rule("docker-hub", HUB.host, credentialArn=made.secret("hub", HUB.user, standin.password))
    yield made
    made.discard()


def pasted(server: Weir, *pieces: str, check: bool = True, **variables: str) -> str:
    """The output of the page's blocks, pasted into one shell below README's exports."""
    environment = clean_environment(server.folder / "home", **variables)
    environment["PATH"] = f"{server.folder}/home/bin:{REPOSITORY}/.venv/bin:{environment['PATH']}"
    script = (EXPORTS + "".join(pieces)).replace("localhost:5050", f"localhost:{server.port}")
    result = run(["sh", "-eu", "-c", script], environment, folder=server.folder, seconds=120, check=check)
    for made in re.findall(r'"SecretAccessKey": "([^"]+)"', result.stdout):
        WATCH.plant(made, "a user's secret access key")
    return result.stdout + result.stderr


def key(server: Weir, file: str) -> tuple[str, str]:
    path = server.folder / file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "a secret stands in it"
    made = json.loads(path.read_text())["AccessKey"]
    WATCH.login(made["AccessKeyId"], made["SecretAccessKey"], "a user's access key")
    return made["AccessKeyId"], made["SecretAccessKey"]


@pytest.fixture(scope="module")
def ci(server: Weir) -> tuple[str, str]:
    pasted(server, blocks(PAGE, CI)[0])
    return key(server, "ci-key.json")


@pytest.fixture(scope="module")
def cluster(server: Weir) -> tuple[str, str]:
    pasted(server, blocks(PAGE, CLUSTER)[0])
    return key(server, "cluster-key.json")


# A CI job

def test_a_job_pushes_below_its_prefix(server: Weir, ci: tuple[str, str], docker: Docker, alpine: Image, tmp_path: Path) -> None:
    variables = {name: docker.environment[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}
    # Docker Hub's own name is not reached from here.
    docker.login(f"localhost:{server.port}", server.password())
    docker.pull(f"localhost:{server.port}/docker-hub/library/alpine:3.20")
    docker.tag(f"localhost:{server.port}/docker-hub/library/alpine:3.20", "alpine:3.20")
    login, *_ = (block := blocks(PAGE, CI)[1]).splitlines()
    assert "ci-key.json" in login and "docker push" in block
    assert "Login Succeeded" in pasted(server, block, **variables)
    assert server.describe("team/app")["repositoryName"] == "team/app"
    assert server.client("ecr").describe_images(repositoryName="team/app")["imageDetails"][0]["imageTags"] == ["1"]
    docker.tag("alpine:3.20", f"localhost:{server.port}/other/app:1")
    with pytest.raises(CommandFailed) as failed:
        docker.push(f"localhost:{server.port}/other/app:1")
    assert "denied" in failed.value.output.lower()
    assert not [one for one in server.client("ecr").describe_repositories()["repositories"] if one["repositoryName"].startswith("other")]


def test_a_job_has_that_right_and_no_other(server: Weir, ci: tuple[str, str]) -> None:
    registry = Distribution(server.url, ci)
    assert registry.request("POST", "/v2/team/new/blobs/uploads/").status_code == 202
    for method, path in (("POST", "/v2/other/app/blobs/uploads/"), ("POST", "/v2/teams/app/blobs/uploads/"),
                         ("GET", "/v2/docker-hub/library/alpine/manifests/3.20"), ("DELETE", f"/v2/team/app/manifests/sha256:{'0' * 64}")):
        answer = registry.request(method, path)
        assert answer.status_code == 403 and errors(answer)[0][0] == "DENIED", f"{method} {path}: {answer.status_code}"


# A cluster

def test_a_cluster_gets_a_secret_that_pulls(server: Weir, cluster: tuple[str, str], alpine: Image) -> None:
    """kubectl is a stand-in, so its words are what a cluster would be told."""
    told = (server.folder / "home/kubectl-was-told").read_text().splitlines()
    assert told[:4] == ["create", "secret", "docker-registry", "weir"]
    options = dict(word.removeprefix("--").split("=", 1) for word in told[4:])
    assert options["docker-server"] == "registry.example:5050"
    assert (options["docker-username"], options["docker-password"]) == cluster
    registry = Distribution(server.url, cluster)
    assert registry.request("GET", "/v2/").status_code == 200
    assert registry.request("POST", "/v2/team/app/blobs/uploads/").status_code == 403


def test_a_clusters_first_pull_wants_one_right_more(server: Weir, cluster: tuple[str, str], standin: StandIn) -> None:
    """As the page says of AWS's own policy; the denial names the action."""
    held = standin.hold("3.19", two_platforms("identity-first", 3000, runs=False))
    standin.hold("3.18", two_platforms("identity-second", 3000, runs=False))
    with_rule = "docker-hub/library/alpine"
    if any(one["repositoryName"] == with_rule for one in server.client("ecr").describe_repositories()["repositories"]):
        server.client("ecr").delete_repository(repositoryName=with_rule, force=True)
    registry = Distribution(server.url, cluster)
    answer = registry.manifest(with_rule, "3.19")
    assert answer.status_code == 403 and "ecr:CreateRepository" in errors(answer)[0][1], answer.text
    pasted(server, blocks(PAGE, CLUSTER)[1])
    assert registry.pull(with_rule, "3.19")[0] == held.digest
    assert registry.manifest("ecr-public/nginx/nginx", "latest").status_code in (403, 404)


def test_a_server_may_create_repositories_itself(_program: Path, tmp_path: Path, standin: StandIn) -> None:
    """The page's other way: an option."""
    option = "--cache-creates-repositories"
    assert option in (REPOSITORY / PAGE).read_text()
    server = Weir(tmp_path / "weir", upstreams={HUB.host: standin.url}, account="123456789012", region="us-east-1", options=[option]).start()
    try:
        held = standin.hold("3.17", two_platforms("identity-option", 3000, runs=False))
        server.rule("docker-hub", HUB.host, credentialArn=server.secret("hub", HUB.user, standin.password))
        (server.folder / "weir-data").symlink_to(server.data)
        (server.folder / "home/bin").mkdir(parents=True)
        (server.folder / "home/bin/kubectl").write_text(KUBECTL)
        (server.folder / "home/bin/kubectl").chmod(0o755)
        pasted(server, blocks(PAGE, CLUSTER)[0])
        assert Distribution(server.url, key(server, "cluster-key.json")).pull("docker-hub/library/alpine", "3.17")[0] == held.digest
    finally:
        server.discard()


# A colleague

def test_a_colleague_looks_and_does_not_touch(server: Weir) -> None:
    server.secret("colleague", token="what-no-colleague-sees")
    told = pasted(server, blocks(PAGE, COLLEAGUE)[0])
    made = json.loads(told[told.rindex('{\n    "AccessKey"'):])["AccessKey"]
    as_ann = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": WATCH.plant(made["SecretAccessKey"], "ann's key")}
    given = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in as_ann.items())
    for command in ("ecr describe-repositories", "ecr describe-pull-through-cache-rules", "iam list-users", "kms list-keys",
                    "secretsmanager list-secrets", "iam get-account-authorization-details"):
        assert "what-no-colleague-sees" not in pasted(server, given, f"aws {command}\n")
    for command in ("ecr create-repository --repository-name mine", "iam create-user --user-name mine", "kms create-key",
                    "secretsmanager get-secret-value --secret-id ecr-pullthroughcache/colleague", "iam create-access-key --user-name ann"):
        told = pasted(server, given, f"aws {command} && exit 1 || true\n", check=False)
        assert "(AccessDenied" in told and "because no identity-based policy allows" in told, f"{command}: {told}"


# Why

def test_why(server: Weir, ci: tuple[str, str], cluster: tuple[str, str], alpine: Image) -> None:
    (block,) = blocks(PAGE, WHY)
    first, second, check = block.splitlines()
    told = pasted(server, first + " || true\n", check=False)
    assert re.search("^ *not allowed: ", told, re.MULTILINE) and "push-to-team" in told and "ecr:PutImage" in told, told
    told = pasted(server, first.replace("other/app", "team/app") + "\n")
    assert re.search("^ *allowed, by ", told, re.MULTILINE) and "push-to-team" in told, told
    told = pasted(server, second + " || true\n", check=False)
    assert "AmazonEC2ContainerRegistryPullOnly" in told, told
    # `weir iam check` speaks of what the page names.
    bad = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/team/app"},
        {"Effect": "Allow", "Action": "ecr:CreateRepository", "Resource": "*", "Condition": {
            "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}},
        {"Effect": "Deny", "Action": "ecr:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}]})
    server.client("iam").put_user_policy(UserName="cluster", PolicyName="odd", PolicyDocument=bad)
    try:
        told = pasted(server, check + " || true\n", check=False)
        for words in ("user/cluster", "ecr:GetAuthorizationToken", "ForAllValues", "aws:PrincipalOrgID"):
            assert words in told, f"{words}: {told}"
    finally:
        server.client("iam").delete_user_policy(UserName="cluster", PolicyName="odd")


def test_the_page_keeps_its_promises(server: Weir) -> None:
    """Its links lead somewhere, and each block of its first part is run here."""
    text = (REPOSITORY / PAGE).read_text()
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("#").strip().lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(#([^)]+)\)", text):
        assert target in anchors, target
    assert [len(blocks(PAGE, heading)) for heading in (CI, CLUSTER, COLLEAGUE, WHY)] == [2, 2, 1, 1]
