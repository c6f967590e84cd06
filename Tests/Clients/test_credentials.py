"""Sign-ins from machines outside AWS: docker's credential helper and the kubelet's credential provider, run as docker, podman, skopeo and a kubelet run them."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engines import Containerd, Docker, missing
from harness.images import Image, two_platforms
from harness.node import blocks
from harness.processes import clean_environment, free_port
from harness.secrets_seen import WATCH
from harness.weir import PROGRAM, Weir

PAGE = "docs/identity.md"
NONE = "credentials not found in native keychain"
V1 = "credentialprovider.kubelet.k8s.io/v1"
PULL = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Resource": "*",
    "Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
}]}


class Machine:
    """A machine with a home, the helper in its PATH, and a server that it knows."""

    def __init__(self, folder: Path, server: Weir, **variables: str):
        self.server = server
        self.home = folder / "home"
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "docker-credential-weir").symlink_to(PROGRAM)
        environment = clean_environment(self.home, AWS_REGION=server.region, **variables)
        self.environment = {**environment, "PATH": f"{programs}:{environment['PATH']}"}
        self.hosts(server.host)

    def hosts(self, *names: str, **members: str) -> Path:
        file = self.home / ".config/weir/hosts.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"hosts": {name: {"endpoint": self.server.url, **members} for name in names}}))
        return file

    def signed_in(self, **keys: str) -> Machine:
        """By a profile `default` with these keys: root's, where none are given."""
        keys = keys or self.server.credentials
        file = self.home / ".aws/credentials"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items()))
        return self

    def configure(self, text: str) -> None:
        (self.home / ".aws").mkdir(parents=True, exist_ok=True)
        (self.home / ".aws/config").write_text(text)

    def call(self, *words: str | Path, input: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in words], env={**self.environment, **variables}, input=input, text=True, capture_output=True, timeout=60)

    def help(self, action: str, input: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        result = self.call("docker-credential-weir", action, input=input, **variables)
        if result.returncode == 0 and action == "get":
            WATCH.plant(json.loads(result.stdout)["Secret"], "a registry password")
        else:
            WATCH.search(result.stdout.encode(), "the helper's output")
        WATCH.search(result.stderr.encode(), "the helper's errors")
        return result

    def provide(self, image: str, *options: str, **members: Any) -> subprocess.CompletedProcess[str]:
        request = {"kind": "CredentialProviderRequest", "apiVersion": V1, "image": image, **members}
        # As the kubelet runs it: in the root folder, with a request and nothing else.
        result = self.call(PROGRAM, "credential-provider", *options, input=json.dumps(request))
        WATCH.search(result.stderr.encode(), "the provider's errors")
        return result


@pytest.fixture(scope="module")
def server(_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    server = Weir(tmp_path_factory.mktemp("credentials"), watched=True).start()
    yield server
    server.discard()


@pytest.fixture(scope="module")
def image(server: Weir) -> Image:
    """team/app:1, pushed by root."""
    server.repository("team/app")
    image = two_platforms("credentials", 3000)
    server.distribution().push("team/app", "1", image)
    return image


@pytest.fixture
def machine(tmp_path: Path, server: Weir) -> Machine:
    return Machine(tmp_path / "machine", server).signed_in()


# The helper's protocol

def test_get(machine: Machine, server: Weir) -> None:
    answer = json.loads(machine.help("get", server.host).stdout)
    assert answer["ServerURL"] == server.host and answer["Username"] == "AWS"
    assert server.distribution(password=answer["Secret"]).request("GET", "/v2/").status_code == 200


@pytest.mark.parametrize("input", [
    "", "other.example", "{host}\n{host}", "other.example\n{host}", "user@{host}", "{host}.", "{host}\0", "https://u:p@{host}/",
    "{host}/../x", "localhost:{port}", "{host}0",
])
def test_other_hosts(machine: Machine, server: Weir, input: str) -> None:
    result = machine.help("get", input.format(host=server.host, port=server.port))
    assert (result.returncode, result.stdout.strip(), result.stderr) == (1, NONE, "")


@pytest.mark.parametrize("action", ["store", "erase"])
def test_store_and_erase_do_nothing(machine: Machine, server: Weir, action: str) -> None:
    result = machine.help(action, json.dumps({"ServerURL": server.host, "Username": "AWS", "Secret": "x"}))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_list(machine: Machine, server: Weir) -> None:
    assert json.loads(machine.help("list").stdout) == {server.host: "AWS"}


def test_the_same_by_the_programs_own_name(machine: Machine, server: Weir) -> None:
    result = machine.call(PROGRAM, "credential-helper", "get", input=server.host)
    assert json.loads(result.stdout)["Username"] == "AWS"


# What goes wrong

def test_no_key(machine: Machine, server: Weir) -> None:
    (machine.home / ".aws/credentials").unlink()
    result = machine.help("get", server.host)
    assert result.returncode == 1 and "no access key" in result.stdout and "AWS_ACCESS_KEY_ID" in result.stdout


def test_a_wrong_key(machine: Machine, server: Weir) -> None:
    machine.signed_in(aws_access_key_id=server.credentials["aws_access_key_id"], aws_secret_access_key="planted-wrong-secret")
    result = machine.help("get", server.host)
    assert result.returncode == 1 and "its secret is another one" in result.stdout and "planted" not in result.stdout + result.stderr


def test_no_server(machine: Machine, server: Weir) -> None:
    file = machine.hosts(server.host)
    file.write_text(json.dumps({"hosts": {server.host: {"endpoint": f"http://127.0.0.1:{free_port()}"}}}))
    result = machine.help("get", server.host)
    assert result.returncode == 1 and "Is it running?" in result.stdout


# The cache

def test_the_second_sign_in_asks_nobody(machine: Machine, server: Weir) -> None:
    first = machine.help("get", server.host).stdout
    file = machine.home / ".cache/weir/registry-passwords.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    asked = server.output.count("GetAuthorizationToken")
    assert machine.help("get", server.host).stdout == first
    assert server.output.count("GetAuthorizationToken") == asked
    # A file that others can read is not believed, and is replaced.
    file.chmod(0o644)
    assert machine.help("get", server.host).returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and server.output.count("GetAuthorizationToken") > asked


def test_a_home_that_cannot_be_written(machine: Machine, server: Weir) -> None:
    assert machine.help("get", server.host, XDG_CACHE_HOME="/proc/none").returncode == 0
    environment = {name: value for name, value in machine.environment.items() if name != "HOME"}
    result = subprocess.run(
        ["docker-credential-weir", "get"], input=server.host, text=True, capture_output=True,
        env={**environment, "WEIR_HOSTS_FILE": str(machine.home / ".config/weir/hosts.json"),
             "AWS_SHARED_CREDENTIALS_FILE": str(machine.home / ".aws/credentials")})
    assert result.returncode == 0, result.stdout


def test_many_at_once(machine: Machine, server: Weir) -> None:
    """Eight sign-ins write one cache."""
    running = [
        subprocess.Popen(["docker-credential-weir", "get"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=machine.environment)
        for _ in range(8)]
    answers = [process.communicate(server.host)[0] for process in running]
    assert all(json.loads(answer)["Username"] == "AWS" for answer in answers)
    json.loads((machine.home / ".cache/weir/registry-passwords.json").read_text())


# Clients

def test_docker(docker: Docker, machine: Machine, server: Weir, image: Image, tmp_path: Path) -> None:
    """The page's configuration: no login was ever made."""
    configuration = tmp_path / "docker"
    configuration.mkdir()
    (written,) = [block for block in blocks(PAGE, "docker, podman, buildah, skopeo") if "credHelpers" in block]
    (configuration / "config.json").write_text(written.replace("registry.example", server.host))
    client = {"DOCKER_HOST": docker.environment["DOCKER_HOST"], "DOCKER_CONFIG": str(configuration)}
    pulled = machine.call("docker", "pull", f"{server.host}/team/app:1", **client)
    assert pulled.returncode == 0 and image.digest in pulled.stdout, pulled.stderr
    assert machine.call("docker", "logout", server.host, **client).returncode == 0
    # Without credentials of the machine there is no login.
    (machine.home / ".aws/credentials").unlink()
    (machine.home / ".cache/weir/registry-passwords.json").unlink()
    pushed = machine.call("docker", "push", f"{server.host}/team/app:1", **client)
    assert pushed.returncode != 0
    docker.remove(f"{server.host}/team/app:1")


@pytest.mark.parametrize("client", ["skopeo", "podman"])
def test_clients_that_read_dockers_file(machine: Machine, server: Weir, image: Image, tmp_path: Path, client: str) -> None:
    if reason := missing(client):
        pytest.skip(reason)
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"credHelpers": {server.host: "weir"}}))
    words = ["skopeo", "inspect", "--tls-verify=false", "--authfile", file, f"docker://{server.host}/team/app:1"]
    if client == "podman":
        words = ["podman", "login", "--tls-verify=false", "--authfile", file, "--get-login", server.host]
    result = machine.call(*words)
    assert result.returncode == 0, result.stderr
    assert (image.digest if client == "skopeo" else "AWS") in result.stdout


