"""qmail-newmrh - make control/morercpthosts effective

    qmail-newmrh

Reads HOME/control/morercpthosts and writes HOME/control/morercpthosts.cdb, where the SMTP service looks hosts up that
are not in rcpthosts. One host or `.domain` per line; case and blanks at the end of a line do not matter; empty lines
and lines that begin with `#` are skipped. The new database takes the place of the old one in one step; no restart is
needed.

Exit status: 0; 111 if the text cannot be read or the database not be written (the old one is then still there).
"""

from __future__ import annotations

import os

from qmtwist.control import grammar
from qmtwist.mail.errors import Malformed
from qmtwist.mail.reasons import reason
from qmtwist.store import cdb

TEXT, TEMPORARY, DATABASE = (f"control/morercpthosts{end}" for end in ("", ".tmp", ".cdb"))


def main(arguments: list[bytes], home: str) -> int:
    """Read, sort nothing, write."""
    try:
        with open(f"{home}/{TEXT}", "rb", buffering=0) as stream:
            data = stream.readall()
    except OSError as trouble:
        return _die(f"unable to read {TEXT}: ".encode() + reason(trouble))
    records = [(line, b"") for line in grammar.parse_list(data.lower())]
    try:
        cdb.write(f"{home}/{DATABASE}", f"{home}/{TEMPORARY}", records)
    except OSError as trouble:
        what = f"move {TEMPORARY} to {DATABASE}" if trouble.filename2 else f"write to {TEMPORARY}"
        return _die(f"unable to {what}: ".encode() + reason(trouble))
    except Malformed as trouble:
        return _die(trouble.text.encode())
    return 0


def _die(text: bytes) -> int:
    os.write(2, b"qmail-newmrh: fatal: " + text + b"\n")
    return 111
