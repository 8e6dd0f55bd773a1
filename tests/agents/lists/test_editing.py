"""A list that is changed on a disk that fails: it goes on, and is changed when it is tried again."""

from __future__ import annotations

import errno
from pathlib import Path

from qmtwist.agents.lists.editing import edit, known
from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists import newlist
from qmtwist.store.lists.make import make
from tests.support.refusing_disk import each_failure

PROGRAMS = ("editor", "manager", "bouncer")


def test_whatever_call_fails_a_list_works_and_can_be_changed(tmp_path: Path) -> None:
    top = tmp_path / "list"
    plan = newlist.Plan(
        f"{top}".encode(), b"list", b"h.dom", b"/bin", b"s" * 32, dot=f"{tmp_path}/.qmail-list".encode()
    )
    changed = plan._replace(switches=b"di", is_public=False, is_moderated=True, secret=b"t" * 32)
    make(f"{top}", f"{tmp_path}/.qmail-list", newlist.directories(plan), newlist.files(plan), newlist.links(plan))
    key = (top / "key").read_bytes()
    failures = 0
    for disk, outcome in each_failure(lambda: edit(changed, True, False), errno.ENOSPC):
        failures += 1
        assert outcome is None or isinstance(outcome, Temporary | OSError), disk.failed
        for name in PROGRAMS:
            text = (top / name).read_bytes()
            assert text in (newlist.files(plan)[name], newlist.files(changed)[name]), disk.failed
        assert (top / "key").read_bytes() == key and (tmp_path / ".qmail-list").resolve() == top / "editor"
        edit(plan, True, False)
    assert failures > 30
    edit(changed, True, False)
    assert known(str(top)).letters == b"adim" and not (top / "public").exists()
    assert (tmp_path / ".qmail-list-digest-return-default").resolve() == top / "bouncer"
