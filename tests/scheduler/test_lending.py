"""Slots of the remote channel: lent by who looks for his host, kept by who has found it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.scheduler.lending import STUCK_LIMIT, STUCK_S, LentSlots


def handed_over(slots: LentSlots, count: int) -> list[bool]:
    return [slots.hand_over(ticket) for ticket in range(count)]


def test_whoever_comes_while_there_is_room_has_a_slot_at_once() -> None:
    slots = LentSlots(2, True)
    assert handed_over(slots, 3) == [True, True, False]
    assert (slots.running, slots.firm, slots.ordered) == (2, 0, 3)


def test_who_has_found_his_host_gets_the_slot_of_who_has_looked_longest() -> None:
    slots = LentSlots(2, True)
    handed_over(slots, 4)
    assert slots.ask(3)
    assert (slots.running, slots.firm) == (2, 1)
    assert slots.not_firm() == [1, 2, 0]  # 0 has lent its slot, 1 has not


def test_nobody_takes_a_slot_from_who_talks_to_his_host() -> None:
    slots = LentSlots(2, True)
    handed_over(slots, 4)
    assert [slots.ask(ticket) for ticket in (3, 2, 0)] == [True, True, False]
    assert slots.ended(3) == [0]
    assert slots.ended(2) == [1]  # provisionally
    assert (slots.running, slots.firm) == (2, 1)


def test_a_slot_that_is_lent_comes_back_when_there_is_room() -> None:
    slots = LentSlots(1, True)
    slots.hand_over(0)
    slots.hand_over(1)
    assert slots.ask(1)
    assert slots.ended(1) == [0]
    assert slots.running == 1


def test_who_ends_without_a_slot_frees_none() -> None:
    slots = LentSlots(1, True)
    handed_over(slots, 3)
    assert slots.ask(0)
    assert not slots.ask(1)
    assert slots.ended(1) == slots.ended(2) == []
    assert slots.ended(0) == []
    assert slots.ordered == 0


def test_so_many_are_handed_over_ahead_and_with_one_slot_none() -> None:
    for limit, most in ((0, 0), (1, 1), (2, 12), (20, 210)):
        slots = LentSlots(limit, True)
        while slots.has_room():
            slots.hand_over(slots.ordered)
        assert slots.ordered == most


def test_when_twice_as_many_are_connected_as_there_are_slots_nothing_more_is_handed_over() -> None:
    slots = LentSlots(3, True)
    handed_over(slots, 6)
    for ticket in range(5):
        slots.ask(ticket)
    assert slots.has_room()
    slots.ask(5)
    assert not slots.has_room()
    slots.ended(0)
    assert slots.has_room()


def test_who_talks_to_his_host_takes_no_place_from_those_who_look_for_theirs() -> None:
    slots = LentSlots(3, True)
    handed_over(slots, 22)
    for ticket in range(3):
        assert slots.has_room()
        slots.hand_over(100 + ticket)
        assert slots.ask(100 + ticket)
    assert slots.has_room()
    slots.hand_over(200)
    assert not slots.has_room()


def test_without_lending_everybody_has_a_slot_for_good_from_the_start() -> None:
    slots = LentSlots(2, False)
    assert handed_over(slots, 2) == [True, True]
    assert slots.firm == 2
    assert not slots.has_room()
    assert slots.ask(0)
    assert slots.ended(1) == []
    assert slots.has_room()


def test_a_higher_limit_gives_slots_to_those_who_are_connected_first() -> None:
    slots = LentSlots(1, True)
    handed_over(slots, 4)
    assert slots.ask(1)
    assert not slots.ask(3)
    assert slots.set_limit(3) == [3, 2]
    assert slots.firm == 2


def test_a_lower_limit_takes_slots_only_from_those_who_look_for_their_hosts() -> None:
    slots = LentSlots(3, True)
    handed_over(slots, 3)
    slots.ask(0)
    slots.ask(1)
    assert slots.set_limit(1) == []
    assert (slots.running, slots.firm) == (2, 2)
    assert slots.ended(0) == []
    assert not slots.ask(2)
    assert slots.ended(1) == [2]


def fill(slots: LentSlots) -> int:
    """Hand over what there is room for; how many that were."""
    first = last = max([-1, *slots.not_firm()]) + 1
    while slots.has_room():
        slots.hand_over(last)
        last += 1
    return last - first


def test_who_looks_for_long_takes_no_place_from_others() -> None:
    slots = LentSlots(20, True)
    slots.tick(1000)
    assert fill(slots) == 210
    slots.tick(1000 + STUCK_S - 1)
    assert fill(slots) == 0
    assert slots.next_stuck() == 1000 + STUCK_S
    slots.tick(1000 + STUCK_S)
    assert fill(slots) == 210


def test_very_many_who_look_for_long_do() -> None:
    slots = LentSlots(20, True)
    rounds = [fill(slots) for now in range(1000, 1100, STUCK_S) if slots.tick(now) is None]
    assert rounds[0] == 210 and rounds[-1] == 0
    assert slots.ordered == slots.most_looking == sum(rounds) == 210 + 950
    assert slots.next_stuck() is None
    slots.ended(0)
    assert fill(slots) == 1


def test_with_many_slots_the_stuck_are_bounded_too() -> None:
    slots = LentSlots(255, True)
    fill(slots)
    slots.tick(STUCK_S)
    fill(slots)
    assert slots.ordered == 255 + 10 * 254 + STUCK_LIMIT


def test_who_is_connected_is_stuck_no_more() -> None:
    slots = LentSlots(2, True)
    assert fill(slots) == 12
    slots.tick(STUCK_S)
    assert slots.ask(0) and slots.ask(1)
    slots.ended(0)
    slots.tick(10 * STUCK_S)
    assert (slots.next_stuck(), fill(slots)) == (None, 12)


def test_nobody_is_awaited_where_there_is_room_or_nothing_is_lent() -> None:
    for is_lending in (True, False):
        slots = LentSlots(2, is_lending)
        assert slots.next_stuck() is None
        slots.hand_over(0)
        assert slots.next_stuck() is None
    slots.hand_over(1)
    assert slots.next_stuck() is None


@given(
    st.lists(st.tuples(st.sampled_from(["come", "ask", "end", "limit", "tick"]), st.integers(0, 9))), st.integers(0, 4)
)
def test_slots_are_never_overdrawn_and_never_idle_while_somebody_wants_one(
    acts: list[tuple[str, int]], limit: int
) -> None:
    slots = LentSlots(limit, True)
    out: list[int] = []
    asking: set[int] = set()
    firm: set[int] = set()
    last = 0
    for verb, value in acts:
        granted: list[int] = []
        if verb == "come" and slots.has_room():
            last += 1
            out.append(last)
            slots.hand_over(last)
        elif verb == "ask" and (idle := [ticket for ticket in out if ticket not in firm | asking]):
            asking.add(ticket := idle[value % len(idle)])
            granted = [ticket] if slots.ask(ticket) else []
        elif verb == "end" and out:
            ticket = out.pop(value % len(out))
            asking.discard(ticket)
            firm.discard(ticket)
            granted = slots.ended(ticket)
        elif verb == "tick":
            slots.tick(slots.now + value)
        elif verb == "limit":
            limit = value
            granted = slots.set_limit(limit)
        assert not firm & set(granted)
        firm |= asking & set(granted)
        asking -= firm
        assert slots.ordered == len(out)
        assert {*slots._fresh, *slots._stuck} == {*slots._provisional, *slots._without}
        assert slots.firm == len(firm)
        assert len(firm) <= limit or not granted
        assert slots.running <= max(limit, len(firm))
        assert not asking or len(firm) >= limit
        assert slots.running >= min(limit, len(out))
