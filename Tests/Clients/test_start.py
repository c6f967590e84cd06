"""The program's start, as an operator sees it."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError

from harness.certificates import Authority
from harness.distribution import Distribution
from harness.processes import Daemon, clean_environment, free_port, run
from harness.weir import ACCOUNT, PROGRAM, REGION, REPOSITORY, Weir


pytestmark = pytest.mark.usefixtures("_program")


def test_the_first_start_says_how_to_sign_in(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    assert weir.url in weir.output
    assert f"docker login --username AWS --password-stdin {weir.host}" in weir.output
    assert str(weir.data / "credentials") in weir.output
    secret = weir.credentials["aws_secret_access_key"]
    assert secret not in weir.output
    assert stat.S_IMODE((weir.data / "credentials").stat().st_mode) == 0o600
    assert stat.S_IMODE(weir.data.stat().st_mode) == 0o700
    first = weir.credentials
    weir.restart()
    assert weir.credentials == first
    assert weir.aws("sts", "get-caller-identity")["Account"] == ACCOUNT


def test_an_access_key_from_the_environment(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(environment={
        "WEIR_ROOT_ACCESS_KEY_ID": "AKIAFROMENVIRONMENT1", "WEIR_ROOT_SECRET_ACCESS_KEY": "from/the/environment/1234567890"})
    assert not (weir.data / "credentials").exists()
    assert weir.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_a_key_from_the_environment_is_the_only_one_as_long_as_it_is_used(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    first = weir.client("sts")
    weir.stop()
    weir.environment = {
        "WEIR_ROOT_ACCESS_KEY_ID": "AKIAFROMENVIRONMENT1", "WEIR_ROOT_SECRET_ACCESS_KEY": "from/the/environment/1234567890"}
    weir.start()
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        first.get_caller_identity()
    weir.stop()
    weir.environment = {}
    weir.start()
    assert first.get_caller_identity()["Account"] == ACCOUNT


def test_a_log_that_cannot_be_written_does_not_end_the_server(tmp_path: Path) -> None:
    port = free_port()
    command = f"exec '{PROGRAM}' serve --data '{tmp_path / 'data'}' --listen 127.0.0.1:{port} --log-format json >/dev/full 2>/dev/full"
    daemon = Daemon(["sh", "-c", command], tmp_path / "log", os.environ)
    try:
        daemon.wait_for_port(port, 60)
        for _ in range(3):  # Each of them is refused, and logged.
            assert requests.post(f"http://127.0.0.1:{port}/", data="{}", timeout=30).status_code in (400, 403)
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=30).status_code == 200
    finally:
        daemon.stop()


def test_health_and_metrics(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    assert requests.get(weir.url + "/healthz", timeout=5).status_code == 200
    weir.repository("some/app")
    answer = requests.get(weir.url + "/metrics", timeout=5)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
    samples = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert samples
    for line in samples:
        assert re.fullmatch(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [0-9eE+.\-]+|.* (NaN|\+Inf)', line), line


def problems(tmp_path: Path, *words: str, **environment: str) -> str:
    """The program's output where it does not start."""
    result = run([PROGRAM, "serve", "--data", tmp_path / "data", *words],
                 clean_environment(tmp_path / "home", **environment), check=False, seconds=20)
    assert result.returncode not in (0, -11, -6), result
    return result.stdout + result.stderr


def test_all_problems_are_told_together_before_anything_starts(tmp_path: Path) -> None:
    told = problems(tmp_path, "--account", "12", "--region", "Nowhere!", "--listen", "somewhere",
                    "--upstream", "no-url", "--sealing", "sometimes")
    for name in ("12", "Nowhere!", "somewhere", "no-url", "sometimes"):
        assert f"'{name}'" in told, told
    assert not (tmp_path / "data").exists()


def test_problems_of_every_source(tmp_path: Path) -> None:
    file = tmp_path / "weir.json"
    file.write_text(json.dumps({"region": "Elsewhere!", "lissten": "127.0.0.1:1"}))
    told = problems(tmp_path, "--config", str(file), "--account", "13", WEIR_SEALING="never")
    for word in ("Elsewhere!", "lissten", "13", "never"):
        assert word in told, told


