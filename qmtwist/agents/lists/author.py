"""Ask the DNS whether receivers would refuse mail in an author's name. Imported by lists that want to know only."""

from __future__ import annotations

from qmtwist.agents.dns import Resolver
from qmtwist.control.nameservers import RESOLV_CONF, home_name_service, name_service
from qmtwist.mail.header import Field
from qmtwist.rules.lists.author import domains, is_protected, questions

_AUTHORS = 5  # of one message that are asked about


def must_hide(home: str, fields: list[Field], host: bytes) -> bool:
    """Whether a message with this header arrives only in the name of the list, which is at `host`."""
    asked = [domain for domain in domains(fields) if domain != host.lower()]
    if not asked:
        return False
    try:
        service = home_name_service(home)
    except OSError:  # the list's owner may not read it
        service = name_service((), RESOLV_CONF)
    resolver = Resolver(service)
    return any(is_protected(resolver.ask(*questions(domain))) for domain in asked[:_AUTHORS])
