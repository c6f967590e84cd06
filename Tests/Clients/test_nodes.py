"""docs/nodes.md to the letter, on a machine with an /etc of its own and the clients that are installed here."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.distribution import Distribution
from harness.engines import Containerd, Docker, Podman, missing
from harness.images import Image, random_layer, single, two_platforms, write_layout
from harness.node import Node, blocks, loopback
from harness.processes import Daemon, clean_environment, free_port, run
from harness.standin import StandIn
from harness.vendors import Vendor
from harness.weir import PROGRAM, Weir

PAGE, IDENTITY = "docs/nodes.md", "docs/identity.md"
NAME = "registry.example"
#: What the page says before every node's login is renewed.
LOGIN = "What every node needs"
ECR_ACCOUNT, ECR_REGION = "111122223333", "ap-northeast-1"
ECR_NAME = f"{ECR_ACCOUNT}.dkr.ecr.{ECR_REGION}.amazonaws.com"
HUB = Vendor("node-hub", "registry-1.docker.io", service="hub", tls=False, repository="library/alpine")
PUBLIC = Vendor("node-public", "public.ecr.aws", scheme="open", tls=False, repository="nginx/nginx")


@pytest.fixture(scope="module")
def standins() -> Iterator[dict[str, StandIn]]:
    made = {vendor.host: StandIn(vendor) for vendor in (HUB, PUBLIC)}
    yield made
    for standin in made.values():
        standin.stop()


@pytest.fixture(scope="module")
def images(standins: dict[str, StandIn]) -> dict[str, Image]:
    """Docker Hub's alpine, and nginx of ECR Public."""
    return {"alpine": standins[HUB.host].hold("3.20", two_platforms("alpine", 3000)),
            "nginx": standins[PUBLIC.host].hold("latest", two_platforms("nginx", 3000))}


class Served(Weir):
    """A server with a name and a certificate, at port 443."""

    def __init__(self, folder: Path, authority: Authority, name: str, *names: str, **settings: object):
        self.address = loopback()
        certificate, key = authority.server(name, *names, self.address)
        options = ["--listen", f"{self.address}:443", "--public-host", name, "--tls-certificate", str(certificate), "--tls-key", str(key)]
        super().__init__(folder, options=options, **settings)
        self.ca = authority.ca

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            context = ssl.create_default_context(cafile=str(self.ca))
            return urllib.request.urlopen(f"{self.url}/healthz", timeout=2, context=context).status == 200
        return False

    def distribution(self, region: str | None = None, password: str | None = None) -> Distribution:
        return Distribution(self.url, ("AWS", password or self.password(region)), verify=str(self.ca))


@pytest.fixture(scope="module")
def trusting(authority: Authority) -> Iterator[None]:
    """boto3 trusts the tests' authority."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(authority.ca))
        yield


@pytest.fixture(scope="module")
def served(
    _program: Path, tmp_path_factory: pytest.TempPathFactory, authority: Authority, standins: dict[str, StandIn], trusting: None,
) -> Iterator[Served]:
    """registry.example, with the rules docker-hub, ecr-public, and ROOT for Docker Hub."""
    if reason := missing("unshare", "nsenter", root=True):
        pytest.skip(reason)
    settings = {"upstreams": {host: one.url for host, one in standins.items()}, "region": "us-east-1"}
    server = Served(tmp_path_factory.mktemp("served"), authority, NAME, **settings).start()
    secret = server.secret("hub", HUB.user, standins[HUB.host].password)
    server.rule("docker-hub", HUB.host, credentialArn=secret)
    server.rule("ROOT", HUB.host, credentialArn=secret)
    server.rule("ecr-public", PUBLIC.host)
    yield server
    server.discard()


@pytest.fixture(scope="module")
def make_node(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Callable[..., Node]]:
    made: list[Node] = []

    def make(server: Weir, hosts: dict[str, str]) -> Node:
        """A node with the two files that the page wants on every node."""
        try:
            node = Node(tmp_path_factory.mktemp("node"), hosts)
        except (RuntimeError, TimeoutError) as problem:
            pytest.skip(f"no /etc of one's own can be had here: {str(problem)[-300:]}")
        made.append(node)
        node.write("/etc/weir/ca.crt", authority.ca.read_bytes())
        node.write("/etc/weir/credentials", (server.data / "credentials").read_bytes(), 0o600)
        return node

    yield make
    for node in made:
        node.stop()


@pytest.fixture(scope="module")
def node(served: Served, make_node: Callable[..., Node]) -> Node:
    return make_node(served, {NAME: served.address})


def login(*more: str) -> tuple[str, ...]:
    """The page's script, with a section's additional lines."""
    return (blocks(PAGE, LOGIN)[0], *more)


# README.md, at localhost

@pytest.fixture(scope="module")
def local(
    _program: Path, tmp_path_factory: pytest.TempPathFactory, standins: dict[str, StandIn],
) -> Iterator[Weir]:
    """A server as `make run` starts it, except for its port."""
    server = Weir(tmp_path_factory.mktemp("local"), upstreams={host: one.url for host, one in standins.items()}, region="us-east-1").start()
    (server.folder / "weir-data").symlink_to(server.data)
    yield server
    server.discard()


def as_written(server: Weir, block: str, **variables: str) -> str:
    """The output of the README's block, in a shell in the folder where the server was started."""
    path = f"{PROGRAM.parents[2]}/.venv/bin:{clean_environment(server.folder / 'home')['PATH']}"
    script = block.replace("localhost:5050", f"localhost:{server.port}").replace(".build/release/weir", str(PROGRAM))
    environment = {**clean_environment(server.folder / "home", **variables), "PATH": path}
    return run(["sh", "-eu", "-c", script], environment, folder=server.folder, seconds=300).stdout


