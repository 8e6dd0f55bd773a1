"""fastforward: one delivery by a forwarding table. (fastforward(1))"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.reasons import reason
from qmtwist.rules import maillist
from qmtwist.rules.forwarding import Expansion, expand
from qmtwist.store import cdb

from . import forwarding
from .forwarding import PERMANENT, TEMPORARY, Fatal, Say, Setting
from .ran import Ran

_LOOP = b"Sorry, the aliases of this address lead nowhere but to each other. (#5.4.6)"


def look_up(table: bytes, address: bytes, sender: bytes) -> Expansion | None:
    """Who gets a message for this address; None if the table does not know it.

    :raises Fatal: the table or a list cannot be read.
    """
    try:
        with cdb.Reader(table) as reader:
            return expand(address, sender, reader.get, _read_list)
    except OSError as error:
        raise Fatal(TEMPORARY, b"unable to read %s: %s" % (table, reason(error))) from error
    except Malformed as error:
        raise Fatal(TEMPORARY, b"unable to read %s: bad database format" % table) from error


def _read_list(name: bytes) -> list[bytes]:
    """The items of a list file.

    Everybody must be able to read it: who may name a list in an alias could else read what only the alias user may.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as stream:
            mode = os.fstat(descriptor).st_mode
            if mode & 0o444 != 0o444:
                raise Fatal(TEMPORARY, name + b" is not world-readable")
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise Fatal(TEMPORARY, name + b" is not a file")
            return list(maillist.items([stream.readall()]))
    except OSError as error:
        raise Fatal(TEMPORARY, b"unable to read %s: %s" % (name, reason(error))) from error
    except Malformed as error:
        raise Fatal(TEMPORARY, b"%s: bad mailing list format" % name) from error


def show(expansion: Expansion, say: Say) -> None:
    """Say what would be done."""
    for program in expansion.programs:
        say(b"run " + program)
    if not expansion.recipients:
        say(b"no forwarding")
        return
    say(b"from <%s>" % expansion.sender)
    for recipient in expansion.recipients:
        say(b"to <%s>" % recipient)


def carry_out(expansion: Expansion, setting: Setting, say: Say) -> None:
    """Do it.

    :raises Fatal: it failed. :raises OSError: the message cannot be read again.
    """
    if expansion.is_loop:
        raise Fatal(PERMANENT, _LOOP, is_plain=True)

    def act(ran: Ran) -> None:
        for program in expansion.programs:
            ran.once(program, lambda command: _run(command, setting))
        if expansion.recipients:
            qp = forwarding.send(setting, Envelope(expansion.sender, expansion.recipients))
            say(b"fastforward: qp %d" % qp)

    forwarding.once(setting.environ, act)


def _run(program: bytes, setting: Setting) -> None:
    """`!` asks for the lines that preline adds."""
    head = forwarding.top(setting.environ) if program[:1] == b"!" else None
    forwarding.run(program[1:], head)
