"""qmail-showctl - what the control files say

    qmail-showctl

Prints the home directory, the built-in limits, the ids of the accounts, and then for each control file its name and
what it means: `(Default.)` where there is no such file. Files that nobody reads are named at the end. The format is
qmail's own; files that only this system has are shown when they are there. `qmtwist check` judges the values, and
`qmtwist control-reference` explains each file.

Exit status: 0; 111 if HOME/control cannot be read.
"""

from __future__ import annotations

import os
import sys

from qmtwist.control import grammar, schema
from qmtwist.control.row import LIST_KINDS, Kind, Row, Show
from qmtwist.store.queue.layout import SPLIT

from . import accounts

TROUBLE = b"Oops! Trouble reading this file.\n"


def main(arguments: list[bytes], home: str) -> int:
    """Print the report."""
    output = sys.stdout.buffer
    output.write(_built_in(home))
    try:
        present = set(os.listdir(f"{home}/control"))
    except OSError:
        output.write(b"Oops! Unable to chdir to control.\n")
        return 111
    try:
        me = grammar.read_line(home, "me")
    except OSError:
        output.write(b"Oops! Trouble reading control/me.")
        return 111
    for row in schema.CLASSIC:
        output.write(_classic(home, row, me, present))
        if row.name == "morercpthosts":
            output.write(b"\nmorercpthosts.cdb: " + _database(home))
    known = {row.name for row in schema.CLASSIC} | set(schema.GENERATED)
    for row in (*schema.CONNECTIONS, *schema.OUTGOING, *schema.OURS, *schema.WEB):
        if row.name in present:
            known.add(row.name)
            output.write(_own(home, row))
    for name in sorted(present - known):
        if name.startswith("tcprules."):  # of one service, or compiled
            known.add(name)
            output.write(_own(home, schema.ROWS["tcprules"]._replace(name=name)))
    for name in sorted(present - known):
        # as qmail has it, also of the files that only start scripts read by convention
        output.write(b"\n%s: I have no idea what this file does.\n" % os.fsencode(name))
    return 0


def _built_in(home: str) -> bytes:
    found = accounts.find()
    # qmail's order; o is the owner of its binaries, root
    users = ("alias", "qmaild", "qmaill", "root", "qmailp", "qmailq", "qmailr", "qmails")
    uids = {**found.uids, "root": 0}
    lines = [
        f"qmail home directory: {home}.",
        "user-ext delimiter: -.",
        "paternalism (in decimal): 2.",  # a .qmail file that others may write is not obeyed
        "silent concurrency limit: 120.",
        f"subdirectory split: {SPLIT}.",
        "user ids: " + ", ".join(str(uids.get(user, "none")) for user in users) + ".",
        "group ids: " + ", ".join(str(found.gids.get(group, "none")) for group in accounts.GROUPS) + ".",
    ]
    return os.fsencode("\n".join(lines) + "\n")


def _classic(home: str, row: Row, me: bytes | None, present: set[str]) -> bytes:
    """One entry with the empty line before it."""
    show = row.show or Show("")
    if row.name == "morercpthosts" and "rcpthosts" not in present:
        show = Show(
            "No rcpthosts; doesn't matter that morercpthosts has ", ".", "No rcpthosts; morercpthosts is irrelevant."
        )
    head = b"\n" + row.name.encode() + b": "
    try:
        data = grammar.read_file(home, row.name)
    except OSError:
        return head + TROUBLE
    if row.kind in LIST_KINDS or row.kind is Kind.TABLE:
        return head + _list(show, data)
    return head + _value(row, show, data, me)


def _list(show: Show, data: bytes | None) -> bytes:
    if data is None:
        return b"(Default.) " + show.absent.encode() + b"\n"
    before, after = show.before.encode(), show.after.encode()
    lines = [before + printable(entry) + after + b"\n" for entry in grammar.parse_list(data)]
    return b"\n" + b"".join(lines)


def _value(row: Row, show: Show, data: bytes | None, me: bytes | None) -> bytes:
    default = me if row.follows_me and me is not None else row.default
    if row.kind is Kind.NUMBER:
        found = None if data is None else grammar.parse_number(data)
        value = None if found is None else b"%d" % found
        default = b"%d" % default if isinstance(default, int) else b""
    else:
        value = None if data is None else printable(grammar.parse_line(data))
        default = printable(default) if isinstance(default, bytes) else show.absent.encode()
    head = b"(Default.) " if value is None else b""
    return head + show.before.encode() + (default if value is None else value) + show.after.encode() + b".\n"


def _own(home: str, row: Row) -> bytes:
    """A file that qmail does not have: what it is for, and what it says."""
    head = f"\n{row.name}: ".encode()
    try:
        data = grammar.read_file(home, row.name) or b""
    except OSError:
        return head + TROUBLE
    purpose = (row.purpose[0].upper() + row.purpose[1:]).encode()
    if row.kind in LIST_KINDS:
        return head + purpose + b":" + _list(Show(""), data)
    if row.kind is Kind.TABLE:
        return head + purpose + b".\n"
    return head + purpose + b": " + printable(grammar.parse_line(data)) + b".\n"


def _database(home: str) -> bytes:
    """Whether morercpthosts.cdb belongs to the text beside it."""
    text, database = (_modified(f"{home}/control/morercpthosts{end}") for end in ("", ".cdb"))
    if text is None:
        if database is None:
            return b"(Default.) No effect.\n"
        return b"Oops! morercpthosts.cdb exists but morercpthosts doesn't.\n"
    if database is None:
        return b"Oops! morercpthosts exists but morercpthosts.cdb doesn't.\n"
    if text > database:
        return b"Oops! morercpthosts.cdb is older than morercpthosts.\n"
    return b"Modified recently enough; hopefully up to date.\n"


def _modified(path: str) -> int | None:
    try:
        return int(os.stat(path).st_mtime)
    except OSError:
        return None


def printable(data: bytes) -> bytes:
    r"""Bytes outside 32..126 become question marks.

    >>> printable(b"a\x01\xff")
    b'a??'
    """
    return bytes(byte if 32 <= byte <= 126 else 63 for byte in data)
