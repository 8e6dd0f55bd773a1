"""Every command of the page about mailboxes works, typed in order by a user with an mbox."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.daemon import TOP, environment
from tests.support.typist import type_into

pytestmark = pytest.mark.system

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
MBOX = (
    b"From a@b Sun Sep  9 01:46:40 2001\nSubject: 1\n\none\n\nFrom a@b Sun Sep  9 01:46:41 2001\nStatus: RO\n\ntwo\n\n"
)


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    text = Path(TOP, "docs/howto/mailboxes.md").read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    assert len(lines) >= 10 and all(line.startswith("$ ") for line in lines)
    home, joe = tmp_path / "post", tmp_path / "joe"
    home.mkdir()
    joe.mkdir()
    write_launchers(str(home))
    (joe / "Mailbox").write_bytes(MBOX)
    printed = ""
    with subprocess.Popen(
        ["/bin/bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=joe, env={**environment(), "HOME": str(joe), "PATH": f"{home}/bin:/usr/bin:/bin"},
    ) as shell:  # fmt: skip
        for line in lines:
            status, output = type_into(shell, line[2:])
            assert status == 0, f"{line}\n{output}"
            printed += output
        assert shell.stdin is not None
        shell.stdin.close()
    assert printed.startswith(f"{joe}/Maildir/.Lists.qmail/new\n2 messages\n2 messages\n2\n"), printed
    assert (joe / "Mailbox").read_bytes().count(b"\nSubject: 1\n") == 1
    assert (joe / ".qmail").read_text(encoding="ascii") == "./Maildir/\n"
    found = sorted(path.read_bytes() for path in (joe / "Maildir" / "new").iterdir())
    assert found == [b"Subject: another\n", b"Subject: note\n"]
    assert len(os.listdir(joe / "Maildir" / ".Lists.qmail" / "cur")) == 1
    assert not (joe / "Mailbox.tmp").exists()
