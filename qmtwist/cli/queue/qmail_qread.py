"""qmail-qread: list outgoing messages and recipients

    qmail-qread

Prints for each message in the queue when it came, its number, its size in bytes, its sender, and `bouncing` if some
recipient has failed; then a line for each recipient with its channel, `local` or `remote`, and `done` before those that
are finished. Bytes that are not printable ASCII appear as `_`. Messages that the running server keeps in its journal
are listed after those that rest in files. Needs the right to read the queue directory.

Exit status: 0; 111 when the queue directory cannot be read.
"""

from __future__ import annotations

import errno
import os

from qmtwist.agents.submit.injection import ask_queue
from qmtwist.store import durable
from qmtwist.store.queue.browse import paragraph
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.scan import scan_info


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as in qmail."""
    layout = Layout(".")
    try:
        os.chdir(home + "/queue")
        journalled = ask_queue(layout.socket)
        numbers = sorted(number for number, _ in scan_info(layout))
    except OSError as error:
        durable.write_all(2, f"fatal: unable to chdir: {_reason(error)}\n".encode())
        return 111
    for number in numbers:
        durable.write_all(1, _shown(layout, number))
    in_files = set(numbers)
    durable.write_all(1, b"".join([shown for number, shown in journalled.items() if number not in in_files]))
    return 0


def _shown(layout: Layout, number: int) -> bytes:
    try:
        return paragraph(layout, number) or b""
    except OSError as error:
        return f"warning: trouble with #{number}: {_reason(error)}\n".encode()


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "file does not exist"
    return os.strerror(error.errno or 0).lower()
