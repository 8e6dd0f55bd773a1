"""What is in HOME/boot: start scripts, one of which, copied to HOME/rc, starts the mail system (qmail's boot/); and
units of systemd and an init script, by which a machine does that itself.
"""

from __future__ import annotations

import os
import shlex
import sys
from urllib.parse import quote

from qmtwist.cli.registry import PROGRAMS
from qmtwist.mail.shapes import NamedTuple

DOT_FORWARD = "|dot-forward .forward\n"
UNITS = {"qmtwist.service": 0o644, "qmtwist-smtp.socket": 0o644, "qmtwist-pop3.socket": 0o644, "init": 0o755}
"""What the machine starts us by, and the modes of these files."""
SAMPLE_TWISTD, SAMPLE_HOME = "/opt/qmtwist/bin/twistd", "/var/qmail"
_SAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "units")


class Script(NamedTuple):
    """What a start script does with mail for which there is no .qmail file, and the programs of ours it needs."""

    purpose: str
    delivery: str
    needs: tuple[str, ...] = ()


def _mail(option: str) -> str:
    return f'|preline -f /bin/mail {option} "${{SENDER:-MAILER-DAEMON}}" -d "$USER"'


SCRIPTS: dict[str, Script] = {
    "home": Script("into ~/Mailbox", "./Mailbox"),
    "proc": Script("to procmail", "|preline procmail", ("preline",)),
    "binm1": Script(
        "to BSD's mail.local",
        '|preline -f /usr/libexec/mail.local -r "${SENDER:-MAILER-DAEMON}" -d "$USER"',
        ("preline",),
    ),
    "binm2": Script("to System V's /bin/mail", _mail("-r"), ("preline",)),
    "binm3": Script("to Version 7's /bin/mail", _mail("-f"), ("preline",)),
}

RC = """#!/bin/sh
# Starts the mail system: the log goes to standard output, and mail for which there is no .qmail file is delivered
# as control/defaultdelivery says.
exec env - PATH={path}:"$PATH" qmail-start "$(cat {file})"
"""

SERVER = """#!/bin/sh
# Starts the whole mail system in one process group, with the listeners of control/listensmtp and the others; the log
# goes to standard output, and mail for which there is no .qmail file is delivered as control/defaultdelivery says.
PATH={path}:"$PATH" exec {twistd} --nodaemon --pidfile= qmtwist --home {home}
"""

TEMPLATE = """#!/bin/sh
# Starts the mail system: the log goes to {log}, and mail for which there is no .qmail file goes
# {purpose}.
exec env - PATH={path}:"$PATH" qmail-start {delivery}{logger}
"""


def scripts(home: str) -> dict[str, str]:
    """Every start script that can work here, name to text; those whose programs we do not have are left out."""
    texts = {"rc": RC.format(path=shlex.quote(f"{home}/bin"), file=shlex.quote(f"{home}/control/defaultdelivery"))}
    twistd = f"{os.path.dirname(sys.executable)}/twistd"
    texts["server"] = SERVER.format(path=shlex.quote(f"{home}/bin"), twistd=shlex.quote(twistd), home=shlex.quote(home))
    for name, script in SCRIPTS.items():
        texts[name] = _text(home, script)
        forwarding = script._replace(
            purpose=f"to the addresses in ~/.forward, else {script.purpose}",
            delivery=DOT_FORWARD + script.delivery,
            needs=(*script.needs, "dot-forward"),
        )
        texts[f"{name}+df"] = _text(home, forwarding)
    return {name: text for name, text in texts.items() if text}


def units(home: str) -> dict[str, str]:
    """The units and the init script for this home and this Python, name to text.

    :raises OSError: the package is not complete.
    """
    texts = {}
    for name in UNITS:
        with open(f"{_SAMPLES}/{name}", encoding="ascii") as stream:
            texts[name] = "".join(_here(line, home) for line in stream)
    return texts


def _here(line: str, home: str) -> str:
    """A line of a sample with the paths of this home and this Python."""
    word = home
    if line.startswith("HOME_OF_MAIL="):
        word = shlex.quote(home)
    elif line.startswith(("ExecStart=", "RequiresMountsFor=")):
        word = unit_word(home)
    elif line.startswith("Documentation="):
        word = quote(home).replace("%", "%%")
    twistd = f"{os.path.dirname(sys.executable)}/twistd"
    return line.replace(SAMPLE_TWISTD, unit_word(twistd)).replace(SAMPLE_HOME, word)


def unit_word(path: str) -> str:
    """A path as a word in a unit: `%` is doubled, and what has a blank or a quote is quoted. (systemd.syntax(7))

    >>> unit_word("/var/qmail"), unit_word("/srv/my mail"), unit_word("/srv/50%")
    ('/var/qmail', '"/srv/my mail"', '/srv/50%%')
    """
    plain = path.replace("%", "%%")
    if any(letter in plain for letter in " \t'\"\\"):
        return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return plain


def _text(home: str, script: Script) -> str:
    if any(program not in PROGRAMS for program in script.needs):
        return ""
    has_logger = "splogger" in PROGRAMS
    return TEMPLATE.format(
        log="syslog" if has_logger else "standard output",
        purpose=script.purpose,
        path=shlex.quote(f"{home}/bin"),
        delivery=shlex.quote(script.delivery),
        logger=" splogger qmail" if has_logger else "",
    )
