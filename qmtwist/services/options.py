"""The twistd command line: `twistd -n qmtwist --home DIR`."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from twisted.python import usage

from qmtwist.logbook.logto import read_log_to
from qmtwist.mail.errors import Malformed

DEFAULT_HOME = "/var/qmail"
SERVICES = ("smtp", "pop3", "qmtp", "qmqp", "qmtps", "qmqps", "ofmip", "http", "https")


class Options(usage.Options):
    """Run the mail server of one home.

    Listeners are Twisted endpoint descriptions from control/listensmtp, control/listenpop3 and so on; --listen
    SERVICE=DESCRIPTION replaces them for a service (repeat it for several), --listen SERVICE= turns the service off.
    """

    optParameters: ClassVar[Any] = [
        ["home", None, None, "the mail home (default: $QMTWIST_HOME, else /var/qmail)"],
        ["log-format", None, "text", "text: qmail-log(5) lines; json: an object a line"],
        ["log-to", None, "-", "-: standard output; multilog:DIR[:size=BYTES][:number=FILES]; journal[:SOCKET]"],
        ["default-delivery", None, None, "delivery instructions for users without a .qmail file"],
    ]
    optFlags: ClassVar[Any] = [
        ["no-listeners", None, "queue and deliveries only, as qmail-start does"],
        ["strict-log", None, "only qmail-log(5) lines in the log; our own remarks go to standard error"],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["listen"] = {}

    def opt_listen(self, value: str) -> None:
        """SERVICE=ENDPOINT, for example smtp=tcp:2525:interface=127.0.0.1"""
        service, equals, endpoint = value.partition("=")
        if not equals or service not in SERVICES:
            raise usage.UsageError(f"--listen {value}: want SERVICE=ENDPOINT, SERVICE one of {', '.join(SERVICES)}")
        self["listen"].setdefault(service, [])
        if endpoint:
            self["listen"][service].append(endpoint)

    def postOptions(self) -> None:
        """Fill in what was left out."""
        if self["log-format"] not in ("text", "json"):
            raise usage.UsageError(f"--log-format {self['log-format']}: want text or json")
        try:
            self["log-to"] = read_log_to(self["log-to"])
        except Malformed as error:
            raise usage.UsageError(f"--log-to {self['log-to']}: {error}") from error
        self["home"] = os.path.abspath(self["home"] or os.environ.get("QMTWIST_HOME") or DEFAULT_HOME)
        twistd = self.parent
        # Our own lines are the log: twistd's observer would put its dates and its chatter between them.
        if twistd is not None and twistd.get("nodaemon") and not twistd.get("logger") and not twistd.get("logfile"):
            twistd["logger"] = "qmtwist.services.log.quietlog.observer"
