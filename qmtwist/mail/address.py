"""Addresses as qmail handles them: bytes, split at the last `@`, quoted only when they are shown. (RFC 5321 §4.1.2)"""

from __future__ import annotations

# A local part with one of these is written as a quoted string. (qmail quote.c; spec: dot-qmail RPLINE)
_UNQUOTED = bytes(byte for byte in range(33, 127) if byte not in b'"(),:;<>@[\\]')

LIMIT_BYTES = 899  # of an address that SMTP servers of our kind take (qmail-smtpd)
_CONTROLS = bytes([*range(32), 127])
_NEVER_IN_DOMAINS = b' <>"\\'


def split(address: bytes) -> tuple[bytes, bytes | None]:
    """Local part and domain; the domain is None when there is no `@`. Only the last `@` counts.

    >>> split(b"a@b@host"), split(b"joe")
    ((b'a@b', b'host'), (b'joe', None))
    """
    local, at, domain = address.rpartition(b"@")
    return (local, domain) if at else (domain, None)


def needs_quoting(local: bytes) -> bool:
    """Whether a local part is not a plain dot-atom, by qmail's rule."""
    return (
        not local or bool(local.translate(None, _UNQUOTED)) or local[:1] == b"." or local[-1:] == b"." or b".." in local
    )


def quote(address: bytes) -> bytes:
    r"""The address as it is shown in headers and bounces: the local part quoted when it must be.

    The empty address stays empty, `#@[]` stays as it is, the domain is never quoted.

    >>> quote(b"a b@host"), quote(b"joe@host"), quote(b"")
    (b'"a b"@host', b'joe@host', b'')
    """
    if not address:
        return b""
    local, domain = split(address)
    if not needs_quoting(local):
        return address
    body = local
    for special in (b"\\", b'"', b"\r", b"\n"):
        body = body.replace(special, b"\\" + special)
    return b'"' + body + b'"' + (b"" if domain is None else b"@" + domain)


def is_sendable(address: bytes) -> bool:
    r"""Whether MAIL and RCPT can name it: controls would end the command, others in a domain the address.

    >>> is_sendable(b"a b@host"), is_sendable(b"a@b c"), is_sendable(b"a\n@host"), is_sendable(b"a" * 900)
    (True, False, False, False)
    """
    domain = split(address)[1] or b""
    return (
        len(address) <= LIMIT_BYTES
        and address.translate(None, _CONTROLS) == address
        and domain.translate(None, _NEVER_IN_DOMAINS) == domain
    )