# The kubelet

def test_a_node_pulls_with_what_the_provider_returns(
    machine: Machine, server: Weir, image: Image, containerd: Containerd,
) -> None:
    reference = f"{server.host}/team/app:1"
    result = machine.provide(reference)
    answer = json.loads(result.stdout)
    assert (answer["kind"], answer["apiVersion"], answer["cacheKeyType"]) == ("CredentialProviderResponse", V1, "Image")
    hours, minutes = map(int, re.fullmatch(r"(\d+)h(\d+)m\d+s", answer["cacheDuration"]).groups())  # type: ignore[union-attr]
    assert 11 * 60 <= hours * 60 + minutes < 12 * 60
    login = answer["auth"][server.host]
    assert list(answer["auth"]) == [server.host] and login["username"] == "AWS"
    assert containerd.pull(reference, WATCH.plant(login["password"], "a registry password")) == image.digest


@pytest.mark.parametrize("reference", ["nginx", "docker.io/library/nginx", "public.ecr.aws/{host}/app", "{host}", "{host}0/app", "x{host}/app"])
def test_other_registries_images(machine: Machine, server: Weir, reference: str) -> None:
    result = machine.provide(reference.format(host=server.host))
    assert result.returncode == 0 and json.loads(result.stdout)["auth"] == {} and result.stderr == ""


