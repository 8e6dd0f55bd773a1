"""The queue changes hands, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.owners import hand_over
from tests.support.queues import make_queue, put

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away"),
]
QMAILS, QMAILQ, OTHER = 71007, 71006, 71000
PARTS = [f"{name}/{part}" for name in ("info", "local", "remote") for part in range(23)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """As qmail leaves it: its part is qmails', the rest qmailq's."""
    layout = make_queue(str(tmp_path / "queue"))
    for directory, names, entries in os.walk(layout.queue):
        for name in (*names, *entries):
            path = os.path.join(directory, name)
            top = os.path.relpath(path, layout.queue).split("/")[0]
            os.chown(path, QMAILS if top in ("info", "local", "remote", "bounce") else QMAILQ, 2108)
    for path in (layout.info(30), layout.channel("local", 30), layout.bounce(30), layout.sendmutex):
        put(path, b"data")
        os.chown(path, QMAILS, 2108)
    os.chown(layout.trigger, QMAILS, 2108)
    return layout


def owner(path: str) -> int:
    return os.lstat(path).st_uid


def test_what_qmails_owns_becomes_qmailqs_and_comes_back(layout: Layout) -> None:
    everything = 4 + len(PARTS) + 3 + 2
    assert hand_over(layout.queue, QMAILS, QMAILQ) == everything
    for path in (layout.info(30), layout.channel("local", 30), layout.bounce(30), layout.trigger, layout.sendmutex):
        assert owner(path) == QMAILQ
    assert {owner(f"{layout.queue}/{part}") for part in (*PARTS, "info", "bounce")} == {QMAILQ}
    assert os.stat(layout.info(30)).st_gid == 2108
    assert hand_over(layout.queue, QMAILS, QMAILQ) == 0
    assert hand_over(layout.queue, QMAILQ, QMAILS) == everything


def test_files_of_others_stay_theirs(layout: Layout) -> None:
    os.chown(layout.info(30), OTHER, 2108)
    put(layout.mess(30), b"message")
    os.chown(layout.mess(30), QMAILS, 2108)
    hand_over(layout.queue, QMAILS, QMAILQ)
    assert owner(layout.info(30)) == OTHER
    assert owner(layout.mess(30)) == QMAILS


def test_links_are_not_followed_and_files_with_two_names_are_not_given(layout: Layout, tmp_path: Path) -> None:
    """Whoever may write there must not get another's file by it."""
    secret, hard = tmp_path / "secret", tmp_path / "hard"
    for path in (secret, hard):
        path.write_bytes(b"")
        os.chown(path, QMAILS, 2108)
    os.symlink(secret, layout.info(53))
    os.lchown(layout.info(53), QMAILS, 2108)
    os.link(hard, layout.info(76))
    hand_over(layout.queue, QMAILS, QMAILQ)
    assert owner(str(secret)) == owner(str(hard)) == QMAILS


def test_a_directory_that_became_a_link_is_refused(layout: Layout, tmp_path: Path) -> None:
    os.rmdir(f"{layout.queue}/info/3")
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", f"{layout.queue}/info/3")
    with pytest.raises(OSError, match="info/3"):
        hand_over(layout.queue, QMAILS, QMAILQ)


def test_missing_locks_are_no_error(layout: Layout) -> None:
    os.unlink(layout.trigger)
    os.unlink(layout.sendmutex)
    assert hand_over(layout.queue, QMAILS, QMAILQ) > 0
