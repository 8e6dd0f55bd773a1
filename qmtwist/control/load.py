"""The control directory into one `Settings`, whole or not at all, with every complaint at once."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import NamedTuple

from . import grammar, remote, schema
from .complaints import Complaint, Complaints
from .directory import Directory
from .remote import load_remote
from .settings import (
    AccessSettings,
    DeliverySettings,
    ListenSettings,
    OfmipSettings,
    PopSettings,
    QmtpSettings,
    SendSettings,
    Settings,
    SmtpSettings,
    WebSettings,
)

__all__ = ["Complaint", "Complaints", "Loaded", "load", "load_remote", "load_with_warnings", "stamp"]


class Loaded(NamedTuple):
    """Settings, and what was taken as qmail takes it but is probably not meant so."""

    settings: Settings
    warnings: tuple[Complaint, ...]


def load(home: str) -> Settings:
    """The settings that HOME/control asks for.

    :raises Complaints: a file cannot be read or used.
    """
    return load_with_warnings(home).settings


def load_with_warnings(home: str) -> Loaded:
    """As `load`, with what a postmaster should be told.

    :raises Complaints: a file cannot be read or used.
    """
    directory = Directory(home)
    for row in schema.ROWS.values():
        directory.read(row)
    directory.require_a_name()
    if directory.errors:
        raise Complaints(tuple(directory.errors), tuple(directory.warnings))
    return Loaded(_settings(directory), tuple(directory.warnings))


def stamp(home: str, *sections: str) -> tuple[object, ...]:
    """Something that differs when a file of these sections of Settings (such as `smtp`) was changed since.

    qmail-smtpd reads its files for every connection; a service that compares stamps needs no HUP either. It costs a
    `stat` for each file.
    """
    names = ["me", *schema.GENERATED]
    names += [row.name for row in schema.ROWS.values() if row.field.partition(".")[0] in sections]
    return tuple(_file_stamp(grammar.control_path(home, name)) for name in names)


def _file_stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError as trouble:
        return trouble.errno
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)


# -- values to settings


def _settings(directory: Directory) -> Settings:
    return Settings(
        home=directory.home,
        me=_me(directory),
        send=_send(directory),
        access=_access(directory),
        smtp=_smtp(directory),
        remote=remote.settings(directory),
        pop3=_pop3(directory),
        qmtp=_qmtp(directory),
        delivery=_deliveries(directory),
        listen=_listen(directory),
        ofmip=_ofmip(directory),
        web=WebSettings(directory.number("concurrencyhttp")),
    )


def _me(directory: Directory) -> bytes:
    return directory.line("me") if "me" in directory.values else b"me"


def _send(directory: Directory) -> SendSettings:
    found = directory.names("locals")
    return SendSettings(
        locals=frozenset({_me(directory).lower()}) if found is None else found,
        virtualdomains=directory.map("virtualdomains"),
        percenthack=directory.names("percenthack") or frozenset(),
        envnoathost=directory.line("envnoathost"),
        bouncefrom=directory.line("bouncefrom"),
        bouncehost=directory.line("bouncehost"),
        doublebounceto=directory.line("doublebounceto"),
        doublebouncehost=directory.line("doublebouncehost"),
        queuelifetime_s=directory.number("queuelifetime"),
        concurrencylocal=directory.number("concurrencylocal"),
        concurrencyremote=directory.number("concurrencyremote"),
        journalmax_bytes=directory.number("journalmax"),
        bouncemax_bytes=directory.number("bouncemaxbytes"),
        minfree_bytes=directory.number("minfree"),
        concurrencyperhost=directory.number("concurrencyperhost"),
        rcptspertransaction=directory.number("rcptspertransaction"),
        remoteagents=directory.number("remoteagents"),
        queueextra=directory.lines("queueextra"),
        unsubscribeurl=directory.line("unsubscribeurl"),
    )


def _access(directory: Directory) -> AccessSettings:
    return AccessSettings(
        directory=f"{directory.home}/control",
        ident_timeout_s=directory.number("timeoutident"),
        is_paranoid=directory.number("paranoid") != 0,
        per_network=directory.number("concurrencypernet"),
        connections_per_minute=directory.number("connectionrate"),
        network_connections_per_minute=directory.number("connectionratepernet"),
        messages_per_hour=directory.number("messagerate"),
        autoturn=directory.lines("autoturn"),
        recordio=directory.lines("recordio"),
    )


def _smtp(directory: Directory) -> SmtpSettings:
    return SmtpSettings(
        greeting=directory.line("smtpgreeting"),
        localiphost=directory.line("localiphost") if {"me", "localiphost"} & directory.values.keys() else None,
        timeout_s=directory.number("timeoutsmtpd"),
        databytes=directory.number("databytes"),
        rcpthosts=directory.names("rcpthosts"),
        morercpthosts=directory.existing("morercpthosts.cdb"),
        badmailfrom=directory.names("badmailfrom") or frozenset(),
        is_rcptcheck=directory.number("rcptcheck") != 0,
        concurrencyincoming=directory.number("concurrencyincoming"),
        concurrencyperip=directory.number("concurrencyperip"),
        max_recipients=directory.number("maxrecipients"),
        max_command_bytes=directory.number("maxcommand"),
        max_errors=directory.number("maxerrors"),
        max_idle_commands=directory.number("maxidlecommands"),
        rbldns=directory.lines("rbldns"),
        spfbehavior=directory.number("spfbehavior"),
        spfrules=directory.line("spfrules"),
        spfexp=directory.line("spfexp"),
    )


def _pop3(directory: Directory) -> PopSettings:
    return PopSettings(
        greeting=directory.line("pop3greeting"),
        timeout_s=directory.number("timeoutpop3d"),
        checkpassword=directory.line("checkpassword") or None,
        maildir=directory.line("pop3maildir"),
        concurrency=directory.number("concurrencypop3"),
        max_failures=directory.number("maxpop3failures"),
    )


def _qmtp(directory: Directory) -> QmtpSettings:
    return QmtpSettings(
        timeout_s=directory.number("timeoutqmtpd"),
        concurrency=directory.number("concurrencyqmtp"),
        concurrencyqmqp=directory.number("concurrencyqmqp"),
        tlsclients=directory.map("tlsclients"),
    )


def _ofmip(directory: Directory) -> OfmipSettings:
    return OfmipSettings(
        concurrency=directory.number("concurrencyofmip"),
        rewrite=directory.lines("rewrite") if "rewrite" in directory.values else None,
        defaulthost=directory.line("defaulthost"),
        defaultdomain=directory.line("defaultdomain"),
        plusdomain=directory.line("plusdomain"),
        idhost=directory.line("idhost"),
        names=directory.existing("ofmipname.cdb"),
    )


def _deliveries(directory: Directory) -> DeliverySettings:
    return DeliverySettings(
        defaultdelivery=directory.line("defaultdelivery"),
        program_timeout_s=directory.number("programtimeout"),
        worker_idle_s=directory.number("workeridle"),
    )


def _listen(directory: Directory) -> ListenSettings:
    smtp = schema.PUBLIC_SMTP if os.geteuid() == 0 else schema.LOOPBACK_SMTP
    return ListenSettings(
        smtp=directory.endpoints("listensmtp", (smtp.decode(),)),
        pop3=directory.endpoints("listenpop3", ()),
        qmtp=directory.endpoints("listenqmtp", ()),
        qmqp=directory.endpoints("listenqmqp", ()),
        qmtps=directory.endpoints("listenqmtps", ()),
        qmqps=directory.endpoints("listenqmqps", ()),
        ofmip=directory.endpoints("listenofmip", ()),
        http=directory.endpoints("listenhttp", ()),
        https=directory.endpoints("listenhttps", ()),
    )
