#!/usr/bin/env python3
"""Weir beside Debian's docker-registry: the same machine, the same run, the rounds taking turns.

The medians go to the terminal as a table and to a file as JSON. What each scenario does: scenarios.py.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Tests/Clients"))

from contenders import Contender, WeirContender  # noqa: E402
from identity import identities  # noqa: E402
from listing import listings  # noqa: E402
from measures import Row, Sample, rows, table  # noqa: E402
from scenarios import Bench, Scenario, scenarios  # noqa: E402
from siege import sieges  # noqa: E402
from storm import storms  # noqa: E402

STORMS = ["cold-line", "cold-per-connection", "cold-crowd", "cold-rollout", "cold-ten", "cold-slow-reader", "offline"]
NAMES = ["warm-1", "warm-8", "cold-blob", "cold-image", "upload", "manifest", "manifest-user", "principals", *STORMS, "listing",
         "attacks"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each scenario (default: 5)")
    parser.add_argument("--only", action="append", choices=NAMES, help="this scenario; may be repeated")
    parser.add_argument("--servers", help="only servers whose name begins so: docker-registry, weir, 'weir kms-only'")
    parser.add_argument("--against", type=Path, metavar="PROGRAM",
                        help="a Weir of another commit that runs in turns with this one; ratios are then to it")
    parser.add_argument("--scale", type=float, default=1, help="a fraction of the sizes, for a quick look (default: 1)")
    parser.add_argument("--folder", type=Path, default=HERE.parent / ".build/bench",
                        help="where the data of all servers lies (default: .build/bench)")
    parser.add_argument("--json", type=Path, default=HERE.parent / ".build/bench.json",
                        help="where the results go (default: .build/bench.json)")
    return parser.parse_args()


def race(
    scenario: Scenario, folder: Path, rounds: int, servers: str | None, against: Path | None
) -> dict[str, list[Sample]]:
    contenders = [one for one in scenario.contenders(folder) if not servers or one.name.startswith(servers)]
    if against:
        contenders += [one.before(against) for one in contenders if isinstance(one, WeirContender)]
    samples: dict[str, list[Sample]] = {one.name: [] for one in contenders}
    running: list[Contender] = []

    def begin(contender: Contender) -> None:
        running.append(contender)
        contender.start()
        scenario.prepare(contender)

    def end(contender: Contender) -> None:
        running.remove(contender)
        contender.stop()

    try:
        if not scenario.fresh:
            for contender in contenders:
                begin(contender)
                scenario.measure(contender)  # The first round, which is not counted.
        # One round is enough to tell a crowd's size; a comparison needs all rounds.
        for number in range(rounds if against else min(rounds, scenario.rounds or rounds)):
            # The order changes from round to round.
            start = number % len(contenders)
            for contender in contenders[start:] + contenders[:start]:
                if scenario.fresh:
                    begin(contender)
                os.sync()  # One contender's unwritten data must not count against the next.
                sample = scenario.measure(contender)
                samples[contender.name].append(sample)
                tell(scenario, number, contender, sample)
                if scenario.fresh:
                    end(contender)
    finally:
        for contender in running[:]:
            end(contender)
        scenario.close()
    return samples


def tell(scenario: Scenario, number: int, contender: Contender, sample: Sample) -> None:
    rate = sample.rate / (1 << 30 if scenario.unit == "GiB/s" else 1)
    print(f"{scenario.name} {number + 1} {contender.name}: {rate:.2f} {scenario.unit}, "
          f"{sample.seconds:.2f} s, CPU {sample.cpu:.2f} s, peak {sample.peak_memory >> 20} MiB", file=sys.stderr)


def peers(samples: dict[str, list[Sample]], peer: str) -> dict[str, str]:
    """The contender that each is measured by: its own program of the earlier commit, where that ran too."""
    return {name: name + WeirContender.BEFORE if name + WeirContender.BEFORE in samples else peer for name in samples}


def main() -> None:
    options = arguments()
    if options.against:
        options.against = options.against.resolve(strict=True)
    shutil.rmtree(options.folder, ignore_errors=True)
    bench = Bench(options.folder, options.scale)
    found: list[Row] = []
    try:
        for scenario in [*scenarios(bench), *identities(bench), *storms(bench), *listings(bench), *(sieges(bench) if options.only else [])]:
            if options.only and scenario.name not in options.only:
                continue
            samples = race(scenario, options.folder / scenario.name, options.rounds, options.servers, options.against)
            found += rows(scenario.name, scenario.unit, samples, peers(samples, scenario.peer))
    finally:
        bench.close()
        shutil.rmtree(options.folder, ignore_errors=True)
    print(table(found))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(), "system": platform.platform(), "rounds": options.rounds, "scale": options.scale,
        "results": [row.as_json() for row in found]}, indent=2) + "\n")
    print(f"\nmedians of {options.rounds}, also in {options.json}")


if __name__ == "__main__":
    main()
