"""wire/reverse.py: where DNS keeps the names of addresses."""

from __future__ import annotations

import dns.reversename
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.dns import Kind
from qmtwist.wire.reverse import pointer_question


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2000::/3"))
def test_the_name_is_the_one_that_others_ask_for(address: object) -> None:
    question = pointer_question(str(address))
    assert question.kind == Kind.PTR
    assert question.name.decode() == dns.reversename.from_address(str(address)).to_text(omit_final_dot=True)
