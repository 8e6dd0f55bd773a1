"""MAIL and RCPT: the address in the argument, and what follows it. (RFC 5321 §4.1.2; qmail-smtpd addrparse)

Addresses are read as qmail-smtpd reads them, which is far more generous than the standard: the keyword is not looked
at, brackets may be missing, source routes are dropped, quotes removed. What may not be is at the end of `parse_path`.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple

ADDRESS_LIMIT = 899  # bytes of an unquoted address (qmail-smtpd)
SIZE_DIGITS = 20  # RFC 1870 §5
_CONTROLS = bytes([*range(32), 127])


class Path(NamedTuple):
    """An address without its quotes, and the text behind it: the parameters, if there are any."""

    address: bytes
    rest: bytes


class MailParameters(NamedTuple):
    """What a client said about its message. `size` is in bytes as sent, 0 if it said none."""

    size: int


def parse_path(argument: bytes) -> Path:
    r"""The address in the argument of MAIL or RCPT.

    :raises Malformed: longer than 899 bytes, or with a control character in it.

    >>> parse_path(b"FROM:<@a,@b:joe@host> SIZE=5")
    Path(address=b'joe@host', rest=b' SIZE=5')
    >>> parse_path(b'TO:<"john doe"@host>').address, parse_path(b"TO: joe@host").address, parse_path(b"joe").address
    (b'john doe@host', b'joe@host', b'')
    """
    start = argument.find(b"<") + 1
    if start:
        terminator = b">"
    else:
        terminator = b" "
        start = argument.find(b":") + 1 or len(argument)
        start = len(argument) - len(argument[start:].lstrip(b" "))
    if argument[start : start + 1] == b"@":  # RFC 5321 appendix C: a source route is ignored
        start = argument.find(b":", start) + 1 or len(argument)
    if b'"' in argument or b"\\" in argument:
        address, end = _unquote(argument, start, terminator)
    else:
        end = argument.find(terminator, start)
        if end < 0:
            end = len(argument)
        address = argument[start:end]
    if len(address) > ADDRESS_LIMIT or len(address.translate(None, _CONTROLS)) != len(address):
        raise Malformed("syntax error", "5.5.4")
    return Path(address, argument[end + 1 :])


def _unquote(argument: bytes, start: int, terminator: bytes) -> tuple[bytes, int]:
    """The address without quotes and backslashes, and where the unquoted terminator (or the end) is."""
    end, stop = start, terminator[0]
    address = bytearray()
    is_quoted = is_escaped = False
    for byte in argument[start:]:
        if is_escaped:
            address.append(byte)
            is_escaped = False
        elif byte == stop and not is_quoted:
            break
        elif byte == 0x5C:
            is_escaped = True
        elif byte == 0x22:
            is_quoted = not is_quoted
        else:
            address.append(byte)
        end += 1
    return bytes(address), end


class UnknownParameter(Malformed):
    """A parameter that our EHLO did not offer. (RFC 5321 §4.1.1.11: 555)"""


def parse_mail_parameters(rest: bytes) -> MailParameters:
    """What follows the address of MAIL, in a session that began with EHLO.

    :raises UnknownParameter: a keyword we did not offer.
    :raises Malformed: a value that its keyword cannot have. (501)

    >>> parse_mail_parameters(b" SIZE=500 BODY=8BITMIME")
    MailParameters(size=500)
    """
    size = 0
    for word in rest.split():
        keyword, _, value = word.partition(b"=")
        keyword = keyword.upper()
        if keyword == b"SIZE":
            if not value.isdigit() or len(value) > SIZE_DIGITS:
                raise Malformed("SIZE is a number of bytes", "5.5.4")
            size = int(value)
        elif keyword == b"BODY":
            # RFC 6152 §3; both are taken: the message passes unchanged
            if value.upper() not in (b"7BIT", b"8BITMIME"):
                raise Malformed("BODY is 7BIT or 8BITMIME", "5.5.4")
        else:
            raise UnknownParameter("unknown parameter", "5.5.4")
    return MailParameters(size)
