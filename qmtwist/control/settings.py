"""Frozen settings, one class per program; made by `load`, shared by reference, replaced whole at a reload.

Hosts and addresses are bytes as written; names that are looked up are lower case; times are seconds, sizes bytes.
"""

from __future__ import annotations

import attrs

from qmtwist.mail.shapes import Mapping

from .remote import RemoteSettings

__all__ = [
    "AccessSettings",
    "DeliverySettings",
    "ListenSettings",
    "PopSettings",
    "QmtpSettings",
    "RemoteSettings",
    "SendSettings",
    "Settings",
    "SmtpSettings",
]


@attrs.frozen
class SendSettings:
    """The queue manager: routing, bounces, schedule. (qmail-send(8))"""

    locals: frozenset[bytes]
    virtualdomains: Mapping[bytes, bytes]
    percenthack: frozenset[bytes]
    envnoathost: bytes
    bouncefrom: bytes
    bouncehost: bytes
    doublebounceto: bytes
    doublebouncehost: bytes
    queuelifetime_s: int
    concurrencylocal: int
    concurrencyremote: int
    journalmax_bytes: int  # a larger message is streamed into mess/ at once
    bouncemax_bytes: int = 10 * 1024 * 1024  # a bounce carries at most so much of the message
    minfree_bytes: int = 4 * 1024 * 1024  # with less on the disk nothing is accepted
    concurrencyperhost: int = 20
    rcptspertransaction: int = 50  # 1: a transaction for each recipient, as in qmail
    remoteagents: int = 0  # processes; 0: as many as the machine's processors want
    queueextra: tuple[bytes, ...] = ()  # recipients of every message, before its own
    unsubscribeurl: bytes = b""  # where the links begin by which one leaves a list; empty: nobody serves them


@attrs.frozen
class AccessSettings:
    """Who may come in, for every listening service. (tcprules(1); services/door/listen)"""

    directory: str | None = None  # where tcprules and tcprules.SERVICE stand; None: no rules
    ident_timeout_s: int = 5
    is_paranoid: bool = True  # a name counts only if it leads back to the address
    per_network: int = 0  # connections of one network at the same time; here and below 0 is no limit
    connections_per_minute: int = 0  # of one client
    network_connections_per_minute: int = 0  # of one network
    messages_per_hour: int = 0  # of one client
    autoturn: tuple[bytes, ...] = ()  # lines for rules.autoturn
    recordio: tuple[bytes, ...] = ()  # addresses for rules.clienttable


@attrs.frozen
class SmtpSettings:
    """The SMTP service. (qmail-smtpd(8))"""

    greeting: bytes
    localiphost: bytes | None
    timeout_s: int
    databytes: int  # 0: no limit
    rcpthosts: frozenset[bytes] | None  # None: no such file
    morercpthosts: str | None  # path of the cdb, None: no such file
    badmailfrom: frozenset[bytes]
    is_rcptcheck: bool
    concurrencyincoming: int
    concurrencyperip: int
    max_recipients: int
    max_command_bytes: int
    max_errors: int
    max_idle_commands: int  # commands that bring no mail nearer, per message
    rbldns: tuple[bytes, ...] = ()  # lines for rules.dnsbl
    spfbehavior: int = 0  # as rules.spf.policy has it
    spfrules: bytes = b""  # mechanisms of our own
    spfexp: bytes = b""  # our words for a refusal, with macros


@attrs.frozen
class QmtpSettings:
    """The QMTP and QMQP services. What they share with SMTP is in its settings."""

    timeout_s: int
    concurrency: int  # QMTP connections at the same time, in clear and inside TLS
    concurrencyqmqp: int  # QMQP connections likewise
    tlsclients: Mapping[bytes, bytes]  # pins of the keys of clients, and what to call them


@attrs.frozen
class OfmipSettings:
    """The OFMIP service. What it shares with SMTP is in its settings."""

    concurrency: int = 100
    rewrite: tuple[bytes, ...] | None = None  # lines for rules.rewrite; None: the four names make the rules
    defaulthost: bytes = b"defaulthost"
    defaultdomain: bytes = b"defaultdomain"
    plusdomain: bytes = b"plusdomain"
    idhost: bytes = b"idhost"
    names: str | None = None  # path of the cdb, None: no such file


@attrs.frozen
class PopSettings:
    """The POP3 service."""

    greeting: bytes
    timeout_s: int
    checkpassword: bytes | None  # a shell-free command line, None: users/passwords
    maildir: bytes  # below the user's home
    concurrency: int
    max_failures: int  # per connection


@attrs.frozen
class DeliverySettings:
    """The local agent and its workers. (qmail-lspawn(8), dot-qmail(5))"""

    defaultdelivery: bytes
    program_timeout_s: int
    worker_idle_s: int


@attrs.frozen
class WebSettings:
    """The service for leaving lists."""

    concurrency: int = 100


@attrs.frozen
class ListenSettings:
    """Twisted endpoint descriptions of each service; empty: the service is off."""

    smtp: tuple[str, ...]
    pop3: tuple[str, ...]
    qmtp: tuple[str, ...] = ()
    qmqp: tuple[str, ...] = ()
    qmtps: tuple[str, ...] = ()  # QMTP inside TLS
    qmqps: tuple[str, ...] = ()
    ofmip: tuple[str, ...] = ()
    http: tuple[str, ...] = ()  # for leaving lists
    https: tuple[str, ...] = ()


@attrs.frozen
class Settings:
    """Everything that control/ says."""

    home: str
    me: bytes
    send: SendSettings
    access: AccessSettings
    smtp: SmtpSettings
    remote: RemoteSettings
    pop3: PopSettings
    qmtp: QmtpSettings
    delivery: DeliverySettings
    listen: ListenSettings
    ofmip: OfmipSettings = OfmipSettings()
    web: WebSettings = WebSettings()
