"""wire/ident.py: replies of IDENT servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.ident import INFO_BYTES, Reply, query


def test_the_ports_are_the_clients_first() -> None:
    assert query(33215, 25) == b"33215 , 25\r\n"


@pytest.mark.parametrize(
    ("reply", "info"),
    [
        (b"1 , 25 : USERID : UNIX : joe\r\n", b"joe"),
        (b"1,25:USERID:UNIX:joe\n", b"joe"),
        (b"1 , 25 : USERID : UNIX : jo e\t\r\nmore", b"joe"),
        (b"1 , 25 : USERID : OTHER , US-ASCII : a:b:c\r\n", b"a:b:c"),
        (b"1 , 25 : USERID : UNIX :\r\n", b""),
        (b"1 , 25 : ERROR : NO-USER\r\n", b""),
        (b"\n", b""),
        (b"::: \0x\n", b""),
        (b"::: " + b"x" * 300, b"x" * INFO_BYTES),
        (b"::: joe", None),
        (b"", None),
        (b"1 , 25 : ERROR : NO-USER", None),
    ],
)
def test_the_information_stands_behind_the_third_colon(reply: bytes, info: bytes | None) -> None:
    assert Reply().receive(reply) == info


@given(st.lists(st.binary(max_size=20)))
def test_cuts_do_not_matter(pieces: list[bytes]) -> None:
    line = b"".join(pieces).replace(b"\n", b"") + b"\n"
    expected = Reply().receive(line)
    cut, found = Reply(), None
    for piece in [*(piece.replace(b"\n", b"") for piece in pieces), b"\n"]:
        found = cut.receive(piece)
        if found is not None:
            break
    assert found == expected
