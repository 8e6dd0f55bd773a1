"""Messages that wait for a moderator: the addresses that decide, and what a moderator writes. (ezmlm-moderate)"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .cookie import cookie, is_cookie

_LETTERS = {b"accept": b"a", b"reject": b"a", b"confirm": b"c", b"discard": b"c"}
_MARK = b"%%%"
_QUOTED_BYTES = 5  # of a mail program's sign for a quotation before the mark
_COMMENT_BYTES = 4000
_HOUR_S = 3600
_HOURS = (24, 120, 240)  # at least, without a wish, at most
STUB_S = 240 * _HOUR_S
"""How long it is known what was decided."""


class Decision(NamedTuple):
    """What a moderator, or the author, wants with the message `name`, which is TIME.PID."""

    word: bytes  # accept or reject; confirm or discard
    name: bytes
    proof: bytes


def parse(action: bytes) -> Decision | None:
    """The part of an address behind the list's name and a `-`, if it decides something.

    >>> parse(b"accept-1700000000.77.aaaaaaaaaaaaaaaaaaaa")
    Decision(word=b'accept', name=b'1700000000.77', proof=b'aaaaaaaaaaaaaaaaaaaa')
    """
    word, _, rest = action.lower().partition(b"-")
    parts = rest.split(b".")
    if word not in _LETTERS or len(parts) != 3:
        return None
    time, pid, proof = parts
    if not (time.isdigit() and pid.isdigit() and len(time) < 15 and len(pid) < 11):
        return None
    return Decision(word, time + b"." + pid, proof)


def is_valid(decision: Decision, key: bytes) -> bool:
    """Whether the address was made by us."""
    return is_cookie(decision.proof, key, decision.name, b"", _LETTERS[decision.word])


def deciding(word: bytes, name: bytes, key: bytes) -> bytes:
    """What `parse` reads."""
    return b"%s-%s.%s" % (word, name, cookie(key, name, b"", _LETTERS[word]))


def comment(text: bytes) -> bytes:
    r"""What a moderator wrote for the author: the lines between two lines of `%%%`, however they are quoted.

    >>> comment(b"To: x\n\n> %%%\n> not here\n> %%%\n> more\n")
    b'not here\n'
    """
    found: list[bytes] = []
    start: bytes | None = None
    for line in text.replace(b"\r\n", b"\n").split(b"\n"):
        at = line.find(_MARK, 0, _QUOTED_BYTES + len(_MARK))
        if at >= 0 and start is not None:
            return b"".join([one + b"\n" for one in found])[:_COMMENT_BYTES]
        if at >= 0:
            start = line[:at]
        elif start is not None:
            found.append(line.removeprefix(start))
    return b""


def patience_s(wish: bytes) -> int:
    """How long a message waits, in seconds, by the list's wish in hours.

    >>> [patience_s(wish) // 3600 for wish in (b"", b"48", b"1", b"1000")]
    [120, 48, 24, 240]
    """
    least, usual, most = _HOURS
    return (min(max(int(wish), least), most) if wish.isdigit() and len(wish) < 10 else usual) * _HOUR_S
