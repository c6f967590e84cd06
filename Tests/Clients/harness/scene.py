"""A stand-in with an image, a cache rule of Weir's for it, and the requests that it got."""

from __future__ import annotations

import contextlib
import itertools

from .distribution import Distribution
from .faults import Fault
from .images import Image, random_layer, single
from .processes import wait_until
from .signing import operate
from .standin import Asked, StandIn
from .weir import Weir


class Scene:
    def __init__(self, weir: Weir, standin: StandIn, prefix: str):
        self.weir, self.standin, self.vendor, self.prefix = weir, standin, standin.vendor, prefix
        #: The repository's name in the cache.
        self.repository = f"{prefix}/{self.vendor.repository}"
        standin.mend()
        self.begin = standin.mark()

    def rule(self, user: str | None = None, password: str | None = None) -> Scene:
        """With the vendor's own login, where it may ask for one."""
        members = {}
        if self.vendor.scheme != "open":
            members["credentialArn"] = self.weir.secret(
                f"{self.prefix}-secret", user or self.vendor.user, self.standin.password if password is None else password)
        self.weir.rule(self.prefix, self.vendor.host, **members)
        return self

    def hold(self, tag: str, size: int = 500) -> Image:
        """An image with one layer of its own."""
        image = single([random_layer(f"{self.prefix}-{tag}", size)], note=f"{self.prefix}-{tag}")
        return self.standin.hold(tag, image)

    def fail(self, *faults: Fault) -> Fault:
        return self.standin.fail(*faults)

    def set(self, **options: object) -> Scene:
        """Sets the rule's options beyond ECR's API."""
        operate(self.weir, "SetRuleOptions", ecrRepositoryPrefix=self.prefix, **options)
        return self

    def well(self) -> Scene:
        """Waits until upstream is asked again: an earlier test may have opened its circuit breaker."""
        client = self.client()
        path = f"/v2/{self.prefix}/is-it-well/manifests/"
        numbers = itertools.count()
        wait_until(lambda: client.request("HEAD", f"{path}t{next(numbers)}").status_code not in (429, 503), 90, "a closed breaker", 0.2)
        self.begin = self.standin.mark()
        return self

    def client(self) -> Distribution:
        return self.weir.distribution()

    def reference(self, tag: str) -> str:
        return f"{self.weir.host}/{self.repository}:{tag}"

    def asked(self) -> list[Asked]:
        return self.standin.since(self.begin)

    def end(self) -> None:
        self.standin.mend()
        # A registry has 50 rules at most.
        ecr = self.weir.client("ecr")
        with contextlib.suppress(ecr.exceptions.PullThroughCacheRuleNotFoundException):
            ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=self.prefix)
