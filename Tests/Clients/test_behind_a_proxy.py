"""Behind a proxy that ends TLS: everything that names the server names the address that clients use."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.certificates import Authority
from harness.distribution import Distribution
from harness.engines import Skopeo, missing
from harness.images import Image, random_layer, single
from harness.processes import Daemon, clean_environment, free_port
from harness.weir import Weir

CONFIGURATION = """
daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    client_max_body_size 0;
    location / {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_http_version 1.1;
      {host}
      proxy_request_buffering off;
      proxy_buffering off;
    }}
  }}
}}
"""


@dataclass
class Proxy:
    """An nginx that ends TLS before a server on loopback."""

    url: str
    ca: Path
    daemon: Daemon

    @property
    def host(self) -> str:
        return self.url.removeprefix("https://")


def nginx(folder: Path, authority: Authority, port: int, behind: int, hands_host_on: bool = True) -> Proxy:
    if reason := missing("nginx"):
        pytest.skip(reason)
    folder.mkdir(parents=True)
    certificate, key = authority.server()
    host = "proxy_set_header Host $http_host;" if hands_host_on else ""
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, behind=behind, certificate=certificate, key=key, host=host))
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    daemon = Daemon([program, "-c", file, "-p", folder, "-e", "stderr"], folder / "log", clean_environment(folder / "home"))
    daemon.wait_for_port(port)
    return Proxy(f"https://127.0.0.1:{port}", authority.ca, daemon)


@pytest.fixture
def proxied(make_weir: Callable[..., Weir], authority: Authority, tmp_path: Path) -> Iterator[tuple[Weir, Proxy]]:
    port = free_port()
    weir = make_weir(public_url=f"https://127.0.0.1:{port}/")
    proxy = nginx(tmp_path / "nginx", authority, port, weir.port)
    yield weir, proxy
    proxy.daemon.stop()


def client(weir: Weir, proxy: Proxy, service: str = "ecr") -> object:
    return boto3.client(service, region_name=weir.region, endpoint_url=proxy.url, verify=str(proxy.ca), config=Config(
        retries={"total_max_attempts": 1}, proxies={}), **weir.credentials)


def pushed(weir: Weir, name: str) -> Image:
    image = single([random_layer(name, 1000)], note=name)
    weir.repository(name)
    weir.distribution().push(name, "1", image)
    return image


def test_everything_names_the_address_that_clients_know(proxied: tuple[Weir, Proxy], tmp_path: Path) -> None:
    weir, proxy = proxied
    image = pushed(weir, "app/one")
    ecr = client(weir, proxy)
    authorization = ecr.get_authorization_token()["authorizationData"][0]
    assert authorization["proxyEndpoint"] == proxy.url
    assert ecr.describe_repositories()["repositories"][0]["repositoryUri"] == f"{proxy.host}/app/one"
    link = ecr.get_download_url_for_layer(repositoryName="app/one", layerDigest=image.layers[0].digest)["downloadUrl"]
    assert link.startswith(f"{proxy.url}/v2/")
    assert requests.get(link, verify=str(proxy.ca), timeout=20).content == image.layers[0].content
    challenge = Distribution(proxy.url, verify=str(proxy.ca)).request("GET", "/v2/")
    assert challenge.headers["WWW-Authenticate"].startswith(f'Basic realm="{proxy.url}/"')
    for told in (f"Weir is ready at {proxy.url}", f"AWS_ENDPOINT_URL={proxy.url}", f"--password-stdin {proxy.host}"):
        assert told + "\n" in weir.output, weir.output
    # A proxy on loopback is not plain HTTP between machines.
    assert "speaks plain HTTP to other machines" not in weir.output
    password = base64.b64decode(authorization["authorizationToken"]).decode().partition(":")[2]
    if missing("skopeo") is None:
        assert Skopeo(tmp_path / "skopeo", proxy.ca).pull(f"{proxy.host}/app/one:1", password) == image.digest


def test_nginx_hands_the_reason_on(proxied: tuple[Weir, Proxy]) -> None:
    weir, proxy = proxied
    answer = Distribution(proxy.url, ("AWS", weir.password()), verify=str(proxy.ca)).manifest("nosuch/app", "1")
    assert answer.status_code == 404
    assert answer.reason.startswith("Not Found: The repository with name 'nosuch/app' does not exist"), answer.reason


def test_a_proxy_that_changes_the_host_is_told(proxied: tuple[Weir, Proxy], authority: Authority, tmp_path: Path) -> None:
    weir, proxy = proxied
    proxy.daemon.stop()
    proxy = nginx(tmp_path / "careless", authority, int(proxy.url.rpartition(":")[2]), weir.port, hands_host_on=False)
    try:
        with pytest.raises(ClientError, match="proxy_set_header Host") as refusal:
            client(weir, proxy).describe_repositories()
        assert refusal.value.response["Error"]["Code"] == "InvalidSignatureException"
        assert f"for the host '{proxy.host}', and the request came for '{weir.host}'" in str(refusal.value)
        # A wrong secret is reported as such, without a word about hosts.
        wrong = boto3.client("ecr", region_name=weir.region, endpoint_url=weir.url, aws_access_key_id=weir.credentials["aws_access_key_id"],
                             aws_secret_access_key="wrong/secret", config=Config(retries={"total_max_attempts": 1}, proxies={}))
        with pytest.raises(ClientError) as refusal:
            wrong.describe_repositories()
        assert "Host" not in str(refusal.value)
    finally:
        proxy.daemon.stop()
