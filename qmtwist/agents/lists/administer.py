"""What moderators ask a list for, and what is in its texts. (ezmlm-manage)"""

from __future__ import annotations

import os

from qmtwist.mail.date import rfc822
from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.rules.lists.administration import (
    TEXT_BYTES,
    edited,
    framed,
    is_for_moderators,
    log_line,
    text_name,
)
from qmtwist.rules.lists.command import EDIT_S, Command, Ticket, is_valid
from qmtwist.rules.lists.cookie import cookie
from qmtwist.rules.lists.texts import TEXTS
from qmtwist.store.lists.files import Lock, give_up

from .incoming import Incoming
from .saying import Desk, Saying

_LOG_BYTES = 4 << 20  # of the log, its end, that are looked at
_LETTER_BYTES = 1 << 20  # of a letter with a text in it


def understood(desk: Desk) -> Command:
    """The command, or one that nobody understands if it is not for who wrote or about what there is not.

    :raises Permanent: a moderator wants what the list is not set up for.
    :raises Temporary: that cannot be told.
    """
    command, moderators = desk.command, desk.moderators
    unknown = Command(b"", desk.request.sender)
    if command.part and not desk.place.has(command.part.decode()):
        return unknown
    if command.part == b"deny" and not desk.is_administrator():
        return unknown
    if not is_for_moderators(command):
        return command
    if moderators.known(command.target) is None:
        return unknown
    is_possible = desk.wishes.edits if command.verb == b"edit" else desk.wishes.lists
    if not is_possible or not (moderators.is_remote or command.verb in (b"list", b"listn")):
        raise Permanent("this list is not set up for that", "5.7.2")
    return command


def inform(desk: Desk) -> Saying:
    """What everybody may ask for.

    :raises Temporary: not now.
    """
    command = desk.command
    if command.verb in (b"info", b"faq"):
        return Saying((command.verb.decode(),))
    if command.verb == b"query":
        asking = desk.moderators.known(desk.request.sender)
        saying = Saying(("sub-nop" if _is_on(desk) else "unsub-nop",))
        return saying._replace(to=(asking,)) if asking is not None else saying
    is_moderator = command.verb == b"help" and desk.moderators.known(desk.request.sender) is not None
    return Saying(("mod-help", "help") if is_moderator else ("help",), is_personal=False)


def _is_on(desk: Desk) -> bool:
    with suppress(Malformed):
        return desk.people.has(desk.command.target)
    return False


def administer(desk: Desk, incoming: Incoming) -> Saying:
    """Do what moderators may.

    :raises Permanent: nobody has been asked for this confirmation, or there is no such text.
    :raises Temporary: not now.
    """
    command = desk.command
    if command.ticket is not None:
        return _change_text(desk, command.ticket, incoming)
    to = desk.moderators.known(command.target)
    saying = {b"edit": _text, b"log": _log}.get(command.verb, _list)(desk)
    return saying._replace(to=(to or b"",))


def _list(desk: Desk) -> Saying:
    """Who is on the list, or how many."""
    found = list(desk.people)
    lines = b"".join([address + b"\n" for address in found]) if desk.command.verb == b"list" else b""
    return Saying(subject=desk.subject("SUB_LIST"), body=lines + b"\n  ======> %d\n" % len(found))


def _log(desk: Desk) -> Saying:
    """Who came and went: the lines of the log with the word that is looked for."""
    path = f"{desk.directory}/Log"
    try:
        with open(path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(size - _LOG_BYTES, 0))
            lines = stream.read(_LOG_BYTES).split(b"\n")[1 if size > _LOG_BYTES else 0 :]
    except FileNotFoundError:
        lines = []
    except OSError as error:
        give_up(f"unable to read {path}", error)
    shown = [_dated(line) for line in lines if line and log_line(line, desk.command.word)]
    return Saying(subject=desk.subject("SUB_LOG"), body=b"".join([line + b"\n" for line in shown]))


def _dated(line: bytes) -> bytes:
    time, blank, rest = line.partition(b" ")
    return rfc822(int(time)) + b" " + rest if blank and time.isdigit() and len(time) < 12 else line


def _text(desk: Desk) -> Saying:
    """A text to be edited, or what texts there are."""
    if not desk.command.word:
        return Saying(("edit-list",), desk.subject("SUB_EDIT_LIST"))
    name, text = _found(desk)
    date = b"%d" % desk.request.now
    number = _proof(desk, date, name, text)
    reply_to = desk.of.address(b"ed.%s.%s.%s" % (date, desk.command.word, number))
    subject = desk.subject("SUB_EDIT_REQUEST", name.encode())
    return Saying(("edit-do",), subject, reply_to=reply_to, body=framed(text))


def _found(desk: Desk) -> tuple[str, bytes]:
    """The text that is meant, by its name.

    :raises Permanent: there is none.
    """
    name = text_name(desk.command.word)
    if not name or not (name in TEXTS or desk.place.has(f"text/{name}")):
        raise Permanent("there is no such text", "5.1.1")
    return name, desk.place.whole_text(name)


def _proof(desk: Desk, date: bytes, name: str, text: bytes) -> bytes:
    """A cookie that is good for this text as it is now."""
    return cookie(desk.place.key(), date, name.encode() + b"\0" + text, b"e")


def _change_text(desk: Desk, ticket: Ticket, incoming: Incoming) -> Saying:
    """Put the text that has been sent in the place of ours; again, if what we said to that was not queued."""
    if not (desk.moderators.is_remote and desk.wishes.edits):
        raise Permanent("I do not know this address", "5.1.1")
    with Lock(f"{desk.place.path}/lock"):
        name, old = _found(desk)
        valid = is_valid(ticket, desk.place.key(), name.encode() + b"\0" + old, b"e", desk.request.now, EDIT_S)
        may_repeat = desk.moderators.known(desk.request.sender) is not None
        new = edited(_plain(incoming.whole(_LETTER_BYTES))) if valid or may_repeat else None
        is_done = may_repeat and new == old
        if not valid and not is_done:
            raise Permanent("I do not know this address, or the text has been changed since", "5.1.1")
        if new is None:
            raise Permanent("the two lines with percent signs around the text are not there", "5.6.0")
        if len(new) > TEXT_BYTES:
            raise Permanent(f"the text is longer than {TEXT_BYTES} bytes", "5.3.4")
        if not is_done:
            desk.place.set_text(name, new)
    return Saying(("edit-done",), desk.subject("SUB_EDIT_SUCCESS", name.encode()), to=(desk.request.sender,))


def _plain(message: bytes) -> bytes:
    """The first plain text of a message, decoded, as UTF-8."""
    from email import message_from_bytes
    from email.policy import default

    try:
        for part in message_from_bytes(message, policy=default).walk():
            if part.get_content_type() == "text/plain":
                data = part.get_payload(decode=True)
                if isinstance(data, bytes):
                    return _recoded(data, part.get_content_charset("utf-8"))
    except RecursionError:  # parts in parts in parts
        pass
    return b""


def _recoded(data: bytes, charset: str) -> bytes:
    with suppress(UnicodeDecodeError):
        data.decode()
        return data
    try:
        return data.decode(charset, "replace").encode()
    except LookupError:
        return data.decode("latin-1").encode()
