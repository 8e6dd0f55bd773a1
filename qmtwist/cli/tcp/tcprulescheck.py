"""tcprulescheck - say what rules mean for a client

    tcprulescheck rules.cdb

Looks up the client that the environment variables TCPREMOTEIP (without it 0.0.0.0), TCPREMOTEHOST and TCPREMOTEINFO
describe, as tcpserver and the services do, and prints the rule that counts, the variables it sets, and whether the
connection is allowed. See tcprules for the order in which rules are looked for.

Exit status: 0; 100 without an argument; 111 if the file cannot be read or is no constant database.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed
from qmtwist.mail.reasons import reason
from qmtwist.rules.peers import decide
from qmtwist.rules.tcprules import decode
from qmtwist.store import durable
from qmtwist.store.cdb import Reader


def main(arguments: list[bytes], home: str) -> int:
    """Look up and print."""
    if not arguments:
        os.write(2, b"tcprulescheck: usage: tcprulescheck rules.cdb\n")
        return 100
    environ = os.environb
    ip = environ.get(b"TCPREMOTEIP", b"0.0.0.0")
    try:
        with Reader(arguments[0]) as reader:
            found = decide(reader.get, ip, environ.get(b"TCPREMOTEHOST"), environ.get(b"TCPREMOTEINFO"))
    except (OSError, Malformed) as trouble:
        why = reason(trouble) if isinstance(trouble, OSError) else b"protocol error"  # EPROTO, as cdb's library has it
        os.write(2, b"tcprulescheck: fatal: unable to read " + arguments[0] + b": " + why + b"\n")
        return 111
    durable.write_all(1, _words(found))
    return 0


def _words(found: tuple[bytes, bytes] | None) -> bytes:
    if found is None:
        return b"default:\nallow connection\n"
    key, data = found
    is_denied, variables = decode(data)
    lines = [b"rule %s:\n" % key]
    lines += [b"set environment variable %s=%s\n" % pair for pair in variables]
    lines.append(b"deny connection\n" if is_denied else b"allow connection\n")
    return b"".join(lines)
