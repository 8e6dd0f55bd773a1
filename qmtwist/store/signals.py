"""The module `signal`, without its enumerations, which a short-lived program would pay a third of Python's start for.

The numbers are plain numbers where `signal` is not loaded already.
"""

from __future__ import annotations

import sys

from qmtwist.mail.shapes import TYPE_CHECKING

__all__ = ["signal"]

if TYPE_CHECKING or "signal" in sys.modules:
    import signal
else:
    import _signal as signal
