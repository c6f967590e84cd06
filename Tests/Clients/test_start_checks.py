"""Starts on a folder in an unexpected state: the program says what to do, and changes nothing that would stand in the way of that."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError

from harness.images import Image, random_layer, single
from harness.machine import Machine, as_nobody, open_folder, small_disk, unreadable
from harness.processes import CommandFailed, clean_environment, free_port, run
from harness.weir import PROGRAM, Weir

root = pytest.mark.skipif(os.geteuid() != 0, reason="users and owners need root")
DATABASE = ("weir.db", "weir.db-wal", "weir.db-shm")


def pushed(weir: Weir, name: str) -> Image:
    image = single([random_layer(name, 200_000)], note=name)
    weir.repository(name)
    weir.distribution().push(name, "1", image)
    return image


def pulls(weir: Weir, name: str, image: Image) -> None:
    client = weir.distribution()
    client.manifest(name, "1")
    for layer in image.layers:
        assert client.blob_digest(name, layer.digest) == layer.digest


def refuses(weir: Weir, *options: str, **environment: str) -> str:
    """The program's output where it does not start. The folder stays as it is, except for the lock."""
    result = run([*weir.command, *options], clean_environment(weir.folder / "home", **{**weir.environment, **environment}),
                 check=False, seconds=15)
    assert result.returncode == 1, result
    told = (result.stdout + result.stderr).strip().splitlines()[-1]
    assert told.startswith("weir: "), result
    return told


def collect(weir: Weir) -> None:
    """Runs the collector twice, as it may run by itself."""
    for _ in range(2):
        run([PROGRAM, "gc", "--data", weir.data, "--endpoint", weir.url, "--region", weir.region],
            clean_environment(weir.folder / "home"), check=False)


def without_database(weir: Weir, aside: Path) -> None:
    aside.mkdir()
    for name in DATABASE:
        if (weir.data / name).exists():
            os.rename(weir.data / name, aside / name)


def restore_database(weir: Weir, aside: Path) -> None:
    for name in DATABASE:
        (weir.data / name).unlink(missing_ok=True)
        if (aside / name).exists():
            shutil.copy2(aside / name, weir.data / name)


# The root key and the credentials

@root
@pytest.mark.usefixtures("_program")
@pytest.mark.parametrize("kept", [DATABASE, (*DATABASE, "blobs", "credentials"), ()], ids=["first", "all-gone", "used"])
def test_a_root_key_that_cannot_be_read_is_not_replaced(kept: tuple[str, ...]) -> None:
    """A restore as root leaves it readable to root alone; the database may not be there yet."""
    with open_folder() as folder:
        weir = Weir(folder, under=as_nobody)
        weir.start().stop()
        key = (weir.data / "root.key").read_bytes()
        aside = folder / "aside"
        aside.mkdir()
        for name in kept:
            if (weir.data / name).exists():
                os.rename(weir.data / name, aside / name)
        with unreadable(weir.data / "root.key"):
            told = refuses(weir)
            assert "root.key" in told and "cannot be read: Permission denied" in told and "chown" in told, told
        assert (weir.data / "root.key").read_bytes() == key
        for name in kept:
            if (aside / name).exists():
                shutil.rmtree(weir.data / name, ignore_errors=True)
                os.rename(aside / name, weir.data / name)
        weir.start().stop()


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ESTALE], ids=["EIO", "EACCES", "ESTALE"])
@pytest.mark.parametrize("name", ["root.key", "credentials"])
def test_what_the_disk_does_not_give_now_is_not_made_anew(
    make_weir: Callable[..., Weir], machine: Machine, name: str, error: int,
) -> None:
    weir = make_weir(environment=machine.environment)
    image = pushed(weir, "app")
    weir.stop()
    before = (weir.data / name).read_bytes()
    for call in ("open", "read") if error == errno.EIO else ("open",):
        with machine.fails(call, error, path=f"/{name}") as fault:
            told = refuses(weir)
        assert fault.happened and name in told and os.strerror(error) in told, told
        assert (weir.data / name).read_bytes() == before
    weir.start()
    pulls(weir, "app", image)


@pytest.mark.parametrize("left", [["weir.db"], ["blobs"], ["credentials"]], ids=["database", "blobs", "credentials"])
def test_a_root_key_is_made_in_an_empty_folder_only(make_weir: Callable[..., Weir], left: list[str]) -> None:
    weir = make_weir()
    pushed(weir, "app")
    weir.stop()
    for entry in list(weir.data.iterdir()):
        if entry.name not in left:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    refuses(weir)
    assert not (weir.data / "root.key").exists()


