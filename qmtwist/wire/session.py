"""What the server sessions share: why a session has no event to give.

A session core has these verbs: `receive` takes bytes, `next_event` gives a frozen event or a `Pause`, one or more
answering verbs take the caller's decision, `take_output` gives what is to be written, `eof` says that the peer ended.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Enum


class Pause(Enum):
    """There is no event now."""

    NEED_DATA = "more bytes start another run"
    NEED_ANSWER = "the caller has not decided yet; commands that are already here wait"


# plain names: a core returns them once for every read
NEED_DATA = Pause.NEED_DATA
NEED_ANSWER = Pause.NEED_ANSWER
