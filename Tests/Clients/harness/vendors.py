"""What tells one registry from another on the wire, each in the words of its own challenge, token server, links and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field

S3 = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
AZURE_BLOB = ("se", "sp", "sv", "sr", "sig")
CLOUDFRONT = ("Expires", "Signature", "Key-Pair-Id")


@dataclass(frozen=True)
class Vendor:
    """A registry as its clients meet it. The defaults are those of a plain registry with a token server."""

    name: str
    #: As a rule names it.
    host: str
    #: What it is asked: "bearer", "basic", or "open", which never challenges.
    scheme: str = "bearer"
    #: The token server's path; and whether it is another server than the registry.
    realm: str = "/token"
    realm_elsewhere: bool = False
    service: str | None = None
    #: What the challenge asks for; {name} is the repository. None: no scope in it.
    scope: str | None = "repository:{name}:pull"
    token_member: str = "token"
    expires_in: int | None = 300
    #: Whether strangers may pull what is public.
    is_public: bool = True
    user: str = "robot"
    password: str = ""
    #: A wrong login: status and code, of the token server, or of the registry where that takes Basic.
    wrong_login: tuple[int, str] = (401, "UNAUTHORIZED")
    #: An image that is not there: status and code for one who is signed in as well as is possible.
    unknown: tuple[int, str] = (404, "MANIFEST_UNKNOWN")
    #: Whether that is already said by the token server.
    unknown_at_token: bool = False
    #: Where blobs are: "here"; "cdn", another host by a signed link; "near", another path of the same host, by a relative one.
    blobs: str = "here"
    redirect_status: int = 307
    signed_by: tuple[str, ...] = ()
    #: Manifests too are at another host.
    manifests_elsewhere: bool = False
    #: Before /v2/.
    path: str = ""
    tls: bool = True
    #: On every manifest.
    quota: dict[str, str] = field(default_factory=dict)
    #: On a 429.
    when_limited: dict[str, str] = field(default_factory=dict)
    has_referrers: bool = False
    #: What a HEAD is answered where a GET is given the thing: registries differ there from RFC 9110.
    head_blob: int | None = None
    head_manifest: int | None = None
    #: Referrers are sent to another host, which limits everybody.
    referrers_elsewhere: bool = False
    #: The tag `sha256-HEX`, under which referrers lie where there is no API, answers the image of that digest itself.
    dash_tag_is_digest: bool = False
    #: How the next page of tags is named: "last", or a token of its own.
    next_page: str = "last"
    repository: str = "team/app"
    #: Whether ECR's API knows it; the others need --allow-any-upstream.
    is_ecrs: bool = True


HUB_QUOTA = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "57;w=21600", "docker-ratelimit-source": "192.0.2.1"}
GOOGLE_KEY = (
    '{\n  "type": "service_account",\n  "private_key_id": "planted-key-id-of-google",\n'
    '  "private_key": "-----BEGIN PRIVATE KEY-----\\nplanted+private/key+of+google\\n-----END PRIVATE KEY-----\\n"\n}')

VENDORS = [
    Vendor(
        "docker-hub", "registry-1.docker.io", realm_elsewhere=True, service="registry.docker.io", unknown=(401, "UNAUTHORIZED"),
        blobs="cdn", signed_by=("expires", "signature", "version"), quota=HUB_QUOTA, when_limited={"retry-after": "21"}),
    Vendor(
        "ecr-public", "public.ecr.aws", realm="/token/", service="public.ecr.aws", scope="aws", user="AWS",
        unknown=(404, "NAME_UNKNOWN"), blobs="cdn", signed_by=CLOUDFRONT, head_blob=401),
    Vendor(
        "kubernetes", "registry.k8s.io", scheme="open", blobs="cdn", manifests_elsewhere=True, repository="pause"),
    Vendor(
        "quay", "quay.io", realm="/v2/auth", service="quay.io", user="team+robot", unknown=(401, "UNAUTHORIZED"),
        blobs="cdn", redirect_status=302, signed_by=S3, next_page="next_page"),
    Vendor(
        "github", "ghcr.io", service="ghcr.io", scope="repository:{name}:pull", wrong_login=(403, "DENIED"),
        unknown=(403, "DENIED"), unknown_at_token=True, blobs="cdn", signed_by=(*AZURE_BLOB, "ske"), referrers_elsewhere=True),
    Vendor(
        "azure", "contoso.azurecr.io", realm="/oauth2/token", service="contoso.azurecr.io", token_member="access_token",
        expires_in=None, is_public=False, user="00000000-0000-0000-0000-000000000000", unknown=(404, "NAME_UNKNOWN"),
        blobs="cdn", signed_by=AZURE_BLOB, when_limited={"retry-after": "9"}, has_referrers=True),
    Vendor(
        "gitlab", "registry.gitlab.com", realm="/jwt/auth", realm_elsewhere=True, service="container_registry",
        expires_in=None, wrong_login=(403, "DENIED"), unknown=(403, "DENIED"), unknown_at_token=True, blobs="cdn",
        signed_by=CLOUDFRONT, quota={"ratelimit-limit": "2000", "ratelimit-remaining": "1999"}, dash_tag_is_digest=True),
    Vendor(
        "chainguard", "cgr.dev", service="cgr.dev", user="aaaa/bbbb", blobs="cdn", signed_by=S3, has_referrers=True),
    Vendor(
        "ecr", "444455556666.dkr.ecr.eu-west-1.amazonaws.com", scheme="basic", is_public=False, user="AWS",
        wrong_login=(403, "DENIED"), unknown=(404, "NAME_UNKNOWN"), blobs="cdn", signed_by=S3, has_referrers=True),
    Vendor(
        "harbor", "harbor.example", realm="/service/token", service="harbor-registry", user="robot$team",
        unknown=(404, "NOT_FOUND"), has_referrers=True, is_ecrs=False),
    Vendor(
        "artifactory", "artifactory.example", realm="/artifactory/api/docker/images/v2/token", service="artifactory.example",
        path="/artifactory/api/docker/images", is_public=False, blobs="cdn", redirect_status=302, signed_by=S3, is_ecrs=False),
    Vendor(
        "nexus", "nexus.example:8082", scheme="basic", is_public=False, tls=False, unknown=(404, "MANIFEST_UNKNOWN"),
        head_manifest=404, is_ecrs=False),
    Vendor(
        "google", "europe-docker.pkg.dev", realm="/v2/token", service="europe-docker.pkg.dev", user="_json_key",
        password=GOOGLE_KEY, wrong_login=(403, "DENIED"), unknown=(404, "MANIFEST_UNKNOWN"), blobs="near", redirect_status=302,
        signed_by=("token",), has_referrers=True, repository="project/images/app", is_ecrs=False),
    Vendor(
        "nvidia", "nvcr.io", realm="/proxy_auth", service=None, user="$oauthtoken", wrong_login=(401, "UNAUTHORIZED"),
        unknown=(401, "UNAUTHORIZED"), blobs="cdn", signed_by=S3, is_ecrs=False),
    Vendor(
        "microsoft", "mcr.microsoft.com", scheme="open", blobs="cdn", signed_by=AZURE_BLOB, repository="dotnet/runtime",
        is_ecrs=False),
    Vendor(
        "own-gitlab", "gitlab.example:5050", realm="/jwt/auth", realm_elsewhere=True, service="container_registry",
        expires_in=None, is_public=False, wrong_login=(403, "DENIED"), unknown=(403, "DENIED"), unknown_at_token=True,
        repository="group/project/app", is_ecrs=False),
]
