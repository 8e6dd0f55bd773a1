"""How a list's programs hand a message to the queue, and what they say when it is not taken."""

from __future__ import annotations

import os

from qmtwist.agents.submit.submission import Submission, SubmitResult
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.mail.reasons import reason


def begin(home: str) -> Submission:
    """:raises Temporary: the queue cannot be reached."""
    try:
        return Submission(home, os.environb)
    except OSError as error:
        raise Temporary(f"unable to run qmail-queue: {reason(error).decode()}") from error


def accepted(result: SubmitResult) -> int:
    """The number behind `qp`.

    :raises Permanent: the message is refused for good.
    :raises Temporary: it is not queued now.
    """
    if not result.text:
        return result.qp
    text = os.fsdecode(result.text[1:])
    if result.text[:1] == b"D":
        raise Permanent(f"permanent qmail-queue error: {text}")
    raise Temporary(f"temporary qmail-queue error: {text}")
