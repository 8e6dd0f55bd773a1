"""The rows of the control files that qmail does not have."""

from __future__ import annotations

from .row import Kind, Row

LOOPBACK_SMTP = b"tcp:2525:interface=127.0.0.1"
LOOPBACK_POP3 = b"tcp:2110:interface=127.0.0.1"
PUBLIC_SMTP = b"tcp:25"
PUBLIC_POP3 = b"tcp:110"

REMOTE = "remote agent, qmail-remote"
SERVERS = "listening services"
OFMIP = "OFMIP service"


def _number(name: str, default: int, reader: str, purpose: str, field: str, minimum: int = 1) -> Row:
    """One of ours."""
    return Row(name, Kind.NUMBER, default, reader, purpose, field, minimum=minimum)


def _remote_lines(name: str, kind: Kind, purpose: str, field: str) -> Row:
    """Lines for those who send to other hosts; without a file there are none."""
    return Row(name, kind, None, REMOTE, purpose, field)


def _listener(name: str, service: str, example: str) -> Row:
    """Where a service listens that is off unless somebody wants it."""
    return Row(
        f"listen{name}",
        Kind.ENDPOINTS,
        None,
        service,
        f"where to listen, such as {example}; an empty file turns the service off",
        f"listen.{name}",
        needs_restart=True,
        default_words="off",
    )


OURS: tuple[Row, ...] = (
    Row(
        "autoturn",
        Kind.TURNS,
        None,
        "SMTP service",
        "clients to whose address a maildir is sent when their session has ended, and who may say ETRN",
        "access.autoturn",
    ),
    Row(
        "recordio",
        Kind.CLIENTS,
        None,
        SERVERS,
        "clients whose sessions are recorded in the log, those inside TLS too, without their passwords",
        "access.recordio",
    ),
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
    _number(
        "concurrencyperip",
        200,
        "SMTP, QMTP and QMQP services",
        "connections of one address to each",
        "smtp.concurrencyperip",
    ),
    _number(
        "concurrencypernet",
        0,
        SERVERS,
        "connections of one network (IPv4 /24, IPv6 /48) to one service at the same time; 0: no such limit",
        "access.per_network",
        minimum=0,
    ),
    _number(
        "connectionrate",
        0,
        SERVERS,
        "connections of one client (an IPv4 address, an IPv6 /64) to one service in a minute; 0: no such limit",
        "access.connections_per_minute",
        minimum=0,
    ),
    _number(
        "connectionratepernet",
        0,
        SERVERS,
        "connections of one network (IPv4 /24, IPv6 /48) to one service in a minute; 0: no such limit",
        "access.network_connections_per_minute",
        minimum=0,
    ),
    _number("concurrencypop3", 100, "POP3 service", "POP3 connections at the same time", "pop3.concurrency"),
    _number(
        "concurrencyqmqp",
        100,
        "QMQP service",
        "QMQP connections at the same time, in clear or TLS",
        "qmtp.concurrencyqmqp",
    ),
    _number(
        "concurrencyqmtp", 100, "QMTP service", "QMTP connections at the same time, in clear or TLS", "qmtp.concurrency"
    ),
    _number("concurrencyofmip", 100, OFMIP, "OFMIP connections at the same time", "ofmip.concurrency"),
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
    Row(
        "queueextra",
        Kind.RECIPIENTS,
        None,
        "queue manager, qmail-queue",
        "who gets a copy of every message that is queued, bounces too; `log`, for example, goes by ~alias/.qmail-log",
        "send.queueextra",
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
    _listener("ofmip", OFMIP, "`tcp:587:interface=192.0.2.1`"),
    _listener("qmqp", "QMQP service", "`tcp:628` or `unix:/run/qmqp:mode=660`"),
    _listener("qmqps", "QMQP service inside TLS", "`tcp:6280`"),
    _listener("qmtp", "QMTP service", "`tcp:209`"),
    _listener("qmtps", "QMTP service inside TLS", "`tcp:6209`"),
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
    _number(
        "messagerate",
        0,
        SERVERS,
        "messages of one client (an IPv4 address, an IPv6 /64) by one service in an hour; 0: no such limit",
        "access.messages_per_hour",
        minimum=0,
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
        "paranoid",
        Kind.SWITCH,
        1,
        SERVERS,
        "whether a client's name counts for tcprules only if it leads back to its address (tcpserver -p)",
        "access.is_paranoid",
        maximum=1,
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
        "as smtproutes, for hosts that take mail by QMTP (port 209); asked before smtproutes. `host:relay/tls`: QMTP "
        "inside TLS (port 6209), with a verified name unless `tlspolicy` says `encrypt` or `pin`",
        "remote.qmtproutes",
    ),
    Row(
        "rbldns",
        Kind.BLOCKLISTS,
        None,
        "SMTP and QMTP services",
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
        "rewrite",
        Kind.REWRITES,
        None,
        "OFMIP service, ofmipd, new-inject",
        "what becomes of the hosts of addresses in mail that is handed in, see new-inject(1)",
        "ofmip.rewrite",
        default_words="`*.:`, `=:defaulthost`, `*+:.plusdomain`, `?:.defaultdomain`",
    ),
    Row(
        "ofmipname.cdb",
        Kind.TABLE,
        None,
        OFMIP,
        "names and addresses of senders, made by ofmipname",
        "ofmip.names",
        default_words="none",
    ),
    Row(
        "tcprules",
        Kind.TABLE,
        None,
        SERVERS,
        "rules for client addresses, as tcprules(1) reads them: deny, or set RELAYCLIENT and the like; of one service "
        "alone: `tcprules.smtp`, `tcprules.pop3`, `tcprules.qmtp`, `tcprules.qmqp`, `tcprules.ofmip`; compiled: "
        "`.cdb` after the name",
        "access.directory",
        default_words="none: everybody may connect, nobody is a RELAYCLIENT",
    ),
    Row(
        "tlsclients",
        Kind.PINS,
        None,
        "QMTPS and QMQPS services",
        "keys of clients who may relay by QMTP and use QMQP inside TLS, whatever their address: a pin, as `qmtwist "
        "tlskey` prints it on theirs, and perhaps a name for the log",
        "qmtp.tlsclients",
    ),
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
    _number(
        "timeoutident",
        5,
        SERVERS,
        "seconds to wait for a client's IDENT server, which is asked only if a rule needs it",
        "access.ident_timeout_s",
        minimum=2,
    )._replace(maximum=26),
    _number("timeoutqmtpd", 600, "QMTP and QMQP services", "seconds to wait for more from a client", "qmtp.timeout_s"),
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
