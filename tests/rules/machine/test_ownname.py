"""rules/machine/ownname.py: what DNS should say of this host, played with a zone in a dictionary."""

from __future__ import annotations

import pytest

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.rules.machine.ownname import Finding, Host, examine, is_special
from qmtwist.wire.reverse import pointer_question

NAME = "mail.heaven.af.mil"
US, THEM, SIX = "192.0.2.1", "192.0.2.99", "2001:db8::1"
HOST = Host(NAME, ("127.0.0.1", US, SIX), (US, SIX), takes_mail=True, pointer=pointer_question)
REVERSE = b"1.2.0.192.in-addr.arpa"
Zone = dict[tuple[bytes, str], tuple[object, ...] | Answer]
GOOD: Zone = {(NAME.encode(), Kind.A): (US,), (REVERSE, Kind.PTR): (NAME.encode(),)}


def findings(zone: Zone, host: Host = HOST) -> list[Finding]:
    """What is found; every name asked for that the zone lacks does not exist."""

    def answer(question: Question) -> Answer:
        records = zone.get((question.name.lower(), question.kind), ())
        if isinstance(records, Answer):
            return records
        return Answer(Status.FOUND, records) if records else Answer(Status.ABSENT)

    asking = examine(host)
    try:
        questions = next(asking)
        while True:
            assert questions
            questions = asking.send(tuple(map(answer, questions)))
    except StopIteration as end:
        found: list[Finding] = end.value
        return found


def test_a_name_with_an_own_address_that_has_this_name_is_good() -> None:
    assert findings(GOOD) == []
    both: Zone = {**GOOD, (NAME.encode(), Kind.AAAA): (SIX,), (b"%s.ip6.arpa" % _nibbles(), Kind.PTR): (NAME.encode(),)}
    assert findings(both) == []


def _nibbles() -> bytes:
    return b"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"


@pytest.mark.parametrize("name", ["dolphin", "a.test", "mash.local", "mail.example.com", "h.home.arpa", "x.LOCALHOST."])
def test_names_that_dns_does_not_have_are_not_asked_for(name: str) -> None:
    assert is_special(name) and findings({}, HOST._replace(name=name)) == []


def test_names_like_those_are_ordinary_ones() -> None:
    assert not any(map(is_special, ("contest.de", "mylocal.org", "notexample.com", "test.heaven.af.mil")))


def test_a_name_without_address_is_told_with_the_line_for_its_zone() -> None:
    assert findings({}) == [Finding(f"{NAME} has no address in DNS", f"add to its zone: {NAME}. IN A {US}")]
    six = HOST._replace(own=(SIX,), public=(SIX,))
    assert findings({}, six)[0].mending == f"add to its zone: {NAME}. IN AAAA {SIX}"
    hidden = HOST._replace(own=("10.0.0.1",), public=())
    assert findings({}, hidden)[0].mending == f"add to its zone: {NAME}. IN A ADDRESS"


def test_an_address_elsewhere_is_told_unless_ours_are_translated() -> None:
    zone: Zone = {(NAME.encode(), Kind.A): (THEM,), (b"99.2.0.192.in-addr.arpa", Kind.PTR): (NAME.encode(),)}
    (found,) = findings(zone)
    assert found == Finding(
        f"{NAME} is {THEM} in DNS, which is no address of this host", f"mend in its zone: {NAME}. IN A {US}"
    )
    assert findings(zone, HOST._replace(own=("10.0.0.1",), public=())) == []


def test_a_dns_that_does_not_answer_is_one_finding() -> None:
    dead: Zone = {(NAME.encode(), kind): TROUBLE for kind in (Kind.A, Kind.AAAA, Kind.MX)}
    assert findings(dead) == [Finding(f"DNS gives no answer about {NAME}", f"dig {NAME}")]
    half: Zone = {**GOOD, (NAME.encode(), Kind.MX): TROUBLE, (REVERSE, Kind.PTR): TROUBLE}
    assert [found.what for found in findings(half)] == [
        f"DNS gives no answer about the MX of {NAME}",
        f"DNS gives no answer about the name of {US}",
    ]


def test_mail_for_the_name_must_come_here_if_it_is_to() -> None:
    key = (NAME.encode(), Kind.MX)
    hub: Zone = {**GOOD, key: ((10, b"hub.af.mil"),), (b"hub.af.mil", Kind.A): (THEM,)}
    (found,) = findings(hub)
    assert found.what == f"mail for {NAME} goes to hub.af.mil, none of which is this host"
    assert found.mending == f"add to its zone: {NAME}. IN MX 0 {NAME}."
    assert findings(hub, HOST._replace(takes_mail=False)) == []
    assert findings({**hub, key: ((10, b"hub.af.mil"), (20, NAME.encode()))}) == []
    assert [f.what for f in findings({**hub, (b"hub.af.mil", Kind.A): TROUBLE})] == [
        "DNS gives no answer about hub.af.mil"
    ]
    (null,) = findings({**GOOD, key: ((0, b""),)})
    assert null.what == f"DNS says that {NAME} takes no mail"


def test_an_address_needs_a_name_that_has_it() -> None:
    line = f"ask who gave you the address for: {REVERSE.decode()}. IN PTR {NAME}."
    bare: Zone = {(NAME.encode(), Kind.A): (US,)}
    assert findings(bare) == [Finding(f"{US} has no name in DNS", line)]
    other: Zone = {**bare, (REVERSE, Kind.PTR): (b"h1.isp.net",)}
    assert findings(other) == [Finding(f"{US} is called h1.isp.net in DNS, which has another address", line)]
    assert findings({**other, (b"h1.isp.net", Kind.A): (US,)}) == []
    assert findings({**other, (b"h1.isp.net", Kind.A): TROUBLE})[0].what == "DNS gives no answer about h1.isp.net"
    assert findings({**other, (REVERSE, Kind.PTR): (b"h1.isp.net", NAME.encode())}) == []


def test_a_zone_of_rubbish_is_bounded() -> None:
    many: Zone = {(NAME.encode(), Kind.A): tuple(f"198.51.100.{number}" for number in range(250))}
    assert len(findings(many)) == 32
