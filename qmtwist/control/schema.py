"""Every control file: one row each, from which loading, qmail-showctl and docs/reference/control.md follow.

An option is a row here and, where the daemon uses it, a typed field in `settings`.
"""

from __future__ import annotations

from .row import Kind, Row, Show

LOOPBACK_SMTP = b"tcp:2525:interface=127.0.0.1"
LOOPBACK_POP3 = b"tcp:2110:interface=127.0.0.1"
PUBLIC_SMTP = b"tcp:25"
PUBLIC_POP3 = b"tcp:110"


def _host(name: str, reader: str, purpose: str, show: str, field: str = "", needs_restart: bool = False) -> Row:
    """A classic host name that is control/me unless said otherwise."""
    shown = Show(show)
    return Row(
        name, Kind.HOST, name.encode(), reader, purpose, field, follows_me=True, is_classic=True, show=shown,
        needs_restart=needs_restart,
    )  # fmt: skip


def _classic_number(
    name: str, default: int, reader: str, purpose: str, show: Show, field: str = "", minimum: int = 0
) -> Row:
    return Row(name, Kind.NUMBER, default, reader, purpose, field, is_classic=True, show=show, minimum=minimum)


def _classic_list(name: str, kind: Kind, reader: str, purpose: str, show: Show, field: str = "") -> Row:
    return Row(name, kind, None, reader, purpose, field, is_classic=True, show=show)


def _number(name: str, default: int, reader: str, purpose: str, field: str, minimum: int = 1) -> Row:
    """One of ours."""
    return Row(name, Kind.NUMBER, default, reader, purpose, field, minimum=minimum)


