"""qmail-lspawn: schedule local deliveries

    qmail-lspawn [ DEFAULTDELIVERY ]
    qmail-lspawn --agent --defaultdelivery TEXT --programtimeout SECONDS [ --checkpassword COMMAND ]
    qmail-lspawn --mailbox DESCRIPTOR

Finds the account for each recipient (users/cdb, then qmail-getpw's rules) and delivers under that user's rights, never
as root. In the first form it speaks qmail-send's spawn protocol on descriptors 0 and 1 and runs bin/qmail-local for
each delivery; DEFAULTDELIVERY, `./Mailbox` unless given, is for users without a .qmail file. With --agent it serves the
qmtwist server on descriptor 3, with a worker process for each user. With --mailbox it serves a mailbox of the
user who runs it on that descriptor; checkpassword programs are given this command.

Exit status: 0 when the orders have ended and all deliveries are done, 100 for bad arguments, 111 when it cannot start.
"""

from __future__ import annotations

import os

from qmtwist.store.durable import write_all

_USAGE = b"qmail-lspawn: usage: qmail-lspawn [ defaultdelivery ]\n"
AGENT_CHANNEL = 3


def main(arguments: list[bytes], home: str) -> int:
    """See the docstring of the module."""
    try:
        if arguments[:1] == [b"--agent"]:
            return _agent(arguments[1:], home)
        if arguments[:1] == [b"--mailbox"]:
            return _mailbox(arguments[1:], home)
        from qmtwist.agents.local.lspawn import serve

        serve(home, arguments[0] if arguments else b"./Mailbox")
    except BrokenPipeError:
        return 0
    except OSError as error:
        write_all(2, b"qmail-lspawn: fatal: %s\n" % str(error).encode("utf-8", "backslashreplace"))
        return 111
    return 0


def _agent(words: list[bytes], home: str) -> int:
    from qmtwist.agents.local.agent import Options, serve
    from qmtwist.cli.inside import Inside, load_programs

    given = dict(zip(words[::2], words[1::2], strict=False))
    timeout = given.get(b"--programtimeout", b"86400")
    if len(words) % 2 or not timeout.isdigit() or given.keys() - {
        b"--defaultdelivery", b"--programtimeout", b"--checkpassword"
    }:  # fmt: skip
        write_all(2, _USAGE)
        return 100
    load_programs()
    options = Options(
        home=home,
        defaultdelivery=given.get(b"--defaultdelivery", b"./Mailbox"),
        program_limit_s=int(timeout),
        checkpassword=given.get(b"--checkpassword", b"").split(),
        inside=Inside(home).find,
    )
    return serve(options, AGENT_CHANNEL)


def _mailbox(words: list[bytes], home: str) -> int:
    from qmtwist.agents.local.worker import serve_mailbox

    if len(words) != 1 or not words[0].isdigit():
        write_all(2, _USAGE)
        return 100
    if os.getuid() == 0 or os.geteuid() == 0:
        return 111  # the checkpassword program did not become a user
    return serve_mailbox(home, int(words[0]))
