"""What an operator sees and does: events, the audit log, traces, and the commands for a running server."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.images import Image, random_layer, single, two_platforms
from harness.processes import CommandFailed, clean_environment, refusing_port, run, wait_until
from harness.standin import StandIn
from harness.vendors import Vendor
from harness.weir import ACCOUNT, PROGRAM, REGION, Weir

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    made = StandIn(Vendor("plain", "plain.example", scheme="open", tls=False, is_ecrs=False))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def upstream_settings(standin: StandIn) -> dict[str, object]:
    return {"upstreams": {"public.ecr.aws": standin.url, "quay.io": f"http://127.0.0.1:{refusing_port()}"}}


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def events(weir: Weir, repository: str, kind: str = "") -> list[dict[str, Any]]:
    told = [one for one in lines(weir.events) if one["detail"].get("repository-name") == repository]
    return [one for one in told if kind in one["detail-type"]]


def audited(weir: Weir, repository: str) -> list[dict[str, Any]]:
    return [one for one in lines(weir.audit) if (one.get("requestParameters") or {}).get("repositoryName") == repository]


def command(weir: Weir, *words: str, check: bool = True) -> str:
    """Runs a command of the program against the server. Returns its output."""
    environment = clean_environment(weir.folder / "home")
    result = run([PROGRAM, *words, "--endpoint", weir.url, "--data", weir.data], environment, check=check)
    return result.stdout


def answer(weir: Weir, *words: str) -> Any:
    return json.loads(command(weir, *words, "--output", "json"))


# Events

def test_events_tell_of_pulls_pushes_and_deletes(weir: Weir, prefix: str, standin: StandIn) -> None:
    image = standin.hold("1", single([random_layer("told", 100_000)]), repository="told/app")
    weir.rule(prefix, "public.ecr.aws")
    client = weir.distribution()
    name = f"{prefix}/told/app"
    client.pull(name, "1")
    client.pull(name, "1")
    assert client.manifest(name, "none").status_code == 404
    wait_until(lambda: len(events(weir, name)) >= 2, 60, "two events")
    good, bad = events(weir, name, "Pull Through Cache")
    assert good["source"] == "aws.ecr" and good["account"] == ACCOUNT and good["region"] == REGION
    assert good["resources"] == [weir.arn(name)]
    assert good["detail"] == {
        "rule-version": "1", "sync-status": "SUCCESS", "ecr-repository-prefix": prefix, "repository-name": name,
        "upstream-registry-url": "public.ecr.aws", "image-tag": "1", "image-digest": image.digest}
    assert bad["detail"]["sync-status"] == "FAILURE" and bad["detail"]["failure-code"] == "ImageNotFound"
    ecr = weir.client("ecr")
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "1"}])
    wait_until(lambda: events(weir, name, "Image Action"), 60, "an event of the delete")
    (deleted,) = events(weir, name, "Image Action")
    assert deleted["detail"]["action-type"] == "DELETE" and deleted["detail"]["image-digest"] == image.digest

    weir.repository("told/pushed")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
    pushed = client.request("PUT", "/v2/told/pushed/manifests/1", data=manifest,
                            headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})
    assert pushed.status_code == 201
    wait_until(lambda: events(weir, "told/pushed"), 60, "an event of the push")
    (told,) = events(weir, "told/pushed")
    assert told["detail-type"] == "ECR Image Action" and told["resources"] == []
    assert told["detail"]["action-type"] == "PUSH" and told["detail"]["image-tag"] == "1"


class Hook:
    """A webhook that keeps what it receives, and refuses for a while where it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, str]] = []
        self.refusals = 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.refusals:
                    hook.refusals -= 1
                    self.send_response(503)
                else:
                    hook.taken.append((body, self.headers["X-Weir-Signature"]))
                    self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"


def test_events_are_posted_signed_and_again_where_they_were_refused(make_weir: Callable[..., Weir]) -> None:
    hook = Hook()
    hook.refusals = 1
    secret = "the-webhooks-own-secret"
    weir = make_weir(options=["--events-webhook", hook.url], environment={"WEIR_EVENTS_WEBHOOK_SECRET": secret})
    weir.rule("dead", "quay.io")
    client = weir.distribution()
    for tag in ("1", "2"):
        assert client.manifest("dead/some/app", tag).status_code == 503
    wait_until(lambda: len(hook.taken) >= 2, 60, "two posts")
    for body, signature in hook.taken:
        assert signature == "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert [json.loads(body)["detail"]["image-tag"] for body, _ in hook.taken] == ["1", "2"]
    assert all(json.loads(body)["detail"]["failure-code"] == "UpstreamUnavailable" for body, _ in hook.taken)
    hook.server.shutdown()


