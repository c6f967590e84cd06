"""Debian's docker-registry: the upstream of the tests, and the peer of the benchmarks."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .processes import Daemon, clean_environment, free_port

ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[0-9.]+" (?P<status>\d{3}) (?P<size>\d+)')


@dataclass(frozen=True)
class Access:
    """One line of an access log."""

    method: str
    target: str
    status: int
    size: int


class DockerRegistry:
    """A docker-registry on a loopback port, with its data and its log in a folder."""

    def __init__(self, folder: Path, *, port: int | None = None, proxy_of: str | None = None,
                 certificate: tuple[Path, Path] | None = None, auth: dict[str, object] | None = None,
                 access_log: bool = True, delete: bool = False):
        self.folder = folder
        self.port = port or free_port()
        self.scheme = "https" if certificate else "http"
        http: dict[str, object] = {"addr": f"127.0.0.1:{self.port}"}
        if certificate:
            http["tls"] = {"certificate": str(certificate[0]), "key": str(certificate[1])}
        self.configuration: dict[str, object] = {
            "version": 0.1,
            # Below "error" it logs each request a second time, at length.
            "log": {"level": "error", "accesslog": {"disabled": not access_log}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": delete}},
            "http": http,
        }
        if proxy_of:
            self.configuration["proxy"] = {"remoteurl": proxy_of}
        if auth:
            self.configuration["auth"] = auth
        self.daemon: Daemon | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def start(self) -> DockerRegistry:
        program = shutil.which("docker-registry")
        if program is None:
            raise RuntimeError("no docker-registry on PATH")
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "config.yml"
        configuration.write_text(json.dumps(self.configuration))  # JSON is YAML.
        environment = clean_environment(self.folder / "home", OTEL_TRACES_EXPORTER="none")
        self.daemon = Daemon([program, "serve", configuration], self.folder / "log", environment)
        self.daemon.wait_for_port(self.port)
        return self

    def stop(self) -> None:
        if self.daemon:
            self.daemon.stop(10)
            self.daemon = None

    def wipe(self) -> None:
        """Removes everything stored. Only while the registry is stopped."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def accesses(self) -> list[Access]:
        """Every request that was answered since the folder was made, oldest first."""
        found = []
        log = self.folder / "log"
        for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
            if match := ACCESS.search(line):
                found.append(Access(match["method"], match["target"], int(match["status"]), int(match["size"])))
        return found

    def blob_gets(self, digest: str) -> list[Access]:
        """The requests for a blob's bytes, whole or in part."""
        return [one for one in self.accesses() if one.method == "GET" and one.target.endswith(f"/blobs/{digest}")]

    def manifest_requests(self, repository: str, reference: str) -> list[Access]:
        target = f"/v2/{repository}/manifests/{reference}"
        return [one for one in self.accesses() if one.target.split("?")[0] == target]