def test_a_request_without_a_token_where_pods_sign_in(machine: Machine, server: Weir) -> None:
    result = machine.provide(f"{server.host}/team/app:1", "--service-account-tokens")
    assert result.returncode == 0 and json.loads(result.stdout)["auth"] == {}
    assert "no service account token" in result.stderr


def test_a_token_that_nobody_signed(machine: Machine, server: Weir) -> None:
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6Y2k6YnVpbGRlciJ9."
    annotations = {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{server.account}:role/pull"}
    result = machine.provide(f"{server.host}/team/app:1", serviceAccountToken=token, serviceAccountAnnotations=annotations)
    assert result.returncode == 1 and result.stdout == "" and token not in result.stderr and "eyJ" not in result.stderr


def test_nonsense_from_the_kubelet(machine: Machine) -> None:
    for text in ("", "{", "[]", '{"kind":"CredentialProviderRequest","apiVersion":"x/v9","image":"a"}', "\0" * 10, "[" * 100_000):
        result = machine.call(PROGRAM, "credential-provider", input=text)
        assert result.returncode == 1 and result.stdout == "" and result.stderr.startswith("weir: ")


def test_the_kubelets_configuration(machine: Machine, server: Weir, tmp_path: Path) -> None:
    hosts = machine.hosts("registry.example")
    printed = machine.call(PROGRAM, "credential-provider", "config", "--hosts", "/etc/weir/hosts.json")
    assert printed.returncode == 1 and "does not exist" in printed.stderr
    printed = machine.call(PROGRAM, "credential-provider", "config", "--hosts", hosts)
    (page,) = [block for block in blocks(PAGE, "Kubernetes: nodes") if block.startswith("apiVersion")]
    assert printed.stdout.replace(str(hosts), "/etc/weir/hosts.json") == page
    file = tmp_path / "providers.yaml"
    for options in ([], ["--service-account-tokens"], ["--service-account-tokens", "--role-arn", "arn:aws:iam::123456789012:role/pull"]):
        text = machine.call(PROGRAM, "credential-provider", "config", *options).stdout
        file.write_text(text)
        checked = machine.call(PROGRAM, "credential-provider", "config", file)
        assert (checked.returncode, checked.stdout) == (0, f"'{file}' is well\n")
    file.write_text(text.replace("registry.example", "registry.example:443"))
    checked = machine.call(PROGRAM, "credential-provider", "config", file)
    assert checked.returncode == 1 and "never asked for images of registry.example" in checked.stdout


# Roles and users: these need IAM and sts:AssumeRole on the server

@pytest.fixture(scope="module")
def user(server: Weir) -> dict[str, str]:
    """A user who may only assume the role `credentials-pull`, which may pull."""
    iam = server.client("iam")
    arn = iam.create_user(UserName="node")["User"]["Arn"]
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole",
                                                    "Condition": {"StringEquals": {"sts:ExternalId": "from-outside"}}}]}
    role = iam.create_role(RoleName="credentials-pull", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="credentials-pull", PolicyName="pull", PolicyDocument=json.dumps(PULL))
    key = iam.create_access_key(UserName="node")["AccessKey"]
    WATCH.plant(key["SecretAccessKey"], "a user's secret access key")
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "role": role}


