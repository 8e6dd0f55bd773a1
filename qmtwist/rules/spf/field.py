"""The field that tells what was found, for filters and readers. (RFC 7208 §9.1)"""

from __future__ import annotations

import string

from .check import FAIL, NEUTRAL, NONE, PASS, PERMERROR, SOFTFAIL, TEMPERROR, Client, Result, identity

VALUE_BYTES = 300  # of what a client or a domain wrote
_ATOM = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~.")
_COMMENTS = {
    PASS: "domain of {sender} designates {ip} as permitted sender",
    FAIL: "domain of {sender} does not designate {ip} as permitted sender",
    SOFTFAIL: "domain of {sender} probably does not designate {ip} as permitted sender",
    NEUTRAL: "domain of {sender} does not say whether {ip} is a permitted sender",
    NONE: "domain of {sender} has no SPF record",
    TEMPERROR: "domain of {sender}: {problem}",
    PERMERROR: "domain of {sender}: {problem}",
}


def received_spf(result: Result, client: Client) -> bytes:
    """The field, folded; a NUL, line end or other odd byte of the client's is a `?`."""
    sender = identity(client.sender, client.helo)
    words = {"sender": _shown(sender), "ip": _shown(client.ip), "problem": result.problem}
    comment = f"{_shown(client.receiver)}: {_COMMENTS[result.code].format_map(words)}"
    pairs = [("client-ip", client.ip), ("envelope-from", client.sender or sender), ("helo", client.helo)]
    pairs += [("receiver", client.receiver), ("identity", b"mailfrom" if client.sender else b"helo")]
    if result.mechanism:
        pairs.append(("mechanism", result.mechanism))
    if result.problem:
        pairs.append(("problem", result.problem.encode()))
    values = ";\n  ".join(f"{key}={_value(value)}" for key, value in pairs if value)
    return f"Received-SPF: {result.code} ({comment.translate(_PLAIN)})\n  {values};\n".encode("ascii")


_PLAIN = {ord("("): "?", ord(")"): "?", ord("\\"): "?"}  # a comment ends where it should


def _shown(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte <= 126 else "?" for byte in data[:VALUE_BYTES])


def _value(data: bytes) -> str:
    r"""A dot-atom as it is, all else in quotes.

    >>> _value(b"a@example.org"), _value(b"192.0.2.1"), _value(b'"')
    ('"a@example.org"', '192.0.2.1', '"\\""')
    """
    text = _shown(data)
    if text and not set(text) - _ATOM and ".." not in text and text[0] != "." and text[-1] != ".":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
