"""The commands for a running server, as operators see them: their messages when something is wrong, and their output."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.faults import Fault
from harness.images import random_layer, single, two_platforms
from harness.nowhere import Recorder
from harness.processes import Daemon, clean_environment, free_port, refusing_port, run
from harness.standin import StandIn
from harness.vendors import Vendor
from harness.weir import PROGRAM, Weir

#: Seconds within which a command must report any failure.
AT_ONCE = 4.0
#: Texts of libraries, which no message may hold.
FOREIGN = re.compile(r"errno|NIO|SSLError|Error\.|HTTPClient|\.swift|checkouts|/build|SocketAddress|\(error")


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    made = StandIn(Vendor("commanded", "public.ecr.aws", scheme="open", tls=False))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def upstream_settings(standin: StandIn) -> dict[str, object]:
    return {"upstreams": {"public.ecr.aws": standin.url, "quay.io": f"http://127.0.0.1:{refusing_port()}"}}


@dataclass
class Said:
    code: int
    out: str
    problem: str
    seconds: float


def say(folder: Path, *words: str | Path, where: Path | None = None, **variables: str) -> Said:
    """Runs a command, in an environment with only these variables."""
    began = time.monotonic()
    done = run([PROGRAM, *words], clean_environment(folder / "home", **variables), check=False, folder=where)
    return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def told(weir: Weir, *words: str) -> Said:
    return say(weir.folder, *words, "--endpoint", weir.url, "--data", weir.data)


def is_plain(said: Said) -> bool:
    return said.code == 1 and said.out == "" and len(said.problem.splitlines()) == 1 and said.problem.startswith("weir: ") \
        and not FOREIGN.search(said.problem)


# A server that cannot be asked (N10)

@pytest.fixture(scope="module")
def secure(weir: Weir, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weir]:
    """A server that speaks TLS with a certificate of its own authority."""
    server = Weir(tmp_path_factory.mktemp("secure"), options=["--tls-self-signed"])
    server.daemon = Daemon(server.command, server.log, clean_environment(server.folder / "home"))
    server.daemon.wait_for_port(server.port)
    server.daemon.wait_until((server.data / "credentials").exists, 30, "its credentials")
    yield server
    server.discard()


def unreachable(weir: Weir, endpoint: str, *words: str | Path) -> str:
    said = say(weir.folder, "rules", "--endpoint", endpoint, "--data", weir.data, *words)
    assert is_plain(said), said
    assert said.seconds < AT_ONCE, f"{said.seconds:.1f} s of silence"
    assert f"the server at {endpoint} cannot be asked: " in said.problem
    return said.problem


def test_nobody_listens(weir: Weir) -> None:
    problem = unreachable(weir, f"http://127.0.0.1:{refusing_port()}")
    assert "connection refused" in problem and "Is it running?" in problem and "--endpoint" in problem


def test_nobody_listens_at_localhost(weir: Weir) -> None:
    """For both addresses, ::1 and 127.0.0.1."""
    assert "connection refused" in unreachable(weir, f"http://localhost:{refusing_port()}")


def test_there_is_no_such_name(weir: Weir) -> None:
    problem = unreachable(weir, "http://no-such-name.invalid:5050")
    assert re.search("no such host|the name could not be resolved", problem) and "--endpoint" in problem


def test_https_to_a_port_that_speaks_http(weir: Weir) -> None:
    problem = unreachable(weir, f"https://{weir.host}")
    assert "it does not speak TLS" in problem and f"--endpoint http://{weir.host}" in problem


def test_http_to_a_port_that_speaks_tls(weir: Weir, secure: Weir) -> None:
    said = say(weir.folder, "rules", "--endpoint", f"http://{secure.host}", "--data", weir.data)
    assert is_plain(said) and said.seconds < AT_ONCE, said
    assert f"http://{secure.host}" in said.problem and "TLS" in said.problem and "https://" in said.problem


def test_an_authority_that_nobody_told_of(weir: Weir, secure: Weir) -> None:
    problem = unreachable(weir, f"https://{secure.host}")
    assert "its certificate is not trusted: its authority is unknown here" in problem and "--ca" in problem


def test_the_servers_own_authority_is_trusted_though_the_machine_has_a_bundle(secure: Weir, authority: Authority) -> None:
    """Many machines set AWS_CA_BUNDLE for all programs."""
    said = say(secure.folder, "rules", "--endpoint", f"https://{secure.host}", "--data", secure.data, AWS_CA_BUNDLE=str(authority.ca))
    assert said.code == 0, said


@pytest.mark.parametrize(("names", "expired", "words"), [
    (["elsewhere.example"], False, "its certificate is for another name"), ([], True, "its certificate has expired"),
])
def test_a_certificate_that_is_not_good(weir: Weir, authority: Authority, names: list[str], expired: bool, words: str) -> None:
    server = Recorder(certificate=authority.server(*names, expired=expired), address="127.0.0.1")
    try:
        assert words in unreachable(weir, f"https://{server.address}", "--ca", authority.ca)
    finally:
        server.stop()


def test_something_else_answers(weir: Weir, standin: StandIn) -> None:
    said = say(weir.folder, "rules", "--endpoint", standin.url, "--data", weir.data)
    assert is_plain(said) and "is no Weir" in said.problem and "--endpoint" in said.problem, said


# Credentials that this server does not know (N11)

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


def foreign_file(path: Path, profile: str = "default", **keys: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {**KEYS, **keys}
    path.write_text(f"[{profile}]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in values.items()))
    return path


def unknown(weir: Weir, said: Said, *parts: str) -> None:
    assert is_plain(said), said
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in said.problem
    for part in (weir.url, KEYS["AWS_ACCESS_KEY_ID"], "does not know", "--data", *parts):
        assert part in said.problem, (part, said.problem)


def test_a_key_of_the_environment(weir: Weir) -> None:
    unknown(weir, say(weir.folder, "rules", "--endpoint", weir.url, **KEYS), "AWS_ACCESS_KEY_ID", "unset AWS_ACCESS_KEY_ID")


def test_a_key_of_another_servers_file(weir: Weir, tmp_path: Path) -> None:
    file = foreign_file(tmp_path / "other")
    unknown(weir, say(weir.folder, "rules", "--endpoint", weir.url, AWS_SHARED_CREDENTIALS_FILE=str(file)), f"'{file}'")
    file = foreign_file(tmp_path / "work", "work")
    said = say(weir.folder, "rules", "--endpoint", weir.url, AWS_SHARED_CREDENTIALS_FILE=str(file), AWS_PROFILE="work")
    unknown(weir, said, f"'{file}'", "'work'")


def test_a_stale_folder_beside_us(weir: Weir, tmp_path: Path) -> None:
    foreign_file(tmp_path / "weir-data/credentials")
    unknown(weir, say(weir.folder, "rules", "--endpoint", weir.url, where=tmp_path), "'weir-data/credentials'")


def test_a_secret_that_is_another_one(weir: Weir, tmp_path: Path) -> None:
    key = weir.credentials["aws_access_key_id"]
    file = foreign_file(tmp_path / "changed", AWS_ACCESS_KEY_ID=key)
    said = say(weir.folder, "rules", "--endpoint", weir.url, AWS_SHARED_CREDENTIALS_FILE=str(file))
    assert is_plain(said) and key in said.problem and f"'{file}'" in said.problem and "secret" in said.problem, said
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in said.problem


def test_no_key_at_all(weir: Weir, tmp_path: Path) -> None:
    said = say(weir.folder, "rules", "--endpoint", weir.url, "--data", "/no/such")
    assert is_plain(said) and "no access key" in said.problem and "/no/such/credentials" in said.problem, said
    file = foreign_file(tmp_path / "file")
    said = say(weir.folder, "rules", "--endpoint", weir.url, where=tmp_path, AWS_SHARED_CREDENTIALS_FILE=str(file), AWS_PROFILE="work")
    assert is_plain(said) and "the profile 'work'" in said.problem and str(file) in said.problem, said


# What is typed wrong

@pytest.mark.parametrize(("words", "meant"), [
    (["srve"], "serve"), (["rule"], "rules"), (["verfy", "--repair"], "verify"), (["rules", "shwo", "x"], "show"),
    (["clock", "acept"], "accept"), (["wram", "team/app:1"], "warm"), (["jbos"], "jobs"),
])
def test_a_misspelt_command(weir: Weir, words: list[str], meant: str) -> None:
    said = say(weir.folder, *words)
    assert said.code == 64 and f"Did you mean '{meant}'?" in said.problem, said


def test_a_command_that_is_like_no_other(weir: Weir) -> None:
    said = say(weir.folder, "frobnicate")
    assert said.code == 64 and "There is no command 'frobnicate'" in said.problem and "rules" in said.problem


@pytest.mark.parametrize("words", [
    ["gc", "--grace", "-1"], ["rules", "set", "x", "--freshness", "-3"], ["rules", "set", "x", "--connections", "-2"],
    ["rules", "set", "x", "--requests-per-second", "-0.5"], ["rules", "set", "x", "--bytes-per-second", "0"],
    ["rules", "set", "x", "--referrers-freshness", "soon"],
])
def test_a_number_that_cannot_be(weir: Weir, words: list[str]) -> None:
    said = told(weir, *words)
    assert said.code == 64 and f"The value '{words[-1]}' is invalid for '{words[-2]} <" in said.problem and "it must be a" in said.problem, said


def test_all_wrong_settings_of_a_start_are_told_together(weir: Weir) -> None:
    said = say(weir.folder, "serve", "--log-level", "loud", "--freshness", "soon", "--gc-grace", "-3", "--listen", "nowhere")
    assert said.code == 64
    for part in ("logLevel: 'loud'", "freshness: 'soon' is not a whole number", "gcGrace: -3 is less than 0", "listen: 'nowhere'"):
        assert part in said.problem, said.problem


# Rules (N20)

def test_reset_takes_the_options_own_names(weir: Weir, prefix: str) -> None:
    weir.rule(prefix, "public.ecr.aws")
    given = {"--freshness": "60", "--referrers-freshness": "120", "--pin": "v*", "--connections": "3", "--requests-per-second": "2.5",
             "--bytes-per-second": "4096", "--platform": "linux/arm64"}
    assert told(weir, "rules", "set", prefix, *[word for pair in given.items() for word in pair]).code == 0
    shown = told(weir, "rules", "show", prefix).out
    for words in (r"freshness +60 s", r"freshness of referrers +2 min", r"pinned tags +v\*", r"requests at a time +3", r"requests a second +2\.5",
                  r"bytes a second +4\.0 KiB", r"fetched of lists +linux/arm64", r"plain http +no"):
        assert re.search(f"^{words}", shown, re.MULTILINE), (words, shown)
    assert not re.search(r"freshnessSeconds|pinnedTags|plainHTTP|bytesPerSecond|\[\]|\"", shown), shown
    back = told(weir, "rules", "set", prefix, *[word for name in given for word in ("--reset", name.removeprefix("--"))])
    assert back.code == 0, back
    assert re.search(r"^freshness +the server's own", back.out, re.MULTILINE) and re.search(r"^pinned tags +none", back.out, re.MULTILINE)
    assert told(weir, "rules", "set", prefix, "--freshness", "60").code == 0
    assert "the server's own" in told(weir, "rules", "set", prefix, "--reset", "freshnessSeconds").out, "the API's names too"
    wrong = told(weir, "rules", "set", prefix, "--reset", "freshnes")
    assert wrong.code == 64 and "Did you mean 'freshness'?" in wrong.problem and "requests-per-second" in wrong.problem, wrong


def on_a_terminal(command: Sequence[str | Path], environment: dict[str, str], columns: int = 120) -> str:
    """The command's output on a terminal with so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen([str(word) for word in command], stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:  # The other side has ended.
        pass
    process.wait(20)
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_the_last_error_is_cut_to_the_terminal_and_not_in_a_pipe(weir: Weir, prefix: str) -> None:
    weir.rule(prefix, "quay.io")
    assert weir.distribution().manifest(f"{prefix}/dead/app", "1").status_code == 503
    command = [PROGRAM, "rules", "--endpoint", weir.url, "--data", weir.data]
    environment = clean_environment(weir.folder / "home")
    piped = told(weir, "rules").out
    line = next(line for line in piped.splitlines() if line.startswith(f"{prefix} "))
    assert line.endswith("connection refused") and "ago: " in line
    assert "since the server's start" in piped
    for columns in (120, 100):
        lines = on_a_terminal(command, environment, columns).splitlines()
        row = next(line for line in lines if line.startswith(f"{prefix} "))
        assert len(row) <= columns, row
    assert row.endswith("…"), row


