"""wire/dnscache.py: what is kept, for how long, and what is forgotten first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.dns import Answer, Question, Status
from qmtwist.wire.dnscache import FOUND_LIMIT_S, NEGATIVE_LIMIT_S, Cache, weight

QUESTIONS = [Question(b"%c.example" % letter, "A") for letter in b"abcdefgh"]
A, B, C = QUESTIONS[:3]


def found(ttl_s: int, records: int = 1) -> Answer:
    return Answer(Status.FOUND, tuple(f"192.0.2.{number}" for number in range(records)), ttl_s)


def test_an_answer_is_kept_for_its_ttl_and_no_longer() -> None:
    cache = Cache()
    cache.put(A, found(10), 100)
    assert cache.get(A, 104) == found(6)
    assert cache.get(A, 109.5) == found(0)
    assert cache.get(A, 110) is None
    assert len(cache) == 0


def test_an_answer_with_ttl_0_is_for_its_asker_alone() -> None:
    cache = Cache()
    cache.put(A, found(0), 100)
    assert cache.get(A, 100) is None


def test_kinds_of_one_name_are_kept_apart() -> None:
    cache = Cache()
    cache.put(A, found(10), 0)
    assert cache.get(Question(A.name, "MX"), 0) is None


def test_a_long_ttl_is_cut_and_that_of_a_missing_name_shorter() -> None:
    cache = Cache()
    cache.put(A, found(10**6), 0)
    cache.put(B, Answer(Status.ABSENT, ttl_s=10**6), 0)
    cache.put(C, Answer(Status.EMPTY, ttl_s=10**6), 0)
    assert cache.get(A, FOUND_LIMIT_S - 1) is not None
    assert cache.get(A, FOUND_LIMIT_S) is None
    assert cache.get(B, NEGATIVE_LIMIT_S - 1) is not None
    assert cache.get(B, NEGATIVE_LIMIT_S) is None
    assert cache.get(C, NEGATIVE_LIMIT_S) is None


def test_the_least_used_is_forgotten_first() -> None:
    cache = Cache(2)
    cache.put(A, found(10), 0)
    cache.put(B, found(10), 0)
    cache.get(A, 1)
    cache.put(C, found(10), 1)
    assert [cache.get(question, 1) is None for question in (A, B, C)] == [False, True, False]


def test_a_large_answer_takes_the_place_of_many_small_ones() -> None:
    cache = Cache(4)
    for question in QUESTIONS[:4]:
        cache.put(question, found(10), 0)
    cache.put(QUESTIONS[4], found(10, records=3), 0)
    assert len(cache) == 2
    cache.put(QUESTIONS[5], found(10, records=5), 0)  # larger than the cache: nothing is forgotten for it
    assert len(cache) == 2


def test_a_newer_answer_replaces_the_older_one() -> None:
    cache = Cache()
    cache.put(A, found(10, records=3), 0)
    cache.put(A, Answer(Status.ABSENT, ttl_s=5), 1)
    assert cache.get(A, 1) == Answer(Status.ABSENT, ttl_s=5)
    assert cache.weight == 1
    cache.clear()
    assert (cache.get(A, 1), cache.weight) == (None, 0)


ANSWERS = st.builds(
    Answer,
    st.sampled_from(list(Status)),
    st.lists(st.just("192.0.2.1"), max_size=6).map(tuple),
    st.integers(0, 2 * FOUND_LIMIT_S),
)
STEPS = st.tuples(st.sampled_from(QUESTIONS), st.none() | ANSWERS, st.floats(0, 2000))


@given(st.lists(STEPS, max_size=60), st.integers(1, 8))
def test_whatever_happens_the_cache_is_bounded_and_tells_no_old_news(
    steps: list[tuple[Question, Answer | None, float]], capacity: int
) -> None:
    cache, now = Cache(capacity), 0.0
    truth: dict[Question, tuple[Answer, float]] = {}
    for question, answer, pause_s in steps:
        now += pause_s
        if answer is not None:
            cache.put(question, answer, now)
            truth[question] = answer, now
        elif (kept := cache.get(question, now)) is not None:
            newest, at = truth[question]
            assert kept[:2] == newest[:2]
            assert 0 <= kept.ttl_s <= newest.ttl_s
            assert now < at + newest.ttl_s
        assert cache.weight <= capacity
        assert cache.weight == sum(weight(answer) for answer, _ in cache._entries.values())
