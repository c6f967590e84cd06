"""What people see of a refusal: the words that docker, podman, skopeo, ctr and BuildKit print for each.

docs/errors.md holds those words. A run checks that they are still printed, where the clients have the versions that the page names;
`WEIR_TEST_WRITE=1` writes them anew.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.engines import Containerd, Docker, Podman, missing
from harness.faults import Fault
from harness.images import random_layer, single, write_layout
from harness.machine import Machine
from harness.processes import clean_environment, refusing_port, run, wait_until
from harness.standin import StandIn
from harness.vendors import Vendor
from harness.weir import PROGRAM, REPOSITORY, Weir

PAGE = REPOSITORY / "docs/errors.md"
BEGIN, END = "<!-- printed: written by Tests/Clients/test_what_people_see.py -->", "<!-- end -->"
PULLERS = ("docker", "podman", "skopeo", "ctr", "BuildKit")


@dataclass(frozen=True)
class Row:
    """One refusal, and the words that every client must print."""

    title: str
    reference: str
    words: str
    #: "good", "none", "wrong" or "expired".
    login: str = "good"
    #: Clients with words of their own, which they show instead of the server's.
    own: dict[str, str] = field(default_factory=dict)


ROWS = [
    Row("Not signed in", "app/held:1", "no login was sent", login="none", own={"docker": "no basic auth credentials"}),
    # Another tag: BuildKit sends one request for two simultaneous builds of the same image, with the login of either.
    Row("A wrong password", "app/held:2", "not one of this registry's", login="wrong",
        own={"docker": "unauthorized", "podman": "aws ecr get-login-password", "skopeo": "aws ecr get-login-password"}),
    Row("The password has expired", "app/held:1", "token has expired", login="expired"),
    Row("A policy denies it", "app/denied:1", "is not authorized to perform: ecr:BatchGetImage"),
    Row("The repository's KMS key is disabled", "app/locked:1", "is disabled"),
    Row("No such repository, and no rule for it", "nosuch/app:1", "does not exist in the registry",
        own={"ctr": "not found", "BuildKit": "not found"}),
    Row("No such tag, in a repository of your own", "app/held:nosuch", "Requested image not found",
        own={"ctr": "not found", "BuildKit": "not found"}),
    Row("Upstream has no such image", "ecr-public/team/app:nosuch", "not at its upstream registry public.ecr.aws",
        own={"ctr": "not found", "BuildKit": "not found"}),
    Row("Upstream refuses the login", "ghcr/team/app:1", "ghcr.io"),
    Row("Upstream limits how often it is asked", "quay/team/app:1", "quay.io"),
    Row("Upstream cannot be reached", "k8s/team/app:1", "registry.k8s.io: connection refused"),
    Row("Upstream is out of order", "gitlab/team/app:1", "registry.gitlab.com"),
    Row("Upstream answers with something else", "docker-hub/team/app:1", "registry-1.docker.io"),
    Row("The rule's secret is gone", "chainguard/team/app:1", "secret"),
    Row("The creation template cannot be applied", "ecr-public/locked/app:1", "template"),
]
PUSHES = [
    Row("A push to a repository that is not there", "nosuch/app:1", "does not exist in the registry"),
    Row("A push to a tag that may not move", "app/fixed:1", "immutable"),
    Row("A push to a full disk", "app/full:1", "no room"),
]


class Clients:
    """All five clients, each with every kind of login."""

    def __init__(self, folder: Path, docker: Docker, containerd: Containerd):
        self.folder, self.docker, self.containerd = folder, docker, containerd
        self.podman = Podman(folder / "podman")
        self.builder = builder()
        self.environment = clean_environment(folder / "home", XDG_RUNTIME_DIR=str(self.podman.runtime))
        self.environment["CONTAINERS_REGISTRIES_CONF"] = self.podman.environment["CONTAINERS_REGISTRIES_CONF"]
        self.taken: dict[tuple[str, str], float] = {}

    def sign_in(self, kind: str, host: str, password: str | None) -> None:
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        auths = {host: {"auth": base64.b64encode(f"AWS:{password}".encode()).decode()}} if password else {}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))

    def close(self) -> None:
        self.podman.close()

    def pull(self, client: str, reference: str, login: str, password: str | None) -> str:
        """The client's output when it is refused."""
        folder, file = self.folder / login, self.folder / login / "config.json"
        on_daemon = {**self.docker.environment, "DOCKER_CONFIG": str(folder)}
        words: dict[str, tuple[list[object], dict[str, str], str | None]] = {
            "docker": (["docker", "pull", reference], on_daemon, None),
            "podman": (["podman", *self.podman.storage, "pull", "--quiet", "--tls-verify=false", "--authfile", file, reference],
                       self.podman.environment, None),
            "skopeo": (["skopeo", "inspect", "--tls-verify=false", "--authfile", file, f"docker://{reference}"], self.environment, None),
            "ctr": (["ctr", "-a", self.containerd.socket, "images", "pull", "--plain-http", *(["--user", f"AWS:{password}"] if password else []),
                     reference], self.containerd.environment, None),
            "BuildKit": ([self.builder, "build", "--no-cache", "-"], {**on_daemon, "DOCKER_BUILDKIT": "1"}, f"FROM {reference}\n"),
        }
        command, environment, told = words[client]
        start = time.monotonic()
        result = run(command, environment, input=told, check=False, seconds=200)
        self.taken[client, reference] = time.monotonic() - start
        assert result.returncode != 0, (client, reference, result.stdout)
        return result.stdout + result.stderr

    def versions(self) -> dict[str, str]:
        said = {
            "docker": [self.builder, "--version"], "podman": ["podman", "--version"], "skopeo": ["skopeo", "--version"],
            "ctr": ["ctr", "--version"], "dockerd": ["dockerd", "--version"],
        }
        told = {name: run(words, self.environment).stdout for name, words in said.items()}
        return {name: re.search(r"\d+\.\d+(\.\d+)?", text)[0] for name, text in told.items()}