# Why

def test_why_tells_an_upstream_that_is_silent_from_one_that_says_no(weir: Weir, prefix: str, standin: StandIn) -> None:
    weir.rule(prefix, "quay.io")
    silent = told(weir, "why", f"{prefix}/dead/app:1")
    assert silent.code == 1 and "Upstream cannot be asked now" in silent.out and "does not" not in silent.out.splitlines()[0], silent
    weir.rule(f"{prefix}/has", "public.ecr.aws")
    missing = told(weir, "why", f"{prefix}/has/none:1")
    assert missing.code == 1 and "Upstream does not have it" in missing.out and "cannot be asked" not in missing.out, missing


def test_why_tells_which_platforms_are_here(weir: Weir, prefix: str, standin: StandIn) -> None:
    image = standin.hold("1", two_platforms("commanded", 3000, runs=False), repository="two/app")
    weir.rule(prefix, "public.ecr.aws")
    client, name = weir.distribution(), f"{prefix}/two/app"
    listed = client.manifest(name, "1").json()["manifests"]
    assert image.digest == client.manifest(name, "1").headers["Docker-Content-Digest"]
    platforms = ["{os}/{architecture}".format(**child["platform"]) for child in listed]
    assert re.search(r"platforms +0 of 2 platforms are here. Fetched when a client asks", told(weir, "why", f"{name}:1").out)
    client.pull(name, listed[0]["digest"])
    shown = told(weir, "why", f"{name}:1").out
    assert re.search(rf"platforms +1 of 2 platforms is here: {platforms[0]}\. Fetched when a client asks for them: {platforms[1]}", shown), shown
    standin.hold("one", single([random_layer("one", 100)]), repository="two/app")
    client.pull(name, "one")
    assert "platforms" not in told(weir, "why", f"{name}:one").out


