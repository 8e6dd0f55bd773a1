"""qmtwist - set a mail server up, and look after it

    qmtwist setup [--home DIR] [--host NAME] [--admin ADDRESS]   make or complete a home
    qmtwist setup --null-client --hub HOST [--home DIR] ...      the same for a host that keeps no queue
    qmtwist setup --system [--replace-mta] [--dry-run] ...       the same, with accounts and links: the machine's mailer
    qmtwist setup --remove [--home DIR]                          take --system back
    qmtwist check [--home DIR]                                   is this home in order?
    qmtwist trace [--home DIR] ADDRESS...                        where would mail for it go?
    qmtwist passwd [--home DIR] [--stdin] USER                   set a mailbox password
    qmtwist tlskey [--home DIR]                                  this host's key for TLS, and its pin
    qmtwist stats [--format text|json|html] [LOG...]             what the log says about deliveries
    qmtwist archive [--title TEXT] LISTDIR OUTDIR                a mailing list's archive for the browser
    qmtwist control-reference                                    every control file, as Markdown
    qmtwist help [NAME]                                          a program's manual; without NAME, all of them

The home is DIR, else what QMTWIST_HOME says, else /var/qmail. `twistd -n qmtwist --home DIR` runs the server. Each
command explains itself with --help.

Exit status: that of the command; 100 for a command that does not exist.
"""

from __future__ import annotations

import importlib
import os
import sys

from .launch import find_home
from .registry import PROGRAMS

COMMANDS = {
    "setup": "control.setup",
    "check": "control.check",
    "trace": "control.trace",
    "passwd": "control.passwd",
    "tlskey": "control.tlskey",
    "stats": "log.stats",
    "archive": "list.website",
}


def main(arguments: list[bytes] | None = None, home: str | None = None) -> int:
    """Run one command: the console script without arguments, HOME/bin/qmtwist with them."""
    if arguments is None:
        arguments = [os.fsencode(word) for word in sys.argv[1:]]
    home = home or find_home(None)
    name = os.fsdecode(arguments[0]) if arguments else ""
    if name in COMMANDS:
        module = importlib.import_module("qmtwist.cli." + COMMANDS[name])
        status: int = module.main(arguments[1:], home)
        return status
    if name == "control-reference":
        from .control.documents import control_reference

        print(control_reference(), end="")
        return 0
    if name in ("help", "--help", "-h"):
        return _help([os.fsdecode(word) for word in arguments[1:]])
    print(f"qmtwist: there is no command {name!r}; see qmtwist --help" if name else __doc__, file=sys.stderr)
    return 100


def _help(names: list[str]) -> int:
    """The manual of a program or command; without a name our own, and what there is."""
    from .contents import listing, manual

    if not names:
        print(f"{(__doc__ or '').strip()}\n\n{listing()}")
        return 0
    place = COMMANDS.get(names[0]) or PROGRAMS.get(names[0])
    if place is None:
        print(f"qmtwist: there is no program {names[0]!r}; see qmtwist help", file=sys.stderr)
        return 100
    print(manual(place))
    return 0


if __name__ == "__main__":
    sys.exit(main())