# qmail's own files, in the order in which qmail-showctl prints them
CLASSIC: tuple[Row, ...] = (
    _classic_list(
        "badmailfrom",
        Kind.ADDRESSES,
        "SMTP service",
        "senders that are refused: `user@host`, or `@host` for everybody there",
        Show("", " not accepted in MAIL FROM.", "Any MAIL FROM is allowed."),
        "smtp.badmailfrom",
    ),
    Row(
        "bouncefrom",
        Kind.LINE,
        b"MAILER-DAEMON",
        "queue manager",
        "user name of the bounce's author",
        "send.bouncefrom",
        is_classic=True,
        show=Show("Bounce user name is "),
    ),
    _host("bouncehost", "queue manager", "host name of the bounce's author", "Bounce host name is ", "send.bouncehost"),
    _classic_number(
        "concurrencylocal",
        10,
        "queue manager",
        "local deliveries at the same time; 0 holds all local mail",
        Show("Local concurrency is "),
        "send.concurrencylocal",
    ),
    _classic_number(
        "concurrencyremote",
        20,
        "queue manager",
        "remote deliveries at the same time; 0 holds all remote mail",
        Show("Remote concurrency is "),
        "send.concurrencyremote",
    ),
    _classic_number(
        "databytes",
        0,
        "SMTP service, qmail-smtpd, qmail-qmtpd",
        "bytes a message may have; 0: no limit. The variable DATABYTES has precedence",
        Show("SMTP DATA limit is ", " bytes"),
        "smtp.databytes",
    ),
    _host("defaultdomain", "qmail-inject", "added to a host name without a dot", "Default domain name is "),
    _host("defaulthost", "qmail-inject", "added to an address without a host", "Default host name is "),
    _host(
        "doublebouncehost",
        "queue manager",
        "host of the recipient of double bounces",
        "2B recipient host: ",
        "send.doublebouncehost",
    ),
    Row(
        "doublebounceto",
        Kind.LINE,
        b"postmaster",
        "queue manager",
        "user who receives double bounces; an empty line discards them",
        "send.doublebounceto",
        is_classic=True,
        show=Show("2B recipient user: "),
    ),
    _host(
        "envnoathost",
        "queue manager",
        "host of an envelope recipient without `@`",
        "Presumed domain name is ",
        "send.envnoathost",
        needs_restart=True,
    ),
    _host("helohost", "qmail-remote", "our name when we greet other servers", "SMTP client HELO host name is "),
    _host("idhost", "qmail-inject", "host in a Message-ID that we make", "Message-ID host name is "),
    _host(
        "localiphost",
        "SMTP service, qmail-smtpd",
        "stands for `[our own IP address]` in an address",
        "Local IP address becomes ",
        "smtp.localiphost",
    ),
    Row(
        "locals",
        Kind.HOSTS,
        None,
        "queue manager, SMTP service",
        "domains delivered here; an empty file: none",
        "send.locals",
        follows_me=True,
        is_classic=True,
        show=Show("Messages for ", " are delivered locally.", "Messages for me are delivered locally."),
    ),
    Row(
        "me",
        Kind.HOST,
        None,
        "all programs",
        "the full name of this host, the default of many others",
        "me",
        is_classic=True,
        show=Show("My name is ", absent="undefined! Uh-oh"),
        default_words="none: every home needs it",
    ),
    _classic_list(
        "percenthack",
        Kind.HOSTS,
        "queue manager",
        "domains for which `user%host@domain` means user@host",
        Show("The percent hack is allowed for user%host@", ".", "The percent hack is not allowed."),
        "send.percenthack",
    ),
    _host("plusdomain", "qmail-inject", "added to a host name that ends in `+`", "Plus domain name is "),
    _classic_list(
        "qmqpservers",
        Kind.SERVERS,
        "qmail-qmqpc",
        "IP addresses of QMQP servers",
        Show("QMQP server: ", ".", "No QMQP servers."),
    ),
    _classic_number(
        "queuelifetime",
        604800,
        "queue manager",
        "seconds after which a message gets its last try",
        Show("Message lifetime in the queue is ", " seconds"),
        "send.queuelifetime_s",
    ),
    _classic_list(
        "rcpthosts",
        Kind.HOSTS,
        "SMTP service, qmail-smtpd, qmail-qmtpd",
        "domains that anybody may send to through us; `.domain`: all hosts in it",
        Show(
            "SMTP clients may send messages to recipients at ",
            ".",
            "SMTP clients may send messages to any recipient.",
        ),
        "smtp.rcpthosts",
    )._replace(default_words="none: the service takes mail for localiphost alone, qmail-smtpd for everybody"),
    Row(
        "morercpthosts",
        Kind.TABLE,
        None,
        "qmail-newmrh; the SMTP service reads morercpthosts.cdb",
        "more of rcpthosts, for long lists; qmail-newmrh makes it effective",
        "smtp.morercpthosts",
        is_classic=True,
        show=Show("SMTP clients may send messages to recipients at ", ".", "No effect."),
    ),
    _host(
        "smtpgreeting",
        "SMTP service, qmail-smtpd",
        "first words of the SMTP greeting; begins with our host name",
        "SMTP greeting: 220 ",
        "smtp.greeting",
    )._replace(kind=Kind.LINE),
    _classic_list(
        "smtproutes",
        Kind.ROUTES,
        "qmail-remote",
        "where mail for a host goes instead of its MX: `host:relay:port`, `.domain:relay`, `:relay`",
        Show("SMTP route: ", "", "No artificial SMTP routes."),
    ),
    _classic_number(
        "timeoutconnect",
        60,
        "qmail-remote",
        "seconds to wait for a connection",
        Show("SMTP client connection timeout is ", " seconds"),
    ),
    _classic_number(
        "timeoutremote",
        1200,
        "qmail-remote",
        "seconds to wait for each answer of another server",
        Show("SMTP client data timeout is ", " seconds"),
    ),
    _classic_number(
        "timeoutsmtpd",
        1200,
        "SMTP service, qmail-smtpd",
        "seconds to wait for each piece from a client",
        Show("SMTP server data timeout is ", " seconds"),
        "smtp.timeout_s",
        minimum=1,
    ),
    _classic_list(
        "virtualdomains",
        Kind.MAP,
        "queue manager, SMTP service",
        "`domain:prefix` sends user@domain to the local prefix-user; also `.domain:`, `user@domain:`, `:prefix`",
        Show("Virtual domain: ", "", "No virtual domains."),
        "send.virtualdomains",
    ),
)

# by convention files of Life with qmail's scripts, which qmail-showctl does not know
CONVENTIONAL: tuple[Row, ...] = (
    Row(
        "concurrencyincoming",
        Kind.NUMBER,
        1000,
        "SMTP service, run scripts",
        "SMTP connections at the same time",
        "smtp.concurrencyincoming",
        minimum=1,
        maximum=65535,
    ),
    Row(
        "defaultdelivery",
        Kind.DELIVERY,
        b"./Mailbox",
        "local agent, rc script",
        "instructions for users who have no .qmail file",
        "delivery.defaultdelivery",
        needs_restart=True,
    ),
)

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
    Row(
        "rcptcheck",
        Kind.SWITCH,
        1,
        "SMTP service",
        "refuse unknown local recipients at RCPT instead of bouncing later",
        "smtp.is_rcptcheck",
        maximum=1,
    ),
    Row(
        "tcprules",
        Kind.TABLE,
        None,
        "SMTP service",
        "rules for client addresses, as tcprules(1) reads them: deny, or set RELAYCLIENT and the like",
        "smtp.tcprules",
        default_words="none: everybody may connect, nobody is a RELAYCLIENT",
    ),
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

ROWS: dict[str, Row] = {row.name: row for row in (*CLASSIC, *CONVENTIONAL, *OURS)}
GENERATED = ("morercpthosts.cdb",)  # made by a program from another control file; nobody edits them
