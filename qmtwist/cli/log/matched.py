"""What the programs share that read what matchup writes."""

from __future__ import annotations

from qmtwist.agents.log.lines import Lines
from qmtwist.cli.chain import fatal, say
from qmtwist.logbook.analysis.histories import History, Keep, read
from qmtwist.mail.shapes import Callable
from qmtwist.store.durable import write_all


def report(name: bytes, arguments: list[bytes]) -> int:
    """Print the report of this name over standard input; the exit status."""
    from qmtwist.logbook.analysis.reports import REPORTS, add_all

    if arguments:
        return wrong_call(name, b"")
    made = REPORTS[name]()
    try:
        for lines in Lines().all():
            add_all(made, [history for line in lines if (history := read(line)) is not None])
    except OSError as error:
        return fatal(name, b"unable to read input", error)
    return _write(name, made.text())


def select(name: bytes, arguments: list[bytes], word: bytes, choose: Callable[[bytes], Keep]) -> int:
    """Copy the lines of the histories that the only argument, a `word`, chooses; the exit status."""
    if len(arguments) != 1:
        return wrong_call(name, b" " + word)
    keep = choose(arguments[0])

    def chosen(line: bytes, history: History | None) -> bytes:
        return line + b"\n" if history is not None and keep(history) else b""

    return each(name, chosen)


def each(name: bytes, change: Callable[[bytes, History | None], bytes]) -> int:
    """Print what `change` makes of every line, and of the history in it if there is one; the exit status."""
    try:
        for lines in Lines().all():
            status = _write(name, b"".join([change(line, read(line)) for line in lines]))
            if status:
                return status
    except OSError as error:
        return fatal(name, b"unable to read input", error)
    return 0


def wrong_call(name: bytes, words: bytes) -> int:
    """Say how it is called; the exit status."""
    say(name + b": usage: " + name + words)
    return 100


def _write(name: bytes, text: bytes) -> int:
    try:
        write_all(1, text)
    except OSError as error:
        return fatal(name, b"unable to write output", error)
    return 0
