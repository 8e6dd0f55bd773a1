"""What the DNS tools share: whom to ask, how a lookup ends, and what is said then. (qmail dnsdoe)"""

from __future__ import annotations

from qmtwist.agents.dns import Resolver
from qmtwist.control.nameservers import home_name_service
from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.mail.literal import parse_literal
from qmtwist.mail.shapes import Callable
from qmtwist.store import durable
from qmtwist.wire.nameserver import candidates

HARD, SOFT = 100, 111


def run(look_up: Callable[[], bytes]) -> int:
    """Print what a lookup finds; the exit status, after qmail's words for what went wrong."""
    try:
        text = look_up()
    except MailError as error:
        durable.write_all(2, error.text.encode() + b"\n")
        return HARD if isinstance(error, Permanent) else SOFT
    except OSError as error:
        durable.write_all(2, f"unable to read {error.filename}: {error.strerror}\n".encode())
        return SOFT
    durable.write_all(1, text)
    return 0


def resolver(home: str) -> Resolver:
    """Asks the servers in control/nameservers, else the system's.

    :raises OSError: control/nameservers is there, and cannot be read.
    """
    return Resolver(home_name_service(home))


def records(answer: Answer) -> tuple[object, ...]:
    """What was found.

    :raises MailError: nothing, for ever or for now.
    """
    if answer.status is Status.TROUBLE:
        raise Temporary("soft error")
    if answer.status is not Status.FOUND:
        raise Permanent("hard error")
    return answer.records


def qualified_addresses(home: str, name: bytes) -> list[str]:
    """The addresses, IPv4 first, of a name that may want a domain of resolv.conf's search list.

    :raises MailError: there are none.
    """
    literal = parse_literal(name)
    if literal is not None:
        return [literal]
    service = home_name_service(home)
    asked = Resolver(service)
    for candidate in candidates(name, service):
        answers = asked.ask(Question(candidate, Kind.A), Question(candidate, Kind.AAAA))
        found: list[str] = [address for answer in answers for address in answer.records]
        if found:
            return found
        if any(answer.status is Status.TROUBLE for answer in answers):
            raise Temporary("soft error")
    raise Permanent("hard error")
