"""Lines matched into deliveries and messages."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook.analysis.histories import Delivery, Message, read, word
from qmtwist.logbook.analysis.matchup import Matchup, matched

LOG = b"""\
1.0 status: local 0/10 remote 0/20
2.0 new msg 5
2.1 info msg 5: bytes 100 from <Joe@Sun.example> qp 18 uid 49
2.2 starting delivery 1: msg 5 to local A@x.y
2.3 starting delivery 2: msg 5 to remote b@x.y
2.4 delivery 1: failure: No_such_address._(#5.1.1)/
3.0 delivery 2: deferral: Connected_to_1.2.3.4_but_greeting_failed./
4.0 starting delivery 3: msg 5 to remote b@x.y
5.0 delivery 3: success: ok/
5.1 bounce msg 5 qp 77
5.2 end msg 5
6.0 info msg 6: bytes 7 from <> qp 19 uid 0
6.1 starting delivery 4: msg 6 to local c@x.y
6.2 warning: trouble  with blanks
"""


def split(log: bytes) -> list[bytes]:
    return log.splitlines()


def rotated(parts: list[list[bytes]]) -> tuple[bytes, list[bytes]]:
    """What matchup makes of logs of several days, each read with what was pending before it."""
    output, pending = b"", list[bytes]()
    for part in parts:
        matchup = Matchup()
        output += matched(matchup, pending + part)
        pending = list(matchup.pending())
    return output, pending


def test_a_log_becomes_deliveries_and_messages() -> None:
    assert split(matched(Matchup(), split(LOG))) == [
        b"d d 2.1 2.2 2.4 100 <joe@sun.example> local.a@x.y 18 49 No_such_address._(#5.1.1)/",
        b"d z 2.1 2.3 3.0 100 <joe@sun.example> remote.b@x.y 18 49 Connected_to_1.2.3.4_but_greeting_failed./",
        b"d k 2.1 4.0 5.0 100 <joe@sun.example> remote.b@x.y 18 49 ok/",
        b"? 5.1 bounce msg 5 qp 77",
        b"m 2.1 5.2 100 1 1 1 <joe@sun.example> 18 49",
        b"6.2 warning: trouble  with blanks",
    ]


@given(st.sets(st.integers(0, 14)))
def test_where_the_log_is_rotated_never_matters(cuts: set[int]) -> None:
    lines = split(LOG)
    edges = [0, *sorted(cuts), len(lines)]
    parts = [lines[start:end] for start, end in itertools.pairwise(edges)]
    assert rotated(parts) == rotated([lines])


def test_the_pending_state_of_a_pending_state_is_the_same() -> None:
    _, pending = rotated([split(LOG)])
    assert pending == [
        b"6.0 info msg 6: bytes 7 from <> qp 19 uid 0",
        b"6.0 extra 6 0 0 0",
        b"6.1 starting delivery 4: msg 6 to local c@x.y",
    ]
    assert rotated([pending, []])[1] == pending


def test_a_clean_stop_leaves_no_delivery_open() -> None:
    matchup = Matchup()
    assert matched(matchup, [b"1.0 starting delivery 1: msg 5 to local a@b", b"2.0 status: exiting"]) == b""
    assert list(matchup.pending()) == []


def test_addresses_with_blanks_keep_the_fields_in_their_places() -> None:
    matchup = Matchup()
    lines = [
        b"1.0 info msg 5: bytes 9 from <a b@c> qp 1 uid 2",
        b"1.0 starting delivery 1: msg 5 to local d e@f",
        b"2.0 delivery 1: success: it is done/",
    ]
    assert matched(matchup, lines) == b"d k 1.0 1.0 2.0 9 <a_b@c> local.d_e@f 1 2 it_is_done/\n"


def test_lines_that_are_cut_off_are_shown() -> None:
    for line in split(LOG)[1:5]:
        words = line.split()
        for length in range(2, len(words)):
            cut = b" ".join(words[:length])
            assert matched(Matchup(), [cut]) in (b"? " + cut + b"\n", b"")
    assert matched(Matchup(), [b"1.0 extra", b"1.0 info msg"]) == b"? 1.0 extra\n? 1.0 info msg\n"


def test_a_count_that_is_none_changes_nothing() -> None:
    matchup = Matchup()
    matched(matchup, [b"1.0 info msg 5: bytes 9 from <> qp 1 uid 2", b"1.0 extra 5 x 0 0", b"1.0 extra 5 1 2 3"])
    assert b"1.0 extra 5 1 2 3" in list(matchup.pending())


def test_the_other_forms_of_a_line_are_read_too() -> None:
    lines = [
        b"@400000003852e9401dcd6500 info msg 5: bytes 9 from <> qp 1 uid 2",
        b'{"time": 944957751.5, "event": "MessageEnded", "number": 5}',
        b"Jun  9 10:22:03 host qmail: 944957752.5 alert: help",
    ]
    assert split(matched(Matchup(), lines)) == [
        b"m 944957750.500000000 944957751.500000 9 0 0 0 <> 1 2",
        b"944957752.5 alert: help",
    ]


@given(st.lists(st.binary(max_size=40)))
def test_no_line_breaks_it(lines: list[bytes]) -> None:
    starts = [b"", b"1.0 new ", b"1.0 info ", b"1.0 starting ", b"1.0 delivery ", b"1.0 end ", b"1.0 extra "]
    matchup = Matchup()
    whole = [starts[number % len(starts)] + line for number, line in enumerate(lines)]
    matched(matchup, whole)
    pending, tomorrow = list(matchup.pending()), Matchup()
    assert matched(tomorrow, pending) == b""
    assert list(tomorrow.pending()) == pending  # what one day leaves to the next, the next leaves to the day after


def test_reading_a_history_gives_what_was_written() -> None:
    delivery = Delivery(b"k", b"1.0", b"2.0", b"3.0", b"9", b"<>", b"local.a@b", b"1", b"2", b"did_1+0+0/")
    message = Message(b"1.0", b"3.1", b"9", b"1", b"0", b"0", b"<>", b"1", b"2")
    assert [read(word(delivery)), read(word(message))] == [delivery, message]
    assert read(word(delivery._replace(reason=b""))) == delivery._replace(reason=b"")
    assert [read(b"d k 1"), read(b"m 1 2"), read(b"? x"), read(b"")] == [None] * 4
