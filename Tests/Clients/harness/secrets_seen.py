"""Every secret that the run plants, and the search for them in what the servers write and say.

"Grep of all logs at trace level, events, errors and metrics of the whole client-test run for every planted secret, token and signed
query: nothing." (issue 3)
"""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from urllib.parse import quote

#: Shorter ones stand in other words by chance.
SHORTEST = 8


class Watch:
    """What must be seen nowhere, and where it was seen."""

    def __init__(self) -> None:
        self.planted: dict[bytes, str] = {}
        self.found: list[str] = []
        #: How many texts were searched: a check that looked at nothing proves nothing.
        self.searched = 0
        self._lock = threading.Lock()

    def plant(self, secret: str, what: str) -> str:
        """From now on this is to be seen nowhere, neither as it is nor as it is written in a header or a query."""
        if len(secret) < SHORTEST:
            return secret
        with self._lock:
            for form in {secret, quote(secret, safe=""), secret.replace('"', '\\"').replace("\n", "\\n")}:
                self.planted[form.encode()] = what
            # In Basic credentials a name and a colon stand in front: whatever their length, one of these three is there.
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
