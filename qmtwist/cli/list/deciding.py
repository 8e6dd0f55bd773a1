"""What ezmlm-moderate and ezmlm-confirm share: somebody's answer to a letter decides about a message that waits."""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.manage import action_of
from qmtwist.cli.chain import say
from qmtwist.mail.shapes import Callable
from qmtwist.rules.lists.heading import refuse_bounce
from qmtwist.rules.lists.moderation import Decision, parse

from .common import carry_out, enter, take, variable

Decide = Callable[[Decision, list[bytes], int], str]  # what is decided, further words, the time; what became of it


def decide_by_mail(
    name: bytes, usage: bytes, arguments: list[bytes], verbs: tuple[bytes, bytes], decide: Decide
) -> int:
    """Carry out what the address of a message says, if it is one of these verbs; the exit status."""

    def work() -> int:
        line = take(arguments, b"cCmMrR")
        sender, local = variable(b"SENDER"), variable(b"LOCAL")
        enter(line.words[0])
        decision = parse(action_of(os.curdir, local))
        if decision is None or decision.word not in verbs:
            return 0
        refuse_bounce(sender)
        say(name + b": info: " + decide(decision, line.words[1:], int(time.time())).encode())
        return 99

    return carry_out(name, usage, work)