def test_a_dead_webhook_slows_nobody_and_standard_output_is_only_lines(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=[
        "--events", "-", "--events-webhook", f"http://127.0.0.1:{refusing_port()}/", "--log-level", "error"])
    weir.rule("dead", "quay.io")
    for tag in range(30):
        assert weir.distribution().manifest("dead/some/app", f"t{tag}").status_code == 503
    weir.stop()
    told = [json.loads(line) for line in weir.output.splitlines() if line.startswith('{"version"')]
    assert len(told) == 30


# The audit log

def test_both_doors_are_audited(weir: Weir) -> None:
    weir.repository("audited/app")
    client = weir.distribution()
    assert client.manifest("audited/app", "1").status_code == 404
    with pytest.raises(weir.client("ecr").exceptions.RepositoryNotFoundException):
        weir.client("ecr").describe_images(repositoryName="audited/none")
    wait_until(lambda: audited(weir, "audited/none"), 60, "the audit log")
    made, pulled = audited(weir, "audited/app")
    assert (made["eventName"], pulled["eventName"]) == ("CreateRepository", "BatchGetImage")
    for one in (made, pulled):
        assert one["eventSource"] == "ecr.amazonaws.com" and one["eventType"] == "AwsApiCall"
        assert one["userIdentity"]["type"] == "Root" and one["userIdentity"]["accountId"] == ACCOUNT
        assert one["userIdentity"]["accessKeyId"] == weir.credentials["aws_access_key_id"]
        assert one["sourceIPAddress"] == "127.0.0.1" and one["userAgent"]
    assert made["responseElements"]["repository"]["repositoryName"] == "audited/app" and not made["readOnly"]
    assert pulled["requestParameters"]["imageIds"] == [{"imageTag": "1"}] and pulled["readOnly"]
    assert pulled["errorCode"] == "ImageNotFoundException"
    (refused,) = audited(weir, "audited/none")
    assert refused["errorCode"] == "RepositoryNotFoundException"
    assert (weir.audit.stat().st_mode & 0o777) == 0o600
    # logrotate moves the file away; the next record goes into a new one.
    weir.audit.rename(weir.folder / "audit.1")
    client.tags("audited/app")
    wait_until(lambda: audited(weir, "audited/app"), 60, "the new audit log")
    assert audited(weir, "audited/app")[0]["eventName"] == "ListImages"


# Traces

