"""tcprules - compile rules for tcpserver and for the services

    tcprules rules.cdb rules.tmp < rules

Reads rules from its standard input, writes them to rules.tmp, and renames that to rules.cdb when it is on the disk:
whoever reads rules.cdb sees the old rules or the new ones. rules.tmp must be on the same file system.

The services also read a text as it stands (control/tcprules, control/tcprules.smtp and so on); there nothing has to be
compiled.

Rules: one a line, `address:allow` or `address:deny`, then any number of `,VARIABLE="value"`, where any byte may stand
for the quote. Empty lines, lines that begin with `#` and lines without a colon are skipped; blanks at the end of a line
do not count. An address is

    1.2.3.4          one client
    1.2.3.           all clients whose address begins so
    1.2.3.37-53      37 to 53, each by itself; also 1.2.37-53. for prefixes
    =host.name       the client with this name, in lower case
    =.suffix         all whose name ends so
    =                all that have a name
    info@1.2.3.4     the client, if its IDENT server says `info`; also info@=host.name
    1.2.3.0/22       a block; the number before the slash has no bits behind the prefix
    [2001:db8::1]    an IPv6 client; [2001:db8::/32] a block
                     (and nothing: everybody else)

For a client one rule counts, the first of: INFO@IP, INFO@=HOST, IP, =HOST, prefixes and blocks of the IP from the
longest, suffixes of the host from the longest, `=`, the empty address. Without any the client is allowed. Of lines with
the same address the first counts. Addresses other than blocks and those in brackets mean the same to ucspi-tcp.

Exit status: 0; 100 for a line that is no rule, or without two arguments; 111 for trouble with a file. rules.cdb is then
as it was, and rules.tmp may be left.

See also: tcprulescheck, tcpserver.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed
from qmtwist.mail.reasons import reason
from qmtwist.rules.tcprules import BadRule, encode, read
from qmtwist.store import cdb, durable

USAGE = b"tcprules: usage: tcprules rules.cdb rules.tmp\n"


def main(arguments: list[bytes], home: str) -> int:
    """Read, compile, replace."""
    if len(arguments) < 2:
        os.write(2, USAGE)
        return 100
    target, temporary = arguments[:2]
    try:
        descriptor = cdb.begin(temporary)
    except OSError as trouble:
        return _die(b"unable to create " + temporary, trouble)
    try:
        text = _read_input()
    except OSError as trouble:
        return _die(b"unable to read input", trouble)
    try:
        records = [(key, encode(rule)) for rule in read(text) for key in rule.keys]
    except BadRule as bad:
        line = bad.line.partition(b"\0")[0]
        os.write(2, b"tcprules: fatal: unable to parse this line: " + line + b"\n")
        return 100
    try:
        cdb.finish(descriptor, records)
    except OSError as trouble:
        return _die(b"unable to write to " + temporary, trouble)
    except Malformed as trouble:
        os.write(2, b"tcprules: fatal: unable to write to " + temporary + b": " + trouble.text.encode() + b"\n")
        return 111
    try:
        os.rename(temporary, target)
        durable.sync_directory(os.fsdecode(os.path.dirname(target)) or ".")
    except OSError as trouble:
        return _die(b"unable to move " + temporary + b" to " + target, trouble)
    return 0


def _read_input() -> bytes:
    pieces = []
    while piece := os.read(0, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _die(what: bytes, trouble: OSError) -> int:
    os.write(2, b"tcprules: fatal: " + what + b": " + reason(trouble) + b"\n")
    return 111
