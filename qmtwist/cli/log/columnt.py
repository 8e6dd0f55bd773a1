"""columnt - put words into columns

    columnt

Reads lines of words and prints them as a table: each column as wide as its widest word, which stands at its right, with
two blanks between columns. The words of the last column follow as they are. Nothing is printed before the end of the
input is read.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: zoverall, matchup
"""

from __future__ import annotations

from qmtwist.agents.log.lines import Lines
from qmtwist.cli.chain import fatal
from qmtwist.logbook.analysis.figures import columns
from qmtwist.store.durable import write_all

from .matched import wrong_call

NAME = b"columnt"


def main(arguments: list[bytes], home: str) -> int:
    """Print standard input as a table."""
    if arguments:
        return wrong_call(NAME, b"")
    step = b"unable to read input"
    try:
        rows = [line.split() for lines in Lines().all() for line in lines]
        step = b"unable to write output"
        write_all(1, columns(rows))
    except OSError as error:
        return fatal(NAME, step, error)
    return 0
