"""SQL is written once, for SQLite and for PostgreSQL: every migration and every statement that the unit tests make is shown to it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.postgresql import PostgreSQL, newest

ROOT = Path(__file__).resolve().parents[2]
#: Written by `make unit` (`Tests/ConformanceSuites/StrictDatabase.swift`).
RECORDED = ROOT / ".build/statements.jsonl"
#: What a driver reads of an answer: `SQLValue` has integers, text and bytes.
READABLE = {"bigint", "integer", "text", "bytea"}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    programs = newest()
    if programs is None:
        pytest.skip("not installed: PostgreSQL 15 or later (apt-get install postgresql), which SQL is shown to")
    server = PostgreSQL(programs)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def recorded() -> list[dict]:
    if not RECORDED.exists():
        pytest.skip("`make unit` has not yet written down the statements of its tests")
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


@pytest.fixture(scope="module")
def migrated(postgresql: PostgreSQL, recorded: list[dict]) -> PostgreSQL:
    """With all tables, as the migrations make them."""
    postgresql.run("".join(line["sql"] + ";\n" for line in recorded if "migration" in line))
    return postgresql


def test_every_statement_is_taken(migrated: PostgreSQL, recorded: list[dict]) -> None:
    """With the types that the values have: a number where a text is wanted is an error there, and none in SQLite."""
    statements = [line for line in recorded if "types" in line]
    assert len(statements) > 200, f"only {len(statements)} statements in {RECORDED}"
    script = ""
    for number, line in enumerate(statements):
        types = f"({', '.join(line['types'])})" if line["types"] else ""
        script += f"\\echo @{number}\nPREPARE s{number} {types} AS {line['sql']};\n\\echo @\n{line['sql']} \\gdesc\n"
    wrong = []
    for line, (errors, columns) in zip(statements, _answers(migrated.run(script, check=False)), strict=True):
        if errors:
            wrong.append("\n".join([*errors, str(line)]))
        elif unread := {column.split("|")[1] for column in columns if "|" in column} - READABLE:
            wrong.append(f"no driver reads {', '.join(unread)}\n{line}")
    assert not wrong, "\n\n".join(wrong)


def _answers(output: str) -> list[tuple[list[str], list[str]]]:
    """For each statement what preparing it said, and its columns: `name|type`."""
    answers: list[tuple[list[str], list[str]]] = []
    for line in output.splitlines():
        if line == "@":
            lines = answers[-1][1]
        elif line.startswith("@"):
            answers.append(([], []))
            lines = answers[-1][0]
        else:
            lines.append(line)
    return answers


def test_no_statement_is_forgotten(recorded: list[dict]) -> None:
    """What no unit test makes, PostgreSQL has not been asked about."""
    made = [_plain(line["sql"]) for line in recorded]
    forgotten = []
    for path in sorted((ROOT / "Sources").rglob("*.swift")):
        if not re.search("(Table|Queries|Schema)$", path.stem) or path.relative_to(ROOT / "Sources").parts[0] not in ROOMS:
            continue
        for piece in _literals(path.read_text()):
            if re.search(SQL, piece) and not any(_plain(piece) in statement for statement in made):
                forgotten.append(f"{path.relative_to(ROOT)}: {_plain(piece)}")
    assert not forgotten, "no unit test makes these statements; or `make unit` was not run since they came:\n" + "\n".join(forgotten)


ROOMS = {"Identity", "Registry", "Vault"}
SQL = r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|FROM|JOIN|WHERE|AND|OR|ORDER BY|VALUES|EXISTS|NULL)\b"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _literals(source: str) -> list[str]:
    """The text between the quotes of Swift's string literals, cut where something is put in."""
    pieces: list[str] = []

    def literal(at: int) -> int:
        quote = '"""' if source.startswith('"""', at) else '"'
        at += len(quote)
        text = ""
        while not source.startswith(quote, at):
            if source.startswith("\\(", at):
                pieces.append(text)
                text, at = "", code(at + 2)
            elif source[at] == "\\":
                text, at = text + ("" if source[at + 1] == "\n" else source[at + 1]), at + 2
            else:
                text, at = text + source[at], at + 1
        pieces.append(text)
        return at + len(quote)

    def code(at: int, depth: int = 1) -> int:
        """To the end of an interpolation; of the file where depth is endless."""
        while at < len(source) and depth:
            if source.startswith("//", at):
                at = source.index("\n", at)
            elif source[at] == '"':
                at = literal(at)
            else:
                depth += {"(": 1, ")": -1}.get(source[at], 0)
                at += 1
        return at

    code(0, 1 << 30)
    return [piece for piece in pieces if piece.strip()]


def test_both_put_names_in_the_same_order(postgresql: PostgreSQL) -> None:
    """By their bytes: a page of a list begins after the last name of the one before."""
    names = ["", "-", "A", "Z", "a", "a-b", "a.b", "a/b", "aB", "a_b", "ab", "z", "ä", "\ufffd", "\U0001f433"]
    lite = sqlite3.connect(":memory:")
    lite.execute("CREATE TABLE name (name TEXT)")
    lite.executemany("INSERT INTO name VALUES (?)", [(name,) for name in reversed(names)])
    listed = [name for name, in lite.execute("SELECT name FROM name ORDER BY name")]
    values = ", ".join(f"('{name}')" for name in reversed(names))
    answer = postgresql.run(f"CREATE TABLE name (name TEXT); INSERT INTO name VALUES {values}; SELECT name FROM name ORDER BY name;")
    assert listed == names
    assert answer.removesuffix("\n").split("\n") == names
