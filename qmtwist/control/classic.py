"""The rows of qmail's own control files, and of those that Life with qmail added. (qmail-control(5))"""

from __future__ import annotations

from .row import Kind, Row, Show

INJECTION = "qmail-inject, new-inject, ofmipd, OFMIP service"


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
    _host(
        "defaultdomain",
        INJECTION,
        "added to a host name without a dot",
        "Default domain name is ",
        "ofmip.defaultdomain",
    ),
    _host("defaulthost", INJECTION, "added to an address without a host", "Default host name is ", "ofmip.defaulthost"),
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
    _host(
        "helohost",
        "remote agent, qmail-remote",
        "our name when we greet other servers",
        "SMTP client HELO host name is ",
        "remote.helohost",
    ),
    _host("idhost", INJECTION, "host in a Message-ID that we make", "Message-ID host name is ", "ofmip.idhost"),
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
    _host("plusdomain", INJECTION, "added to a host name that ends in `+`", "Plus domain name is ", "ofmip.plusdomain"),
    _classic_list(
        "qmqpservers",
        Kind.SERVERS,
        "qmail-qmqpc",
        "IP addresses of QMQP servers, with `:port` where it is not 628; with `/tls` or `/tls:POLICY` at the end "
        "inside TLS (port 6280), POLICY as in `tlspolicy`",
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
        "remote agent, qmail-remote",
        "where mail for a host goes instead of its MX: `host:relay:port`, `.domain:relay`, `:relay`",
        Show("SMTP route: ", "", "No artificial SMTP routes."),
        "remote.smtproutes",
    ),
    _classic_number(
        "timeoutconnect",
        60,
        "remote agent, qmail-remote",
        "seconds to wait for a connection",
        Show("SMTP client connection timeout is ", " seconds"),
        "remote.timeoutconnect_s",
        minimum=1,
    ),
    _classic_number(
        "timeoutremote",
        1200,
        "remote agent, qmail-remote",
        "seconds to wait for each answer of another server",
        Show("SMTP client data timeout is ", " seconds"),
        "remote.timeoutremote_s",
        minimum=1,
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
