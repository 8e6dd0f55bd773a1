"""The pages that setup puts into HOME/man: of each program its module's text, of control files what the schema says."""

from __future__ import annotations

import importlib
import re

from qmtwist.cli.registry import PROGRAMS
from qmtwist.control import schema

from .documents import default_words

USER_PROGRAMS = ("maildirmake", "mailq", "newaliases")  # section 1; all others are the administrator's
CONTROL = (
    "qmail-control - the files that say what the server does\n\n"
    "Files in HOME/control are the only configuration. A file that does not exist means its default. In a one-line\n"
    "file only the first line counts; in lists a line that begins with # is a comment.\n"
)


def pages() -> dict[str, bytes]:
    """Every page: its path below HOME/man to its text for man(1)."""
    found = {"man5/qmail-control.5": page("qmail-control", 5, CONTROL + _control_rows())}
    for name, module in PROGRAMS.items():
        section = 1 if name in USER_PROGRAMS else 8
        text = importlib.import_module(f"qmtwist.cli.{module}").__doc__ or name
        found[f"man{section}/{name}.{section}"] = page(name, section, text)
    return found


def page(name: str, section: int, text: str) -> bytes:
    """A manual as man(1) wants it. The text's first line is `name - purpose`; indented lines stay as they are.

    >>> print(page("x", 1, "x - does it\\n\\n    x [ -n ]\\n\\nSo it is.\\n").decode())
    .TH "x" 1 "" "qmtwist"
    .SH NAME
    x \\- does it
    .SH DESCRIPTION
    .PP
    .nf
        x [ \\-n ]
    .fi
    .PP
    So it is.
    <BLANKLINE>
    """
    first, _, rest = text.strip().partition("\n")
    purpose = re.sub(rf"^{re.escape(name)}( -|:) ", "", first)
    lines = [
        f'.TH "{name}" {section} "" "qmtwist"',
        ".SH NAME",
        _roff(name) + r" \- " + _roff(purpose),
        ".SH DESCRIPTION",
    ]
    for paragraph in re.split(r"\n\s*\n", rest.strip("\n")):
        body = [_roff(line) for line in paragraph.split("\n")]
        is_table = any(line[:1] == " " or "   " in line for line in paragraph.split("\n"))
        lines += [".PP", *([".nf", *body, ".fi"] if is_table else body)]
    return ("\n".join(lines) + "\n").encode()


def _roff(line: str) -> str:
    """A line with nothing in it that troff takes for an order."""
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + line if line[:1] in (".", "'") else line


def _control_rows() -> str:
    return "".join(
        f"\n{name}\n    {row.purpose}\n    Default: {default_words(row)}. Read by: {row.reader}.\n"
        for name, row in sorted(schema.ROWS.items())
    )
