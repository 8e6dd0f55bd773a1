"""Running the server without twistd: what `qmail-start` does. In the foreground, and by the exit status."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import epollreactor
from twisted.logger import globalLogBeginner

from .log.quietlog import observe
from .log.writer import standard_error
from .options import Options


def run_foreground(arguments: list[str]) -> int:
    """Serve until TERM; the exit status. `arguments` are those of `twistd qmtwist`."""
    epollreactor.install()  # type: ignore[no-untyped-call]
    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False)
    options = Options()
    options.parseOptions(arguments)  # type: ignore[no-untyped-call]
    from .assemble import makeService

    service = makeService(options)
    reactor: Any = service.reactor
    try:
        service.privilegedStartService()
        service.startService()
    except SystemExit as refusal:
        return refusal.code if isinstance(refusal.code, int) else 111
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    sys.stdout.flush()
    standard_error().flush()  # our launcher ends without atexit
    return service.exit_status
