"""mail/reasons: the words of qmail for what the system says."""

from __future__ import annotations

import errno

import pytest

from qmtwist.mail.reasons import is_lasting, reason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOENT, b"file does not exist"),
        (errno.EACCES, b"access denied"),
        (errno.EPERM, b"permission denied"),
        (errno.EISDIR, b"is a directory"),
        (errno.ENOSPC, b"out of disk space"),
        (errno.EAGAIN, b"temporary failure"),
    ],
)
def test_an_error_is_told_in_qmails_words(code: int, words: bytes) -> None:
    assert reason(OSError(code, "")) == words


def test_an_error_nobody_knows_has_words_too() -> None:
    assert reason(OSError()) == reason(OSError(123456, "")) == b"unknown error"


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP])
def test_what_is_said_about_a_name_lasts(code: int) -> None:
    assert is_lasting(OSError(code, ""))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ESTALE, errno.ENOSPC, 123456])
def test_all_else_may_pass(code: int) -> None:
    assert not is_lasting(OSError(code, ""))