def builder() -> str:
    """The docker that has BuildKit without a plug-in."""
    for folder in (*os.environ["PATH"].split(":"), "/usr/bin"):
        program = shutil.which("docker", path=folder)
        if program and int(re.search(r"\d+", run([program, "--version"], clean_environment(Path("/tmp/weir-no-home"))).stdout)[0]) < 23:
            return program
    pytest.skip("no docker whose BuildKit needs no plug-in")


def plain(printed: str, host: str) -> str:
    """The last line of the output, without the parts that differ from run to run."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    line = next((line for line in reversed(lines) if re.match(r"(ERROR|Error|error|ctr|failed|time=)", line)), lines[-1])
    line = re.sub(r'^time="[^"]*" level=fatal msg="(.*)"$', lambda found: "FATA " + found[1].replace('\\"', '"'), line)
    line = line.replace(host, "registry.example").replace(f"http://{host}", "http://registry.example")
    line = re.sub(r"for (at most )?\d+ s\b", "for N s", line)
    line = re.sub(r"key/[0-9a-f-]{36}", "key/KEY", line)
    return re.sub(r"(ecr-pullthroughcache/[a-z]+)-\w{6}\b", r"\1-SUFFIX", line)


@dataclass
class Seen:
    printed: dict[tuple[str, str], str]
    pushed: dict[str, str]
    taken: dict[tuple[str, str], float]
    versions: dict[str, str]


def upstreams(weir: Weir) -> dict[str, StandIn]:
    """A stand-in for each way to fail."""
    made = {
        "public.ecr.aws": StandIn(Vendor("see-ecr", "public.ecr.aws", scheme="open", tls=False)),
        "ghcr.io": StandIn(Vendor("see-ghcr", "ghcr.io", service="ghcr.io", tls=False, wrong_login=(403, "DENIED"), unknown=(403, "DENIED"))),
        "quay.io": StandIn(Vendor("see-quay", "quay.io", scheme="open", tls=False, when_limited={"retry-after": "60"})),
        "registry.gitlab.com": StandIn(Vendor("see-gitlab", "registry.gitlab.com", scheme="open", tls=False)),
        "registry-1.docker.io": StandIn(Vendor("see-hub", "registry-1.docker.io", scheme="open", tls=False)),
        "cgr.dev": StandIn(Vendor("see-cgr", "cgr.dev", scheme="open", tls=False)),
    }
    for standin in made.values():
        standin.hold("1", single([random_layer("seen", 100)], note="seen"))
    made["public.ecr.aws"].hold("1", single([random_layer("seen", 100)], note="seen"), "locked/app")
    made["quay.io"].is_limited = True
    made["registry.gitlab.com"].fail(Fault("manifests", status=500))
    made["registry-1.docker.io"].fail(Fault("manifests", status=200, body=b"<html>Sign in to the network of this hotel</html>",
                                            headers={"Content-Type": "text/html"}))
    weir.upstreams = {host: standin.url for host, standin in made.items()} | {"registry.k8s.io": f"http://127.0.0.1:{refusing_port()}"}
    return made


def furnish(weir: Weir) -> None:
    """Rules, repositories, policies and keys."""
    ecr, kms = weir.client("ecr"), weir.client("kms")
    weir.rule("ecr-public", "public.ecr.aws")
    weir.rule("quay", "quay.io")
    weir.rule("k8s", "registry.k8s.io")
    weir.rule("gitlab", "registry.gitlab.com")
    weir.rule("docker-hub", "registry-1.docker.io")
    weir.rule("ghcr", "ghcr.io", credentialArn=weir.secret("ghcr", "robot", "a-wrong-token-for-ghcr"))
    gone = weir.secret("chainguard", "robot", "a-token-for-chainguard")
    weir.rule("chainguard", "cgr.dev", credentialArn=gone)
    weir.client("secretsmanager").delete_secret(SecretId=gone, ForceDeleteWithoutRecovery=True)
    weir.repository("app/held")
    weir.repository("app/denied")
    deny = {"Version": "2012-10-17", "Statement": [{
        "Sid": "no", "Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage"}]}
    ecr.set_repository_policy(repositoryName="app/denied", policyText=json.dumps(deny))
    weir.repository("app/fixed", imageTagMutability="IMMUTABLE")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    weir.repository("app/locked", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    ecr.create_repository_creation_template(
        prefix="ecr-public/locked", appliedFor=["PULL_THROUGH_CACHE"], encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    for name in ("app/held", "app/denied", "app/fixed", "app/locked"):
        weir.distribution().push(name, "1", single([random_layer(name, 1000)], note=name))
    kms.disable_key(KeyId=key)


@pytest.fixture(scope="module")
def seen(
    _program: Path, tmp_path_factory: pytest.TempPathFactory, _docker: Docker | str, _containerd: Containerd | str,
) -> Iterator[Seen]:
    """Tries everything once, several clients at a time."""
    for engine in (_docker, _containerd):
        if isinstance(engine, str):
            pytest.skip(engine)
    if reason := missing("podman", "skopeo", root=True):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("seen")
    weir = Weir(folder / "weir", options=["--optional-upstream-secrets"], watched=True)
    made = upstreams(weir)
    machine = Machine(folder / "below")
    late = Weir(folder / "late", environment=machine.environment, watched=True)
    full = Weir(folder / "full", options=["--reserve", "4000TiB"], watched=True)
    clients = Clients(folder, _docker, _containerd)
    try:
        for server in (weir, late, full):
            server.start()
        furnish(weir)
        late.repository("app/held")
        full.repository("app/full")
        clients.sign_in("good", weir.host, weir.password())
        clients.sign_in("none", weir.host, None)
        clients.sign_in("wrong", weir.host, "nonsense")
        clients.sign_in("expired", late.host, late.password())
        clients.sign_in("full", full.host, full.password())
        expire(late, machine)
        for row in ROWS:  # A remembered failure is the same for all clients.
            server = late if row.login == "expired" else weir
            name, _, tag = row.reference.rpartition(":")
            server.distribution().manifest(name, tag)
        yield Seen(pulls(clients, weir, late), pushes(clients, weir, full), clients.taken, clients.versions())
    finally:
        clients.close()
        for server in (weir, late, full):
            server.discard()
        for standin in made.values():
            standin.stop()


def expire(weir: Weir, machine: Machine) -> None:
    """Moves the clock on by thirteen hours, and accepts it."""
    machine.clock(seconds=13 * 3600)
    environment = clean_environment(weir.folder / "home", **machine.environment)
    words = [PROGRAM, "clock", "accept", "--endpoint", weir.url, "--data", weir.data, "--region", weir.region]
    wait_until(lambda: weir.distribution().manifest("app/held", "1").status_code != 404
               or run(words, environment, check=False).returncode != 0, 20, "the clock is believed", 0.5)


def pulls(clients: Clients, weir: Weir, late: Weir) -> dict[tuple[str, str], str]:
    def one(row: Row, client: str) -> str:
        server = late if row.login == "expired" else weir
        password = {"none": None, "wrong": "nonsense"}.get(row.login, server.password())
        return plain(clients.pull(client, f"{server.host}/{row.reference}", row.login, password), server.host)

    with ThreadPoolExecutor(6) as pool:
        # Clients that try again and again come first.
        order = sorted(((row, client) for row in ROWS for client in PULLERS), key=lambda one: (one[1] not in ("podman", "skopeo")))
        waiting = {(row.title, client): pool.submit(one, row, client) for row, client in order}
        return {key: future.result() for key, future in waiting.items()}


def pushes(clients: Clients, weir: Weir, full: Weir) -> dict[str, str]:
    """The words for refused pushes: by docker, and by skopeo for a full disk."""
    docker, printed = clients.docker, {}
    layout = write_layout(clients.folder / "layout", "1", single([random_layer("pushed", 1000)], note="pushed"))
    layer = clients.folder / "rootfs.tar"
    subprocess.run(["tar", "-C", str(clients.folder / "good"), "-cf", str(layer), "config.json"], check=True)
    docker.call("import", layer, "weir-seen:1")
    for row in PUSHES:
        server, login = (full, "full") if row.reference.startswith("app/full") else (weir, "good")
        reference = f"{server.host}/{row.reference}"
        docker.call("tag", "weir-seen:1", reference)
        # docker sends a layer again and again, for a minute, before it reports that there is no room.
        words = ["docker", "push", reference] if server is weir else [
            "skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "--authfile", clients.folder / login / "config.json", layout,
            f"docker://{reference}"]
        result = run(words, {**clients.environment, **docker.environment, "DOCKER_CONFIG": str(clients.folder / login)}, check=False, seconds=200)
        assert result.returncode != 0, result
        printed[row.title] = plain(result.stdout + result.stderr, server.host)
    return printed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title.lower().replace(" ", "-"))
def test_everybody_is_told_why(seen: Seen, row: Row) -> None:
    for client in PULLERS:
        printed = seen.printed[row.title, client]
        assert row.own.get(client, row.words).lower() in printed.lower(), (client, printed)


@pytest.mark.parametrize("row", PUSHES, ids=lambda row: row.title.lower().replace(" ", "-"))
def test_who_pushes_is_told_why(seen: Seen, row: Row) -> None:
    assert row.words in seen.pushed[row.title], seen.pushed[row.title]


def test_nobody_waits_long_for_a_refusal(seen: Seen) -> None:
    """A limit of a minute must not be a minute of silence: containers/image obeys Retry-After five times, and podman repeats all of it."""
    slow = {key: round(seconds, 1) for key, seconds in seen.taken.items() if seconds > (60 if key[0] == "podman" else 25)}
    assert not slow, slow


def test_the_page_tells_what_is_printed(seen: Seen) -> None:
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    told, after = rest.split(END)
    new = table(seen)
    if os.environ.get("WEIR_TEST_WRITE"):
        PAGE.write_text(f"{before}{BEGIN}\n{new}{END}{after}")
        return
    if versions(seen) not in told:
        pytest.skip(f"the page is of other clients: here are {versions(seen)}")
    assert told.strip() == new.strip(), "WEIR_TEST_WRITE=1 writes docs/errors.md anew"


def versions(seen: Seen) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(seen.versions.items()))


def table(seen: Seen) -> str:
    parts = [f"Clients: {versions(seen)}.\n"]
    for row in ROWS:
        parts.append(f"### {row.title}\n\n```\n" + "".join(
            f"{client + ':':<9} {seen.printed[row.title, client]}\n" for client in PULLERS) + "```\n")
    for row in PUSHES:
        client = "skopeo:" if "full" in row.reference else "docker:"
        parts.append(f"### {row.title}\n\n```\n{client:<9} {seen.pushed[row.title]}\n```\n")
    return "\n".join(parts) + "\n"
