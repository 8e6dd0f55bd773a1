"""Answer the message on descriptor 0 for somebody who is away. (vacation(1))"""

from __future__ import annotations

import os

from qmtwist.agents.submit.submission import submit
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed, Permanent, Temporary
from qmtwist.mail.header import Field
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.autoreply import Letter, answer
from qmtwist.rules.mentions import mentions
from qmtwist.rules.vacation import PERIOD_S, Owner, envelope_sender, refusal
from qmtwist.store.answered import Answered
from qmtwist.store.durable import read

from .heading import drain, read_header


class Absence(NamedTuple):
    """Who is away, and how they want it said."""

    owner: Owner
    address: bytes  # to answer from, if the message does not name one of the owner's
    message_path: str
    answered_path: str
    period_s: int | None  # None: as it was set when the file was made
    sender: bytes | None  # None: look for it in the header
    copy: bytes | None = None  # who gets a copy of each answer


def respond(absence: Absence, home: str, now: int) -> str:
    """Answer, or say why not. Who has been answered is on disk before the answer is sent: a crash costs an answer,
    but never sends a second one.

    :raises Temporary: neither is possible now.
    :raises Permanent: the answer is refused for good.
    """
    try:
        header = read_header()
        drain()
    except OSError as error:
        raise Temporary(f"unable to read message: {reason(error).decode()}") from error
    if not header.is_complete:
        return "its header is too long"
    sender = absence.sender if absence.sender is not None else envelope_sender(header.fields)
    why_not = refusal(header.fields, sender, absence.owner)
    if why_not or sender is None:
        return why_not
    own = _own(absence, header.fields)
    template = _template(absence.message_path)
    letter = Letter(header.fields, sender, own, template, now, _message_id(own, now), absence.copy)
    text = _compose(letter, absence.message_path)
    return _send_once(absence, sender, text, home, now)


def _send_once(absence: Absence, sender: bytes, text: bytes, home: str, now: int) -> str:
    answered = Answered(absence.answered_path)
    try:
        if not answered.claim(sender, now, absence.period_s, PERIOD_S):
            return "its sender has had an answer"
        result = submit(
            home, [text], Envelope(b"", (sender,) if absence.copy is None else (sender, absence.copy)), os.environb
        )
        if result.text:
            answered.forget(sender)
    except OSError as error:
        raise Temporary(f"unable to use {absence.answered_path}: {reason(error).decode()}") from error
    if result.text:
        raise (Permanent if result.text[:1] == b"D" else Temporary)(os.fsdecode(result.text[1:]))
    return ""


def _own(absence: Absence, fields: list[Field]) -> bytes:
    """The address that was written to, if it is certainly the owner's, else the usual one."""
    whole = {name.lower(): name for name in absence.owner.names if b"@" in name}
    for named in mentions(fields, (b"to", b"cc")):
        if named.lower() in whole:
            return whole[named.lower()]
    return absence.address


def _message_id(own: bytes, now: int) -> bytes:
    return b"<%d.%d.vacation@%s>" % (now, os.getpid(), own.rpartition(b"@")[2])


def _compose(letter: Letter, path: str) -> bytes:
    try:
        return answer(letter)
    except Malformed as error:
        raise Temporary(f"{path}: {error.text}") from error


def _template(path: str) -> bytes:
    """The owner's text; nothing without one."""
    try:
        return read(path)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Temporary(f"unable to read {path}: {reason(error).decode()}") from error
