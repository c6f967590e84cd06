"""The program under test, run as an operator runs it."""

from __future__ import annotations

import base64
import configparser
import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from .distribution import Distribution
from .processes import CommandFailed, Daemon, clean_environment, free_port, run
from .secrets_seen import WATCH

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("WEIR_TEST_PROGRAM", REPOSITORY / ".build/release/weir"))
AWS = REPOSITORY / ".venv/bin/aws"

ACCOUNT = "111122223333"
REGION = "us-east-2"


class AWSRefusal(AssertionError):
    """The aws CLI's output when the server refuses."""

    def __init__(self, failure: CommandFailed):
        self.output = failure.output
        # "An error occurred (Name) when calling the Operation operation: message"
        self.name = self.output.partition("An error occurred (")[2].partition(")")[0]
        self.message = self.output.partition(" operation: ")[2].strip()
        super().__init__(self.output)


class Weir:
    """One server with a data folder of its own. It can be stopped, killed and started again on that folder."""

    def __init__(self, folder: Path, *, upstreams: Mapping[str, str] | None = None, upstream_ca: Path | None = None,
                 options: Sequence[str] = (), environment: Mapping[str, str] | None = None,
                 account: str = ACCOUNT, region: str = REGION, watched: bool = False,
                 under: Sequence[str] = (), deaf: bool = False, program: Path = PROGRAM, public_url: str | None = None):
        self.folder = folder
        self.program = program
        self.data = folder / "data"
        self.log = folder / "log"
        #: Its events and audit records, one JSON object a line, where it is watched.
        self.events, self.audit = folder / "events", folder / "audit"
        self.account = account
        self.region = region
        self.port = free_port()
        self.upstreams = dict(upstreams or {})
        self.upstream_ca = upstream_ca
        self.options = list(options)
        #: Logs all it can log, and all of that is searched for secrets at the end.
        self.watched = watched
        self.environment = dict(environment or {})
        #: Words before the command, under which it runs (`machine.py`).
        self.under = list(under)
        #: The URL for clients, where that is not its own port.
        self.public_url = public_url
        #: Whether its log goes to a pipe that no process reads.
        self.deaf = deaf
        self.daemon: Daemon | None = None
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._passwords: dict[str, str] = {}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    # Its life

    @property
    def command(self) -> list[str]:
        words = [*self.under, str(self.program), "serve", "--data", str(self.data), "--listen", self.host]
        words += ["--public-url", self.public_url] if self.public_url else ["--public-host", self.host]
        words += ["--account", self.account, "--region", self.region]
        for host, url in self.upstreams.items():
            words += ["--upstream", f"{host}={url}"]
        if self.upstream_ca:
            words += ["--upstream-ca", str(self.upstream_ca)]
        if self.watched:
            given = [("--log-level", "trace"), ("--events", str(self.events)), ("--audit", str(self.audit))]
            words += [word for pair in given if pair[0] not in self.options for word in pair]
        return words + self.options

    def start(self) -> Weir:
        environment = clean_environment(self.folder / "home", **self.environment)
        self.daemon = Daemon(self.command, self.log, environment, self.deaf)
        self.daemon.wait_until(self.is_ready, 30, "/healthz")
        return self

    def hear(self) -> str:
        """A deaf server's log since it was last heard."""
        return self._running().hear()

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> int:
        return self._running().stop()

    def kill(self) -> None:
        self._running().kill()

    def restart(self) -> Weir:
        if self.daemon and self.daemon.alive:
            self.stop()
        return self.start()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self._running().signal(signal.SIGTERM)

    def discard(self) -> None:
        """Ends it and removes its data: some tests store gigabytes."""
        if self.daemon:
            if self.watched and self.daemon.alive:
                self._search_metrics()
            self.daemon.kill()
        if self.watched:
            for told in (self.log, self.events, self.audit):
                WATCH.search_file(told)
        shutil.rmtree(self.data, ignore_errors=True)
        self._clients, self._passwords = {}, {}

    def _search_metrics(self) -> None:
        try:
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
                WATCH.search(answer.read(), f"{self.folder.name}/metrics")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass

    def _running(self) -> Daemon:
        assert self.daemon is not None, "the server was never started"
        return self.daemon

    @property
    def peak_memory(self) -> int:
        return self._running().peak_memory()

    @property
    def cpu_seconds(self) -> float:
        return self._running().cpu_seconds()

    @property
    def output(self) -> str:
        return self._running().output()

    # Who we are

    @property
    def credentials(self) -> dict[str, str]:
        """The root access key: from the environment, or as the first start wrote it."""
        given = {name.removeprefix("WEIR_ROOT_").lower(): value for name, value in self.environment.items()
                 if name in ("WEIR_ROOT_ACCESS_KEY_ID", "WEIR_ROOT_SECRET_ACCESS_KEY")}
        if given:
            return {f"aws_{name}": value for name, value in given.items()}
        parser = configparser.ConfigParser()
        parser.read(self.data / "credentials")
        names = ("aws_access_key_id", "aws_secret_access_key")
        WATCH.plant(parser["default"][names[1]], "a secret access key")
        return {name: parser["default"][name] for name in names}

    def password(self, region: str | None = None) -> str:
        """The output of `aws ecr get-login-password`. Asked for once and kept: it lasts 12 hours."""
        region = region or self.region
        if region not in self._passwords:
            answer = self.client("ecr", region).get_authorization_token()
            token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
            self._passwords[region] = WATCH.plant(token.partition(":")[2], "a registry password")
        return self._passwords[region]

    # Its doors

    def client(self, service: str, region: str | None = None, unchecked: bool = False) -> Any:
        """boto3 with the endpoint and the credentials, and no retries: a 5xx shows.

        `unchecked`: it sends what it would itself refuse.
        """
        region = region or self.region
        key = (service, region, unchecked)
        if key not in self._clients:
            configuration = Config(
                retries={"total_max_attempts": 1}, proxies={}, read_timeout=120, parameter_validation=not unchecked)
            self._clients[key] = boto3.client(
                service, region_name=region, endpoint_url=self.url, config=configuration, **self.credentials)
        return self._clients[key]

    @property
    def aws_environment(self) -> dict[str, str]:
        return clean_environment(
            self.folder / "home", AWS_ENDPOINT_URL=self.url, AWS_MAX_ATTEMPTS="1", AWS_PAGER="",
            AWS_SHARED_CREDENTIALS_FILE=str(self.data / "credentials"), AWS_EC2_METADATA_DISABLED="true",
        )

    def aws(self, *words: str, region: str | None = None) -> Any:
        """Runs the aws CLI, and returns its answer parsed as JSON. A refusal raises the exception's name."""
        try:
            result = run([AWS, *words, "--region", region or self.region, "--output", "json"], self.aws_environment)
        except CommandFailed as failure:
            raise AWSRefusal(failure) from None
        return json.loads(result.stdout) if result.stdout.strip() else None

    def distribution(self, region: str | None = None, password: str | None = None) -> Distribution:
        """A client of /v2/, signed in."""
        return Distribution(self.url, ("AWS", password or self.password(region)))

    # What the tests say often

    def arn(self, repository: str, region: str | None = None) -> str:
        return f"arn:aws:ecr:{region or self.region}:{self.account}:repository/{repository}"

    def rule(self, prefix: str, upstream: str, **members: str) -> dict[str, Any]:
        return self.client("ecr").create_pull_through_cache_rule(
            ecrRepositoryPrefix=prefix, upstreamRegistryUrl=upstream, **members)

    def repository(self, name: str, **members: Any) -> dict[str, Any]:
        return self.client("ecr").create_repository(repositoryName=name, **members)["repository"]

    def describe(self, name: str) -> dict[str, Any]:
        return self.client("ecr").describe_repositories(repositoryNames=[name])["repositories"][0]

    def secret(self, name: str, user: str = "robot", token: str = "", **members: Any) -> str:
        """Makes an upstream's secret. Returns its ARN."""
        WATCH.plant(token, f"the token of the secret {name}")
        value = json.dumps({"username": user, "accessToken": token})
        made = self.client("secretsmanager").create_secret(
            Name=f"ecr-pullthroughcache/{name}", SecretString=value, **members)
        return made["ARN"]

    # What lies on its disk

    def stored_files(self) -> list[Path]:
        """The files of finished content."""
        # Not rglob: it fails where a folder is removed meanwhile, and the store's mark is renamed at times.
        return sorted(path for folder, _, names in os.walk(self.data / "blobs") for path in (Path(folder) / name for name in names)
                      if path.is_file())

    def staged_files(self) -> list[Path]:
        return sorted(path for path in (self.data / "staging").rglob("*") if path.is_file())


def free_text(folder: Path, marker: bytes) -> list[Path]:
    """The files below a folder that contain these bytes."""
    return [path for path in folder.rglob("*") if path.is_file() and marker in path.read_bytes()]
