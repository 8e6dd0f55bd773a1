"""The rows of control files about who may connect, and where, that qmail does not have."""

from __future__ import annotations

from .row import Kind, Row, number

LOOPBACK_SMTP = b"tcp:2525:interface=127.0.0.1"
LOOPBACK_POP3 = b"tcp:2110:interface=127.0.0.1"
PUBLIC_SMTP = b"tcp:25"
PUBLIC_POP3 = b"tcp:110"

SERVERS = "listening services"
OFMIP = "OFMIP service"


def listener(name: str, service: str, example: str) -> Row:
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


CONNECTIONS: tuple[Row, ...] = (
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
    number(
        "concurrencyperip",
        200,
        "SMTP, QMTP and QMQP services",
        "connections of one address to each",
        "smtp.concurrencyperip",
    ),
    number(
        "concurrencypernet",
        0,
        SERVERS,
        "connections of one network (IPv4 /24, IPv6 /48) to one service at the same time; 0: no such limit",
        "access.per_network",
        minimum=0,
    ),
    number(
        "connectionrate",
        0,
        SERVERS,
        "connections of one client (an IPv4 address, an IPv6 /64) to one service in a minute; 0: no such limit",
        "access.connections_per_minute",
        minimum=0,
    ),
    number(
        "connectionratepernet",
        0,
        SERVERS,
        "connections of one network (IPv4 /24, IPv6 /48) to one service in a minute; 0: no such limit",
        "access.network_connections_per_minute",
        minimum=0,
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
    listener("ofmip", OFMIP, "`tcp:587:interface=192.0.2.1`"),
    listener("qmqp", "QMQP service", "`tcp:628` or `unix:/run/qmqp:mode=660`"),
    listener("qmqps", "QMQP service inside TLS", "`tcp:6280`"),
    listener("qmtp", "QMTP service", "`tcp:209`"),
    listener("qmtps", "QMTP service inside TLS", "`tcp:6209`"),
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
    number(
        "messagerate",
        0,
        SERVERS,
        "messages of one client (an IPv4 address, an IPv6 /64) by one service in an hour; 0: no such limit",
        "access.messages_per_hour",
        minimum=0,
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
        "rbldns",
        Kind.BLOCKLISTS,
        None,
        "SMTP and QMTP services",
        "DNS lists of unwanted clients, in rblsmtpd's words: `-r LIST`, `-a LIST`, `-b`, `-B`, `-c`, `-C`; "
        "`-t SECONDS` is how long a session waits for them (10)",
        "smtp.rbldns",
        default_words="none are asked",
    ),
    number(
        "spfbehavior",
        0,
        "SMTP service, qmail-smtpd",
        "what is refused by SPF: 0: nobody is asked; 1: nothing, a Received-SPF field tells; 2: 451 if DNS does not "
        "answer; 3: and `fail`; 4: and `softfail`; 5: and `neutral`; 6: all but `pass`. SPFBEHAVIOR of a rule counts "
        "before it",
        "smtp.spfbehavior",
        minimum=0,
    )._replace(maximum=6),
    Row(
        "spfexp",
        Kind.SPFWORDS,
        None,
        "SMTP service, qmail-smtpd",
        "what a refused client is told after our own words when its domain does not explain itself, such as `see "
        "https://why.example/?ip=%{i}&sender=%{S}`",
        "smtp.spfexp",
    ),
    Row(
        "spfrules",
        Kind.SPFRULES,
        None,
        "SMTP service, qmail-smtpd",
        "hosts that may send for everybody, such as `ip4:192.0.2.7 include:forwarders.example`: your second MX, those "
        "who forward your mail to you",
        "smtp.spfrules",
    ),
    Row(
        "tcprules",
        Kind.TABLE,
        None,
        SERVERS,
        "rules for client addresses, as tcprules(1) reads them: deny, or set RELAYCLIENT and the like; of one service "
        "alone: `tcprules.smtp`, `tcprules.pop3`, `tcprules.qmtp`, `tcprules.qmqp`, `tcprules.ofmip`, "
        "`tcprules.http`; compiled: `.cdb` after the name",
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
    number(
        "timeoutident",
        5,
        SERVERS,
        "seconds to wait for a client's IDENT server, which is asked only if a rule needs it",
        "access.ident_timeout_s",
        minimum=2,
    )._replace(maximum=26),
)
