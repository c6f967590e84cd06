"""What stays of the day on which everything was thrown at the server: how it says that it died, and short rounds of `make fuzz` and `make soak`."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

import pytest

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
    # The build is the program's own, and the places are in it: what a report needs.
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
