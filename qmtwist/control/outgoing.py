"""The rows of control files about mail to other hosts that qmail does not have."""

from __future__ import annotations

from .row import Kind, Row, number

REMOTE = "remote agent, qmail-remote"


def _remote_lines(name: str, kind: Kind, purpose: str, field: str) -> Row:
    """Lines for those who send to other hosts; without a file there are none."""
    return Row(name, kind, None, REMOTE, purpose, field)


OUTGOING: tuple[Row, ...] = (
    number(
        "concurrencyperhost",
        20,
        "queue manager",
        "remote deliveries to one host at the same time",
        "send.concurrencyperhost",
    ),
    _remote_lines(
        "localaddresses",
        Kind.IPS,
        "more IP addresses that are ours, such as the public one of a router before us: mail never goes there",
        "remote.localaddresses",
    ),
    _remote_lines(
        "nameservers",
        Kind.NAMESERVERS,
        "IP addresses of DNS servers, in order, `address` or `address port`",
        "remote.nameservers",
    )._replace(default_words="those of /etc/resolv.conf"),
    Row(
        "outgoingfamilies",
        Kind.FAMILIES,
        b"ipv4 ipv6",
        REMOTE,
        "kinds of addresses that mail goes out to, the preferred one first: `ipv4`, `ipv6` or both",
        "remote.families",
    ),
    _remote_lines(
        "outgoingip",
        Kind.OUTGOING,
        "our address of outgoing connections: `address`, or `sender-domain:address`; one of each family",
        "remote.outgoingip",
    ),
    _remote_lines(
        "qmtproutes",
        Kind.ROUTES,
        "as smtproutes, for hosts that take mail by QMTP (port 209); asked before smtproutes. `host:relay/tls`: QMTP "
        "inside TLS (port 6209), with a verified name unless `tlspolicy` says `encrypt` or `pin`",
        "remote.qmtproutes",
    ),
    number(
        "rcptspertransaction",
        50,
        "queue manager",
        "recipients at one host who get a message in one transaction",
        "send.rcptspertransaction",
    )._replace(maximum=10_000),  # wire.remoteorder.MANY
    Row(
        "remoteagents",
        Kind.NUMBER,
        0,
        "queue manager",
        "processes that deliver to other hosts; 0: one for every four processors",
        "send.remoteagents",
        needs_restart=True,
        maximum=64,
    ),
    number(
        "remoteidle",
        3,
        REMOTE,
        "seconds that a connection to another host is kept for its next message",
        "remote.idle_s",
        minimum=0,
    ),
    number("remotemessages", 100, REMOTE, "messages that go down one connection", "remote.max_messages"),
    Row(
        "tlscert",
        Kind.LINE,
        None,
        "QMTPS and QMQPS services, " + REMOTE,
        "a PEM file, absolute or below the home, with our own certificate; read by qmailq and qmailr",
        "remote.tlscert",
        default_words="`control/servercert.pem`, if there is one",
    ),
    Row(
        "tlskey",
        Kind.LINE,
        None,
        "QMTPS and QMQPS services, " + REMOTE,
        "a PEM file, absolute or below the home, with the key of our own certificate",
        "remote.tlskey",
        default_words="the file of the certificate",
    ),
    Row(
        "tlsca",
        Kind.LINE,
        None,
        REMOTE,
        "a PEM file, absolute or below the home, with authorities that `verify` trusts besides the system's own",
        "remote.tlsca",
    ),
    _remote_lines(
        "tlspolicy",
        Kind.POLICIES,
        "TLS towards a domain's hosts: `domain:none`, `may`, `encrypt`, `verify`, `verify:name:...` or "
        "`pin:key:...`; `.domain:` and `:` as in smtproutes",
        "remote.tlspolicy",
    )._replace(default_words="may: encrypted where the other side can"),
)
