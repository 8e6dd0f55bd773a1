"""The texts that setup puts into HOME/doc, and the reference of control files printed from the schema."""

from __future__ import annotations

import os

from qmtwist.control import schema
from qmtwist.control.row import Row

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

HEAD = """# Control files

Files in `HOME/control` say what the server does. There is no other configuration. A file that does not exist means its
default. In a one-line file only the first line counts; blanks at the end of a line never do. A number is the digits
that the line begins with. In lists a line that begins with `#` is a comment, and host names are compared without
regard to case; where a key stands twice in a map, the last line wins.

`kill -HUP` makes the server read them all again; those marked *start* take effect when it is started anew. If a file
cannot be read or used, the server does not start, or keeps what it had, and says which file and which line.
`qmtwist check` says the same beforehand, and `qmail-showctl` prints what is in force.

| file | default | what it is for | values | read by | takes effect |
|---|---|---|---|---|---|
"""


def control_reference() -> str:
    """docs/reference/control.md: a table with a row per control file, in the order of their names."""
    lines = [_line(schema.ROWS[name]) for name in sorted(schema.ROWS)]
    return HEAD + "".join(lines)


def _line(row: Row) -> str:
    values = row.kind.value.replace("|", "\\|")
    if isinstance(row.default, int) and not row.is_classic and row.maximum > 1:
        limit = f" to {row.maximum}" if row.maximum < 2**31 - 1 else " or more"
        values += f", {row.minimum}{limit}"
    effect = "start" if row.needs_restart else "HUP" if row.field else "at once"
    purpose = row.purpose.replace("|", "\\|")
    return f"| {row.name} | {default_words(row)} | {purpose} | {values} | {row.reader} | {effect} |\n"


def default_words(row: Row) -> str:
    """A row's default, for people."""
    if row.default_words:
        return row.default_words
    if row.follows_me:
        return "me"
    if row.default is None:
        return "none"
    return str(row.default) if isinstance(row.default, int) else f"`{row.default.decode()}`"


def texts() -> dict[str, bytes]:
    """Everything for HOME/doc: name in there to content. What is not installed with the package is left out."""
    found = {"reference/control.md": control_reference().encode()}
    docs = os.path.join(TOP, "docs")
    if not os.path.isfile(os.path.join(docs, "reference", "control.md")):
        return found
    for section in ("tutorial", "howto", "reference", "explanation"):
        directory = os.path.join(docs, section)
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
            if name.endswith(".md"):
                with open(os.path.join(directory, name), "rb") as stream:
                    found[f"{section}/{name}"] = stream.read()
    return found
