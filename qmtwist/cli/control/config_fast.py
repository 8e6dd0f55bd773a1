"""config-fast - write the control files from the name of this host

    config-fast full.host.name

Puts the name into control/me and what follows from it into control/defaultdomain and control/plusdomain, whatever they
had; adds it to control/locals and control/rcpthosts. DNS is not asked (see config). The name is written in small
letters.

`qmtwist setup --host NAME` writes the same files where there are none, and makes the rest of the home.

Exit status: 0; 100 for a wrong command line or what is no host name; 111 if a file cannot be written.
"""

from __future__ import annotations

import os
import sys

from . import hostname
from .controlfiles import Report


def main(arguments: list[bytes], home: str) -> int:
    """Write the five files, and say so."""
    if len(arguments) != 1:
        sys.stderr.write("config-fast: usage: config-fast full.host.name\n")
        return 100
    name = os.fsdecode(arguments[0]).rstrip(".").lower()
    if not hostname.is_host_name(name):
        sys.stderr.write(f"config-fast: fatal: {name!r} is no host name\n")
        return 100
    report = Report(home)
    try:
        print(f'Your fully qualified host name is "{name}".')
        report.put_names(name)
        for control in ("locals", "rcpthosts"):
            report.put(control, name, adding=True)
    except OSError as trouble:
        sys.stderr.write(f"config-fast: fatal: unable to write {trouble.filename}: {trouble.strerror}\n")
        return 111
    report.remind()
    return 0
