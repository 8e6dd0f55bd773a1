from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook import tai64

INSTANTS = st.integers(-(10**9) * 10**9, 10**10 * 10**9)
LINES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        INSTANTS.map(lambda now: tai64.stamp(now) + b" text"),
        st.sampled_from([b"@", b"@4", b"@zz", b"@400000003c675d40", b"@400000003C675d4000fb2ebc", b""]),
    ),
    max_size=6,
)


def words(seconds: int, nanoseconds: int) -> bytes | None:
    return None if seconds < 0 else b"<%d:%d>" % (seconds, nanoseconds)


def translated(pieces: list[bytes]) -> bytes:
    lines = tai64.Translation(words)
    return b"".join(lines.receive(piece) for piece in pieces) + lines.end()


@given(INSTANTS)
def test_packed_and_printed_instants_are_read_back(now_ns: int) -> None:
    assert tai64.unpack(tai64.pack(now_ns)) == now_ns
    found = tai64.split(tai64.stamp(now_ns))
    assert found == (*divmod(now_ns, tai64.SECOND_NS), b"")
    assert tai64.stamp(now_ns)[1:] == tai64.pack(now_ns).hex().encode()


@given(LINES, st.data())
def test_where_a_log_is_cut_never_matters(lines: list[bytes], data: st.DataObject) -> None:
    text = b"\n".join(lines)
    cut = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[start:end] for start, end in zip([0, *cut], [*cut, len(text)], strict=True)]
    assert translated(pieces) == translated([text])


def test_only_stamps_at_the_beginning_of_a_line_are_translated() -> None:
    stamp = b"@400000003c675d4000fb2ebc"
    assert translated([b"x %s y\n%s z\n" % (stamp, stamp)]) == b"x %s y\n<1013407030:16461500> z\n" % stamp


def test_what_is_no_instant_stays_as_it_is() -> None:
    for line in (b"@", b"@\n@zz x", b"@400000003C675d4000fb2ebc x", b"@00 x"):
        assert translated([line]) == line


def test_of_more_than_24_digits_the_last_ones_count() -> None:
    assert translated([b"@abc400000003c675d4000fb2ebc"]) == b"<1013407030:16461500>"


def test_a_stamp_without_end_is_not_kept_for_ever() -> None:
    lines = tai64.Translation(words)
    passed = b"".join(lines.receive(piece) for piece in [b"@" + b"0" * 4000, b"0" * 4000])
    assert len(passed) > 4000


def test_every_line_gets_its_prefix_at_its_first_byte() -> None:
    numbers = iter(range(9))
    lines = tai64.Prefixing()
    out = [lines.receive(piece, lambda: b"%d " % next(numbers)) for piece in (b"a", b"b\n", b"\nla", b"st")]
    assert out == [b"0 a", b"b\n", b"1 \n2 la", b"st"]


def test_a_fraction_has_nine_digits() -> None:
    assert tai64.fraction(5, 7) == b"5.000000007"
    assert tai64.fraction(-1, 0) is None
