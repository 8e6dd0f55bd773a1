"""agents/tcp/ends.py: what a program is told of its connection."""

from __future__ import annotations

import socket

import pytest

from qmtwist.agents.tcp import ends
from qmtwist.agents.tcp.ends import Ends, Known
from qmtwist.mail.dns import TROUBLE, Answer, Question, Status

HERE = Ends(b"192.0.2.1", 25, b"192.0.2.7", 33215)


class Names:
    """A resolver that knows a few names."""

    def __init__(self, **known: tuple[str | bytes, ...] | None) -> None:
        self._known = known

    def ask(self, *questions: Question) -> tuple[Answer, ...]:
        return tuple(self._answer(question) for question in questions)

    def _answer(self, question: Question) -> Answer:
        found = self._known.get(question.name.decode().split(".")[0] + "_" + question.kind, ())
        if found is None:
            return TROUBLE
        return Answer(Status.FOUND, found) if found else Answer(Status.ABSENT)


def test_inherited_variables_of_another_connection_do_not_survive() -> None:
    inherited = dict.fromkeys(ends.VARIABLES, b"old") | {b"RELAYCLIENT": b""}
    assert ends.environment(inherited, HERE, Known()) == {
        b"RELAYCLIENT": b"", b"PROTO": b"TCP", b"TCPLOCALIP": b"192.0.2.1", b"TCPLOCALPORT": b"25",
        b"TCPREMOTEIP": b"192.0.2.7", b"TCPREMOTEPORT": b"33215",
    }  # fmt: skip
    found = ends.environment({}, HERE, Known(b"a.example", b"b.example", b""))
    assert found[b"TCPLOCALHOST"] == b"a.example" and found[b"TCPREMOTEHOST"] == b"b.example"
    assert found[b"TCPREMOTEINFO"] == b""


def test_ipv4_in_ipv6_dress_and_zones_of_links_are_plain() -> None:
    class Sock:
        def getsockname(self) -> object:
            return "::ffff:192.0.2.1", 25, 0, 0

        def getpeername(self) -> object:
            return "fe80::1%eth0", 33215, 0, 2

    assert ends.of(Sock()) == (b"192.0.2.1", 25, b"fe80::1", 33215)
    assert ends.of(Sock(), ("192.0.2.9", 1)) == (b"192.0.2.1", 25, b"192.0.2.9", 1)


def test_other_sockets_are_no_tcp() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(ends.NotTcp):
        ends.of(one)


def test_names_are_found_in_lower_case_or_not() -> None:
    names = Names(**{"1_PTR": (b"A.Example", b"b.example"), "2_PTR": (), "3_PTR": None, "4_PTR": (b"",)})
    ips = [b"192.0.2.1", b"192.0.2.2", b"192.0.2.3", b"192.0.2.4"]
    assert ends.host_names(names, ips) == [b"a.example", None, None, None]
    assert ends.host_names(names, ips, b"softdnserror")[2] == b"softdnserror"


def test_a_name_points_back_when_one_of_its_addresses_is_the_one() -> None:
    names = Names(a_A=("192.0.2.9", "192.0.2.1"), a_AAAA=("2001:db8::1",), c_A=None)
    assert ends.points_back(names, b"a.example", b"192.0.2.1")
    assert ends.points_back(names, b"a.example", b"2001:db8::1")
    assert not ends.points_back(names, b"a.example", b"192.0.2.2")
    assert not ends.points_back(names, b"b.example", b"192.0.2.1")
    assert not ends.points_back(names, b"c.example", b"192.0.2.1")
