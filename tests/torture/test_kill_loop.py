"""The short form of the kill loop; `python -m tests.torture.kill_loop` is the long one."""

from __future__ import annotations

import pytest

from tests.torture.kill_loop import torture
from tests.torture.ledger import identities, message

ROUNDS = 12


@pytest.mark.slow
@pytest.mark.system
def test_no_acknowledged_message_is_lost_by_kill_9(open_directory: str) -> None:
    finding = torture(open_directory, ROUNDS, seed=1)
    print(finding)
    assert finding.missing == []
    assert finding.acknowledged > ROUNDS  # else nothing was tested
    assert sum(finding.kills.values()) == ROUNDS
    assert finding.orphans == 0


def test_the_ledger_notices_a_message_that_was_cut_short() -> None:
    whole = message("a.1.1", 500)
    assert identities([whole, whole]) == {"a.1.1": 2}
    with pytest.raises(AssertionError, match="cut short"):
        identities([whole[:-4]])
