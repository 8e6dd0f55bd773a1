"""SPF for one client of qmail-smtpd: the questions of rules/spf, asked by a resolver that waits. (RFC 7208)"""

from __future__ import annotations

import time

from qmtwist.agents.dns import Resolver
from qmtwist.control import grammar
from qmtwist.control.nameservers import home_name_service
from qmtwist.mail.shapes import Mapping
from qmtwist.rules.spf.check import TEMPERROR, Client, Result, check, parse_own
from qmtwist.rules.spf.field import received_spf
from qmtwist.rules.spf.policy import Refusal, judge, level

LIMIT_S = 20.0  # RFC 7208 §4.6.4: at least that


class SenderPolicy:
    """Made for a session. `field` is what is known about the sender of the moment, empty before `judge`."""

    def __init__(self, home: str, environ: Mapping[bytes, bytes], wanted: int) -> None:
        """`wanted` is control/spfbehavior.

        :raises OSError: a control file cannot be read.
        :raises Malformed: control/spfrules cannot be used.
        """
        self._strictness = level(wanted, environ)
        self._extra = b" ".join(grammar.read_list(home, "spfrules") or [])
        parse_own(self._extra)
        self._words = grammar.read_line(home, "spfexp") or b""
        self._receiver = grammar.read_line(home, "localiphost") or grammar.read_line(home, "me") or b"unknown"
        self._ip = environ.get(b"TCPREMOTEIP", b"unknown")
        self._resolver = Resolver(home_name_service(home))
        self._known: tuple[Client, Result] | None = None

    def forget(self) -> None:
        """Another sender."""
        self._known = None

    @property
    def field(self) -> bytes:
        """Received-SPF."""
        return b"" if self._known is None else received_spf(self._known[1], self._known[0])

    def judge(self, sender: bytes, helo: bytes) -> Refusal | None:
        """Whether a recipient is refused because of the sender; the DNS is asked once for all of them."""
        if not self._strictness:
            return None
        if self._known is None:
            client = Client(self._ip, sender, helo, self._receiver, int(time.time()))
            self._known = client, self._ask(client)
        client, result = self._known
        return judge(result, self._strictness, client, self._words)

    def _ask(self, client: Client) -> Result:
        asking, deadline = check(client, self._extra), time.monotonic() + LIMIT_S
        try:
            questions = next(asking)
            while time.monotonic() < deadline:
                questions = asking.send(self._resolver.ask(*questions))
        except StopIteration as end:
            result: Result = end.value
            return result
        return Result(TEMPERROR, problem="DNS did not answer in time")
