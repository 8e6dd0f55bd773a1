"""S305, S306: docs/explanation explains every text with a status code, and every RFC that the code cites."""

from __future__ import annotations

import ast
import functools
import glob
import re
from collections.abc import Iterator

from scripts import rfcmap
from tests.support.daemon import TOP

CODE = re.compile(r"\(#[245]\.\d+\.\d+\)")
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
BLANKS = re.compile(r"%[sd]|\{\}")


def literals(tree: ast.AST) -> Iterator[str]:
    """All texts of a module but docstrings; what is put into an f-string later is `{}`."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, WITH_DOCSTRING) and node.body and isinstance(node.body[0], ast.Expr):
            skipped.add(node.body[0].value)
        if isinstance(node, ast.JoinedStr):
            skipped.update(part for part in node.values if isinstance(part, ast.Constant))
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        if isinstance(node, ast.Constant) and node not in skipped:
            if isinstance(node.value, bytes):
                yield node.value.decode("latin-1")
            elif isinstance(node.value, str):
                yield node.value


def shown(text: str) -> str:
    """A text as the document has it: its last line, with dots for what differs.

    >>> shown("Unable to open %s: %s. (#4.3.0)\\n")
    'Unable to open ...: ... (#4.3.0)'
    """
    last = text.strip().splitlines()[-1]
    return BLANKS.sub("...", last).replace("....", "...")


def texts_of(path: str) -> list[str]:
    """The texts of a module with a status code."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    return [literal for literal in literals(ast.parse(text)) if CODE.search(literal)] if CODE.search(text) else []


@functools.cache
def said() -> set[str]:
    """Every text with a status code, as the document has it."""
    found = set()
    for path in glob.glob(f"{TOP}/qmtwist/**/*.py", recursive=True):
        found |= {shown(text) for text in texts_of(path)}
    return found


def explained() -> set[str]:
    """The texts of the document."""
    with open(f"{TOP}/docs/explanation/error-texts.md", encoding="utf-8") as stream:
        rows = re.findall(r"^\| (.*?) \|", stream.read(), re.M)
    return {row for row in rows if row != "text"}


def is_same(text: str, row: str) -> bool:
    """Whether a row is about a text, which may begin with the letter of a report: K, Z or D."""
    return row in (text, text[1:] if text[:1] in "KZD" else text)


def test_every_text_with_a_status_code_is_explained() -> None:
    rows = explained()
    assert [text for text in sorted(said()) if not any(is_same(text, row) for row in rows)] == []


def test_no_text_is_explained_that_is_never_said() -> None:
    texts = said()
    assert [row for row in sorted(explained()) if not any(is_same(text, row) for text in texts)] == []


def test_a_text_is_found_whatever_its_kind() -> None:
    code = 'x = b"Zone (#4.3.0)"\ndef f(y):\n    """Doc (#4.3.1)."""\n    return f"two {y} (#5.1.1)", "3 %s (#5.1.3)"'
    assert {shown(text) for text in literals(ast.parse(code)) if CODE.search(text)} == {
        "Zone (#4.3.0)",
        "two ... (#5.1.1)",
        "3 ... (#5.1.3)",
    }


def test_every_standard_that_the_code_cites_is_in_the_list() -> None:
    """S306: docs/explanation/rfcs.md."""
    with open(f"{TOP}/docs/explanation/rfcs.md", encoding="utf-8") as stream:
        rows = re.findall(r"^\| ([\d, ]+) \|", stream.read(), re.M)
    listed = {int(number) for row in rows for number in row.split(",")}
    assert {rfc for rfc, _ in rfcmap.survey()[0]} - listed == set()


def test_what_troubleshooting_quotes_is_said() -> None:
    """S309: the texts in the table of docs/explanation/troubleshooting.md are those that one finds in the log."""
    with open(f"{TOP}/docs/explanation/troubleshooting.md", encoding="utf-8") as stream:
        rows = re.findall(r"^\| (`.*?) \|", stream.read(), re.M)
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    known = "\n".join(text for path in glob.glob(f"{TOP}/qmtwist/**/*.py", recursive=True) for text in texts_of(path))
    assert len(quoted) > 8 and [text for text in quoted if text not in known] == []
