"""Descriptors are shared out before the first client comes: connections never take those that the queue needs.

A session may need four: its socket, and for a large message mess, intd and a directory that is synced. What is left
over is for the journal, queue files, deliveries and workers.
"""

from __future__ import annotations

import resource

import attrs

from qmtwist.control.settings import Settings

BASE = 48  # listeners, journal, log, agents, what the programming language has open
LOOKUPS = 32  # ports from which DNS lists and policies are asked for, and answers that come by TCP
SMTP_EACH, POP3_EACH, PACKAGE_EACH = 4, 2, 4  # a package is one of QMTP or QMQP
LEAST = 4  # connections of each service, however few descriptors there are
WORKERS = 100  # services.localagent.WORKER_LIMIT


def wanted(settings: Settings) -> int:
    """How many descriptors serve everything that the settings allow."""
    deliveries = settings.send.concurrencylocal + settings.send.concurrencyremote
    sessions = SMTP_EACH * settings.smtp.concurrencyincoming + POP3_EACH * settings.pop3.concurrency
    lookups = LOOKUPS if settings.smtp.rbldns or settings.smtp.spfbehavior else 0
    if settings.listen.ofmip:
        sessions += SMTP_EACH * settings.ofmip.concurrency
    if settings.listen.http or settings.listen.https:
        sessions += SMTP_EACH * settings.web.concurrency
    return BASE + WORKERS + lookups + deliveries + sessions + PACKAGE_EACH * _package_connections(settings)


def _package_connections(settings: Settings) -> int:
    """Of each listening service: so many from elsewhere, in clear and inside TLS, and so many by UNIX sockets."""
    listen, qmtp = settings.listen, settings.qmtp
    return qmtp.concurrency * _kinds(listen.qmtp + listen.qmtps) + qmtp.concurrencyqmqp * _kinds(
        listen.qmqp + listen.qmqps
    )


def _kinds(endpoints: tuple[str, ...]) -> int:
    return len({endpoint.startswith("unix:") for endpoint in endpoints})


def raise_limit(count: int) -> int:
    """Raise our soft limit to so many descriptors, as far as the hard limit allows; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return soft if soft != resource.RLIM_INFINITY else count
    soft = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def within(settings: Settings, limit: int) -> Settings:
    """The settings with no more connections than so many descriptors serve; the same object if all fit."""
    need = wanted(settings)
    if need <= limit:
        return settings
    left, asked = max(0, limit - BASE), need - BASE
    smtp = _share(settings.smtp.concurrencyincoming, left, asked)
    pop3 = _share(settings.pop3.concurrency, left, asked)
    return attrs.evolve(
        settings,
        smtp=attrs.evolve(settings.smtp, concurrencyincoming=smtp),
        pop3=attrs.evolve(settings.pop3, concurrency=pop3),
        ofmip=attrs.evolve(settings.ofmip, concurrency=_share(settings.ofmip.concurrency, left, asked)),
        web=attrs.evolve(settings.web, concurrency=_share(settings.web.concurrency, left, asked)),
        qmtp=attrs.evolve(
            settings.qmtp,
            concurrency=_share(settings.qmtp.concurrency, left, asked),
            concurrencyqmqp=_share(settings.qmtp.concurrencyqmqp, left, asked),
        ),
    )


def _share(connections: int, left: int, asked: int) -> int:
    return min(connections, max(LEAST, connections * left // asked))
