"""Every secret that the run plants, and the search for them in all that the servers write and answer.

No planted secret, token or signed query may occur in any log at trace level, event, error or metric of the whole run.
"""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from urllib.parse import quote

#: Shorter texts occur in other words by chance.
SHORTEST = 8


class Watch:
    """The secrets that must occur nowhere, and where they occurred."""

    def __init__(self) -> None:
        self.planted: dict[bytes, str] = {}
        self.found: list[str] = []
        #: Number of texts that were searched: a check that searched none proves nothing.
        self.searched = 0
        self._lock = threading.Lock()

    def plant(self, secret: str, what: str) -> str:
        """From now on this must occur nowhere, neither literally nor as written in a header or a query."""
        if len(secret) < SHORTEST:
            return secret
        with self._lock:
            for form in {secret, quote(secret, safe=""), secret.replace('"', '\\"').replace("\n", "\\n")}:
                self.planted[form.encode()] = what
            # In Basic credentials a name and a colon come first. Whatever their length, one of these three encodings occurs.
            for shift in range(3):
                encoded = base64.b64encode(b"." * shift + secret.encode())[4 if shift else 0:-4]
                if len(encoded) > SHORTEST:
                    self.planted[encoded] = f"{what}, in base64"
        return secret

    def login(self, user: str, password: str, what: str) -> None:
        self.plant(password, what)
        encoded = base64.b64encode(f"{user}:{password}".encode()).rstrip(b"=")
        with self._lock:
            self.planted[encoded] = f"{what}, as Basic credentials"

    def search(self, text: bytes, where: str) -> None:
        self.searched += 1
        with self._lock:
            planted = list(self.planted.items())
        for secret, what in planted:
            if (place := text.find(secret)) >= 0:
                start = text.rfind(b"\n", 0, place) + 1
                line = text[start:text.find(b"\n", place) % (len(text) + 1)][:400]
                self.found.append(f"{where}: {what}: {line.decode(errors='replace')}")

    def search_file(self, file: Path) -> None:
        if file.exists():
            self.search(file.read_bytes(), f"{file.parent.name}/{file.name}")


WATCH = Watch()
