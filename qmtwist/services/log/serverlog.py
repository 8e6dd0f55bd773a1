"""The log of the server, as its options want it: opened, written, rotated and closed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from twisted.logger import Logger

from qmtwist.control.accounts import SystemAccount
from qmtwist.logbook import tai64
from qmtwist.logbook.facts import Notice
from qmtwist.logbook.logto import DIRECTORY, OUTPUT, LogTo
from qmtwist.mail.reasons import reason
from qmtwist.services.gate import Refusal
from qmtwist.services.options import Options
from qmtwist.store.logdir import CannotOpen

from .places import Directory, Journal
from .telemetry import Telemetry
from .writer import LogWriter, Place, Stream, standard_error, to_stderr, words_of_loss

_STAMP_BYTES = 26  # with the blank behind it


class ServerLog:
    """`telemetry` may be told things at once; what is not standard output gets them from `open` and `begin` on."""

    def __init__(self, options: Options) -> None:
        self._wanted: LogTo = options["log-to"]
        self._is_stamped = self._wanted.kind == DIRECTORY
        self._writer = self._make_writer(options)
        aside = to_stderr if options["strict-log"] and self._writer is not None else None
        self.telemetry = Telemetry(self._sink(), options["log-format"] == "json", time.time, aside)

    def _make_writer(self, options: Options) -> LogWriter | None:
        """None: twistd has a log of its own, and nothing else was asked for."""
        if self._wanted.kind != OUTPUT:
            # Held, for twistd may yet go into the background. What is refused before it is open is said to the caller.
            return LogWriter(Stream(2, _STAMP_BYTES if self._is_stamped else 0), self._lost, is_held=True)
        twistd = options.parent
        if twistd is not None and (not twistd.get("nodaemon") or twistd.get("logfile")):
            return None
        return LogWriter(Stream(1), self._lost)

    def _sink(self) -> Callable[[bytes], None]:
        if self._writer is None:
            log = Logger(namespace="qmtwist")
            return lambda line: log.info("{line}", line=line.decode("latin-1"))
        write = self._writer.write
        return (lambda line: write(self._stamped(line))) if self._is_stamped else write

    @staticmethod
    def _stamped(line: bytes) -> bytes:
        return tai64.stamp(time.time_ns()) + b" " + line

    def _lost(self, count: int) -> bytes:
        line = self.telemetry.worded(Notice("warning", words_of_loss(count)))
        return self._stamped(line) if self._is_stamped else line

    def open(self, account: SystemAccount | None) -> None:
        """Open what lines go to, for the account that the server will run as.

        :raises Refusal: it cannot be written to.
        """
        if self._writer is not None and self._wanted.kind != OUTPUT:
            self._writer.use(self._place(account))

    def _place(self, account: SystemAccount | None) -> Place:
        wanted = self._wanted
        try:
            if wanted.kind == DIRECTORY:
                return Directory(os.fsencode(wanted.path), wanted.rotation, account)
            return Journal(wanted.path, account)
        except CannotOpen as trouble:
            why = trouble.text + b": " + reason(trouble.error)
            raise Refusal("unable to open the log", why.decode("utf-8", "backslashreplace")) from trouble
        except OSError as error:
            raise Refusal("unable to open the log", f"no journal at {wanted.path}: {error.strerror}") from error

    def begin(self) -> None:
        """Root is given up: from now on lines are written."""
        if self._writer is not None:
            self._writer.begin()

    def reactions(self) -> dict[int, Callable[[], None]]:
        """What signals ask of the log: USR1, a new file. (Where twistd has the log, it has USR1, too.)"""
        return {} if self._writer is None else {signal.SIGUSR1: self._writer.rotate}

    def close(self) -> None:
        """Write what is left, as long as somebody takes it."""
        if self._writer is not None:
            self._writer.close()
        standard_error().flush()
