"""Where a forwarding table sends a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.forwarding import Expansion, expand

TABLE = {
    b"?list@h.d": b"owner-list@h.d",
    b":list@h.d": b"&a@b.c\0&c@d.e\0",
    b":root@h.d": b"&joe@h.d\0&everybody@h.d\0",
    b":everybody@h.d": b"&Programmers@h.d\0&testers@h.d\0",
    b":programmers@h.d": b"&joe@yp.to\0&bob@yp.to\0",
    b":testers@h.d": b"&joe@yp.to\0&fred@yp.to\0",
    b":loop1@h.d": b"&loop2@h.d\0",
    b":loop2@h.d": b"&loop1@h.d\0",
    b":half@h.d": b"&half@h.d\0&ann@h.d\0",
    b":self@": b"&self@h.d\0",
    b":@wild.dom": b"&catch@all.dom\0",
    b":postmaster@": b"&admin@h.d\0",
    b"?owned@h.d": b"owner-owned@h.d",
    b":owned@h.d": b"&list@h.d\0&z@z.z\0",
    b":prog@h.d": b"|one\0&more@h.d\0!two\0",
    b":more@h.d": b"|three\0",
    b":ext@h.d": b"./list.bin\0",
    b":empty@h.d": b"./empty.bin\0",
    b":bad@h.d": b"joe\0",
}
LISTS = {b"./list.bin": [b"&m1@x.y", b"./list.bin", b"&m2@x.y"], b"./empty.bin": []}


def send(address: bytes, sender: bytes = b"s@x") -> Expansion:
    """The expansion of an address that is in the table."""
    found = expand(address, sender, TABLE.get, LISTS.__getitem__)
    assert found is not None
    return found


def test_addresses_come_in_the_order_of_the_table_and_once() -> None:
    assert send(b"Root@H.d").recipients == (b"joe@h.d", b"bob@yp.to", b"joe@yp.to", b"fred@yp.to")


def test_the_owner_is_the_sender_but_not_of_bounces() -> None:
    assert [send(b"list@h.d", sender).sender for sender in (b"s@x", b"", b"#@[]")] == [b"owner-list@h.d", b"", b"#@[]"]


def test_a_list_with_an_owner_of_its_own_is_left_to_itself() -> None:
    assert send(b"owned@h.d").recipients == (b"list@h.d", b"z@z.z")


def test_the_address_is_looked_up_then_its_host_then_its_local_part() -> None:
    assert send(b"postmaster@wild.dom").recipients == (b"catch@all.dom",)
    assert send(b"Postmaster@any.dom").recipients == (b"admin@h.d",)
    assert expand(b"nobody@h.d", b"", TABLE.get, LISTS.__getitem__) is None
    assert expand(b"nobody", b"", TABLE.get, LISTS.__getitem__) is None


def test_wildcards_do_not_count_for_what_an_alias_names() -> None:
    assert send(b"self@h.d").recipients == (b"self@h.d",)  # which comes back, and is then seen to loop


def test_a_loop_is_told_from_a_list_without_members() -> None:
    assert send(b"loop1@h.d").is_loop
    assert not send(b"empty@h.d").is_loop
    assert (send(b"half@h.d").recipients, send(b"half@h.d").is_loop) == ((b"ann@h.d",), False)


def test_programs_keep_their_order() -> None:
    assert send(b"prog@h.d").programs == (b"|one", b"!two", b"|three")


def test_lists_are_read_once() -> None:
    assert send(b"ext@h.d").recipients == (b"m1@x.y", b"m2@x.y")


def test_a_table_with_other_contents_is_malformed() -> None:
    with pytest.raises(Malformed):
        send(b"bad@h.d")


NAMES = [b"a@h", b"b@h", b"c@h", b"d@h", b"e@h"]


@given(st.dictionaries(st.sampled_from(NAMES[:4]), st.lists(st.sampled_from(NAMES), min_size=1), min_size=1))
def test_every_table_comes_to_an_end_and_nobody_is_lost(names: dict[bytes, list[bytes]]) -> None:
    """Whoever can be reached and is no alias gets the message once; if there is nobody it is a loop."""
    table = {b":" + name: b"".join(b"&%s\0" % target for target in targets) for name, targets in names.items()}
    for name in names:
        reached, waiting = set(), [name]
        while waiting:
            for target in names.get(waiting.pop(), []):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        found = expand(name, b"s@x", table.get, LISTS.__getitem__)
        assert found is not None
        assert sorted(found.recipients) == sorted(reached - set(names))
        assert found.is_loop == (not found.recipients)
