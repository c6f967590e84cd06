"""How the server reports its death, and short rounds of `make fuzz` and `make soak`."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import soak, wirefuzz
from harness.images import random_layer, single
from harness.machine import few_descriptors
from harness.weir import PROGRAM, Weir

DEATHS = [signal.SIGILL, signal.SIGTRAP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT]


def last_words(output: str) -> list[str]:
    return [line for line in output.splitlines() if "weir.crash" in line]


@pytest.mark.parametrize("how", DEATHS)
def test_a_death_is_told_in_one_line(make_weir: Callable[..., Weir], how: signal.Signals) -> None:
    weir = make_weir()
    weir.daemon.signal(how)
    # A shell shows 128 and the signal: 132 is SIGILL, which is how Swift traps.
    assert weir.daemon.wait(20) == -how
    (line,) = last_words(weir.output)
    told = json.loads(line)
    assert told["message"] == f"The program died of {how.name}"
    assert (told["level"], told["signal"], told["meaning"]) == ("critical", str(int(how)), "sent by a process")
    assert told["frames"] and len(told["build"]) >= 32
    # The build id is the program's own, and the addresses lie in it: a report needs both.
    notes = subprocess.run(["readelf", "-n", PROGRAM], capture_output=True, text=True).stdout
    assert told["build"] in notes
    assert "weir+0x" in told["frames"] + told["at"]
    weir.start()


def test_it_is_told_in_text_where_the_log_is_text(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(options=["--log-format", "text"])
    weir.daemon.signal(signal.SIGILL)
    assert weir.daemon.wait(20) == -signal.SIGILL
    (line,) = last_words(weir.output)
    assert "critical weir.crash: The program died of SIGILL (sent by a process) at " in line


def test_a_log_that_nobody_reads_does_not_keep_the_dead(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(deaf=True, options=["--log-level", "info"])
    weir.daemon.signal(signal.SIGABRT)
    assert weir.daemon.wait(20) == -signal.SIGABRT
    assert len(last_words(weir.hear())) <= 1


def test_nonsense_at_the_doors(_program: Path, tmp_path: Path) -> None:
    findings = wirefuzz.trial(tmp_path, 4000, seed=20_261_130)
    assert not findings.wrong, "\n".join(findings.wrong[:5])
    # Most calls get as far as their operation.
    assert findings.calls >= 4000 and findings.statuses[200] > 100


def test_a_machine_that_breaks(_program: Path, tmp_path: Path) -> None:
    run = soak.trial(tmp_path, 20, seed=7)
    assert not run.ledger.wrong, "\n".join([", ".join(run.story), *run.ledger.wrong[:10]])
    assert run.ledger.counts["push"] > 20 and len(run.story) > 5


def test_uploads_that_stay_open_leave_descriptors_for_readers(make_weir: Callable[..., Weir]) -> None:
    weir = make_weir(under=few_descriptors(200), options=["--log-level", "info"])
    weir.repository("app/held")
    image = single([random_layer("held", 200_000)], note="held")
    client = weir.distribution()
    client.push("app/held", "1", image)
    weir.restart()
    client, statuses = weir.distribution(), set()
    for _ in range(200):
        begun = client.request("POST", "/v2/app/held/blobs/uploads/")
        statuses.add(begun.status_code if begun.status_code != 202 else client.request(
            "PATCH", begun.headers["Location"], data=b"x", headers={"Content-Type": "application/octet-stream"}).status_code)
    assert 202 in statuses and statuses <= {202, 429, 503, 507}
    assert set(client.pull("app/held", "1")) == {one.digest for one in (image.top, *image.blobs)}
    with contextlib.suppress(PermissionError):
        assert len(list(Path(f"/proc/{weir.daemon.pid}/fd").iterdir())) < 200 - 32
