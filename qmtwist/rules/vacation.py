"""Whether a message gets an automatic answer. (RFC 3834; vacation(1))"""

from __future__ import annotations

from qmtwist.mail.address import is_sendable, split
from qmtwist.mail.addresstokens import COMMENT, tokenize, unquote
from qmtwist.mail.header import MBOX_NAME, Field
from qmtwist.mail.shapes import Iterable, NamedTuple, Sequence

from .mentions import mentions

DAY_S = 86400
PERIOD_S = 7 * DAY_S
FOREVER_S = 1 << 40
_UNITS = {b"s": 1, b"m": 60, b"h": 3600, b"d": DAY_S, b"w": 7 * DAY_S}
_TOKEN_BYTES = 1000  # of a field that holds one word

_RECIPIENTS = (b"to", b"cc", b"bcc", b"apparently-to", b"resent-to", b"resent-cc", b"resent-bcc")
_PROGRAMS = frozenset(
    b"mailer-daemon postmaster daemon root listserv majordomo mdaemon nobody noreply no-reply no_reply donotreply "
    b"do-not-reply bounce bounces owner request uucp mailer".split()
)
_PROGRAM_BEGINS = (b"owner-", b"bounce-", b"bounce+", b"bounces-", b"bounces+", b"noreply-", b"noreply+", b"no-reply-")
_PROGRAM_ENDS = (b"-owner", b"-request", b"-bounce", b"-bounces", b"+bounces", b"-noreply", b"-no-reply")
_PRECEDENCES = (b"bulk", b"list", b"junk")
_ROBOTS = (b"mailing-list", b"x-mailing-list", b"x-autoreply", b"x-autorespond", b"x-autoresponder")
_KEYWORDS = (b"auto-submitted", b"precedence", b"x-spam-flag", b"content-type")
_SUPPRESS = b"x-auto-response-suppress"
_SUPPRESSED = (b"all", b"oof", b"autoreply")


class Owner(NamedTuple):
    """Who is away: a name without a host stands for that name at every host."""

    names: tuple[bytes, ...]
    may_be_unlisted: bool = False  # answer although no field names the owner


def period(text: bytes) -> int | None:
    """Seconds between two answers to the same sender: a number of days, or of the unit that follows it; None if it is
    neither that nor `infinite`.

    >>> period(b"3"), period(b"12h"), period(b"infinite") == FOREVER_S, period(b"-1"), period(b"2x")
    (259200, 43200, True, None, None)
    """
    if text == b"infinite":
        return FOREVER_S
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, b"d")
    if not number.isdigit() or len(number) > 9:
        return None
    return min(int(number) * _UNITS[unit], FOREVER_S)


def envelope_sender(fields: Iterable[Field]) -> bytes | None:
    """The sender as a delivery has written it in front: in Return-Path or in a From_ line; None without either.

    >>> envelope_sender([Field(b"return-path", b"Return-Path: <joe@host>\\n")])
    b'joe@host'
    """
    from_line: bytes | None = None
    for field in fields:
        value = field.raw.partition(b":")[2][:_TOKEN_BYTES].strip()
        if field.name == b"return-path":
            return unquote([token for token in tokenize(value, is_tolerant=True) if token.kind not in b"<>"])
        if field.name == MBOX_NAME.lower() and from_line is None:
            from_line = b"" if (word := value[5:].partition(b" ")[0]) == b"MAILER-DAEMON" else word
    return from_line


def refusal(fields: Sequence[Field], sender: bytes | None, owner: Owner) -> str:
    """Why a message gets no answer, or nothing if it gets one.

    >>> refusal([Field(b"precedence", b"Precedence: bulk\\n")], b"joe@host", Owner((b"ann",)))
    'it is bulk mail (Precedence)'
    """
    for reason in (_of_sender(sender), _of_header(fields)):
        if reason:
            return reason
    if sender is not None and is_owner(sender, [name for name in owner.names if b"@" in name]):
        return "the owner has written it"
    if not owner.may_be_unlisted and not any(is_owner(named, owner.names) for named in mentions(fields, _RECIPIENTS)):
        return "no recipient field names the owner"
    return ""


def is_owner(address: bytes, names: Iterable[bytes]) -> bool:
    """Whether the address is one of these, or its local part one of those that have no host.

    >>> is_owner(b"Joe@host", [b"joe"]), is_owner(b"joe@host", [b"joe@elsewhere"])
    (True, False)
    """
    address = address.lower()
    local = split(address)[0]
    return any(name.lower() == (address if b"@" in name else local) for name in names)


# RFC 3834 §2: no answer to the null path, nor to what looks like a list's or a program's own address
def _of_sender(sender: bytes | None) -> str:
    if sender is None:
        return "its envelope sender is not known"
    if sender in (b"", b"#@[]"):
        return "its envelope sender is empty: it is a bounce or an answer itself"
    local = split(sender.lower())[0]
    is_program = local in _PROGRAMS or local.startswith(_PROGRAM_BEGINS) or local.endswith(_PROGRAM_ENDS)
    if is_program or (b"-return-" in local and b"=" in local):
        return "a program or a mailing list has sent it"
    return "" if is_sendable(sender) else "its envelope sender is no address"


def _of_header(fields: Iterable[Field]) -> str:
    for name, raw in fields:
        word = _word(raw) if name in _KEYWORDS else b""
        # RFC 3834 §5: a keyword, perhaps with parameters; without one it says nothing good
        if name == b"auto-submitted" and word != b"no":
            return "a program has written it (Auto-Submitted)"
        if name == b"precedence" and word in _PRECEDENCES:
            return "it is bulk mail (Precedence)"
        if name.startswith(b"list-") or name in _ROBOTS:
            return f"it comes from a mailing list or a robot ({name.decode()})"
        if name == _SUPPRESS and any(kind in raw.partition(b":")[2].lower() for kind in _SUPPRESSED):
            return "its sender wants none (X-Auto-Response-Suppress)"
        if name == b"x-spam-flag" and word == b"yes":
            return "it is spam (X-Spam-Flag)"
        if name == b"content-type" and word.startswith(b"multipart/report"):
            return "it is a report"
    return ""


def _word(raw: bytes) -> bytes:
    """The first word of a field, in lower case, without comments and parameters."""
    value = raw.partition(b":")[2][:_TOKEN_BYTES]
    tokens = [token for token in tokenize(value, is_tolerant=True) if token.kind != COMMENT]
    return tokens[0].text.lower() if tokens else b""
