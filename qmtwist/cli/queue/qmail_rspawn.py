"""qmail-rspawn: schedule remote deliveries

    qmail-rspawn
    qmail-rspawn --agent [ --programs ]

Delivers messages to other hosts, many at a time. Without arguments it speaks the spawn protocol of qmail-send on
descriptors 0 and 1 and runs qmail-remote (or the program named by the environment variable QMAILREMOTE) for each
recipient. With --agent it serves the qmtwist server on descriptor 3: all SMTP and QMTP sessions are its own, and
connections are used again; with --programs too it runs a program for each recipient. Started by root it first becomes
the user qmailr. Its start clears the table of hosts that did not answer (qmail-tcpto). With --agent alone it ignores
HUP, INT and TERM: the server tells it what to do, and it ends when the server does.

Exit status: 0 when the orders have ended and all deliveries are done, 111 when it cannot start or lost its connection.
"""

from __future__ import annotations

import os
import pwd

from qmtwist.agents.channel import Channel
from qmtwist.agents.privileges import NotPermitted, become
from qmtwist.agents.remote.rspawn import Agent, serve
from qmtwist.mail.errors import suppress
from qmtwist.store import durable
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.queue.layout import Layout

AGENT_CHANNEL = 3
_USERS = ("qmailr", "nobody")


def main(arguments: list[bytes], home: str) -> int:
    """Without arguments, with --agent, or with --agent --programs."""
    if arguments not in ([], [b"--agent"], [b"--agent", b"--programs"]):
        durable.write_all(2, b"qmail-rspawn: usage: qmail-rspawn [ --agent [ --programs ] ]\n")
        return 100
    try:
        os.chdir(home)
        if arguments:
            _become_qmailr()
            _forget_dead_hosts(home)
            return _serve_daemon(home, b"--programs" in arguments)
        os.chdir("queue/mess")
        owner = _message_owner()
        _become_qmailr()
        _forget_dead_hosts(home)
        serve(home, owner, 0, 1)
    except BrokenPipeError:
        return 0
    except (OSError, NotPermitted) as error:
        durable.write_all(2, f"qmail-rspawn: fatal: {error}\n".encode())
        return 111
    return 0


def _serve_daemon(home: str, runs_programs: bool) -> int:
    if runs_programs:
        Agent(home, Channel(AGENT_CHANNEL)).run()
        return 0
    from qmtwist.services.remote.rspawn import serve_daemon  # Twisted takes its time

    return serve_daemon(home, AGENT_CHANNEL)


def _forget_dead_hosts(home: str) -> None:
    """A new start tries everybody again, as in qmail: perhaps it was our own network that was down."""
    with suppress(OSError):
        DeadHosts(Layout(f"{home}/queue").tcpto).clear()


def _message_owner() -> int:
    """The uid of qmailq; on a machine without that account, of whoever owns queue/mess."""
    try:
        return pwd.getpwnam("qmailq").pw_uid
    except KeyError:
        return os.stat(".").st_uid


def _become_qmailr() -> None:
    """Nothing that talks to other hosts does so as root.

    :raises NotPermitted: it cannot, or there is no account for it.
    """
    if os.geteuid() != 0:
        return
    for name in _USERS:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        become(account.pw_uid, account.pw_gid)
        return
    raise NotPermitted("no account qmailr")
