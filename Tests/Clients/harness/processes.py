"""Processes that end with the test run in any case."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


#: Ports at which no server will ever listen: they are bound, so that no other process gets them.
_REFUSING: list[socket.socket] = []


def refusing_port() -> int:
    """A port that refuses connections, for as long as the tests run."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    _REFUSING.append(bound)
    return bound.getsockname()[1]


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """An environment with nothing of the machine's own: no proxies, no AWS settings, no certificate bundles.

    A machine may point SSL_CERT_FILE, AWS_CA_BUNDLE and their kin at its own bundle: then no private CA is trusted.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": os.environ.get("TMPDIR", "/tmp"), **extra}


def wait_until(condition: Callable[[], object], seconds: float, what: str, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _die_with_parent() -> None:
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)


class Daemon:
    """A server in a process group of its own; its output goes to a file.

    Start it from the main thread: the kernel counts the thread that started a process as its parent, and the
    process is killed when that ends.
    """

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str], deaf: bool = False):
        """`deaf`: its output goes into a pipe of one page that is not read until `hear`."""
        self.command = [str(word) for word in command]
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = log.stat().st_size if log.exists() else 0
        self._pipe: int | None = None
        with log.open("ab") as output:
            told: Any = output
            if deaf:
                self._pipe, told = os.pipe()
                fcntl.fcntl(told, fcntl.F_SETPIPE_SZ, 4096)
                os.set_blocking(self._pipe, False)
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT,
                env=dict(environment), start_new_session=True, preexec_fn=_die_with_parent,
            )
            if deaf:
                os.close(told)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        """Its output since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def hear(self) -> str:
        """The contents of a deaf server's pipe."""
        assert self._pipe is not None, "its log is a file"
        heard = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._pipe, 65536):
                heard += piece
        return heard.decode(errors="replace")

    def wait_for_port(self, port: int, seconds: float = 20) -> None:
        self.wait_until(lambda: accepts(port), seconds, f"port {port}")

    def wait_until(self, ready: Callable[[], object], seconds: float, what: str) -> None:
        def ready_or_dead() -> object:
            if not self.alive:
                raise RuntimeError(f"{self.command[0]} ended with {self._process.returncode}:\n{self.output()[-4000:]}")
            return ready()

        try:
            wait_until(ready_or_dead, seconds, f"{self.command[0]}: {what}")
        except TimeoutError as problem:
            raise TimeoutError(f"{problem}\n{self.output()[-4000:]}") from None

    def signal(self, number: int) -> None:
        if self.alive:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        return self._process.wait(seconds)

    def stop(self, seconds: float = 30) -> int:
        """Asks it to end and waits; kills it where it does not end."""
        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()
        finally:
            self._kill_group()

    def kill(self) -> int:
        """kill -9, of the whole group."""
        self._kill_group()
        return self._process.wait(10)

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def peak_memory(self) -> int:
        """The most resident memory that it ever had, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM in /proc")

    def cpu_seconds(self) -> float:
        """User and system time so far, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], *, input: str | None = None, seconds: float = 120,
    check: bool = True, folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end. A failure holds the command's output."""
    result = subprocess.run(
        [str(word) for word in command], env=dict(environment), text=True, capture_output=True, timeout=seconds,
        cwd=folder, **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}),
    )
    if check and result.returncode != 0:
        raise CommandFailed(result)
    return result


class CommandFailed(AssertionError):
    def __init__(self, result: subprocess.CompletedProcess[str]):
        self.output = result.stdout + result.stderr
        super().__init__(f"{' '.join(map(str, result.args))}\nended with {result.returncode}:\n{self.output[-6000:]}")
