"""Fill in docs/seed-promises.md: for every row the tests that show it.

A test shows a row whose number stands in its docstring, in a comment inside it, in a comment line `# -- S275` above it,
or (for a whole file) in the module's docstring. The words of the rows are the document's own; this program changes the
last column only.

    scripts/seedrows.py          write the document anew
    scripts/seedrows.py --check  exit 1 if a row names what does not show it, or is open and is shown
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENT = os.path.join(TOP, "docs/seed-promises.md")
ROW = re.compile(r"^\| (S\d{3}) \| ([^|]*) \| (.*) \| ([^|]*) \|$")
NUMBER = re.compile(r"\bS(\d{3})(?:\s*(?:-|–|to)\s*S(\d{3}))?\b")
SHOWN_AT_MOST = 3


def numbers(text: str) -> Iterator[str]:
    """The rows that a text names; a range means all of it.

    >>> list(numbers("S054, S085-S087: both"))
    ['S054', 'S085', 'S086', 'S087']
    """
    for found in NUMBER.finditer(text):
        first = int(found[1])
        for number in range(first, int(found[2] or first) + 1):
            yield f"S{number:03}"


def tests(path: str) -> Iterator[tuple[str, str]]:
    """Row and test of everything that a test file names."""
    with open(os.path.join(TOP, path), encoding="utf-8") as stream:
        text = stream.read()
    tree, lines = ast.parse(text), text.splitlines()
    in_functions: set[str] = set()
    heading = ""
    spoken = 0
    for node in tree.body:
        above = lines[spoken : node.lineno - 1]
        heading = next((line for line in reversed(above) if line.startswith("# -- ")), heading)
        spoken = node.end_lineno or node.lineno
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            comments = [line.partition("#")[2] for line in lines[node.lineno - 1 : spoken] if "#" in line]
            for row in numbers("\n".join([ast.get_docstring(node) or "", *comments, heading])):
                in_functions.add(row)
                yield row, f"{path}::{node.name}"
    for row in numbers(ast.get_docstring(tree) or ""):
        if row not in in_functions:
            yield row, path


def exists(test: str) -> bool:
    """Whether `path::name`, or the file alone, is there.

    >>> exists("tests/nowhere.py::test_x")
    False
    """
    path, _, name = test.partition("::")
    try:
        with open(os.path.join(TOP, path), encoding="utf-8") as stream:
            return f"def {name}" in stream.read()
    except FileNotFoundError:
        return False


def survey() -> dict[str, list[str]]:
    """The tests of every row that has some."""
    table: dict[str, list[str]] = {}
    for directory, _, names in sorted(os.walk(os.path.join(TOP, "tests"))):
        for name in sorted(names):
            if name.startswith("test_") and name.endswith(".py"):
                for row, test in tests(os.path.relpath(os.path.join(directory, name), TOP)):
                    if test not in table.setdefault(row, []):
                        table[row].append(test)
    return table


def evidence(shown: list[str]) -> str:
    """The last column: at most three tests, those about the whole product first; or `open`."""
    if not shown:
        return "open"
    best = sorted(shown, key=lambda test: ("test_promises" not in test, "/system/" not in test))[:SHOWN_AT_MOST]
    return ", ".join(f"`{test.removeprefix('tests/')}`" for test in best)


def render(text: str) -> str:
    """The document with its last column filled in."""
    table, lines = survey(), []
    for line in text.splitlines():
        row = ROW.match(line)
        lines.append(f"| {row[1]} | {row[2]} | {row[3]} | {evidence(table.get(row[1], []))} |" if row else line)
    return "\n".join(lines) + "\n"


def complaints(text: str) -> Iterator[str]:
    """Rows that name a test which is gone or does not show them, or are called open and are not."""
    table = survey()
    for row in filter(None, map(ROW.match, text.splitlines())):
        shown = {f"tests/{test}" for test in re.findall(r"`([^`]+)`", row[4])}
        if not shown and table.get(row[1]):
            yield f"{row[1]} is shown by {table[row[1]][0]}"
        for test in sorted(shown.difference(table.get(row[1], []))):
            yield f"{row[1]} is not shown by {test}"


def main() -> int:
    """Write the document, or say what is wrong in it."""
    with open(DOCUMENT, encoding="utf-8") as stream:
        before = stream.read()
    if "--check" in sys.argv[1:]:
        wrong = list(complaints(before))
        print("\n".join([*wrong, "run scripts/seedrows.py"]) if wrong else "", end="", file=sys.stderr)
        return int(bool(wrong))
    after = render(before)
    with open(DOCUMENT, "w", encoding="utf-8") as stream:
        stream.write(after)
    rows = [row for row in map(ROW.match, after.splitlines()) if row]
    print(f"{len(rows)} rows, {sum(row[4] == 'open' for row in rows)} open")
    return 0


if __name__ == "__main__":
    sys.exit(main())
