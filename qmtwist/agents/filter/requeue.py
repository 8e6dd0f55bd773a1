"""Send the message on descriptor 0 on to other recipients. (qmail forward, condredirect)"""

from __future__ import annotations

import os

from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Permanent, Temporary

_READ_BYTES = 65536


def requeue(home: str, delivered_to: bytes, envelope: Envelope) -> int:
    """Queue this Delivered-To line and the rest of descriptor 0 under a new envelope; the number behind `qp`.

    :raises Temporary: nothing is queued, but it may be later.
    :raises Permanent: nothing is queued, and never will be.
    """
    try:
        submission = Submission(home, os.environb)
    except OSError as error:
        raise _temporary("unable to fork", error) from error
    with submission:
        submission.write(delivered_to)
        try:
            while piece := os.read(0, _READ_BYTES):
                submission.write(piece)
        except OSError as error:
            raise _temporary("unable to read message", error) from error
        result = submission.finish(envelope)
    if result.text:
        kind = Permanent if result.text[:1] == b"D" else Temporary
        raise kind(os.fsdecode(result.text[1:]))
    return result.qp


def _temporary(what: str, error: OSError) -> Temporary:
    from qmtwist.mail.reasons import reason

    return Temporary(f"{what}: {reason(error).decode()}")
