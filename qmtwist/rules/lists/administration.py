"""Who has to agree before somebody joins or leaves a list, and what moderators may do by mail. (ezmlm-manage)"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .command import Command

TEXT_BYTES = 10_240
"""How long a text may be that is sent in."""
START, END = b"%%% START OF TEXT FILE", b"%%% END OF TEXT FILE"
_QUOTED_BYTES = 10  # of a mail program's sign for a quotation before these
_NAME = b"abcdefghijklmnopqrstuvwxyz-"


class Wishes(NamedTuple):
    """How the list's owner wants it. None is for what a file in the list's directory decides."""

    confirms_joining: bool = True
    confirms_leaving: bool = True
    is_leaving_moderated: bool = False
    lists: bool = False  # subscribers, to moderators
    edits: bool = False  # texts, by moderators
    fetches: bool = True  # messages of the archive
    tells: bool = True  # whose subscription a moderator has changed
    shows: bool = True  # the request and what the list can do, below answers
    copies: int = 0  # to the list's owner: 1 of attempts to leave that fail, 2 of all changes as well


class Standing(NamedTuple):
    """Who wrote, and what the list is like."""

    is_moderator: bool = False
    is_remote: bool = False  # moderators may join and leave for others
    is_moderated: bool = False  # who joins needs a moderator
    is_own: bool = True  # it is about who wrote


def asked(is_joining: bool, kind: bytes, standing: Standing, wishes: Wishes) -> bytes:
    """Whose confirmation a change needs next, as the kind of its ticket; empty if nobody's.

    `kind` is that of the valid ticket which came, or empty.

    >>> [asked(True, kind, Standing(is_moderated=True), Wishes()) for kind in (b"", b"s", b"t")]
    [b's', b't', b'']
    """
    is_administrator = standing.is_moderator and standing.is_remote
    if kind not in (b"", b"s", b"u"):
        return b""
    if is_joining:
        if not kind and (is_administrator or wishes.confirms_joining):
            return b"r" if is_administrator else b"s"
        is_trusted = bool(kind) and standing.is_moderator and standing.is_own
        return b"t" if standing.is_moderated and not is_trusted else b""
    if not kind and wishes.confirms_leaving:
        return b"w" if is_administrator else b"u"
    return b"v" if standing.is_moderated and wishes.is_leaving_moderated else b""


def is_for_moderators(command: Command) -> bool:
    """Whether moderators only may ask for it. Who has been sent a text may send it back."""
    return command.verb in (b"list", b"listn", b"log", b"edit") and command.ticket is None


def text_name(word: bytes) -> str:
    """The name of the text that is to be edited; empty for a word that is none.

    >>> text_name(b"sub_ok"), text_name(b"../key")
    ('sub-ok', '')
    """
    name = word.lower().replace(b"_", b"-")
    return name.decode() if name and not name.strip(_NAME) else ""


def framed(text: bytes) -> bytes:
    """A text as it is sent to be edited."""
    return START + b"\n" + text + (b"" if text.endswith(b"\n") or not text else b"\n") + END + b"\n"


def edited(body: bytes) -> bytes | None:
    r"""The text in an answer to a letter with a text, however that is quoted; None if it is not complete.

    >>> edited(b"Hi\n> %%% START OF TEXT FILE\n> a\n>\nb\n> %%% END OF TEXT FILE\n>\n")
    b'a\n\nb\n'
    """
    lines: list[bytes] = []
    quote: bytes | None = None
    for raw in body.replace(b"\r\n", b"\n").split(b"\n"):
        line = raw.replace(b"\xc2\xa0", b" ").rstrip() if b"%%%" in raw else raw
        if quote is None:
            at = line.find(START)
            if 0 <= at <= _QUOTED_BYTES:
                quote = line[:at]
        elif 0 <= line.find(END) <= _QUOTED_BYTES:
            return b"".join([one + b"\n" for one in lines]).replace(b"\0", b"")
        else:
            lines.append(b"" if raw and raw == quote.rstrip() else raw.removeprefix(quote))
    return None


def log_line(line: bytes, wanted: bytes) -> bool:
    """Whether a line of the log has what is looked for: `_` stands for any character.

    >>> log_line(b"1 + Ann.B@x.y", b"ann_b_x.y"), log_line(b"1 + ann@x.y", b"tom")
    (True, False)
    """
    pieces = wanted.lower().split(b"_")
    text, width = line.lower(), len(wanted)
    if not all(piece in text for piece in pieces):
        return False
    for start in range(len(text) - width + 1):
        at = start
        for piece in pieces:
            if text[at : at + len(piece)] != piece:
                break
            at += len(piece) + 1
        else:
            return True
    return not wanted
