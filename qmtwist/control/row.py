"""What `schema` says about one control file."""

from __future__ import annotations

import enum

from qmtwist.mail.shapes import NamedTuple


class Kind(enum.Enum):
    """How a file is parsed and what may stand in it; the value is the word used in the documentation."""

    HOST = "host name"
    LINE = "one line"
    NUMBER = "number"
    SWITCH = "0 or 1"
    HOSTS = "host names, one per line"
    ADDRESSES = "addresses, one per line"
    RECIPIENTS = "recipients, one per line, in order"
    MAP = "`key:value` lines"
    ROUTES = "`host:relay` lines"
    POLICIES = "`domain:policy` lines"
    PINS = "`pin` or `pin name` lines"
    SERVERS = "addresses, one per line, in order"
    IPS = "IP addresses, one per line"
    NAMESERVERS = "`address` or `address port` lines, in order"
    OUTGOING = "`address` or `sender-domain:address` lines"
    FAMILIES = "`ipv4`, `ipv6` or both"
    ENDPOINTS = "Twisted endpoints, one per line"
    URL = "an https URL"
    DELIVERY = "lines of a .qmail file"
    TURNS = "`client:maildir[:smtp|qmtp][:port]` lines"
    REWRITES = "`Xpost:new` lines, in order; X is one of = * ? -"
    CLIENTS = "client addresses or blocks, one per line"
    BLOCKLISTS = "options of rblsmtpd, in order"
    SPFRULES = "mechanisms of an SPF record"
    SPFWORDS = "one line with SPF macros"
    TABLE = "a file of its own format"


class Show(NamedTuple):
    """qmail-showctl's words: for a list `absent` is the sentence for no file; for a value the text is `before`
    value `after`."""

    before: str
    after: str = ""
    absent: str = ""


class Row(NamedTuple):
    """One control file.

    `default` is the value without a file; `follows_me`: it is control/me, and `default` is only the literal word of
    a home that has no control/me either. Numbers outside `minimum`..`maximum` are refused (a classic file's: clamped).
    """

    name: str
    kind: Kind
    default: bytes | int | None
    reader: str
    purpose: str
    field: str = ""  # in Settings; "" for what the daemon does not read
    follows_me: bool = False
    is_classic: bool = False  # a file of qmail's: what qmail takes silently may only be warned about
    needs_restart: bool = False
    minimum: int = 0
    maximum: int = 2**31 - 1
    show: Show | None = None
    default_words: str = ""  # instead of the default itself, in the documentation


LIST_KINDS = frozenset(
    {
        Kind.HOSTS,
        Kind.ADDRESSES,
        Kind.RECIPIENTS,
        Kind.MAP,
        Kind.ROUTES,
        Kind.POLICIES,
        Kind.PINS,
        Kind.SERVERS,
        Kind.IPS,
        Kind.NAMESERVERS,
        Kind.OUTGOING,
        Kind.ENDPOINTS,
        Kind.BLOCKLISTS,
        Kind.TURNS,
        Kind.REWRITES,
        Kind.CLIENTS,
    }
)


def number(name: str, default: int, reader: str, purpose: str, field: str, minimum: int = 1) -> Row:
    """A file with a number of ours."""
    return Row(name, Kind.NUMBER, default, reader, purpose, field, minimum=minimum)