def test_a_trace_goes_on_upstream_and_into_the_log(weir: Weir, prefix: str, standin: StandIn) -> None:
    image = standin.hold("1", single([random_layer("traced", 50_000)]), repository="traced/app")
    weir.rule(prefix, "public.ecr.aws")
    mark = standin.mark()
    client = weir.distribution()
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": "vendor=abc"}
    assert client.request("GET", f"/v2/{prefix}/traced/app/manifests/1", headers=headers).status_code == 200
    assert client.blob_digest(f"{prefix}/traced/app", image.layers[0].digest) == image.layers[0].digest
    asked = [one for one in standin.since(mark) if one.kind == "manifests"]
    assert asked
    for one in asked:
        version, trace, span, flags = one.headers["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE, "01") and span != "00f067aa0ba902b7"
        assert one.headers["tracestate"] == "vendor=abc"
    assert f'"trace.id":"{TRACE}"' in weir.output


# The API

def signed(weir: Weir, operation: str, body: str = "{}", key: str | None = None) -> requests.Response:
    given = weir.credentials
    request = AWSRequest("POST", weir.url + "/", data=body, headers={
        "X-Amz-Target": f"Weir_20261122.{operation}", "Content-Type": "application/x-amz-json-1.1"})
    secret = key or given["aws_secret_access_key"]
    SigV4Auth(Credentials(given["aws_access_key_id"], secret), "ecr", REGION).add_auth(request)
    return requests.post(weir.url + "/", data=body, headers=dict(request.headers), timeout=60)


def test_the_api_takes_what_any_signer_signs_and_nothing_else(weir: Weir) -> None:
    told = signed(weir, "ListRules")
    assert told.status_code == 200 and "rules" in told.json()
    assert told.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert signed(weir, "ListRules", key="not the secret").json()["__type"] == "InvalidSignatureException"
    assert signed(weir, "NoSuchThing").json()["__type"] == "UnknownOperationException"
    assert signed(weir, "SetRuleOptions").json()["__type"] == "InvalidParameterException"
    bare = requests.post(weir.url + "/", data="{}", headers={"X-Amz-Target": "Weir_20261122.ListRules"}, timeout=60)
    assert bare.json()["__type"] == "MissingAuthenticationTokenException"


# The commands

def test_rules_shows_what_a_rule_did_and_sets_its_options(weir: Weir, prefix: str, standin: StandIn) -> None:
    standin.hold("1", single([random_layer("ruled", 200_000)]), repository="ruled/app")
    weir.rule(prefix, "public.ecr.aws")
    for _ in range(4):
        weir.distribution().pull(f"{prefix}/ruled/app", "1")
    rule = next(one for one in answer(weir, "rules")["rules"] if one["ecrRepositoryPrefix"] == prefix)
    assert rule["traffic"]["misses"] == 1 and rule["traffic"]["hits"] >= 3
    assert rule["traffic"]["bytesIn"] >= 200_000 and rule["traffic"]["bytesOut"] >= 800_000
    assert rule["upstream"]["breaker"] == "closed" and rule["upstream"]["lastSuccess"] > 0
    shown = command(weir, "rules")
    assert prefix in shown and "public.ecr.aws" in shown
    changed = answer(weir, "rules", "set", prefix, "--freshness", "60", "--pin", "v*", "--platform", "linux/arm64",
                     "--tags", "merged")["rule"]
    assert changed["options"]["tags"] == "merged"
    assert changed["options"]["freshnessSeconds"] == 60 and changed["options"]["pinnedTags"] == ["v*"]
    assert changed["options"]["fetch"] == "platforms" and changed["options"]["platforms"] == ["linux/arm64"]
    changed = answer(weir, "rules", "set", prefix, "--reset", "freshnessSeconds", "--fetch", "all")["rule"]
    assert "freshnessSeconds" not in changed["options"] and changed["options"]["fetch"] == "all"
    assert changed["options"]["pinnedTags"] == ["v*"]
    assert "pinned tags" in command(weir, "rules", "show", prefix)
    with pytest.raises(CommandFailed, match="PullThroughCacheRuleNotFound"):
        command(weir, "rules", "show", "no-such-rule")


def test_warm_fetches_an_image_whole_before_anybody_pulls_it(
    weir: Weir, prefix: str, standin: StandIn, tmp_path: Path,
) -> None:
    image = standin.hold("1", two_platforms("warmed", 300_000, runs=False), repository="warmed/app")
    one = standin.hold("2", single([random_layer("warmed-2", 100_000)]), repository="warmed/app")
    weir.rule(prefix, "public.ecr.aws")
    listed = tmp_path / "images"
    listed.write_text(f"# what the cluster runs\n\n{weir.host}/{prefix}/warmed/app:1\n{prefix}/warmed/app:2\n")
    job = answer(weir, "warm", "--from-file", str(listed))
    assert job["status"] == "DONE" and [one["status"] for one in job["images"]] == ["DONE", "DONE"]
    assert job["images"][0]["digest"] == image.digest and job["images"][1]["digest"] == one.digest
    mark = standin.mark()
    weir.distribution().pull(f"{prefix}/warmed/app", "1")
    assert standin.since(mark) == [], "everything was here"
    with pytest.raises(CommandFailed):
        command(weir, "warm", f"{prefix}/warmed/app:none")


def test_refresh_and_why(weir: Weir, prefix: str, standin: StandIn) -> None:
    first = standin.hold("1", single([random_layer("fresh-1", 50_000)]), repository="fresh/app")
    weir.rule(prefix, "public.ecr.aws")
    name = f"{prefix}/fresh/app"
    assert answer(weir, "why", f"{name}:1")["decision"] == "fetch"
    weir.distribution().pull(name, "1")
    told = answer(weir, "why", f"{name}:1")
    assert told["decision"] == "hit" and told["heldDigest"] == first.digest
    assert "upstreamDigest" not in told, "a pull would not ask, so nobody is asked"
    assert {step["subject"] for step in told["steps"]} >= {"rule", "image"}
    assert answer(weir, "refresh", f"{name}:1")["change"] == "unchanged"
    second = standin.hold("1", single([random_layer("fresh-2", 50_000)]), repository="fresh/app")
    changed = answer(weir, "refresh", f"{name}:1")
    assert changed["change"] == "updated" and changed["after"] == second.digest
    assert weir.distribution().manifest(name, "1").headers["Docker-Content-Digest"] == second.digest
    assert "hit" in command(weir, "why", "--offline", f"{name}:1")
    assert command(weir, "why", "nobody/has/this:1", check=False).startswith("refuse")


def test_lifecycle_gc_and_verify(weir: Weir, prefix: str, standin: StandIn) -> None:
    image = standin.hold("1", single([random_layer("swept", 400_000)]), repository="swept/app")
    weir.rule(prefix, "public.ecr.aws")
    name = f"{prefix}/swept/app"
    weir.distribution().pull(name, "1")
    policy = {"rules": [{"rulePriority": 1, "selection": {
        "tagStatus": "tagged", "tagPatternList": ["no*"], "countType": "imageCountMoreThan", "countNumber": 1},
        "action": {"type": "expire"}}]}
    weir.client("ecr").put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(policy))
    (done,) = answer(weir, "lifecycle", name, "--dry-run")["runs"]
    assert done["repositoryName"] == name and done["actions"] == [] and done["dryRun"]
    assert "Nothing to do" in command(weir, "lifecycle")
    assert answer(weir, "verify")["verification"]["isClean"]
    weir.client("ecr").batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": image.digest}])
    would = answer(weir, "gc", "--dry-run", "--grace", "0")["collection"]
    done = answer(weir, "gc", "--grace", "0")["collection"]
    assert would["dryRun"] and would["freedBytes"] >= 400_000
    assert (done["blobs"], done["freedBytes"]) == (would["blobs"], would["freedBytes"])
    assert "freed" in command(weir, "gc")
    assert "0 faults" in command(weir, "verify")