def chained(user: dict[str, str], more: str = "external_id = from-outside\n") -> str:
    return (f"[profile pull]\nrole_arn = {user['role']}\nsource_profile = node\nrole_session_name = node-7\n{more}"
            f"[profile node]\naws_access_key_id = {user['id']}\naws_secret_access_key = {user['secret']}\n")


def test_a_role_by_a_users_key(machine: Machine, server: Weir, user: dict[str, str], image: Image) -> None:
    machine.configure(chained(user))
    result = machine.help("get", server.host, AWS_PROFILE="pull")
    assert result.returncode == 0, result.stdout
    password = json.loads(result.stdout)["Secret"]
    puller = server.distribution(password=password)
    assert puller.manifest("team/app", "1").status_code == 200
    assert puller.request("POST", "/v2/team/app/blobs/uploads/").status_code == 403


def test_a_users_key_may_not_pull_by_itself(machine: Machine, server: Weir, user: dict[str, str]) -> None:
    machine.configure(chained(user))
    result = machine.help("get", server.host, AWS_PROFILE="node")
    assert result.returncode == 1 and "ecr:GetAuthorizationToken" in result.stdout and user["secret"] not in result.stdout


def test_a_role_that_is_refused(machine: Machine, server: Weir, user: dict[str, str]) -> None:
    machine.configure(chained(user, "external_id = another\n"))
    result = machine.help("get", server.host, AWS_PROFILE="pull")
    assert result.returncode == 1 and "gives no session of the role" in result.stdout and "AccessDenied" in result.stdout
    assert user["secret"] not in result.stdout


def test_a_credential_process(machine: Machine, server: Weir, user: dict[str, str]) -> None:
    key = machine.home / "key.json"
    key.write_text(json.dumps({"Version": 1, "AccessKeyId": user["id"], "SecretAccessKey": user["secret"]}))
    machine.configure(f"[profile process]\ncredential_process = cat '{key}'\n"
                      f"[profile pull]\nrole_arn = {user['role']}\nsource_profile = process\nexternal_id = from-outside\n")
    assert machine.help("get", server.host, AWS_PROFILE="pull").returncode == 0


def test_commands_of_the_operator_use_roles_too(machine: Machine, server: Weir, user: dict[str, str]) -> None:
    machine.configure(chained(user))
    environment = {"AWS_PROFILE": "pull", "AWS_CONFIG_FILE": str(machine.home / ".aws/config"), "AWS_ENDPOINT_URL": server.url}
    (machine.home / ".aws/credentials").unlink()
    result = machine.call(PROGRAM, "rules", **environment)
    # It got as far as being a session that may not do this.
    assert result.returncode != 0 and "assumed-role/credentials-pull/node-7" in result.stdout + result.stderr


def test_a_node_with_a_role_pulls(
    machine: Machine, server: Weir, user: dict[str, str], image: Image, containerd: Containerd,
) -> None:
    machine.configure(chained(user))
    machine.hosts(server.host, profile="pull")
    reference = f"{server.host}/team/app:1"
    login = json.loads(machine.provide(reference).stdout)["auth"][server.host]
    assert containerd.pull(reference, WATCH.plant(login["password"], "a registry password")) == image.digest
