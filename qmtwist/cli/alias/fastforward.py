r"""fastforward: forward mail by a table of aliases

    | fastforward [ -nNpPdD ] data.cdb

Put it into ~alias/.qmail-default, with -d and /etc/aliases.cdb, and what newaliases made of /etc/aliases is in effect:

    | fastforward -d /etc/aliases.cdb

It looks the recipient up in a database made by newaliases or setforward: the whole address, then its host, then its
local part at any host. -d takes the address from DEFAULT (or EXT) and HOST, -D (default) from RECIPIENT. If it is not
there, the message bounces; with -p, the lines below in the .qmail file do their work. If it is there, the message is
sent on to those that the table names, and those that it names for them, each of them once; with -p, the lines below are
skipped. An address that the table gives an owner sends with that owner as the envelope sender, who gets the bounces.

Programs are run first, in the order of the table, when the whole table and all lists have been read. If one fails,
nothing is forwarded; where it may work later, those that have succeeded are not run again by the next attempt if
.qmtwist-ran in the alias user's home can be written. Aliases that lead nowhere but to each other make the message
bounce. Lists in files must be readable for everybody.

-n prints what would be done, and does nothing. -N (default) does it.

Environment: RECIPIENT, or DEFAULT, EXT and HOST; SENDER, UFLINE, RPLINE and DTLINE; as qmail-local sets them.

Exit status: 0 done, or with -p not there; 99 done, with -p; 100 it can never be done; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.alias.fastforward import carry_out, look_up, show
from qmtwist.agents.alias.forwarding import PERMANENT, TEMPORARY, Fatal, Setting
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.shapes import Mapping

NAME = b"fastforward"
_USAGE = b"fastforward: usage: fastforward [ -nNpP ] data.cdb"
_UNKNOWN = b"Sorry, no mailbox here by that name. (#5.1.1)"
_NO_SENDER = b"original envelope sender"  # without SENDER there is no delivery, only somebody who tries -n


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    flags = {b"n": False, b"p": False, b"d": False}
    options = Options(arguments, b"nNpPdD")
    try:
        for letter, _ in options:
            flags[letter.lower()] = letter.islower()
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        say(_USAGE)
        return PERMANENT
    if not options.rest:
        say(_USAGE)
        return PERMANENT
    try:
        return _deliver(options.rest[0], Setting(home, dict(os.environb)), flags)
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except Fatal as error:
        if error.is_plain:
            say(error.complaint)
        elif error.complaint:
            fatal(NAME, error.complaint)
        return error.status
    except OSError as error:
        return fatal(NAME, b"unable to read the message", error, TEMPORARY)


def _deliver(table: bytes, setting: Setting, flags: Mapping[bytes, bool]) -> int:
    address = _address(setting.environ, flags[b"d"])
    expansion = look_up(table, address, setting.environ.get(b"SENDER", _NO_SENDER))
    if expansion is None:
        if flags[b"p"]:
            return 0
        raise Fatal(PERMANENT, _UNKNOWN, is_plain=True)
    if flags[b"n"]:
        show(expansion, say)
    else:
        carry_out(expansion, setting, say)
    return 99 if flags[b"p"] else 0


def _address(environ: Mapping[bytes, bytes], is_default: bool) -> bytes:
    if not is_default:
        return _needed(environ, b"RECIPIENT")
    local = environ.get(b"DEFAULT", environ.get(b"EXT"))
    if local is None:
        raise Fatal(PERMANENT, b"$DEFAULT or $EXT must be set")
    return local + b"@" + _needed(environ, b"HOST")


def _needed(environ: Mapping[bytes, bytes], name: bytes) -> bytes:
    if name not in environ:
        raise Fatal(PERMANENT, b"$%s must be set" % name)
    return environ[name]