def test_settings_from_a_file_and_the_environment(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "weir.json"
    file.write_text(json.dumps({
        "data": str(tmp_path / "data"), "listen": "127.0.0.1:1", "account": ACCOUNT, "region": "eu-north-1"}))
    environment = clean_environment(tmp_path / "home", WEIR_LISTEN=f"127.0.0.1:{port}")
    daemon = Daemon([PROGRAM, "serve", "--config", file, "--region", REGION], tmp_path / "log", environment)
    try:
        daemon.wait_for_port(port)
        daemon.wait_until(lambda: (tmp_path / "data/credentials").exists(), 60, "credentials")
        assert REGION in (tmp_path / "data/credentials").read_text()
    finally:
        daemon.stop()


def test_a_port_that_is_taken(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    weir = make_weir()
    told = problems(tmp_path, "--listen", weir.host)
    assert str(weir.port) in told and "in use" in told.lower(), told


def test_a_data_folder_that_is_taken(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    weir = make_weir()
    result = run([PROGRAM, "serve", "--data", weir.data, "--listen", f"127.0.0.1:{free_port()}"],
                 clean_environment(tmp_path / "home"), check=False, seconds=20)
    assert result.returncode != 0 and "in use by another" in result.stdout + result.stderr
    assert weir.is_ready()


def test_make_run_reaches_ready(tmp_path: Path) -> None:
    if "WEIR_TEST_PROGRAM" in os.environ:
        pytest.skip("another program than that of `make build` is tested")
    port = free_port()
    arguments = f"--data {tmp_path / 'data'} --listen 127.0.0.1:{port}"
    daemon = Daemon(["make", "-C", REPOSITORY, "run", f"ARGS={arguments}"], tmp_path / "log", os.environ)
    try:
        daemon.wait_until(lambda: f"Weir is ready at http://localhost:{port}" in daemon.output(), 900, "ready")
    finally:
        daemon.stop()


def test_it_starts_within_a_moment(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False)
    started = time.monotonic()
    weir.start()
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("self_signed", [True, False], ids=["self-signed", "given"])
def test_tls(make_weir: Callable[..., Weir], authority: Authority, self_signed: bool) -> None:
    if self_signed:
        options = ["--tls-self-signed"]
    else:
        certificate, key = authority.server()
        options = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    weir = make_weir(start=False, options=options)
    environment = clean_environment(weir.folder / "home")
    weir.daemon = Daemon(weir.command, weir.log, environment)
    weir.daemon.wait_for_port(weir.port)
    ca = weir.data / "tls/ca.crt" if self_signed else authority.ca
    weir.daemon.wait_until(ca.exists, 60, "the authority's certificate")
    client = Distribution(f"https://{weir.host}", verify=str(ca))
    answer = client.request("GET", "/v2/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert weir.daemon.stop() == 0


def test_a_stop_does_not_wait_for_who_never_speaks(make_weir: Callable[..., Weir]) -> None:
    """A connection to a TLS port that sends nothing gets no answer, so the stop need not wait for it."""
    weir = make_weir(start=False, options=["--tls-self-signed"])
    weir.daemon = Daemon(weir.command, weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_for_port(weir.port)
    with socket.create_connection(("127.0.0.1", weir.port)):
        time.sleep(0.5)
        began = time.monotonic()
        assert weir.daemon.stop() == 0
        assert time.monotonic() - began < 15


def test_it_needs_no_privilege(make_weir: Callable[..., Weir]) -> None:
    """As in a container that has dropped all capabilities."""
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]
    if os.geteuid() != 0 or subprocess.run([*bare, "true"], capture_output=True).returncode:
        pytest.skip("capabilities can be dropped by root only, and here not even so: every other test runs without them")
    weir = make_weir(start=False)
    weir.daemon = Daemon([*bare, *weir.command], weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_until(weir.is_ready, 30, "/healthz")
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{weir.daemon.pid}/status").read_text()
    weir.repository("team/app")
    assert weir.distribution().request("GET", "/v2/team/app/tags/list").status_code == 200


def test_it_brings_swift_with_it(tmp_path: Path) -> None:
    """It runs where no Swift is installed."""
    libraries = run(["ldd", PROGRAM], clean_environment(tmp_path / "home")).stdout
    assert "libc.so" in libraries and "swift" not in libraries.lower() and "Foundation" not in libraries, libraries


def test_it_may_open_as_many_files_as_the_system_allows(make_weir: Callable[..., Weir]) -> None:
    """A login shell's limit is 1,024, fewer than the accepted connections; and the kernel's table does not grow under load."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1_000), hard))
    try:
        weir = make_weir()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    process = Path(f"/proc/{weir._running().pid}")
    limits = next(line.split() for line in process.joinpath("limits").read_text().splitlines() if line.startswith("Max open files"))
    assert limits[3] == limits[4]
    table = next(line for line in process.joinpath("status").read_text().splitlines() if line.startswith("FDSize"))
    assert int(table.split()[1]) >= min(hard, 16_384)
