"""The pages that setup puts into HOME/man: of each program its module's text, of control files what the schema says,
and about files, formats and concepts the texts in qmtwist/manuals.

A text is plain. Its first line is `name - purpose` or `name: purpose`. An empty line ends a paragraph. A line of
capitals that stands alone is a heading; so is `Exit status:` and the like at the start of a paragraph. Lines that begin
with a blank stay as they are. `words` in back quotes are set in bold. A file in manuals is called NAME.SECTION.
"""

from __future__ import annotations

import os
import re

from qmtwist.cli.contents import manual, purpose, section_of
from qmtwist.cli.main import COMMANDS
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control import schema

from .documents import default_words

MANUALS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "manuals")
HEADINGS = ("Synopsis", "Environment", "Control files", "Files", "Exit status", "See also", "Example", "Examples")
CONTROL = (
    "qmail-control - the files that say what the server does\n\n"
    "Files in HOME/control are the only configuration. A file that does not exist means its default. In a one-line\n"
    "file only the first line counts; in lists a line that begins with # is a comment.\n"
)
_IN_ROFF = {"\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha"}


def pages() -> dict[str, bytes]:
    """Every page: its path below HOME/man to its text for man(1)."""
    texts = {("qmail-control", 5): CONTROL + _control_rows(), **concepts()}
    texts |= {(name, section_of(name)): manual(place) for name, place in PROGRAMS.items()}
    texts |= {(f"qmtwist-{name}", 8): manual(place) for name, place in COMMANDS.items()}
    return {f"man{section}/{name}.{section}": page(name, section, text) for (name, section), text in texts.items()}


def concepts() -> dict[tuple[str, int], str]:
    """The texts in manuals, by name and section."""
    found = {}
    for file in sorted(os.listdir(MANUALS)):
        name, _, section = file.rpartition(".")
        with open(os.path.join(MANUALS, file), encoding="utf-8") as stream:
            found[name, int(section)] = stream.read()
    return found


def page(name: str, section: int, text: str) -> bytes:
    """A manual as man(1) wants it.

    >>> print(page("x", 1, "x - does it\\n\\n    x [ -n ]\\n\\nSo `it` is.\\n\\nExit status: 0.\\n").decode())
    .TH "x" 1 "" "qmtwist"
    .SH NAME
    x \\- does it
    .SH SYNOPSIS
    .RS 4
    .nf
    x [ \\-n ]
    .fi
    .RE
    .SH DESCRIPTION
    So \\fBit\\fR is.
    .SH EXIT STATUS
    0.
    <BLANKLINE>
    """
    word = name.replace("qmtwist-", "qmtwist ", 1) if section == 8 and not text.startswith(name) else name
    lines = [f'.TH "{name}" {section} "" "qmtwist"', ".SH NAME", f"{_roff(name)} \\- {_roff(purpose(word, text))}"]
    blocks = [block.split("\n") for block in re.split(r"\n\s*\n", text.strip().partition("\n")[2].strip("\n"))]
    return ("\n".join([*lines, *_body([block for block in blocks if block != [""]])]) + "\n").encode()


def _body(blocks: list[list[str]]) -> list[str]:
    """The lines after NAME. A text without headings at its start begins with its synopsis, if it is indented."""
    lines: list[str] = []
    is_open = False  # a heading has been written, and nothing below it yet
    for number, block in enumerate(blocks):
        heading, rest = _heading(block)
        if heading:
            lines.append(f".SH {heading}")
            is_open = True
        elif number == 0:
            lines.append(".SH SYNOPSIS" if _is_literal(block) else ".SH DESCRIPTION")
            is_open = True
        elif number == 1 and lines[0] == ".SH SYNOPSIS" and _is_literal(blocks[0]) and not _heading(blocks[0])[0]:
            lines.append(".SH DESCRIPTION")
            is_open = True
        if rest:
            lines += ([] if is_open else [".PP"]) + _paragraph(rest)
            is_open = False
    return lines


def _heading(block: list[str]) -> tuple[str, list[str]]:
    """The heading that a paragraph begins with, or nothing, and what is left of it."""
    first = block[0]
    if len(block) == 1 and re.fullmatch(r"[A-Z][A-Z .,-]+", first):
        return first, []
    for heading in HEADINGS:
        if first.startswith(heading + ":"):
            rest = first[len(heading) + 1 :].strip()
            return heading.upper(), [rest, *block[1:]] if rest else block[1:]
    return "", block


def _is_literal(block: list[str]) -> bool:
    """Whether its lines stay as they are: indented, or a table."""
    return all(line[:1] == " " for line in block) or any("   " in line.strip() for line in block)


def _paragraph(block: list[str]) -> list[str]:
    """Text that is filled, up to the first line that stays as it is; from there on all do."""
    split = next((at for at, line in enumerate(block) if line[:1] == " "), len(block))
    if _is_literal(block):
        split = 0
    lines = [_roff(line) for line in block[:split]]
    if block[split:]:
        indent = min(len(line) - len(line.lstrip()) for line in block[split:])
        lines += [".RS 4", ".nf", *(_roff(line[indent:]) for line in block[split:]), ".fi", ".RE"]
    return lines


def _roff(line: str) -> str:
    """A line with nothing in it that troff takes for an order."""
    line = "".join([_IN_ROFF.get(letter, letter) for letter in line])
    line = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", line).replace("`", "\\(ga")
    return "\\&" + line if line[:1] in (".", "'") else line


def _control_rows() -> str:
    return "".join(
        f"\n{name}\n    {row.purpose}\n    Default: {default_words(row)}. Read by: {row.reader}.\n"
        for name, row in sorted(schema.ROWS.items())
    )
