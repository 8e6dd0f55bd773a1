"""Lines as entries of systemd's journal. (https://systemd.io/JOURNAL_NATIVE_PROTOCOL)"""

from __future__ import annotations

import json

from . import syslog

IDENTIFIER = b"qmtwist"


def entry(line: bytes) -> bytes:
    """The datagram of one log line: text, or an object of the JSON form.

    >>> entry(b"warning: trouble")
    b'PRIORITY=4\\nSYSLOG_FACILITY=2\\nSYSLOG_IDENTIFIER=qmtwist\\nMESSAGE=warning: trouble\\n'
    """
    fields = ((b"PRIORITY", b"%d" % priority(line)), (b"SYSLOG_FACILITY", b"%d" % syslog.MAIL))
    return b"".join(field(*each) for each in (*fields, (b"SYSLOG_IDENTIFIER", IDENTIFIER), (b"MESSAGE", line)))


def field(name: bytes, value: bytes) -> bytes:
    """One field; a value of several lines goes by its length.

    >>> field(b"MESSAGE", b"a\\nb")
    b'MESSAGE\\n\\x03\\x00\\x00\\x00\\x00\\x00\\x00\\x00a\\nb\\n'
    """
    if b"\n" in value:
        return b"%b\n%b%b\n" % (name, len(value).to_bytes(8, "little"), value)
    return b"%b=%b\n" % (name, value)


def priority(line: bytes) -> int:
    """The level of a line, or of the notice that an object is.

    >>> priority(b'{"time": 1.5, "event": "Notice", "level": "alert", "text": "oh no"}'), priority(b"end msg 7")
    (1, 6)
    """
    if not line.startswith(b'{"time": ') or b'"event": "Notice"' not in line:
        return syslog.level_of(line)
    try:
        level = json.loads(line).get("level")
    except ValueError:  # it only looks like one
        return syslog.INFO
    return syslog.level_of(b"%b:" % str(level).encode())
