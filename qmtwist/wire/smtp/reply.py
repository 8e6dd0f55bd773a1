"""SMTP replies, made once and sent many times. (RFC 5321 §4.2, RFC 2034; the texts are qmail-smtpd's)

After HELO a client gets qmail's text as it always was. After EHLO, which announces ENHANCEDSTATUSCODES, the RFC 3463
code is written in front of the same text.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

TEXT_LIMIT = 400  # bytes of a text that was not written by us; a reply line may have 512 (RFC 5321 §4.5.3.1.5)


class Reply(NamedTuple):
    """One reply in both of its forms, CR LF included; `text` is the plain form's, for the log."""

    code: int
    text: bytes
    plain: bytes
    enhanced: bytes


def reply(code: int, status: bytes, text: bytes) -> Reply:
    r"""A reply of one line. `status` is an RFC 3463 code; empty where RFC 2034 §4 allows none (220, 354).

    >>> reply(250, b"2.1.0", b"ok").enhanced
    b'250 2.1.0 ok\r\n'
    """
    enhanced = status + b" " + text if status else text
    return Reply(code, text, b"%d %s\r\n" % (code, text), b"%d %s\r\n" % (code, enhanced))


def foreign(code: int, text: bytes, status: bytes = b"") -> Reply:
    r"""A reply whose text comes from a queue program or an error: made printable, one line, and not too long.

    Without a fitting `status` the one in the text's final `(#5.7.1)` is used, else the general one of the code's class.

    >>> foreign(451, b"two\nlines (#4.2.2)").enhanced
    b'451 4.2.2 two lines (#4.2.2)\r\n'
    """
    line = text.translate(_ONE_LINE)[:TEXT_LIMIT].strip()
    klass = b"%d." % (code // 100)
    for candidate in (status, _named_status(line), klass + b"3.0"):
        if candidate[:2] == klass:
            return reply(code, candidate, line)
    return reply(code, b"", line)  # a code such as 354, which has no status


def _named_status(text: bytes) -> bytes:
    if text[-1:] != b")":
        return b""
    start = text.rfind(b"(#")
    return text[start + 2 : -1] if start >= 0 else b""


def listed(code: int, text: bytes) -> Reply:
    r"""The reply to a client that a DNS list or a rule keeps out: rblsmtpd's words. `text` is printable.

    >>> listed(553, b"go away").plain, listed(451, b"").enhanced
    (b'553 go away\r\n', b'451 4.7.1 \r\n')
    """
    return reply(code, b"%d.7.1" % (code // 100), text)


def listing(lines: list[bytes]) -> bytes:
    r"""A 250 of several lines. (RFC 5321 §4.2.1)

    >>> listing([b"host", b"SIZE 0"])
    b'250-host\r\n250 SIZE 0\r\n'
    """
    return b"".join([b"250-%s\r\n" % line for line in lines[:-1]]) + b"250 %s\r\n" % lines[-1]


_ONE_LINE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))

SENDER_OK = reply(250, b"2.1.0", b"ok")
RECIPIENT_OK = reply(250, b"2.1.5", b"ok")
OK = reply(250, b"2.0.0", b"ok")
FLUSHED = reply(250, b"2.0.0", b"flushed")
GO_AHEAD = reply(354, b"", b"go ahead")
HELP = reply(214, b"2.0.0", b"notqmail home page: https://notqmail.org")
VERIFY = reply(252, b"2.5.2", b"send some mail, i'll try my best")

UNIMPLEMENTED = reply(502, b"5.5.1", b"unimplemented (#5.5.1)")
SENDER_FIRST = reply(503, b"5.5.1", b"MAIL first (#5.5.1)")
RECIPIENT_FIRST = reply(503, b"5.5.1", b"RCPT first (#5.5.1)")
NOT_NOW = reply(503, b"5.5.1", b"not within a transaction (#5.5.1)")
NO_NODE = reply(501, b"5.5.4", b"ETRN takes the name of a node (#5.5.4)")
SYNTAX = reply(555, b"5.5.4", b"syntax error (#5.5.4)")
UNKNOWN_PARAMETER = reply(555, b"5.5.4", b"sorry, I don't know that parameter (#5.5.4)")
BAD_PARAMETER = reply(501, b"5.5.4", b"sorry, that parameter has no such value (#5.5.4)")
LINE_TOO_LONG = reply(500, b"5.5.2", b"sorry, that command line is too long (#5.5.2)")
TOO_MANY_RECIPIENTS = reply(452, b"4.5.3", b"sorry, too many recipients (#4.5.3)")
TOO_MANY_ERRORS = reply(421, b"4.7.0", b"too many errors (#4.7.0)")
TOO_MANY_COMMANDS = reply(421, b"4.7.0", b"too many commands without mail (#4.7.0)")
TOO_MANY_MESSAGES = reply(421, b"4.7.0", b"too many messages; try again later (#4.7.0)")
TOO_MANY_CONNECTIONS = reply(421, b"4.7.0", b"too many connections (#4.7.0)")

TOO_BIG = reply(552, b"5.3.4", b"sorry, that message size exceeds my databytes limit (#5.3.4)")
LOOPING = reply(554, b"5.4.6", b"too many hops, this message is looping (#5.4.6)")
BARE_CR = reply(554, b"5.6.0", b"sorry, that message has a carriage return without a line feed (#5.6.0)")
BARE_LF = reply(451, b"4.6.0", b"See https://cr.yp.to/docs/smtplf.html.")

TIMEOUT = reply(451, b"4.4.2", b"timeout (#4.4.2)")
INTERNAL = reply(451, b"4.3.0", b"sorry, something is wrong here; try again later (#4.3.0)")
QUEUE_FAILURE = reply(451, b"4.3.0", b"qqt failure (#4.3.0)")
STOPPING = reply(421, b"4.3.2", b"sorry, this server is stopping; try again later (#4.3.2)")
NO_CONTROLS = reply(421, b"4.3.0", b"unable to read controls (#4.3.0)")
NO_ADDRESSES = reply(421, b"4.3.0", b"unable to figure out my IP addresses (#4.3.0)")

BAD_SENDER = reply(553, b"5.7.1", b"sorry, your envelope sender is in my badmailfrom list (#5.7.1)")
NO_RELAY = reply(553, b"5.7.1", b"sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)")
NO_MAILBOX = reply(550, b"5.1.1", b"sorry, no mailbox here by that name (#5.1.1)")
