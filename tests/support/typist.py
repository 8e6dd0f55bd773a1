"""Commands typed into one shell, as a reader of the documentation types them."""

from __future__ import annotations

import subprocess


def type_into(shell: subprocess.Popen[str], command: str) -> tuple[int, str]:
    """The exit status of a command and what it printed; the shell's standard input and output are pipes."""
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(f'{{ {command}\n}} </dev/null\necho "@@@ $?"\n')
    shell.stdin.flush()
    lines: list[str] = []
    for line in shell.stdout:
        if line.startswith("@@@ "):
            return int(line.split()[1]), "".join(lines)
        lines.append(line)
    raise AssertionError(f"the shell ended at: {command}\n{''.join(lines)}")
