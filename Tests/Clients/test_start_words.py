"""Errors at the start are told in plain words, all of them together, before anything is made."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError

from harness.certificates import Authority
from harness.processes import Daemon, clean_environment, free_port, run
from harness.weir import PROGRAM, Weir

pytestmark = pytest.mark.usefixtures("_program")

#: Texts that only a programmer understands.
RAW = ("Error Domain", "errno:", "error (", "bind(", "SocketAddressError", "NIOSSL", "UserInfo", "failedToLoad", "CancellationError", "Error:")


def refused(tmp_path: Path, *words: object, **environment: str) -> str:
    """The program's output where it does not start."""
    result = run([PROGRAM, "serve", "--data", tmp_path / "data", "--log-format", "json", *map(str, words)],
                 clean_environment(tmp_path / "home", **environment), check=False, seconds=30)
    assert result.returncode in (1, 64), result
    told = "\n".join(line for line in result.stderr.splitlines() if not line.startswith("{"))
    assert not [word for word in RAW if word in result.stderr], result.stderr
    return told


@pytest.mark.parametrize(("listen", "words"), [
    ("10.9.9.9:5051", ["10.9.9.9:5051 is none of this machine's", "--listen 0.0.0.0:5051"]),
    ("no-such-host.invalid:5051", ["'no-such-host.invalid'", "cannot be resolved"]),
    ("127.0.0.1", ["'127.0.0.1' is not HOST:PORT"]),
    ("127.0.0.1:70000", ["is not HOST:PORT"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_an_address_that_cannot_be_used(tmp_path: Path, listen: str, words: list[str]) -> None:
    told = refused(tmp_path, "--listen", listen)
    assert all(word in told for word in words), told
    metrics = refused(tmp_path, "--listen", f"127.0.0.1:{free_port()}", "--metrics-listen", listen)
    assert all(word.replace("--listen", "--metrics-listen") in metrics for word in words), metrics


@pytest.mark.parametrize("listen", [":{port}", "0.0.0.0:{port}", "[::1]:{port}"])
def test_addresses_of_every_kind(make_weir: Callable[..., Weir], listen: str) -> None:
    if "::" in listen:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
    weir = make_weir(start=False)
    host = f"[::1]:{weir.port}" if "::" in listen else weir.host
    words = [PROGRAM, "serve", "--data", weir.data, "--listen", listen.format(port=weir.port)]
    weir.daemon = Daemon(words, weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_for_port(weir.port) if "::" not in listen else weir.daemon.wait_until(lambda: "Ready" in weir.output, 30, "Ready")
    assert requests.get(f"http://{host}/healthz", timeout=10).status_code == 200


def test_a_port_for_root_alone(tmp_path: Path) -> None:
    """With advice on what to do."""
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]
    if subprocess.run([*bare, "true"], capture_output=True).returncode or int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 81:
        pytest.skip("every port is everybody's here")
    result = run([*bare, PROGRAM, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:80"], clean_environment(tmp_path / "home"), check=False)
    assert "127.0.0.1:80 may not be used by this user" in result.stderr, result.stderr


def test_a_key_that_is_not_its_certificates(tmp_path: Path, authority: Authority) -> None:
    (one, key), (_, other) = authority.server(), authority.server()
    told = refused(tmp_path, "--tls-certificate", one, "--tls-key", other)
    assert f"the key in '{other}' is not that of the first certificate in '{one}'" in told
    assert f"'{key}' holds no certificate" in refused(tmp_path, "--tls-certificate", key, "--tls-key", key)
    assert f"'{one}' holds no private key" in refused(tmp_path, "--tls-certificate", one, "--tls-key", one)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("text", "words"), [
    ('{\n  "region": "us-east-1"\n  "account": "1"\n}\n', "line 3, column 3"),
    ('{"region": }', "line 1, column 12"),
    ("", "line 1, column 1"),
    ("[]", "is no JSON object"),
])
def test_a_settings_file_that_is_broken(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "weir.json"
    file.write_text(text)
    told = refused(tmp_path, "--config", file, "--sealing", "never")
    assert words in told and str(file) in told and "never" in told, told
    assert "is not there" in refused(tmp_path, "--config", tmp_path / "nothing.json")


def test_all_wrong_words_of_the_command_line_are_told_together(tmp_path: Path) -> None:
    told = refused(tmp_path, "--log-level", "loud", "--freshness", "soon", "--gc-grace", "-1", "--max-connections", "1.5", "--account", "12")
    for words in ("'loud'", "freshness: 'soon' is not a whole number", "gcGrace: -1 is less than 0", "maxConnections: '1.5'", "'12'"):
        assert words in told, told
    told = refused(tmp_path, WEIR_FRESHNESS="soon", WEIR_LOG_LEVEL="loud")
    assert "freshness: 'soon'" in told and "'loud'" in told, told
    assert "freshness: -3 is less than 0 seconds" in refused(tmp_path, "--freshness", "-3")


@pytest.mark.parametrize("damage", ["header", "page"])
def test_a_damaged_database(make_weir: Callable[..., Weir], tmp_path: Path, damage: str) -> None:
    weir = make_weir()
    weir.repository("app/one")
    weir.stop()
    file = weir.data / "weir.db"
    content = bytearray(file.read_bytes())
    start = 0 if damage == "header" else 4096
    content[start:start + 4096 * 8] = b"\xa5" * 4096 * 8
    file.write_bytes(content)
    for log in ("weir.db-wal", "weir.db-shm"):
        (weir.data / log).unlink(missing_ok=True)
    shutil.copytree(weir.data, tmp_path / "data")
    told = refused(tmp_path, "--listen", f"127.0.0.1:{free_port()}", "--account", weir.account, "--region", weir.region)
    assert "weir.db" in told and "restore" in told and "backup" in told, told


@pytest.mark.parametrize(("url", "words"), [
    ("registry.example", "is not https://HOST[:PORT]"), ("ftp://registry.example", "is not https://HOST[:PORT]"),
    ("https://registry.example/weir", "has a path or a query"), ("https://registry.example?x", "has a path or a query"),
    ("https://", "names no host"), ("https://user@registry.example", "names no host"), ("https://a b", "names no host"),
    ("https://registry.example:0", "has a port that is none"), ("https://registry.example:99999", "has a port that is none"),
    ("https://[::1", "names no host"), ("https://registry.example:443:443", "names no host"),
])
def test_a_public_url_that_is_none(tmp_path: Path, url: str, words: str) -> None:
    told = refused(tmp_path, "--public-url", url)
    (line,) = [line for line in told.splitlines() if line.strip().startswith("-")]
    assert line.strip().startswith("- publicURL: ") and words in line and f"'{url}'" in line, told
    assert "publicURL" in refused(tmp_path, WEIR_PUBLIC_URL=url)


def test_a_public_host_that_is_none(tmp_path: Path) -> None:
    for host in ("https://registry.example", "registry.example/path", "a b", "", "registry.example:http"):
        assert "publicHost: " in refused(tmp_path, "--public-host", host)
    told = refused(tmp_path, "--public-host", "one.example", "--public-url", "https://two.example")
    assert "publicURL names 'two.example' and publicHost 'one.example'" in told


def test_more_rules_than_ecr_allows(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    weir = make_weir(options=["--rules-per-registry", "60"])
    for number in range(60):
        weir.rule(f"cache-{number}", "public.ecr.aws")
    with pytest.raises(ClientError, match="60 pull through cache rules"):
        weir.rule("one-more", "public.ecr.aws")
    assert len(json.loads(run([PROGRAM, "rules", "--endpoint", weir.url, "--data", weir.data, "--region", weir.region, "--output", "json"],
                              clean_environment(tmp_path / "home")).stdout)["rules"]) == 60
    assert "rulesPerRegistry: 0 is not between 1 and 1000" in refused(tmp_path, "--rules-per-registry", "0")


@pytest.mark.parametrize("contact", ["a b", "ops@example.com\r\nX-Evil: 1", "x" * 201, "(comment)", ""])
def test_a_contact_that_could_not_stand_in_a_header(tmp_path: Path, contact: str) -> None:
    assert "upstreamContact: " in refused(tmp_path, "--upstream-contact", contact)
