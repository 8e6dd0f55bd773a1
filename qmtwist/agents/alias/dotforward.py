"""dot-forward: one delivery by a .forward file. (dot-forward(1))"""

from __future__ import annotations

import os
import stat

from qmtwist.control.aliashosts import read_hosts
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.reasons import reason
from qmtwist.rules.aliaswords import ADDRESS, FILE, PROGRAM, Hosts, Mistake
from qmtwist.rules.dotforward import Owner, Plan, parse

from . import forwarding
from .forwarding import Say, Setting
from .ran import Ran

DONE = 99
_WORDS = {ADDRESS: b"forward ", PROGRAM: b"pipe through ", FILE: b"append to "}


def read_plan(name: bytes, setting: Setting) -> Plan | None:
    """What a file asks for, nothing perhaps; None if there is no such file.

    :raises Mistake: it cannot be read, or what it asks for cannot be done.
    """
    text = _read(name)
    if text is None:
        return None
    environ = setting.environ
    owner = Owner(environ.get(b"USER", b""), environ.get(b"HOST", b""))

    def hosts() -> Hosts:
        try:
            return read_hosts(setting.home)
        except OSError as error:
            raise Mistake(b"unable to read controls: " + reason(error)) from error

    plan = parse(text, owner, hosts, _read)
    for step in plan.steps:
        if step.kind == FILE and not _may_append(step.text, environ.get(b"HOME", b"")):
            raise Mistake(b"file delivery %s not supported" % step.text)
    return plan


def _read(name: bytes) -> bytes | None:
    try:
        # O_NONBLOCK: a FIFO is no file to wait for
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Mistake(b"unable to read %s: %s" % (name, reason(error))) from error
    try:
        with open(descriptor, "rb", buffering=0) as stream:
            mode = os.fstat(descriptor).st_mode
            text = stream.readall()
    except OSError as error:
        raise Mistake(b"unable to read %s: %s" % (name, reason(error))) from error
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise Mistake(b"%s is world-writable" % name)
    return text


def _may_append(name: bytes, home: bytes) -> bool:
    """Whether mail may be added to a file: nothing of others is changed, nothing is made outside of the user's home."""
    try:
        status = os.stat(name)
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    except FileNotFoundError:
        directory = os.path.dirname(os.path.realpath(name))
        is_at_home = bool(home) and (directory + b"/").startswith(os.path.realpath(home) + b"/")
        return is_at_home and os.path.isdir(directory) and os.stat(directory).st_uid == os.geteuid()
    except OSError:
        return False


def show(plan: Plan, say: Say) -> None:
    """Say what a plan would do."""
    for kind, text in plan.steps:
        say(_WORDS[kind] + text)
    if plan.is_direct:
        say(b"direct delivery")


def carry_out(plan: Plan, setting: Setting, say: Say) -> int:
    """Do it; the exit status, 0 or `DONE`.

    :raises Fatal: it failed. :raises OSError: the message cannot be read again.
    """
    recipients = tuple([text for kind, text in plan.steps if kind == ADDRESS])

    def act(ran: Ran) -> None:
        for kind, text in plan.steps:
            if kind != ADDRESS:
                ran.once(kind + text, lambda step: _act(step, setting))
        if recipients:
            envelope = Envelope(setting.environ.get(b"NEWSENDER", b""), recipients)
            say(b"dot-forward: info: qp %d" % forwarding.send(setting, envelope, b"unable to forward message: "))

    forwarding.once(setting.environ, act)
    return 0 if plan.is_direct else DONE


def _act(step: bytes, setting: Setting) -> None:
    """One step: its kind, a byte, and its text."""
    kind, text = step[:1], step[1:]
    head = forwarding.top(setting.environ)
    if kind == FILE:
        forwarding.append(text, head)
    else:
        forwarding.run(text, head)
