"""Debian's PostgreSQL with a data folder of its own: reached by a socket in that folder alone, and gone with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .machine import as_nobody
from .processes import Daemon, clean_environment, run

INSTALLED = Path("/usr/lib/postgresql")


def newest() -> Path | None:
    """Where the programs of the newest installed version are, 15 or later."""
    versions = [int(path.parts[-3]) for path in INSTALLED.glob("[1-9][0-9]/bin/initdb")]
    return INSTALLED / str(max(versions)) / "bin" if max(versions, default=0) >= 15 else None


class PostgreSQL:
    """A server whose databases compare text by its bytes (the locale `C`), as `SQLDatabase` promises."""

    def __init__(self, programs: Path):
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="weir-postgresql-"))
        self.environment = clean_environment(self.folder / "home", PGHOST=str(self.folder), PGUSER="weir", PGDATABASE="postgres")
        # It refuses to run as root, and as anybody in a folder of root's.
        user: list[str] = []
        if os.geteuid() == 0:
            user = [*as_nobody, "--pdeathsig=KILL"]
            run(["chown", "-R", "nobody", self.folder], self.environment)
        data = self.folder / "data"
        run([*user, programs / "initdb", "--pgdata", data, "--username=weir", "--auth=trust", "--encoding=UTF8", "--locale=C",
             "--no-sync"], self.environment)
        self.daemon = Daemon(
            [*user, programs / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off"],
            self.folder / "log", self.environment)
        self.daemon.wait_until(
            lambda: run([programs / "pg_isready", "-q"], self.environment, check=False).returncode == 0, 30, "ready")

    def run(self, script: str, *, check: bool = True) -> str:
        """What psql prints, errors among it. Without `check` it goes on after them."""
        words = [self.programs / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--variable=VERBOSITY=terse"]
        if check:
            words += ["--single-transaction", "--variable=ON_ERROR_STOP=1"]
        return run(["sh", "-c", 'exec "$@" 2>&1', "psql", *words], self.environment, input=script, check=check).stdout

    def stop(self) -> None:
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
