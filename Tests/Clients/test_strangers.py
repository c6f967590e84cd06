"""Clients that prove no identity do no harm to the others."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from harness.images import random_layer, sha256, single
from harness.processes import Daemon, clean_environment, free_port, run
from harness.signing import keys, send, signed
from harness.weir import Weir

MIB = 1 << 20


def healthy(weir: Weir, seconds: float = 10) -> None:
    """It answers a new client. The promise is one second; a machine that runs all the tests gets longer."""
    answer = requests.get(weir.url + "/healthz", timeout=seconds)
    assert (answer.status_code, answer.text.strip()) == (200, "ok")


def connect(weir: Weir, seconds: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", weir.port), timeout=seconds)


def forged(weir: Weir, length: int, *, content_type: str = "application/x-amz-json-1.1", target: str = "UploadLayerPart",
           service: str = "ecr") -> bytes:
    """The head of a call that names an existing key, with an invalid signature."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    names = "host;x-amz-date" + (";x-amz-target" if target else "")
    scope = f"{weir.credentials['aws_access_key_id']}/{now[:8]}/{weir.region}/{service}/aws4_request"
    lines = [
        "POST / HTTP/1.1", f"Host: {weir.host}", f"Content-Type: {content_type}", f"Content-Length: {length}", f"X-Amz-Date: {now}",
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={'0' * 64}"]
    if target:
        lines.append(f"X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.{target}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# The log

def unread(weir: Weir, *more: str) -> tuple[subprocess.Popen[bytes], int]:
    """The server with its log in a pipe that is not read; and the pipe's reading end."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*weir.command, *more], stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
        env=clean_environment(weir.folder / "home"), start_new_session=True)
    os.close(writing)
    return process, reading


def test_a_log_that_nobody_reads_holds_up_nobody(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False)
    weir.watched = False
    process, reading = unread(weir, "--log-level", "debug")
    try:
        deadline = time.monotonic() + 30
        while not weir.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        session = requests.Session()
        for _ in range(600):
            assert session.get(weir.url + "/v2/", auth=("AWS", "nonsense"), timeout=10).status_code == 401
        healthy(weir)
        metrics = requests.get(weir.url + "/metrics", timeout=10).text
        assert "weir_failed_logins_total 600" in metrics
        process.terminate()
        assert process.wait(25) == 0
    finally:
        os.close(reading)
        process.kill()
        process.wait(10)


def test_events_and_audit_in_a_pipe_that_nobody_reads(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(start=False)
    weir.watched = False
    process, reading = unread(weir, "--audit", "-")
    try:
        deadline = time.monotonic() + 30
        while not weir.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        weir.repository("some/app")
        client = weir.distribution()
        for _ in range(300):
            assert client.manifest("some/app", "none").status_code == 404
        process.terminate()
        assert process.wait(25) == 0
    finally:
        os.close(reading)
        process.kill()
        process.wait(10)


def test_bad_logins_are_summed_up(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    session = requests.Session()
    for _ in range(200):
        assert session.get(weir.url + "/v2/app/tags/list", auth=("AWS", "nonsense"), timeout=10).status_code == 401
    request = signed(weir, "ecr", "DescribeRegistry", "{}", credentials=keys(weir, secret_access_key="not/the/secret"))
    for _ in range(200):
        assert send(request).status_code == 400
    weir.stop()
    lines = [json.loads(line) for line in weir.output.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["level"] == "info" and "refused" in line["message"]]
    assert 1 <= len(told) <= 20
    (summary,) = [line for line in lines if line["message"].startswith("More failed logins")]
    assert summary["client.address"] == "127.0.0.1" and int(summary["count"]) == 400 - len(told)
    records = [json.loads(line) for line in weir.audit.read_text().splitlines()]
    failed = [record for record in records if record.get("errorCode")]
    assert 1 <= len(failed) <= 20
    # A claimed key proves no identity.
    assert all(record["userIdentity"] == {"type": "Unknown"} for record in failed)
    (flood,) = [record for record in records if record["eventName"] == "FailedLogins"]
    assert flood["serviceEventDetails"]["count"] == 400 - len(told) and flood["sourceIPAddress"] == "127.0.0.1"


def test_a_text_log_cannot_be_forged(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-format", "text", "--log-level", "info"])
    weir.watched = False
    forged_line = "AKIA%0A2026-01-01T00:00:00Z%20error%20weir:%20FORGED%1b[2J"
    query = (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={forged_line}%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"
             "&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0&Action=GetCallerIdentity")
    assert requests.get(f"{weir.url}/?{query}", timeout=10).status_code == 403
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    query = query.replace("20260101T000000Z", now).replace("20260101", now[:8])
    assert requests.get(f"{weir.url}/?{query}", timeout=10).status_code == 403
    weir.stop()
    assert "FORGED" in weir.output and "\x1b" not in weir.output
    assert not [line for line in weir.output.splitlines() if "FORGED" in line and line.index("FORGED") < 40]


# Bodies

def test_long_bodies_with_a_signature_that_is_none(make_weir: Callable[..., Weir]) -> None:
    """Twelve at once, 31 MiB each, with the id of a key, which is public: forms, arrays and zeros."""
    weir = make_weir()
    bodies = [b"a&" * (31 * MIB // 2), b"[]," * (31 * MIB // 3), b"\0" * (31 * MIB)]
    heads = [
        ("application/x-www-form-urlencoded", "", "sts"), ("application/x-amz-json-1.1", "UploadLayerPart", "ecr"),
        ("application/x-amz-json-1.1", "PutImage", "ecr")]
    answers: list[bytes] = []

    def attack(number: int) -> None:
        body, (content_type, target, service) = bodies[number % 3], heads[number % 3]
        with contextlib.suppress(OSError), connect(weir, 60) as connection:
            connection.sendall(forged(weir, len(body), content_type=content_type, target=target, service=service))
            with contextlib.suppress(OSError):
                connection.sendall(body)
            answers.append(connection.makefile("rb").readline())

    attackers = [threading.Thread(target=attack, args=(number,)) for number in range(12)]
    for attacker in attackers:
        attacker.start()
    while any(attacker.is_alive() for attacker in attackers):
        healthy(weir)
        time.sleep(0.2)
    assert answers and not any(b" 200 " in answer or b" 500 " in answer for answer in answers), answers
    assert weir.peak_memory < 420 * MIB, f"{weir.peak_memory >> 20} MiB"


def test_a_signed_call_of_nothing_but_brackets(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    for operation, refusal in (("DescribeRegistry", 413), ("UploadLayerPart", 400)):
        body = "[" + "[]," * (31 * MIB // 3) + "[]]"
        answer = send(signed(weir, "ecr", operation, body))
        assert answer.status_code == refusal, answer.text[:300]
    healthy(weir)
    assert weir.peak_memory < 400 * MIB, f"{weir.peak_memory >> 20} MiB"


def test_a_layer_part_is_still_taken(make_weir: Callable[..., Weir]) -> None:
    """The longest call: by boto3, whose signature needs the body's hash, eight at once."""
    weir = make_weir()
    weir.repository("big/app")
    content = random_layer("part", 20 * MIB).content[:20 * MIB]
    client, failures = weir.client("ecr"), []

    def push() -> None:
        try:
            upload = client.initiate_layer_upload(repositoryName="big/app")["uploadId"]
            client.upload_layer_part(repositoryName="big/app", uploadId=upload, partFirstByte=0, partLastByte=len(content) - 1,
                                     layerPartBlob=content)
        except Exception as problem:  # noqa: BLE001 - told by the test
            failures.append(problem)

    pushers = [threading.Thread(target=push) for _ in range(8)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    assert not failures, failures


def test_a_body_that_is_not_signed_is_refused(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    def ask(payload: str) -> requests.Response:
        request = AWSRequest("POST", weir.url + "/", data=b"{}", headers={
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Content-SHA256": payload,
            "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRegistry"})
        signer = SigV4Auth(keys(weir), "ecr", weir.region)
        signer.payload = lambda _: payload
        signer.add_auth(request)
        return send(requests.Request("POST", weir.url + "/", data=b"{}", headers=dict(request.headers)).prepare())

    assert ask(sha256(b"{}").removeprefix("sha256:")).status_code == 200
    for payload in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64):
        answer = ask(payload)
        assert answer.status_code == 400 and "InvalidSignatureException" in answer.text, (payload, answer.text)


# Connections

def test_thousands_of_slow_connections_lock_nobody_out(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("some/app")
    client = weir.distribution()
    blob = random_layer("flood", MIB).content
    client.push_blob("some/app", blob, sha256(blob))
    client.push("some/app", "1", single([random_layer("flood", MIB)]))
    slow = f"POST / HTTP/1.1\r\nHost: {weir.host}\r\nContent-Length: 60000\r\n\r\nx".encode()
    with many_files(), contextlib.ExitStack() as stack:
        for _ in range(4_300):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", weir.port))
            with contextlib.suppress(OSError):
                connection.send(slow)
            if _ % 100 == 0:
                time.sleep(0.02)
        for _ in range(3):
            healthy(weir)
            # A connection from before, and a new one.
            assert client.pull("some/app", "1")
            assert weir.distribution().pull("some/app", "1")


def test_few_descriptors_and_many_strangers(make_weir: Callable[..., Weir]) -> None:
    """A hard limit of 1,024: an accepted client finds a descriptor for its request, and nothing spins."""
    weir = make_weir(start=False)
    weir.daemon = Daemon(
        ["prlimit", "--nofile=1024:1024", *weir.command], weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_until(weir.is_ready, 30, "/healthz")
    weir.repository("some/app")
    image = single([random_layer("few", MIB)])
    weir.distribution().push("some/app", "1", image)
    with many_files(), contextlib.ExitStack() as stack:
        for _ in range(1_400):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", weir.port))
            if _ % 100 == 0:
                time.sleep(0.02)
        healthy(weir)
        assert weir.distribution().pull("some/app", "1")
        before = weir.cpu_seconds
        time.sleep(2)
        assert weir.cpu_seconds - before < 1.2, "a core is busy with nobody"


def test_a_list_of_ten_thousand_signed_headers(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    names = ";".join([f"{number:x}" for number in range(6_000)] + ["host", "x-amz-date"])
    scope = f"{weir.credentials['aws_access_key_id']}/{now[:8]}/{weir.region}/ecr/aws4_request"
    headers = {f"X-Amz-{number}": "v" for number in range(180)} | {
        "X-Amz-Date": now, "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={'0' * 64}"}
    session, before = requests.Session(), weir.cpu_seconds
    for _ in range(20):
        assert session.post(weir.url + "/", headers=headers, timeout=30).status_code in (400, 403)
    assert weir.cpu_seconds - before < 2


# What is shown

def test_metrics_are_shown_to_this_machine_only(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    assert requests.get(weir.url + "/metrics", timeout=5).status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        answer = requests.get(weir.url + "/metrics", headers={header: "192.0.2.1"}, timeout=5)
        assert answer.status_code == 403 and "weir_" not in answer.text
    own = run(["hostname", "-I"], clean_environment(weir.folder / "home")).stdout.split() if shutil.which("hostname") else []
    token = weir.folder / "token"
    token.write_text("a-token-of-some-length\n")
    guarded = make_weir(options=["--metrics-token-file", str(token)])
    assert requests.get(guarded.url + "/metrics", timeout=5).status_code == 401
    for given, status in (("a-token-of-some-length", 200), ("another-token-of-length", 401)):
        answer = requests.get(guarded.url + "/metrics", headers={"Authorization": f"Bearer {given}"}, timeout=5)
        assert answer.status_code == status
    port = free_port()
    apart = make_weir(options=["--metrics-listen", f"127.0.0.1:{port}"])
    assert requests.get(apart.url + "/metrics", timeout=5).status_code == 404
    assert "weir_" in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    assert requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).status_code == 404
    assert apart.stop() == 0 and own is not None


def test_no_answer_may_be_guessed_at(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.repository("some/app")
    client = weir.distribution()
    client.push("some/app", "1", single([random_layer("sniff", 1_000)]))
    answers = [
        client.manifest("some/app", "1"), client.manifest("some/app", "none"), client.request("GET", "/v2/"),
        requests.get(weir.url + "/"), requests.get(weir.url + "/healthz"), requests.get(weir.url + "/nowhere"),
        requests.post(weir.url + "/", data="{}"), client.request("POST", "/v2/some/app/blobs/uploads/"),
        client.request("GET", "/v2/_catalog"), requests.get(weir.url + "/metrics")]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer.url
    with connect(weir) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert b"nosniff" in connection.recv(10_000)


# TLS

def secure(make_weir: Callable[..., Weir], *options: str) -> Weir:
    weir = make_weir(start=False, options=["--tls-self-signed", *options])
    weir.daemon = Daemon(weir.command, weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_for_port(weir.port)
    return weir


def shake(weir: Weir, version: str) -> str:
    words = ["openssl", "s_client", "-connect", weir.host, version, "-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(words, input=b"", capture_output=True, timeout=20)
    return (done.stdout + done.stderr).decode(errors="replace")


def test_old_tls_is_refused(make_weir: Callable[..., Weir]) -> None:
    weir = secure(make_weir)
    assert "Cipher is (NONE)" not in shake(weir, "-tls1_2")
    for version in ("-tls1_1", "-tls1"):
        assert "Cipher is (NONE)" in shake(weir, version)


def ends(file: Path) -> float:
    text = run(["openssl", "x509", "-noout", "-enddate", "-in", str(file)], dict(os.environ)).stdout
    then = datetime.datetime.strptime(text.split("=")[1].strip(), "%b %d %H:%M:%S %Y %Z")
    return (then - datetime.datetime.utcnow()).total_seconds() / 86_400


@pytest.mark.parametrize("has_key", [True, False], ids=["by its authority", "of an older version"])
def test_the_self_made_certificate_is_renewed(make_weir: Callable[..., Weir], tmp_path: Path, has_key: bool) -> None:
    weir = secure(make_weir)
    weir.stop()
    tls = weir.data / "tls"
    authority = (tls / "ca.crt").read_bytes()
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
             "-subj", "/CN=old", "-keyout", str(tls / "server.key"), "-out", str(tls / "server.crt")]
    subprocess.run(words, check=True, capture_output=True)
    if not has_key:
        (tls / "authority.key").unlink(missing_ok=True)
    weir.daemon = Daemon(weir.command, weir.log, clean_environment(weir.folder / "home"))
    weir.daemon.wait_for_port(weir.port)
    assert ends(tls / "server.crt") > 700
    assert ((tls / "ca.crt").read_bytes() == authority) == has_key
    answer = requests.get(f"https://{weir.host}/healthz", verify=str(tls / "ca.crt"), timeout=10)
    assert answer.status_code == 200
    assert has_key or re.search("trust", weir.output)