def test_a_command_says_what_is_wrong(weir: Weir) -> None:
    environment = clean_environment(weir.folder / "elsewhere")
    result = run([PROGRAM, "rules", "--endpoint", weir.url, "--data", "/no/such"], environment, check=False)
    assert result.returncode == 1 and "no access key" in result.stderr
    environment |= {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wrong"}
    result = run([PROGRAM, "rules", "--endpoint", weir.url], environment, check=False)
    assert result.returncode == 1 and "UnrecognizedClientException" in result.stderr
    result = run([PROGRAM, "rules", "--endpoint", f"http://127.0.0.1:{refusing_port()}"], environment, check=False)
    assert result.returncode == 1 and "cannot be asked" in result.stderr


# Readers that stall

def stalled(weir: Weir) -> int:
    with urllib.request.urlopen(f"{weir.url}/metrics", timeout=5) as page:
        found = [line for line in page.read().decode().splitlines() if line.startswith("weir_stalled_clients_total ")]
    return int(found[0].split()[1]) if found else 0


def test_a_client_that_reads_nothing_is_cut_off(make_weir: Callable[..., Weir], standin: StandIn) -> None:
    image: Image = standin.hold("1", single([random_layer("stalled", 48 << 20)]), repository="stalled/app")
    weir = make_weir(options=["--download-patience", "2"])
    weir.rule("cache", "public.ecr.aws")
    client = weir.distribution()
    client.pull("cache/stalled/app", "1")
    digest = image.layers[-1].digest
    asked = requests.Request("GET", f"{weir.url}/v2/cache/stalled/app/blobs/{digest}", auth=("AWS", weir.password())).prepare()
    head = f"GET {asked.path_url} HTTP/1.1\r\nHost: {weir.host}\r\nAuthorization: {asked.headers['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", weir.port)) as deaf:
        deaf.sendall(head.encode())
        wait_until(lambda: stalled(weir) == 1, 60, "the client that reads nothing is cut off")
        # What the kernels still hold comes, and then a reset: never a clean end.
        deaf.settimeout(30)
        with pytest.raises(ConnectionResetError):
            while deaf.recv(1 << 20):
                pass
    assert client.manifest("cache/stalled/app", "1").status_code == 200
