"""A fact to its qmail-log(5) line, to the letter."""

from __future__ import annotations

from qmtwist.mail.shapes import Any, Callable

from . import facts

_SAFE = bytes(
    0x2F if byte == 10 else 0x5F if byte <= 32 or byte >= 127 or byte == 0x25 else byte for byte in range(256)
)


def safe(text: bytes) -> bytes:
    r"""Foreign bytes in a log line: LF becomes `/`; blanks, `%` and what is not printable ASCII become `_`.

    >>> safe(b"did 1+0+0\n")
    b'did_1+0+0/'
    """
    return text.translate(_SAFE)


def _status(fact: facts.Status) -> bytes:
    return b"status: local %d/%d remote %d/%d%s" % (
        fact[0], fact[1], fact[2], fact[3], b" exitasap" if fact[4] else b"",
    )  # fmt: skip


def _notice(fact: facts.Notice) -> bytes:
    text = fact.text.encode("utf-8", "backslashreplace").replace(b"\n", b"/")
    return fact.level.encode() + b": " + text if fact.level else text


_WORDING: dict[type, Callable[[Any], bytes]] = {
    facts.NewMessage: lambda f: b"new msg %d" % f[0],
    facts.MessageInfo: lambda f: b"info msg %d: bytes %d from <%s> qp %d uid %d" % (f[0], f[1], safe(f[2]), f[3], f[4]),
    facts.DeliveryStarted: lambda f: b"starting delivery %d: msg %d to %s %s" % (f[0], f[1], f[2].encode(), safe(f[3])),
    facts.DeliveryEnded: lambda f: b"delivery %d: %s: %s" % (f[0], f[1].encode(), safe(f[2])),
    facts.ReportMangled: lambda f: b"delivery %d: report mangled, will defer" % f[0],
    facts.Status: _status,
    facts.Bounced: lambda f: b"bounce msg %d qp %d" % (f[0], f[1]),
    facts.TripleBounce: lambda f: b"triple bounce: discarding bounce/%d" % f[0],
    facts.MessageEnded: lambda f: b"end msg %d" % f[0],
    facts.Notice: _notice,
    facts.Exiting: lambda f: b"status: exiting",
}


def word(fact: facts.Fact) -> bytes:
    """The log line of a fact, without its line end.

    >>> word(facts.Status(0, 10, 0, 20, False))
    b'status: local 0/10 remote 0/20'
    """
    return _WORDING[type(fact)](fact)
