"""What control/ means for the SMTP service: made from the settings once, shared by all sessions under them."""

from __future__ import annotations

from collections.abc import Callable

from qmtwist.control import grammar
from qmtwist.control.morehosts import MoreHosts
from qmtwist.control.settings import SmtpSettings
from qmtwist.rules import dnsbl
from qmtwist.rules.relay import RelayRules, never, with_variables
from qmtwist.services.door.listen import Peer
from qmtwist.store.interfaces import own_addresses
from qmtwist.wire.smtp.events import Limits, Terms, make_terms

LISTS_LIMIT_S = 10  # for DNS lists; control/rbldns may say otherwise


class SmtpPolicy:
    """The rules of one set of settings. A session keeps the policy it began with.

    Without control/rcpthosts nobody relays: mail is taken for `localiphost` alone (qmail-smtpd would take all).
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self.lists = dnsbl.parse_lines(settings.rbldns, LISTS_LIMIT_S)
        self._limits = Limits(
            settings.max_command_bytes,
            settings.max_recipients,
            settings.max_errors,
            settings.max_idle_commands,
            settings.databytes,
        )
        self._terms = make_terms(settings.greeting, self._limits)
        rcpthosts = settings.rcpthosts
        is_more: Callable[[bytes], bool] = never
        if rcpthosts is None:
            rcpthosts = frozenset([settings.localiphost.lower()] if settings.localiphost else [])
        elif settings.morercpthosts is not None:
            is_more = MoreHosts(settings.morercpthosts)
        self._rules = RelayRules(rcpthosts, is_more, settings.badmailfrom, None, settings.localiphost, _is_own)

    def terms(self, peer: Peer) -> Terms:
        """Limits and fixed replies for this client; its variable DATABYTES replaces the control file."""
        text = peer.variables.get(b"DATABYTES")
        if text is None:
            return self._terms
        limits = self._limits._replace(databytes=grammar.parse_number(text) or 0)
        return make_terms(self.settings.greeting, limits)

    def rules(self, peer: Peer) -> RelayRules:
        """Senders and recipients this client may name, by its variables RELAYCLIENT and BADMAILFROM."""
        return with_variables(self._rules, peer.variables)


def _is_own(packed: bytes) -> bool:
    return packed in own_addresses()