EXPORTS = "".join(line for line in blocks("README.md", "Use it")[0].splitlines(True) if line.startswith(("unset", "export")))


def test_the_readme(local: Weir, docker: Docker, standins: dict[str, StandIn], images: dict[str, Image]) -> None:
    first, _, secret, commands = blocks("README.md", "Use it")
    variables = {name: docker.environment[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}
    # The user's own settings for AWS do not interfere.
    work = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wrong"}
    told = as_written(local, first, **variables, **work)
    assert "Login Succeeded" in told and images["nginx"].digest in told and '"encryptionType": "KMS"' in told
    hub = standins[HUB.host]
    secret = secret.replace('"me"', f'"{HUB.user}"').replace("dckr_pat_…", hub.password)
    assert images["alpine"].digest in as_written(local, EXPORTS + secret, **variables)
    told = as_written(local, EXPORTS + commands)
    assert "ecr-public" in told and "hit:" in told and "would be freed" in told


@pytest.mark.parametrize("tool", ["podman", "skopeo", "ctr"])
def test_the_readmes_other_clients(
    local: Weir, tool: str, request: pytest.FixtureRequest, images: dict[str, Image], tmp_path: Path,
) -> None:
    """Plain HTTP at localhost, as each client must be told."""
    if reason := missing(tool, root=True):
        pytest.skip(reason)
    if PUBLIC.host not in json.dumps(local.client("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"], default=str):
        local.rule("ecr-public", PUBLIC.host)
    lines = [line for line in blocks("README.md", "Use it")[1].splitlines(True) if f"{tool} " in line and "helm" not in line]
    assert lines and all("--tls-verify=false" in line or "--plain-http" in line for line in lines)
    script = "".join(lines)
    if tool == "ctr":
        containerd = request.getfixturevalue("containerd")
        script = script.replace("ctr images pull", f"ctr -a {containerd.socket} images pull --snapshotter native")
    podman = Podman(tmp_path / "podman")
    try:
        words = " ".join(f"'{word}'" for word in podman.storage)
        script = script.replace("podman pull", f"podman {words} pull")
        as_written(local, EXPORTS + script, **{name: value for name, value in podman.environment.items() if name not in ("PATH", "HOME")})
    finally:
        podman.close()


def test_the_readmes_line_for_other_machines(local: Weir, authority: Authority, tmp_path: Path) -> None:
    """It makes a server that speaks TLS: docker refuses any other server that is not at localhost."""
    (line,) = [block for block in blocks("README.md", "Run it") if "--public-host" in block]
    options = re.findall(r'ARGS="(.*)"', line)[0].replace("0.0.0.0:5050", f"127.0.0.1:{free_port()}")
    server = Weir(tmp_path / "other", options=options.split())
    at = server.command.index("--listen")
    words = server.command[:at] + options.split()
    daemon = Daemon(words, server.log, clean_environment(server.folder / "home"))
    try:
        daemon.wait_until(lambda: "Weir is ready at https://registry.example:5050" in daemon.output(), 30, "its greeting")
        assert (server.data / "tls/ca.crt").exists()
    finally:
        daemon.kill()


# The login

def test_the_login_is_of_the_server_whatever_the_environment_says(node: Node, served: Served) -> None:
    """`AWS_PROFILE` and `AWS_ACCESS_KEY_ID` take precedence over a credentials file, so the script unsets them."""
    work = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wrong"}
    password = node.script(*login('printf %s "$password"'), **work)
    assert served.distribution(password=password).request("GET", "/v2/").status_code == 200


def test_the_timer_is_one(node: Node) -> None:
    service, timer = blocks(PAGE, LOGIN)[1:3]
    assert "Type=oneshot" in service and "OnUnitActiveSec=6h" in timer
    if missing("systemd-analyze"):
        pytest.skip("systemd is not here: the units are only read")
    node.write("/usr/local/sbin/weir-login", "#!/bin/sh\n", 0o755)
    node.write("/etc/systemd/system/weir-login.service", service)
    node.write("/etc/systemd/system/weir-login.timer", timer)
    node.call("systemd-analyze", "verify", "/etc/systemd/system/weir-login.timer")


# docker

@pytest.fixture
def dockerd(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Its daemon reads the node's /etc/docker/daemon.json."""
    if reason := missing("dockerd", "docker", "containerd", "jq", root=True):
        pytest.skip(reason)
    node.write("/etc/docker/daemon.json", blocks(PAGE, "docker: a mirror of Docker Hub")[0])
    node.write(f"/etc/docker/certs.d/{NAME}/ca.crt", node.read("/etc/weir/ca.crt"))
    try:
        made = Docker(tmp_path_factory.mktemp("docker"), under=node.under)
    except (RuntimeError, TimeoutError) as problem:
        pytest.skip(f"dockerd does not run here: {str(problem)[-400:]}")
    yield made
    made.stop()


def test_docker(dockerd: Docker, node: Node, served: Served, images: dict[str, Image]) -> None:
    """By the server's name; then by Docker Hub's names, with the mirror and its login."""
    variables = {name: dockerd.environment[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}
    plain = blocks(PAGE, "docker")
    node.script(*login(*plain, f"docker pull --quiet {NAME}/docker-hub/library/alpine:3.20"), **variables)
    mirror = blocks(PAGE, "docker: a mirror of Docker Hub")[1]
    node.script(*login(mirror), **variables)
    held = json.loads((Path(variables["DOCKER_CONFIG"]) / "config.json").read_text())["auths"]
    assert set(held) == {NAME, "https://index.docker.io/v1/"}, "the other login is still there"
    assert set(dockerd.pull("alpine:3.20")) == {images["alpine"].digest}
    assert served.describe("library/alpine"), "it came through the rule ROOT"
    assert (Path(variables["DOCKER_CONFIG"]) / "config.json").stat().st_mode & 0o077 == 0


def test_docker_reads_certificates_at_each_pull(dockerd: Docker, node: Node) -> None:
    """As the page says for docker; BuildKit does not do so."""
    node.call("rm", "-r", f"/etc/docker/certs.d/{NAME}")
    variables = {name: dockerd.environment[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}
    node.write(f"/etc/docker/certs.d/{NAME}/ca.crt", node.read("/etc/weir/ca.crt"))
    node.script(*login(*blocks(PAGE, "docker"), f"docker pull --quiet {NAME}/docker-hub/library/alpine:3.20"), **variables)


def own_paths(node: Node, text: str) -> str:
    """What belongs into /usr/local goes into a folder of the node's own."""
    return text.replace("/usr/local", str(node.folder / "local"))


def with_program(node: Node, *parts: str, **variables: str) -> str:
    """Runs a page's instructions on a node that has the program."""
    programs = node.folder / "local/bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "weir").unlink(missing_ok=True)
    (programs / "weir").symlink_to(PROGRAM)
    return node.script(*(own_paths(node, part) for part in parts), PATH=f"{programs}:{node.environment['PATH']}", **variables)


def test_dockers_credential_helper(dockerd: Docker, node: Node, images: dict[str, Image], tmp_path: Path) -> None:
    """No login is made, and none is kept in docker's file."""
    link, configuration, ask = blocks(IDENTITY, "docker, podman, buildah, skopeo")
    node.write("/etc/weir/hosts.json", blocks(IDENTITY, "Which hosts are Weirs")[0])
    (tmp_path / "config.json").write_text(configuration)
    variables = {"DOCKER_HOST": dockerd.environment["DOCKER_HOST"], "DOCKER_CONFIG": str(tmp_path)}
    told = with_program(node, link, ask, f"docker pull {NAME}/docker-hub/library/alpine:3.20",
                        AWS_SHARED_CREDENTIALS_FILE="/etc/weir/credentials", **variables)
    assert json.loads(told.splitlines()[0])["Username"] == "AWS" and images["alpine"].digest in told
    assert (tmp_path / "config.json").read_text() == configuration


# containerd

def test_containerd(node: Node, served: Served, containerd: Containerd, standins: dict[str, StandIn], images: dict[str, Image]) -> None:
    script, configuration = blocks(PAGE, "containerd")
    node.script(*login(script))
    assert 'config_path = "/etc/containerd/certs.d"' in configuration
    for reference, image in (("docker.io/library/alpine:3.20", images["alpine"]), ("public.ecr.aws/nginx/nginx:latest", images["nginx"])):
        node.call("ctr", "-a", containerd.socket, "images", "pull", "--hosts-dir", "/etc/containerd/certs.d", "--all-platforms",
                  "--snapshotter", "native", reference)
        listed = node.call("ctr", "-a", containerd.socket, "images", "ls")
        assert image.digest in next(line for line in listed.splitlines() if line.startswith(f"{reference} "))
    # A renewed login counts at once. An invalid one is not noticed by a pull, but here.
    hosts = "/etc/containerd/certs.d/_default/hosts.toml"
    assert node.call("stat", "-c", "%a", hosts).strip() == "600", "a password stands in it"
    good = node.read(hosts)
    node.write(hosts, re.sub("Basic [^\"]*", "Basic " + base64.b64encode(b"AWS:stale").decode(), good))
    before = failed_logins(served)
    node.call("sh", "-c", f"! ctr -a {containerd.socket} images pull --hosts-dir /etc/containerd/certs.d docker.io/library/alpine:none")
    assert failed_logins(served) > before
    node.script(*login(script))
    assert node.read(hosts).count("Basic ") == 1


def failed_logins(served: Served) -> float:
    context = ssl.create_default_context(cafile=str(served.ca))
    text = urllib.request.urlopen(f"{served.url}/metrics", timeout=5, context=context).read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("weir_failed_logins_total"))


# podman

def test_podman(node: Node, standins: dict[str, StandIn], images: dict[str, Image], tmp_path: Path) -> None:
    if reason := missing("podman", root=True):
        pytest.skip(reason)
    podman = Podman(tmp_path / "podman")
    try:
        # Its own files are not the node's.
        environment = {name: value for name, value in podman.environment.items() if name not in ("CONTAINERS_REGISTRIES_CONF", "PATH")}
        script, configuration = blocks(PAGE, "podman, buildah, skopeo, CRI-O")
        node.write(f"/etc/containers/certs.d/{NAME}/ca.crt", node.read("/etc/weir/ca.crt"))
        node.write("/etc/containers/registries.conf.d/weir.conf", configuration)
        node.script(*login(script), **environment)
        node.call("podman", *podman.storage, "pull", "--quiet", "docker.io/library/alpine:3.20", **environment)
        inspected = json.loads(node.call("podman", *podman.storage, "image", "inspect", "docker.io/library/alpine:3.20", **environment))
        assert inspected[0]["RepoDigests"][0].endswith(images["alpine"].digest) or images["alpine"].digest in str(inspected[0]["RepoDigests"])
        # Without the mirror: the same name, and nothing goes past the cache.
        direct = re.sub(r"location = .*\n\n\[\[registry.mirror\]\]\n", "", configuration)
        assert "mirror" not in direct and f'location = "{NAME}/docker-hub"' in direct
        node.write("/etc/containers/registries.conf.d/weir.conf", direct)
        node.call("podman", *podman.storage, "pull", "--quiet", "docker.io/library/alpine:3.20", **environment)
    finally:
        podman.close()


# Kubernetes

def test_the_kubelets_credential_provider(node: Node, containerd: Containerd, images: dict[str, Image]) -> None:
    install, hosts, options, printed = blocks(IDENTITY, "Kubernetes: nodes")
    node.write("/etc/weir/hosts.json", hosts)
    node.call("mkdir", "-p", "/etc/kubernetes")
    assert "'/etc/kubernetes/credential-providers.yaml' is well" in with_program(node, install)
    assert node.read("/etc/kubernetes/credential-providers.yaml") == printed
    # As the kubelet does it: the options name the folder and the file, the file the program and its arguments.
    folder = own_paths(node, re.findall(r"bin-dir=(\S+)", options)[0])
    name = re.findall(r'name: "(.*)"', printed)[0]
    arguments = re.findall(r'- "(.*)"', printed.partition("args:")[2])
    reference = f"{NAME}/docker-hub/library/alpine:3.20"
    question = {"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderRequest", "image": reference}
    answer = json.loads(node.call(f"{folder}/{name}", *arguments, input=json.dumps(question)))
    assert (answer["apiVersion"], answer["kind"]) == (question["apiVersion"], "CredentialProviderResponse")
    assert answer["cacheKeyType"] == "Image" and re.fullmatch(r"11h(\d+m)(\d+s)", answer["cacheDuration"])
    given = answer["auth"][NAME]
    node.call("ctr", "-a", containerd.socket, "images", "pull", "--tlscacert", "/etc/weir/ca.crt", "--user",
              f"{given['username']}:{given['password']}", "--all-platforms", "--snapshotter", "native", reference)
    listed = node.call("ctr", "-a", containerd.socket, "images", "ls")
    assert images["alpine"].digest in next(line for line in listed.splitlines() if line.startswith(f"{reference} "))


def test_the_pull_secret(node: Node, tmp_path: Path, served: Served) -> None:
    """kubectl is not installed here, so the arguments that it would get are checked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "kubectl").write_text(f'#!/bin/sh\n[ "$3" = apply ] && cat > /dev/null\nprintf "%s\\n" "$@" >> {tmp_path}/told\n')
    (tools / "kubectl").chmod(0o755)
    node.script(*login(blocks(PAGE, "Kubernetes")[0]), PATH=f"{tools}:{node.environment['PATH']}")
    told = (tmp_path / "told").read_text().splitlines()
    password = next(word for word in told if word.startswith("--docker-password=")).partition("=")[2]
    assert served.distribution(password=password).request("GET", "/v2/").status_code == 200
    assert f"--docker-server={NAME}" in told and "patch" in told
    assert json.loads(next(word for word in told if word.startswith("{"))) == {"imagePullSecrets": [{"name": "weir"}]}


# nginx

def test_nginx(
    make_weir: Callable[..., Weir], make_node: Callable[..., Node], authority: Authority, standins: dict[str, StandIn], images: dict[str, Image],
    tmp_path: Path,
) -> None:
    if reason := missing("nginx", "unshare", root=True):
        pytest.skip(reason)
    configuration, command = blocks(PAGE, "Behind nginx")[:2]
    public = re.findall(r"--public-url \S+", command)[0].split()
    if public[0] not in run([PROGRAM, "serve", "--help"], clean_environment(tmp_path / "home")).stdout:
        pytest.skip("this program has no --public-url")
    weir = make_weir(upstreams={host: one.url for host, one in standins.items()}, region="us-east-1", start=False, options=public)
    # The harness names the host itself; the page does not.
    words = weir.command
    at = words.index("--public-host")
    weir.daemon = Daemon(words[:at] + words[at + 2:], weir.log, clean_environment(weir.folder / "server"))
    weir.daemon.wait_until(weir.is_ready, 30, "/healthz")
    weir.rule("ecr-public", PUBLIC.host)
    weir.repository("team/app")
    address = loopback()
    node = make_node(weir, {NAME: address})
    certificate, key = authority.server(NAME)
    node.write("/etc/weir/server.crt", certificate.read_bytes())
    node.write("/etc/weir/server.key", key.read_bytes(), 0o600)
    assert "listen 443 ssl;" in configuration and "127.0.0.1:5050" in configuration
    site = configuration.replace("listen 443 ssl;", f"listen {address}:443 ssl;").replace("127.0.0.1:5050", weir.host)
    node.write("/etc/nginx/nginx.conf", f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{site}}}\n")
    nginx = Daemon([*node.under, "nginx", "-e", "stderr", "-g", "daemon off;"], tmp_path / "nginx.log", node.environment)
    try:
        ask = 'aws ecr get-authorization-token --query "authorizationData[0].proxyEndpoint" --output text'
        nginx.wait_until(lambda: Path(tmp_path / "pid").exists(), 10, "its pid")
        assert node.script(*login(ask)).strip() == f"https://{NAME}", "signed by a client that sees nginx alone"
        password = node.script(*login('printf %s "$password"'))
        # A push of more than nginx's default of 1 MB, and the same again.
        trust = {"SSL_CERT_FILE": "/etc/weir/ca.crt"}
        layout = tmp_path / "layout"
        image = single([random_layer("pushed", 3_000_000)])
        source = write_layout(layout, "1", image)
        if missing("skopeo") is None:
            node.call("skopeo", "copy", "--insecure-policy", "--dest-creds", f"AWS:{password}", source, f"docker://{NAME}/team/app:1", **trust)
            copied = node.call("skopeo", "inspect", "--raw", "--creds", f"AWS:{password}", f"docker://{NAME}/ecr-public/nginx/nginx:latest", **trust)
            assert json.loads(copied)["manifests"]
        # A link to a layer leads back through nginx.
        digest = image.layers[0].digest
        link = node.script(*login(
            f"aws ecr get-download-url-for-layer --repository-name team/app --layer-digest {digest} --query downloadUrl --output text")).strip()
        assert link.startswith(f"https://{NAME}/")
        content = node.call("curl", "--silent", "--fail", "--cacert", "/etc/weir/ca.crt", "--output", tmp_path / "layer", link)
        assert content == "" and (tmp_path / "layer").read_bytes() == image.layers[0].content
    finally:
        nginx.stop()


# ECR's own names

def names(region: str) -> list[str]:
    """The names in the page's table, for a certificate."""
    table = (Path(__file__).parents[2] / PAGE).read_text().partition("## Under ECR's own names")[2]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == 6
    found = []
    for first, _, last in rows:
        found += re.findall(r"`([^`]+)`", first if "same" in last else last)
    return [name.replace("REGION", region) for name in found]


def test_ecrs_own_names(
    _program: Path, tmp_path_factory: pytest.TempPathFactory, make_node: Callable[..., Node], authority: Authority,
    standins: dict[str, StandIn], images: dict[str, Image], trusting: None,
) -> None:
    """Without endpoint variables: the clients get only the certificate's authority and the credentials."""
    if reason := missing("unshare", "nsenter", "podman", root=True):
        pytest.skip(reason)
    serve, use = blocks(PAGE, "Under ECR's own names")
    assert f"--public-host {ECR_NAME}" in serve and f"--account {ECR_ACCOUNT}" in serve and ECR_NAME in use
    settings = {"upstreams": {host: one.url for host, one in standins.items()}, "account": ECR_ACCOUNT, "region": ECR_REGION}
    weir = Served(tmp_path_factory.mktemp("ecr"), authority, ECR_NAME, *names(ECR_REGION), **settings).start()
    try:
        hosts = [name.replace("*", ECR_ACCOUNT) for name in names(ECR_REGION)]
        node = make_node(weir, {name: weir.address for name in hosts})
        aws = {"AWS_SHARED_CREDENTIALS_FILE": "/etc/weir/credentials", "AWS_CA_BUNDLE": "/etc/weir/ca.crt", "AWS_REGION": ECR_REGION,
               "AWS_DEFAULT_REGION": ECR_REGION, "AWS_MAX_ATTEMPTS": "1"}
        for call in (
            "aws ecr create-pull-through-cache-rule --ecr-repository-prefix ecr-public --upstream-registry-url public.ecr.aws",
            "aws sts get-caller-identity", "aws iam get-user", "aws kms list-keys", "aws secretsmanager list-secrets",
        ):
            assert ECR_ACCOUNT in node.script(call, **aws) or "list" in call, call
        # docker's two commands, by podman, which needs no daemon.
            podman = Podman(tmp_path_factory.mktemp("podman"))
        node.write(f"/etc/containers/certs.d/{ECR_NAME}/ca.crt", node.read("/etc/weir/ca.crt"))
        environment = {name: value for name, value in podman.environment.items() if name != "PATH"}
        words = " ".join(f"'{word}'" for word in podman.storage)
        try:
            node.script(use.replace("docker login", "podman login").replace("docker pull", f"podman {words} pull"), **environment, **aws)
            shown = json.loads(node.call(
                "podman", *podman.storage, "image", "inspect", f"{ECR_NAME}/ecr-public/nginx/nginx:latest", **environment))
            assert images["nginx"].digest in str(shown[0]["RepoDigests"])
        finally:
            podman.close()
    finally:
        weir.discard()
