"""The log's lines: whose request was refused, numbers as numbers, and text that people can read."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.distribution import Distribution
from harness.images import random_layer, single
from harness.processes import Daemon, clean_environment, run, wait_until
from harness.registries import DockerRegistry
from harness.weir import PROGRAM, Weir


def lines(weir: Weir, message: str) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in weir.output.splitlines() if line.startswith("{")]
    return [line for line in told if line["message"] == message]


def last(weir: Weir, message: str) -> dict[str, Any]:
    wait_until(lambda: lines(weir, message), 10, message)
    return lines(weir, message)[-1]


def test_a_refusal_says_whose_it_is(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-level", "info"])
    agent = "check/1.0 " + "x" * 5_000
    answer = requests.get(f"{weir.url}/v2/nosuch/app/manifests/1?token=planted-query", auth=("AWS", weir.password()), timeout=10,
                          headers={"User-Agent": agent})
    assert answer.status_code == 404
    told = last(weir, "Request refused")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", told["client.address"])
    assert (told["http.method"], told["http.path"]) == ("GET", "/v2/nosuch/app/manifests/1")
    assert told["repository.name"] == "nosuch/app" and told["http.status"] == 404
    assert told["user_agent.original"] == agent[:200]
    assert "planted-query" not in weir.output

    assert requests.post(f"{weir.url}/", timeout=10, headers={
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.Nothing", "User-Agent": "check/2.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=nonsense"}).status_code == 400
    told = last(weir, "AWS call refused: its signature cannot be read")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", told["client.address"])
    assert (told["http.method"], told["http.path"], told["user_agent.original"]) == ("POST", "/", "check/2.0")


def test_numbers_are_numbers(make_weir: Callable[..., Weir], upstream: DockerRegistry) -> None:
    weir = make_weir(options=["--log-level", "debug"])
    weir.rule("cache", "public.ecr.aws")
    weir.distribution().pull("cache/nginx/nginx", "latest")
    answered = last(weir, "Request answered")
    assert type(answered["http.status"]) is int and type(answered["http.bytes"]) is int
    assert type(answered["http.seconds"]) is float and 0 <= answered["http.seconds"] < 60
    assert re.fullmatch(r"127\.0\.0\.1:\d+", answered["client.address"])
    wait_until(lambda: lines(weir, "Blob filled"), 20, "a blob")
    filled = last(weir, "Blob filled")
    assert type(filled["fill.bytes"]) is int and type(filled["fill.seconds"]) in (int, float) and type(filled["fill.parts"]) is int
    assert lines(weir, "Ready")[0]["listen"] == weir.host
    # Numbers are logged as numbers. Names are text, though one may have digits only: a build id in 280 does.
    digits = {key for line in weir.output.splitlines() if line.startswith("{")
              for key, value in json.loads(line).items() if isinstance(value, str) and value.isdigit()}
    assert digits <= {"account", "access_key.id", "build", "reference", "tag", "registry"}, digits


def test_no_object_graphs(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-level", "debug"])
    weir.stop()
    long = [line[:200] for line in weir.output.splitlines() if len(line) > 2_000]
    assert not long, long
    assert "Registry(" not in weir.output and "PullsLifetime" not in weir.output


def test_the_text_log_is_for_people(make_weir: Callable[..., Weir], upstream: DockerRegistry) -> None:
    weir = make_weir(options=["--log-level", "debug", "--log-format", "text"])
    weir.rule("cache", "public.ecr.aws")
    weir.distribution().pull("cache/nginx/nginx", "latest")
    wait_until(lambda: "Blob filled" in weir.output, 20, "a blob")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"
    filled = next(line for line in weir.output.splitlines() if "Blob filled" in line)
    assert re.match(rf"{stamp} info     Blob filled  blob\.digest=sha256:[0-9a-f]{{64}} fill\.bytes=[0-9.]+(B|KiB|MiB) ", filled), filled
    assert re.search(r" fill\.seconds=[0-9.]+(ms|s)\b", filled), filled
    assert requests.get(f"{weir.url}/v2/no/manifests/1", auth=("AWS", weir.password()), timeout=10).status_code == 404
    wait_until(lambda: "error.code=NAME_UNKNOWN" in weir.output, 10, "the refusal")
    refused = next(line for line in weir.output.splitlines() if "Request refused" in line and "error.code=NAME_UNKNOWN" in line)
    assert re.search(r'error\.message="The repository with name \'no\' does not exist[^"]*"', refused), refused


def test_tls_to_a_plain_port_is_no_fault(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-level", "debug"])
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as bare, pytest.raises(ssl.SSLError):
        context.wrap_socket(bare)
    assert last(weir, "A client spoke TLS to this plain port")["level"] == "debug"
    assert not lines(weir, "Request refused: it cannot be parsed")


def test_plain_http_to_a_tls_port_is_answered(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False, options=["--tls-self-signed", "--log-level", "debug"])
    weir.daemon = Daemon(weir.command, weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_until(lambda: "Ready" in weir.output, 30, "Ready")
    answer = requests.get(f"http://{weir.host}/v2/", timeout=10)
    assert answer.status_code == 400 and "https://" in answer.text and "speaks TLS" in answer.reason
    assert last(weir, "A client spoke plain HTTP to this TLS port")["level"] == "debug"
    ca = weir.data / "tls/ca.crt"
    assert Distribution(f"https://{weir.host}", verify=str(ca)).request("GET", "/v2/").status_code == 401
    assert weir.daemon.stop() == 0


# The version

def test_the_version_is_everywhere(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-level", "info"])
    said = run([PROGRAM, "--version"], clean_environment(weir.folder / "home")).stdout.strip()
    number, build = re.fullmatch(r"weir (\d+\.\d+\.\d+) \(build ([0-9a-f]{12})\)", said).groups()
    first = json.loads(next(line for line in weir.output.splitlines() if line.startswith("{")))
    assert (first["message"], first["version"], first["build"]) == ("Weir starts", number, build)
    metrics = requests.get(f"{weir.url}/metrics", timeout=10).text
    assert f'weir_build_info{{build="{build}",version="{number}"}} 1' in metrics
    assert requests.get(f"{weir.url}/version", timeout=10).text == said + "\n"
    assert requests.get(f"{weir.url}/version", timeout=10, headers={"Via": "a proxy"}).status_code == 403
    notes = subprocess.run(["readelf", "-n", PROGRAM], capture_output=True, text=True).stdout
    assert f"Build ID: {build}" in notes


@pytest.mark.parametrize(("options", "tail"), [([], ""), (["--upstream-contact", "mailto:ops@example.com"], r" \(\+mailto:ops@example\.com\)")])
def test_upstreams_are_told_who_asks(make_weir: Callable[..., Weir], options: list[str], tail: str) -> None:
    agents: list[str] = []

    class Upstream(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            agents.append(self.headers["User-Agent"])
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        weir = make_weir(upstreams={"public.ecr.aws": f"http://127.0.0.1:{server.server_port}"}, options=options)
        weir.rule("cache", "public.ecr.aws")
        assert weir.distribution().manifest("cache/a/b", "1").status_code == 404
    finally:
        server.shutdown()
    assert agents and all(re.fullmatch(rf"weir/\d+\.\d+\.\d+{tail}", agent) for agent in agents), agents


# The start and the end

@pytest.mark.parametrize(("listen", "is_told"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_plain_http_between_machines_is_told(make_weir: Callable[..., Weir], listen: str, is_told: bool) -> None:
    weir = make_weir(start=False)
    words = [PROGRAM, "serve", "--data", weir.data, "--listen", f"{listen}:{weir.port}", "--log-level", "info"]
    weir.daemon = Daemon(words, weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_until(weir.is_ready, 30, "/healthz")
    assert ("speaks plain HTTP to other machines" in weir.output) == is_told


def test_a_stop_says_what_it_waits_for(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-level", "info"])
    weir.repository("app/big")
    layer = random_layer("big", 30_000_000)
    weir.distribution().push("app/big", "1", single([layer], note="big"))
    with socket.create_connection(("127.0.0.1", weir.port)) as slow:
        login = base64.b64encode(f"AWS:{weir.password()}".encode()).decode()
        slow.sendall(f"GET /v2/app/big/blobs/{layer.digest} HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {login}\r\n\r\n".encode())
        slow.recv(1000)
        weir.terminate()
        assert last(weir, "Stopping: answers are under way")["answers"] == 1
        while slow.recv(1 << 20):
            pass
    assert weir.daemon.wait(30) == 0
    assert lines(weir, "Stopped")


def test_what_never_ran_does_not_stop(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    running = make_weir()
    told = run([PROGRAM, "serve", "--data", tmp_path / "other", "--listen", running.host, "--log-format", "json"],
               clean_environment(tmp_path / "home"), check=False, seconds=30)
    assert told.returncode == 1 and "is in use by another program" in told.stderr
    assert "Stopped" not in told.stderr and "errands" not in told.stderr


# What counts as a pull

@pytest.mark.parametrize("questions", [
    [("HEAD", "latest"), ("GET", "digest"), ("GET", "child")], [("GET", "latest"), ("GET", "child")], [("HEAD", "latest"), ("GET", "latest"), ("GET", "child")],
], ids=["docker", "podman", "oras"])
def test_a_pull_counts_once(make_weir: Callable[..., Weir], upstream: DockerRegistry, sample: tuple[Any, str],
                            questions: list[tuple[str, str]]) -> None:
    weir = make_weir()
    weir.rule("cache", "public.ecr.aws")
    client = weir.distribution()
    digest = client.manifest("cache/nginx/nginx", "latest").headers["Docker-Content-Digest"]
    child = client.manifest("cache/nginx/nginx", digest).json()["manifests"][0]["digest"]
    weir.discard()
    weir.start()
    weir.rule("cache", "public.ecr.aws")
    client = weir.distribution()
    names = {"digest": digest, "child": child}
    for round_, (pulls, hits) in enumerate([(1, 0), (2, 1)]):
        for method, name in questions:
            path = f"/v2/cache/nginx/nginx/manifests/{names.get(name, name)}"
            assert client.request(method, path, headers={"Accept": "*/*"}).status_code == 200, (round_, name)
        metrics = requests.get(f"{weir.url}/metrics", timeout=10).text
        counted = {outcome: int(number) for outcome, number in re.findall(r'weir_manifest_pulls_total\{outcome="(\w+)"\} (\d+)', metrics)}
        assert (counted.get("miss", 0), counted.get("hit", 0)) == (1, hits), counted
        rules = json.loads(run([PROGRAM, "rules", "--endpoint", weir.url, "--data", weir.data, "--region", weir.region, "--output", "json"],
                               clean_environment(weir.folder / "home")).stdout)["rules"]
        assert (rules[0]["traffic"]["misses"], rules[0]["traffic"]["hits"]) == (1, hits)
        assert pulls == 1 + hits