# Long work

def test_ctrl_c_ends_the_command_and_not_the_warming(weir: Weir, prefix: str, standin: StandIn) -> None:
    image = standin.hold("slow", single([random_layer("slow", 3_000_000)]), repository="slow/app")
    weir.rule(prefix, "public.ecr.aws")
    standin.fail(Fault("blobs", times=4, methods=("GET",), smallest=1_000_000, rate=600_000))
    command = [str(PROGRAM), "warm", f"{prefix}/slow/app:slow", "--endpoint", weir.url, "--data", str(weir.data)]
    process = subprocess.Popen(command, env=clean_environment(weir.folder / "home"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, problem = process.communicate(timeout=10)
    assert process.returncode == 130 and "the server goes on" in problem and "weir jobs" in problem, problem
    jobs = told(weir, "jobs").out
    assert re.search(r"warm +running", jobs), jobs
    deadline = time.monotonic() + 30
    while "running" in (jobs := told(weir, "jobs").out) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert re.search(r"warm +done", jobs), jobs
    mark = standin.mark()
    weir.distribution().pull(f"{prefix}/slow/app", "slow")
    assert standin.since(mark) == [] and image.layers


def test_jobs_tells_of_chores(weir: Weir) -> None:
    assert told(weir, "verify").code == 0 and told(weir, "gc", "--dry-run").code == 0
    jobs = told(weir, "jobs").out
    assert re.search(r"verify +done +0 faults", jobs) and re.search(r"gc +done +.* would be freed", jobs), jobs


# Help

def helps(weir: Weir) -> Iterator[tuple[str, str]]:
    """The help of every command."""
    waiting: list[list[str]] = [[]]
    while waiting:
        words = waiting.pop()
        text = say(weir.folder, *words, "--help").out
        yield " ".join(words) or "weir", text
        below = text.partition("SUBCOMMANDS:")[2] + text.partition("A RUNNING SERVER:")[2]
        waiting += [[*words, name] for name in re.findall(r"^  (\w+)(?: \(default\))?  ", below, re.MULTILINE) if name != "help"]


def test_help_says_what_a_value_is(weir: Weir) -> None:
    """`--listen <host:port>`, not `--listen <listen>`."""
    pages = dict(helps(weir))
    assert {"weir", "serve", "rules", "rules set", "warm", "jobs", "clock accept"} <= set(pages)
    for name, page in pages.items():
        for option, value in re.findall(r"^  --([\w-]+) <([^>]+)>", page, re.MULTILINE):
            assert value != option, f"weir {name}: --{option} <{value}>"
    assert "--listen <host:port>" in pages["serve"] and "--freshness <seconds>" in pages["serve"]
    sections = re.findall(r"^([A-Z][A-Z, ]+):$", pages["serve"], re.MULTILINE)
    assert "TLS" in sections and "UPSTREAMS" in sections and sections[-1] == "OPTIONS" and len(sections) >= 7, sections


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_completion(weir: Weir, shell: str) -> None:
    said = say(weir.folder, "--generate-completion-script", shell)
    assert said.code == 0 and "warm" in said.out