@pytest.mark.parametrize("wrong", ["a folder", "a link", "empty"])
def test_a_root_key_that_is_none(make_weir: Callable[..., Weir], wrong: str) -> None:
    weir = make_weir()
    weir.stop()
    key = weir.data / "root.key"
    key.unlink()
    if wrong == "a folder":
        key.mkdir()
    elif wrong == "a link":
        key.symlink_to(weir.data / "nowhere")
    else:
        key.touch()
    for name in (*DATABASE, "credentials"):
        (weir.data / name).unlink(missing_ok=True)
    assert "root.key" in refuses(weir)
    assert not (weir.data / "nowhere").exists()


def test_credentials_that_are_cut_off_are_no_first_start(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.stop()
    before = (weir.data / "credentials").read_text()
    (weir.data / "credentials").write_text("")
    assert "credentials" in refuses(weir)
    (weir.data / "credentials").write_text(before)
    assert weir.start().client("sts").get_caller_identity()["Account"] == weir.account


def test_a_root_key_from_a_file_of_its_own(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    key = tmp_path / "a-secret"
    weir = make_weir(start=False, environment={"WEIR_ROOT_KEY_FILE": str(key)})
    assert "WEIR_ROOT_KEY_FILE" in refuses(weir)
    assert "together" in run([*weir.command], clean_environment(tmp_path / "home", WEIR_ROOT_KEY="ab" * 32, **weir.environment),
                             check=False).stderr
    key.write_text("ab" * 32 + "\n")
    weir.start()
    image = pushed(weir, "app")
    assert not (weir.data / "root.key").exists()
    weir.restart()
    pulls(weir, "app", image)


def test_keys_that_others_may_read_are_told(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.stop()
    (weir.data / "root.key").chmod(0o644)
    weir.data.chmod(0o755)
    weir.start()
    assert "chmod 600" in weir.output and "root.key" in weir.output and "chmod 700" in weir.output
    (weir.data / "root.key").chmod(0o600)
    weir.data.chmod(0o700)
    weir.restart()
    assert "chmod" not in weir.output


def test_secrets_leave_the_environment_and_memory_stays_private(make_weir: Callable[..., Weir]) -> None:
    secrets = {"WEIR_ROOT_KEY": "7c" * 32, "WEIR_ROOT_SECRET_ACCESS_KEY": "from/the/environment/1234567890"}
    weir = make_weir(environment={**secrets, "WEIR_ROOT_ACCESS_KEY_ID": "AKIAFROMENVIRONMENT1"})
    process = Path(f"/proc/{weir._running().pid}")
    shown = (process / "environ").read_bytes()
    assert b"AKIAFROMENVIRONMENT1" in shown
    for value in secrets.values():
        assert value.encode() not in shown
    core = next(line.split() for line in (process / "limits").read_text().splitlines() if line.startswith("Max core"))
    assert core[4:6] == ["0", "0"]
    assert weir.client("sts").get_caller_identity()["Account"] == weir.account


# The database and the blobs

@pytest.mark.parametrize("how", ["gone", "empty"])
def test_blobs_without_their_database(make_weir: Callable[..., Weir], tmp_path: Path, how: str) -> None:
    """A failed restore. A new database would know none of the content, and all of it would be garbage."""
    weir = make_weir(options=["--gc-grace", "0"])
    image = pushed(weir, "app")
    weir.stop()
    without_database(weir, tmp_path / "aside")
    if how == "empty":
        (weir.data / "weir.db").touch()
    told = refuses(weir)
    assert "--accept-empty-database" in told and "weir.db" in told, told
    if how == "gone":
        assert not (weir.data / "weir.db").exists(), "a log of the new one would be taken for the restored one's"
    restore_database(weir, tmp_path / "aside")
    weir.start()
    pulls(weir, "app", image)


def test_a_log_without_its_database(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    weir = make_weir()
    image = pushed(weir, "app")
    weir.kill()
    assert (weir.data / "weir.db-wal").stat().st_size
    os.rename(weir.data / "weir.db", tmp_path / "weir.db")
    assert "weir.db-wal" in refuses(weir, "--accept-empty-database")
    os.rename(tmp_path / "weir.db", weir.data / "weir.db")
    weir.start()
    pulls(weir, "app", image)


def test_an_empty_database_that_is_meant(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    weir = make_weir()
    pushed(weir, "app")
    weir.stop()
    without_database(weir, tmp_path / "aside")
    weir.options.append("--accept-empty-database")
    weir.start()
    assert "--accept-empty-database was used" in weir.output
    other = pushed(weir, "other")
    # The option counts for one start.
    weir.restart()
    assert "--accept-empty-database is not needed" in weir.output
    weir.options.remove("--accept-empty-database")
    weir.restart()
    pulls(weir, "other", other)
    assert "accept" not in weir.output


@pytest.mark.parametrize("made", ["stopped", "running"])
def test_a_database_that_is_older_than_the_blobs(make_weir: Callable[..., Weir], tmp_path: Path, made: str) -> None:
    """Last night's backup, restored beside today's blobs."""
    weir = make_weir(options=["--gc-grace", "0"])
    old = pushed(weir, "old")
    backup = tmp_path / "backup"
    backup.mkdir()
    if made == "stopped":
        weir.stop()
    for name in DATABASE:
        if (weir.data / name).exists():
            shutil.copy2(weir.data / name, backup / name)
    if made == "stopped":
        weir.start()
    new = pushed(weir, "new")
    weir.stop()
    without_database(weir, tmp_path / "newest")
    restore_database(weir, backup)
    files = weir.stored_files()
    told = refuses(weir)
    assert "--accept-older-database" in told and "older" in told, told
    assert weir.stored_files() == files
    restore_database(weir, tmp_path / "newest")
    weir.start()
    collect(weir)
    pulls(weir, "new", new)
    weir.stop()
    restore_database(weir, backup)
    weir.options.append("--accept-older-database")
    weir.start()
    assert "--accept-older-database was used" in weir.output
    pulls(weir, "old", old)


@pytest.mark.parametrize("instead", ["nothing", "an empty folder", "another server's"])
def test_blobs_that_are_not_mounted(make_weir: Callable[..., Weir], tmp_path: Path, instead: str) -> None:
    weir = make_weir()
    image = pushed(weir, "app")
    weir.stop()
    os.rename(weir.data / "blobs", tmp_path / "mounted-elsewhere")
    if instead == "an empty folder":
        (weir.data / "blobs").mkdir()
    elif instead == "another server's":
        other = make_weir()
        pushed(other, "app")
        other.stop()
        shutil.copytree(other.data / "blobs", weir.data / "blobs")
    told = refuses(weir)
    assert "mounted" in told and "--accept-missing-blobs" in told, told
    if instead == "nothing":
        assert not (weir.data / "blobs").exists()
    shutil.rmtree(weir.data / "blobs", ignore_errors=True)
    os.rename(tmp_path / "mounted-elsewhere", weir.data / "blobs")
    weir.start()
    pulls(weir, "app", image)


def test_blobs_whose_loss_is_meant(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    weir = make_weir()
    pushed(weir, "app")
    weir.stop()
    os.rename(weir.data / "blobs", tmp_path / "mounted-elsewhere")
    weir.options.append("--accept-missing-blobs")
    weir.start()
    assert "--accept-missing-blobs was used" in weir.output
    other = pushed(weir, "other")
    weir.options.remove("--accept-missing-blobs")
    weir.restart()
    pulls(weir, "other", other)
    weir.stop()
    # The folder that was given up is not mistaken for this one when it is back.
    os.rename(weir.data / "blobs", tmp_path / "new")
    os.rename(tmp_path / "mounted-elsewhere", weir.data / "blobs")
    assert "--accept-missing-blobs" in refuses(weir)


def test_a_volume_that_goes_away_while_the_server_runs(make_weir: Callable[..., Weir], tmp_path: Path) -> None:
    """Nothing is written below the empty mount point, where it would be hidden later."""
    weir = make_weir()
    image = pushed(weir, "app")
    os.rename(weir.data / "blobs", tmp_path / "away")
    (weir.data / "blobs").mkdir()
    for number in range(3):
        with pytest.raises(requests.RequestException):
            layer = random_layer(f"lost-{number}", 100_000)
            weir.distribution().push_blob("app", layer.content, layer.digest)
    assert list((weir.data / "blobs").iterdir()) == []
    (weir.data / "blobs").rmdir()
    os.rename(tmp_path / "away", weir.data / "blobs")
    pulls(weir, "app", image)
    layer = random_layer("again", 100_000)
    weir.distribution().push_blob("app", layer.content, layer.digest)


@root
@pytest.mark.parametrize("part", ["blobs", "staging", "lost"])
def test_a_part_of_the_folder_on_a_volume_of_its_own(make_weir: Callable[..., Weir], part: str) -> None:
    """Content is moved from one to the other, so every push would fail."""
    weir = make_weir(start=False)
    (weir.data / part).mkdir(parents=True, mode=0o700)
    with small_disk(weir.data / part, 1 << 24):
        told = refuses(weir)
        assert f"its '{part}' lies on a volume of its own" in told and "Mount the whole folder" in told, told
        assert [file.name for file in weir.data.iterdir() if file.name != "lock"] == [part]
    weir.start()
    pulls(weir, "app", pushed(weir, "app"))


@root
@pytest.mark.usefixtures("_program")
@pytest.mark.parametrize("name", ["weir.db-wal", "weir.db-shm", "staging"])
def test_what_a_restore_has_left_to_root_is_named(name: str) -> None:
    with open_folder() as folder:
        weir = Weir(folder, under=as_nobody)
        weir.start().kill()
        with unreadable(weir.data / name):
            told = refuses(weir)
            assert "ermission denied" in told and name.removeprefix("weir.db") in told, told
            assert "restore it" not in told and "(" not in told.partition(":")[0], told
        weir.start().stop()


def test_a_folder_from_before_there_were_marks(make_weir: Callable[..., Weir]) -> None:
    """As an earlier version left it: rows and files, and no marks."""
    import sqlite3
    weir = make_weir()
    image = pushed(weir, "app")
    weir.stop()
    for mark in (weir.data / "blobs").glob(".weir-*"):
        mark.rmdir()
    with sqlite3.connect(weir.data / "weir.db") as database:
        database.execute("DELETE FROM registry_fact WHERE name <> 'sealing'")
    database.close()
    weir.start()
    pulls(weir, "app", image)
    assert "accept" not in weir.output
    weir.stop()
    os.rename(weir.data / "blobs", weir.data / "elsewhere")
    assert "mounted" in refuses(weir)
    os.rename(weir.data / "elsewhere", weir.data / "blobs")


# Whose server it is

def test_the_folder_of_another_account(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir()
    weir.stop()
    own, weir.account = weir.account, "999999999999"
    told = refuses(weir)
    assert f"--account {own}" in told and "999999999999" in told, told
    assert "--account" in refuses(weir, WEIR_ROOT_ACCESS_KEY_ID="AKIAOFANOTHERACCOUNT",
                                  WEIR_ROOT_SECRET_ACCESS_KEY="of/another/account/1234567890")
    weir.account = own
    weir.start()
    assert weir.client("sts").get_caller_identity()["Account"] == own


def test_a_root_key_of_another_account_opens_nothing_any_more(make_weir: Callable[..., Weir]) -> None:
    """A folder from before the account was recorded, used with two of them."""
    import sqlite3
    weir = make_weir()
    weir.stop()
    with sqlite3.connect(weir.data / "weir.db") as database:
        database.execute("UPDATE access_key SET account = '999999999999'")
        database.execute("DELETE FROM registry_fact WHERE name = 'home-account'")
    database.close()
    old = weir.credentials
    (weir.data / "credentials").unlink()
    weir.account = "999999999999"
    weir.start()
    assert weir.credentials != old
    stale = requests.Session()
    import boto3
    from botocore.config import Config
    client = boto3.client("sts", region_name=weir.region, endpoint_url=weir.url, config=Config(proxies={}), **old)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client.get_caller_identity()
    stale.close()


# What else decides at the start

@pytest.mark.parametrize("name", ["weir.db", "tls/server.crt", "tls/server.key", "lock"])
def test_other_files_that_cannot_be_read(make_weir: Callable[..., Weir], machine: Machine, name: str) -> None:
    weir = make_weir(start=False, environment=machine.environment, options=["--tls-self-signed"])
    weir.is_ready = lambda: (weir.data / "credentials").exists() and "Ready" in weir.output  # type: ignore[method-assign]
    weir.start().stop()
    files = {path: path.read_bytes() for path in (weir.data / "tls").iterdir()}
    with machine.fails("open", errno.EACCES, path=f"/{name}"):
        told = refuses(weir)
    assert name.split("/")[0] in told or "data folder" in told, told
    assert {path: path.read_bytes() for path in (weir.data / "tls").iterdir()} == files
    weir.start().stop()


def test_a_start_that_cannot_write_leaves_nothing_half_done(make_weir: Callable[..., Weir], machine: Machine) -> None:
    """Short writes are continued; a full disk at the first start is reported, and the next start is a first one again."""
    weir = make_weir(start=False, environment=machine.environment)
    with machine.fails("write", errno.ENOSPC, path="/root.key"):
        assert "root.key" in refuses(weir)
    assert not (weir.data / "root.key").exists()
    with machine.fails("write", most=7, path="/root.key"):
        weir.start()
    assert len((weir.data / "root.key").read_text().strip()) == 64
    assert stat.S_IMODE((weir.data / "root.key").stat().st_mode) == 0o600
