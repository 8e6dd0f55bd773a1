"""Check the RFC citations in the code and print the table of sections and modules.

A citation reads `RFC 5321` or `RFC 5321 §4.5.2`. Exit 1 if one is written otherwise: a section without its sign, a
number without a space, an RFC that does not exist.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MENTION = re.compile(r"\b(?:RFC[\s-]*|rfc[\s-]+)\d+(?:,? ?(?:§ ?|[Ss]ect?(?:ion)?\.? )[A-Z]?[\d.]*\d| \d+\.[\d.]*\d)?")
WELL_FORMED = re.compile(r"RFC (\d{3,4})(?: §([A-Z0-9](?:[0-9.]*[0-9])?))?")


def modules() -> Iterator[str]:
    """Every Python file of the package, relative to the top."""
    for directory, _, names in os.walk(os.path.join(TOP, "qmtwist")):
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(directory, name), TOP)


def read(path: str) -> str:
    """The text of a file of the project."""
    with open(os.path.join(TOP, path), encoding="utf-8") as stream:
        return stream.read()


def citations(text: str) -> Iterator[tuple[int, str, int, str]]:
    """Line, complaint or nothing, RFC number and section of every mention.

    >>> list(citations("# RFC 5321 §4.5.2: dots"))
    [(1, '', 5321, '4.5.2')]
    >>> list(citations("# see RFC5321."))[0][1]
    'RFC5321'
    >>> list(citations("# RFC 5321 section 4.5.2"))[0][1]
    'RFC 5321 section 4.5.2'
    """
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("from ", "import ")):
            continue
        for found in MENTION.finditer(line):
            good = WELL_FORMED.fullmatch(found.group())
            if good is None:
                yield number, found.group(), 0, ""
            else:
                yield number, "", int(good.group(1)), good.group(2) or ""


def survey() -> tuple[dict[tuple[int, str], set[str]], list[str]]:
    """Where each section is cited, and the complaints."""
    table: dict[tuple[int, str], set[str]] = {}
    complaints = []
    for path in modules():
        for line, complaint, rfc, section in citations(read(path)):
            if complaint:
                complaints.append(f"{path}:{line}: write `RFC 5321 §4.5.2`, not `{complaint}`")
            else:
                table.setdefault((rfc, section), set()).add(path)
    return table, complaints


def main() -> int:
    """Print the table; complain on standard error."""
    table, complaints = survey()
    for (rfc, section), paths in sorted(table.items()):
        print(f"RFC {rfc:<5} {'§' + section if section else '':<9} {' '.join(sorted(paths))}")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
