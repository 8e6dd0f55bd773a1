"""Mail of a list comes back from hosts of other makers, to an address that does not say whose it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from qmtwist.rules.lists.cookie import digest
from tests.support.bounce_samples import exchange, exim, postfix, qmail, sendmail
from tests.support.daemon import running
from tests.support.peers import Peer
from tests.support.postfix import Postfix
from tests.support.remote import wait_until
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
ANN, TOM = b"ann@far.example", b"tom@far.example"


class Place(NamedTuple):
    """A server with a list of two far away."""

    office: Office
    directory: str

    def missed(self, address: bytes) -> list[int]:
        """The numbers of the postings that somebody has not got, as far as the list knows."""
        name = digest(address).decode()
        text = self.office.town.read("joe", f"friends/bounce/h/{name[0]}/h{name[1:]}")
        return [int(line) for line in text.split()]

    def come_back(self, number: int, bounce: bytes) -> None:
        assert "success" in self.office.deliver(f"joe-friends-return-{number}-@{H}", "", bounce)


@pytest.fixture
def place() -> Iterator[Place]:
    with town("joe") as made, running(Office(made)) as office:
        home = made.directory("joe")
        script = f"ezmlm-make ~/friends ~/.qmail-friends joe-friends {H}\n"
        script += "ezmlm-sub ~/friends ann@far.example tom@far.example\n"
        made.run("/bin/sh", "-c", f"set -e; export HOME={home} PATH={made.path}/bin:$PATH\n{script}", user="joe")
        yield Place(office, f"{home}/friends")


def test_every_host_is_understood(place: Place) -> None:
    """Who is named and is on the list has missed the posting."""
    forms = [
        postfix((ANN, ANN)), postfix((ANN, b"ann@other.example")), exim(ANN), exim(ANN, is_new=False), exchange(ANN),
        qmail(ANN), sendmail(ANN),
    ]  # fmt: skip
    for number, bounce in enumerate(forms, 1):
        place.come_back(number, bounce)
        assert place.missed(ANN) == list(range(1, number + 1)) and place.missed(TOM) == []
    place.come_back(9, exim(ANN, TOM, b"nobody@far.example"))
    assert place.missed(ANN)[-1] == 9 and place.missed(TOM) == [9]
    place.come_back(10, postfix(late=TOM))
    place.come_back(11, b"Subject: I am away\n\ntom@far.example is away\n")
    assert place.missed(TOM) == [9]


def test_the_warning_shows_nobody_elses_address(place: Place) -> None:
    place.come_back(1, sendmail(ANN, TOM))
    kept = [os.path.join(path, name) for path, _, names in os.walk(f"{place.directory}/bounce/d") for name in names]
    texts = []
    for path in kept:
        with open(path, "rb") as stream:
            texts.append(stream.read())
    assert sorted(text.partition(b"\0")[0] for text in texts) == [ANN, TOM]
    assert all((ANN in text) != (TOM in text) for text in texts)


def test_what_postfix_really_writes_is_understood(place: Place, open_directory: str) -> None:
    """Two subscribers at one host, which tells Postfix that there are no such people."""
    far = "far.example"
    with Peer() as refusing:
        refusing.verdicts = {ANN: b"550 5.1.1 no such user\r\n", TOM: b"550 5.1.1 no such user\r\n"}
        back = f"[127.0.0.1]:{place.office.smtp_port}"
        with Postfix(open_directory, far, {far: refusing.route, H: back}) as relay:
            relay.start()
            place.office.town.write("control/smtproutes", f":{relay.route}\n")
            since = place.office.mark()
            place.office.signal(signal.SIGHUP)
            place.office.wait_for_line("control/smtproutes", since)
            sender = f"joe-friends-return-3-@{H}"
            for address in (ANN, TOM):
                place.office.queue(address.decode(), sender)
            wait_until(lambda: place.missed(ANN) == place.missed(TOM) == [3], relay.log)
