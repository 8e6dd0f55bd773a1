"""Every control file: one row each, from which loading, qmail-showctl and docs/reference/control.md follow.

An option is a row in `classic`, `connections`, `outgoing` or `ours` and, where the daemon uses it, a typed field in
`settings`.
"""

from __future__ import annotations

from .classic import CLASSIC, CONVENTIONAL
from .connections import CONNECTIONS, LOOPBACK_POP3, LOOPBACK_SMTP, PUBLIC_POP3, PUBLIC_SMTP
from .ours import OURS
from .outgoing import OUTGOING
from .row import Row
from .web import WEB

__all__ = [
    "CLASSIC",
    "CONNECTIONS",
    "CONVENTIONAL",
    "GENERATED",
    "LOOPBACK_POP3",
    "LOOPBACK_SMTP",
    "OURS",
    "OUTGOING",
    "PUBLIC_POP3",
    "PUBLIC_SMTP",
    "ROWS",
    "WEB",
]

ROWS: dict[str, Row] = {row.name: row for row in (*CLASSIC, *CONVENTIONAL, *CONNECTIONS, *OUTGOING, *OURS, *WEB)}
GENERATED = ("morercpthosts.cdb",)  # made by a program from another control file; nobody edits them
