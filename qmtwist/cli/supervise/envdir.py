"""envdir - set environment variables from the files of a directory

    envdir DIRECTORY PROGRAM [ARGUMENT...]

Each file NAME in DIRECTORY sets the variable NAME to the first line of the file, without blanks and tabs at its end; a
NUL in it becomes a newline. An empty file removes the variable; one that has nothing but a newline sets it to nothing.
Files whose names begin with a dot do not count. Then PROGRAM is run.

Exit status: that of PROGRAM; 111 for a wrong call, if DIRECTORY or a file in it cannot be read, or PROGRAM cannot be
run.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import become, fatal, say

NAME = b"envdir"


def main(arguments: list[bytes], home: str) -> int:
    """Read the files, then become the program."""
    if len(arguments) < 2:
        say(b"envdir: usage: envdir dir child")
        return 111
    directory, environ = arguments[0], dict(os.environb)
    step = b"unable to switch to directory " + directory
    try:
        names = os.listdir(directory)
        for name in names:
            if name[:1] != b".":
                step = b"unable to read " + directory + b"/" + name
                _set(environ, name, directory + b"/" + name)
    except OSError as error:
        return fatal(NAME, step, error)
    return become(NAME, arguments[1:], environ)


def _set(environ: dict[bytes, bytes], name: bytes, path: bytes) -> None:
    """:raises OSError: the file cannot be read."""
    with open(path, "rb") as stream:
        content = stream.read()
    environ.pop(name, None)
    if content and b"=" not in name:
        environ[name] = content.partition(b"\n")[0].rstrip(b" \t").replace(b"\0", b"\n")
