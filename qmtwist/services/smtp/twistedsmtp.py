"""twisted.mail.smtp, imported without the name lookup that it does while it is imported."""

from __future__ import annotations

import socket


def _name(name: str = "") -> str:
    return "localhost"


# twisted.mail.smtp calls socket.getfqdn() for a default that we never use; it may wait for a name server.
_getfqdn = socket.getfqdn
socket.getfqdn = _name
try:
    from twisted.mail.smtp import ESMTP, SMTPFactory
finally:
    socket.getfqdn = _getfqdn

__all__ = ["ESMTP", "SMTPFactory"]
