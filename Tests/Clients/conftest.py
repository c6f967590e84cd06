"""The servers and clients that the tests share. Every one of them lives in a temporary folder and ends with the run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.engines import Buildah, Containerd, Docker, Podman, Skopeo, missing
from harness.images import Image, two_platforms, write_layout
from harness.machine import Machine
from harness.processes import refusing_port
from harness.registries import DockerRegistry
from harness.rude import HONEST, RudeRegistry
from harness.secrets_seen import WATCH
from harness.tokens import TokenIssuer
from harness.weir import PROGRAM, Weir

#: The user and password that the upstream with logins knows.
ROBOT = ("robot", "correct-horse")


# What failed

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """Adds to a failure what the test's servers have written."""
    report = yield
    if report.when == "call" and report.failed:
        used = list(item.funcargs.values())
        made = [server for fixture in used for server in getattr(fixture, "made", [])]
        for server in used + made:
            if isinstance(server, Weir) and server.daemon:
                report.sections.append((f"log of {server.url}", server.output[-3000:]))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails where a planted secret occurs in anything that a server wrote or answered during the run."""
    if WATCH.found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WATCH.found:
        terminalreporter.section("secrets that were seen", sep="=", red=True)
        for line in dict.fromkeys(WATCH.found):
            terminalreporter.line(line)
    elif WATCH.searched:
        terminalreporter.line(
            f"{len(WATCH.planted)} forms of planted secrets looked for in {WATCH.searched} logs and answers: none was seen")


# Names

@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def prefix(_numbers: Iterator[int]) -> str:
    """A cache prefix that no other test has."""
    return f"cache-{next(_numbers)}"


# Upstreams

@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Image, str]:
    """A two-platform image that runs, and skopeo's name for it on this disk."""
    image = two_platforms("sample")
    return image, write_layout(tmp_path_factory.mktemp("sample"), "1", image)


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory, sample: tuple[Image, str]) -> Iterator[DockerRegistry]:
    """An upstream without login; it holds the sample as nginx/nginx:latest. Tests add what they need."""
    folder = tmp_path_factory.mktemp("upstream")
    registry = DockerRegistry(folder).start()
    Skopeo(folder / "skopeo").push(sample[1], f"{registry.host}/nginx/nginx:latest")
    yield registry
    registry.stop()


class SecuredUpstream:
    """A docker-registry behind TLS that accepts tokens from an issuer, as Docker Hub does."""

    def __init__(self, folder: Path, authority: Authority):
        certificate = authority.server()
        self.issuer = TokenIssuer(folder, certificate, {ROBOT[0]: ROBOT[1], "other": "staple"})
        self.registry = DockerRegistry(folder, certificate=certificate, auth=self.issuer.registry_auth).start()
        self.skopeo = Skopeo(folder / "skopeo", ca=authority.ca)

    @property
    def url(self) -> str:
        return self.registry.url

    def push(self, source: str, repository: str) -> None:
        self.skopeo.push(source, f"{self.registry.host}/{repository}", ROBOT[1], user=ROBOT[0])

    def stop(self) -> None:
        self.registry.stop()
        self.issuer.stop()


@pytest.fixture(scope="session")
def secured(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, sample: tuple[Image, str],
) -> Iterator[SecuredUpstream]:
    """It holds the sample as team/app:1; only users may pull."""
    upstream = SecuredUpstream(tmp_path_factory.mktemp("secured"), authority)
    upstream.push(sample[1], "team/app:1")
    yield upstream
    upstream.stop()


@pytest.fixture(scope="session")
def _rude() -> Iterator[RudeRegistry]:
    registry = RudeRegistry()
    yield registry
    registry.stop()


@pytest.fixture
def rude(_rude: RudeRegistry) -> Iterator[RudeRegistry]:
    """An upstream that misbehaves as a test tells it to, and is honest again afterwards."""
    yield _rude
    _rude.manners = HONEST


# The server under test

@pytest.fixture(scope="session")
def upstream_settings(
    upstream: DockerRegistry, secured: SecuredUpstream, _rude: RudeRegistry, authority: Authority,
) -> dict[str, object]:
    """Where the hosts of cache rules are really reached. No server listens at quay.io's address."""
    return {
        "upstreams": {
            "public.ecr.aws": upstream.url,
            "registry-1.docker.io": secured.url,
            "registry.k8s.io": _rude.url,
            "quay.io": f"http://127.0.0.1:{refusing_port()}",
        },
        "upstream_ca": authority.ca,
    }


@pytest.fixture(scope="session")
def _program() -> Path:
    if not PROGRAM.exists():
        pytest.fail(f"{PROGRAM} is not there: run `make build`")
    return PROGRAM


@pytest.fixture
def make_weir(
    _program: Path, tmp_path: Path, _numbers: Iterator[int], upstream_settings: dict[str, object],
) -> Iterator[Callable[..., Weir]]:
    """Makes servers for one test: each on an empty folder, started, removed afterwards."""
    made: list[Weir] = []

    def make(start: bool = True, **settings: object) -> Weir:
        server = Weir(tmp_path / f"weir-{next(_numbers)}", **{**upstream_settings, **settings}, watched=True)
        made.append(server)
        return server.start() if start else server

    make.made = made
    yield make
    for server in made:
        server.discard()


@pytest.fixture(scope="module")
def weir(
    _program: Path, tmp_path_factory: pytest.TempPathFactory, upstream_settings: dict[str, object],
) -> Iterator[Weir]:
    """One server for all the tests of a file."""
    server = Weir(tmp_path_factory.mktemp("weir"), **upstream_settings, watched=True).start()
    yield server
    alive = server.daemon is not None and server.daemon.alive
    server.discard()
    assert alive, f"the server has died:\n{server.output[-4000:]}"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """The machine below the servers that are started with its environment: `harness/machine.py` shows what can go wrong with it."""
    machine = Machine(tmp_path / "below")
    yield machine
    machine.mend()


# Clients

def _need(*programs: str, root: bool = False) -> None:
    if reason := missing(*programs, root=root):
        pytest.skip(reason)


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    _need("skopeo")
    return Skopeo(tmp_path / "skopeo")


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[Podman]:
    _need("podman", root=True)
    client = Podman(tmp_path / "podman")
    yield client
    client.close()


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Buildah]:
    _need("buildah", root=True)
    client = Buildah(tmp_path / "buildah")
    yield client
    client.close()


def _running(make: type[Docker] | type[Containerd], folder: Path, *programs: str) -> Iterator[Docker | Containerd | str]:
    """The engine, whose daemon is the first of the programs, as long as it is wanted; or why there is none here."""
    if reason := missing(*programs, root=True):
        yield reason
        return
    try:
        engine = make(folder)
    except (RuntimeError, TimeoutError) as problem:
        yield f"{programs[0]} does not run here: {str(problem)[-400:]}"
        return
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def _docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker | str]:
    yield from _running(Docker, tmp_path_factory.mktemp("docker"), "dockerd", "docker", "containerd")


@pytest.fixture
def docker(_docker: Docker | str) -> Docker:
    if isinstance(_docker, str):
        pytest.skip(_docker)
    return _docker


@pytest.fixture(scope="session")
def _containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd | str]:
    yield from _running(Containerd, tmp_path_factory.mktemp("containerd"), "containerd", "ctr")


@pytest.fixture
def containerd(_containerd: Containerd | str) -> Containerd:
    if isinstance(_containerd, str):
        pytest.skip(_containerd)
    return _containerd
