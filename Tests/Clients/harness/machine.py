"""The machine below a server, out of order: its disk, its clock, its mounts, its limits.

A preloaded library (machine.c) makes calls of the C library fail while the server runs. The fixture `machine` makes one for a test:

    def test_one_bad_read(make_weir, machine):
        weir = make_weir(environment=machine.environment)
        with machine.fails("read", errno.EIO, path="/blobs/", times=1) as fault:      # one EIO, then all is well again
            ...
        assert fault.happened == 1

        machine.fails("read", most=100)                    # short reads, until machine.mend() or the end of a `with`
        machine.fails("open", errno.EACCES, path="/blobs/")
        machine.fails("write", errno.ENOSPC, path="/staging/", after=3)      # three go well first
        machine.fails("sync", errno.EIO, path="weir.db-wal", times=1)
        machine.fails("rename", KILLED, path="/blobs/")    # kill -9 just before a rename
        machine.fails("accept", errno.EMFILE)
        machine.fails("read", pause=0.5, path="/blobs/")   # a slow disk
        machine.clock(days=40)                             # the wall clock jumps; the steady clock does not
        machine.clock()                                    # and is right again

`times` and `after` count calls. A blob's bytes may come from memory, or in several calls: `path` is any part of the file's path. Calls are
"read", "write" (sizes too), "open", "sync", "rename" (links too), "unlink", "accept", "stat", "list".

The rest needs no library:

    with small_disk(weir.data, 64 * MIB) as disk: …        # weir = make_weir(start=False); mounts a tmpfs as its data folder; root
        disk.fill(); disk.free()                           # the last byte taken by somebody else, and given back
    with missing(weir.data / "blobs"): …                   # a mount that is not there: an empty folder in its place
    with unreadable(path): …                               # mode 000; means nothing to root: run the server `under=as_nobody`
    make_weir(under=few_descriptors(80))                   # a hard limit
    make_weir(deaf=True, options=["--log-level", "info"])  # its log goes to a pipe that nobody reads; weir.hear() gives what is in it
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).with_name("machine.c")
CACHE = Path(__file__).resolve().parents[3] / ".build/harness"

#: The "errno" of a call before which the server is killed.
KILLED = -9

_KINDS = {name: number for number, name in enumerate(
    ("read", "write", "open", "sync", "rename", "unlink", "accept", "stat", "list"), 1)}
_RULES = 32
#: The layout of the file, as in machine.c.
_HEAD, _RULE = struct.Struct("=qii"), struct.Struct("=iiqqqqq200s")
_HAPPENED = struct.Struct("=q")
_HAPPENED_AT = 4 + 4 + 4 * 8


def library() -> Path:
    """The preloaded library, built when its source is new."""
    built = CACHE / f"machine-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not built.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=CACHE, suffix=".so")
        os.close(handle)
        subprocess.run(
            ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", draft, str(SOURCE), "-ldl"], check=True)
        os.rename(draft, built)
    return built


class Fault:
    """One fault. It ends with its `with` block, or by `mend`."""

    def __init__(self, machine: Machine, slot: int):
        self._machine, self._slot = machine, slot

    @property
    def happened(self) -> int:
        """How often the fault happened."""
        return self._machine.happened(self._slot)

    def end(self) -> None:
        self._machine.end(self._slot)

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Machine:
    """The machine of a server that is started with `environment`."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._orders = folder / "machine"
        self._orders.write_bytes(bytes(_HEAD.size + _RULES * _RULE.size))
        # The server may run as another user.
        self._orders.chmod(0o666)
        with self._orders.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._kinds: dict[int, int] = {}

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(library()), "WEIR_TEST_MACHINE": str(self._orders)}

    def fails(self, call: str, error: int = 0, *, path: str = "", times: int = -1, after: int = 0, most: int = 0,
              pause: float = 0) -> Fault:
        """Makes calls fail (`error`), be short (`most` bytes) or be slow (`pause` seconds) from now on."""
        slot = next(slot for slot in range(_RULES) if slot not in self._kinds)
        self._kinds[slot] = _KINDS[call]
        rule = _RULE.pack(0, error, times, after, most, int(pause * 1e6), 0, path.encode())
        start = self._start(slot)
        self._memory[start:start + _RULE.size] = rule
        # Written last, so that no call sees half a rule.
        self._memory[start:start + 4] = struct.pack("=i", _KINDS[call])
        self._arm()
        return Fault(self, slot)

    def clock(self, *, days: float = 0, seconds: float = 0) -> None:
        """Sets the server's wall clock ahead of the real one."""
        self._memory[0:8] = struct.pack("=q", int((days * 86_400 + seconds) * 1e9))

    def mend(self) -> None:
        """Ends all faults, and sets the clock right."""
        for slot in list(self._kinds):
            self.end(slot)
        self.clock()

    def happened(self, slot: int) -> int:
        start = self._start(slot) + _HAPPENED_AT
        return _HAPPENED.unpack(self._memory[start:start + 8])[0]

    def end(self, slot: int) -> None:
        """Ends a fault. Its count stays until the slot is used again."""
        if self._kinds.pop(slot, None) is not None:
            start = self._start(slot)
            self._memory[start:start + 4] = bytes(4)
            self._arm()

    def _start(self, slot: int) -> int:
        return _HEAD.size + slot * _RULE.size

    def _arm(self) -> None:
        bits = 0
        for kind in self._kinds.values():
            bits |= 1 << kind
        self._memory[8:12] = struct.pack("=i", bits)


# Disks and mounts


class SmallDisk:
    def __init__(self, folder: Path):
        self.folder = folder
        self._ballast = folder / "somebody-elses"

    @property
    def free_bytes(self) -> int:
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def fill(self, leaving: int = 0) -> None:
        """Takes all but so many bytes, as another program's files would."""
        with self._ballast.open("ab") as file:
            piece = max(self.free_bytes - leaving, 0)
            # Other programs write meanwhile: where a whole piece does not fit, smaller ones are taken.
            while piece >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), piece)
                except OSError:
                    piece //= 2
                piece = min(piece, max(self.free_bytes - leaving, 0))

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Puts a file system of this size in the place of a folder. Needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def missing(mount: Path) -> Iterator[None]:
    """A volume that is not mounted: its mount point is there, and empty. What is written there is hidden afterwards, as under a mount."""
    aside = mount.with_name(mount.name + ".not-mounted")
    os.rename(mount, aside)
    mount.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(mount)
        os.rename(aside, mount)


@contextlib.contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """A file or folder that a restore has left readable to root alone. The server notices only where it is not root (`as_nobody`)."""
    before = path.stat()
    os.chown(path, 0, 0)
    path.chmod(0)
    try:
        yield
    finally:
        os.chown(path, before.st_uid, before.st_gid)
        path.chmod(before.st_mode & 0o7777)


# Words before the server's command

NOBODY = 65_534
#: Runs as a user without rights. Its folders must belong to that user: `open_folder`.
as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def few_descriptors(count: int) -> list[str]:
    """A hard limit on open files, sockets included."""
    return ["prlimit", f"--nofile={count}:{count}"]


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that `as_nobody` owns and can reach: pytest's own folders are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="weir-nobody-"))
    os.chown(folder, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
