"""The rows of the control files that qmail does not have."""

from __future__ import annotations

from .row import Kind, Row

LOOPBACK_SMTP = b"tcp:2525:interface=127.0.0.1"
LOOPBACK_POP3 = b"tcp:2110:interface=127.0.0.1"
PUBLIC_SMTP = b"tcp:25"
PUBLIC_POP3 = b"tcp:110"

REMOTE = "remote agent, qmail-remote"


def _number(name: str, default: int, reader: str, purpose: str, field: str, minimum: int = 1) -> Row:
    """One of ours."""
    return Row(name, Kind.NUMBER, default, reader, purpose, field, minimum=minimum)


def _remote_lines(name: str, kind: Kind, purpose: str, field: str) -> Row:
    """Lines for those who send to other hosts; without a file there are none."""
    return Row(name, kind, None, REMOTE, purpose, field)


OURS: tuple[Row, ...] = (
    Row(
        "checkpassword",
        Kind.LINE,
        None,
        "POP3 service",
        "a checkpassword program with its arguments",
        "pop3.checkpassword",
        needs_restart=True,
        default_words="none: passwords made with `qmtwist passwd`",
    ),
    _number(
        "bouncemaxbytes",
        10485760,
        "queue manager",
        "bytes of a message that its bounce carries at most; 0 means none of it",
        "send.bouncemax_bytes",
        minimum=0,
    ),
    _number(
        "concurrencyperhost",
        20,
        "queue manager",
        "remote deliveries to one host at the same time",
        "send.concurrencyperhost",
    ),
    _number("concurrencyperip", 200, "SMTP service", "SMTP connections of one address", "smtp.concurrencyperip"),
    _number("concurrencypop3", 100, "POP3 service", "POP3 connections at the same time", "pop3.concurrency"),
    _number(
        "journalmax",
        131072,
        "queue manager",
        "bytes above which a message goes to queue/mess at once instead of the journal",
        "send.journalmax_bytes",
        minimum=0,
    )._replace(maximum=8 * 1024 * 1024),
    _number(
        "minfree",
        4194304,
        "queue manager",
        "free bytes on the queue's disk below which no mail is accepted (452)",
        "send.minfree_bytes",
        minimum=0,
    ),
    _remote_lines(
        "localaddresses",
        Kind.IPS,
        "more IP addresses that are ours, such as the public one of a router before us: mail never goes there",
        "remote.localaddresses",
    ),
    Row(
        "listenpop3",
        Kind.ENDPOINTS,
        None,
        "POP3 service",
        "where to listen; an empty file turns the service off",
        "listen.pop3",
        needs_restart=True,
        default_words="off",
    ),
    Row(
        "listensmtp",
        Kind.ENDPOINTS,
        PUBLIC_SMTP,
        "SMTP service",
        "where to listen; an empty file turns the service off",
        "listen.smtp",
        needs_restart=True,
        default_words=f"`{PUBLIC_SMTP.decode()}` as root, else `{LOOPBACK_SMTP.decode()}`",
    ),
    _number(
        "maxcommand",
        1000,
        "SMTP service",
        "bytes of a command line; a longer one is answered 500",
        "smtp.max_command_bytes",
        minimum=512,
    ),
    _number("maxerrors", 20, "SMTP service", "wrong commands before a client is hung up on", "smtp.max_errors"),
    _number(
        "maxidlecommands",
        100,
        "SMTP service",
        "commands per message that bring no mail nearer",
        "smtp.max_idle_commands",
    ),
    _number(
        "maxrecipients",
        1000,
        "SMTP service",
        "recipients of one message; more are answered 452",
        "smtp.max_recipients",
        minimum=100,
    ),
    _number("maxpop3failures", 3, "POP3 service", "failed logins before a client is hung up on", "pop3.max_failures"),
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
    Row(
        "pop3greeting", Kind.LINE, b"me", "POP3 service", "host in the POP3 greeting", "pop3.greeting", follows_me=True
    ),
    Row("pop3maildir", Kind.LINE, b"Maildir", "POP3 service", "the maildir below a user's home", "pop3.maildir"),
    Row(
        "programtimeout",
        Kind.NUMBER,
        86400,
        "local agent",
        "seconds a `|program` of a .qmail file may run; then it is killed and the delivery deferred",
        "delivery.program_timeout_s",
        minimum=1,
        needs_restart=True,
    ),
    _remote_lines(
        "qmtproutes",
        Kind.ROUTES,
        "as smtproutes, for hosts that take mail by QMTP (port 209); asked before smtproutes",
        "remote.qmtproutes",
    ),
    Row(
        "rbldns",
        Kind.BLOCKLISTS,
        None,
        "SMTP service",
        "DNS lists of unwanted clients, in rblsmtpd's words: `-r LIST`, `-a LIST`, `-b`, `-B`, `-c`, `-C`; "
        "`-t SECONDS` is how long a session waits for them (10)",
        "smtp.rbldns",
        default_words="none are asked",
    ),
    Row(
        "rcptcheck",
        Kind.SWITCH,
        1,
        "SMTP service",
        "refuse unknown local recipients at RCPT instead of bouncing later",
        "smtp.is_rcptcheck",
        maximum=1,
    ),
    _number(
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
    _number(
        "remoteidle",
        3,
        REMOTE,
        "seconds that a connection to another host is kept for its next message",
        "remote.idle_s",
        minimum=0,
    ),
    _number("remotemessages", 100, REMOTE, "messages that go down one connection", "remote.max_messages"),
    Row(
        "tcprules",
        Kind.TABLE,
        None,
        "SMTP service",
        "rules for client addresses, as tcprules(1) reads them: deny, or set RELAYCLIENT and the like",
        "smtp.tcprules",
        default_words="none: everybody may connect, nobody is a RELAYCLIENT",
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
        "TLS towards a domain's hosts: `domain:none`, `may`, `encrypt`, `verify` or `verify:name:...`; `.domain:` and "
        "`:` as in smtproutes",
        "remote.tlspolicy",
    )._replace(default_words="may: encrypted where the other side can"),
    _number("timeoutpop3d", 1200, "POP3 service", "seconds to wait for each command", "pop3.timeout_s"),
    Row(
        "workeridle",
        Kind.NUMBER,
        60,
        "local agent",
        "seconds after which an unused worker process ends",
        "delivery.worker_idle_s",
        minimum=1,
        needs_restart=True,
    ),
)
