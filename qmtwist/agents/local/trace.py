"""How an address would be handled, found out without sending anything: sendmail -bv, qmtwist trace.

The same rules decide as for mail itself. What only the recipient's programs know, such as fastforward's aliases, is
not asked for.
"""

from __future__ import annotations

import os
import stat

from qmtwist.agents.dns import Resolver
from qmtwist.control.hosts import read_hosts
from qmtwist.control.load import load
from qmtwist.control.nameservers import home_name_service
from qmtwist.control.settings import Settings
from qmtwist.control.users import Account, look_up
from qmtwist.mail.errors import MailError, Permanent
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules import mx, smarthost, tracewords
from qmtwist.rules.completion import Rewriter, Unparsable
from qmtwist.rules.dotqmail import address_mistake, parse
from qmtwist.rules.outgoing import parse_families
from qmtwist.rules.routing import Routes
from qmtwist.store.interfaces import own_addresses, pack

from . import deliver

GOOD, NOBODY, LATER = "good", "nobody", "later"
_SOMEBODY = b"sender@example.org"


class Traced(NamedTuple):
    """`verdict`: good, nobody (the mail would come back) or later (it would wait, or that cannot be told now)."""

    verdict: str
    lines: tuple[bytes, ...]


class Tracer:
    """Answers for one home, by its control files as they are when it is made."""

    def __init__(self, home: str) -> None:
        """:raises Complaints: control files that cannot be read or used.
        :raises OSError: likewise.
        :raises Unparsable: a default host that is none.
        """
        self._home = home
        self._settings: Settings = load(home)
        self._rewriter = Rewriter(read_hosts(home, {}))
        send = self._settings.send
        self._routes = Routes(send.locals, send.virtualdomains, send.percenthack, send.envnoathost)

    def trace(self, typed: bytes) -> Traced:
        """About an address as it is given to sendmail: without a host it gets control/defaulthost."""
        try:
            address = self._rewriter.plain(typed)
        except Unparsable:
            return Traced(NOBODY, (b"this is no address",))
        lines = [b"it is taken for " + address] if address != typed else []
        found = tracewords.routed(address, self._routes)
        lines += found.lines
        try:
            if found.channel == "remote":
                self._remote(found.recipient.rpartition(b"@")[2], lines)
            else:
                self._local(found.recipient, lines)
            return Traced(GOOD, tuple(lines))
        except deliver.Refusal as refusal:
            code, text = refusal.ended
            return _ended(NOBODY if code == 100 else LATER, lines, text)
        except MailError as error:
            return _ended(NOBODY if isinstance(error, Permanent) else LATER, lines, error.text.encode())
        except OSError as error:
            return _ended(LATER, lines, str(error).encode())

    def _remote(self, domain: bytes, lines: list[bytes]) -> None:
        settings = self._settings.remote
        hop = smarthost.next_hop(domain, settings.smtproutes, settings.qmtproutes)
        lines.append(tracewords.hop_words(hop))
        asking = mx.targets(hop, self._is_own, parse_families(settings.families), lambda equals: None)
        lines += tracewords.target_words(Resolver(home_name_service(self._home)).pump(asking))

    def _is_own(self, address: str) -> bool:
        ours = [parse_address(line) for line in self._settings.remote.localaddresses]
        return address in ours or pack(address) in own_addresses()

    def _local(self, recipient: bytes, lines: list[bytes]) -> None:
        name, _, host = recipient.rpartition(b"@")
        if not name:
            lines.append(b"it has no local part: it is thrown away")
            return
        account, is_assigned = look_up(self._home, name)
        source = b"users/assign" if is_assigned else b"the password file"
        lines.append(b"by %s it belongs to %s (uid %d), home %s" % (source, account.user, account.uid, account.home))
        if not account.uid:
            raise deliver.Refusal(111, b"Not allowed to perform deliveries as root.")
        self._instructions(account, name, host, lines)

    def _instructions(self, account: Account, name: bytes, host: bytes, lines: list[bytes]) -> None:
        default = self._settings.delivery.defaultdelivery
        who = account.user, account.home, name, account.dash, account.ext, host
        delivery = deliver.Delivery(*who, _SOMEBODY, default)
        self._check(delivery)
        found = deliver.find(delivery)
        if found is not None and found.text:
            lines.append(b"%s/%s says:" % (account.home, found.name))
            parsed = parse(found.text, found.is_forward_only)
        else:
            where = b"%s/%s is empty" % (account.home, found.name) if found is not None else b"there is no .qmail file"
            lines.append(where + b"; control/defaultdelivery says:")
            parsed = parse(default)
        lines += tracewords.instruction_words(parsed.lines)
        mistake = parsed.mistake or next(filter(None, map(address_mistake, parsed.lines)), None)
        if mistake:
            raise deliver.Refusal(111, mistake)
        sender = deliver.new_sender(delivery)
        if sender != _SOMEBODY:
            lines.append(b"what is sent on has the sender " + sender)

    def _check(self, delivery: deliver.Delivery) -> None:
        """:raises Refusal: nobody is served there, or nobody now."""
        shown = deliver.show(delivery)
        if shown.code == 100 or (shown.code and not shown.out):
            raise deliver.Refusal(shown.code, shown.err.rstrip(b"\n"))
        if os.stat(delivery.home).st_mode & stat.S_ISVTX:
            raise deliver.Refusal(111, b"Home directory is sticky: user is editing his .qmail file. (#4.2.1)")


def _ended(verdict: str, lines: list[bytes], text: bytes) -> Traced:
    what = b"it would come back: " if verdict == NOBODY else b"it would wait: "
    return Traced(verdict, (*lines, what + b" / ".join(text.strip().split(b"\n"))))
