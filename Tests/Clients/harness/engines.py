"""The real clients, each with storage of its own: skopeo, docker, podman, buildah, containerd."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .processes import Daemon, clean_environment, run


def missing(*programs: str, root: bool = False) -> str | None:
    """Why these programs cannot be used here; empty where they can."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    absent = [program for program in programs if shutil.which(program, path=path) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if root and os.geteuid() != 0:
        return f"{programs[0]} needs root"
    return None


class Skopeo:
    def __init__(self, folder: Path, ca: Path | None = None):
        self.folder = folder
        trust = {"SSL_CERT_FILE": str(ca)} if ca else {}
        self.environment = clean_environment(folder / "home", **trust)
        self.verify = "true" if ca else "false"

    def copy(self, source: str, destination: str, *, source_password: str | None = None,
             destination_password: str | None = None, user: str = "AWS", format: str | None = None) -> None:
        words = ["skopeo", "copy", "--insecure-policy", "--all", "--retry-times", "0"]
        words += [f"--src-tls-verify={self.verify}", f"--dest-tls-verify={self.verify}"]
        # skopeo either keeps the digest or converts the format, not both.
        words += ["--format", format] if format else ["--preserve-digests"]
        if source_password:
            words += ["--src-creds", f"{user}:{source_password}"]
        if destination_password:
            words += ["--dest-creds", f"{user}:{destination_password}"]
        run([*words, source, destination], self.environment, seconds=300)

    def pull(self, reference: str, password: str | None, user: str = "AWS") -> str:
        """Pulls everything below the reference into a layout. Returns the digest of its top."""
        layout = self.folder / "pulled"
        self.copy(f"docker://{reference}", f"oci:{layout}:it", source_password=password, user=user)
        digest = json.loads((layout / "index.json").read_text())["manifests"][-1]["digest"]
        shutil.rmtree(layout)
        return digest

    def push(self, source: str, reference: str, password: str | None = None, **more: str) -> None:
        self.copy(source, f"docker://{reference}", destination_password=password, **more)

    def list_tags(self, repository: str, password: str) -> list[str]:
        words = ["skopeo", "list-tags", f"--tls-verify={self.verify}", "--creds", f"AWS:{password}"]
        return json.loads(run([*words, f"docker://{repository}"], self.environment).stdout)["Tags"]


class _ContainersStorage:
    """The parts that podman and buildah share."""

    program = ""

    def __init__(self, folder: Path):
        # Neither accepts a path of more than 50 characters for this.
        self.runtime = Path(tempfile.mkdtemp(prefix="weir-", dir="/tmp"))
        self.environment = clean_environment(folder / "home", XDG_RUNTIME_DIR=str(self.runtime))
        # The machine's own short names and mirrors are not used.
        registries = folder / "registries.conf"
        registries.write_text('unqualified-search-registries = []\n')
        self.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
        self.storage = ["--root", folder / "storage", "--runroot", self.runtime, "--storage-driver", "vfs"]

    def call(self, *words: str | Path, input: str | None = None) -> str:
        return run([self.program, *self.storage, *words], self.environment, input=input, seconds=300).stdout

    def login(self, host: str, password: str) -> None:
        self.call("login", "--tls-verify=false", "--username", "AWS", "--password-stdin", host, input=password)

    def close(self) -> None:
        shutil.rmtree(self.runtime, ignore_errors=True)


class Podman(_ContainersStorage):
    program = "podman"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.storage += ["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--tmpdir", folder / "libpod"]

    def pull(self, reference: str) -> list[str]:
        self.call("pull", "--quiet", "--tls-verify=false", reference)
        return _repository_digests(self.call("image", "inspect", reference))

    def push(self, reference: str) -> None:
        self.call("push", "--quiet", "--tls-verify=false", reference)

    def tag(self, reference: str, other: str) -> None:
        self.call("tag", reference, other)

    def remove(self, *references: str) -> None:
        self.call("rmi", "--force", *references)


class Buildah(_ContainersStorage):
    program = "buildah"

    def build_on(self, base: str, file: Path, result: str) -> None:
        """An image of the base and one more file."""
        container = self.call("from", "--tls-verify=false", base).strip()
        self.call("copy", container, file, "/added")
        self.call("commit", "--quiet", "--rm", container, result)

    def push(self, reference: str) -> None:
        self.call("push", "--quiet", "--tls-verify=false", reference)


class Docker:
    """A docker daemon of the tests' own, without networks or firewall rules, and its command line."""

    def __init__(self, folder: Path, *options: str, under: Sequence[str] = ()):
        """`under`: words before the daemon's command."""
        self.folder = folder
        self.environment = clean_environment(
            folder / "home", DOCKER_HOST=f"unix://{folder}/docker.sock", DOCKER_CONFIG=str(folder / "config"))
        self.daemon = Daemon([
            *under, "dockerd", "--data-root", folder / "data", "--exec-root", folder / "exec", "-p", folder / "pid",
            "-H", f"unix://{folder}/docker.sock", "--iptables=false", "--ip6tables=false", "--bridge=none",
            "--storage-driver=vfs", *options,
        ], folder / "log", self.environment)
        self.daemon.wait_until(self._answers, 40, "docker.sock")

    def _answers(self) -> bool:
        return run(["docker", "version"], self.environment, check=False).returncode == 0

    def call(self, *words: str | Path, input: str | None = None) -> str:
        return run(["docker", *words], self.environment, input=input, seconds=300).stdout

    def login(self, host: str, password: str, user: str = "AWS") -> None:
        self.call("login", "--username", user, "--password-stdin", host, input=password)

    def pull(self, reference: str) -> list[str]:
        self.call("pull", "--quiet", reference)
        return _repository_digests(self.call("image", "inspect", reference))

    def push(self, reference: str) -> None:
        self.call("push", "--quiet", reference)

    def tag(self, reference: str, other: str) -> None:
        self.call("tag", reference, other)

    def remove(self, *references: str) -> None:
        self.call("rmi", "--force", *references)

    def stop(self) -> None:
        self.daemon.stop(20)


class Containerd:
    """A containerd of the tests' own, and its `ctr`."""

    def __init__(self, folder: Path):
        self.socket = folder / "containerd.sock"
        self.environment = clean_environment(folder / "home")
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "config.toml"
        configuration.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        self.daemon = Daemon([
            "containerd", "--config", configuration, "--root", folder / "root", "--state", folder / "state",
            "--address", self.socket,
        ], folder / "log", self.environment)
        self.daemon.wait_until(self._answers, 40, "containerd.sock")

    def _answers(self) -> bool:
        return run(["ctr", "-a", self.socket, "version"], self.environment, check=False).returncode == 0

    def call(self, *words: str) -> str:
        return run(["ctr", "-a", self.socket, *words], self.environment, seconds=300).stdout

    def pull(self, reference: str, password: str) -> str:
        """Pulls every platform. Returns the digest that the reference names."""
        self.call("images", "pull", "--plain-http", "--all-platforms", "--snapshotter", "native",
                  "--user", f"AWS:{password}", reference)
        line = next(line for line in self.call("images", "ls").splitlines() if line.startswith(reference + " "))
        return next(word for word in line.split() if word.startswith("sha256:"))

    def contents(self) -> list[str]:
        """The digests of all that it has fetched."""
        return self.call("content", "ls", "-q").split()

    def stop(self) -> None:
        self.daemon.stop(20)


def _repository_digests(inspected: str) -> list[str]:
    return [name.partition("@")[2] for name in json.loads(inspected)[0]["RepoDigests"]]
