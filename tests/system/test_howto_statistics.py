"""Every command of the page about statistics works, typed in order, on a log that our multilog keeps."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bench.analysis import made
from qmtwist.cli.control.launchers import write_launchers
from qmtwist.logbook import tai64
from tests.support.daemon import TOP, environment
from tests.support.typist import type_into

pytestmark = pytest.mark.system

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def keep_log(home: Path, directory: Path) -> None:
    """4,000 lines in files of multilog; with the stamps of their making, which is now."""
    bare = b"".join(line.partition(b" ")[2] for line in made(4000, together=5))
    assert tai64.split(bare) is None
    command = [home / "bin/multilog", "t", "s65536", "n20", directory]
    subprocess.run(command, input=bare, check=True, timeout=60)


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    text = Path(TOP, "docs/howto/statistics.md").read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    assert len(lines) >= 18 and all(line.startswith("$ ") for line in lines)
    home, log, www, work = (tmp_path / name for name in ("home", "log", "www", "work"))
    for directory in (home, www, work):
        directory.mkdir()
    write_launchers(str(home))
    keep_log(home, log)
    printed: dict[str, str] = {}
    with subprocess.Popen(
        ["/bin/bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=work, env={**environment(), "PATH": f"{home}/bin:/usr/bin:/bin"},
    ) as shell:  # fmt: skip
        for line in lines:
            typed = line[2:].replace("/var/log/qmail", str(log)).replace("/var/www/html", str(www))
            status, printed[line[2:]] = type_into(shell, typed)
            assert status == 0, f"{line}\n{printed[line[2:]]}"
        assert shell.stdin is not None
        shell.stdin.close()

    def of(start: str) -> str:
        return next(output for command, output in printed.items() if command.startswith(start))

    assert of("qmtwist stats /var").startswith("Deliveries from ") and "Senders with the most" in of(
        "qmtwist stats /var"
    )
    assert of("qmtwist stats --top").count("example\n") == 5 and int(of("grep -c '<svg ")) >= 5
    assert "'attempts': " in of("python3 ") and "Total delivery attempts: " in of("zoverall")
    assert of("xqp").startswith("d ") and of("xqp").splitlines()[-1].startswith("m ")
    assert of("qmtwist stats mail.log.1.gz").startswith("Deliveries from ")
    assert (work / "day-2").read_text(encoding="utf-8").startswith("Deliveries from ")
