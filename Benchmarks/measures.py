"""The measurements, and their tables."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.processes import Daemon

GIB = 1 << 30
MIB = 1 << 20


@dataclass
class Sample:
    """One contender, one round. A rate is bytes a second, or requests a second where nothing big is moved."""

    seconds: float = 0
    moved: float = 0
    cpu: float = 0
    peak_memory: int = 0
    extra: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.moved / self.seconds


@contextmanager
def watched(daemon: Daemon, moved: float = 0) -> Iterator[Sample]:
    """Times the block, and counts the CPU and memory that the server uses during it."""
    # Forgets the highest memory use so far.
    Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")
    sample = Sample(moved=moved)
    cpu, started = daemon.cpu_seconds(), time.perf_counter()
    yield sample
    sample.seconds = sample.seconds or time.perf_counter() - started
    sample.cpu = daemon.cpu_seconds() - cpu
    sample.peak_memory = daemon.peak_memory()


@dataclass
class Row:
    """The medians of a contender's rounds in one scenario."""

    scenario: str
    contender: str
    unit: str
    rate: float
    seconds: float
    cpu: float
    peak_mib: float
    ratio: float
    cpu_ratio: float
    extra: dict[str, float]
    rounds: list[float]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def rows(scenario: str, unit: str, samples: dict[str, list[Sample]], peers: dict[str, str]) -> list[Row]:
    """Medians, and ratios to each contender's peer. CPU is given for each GiB, or for each thousand requests."""
    def median(name: str, value: object) -> float:
        return statistics.median(value(sample) for sample in samples[name])

    scale, batch = (GIB, GIB) if unit == "GiB/s" else (1, 1000)
    medians = {
        name: (median(name, lambda one: one.rate / scale), median(name, lambda one: one.cpu / one.moved * batch))
        for name in samples
    }
    bases = {name: medians.get(peers[name]) for name in medians}
    return [
        Row(
            scenario, name, unit, rate, median(name, lambda one: one.seconds), cpu,
            max(one.peak_memory for one in samples[name]) / MIB,
            rate / bases[name][0] if bases[name] else 0, cpu / bases[name][1] if bases[name] and bases[name][1] else 0,
            # Promises to every client must hold in every round.
            {key: max(one.extra[key] for one in samples[name]) if " max " in key else median(name, lambda one, key=key: one.extra[key])
             for key in samples[name][0].extra},
            [one.rate / scale for one in samples[name]],
        )
        for name, (rate, cpu) in medians.items()
    ]


def table(found: list[Row]) -> str:
    """Rate and CPU are medians; memory is the most of any round; `x` is the ratio to the peer."""
    heads = ["scenario", "server", "rate", "unit", "x", "CPU s per GiB or 1000", "x CPU", "peak MiB", "besides"]
    lines = [heads]
    for row in found:
        extra = ", ".join(f"{name} {value:.3g}" for name, value in row.extra.items())
        lines.append([
            row.scenario, row.contender, f"{row.rate:,.2f}" if row.unit == "GiB/s" else f"{row.rate:,.0f}", row.unit,
            f"{row.ratio:.2f}", f"{row.cpu:.2f}", f"{row.cpu_ratio:.2f}", f"{row.peak_mib:.0f}", extra])
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    words = lambda line: [text.ljust(width) for text, width in zip(line, widths)]  # noqa: E731
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(words(line)) + " |" for line in [lines[0], rule, *lines[1:]])
