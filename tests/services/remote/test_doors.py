"""Who waits for a host, and when."""

from __future__ import annotations

from collections.abc import Callable

from qmtwist.services.remote.doors import Doors

HOST, OTHER = ("192.0.2.1", 25), ("192.0.2.2", 25)


class Guest:
    """A delivery that enters as soon as it is admitted, or does something else."""

    def __init__(self, doors: Doors, then: Callable[[], object] | None = None) -> None:
        self.doors = doors
        self.then = then
        self.is_inside = False
        self.is_passed_over = False

    def come(self) -> None:
        self.is_inside = self.doors.enter(HOST, self)

    def admitted(self) -> None:
        if self.then is not None:
            self.then()
        else:
            self.come()

    def passed_over(self) -> None:
        self.is_passed_over = True


def come(doors: Doors, count: int) -> list[Guest]:
    guests = [Guest(doors) for _ in range(count)]
    for guest in guests:
        guest.come()
    return guests


def test_so_many_go_in_and_the_others_follow_in_their_order() -> None:
    doors = Doors(2)
    guests = come(doors, 5)
    assert [guest.is_inside for guest in guests] == [True, True, False, False, False]
    doors.leave(HOST)
    assert [guest.is_inside for guest in guests] == [True, True, True, False, False]
    doors.leave(HOST)
    doors.leave(HOST)
    assert all(guest.is_inside for guest in guests)


def test_other_hosts_have_other_doors() -> None:
    doors = Doors(1)
    come(doors, 2)
    assert doors.enter(OTHER, Guest(doors)) and not doors.enter(OTHER, Guest(doors))


def test_who_is_admitted_and_goes_elsewhere_leaves_his_place_to_the_next() -> None:
    doors = Doors(1)
    come(doors, 1)
    gone: list[int] = []
    for number in range(3000):  # one after the other, not one within the other
        Guest(doors, lambda number=number: gone.append(number)).come()
    last = Guest(doors)
    last.come()
    doors.leave(HOST)
    assert gone == list(range(3000)) and last.is_inside


def test_who_waits_no_longer_is_forgotten() -> None:
    doors = Doors(1)
    _, second, third = come(doors, 3)
    doors.forget(HOST, second)
    doors.forget(HOST, second)
    doors.leave(HOST)
    assert not second.is_inside and third.is_inside
    doors.leave(HOST)
    assert come(doors, 1)[0].is_inside


def test_nobody_waits_for_a_host_that_does_not_answer() -> None:
    doors = Doors(1)
    first, second, third = come(doors, 3)
    doors.timed_out(HOST, 0.0)
    assert not first.is_passed_over and second.is_passed_over and third.is_passed_over
    doors.leave(HOST)
    assert not second.is_inside and come(doors, 1)[0].is_inside


def test_who_waits_for_a_host_that_answers_others_goes_on_waiting() -> None:
    doors = Doors(2)
    _, _, third = come(doors, 3)
    doors.answered(HOST, 10.0)
    doors.timed_out(HOST, 9.0)
    assert not third.is_passed_over
    doors.leave(HOST)
    assert third.is_inside
    fourth = Guest(doors)
    fourth.come()
    doors.timed_out(HOST, 9.0)  # of those who wait now nobody has seen it answer
    assert fourth.is_passed_over


def test_an_answer_before_the_attempt_says_nothing() -> None:
    doors = Doors(1)
    _, second = come(doors, 2)
    doors.answered(HOST, 10.0)
    doors.answered(OTHER, 30.0)
    doors.timed_out(HOST, 10.5)
    assert second.is_passed_over


def test_nothing_is_remembered_of_hosts_where_nobody_waits_or_is_inside() -> None:
    doors = Doors(1)
    _, second, third = come(doors, 3)
    doors.answered(HOST, 1.0)
    doors.answered(OTHER, 1.0)
    doors.forget(HOST, second)
    doors.leave(HOST)
    doors.leave(HOST)
    assert third.is_inside
    assert (doors._inside, doors._waiting, doors._answered) == ({}, {}, {})
