"""How registries differ on the wire: in their challenges, token servers, links and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field

S3 = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
AZURE_BLOB = ("se", "sp", "sv", "sr", "sig")
CLOUDFRONT = ("Expires", "Signature", "Key-Pair-Id")


@dataclass(frozen=True)
class Vendor:
    """A registry as its clients see it. The defaults are those of a plain registry with a token server."""

    name: str
    #: The host, as a rule names it.
    host: str
    #: How it challenges: "bearer", "basic", or "open", which never does.
    scheme: str = "bearer"
    #: The token server's path, and whether it is another server than the registry.
    realm: str = "/token"
    realm_elsewhere: bool = False
    service: str | None = None
    #: The scope in the challenge; {name} is the repository. None: no scope.
    scope: str | None = "repository:{name}:pull"
    token_member: str = "token"
    expires_in: object = 300
    #: Whether anonymous clients may pull public images.
    is_public: bool = True
    user: str = "robot"
    password: str = ""
    #: A wrong login: status and code, from the token server, or from the registry where it takes Basic.
    wrong_login: tuple[int, str] = (401, "UNAUTHORIZED")
    #: A missing image: status and code, for a client with the best possible login.
    unknown: tuple[int, str] = (404, "MANIFEST_UNKNOWN")
    #: The same for a missing tag, in a repository that may be read.
    unknown_tag: tuple[int, str] = (404, "MANIFEST_UNKNOWN")
    #: Status and code where the token server already refuses it.
    unknown_at_token: tuple[int, str] | None = None
    #: A token that has ended or is invalid. None: a challenge as for an anonymous client; (401, "basic"): a challenge for Basic.
    bad_token: tuple[int, str] | None = None
    #: The form of the challenge: "quoted", "unquoted", "bearer, basic" or "basic, bearer" in one header, "negotiate first",
    #: "BASIC".
    challenge: str = "quoted"
    #: Methods that are challenged; other methods get a 401 alone.
    challenged: tuple[str, ...] = ("GET", "HEAD")
    #: Whether the realm is a path alone, and whether a query follows it.
    realm_is_relative: bool = False
    realm_query: str = ""
    #: The answer of /v2/ to anonymous clients: None for a challenge as elsewhere, "open" for 200, "any bearer" for 200 to any
    #: token. Then the scope that its challenge names.
    ping: str | None = None
    ping_scope: str | None = None
    #: A token is valid only where exactly the demanded scope was asked for.
    is_exact: bool = False
    #: Further members of the token's answer.
    token_also: dict[str, object] = field(default_factory=dict)
    #: Where blobs are: "here"; "cdn", another host by a signed link; "near", another path of the same host, by a relative link.
    blobs: str = "here"
    redirect_status: int = 307
    signed_by: tuple[str, ...] = ()
    #: Whether manifests are at another host, too.
    manifests_elsewhere: bool = False
    #: The path before /v2/.
    path: str = ""
    tls: bool = True
    #: Headers of every manifest.
    quota: dict[str, str] = field(default_factory=dict)
    #: Headers of a 429.
    when_limited: dict[str, str] = field(default_factory=dict)
    has_referrers: bool = False
    #: The answer to a HEAD where a GET would succeed: some registries differ there from RFC 9110.
    head_blob: int | None = None
    head_manifest: int | None = None
    #: The answer to a HEAD at the place that blobs are redirected to.
    head_link: int | None = None
    #: The methods whose answers tell a manifest's digest.
    digest_header: tuple[str, ...] = ("GET", "HEAD")
    #: The content type of every manifest, and of every blob.
    manifest_type: str | None = None
    blob_type: str | None = None
    #: Headers of every manifest and blob.
    labels: dict[str, str] = field(default_factory=dict)
    #: A manifest whose type `Accept` does not name: None sends it all the same, "unknown" answers 404, "convert" makes another
    #: document.
    unaccepted: str | None = None
    #: How a range is answered: "served", "quiet" (served, but not announced), "closed" (416 to an open range), "refused" (400),
    #: "ignored", "ignored once".
    ranges: str = "served"
    #: Referrers are redirected to another host, which answers 429 to all.
    referrers_elsewhere: bool = False
    #: The tag `sha256-HEX`, under which referrers lie where there is no API, names the image with that digest itself.
    dash_tag_is_digest: bool = False
    #: The status where there is no list of referrers.
    no_referrers: int = 404
    #: How the next page of tags is named: by "last", or by a token.
    next_page: str = "last"
    #: Where the next page's link leads: "here", "another host", "inner" (http, and an unreachable host), "cut" (a path without
    #: its first part), "same" (the page itself), "none": all tags come at once.
    next_link: str = "here"
    #: A larger `n` is answered with 405.
    most_tags: int | None = None
    #: All but /v2/ is redirected to another registry, which wants a token of its own.
    is_door: bool = False
    #: The body of a refusal and its type, in place of JSON.
    refusal: tuple[str, str] | None = None
    repository: str = "team/app"
    #: Whether ECR's API knows the host; others need --allow-any-upstream.
    is_ecrs: bool = True


HUB_QUOTA = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "57;w=21600", "docker-ratelimit-source": "192.0.2.1"}
GOOGLE_KEY = (
    '{\n  "type": "service_account",\n  "private_key_id": "planted-key-id-of-google",\n'
    '  "private_key": "-----BEGIN PRIVATE KEY-----\\nplanted+private/key+of+google\\n-----END PRIVATE KEY-----\\n"\n}')

VENDORS = [
    Vendor(
        "docker-hub", "registry-1.docker.io", realm_elsewhere=True, service="registry.docker.io", unknown=(401, "UNAUTHORIZED"),
        blobs="cdn", signed_by=("expires", "signature", "version"), quota=HUB_QUOTA, when_limited={"retry-after": "21"}, head_link=403),
    Vendor(
        "ecr-public", "public.ecr.aws", realm="/token/", service="public.ecr.aws", scope="aws", user="AWS",
        unknown=(404, "NAME_UNKNOWN"), blobs="cdn", signed_by=CLOUDFRONT, head_blob=401, digest_header=(),
        bad_token=(400, "DENIED"), ping_scope="aws", most_tags=1000),
    Vendor(
        "kubernetes", "registry.k8s.io", scheme="open", blobs="cdn", manifests_elsewhere=True, repository="pause", ping="open"),
    Vendor(
        "quay", "quay.io", realm="/v2/auth", service="quay.io", user="team+robot", unknown=(401, "UNAUTHORIZED"),
        blobs="cdn", redirect_status=302, signed_by=S3, next_page="next_page"),
    Vendor(
        "github", "ghcr.io", service="ghcr.io", scope="repository:{name}:pull", wrong_login=(403, "DENIED"),
        unknown=(403, "DENIED"), unknown_at_token=(403, "DENIED"), blobs="cdn", signed_by=(*AZURE_BLOB, "ske"), referrers_elsewhere=True,
        head_link=403, bad_token=(403, "DENIED"), ping="any bearer", ping_scope="repository:user/image:pull"),
    Vendor(
        "azure", "contoso.azurecr.io", realm="/oauth2/token", service="contoso.azurecr.io", token_member="access_token",
        expires_in=None, is_public=False, user="00000000-0000-0000-0000-000000000000", unknown=(404, "NAME_UNKNOWN"),
        blobs="cdn", signed_by=AZURE_BLOB, when_limited={"retry-after": "9"}, has_referrers=True),
    Vendor(
        "gitlab", "registry.gitlab.com", realm="/jwt/auth", realm_elsewhere=True, service="container_registry",
        expires_in=None, wrong_login=(403, "DENIED"), unknown=(403, "DENIED"), unknown_at_token=(403, "DENIED"), blobs="cdn",
        signed_by=CLOUDFRONT, quota={"ratelimit-limit": "2000", "ratelimit-remaining": "1999"}, dash_tag_is_digest=True),
    Vendor(
        "chainguard", "cgr.dev", service="cgr.dev", user="aaaa/bbbb", blobs="cdn", signed_by=S3, has_referrers=True, unknown=(403, "DENIED"),
        unknown_tag=(403, "DENIED")),
    Vendor(
        "ecr", "444455556666.dkr.ecr.eu-west-1.amazonaws.com", scheme="basic", is_public=False, user="AWS",
        wrong_login=(403, "DENIED"), unknown=(404, "NAME_UNKNOWN"), blobs="cdn", signed_by=S3, has_referrers=True, digest_header=("HEAD",),
        head_link=403, most_tags=1000),
    Vendor(
        "harbor", "harbor.example", realm="/service/token", service="harbor-registry", user="robot$team",
        unknown=(404, "NOT_FOUND"), has_referrers=True, head_blob=404, bad_token=(401, "basic"), ping_scope="registry:catalog:*", is_ecrs=False),
    Vendor(
        "artifactory", "artifactory.example", realm="/artifactory/api/docker/images/v2/token", service="artifactory.example",
        path="/artifactory/api/docker/images", is_public=False, blobs="cdn", redirect_status=302, signed_by=S3, is_ecrs=False,
        next_link="cut", labels={"Set-Cookie": "AWSELB=1; PATH=/"}),
    Vendor(
        "nexus", "nexus.example:8082", scheme="basic", is_public=False, tls=False, unknown=(404, "MANIFEST_UNKNOWN"),
        head_manifest=404, challenge="BASIC", next_link="none", digest_header=("GET",), is_ecrs=False),
    Vendor(
        "google", "europe-docker.pkg.dev", realm="/v2/token", service="europe-docker.pkg.dev", user="_json_key",
        password=GOOGLE_KEY, wrong_login=(403, "DENIED"), unknown=(404, "MANIFEST_UNKNOWN"), blobs="near", redirect_status=302,
        signed_by=("token",), has_referrers=True, repository="project/images/app", is_ecrs=False,
        blob_type="text/html", unaccepted="unknown"),
    Vendor(
        "nvidia", "nvcr.io", realm="/proxy_auth", service=None, user="$oauthtoken", wrong_login=(401, "UNAUTHORIZED"),
        unknown=(401, "UNAUTHORIZED"), blobs="cdn", signed_by=S3, is_ecrs=False,
        scope="repository:{name}:pull,push", expires_in=600),
    Vendor(
        "microsoft", "mcr.microsoft.com", scheme="open", blobs="cdn", signed_by=AZURE_BLOB, repository="dotnet/runtime",
        is_ecrs=False, ping="open"),
    Vendor(
        "own-gitlab", "gitlab.example:5050", realm="/jwt/auth", realm_elsewhere=True, service="container_registry",
        expires_in=None, is_public=False, wrong_login=(403, "DENIED"), unknown=(403, "DENIED"), unknown_at_token=(403, "DENIED"),
        repository="group/project/app", is_ecrs=False),
]

#: The rest of the vendors in docs/upstreams.md.
MORE = [
    Vendor(
        "redhat", "registry.redhat.io", realm="/auth/realms/rhcc/token", service="docker-registry", digest_header=(), blobs="cdn",
        redirect_status=302, signed_by=CLOUDFRONT, unknown=(404, "NAME_UNKNOWN"), refusal=("text/plain", 'File not found."'),
        unaccepted="convert", is_ecrs=False),
    Vendor(
        "gitea", "codeberg.org", realm="/v2/token", service="container_registry", scope="*", challenge="bearer, basic", ping_scope="*",
        unknown=(401, "UNAUTHORIZED"), is_ecrs=False),
    Vendor(
        "pulp", "pulp.example", realm="/token/", service="pulp.example", next_link="inner", is_ecrs=False),
    Vendor(
        "distribution", "registry.example", realm="/auth", service="own", blobs="cdn", signed_by=S3, head_link=403, ranges="ignored once",
        unaccepted="unknown", is_ecrs=False),
    Vendor("ggcr", "ci.example", scheme="open", ranges="closed", has_referrers=True, ping="open", is_ecrs=False),
    Vendor(
        "zot", "zot.example", realm="/zot/auth/token", realm_is_relative=True, service="zot", has_referrers=True, is_ecrs=False),
    Vendor(
        "ibm", "icr.io", realm="/oauth/token", service="registry", challenge="unquoted", is_ecrs=False),
    Vendor(
        "oracle", "fra.ocir.io", realm="/20180419/docker/token", service="fra.ocir.io", ping_scope="", expires_in=3600, user="BEARER_TOKEN",
        token_also={"scope": "repository:team/app:pull"}, is_ecrs=False),
    Vendor(
        "elastic", "docker.elastic.co", realm="/auth", realm_elsewhere=True, service="token-service", token_member="access_token",
        expires_in=None, unknown=(401, "UNAUTHORIZED"), is_ecrs=False),
    Vendor(
        "upbound", "xpkg.upbound.io", realm="/service/token", service="xpkg.upbound.io", unknown=(404, "NAME_UNKNOWN"),
        unknown_at_token=(404, "NAME_UNKNOWN"), token_also={"access_token": "", "issued_at": 1746136938}, is_ecrs=False),
    Vendor(
        "huawei", "swr.example", realm="/swr/auth/v2/registry/auth/", service="dockyard", scope="repository:{name}:", is_exact=True,
        is_ecrs=False),
    Vendor(
        "coding", "team-docker.pkg.coding.example", realm="/docker/jwt", realm_query="?host=team-docker", service="docker", is_ecrs=False),
]

def manner(name: str, **members: object) -> Vendor:
    return Vendor(name, "manners.example", is_ecrs=False, **members)  # type: ignore[arg-type]


#: Single peculiarities of registries (docs/upstreams.md) that no row above has. One stand-in takes each of them in turn.
MANNERS = [
    manner("no-head-blob", head_blob=403),
    manner("no-head-at-all", head_blob=404, head_manifest=404),
    manner("octets", scheme="open", manifest_type="binary/octet-stream", digest_header=()),
    manner("page-type", manifest_type="text/html; charset=utf-8", blob_type="text/html"),
    manner("plain-type", manifest_type="text/plain"),
    manner("json-type", manifest_type="application/json;charset=ISO-8859-1"),
    manner("gzip-label", labels={"Content-Encoding": "gzip"}),
    manner("chunked-label", blobs="cdn", labels={"Content-Encoding": "aws-chunked"}),
    manner("ranges-refused", ranges="refused"),
    manner("ranges-ignored", ranges="ignored"),
    manner("ranges-quiet", ranges="quiet"),
    manner("basic-first", challenge="basic, bearer"),
    manner("negotiate", challenge="negotiate first"),
    manner("get-challenged", challenged=("GET",)),
    manner("push-scope", scope="repository:{name}:pull,push", is_exact=True),
    manner("any-scope", scope="*", is_exact=True),
    manner("empty-scope", scope="", ping_scope=""),
    manner("no-scope", scope=None, service=None),
    manner("text-life", expires_in="300"),
    manner("no-life", expires_in=0, token_also={"issued_at": "2026-01-01T00:00:00.123456789+09:00"}),
    manner("long-life", expires_in=1e9, token_also={"access_token": None}),
    manner("page-of-links", next_link="another host", next_page="next_page"),
    manner("same-page", next_link="same"),
    manner("few-tags", most_tags=10),
    manner("gone-referrers", no_referrers=410),
    manner("gated-referrers", no_referrers=401),
    manner("closed-referrers", no_referrers=403, dash_tag_is_digest=True),
    manner("open-ping", ping="open", is_public=False),
]

#: A registry without peculiarities.
PLAIN = Vendor("plain", "plain.example", service="plain", is_ecrs=False)

#: A registry that only redirects, and the registry that it redirects to.
DOOR = Vendor("door", "lscr.example", scheme="open", is_door=True, ping="open", is_ecrs=False)
BEHIND = Vendor(
    "behind", "behind.example", service="ghcr.io", unknown=(403, "DENIED"), unknown_at_token=(403, "DENIED"), blobs="cdn", signed_by=AZURE_BLOB,
    bad_token=(403, "DENIED"), is_ecrs=False)
