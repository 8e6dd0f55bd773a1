"""The way into every small program: find the home, import one module, run it, leave quickly.

The launchers in HOME/bin call `run` under `python -I -S`: no site packages are scanned, and neither the caller's
environment nor the directory it is in changes what Python imports. The set-uid qmail-queue relies on that; it also
gets an empty environment (see `control.elf`). `NAME --help` prints the program's manual, the docstring of its module.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys

from qmtwist.mail.shapes import TYPE_CHECKING, Callable, NoReturn

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    Module = tuple[str, int, int, bool, CodeType]

DEFAULT_HOME = "/var/qmail"
BUNDLE_LIMIT_BYTES = 4 << 20
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/"


def find_home(own: str | None) -> str:
    """QMTWIST_HOME, else the home the launcher belongs to, else /var/qmail.

    A set-uid program does not believe its caller's environment.
    """
    is_setuid = os.geteuid() != os.getuid() or os.getegid() != os.getgid()
    asked = None if is_setuid else os.environ.get("QMTWIST_HOME")
    return asked or own or DEFAULT_HOME


def load(name: str, place: str) -> ModuleType:
    """The module of a program: where the launcher says that it is, or where the registry does."""
    if place:
        _use_bundle(place)
        try:
            __import__("qmtwist.cli." + place)  # importlib itself would bring another two modules
            return sys.modules["qmtwist.cli." + place]
        except ModuleNotFoundError:  # it was moved after the launcher was made
            pass
    from .registry import PROGRAMS

    __import__("qmtwist.cli." + PROGRAMS[name])
    return sys.modules["qmtwist.cli." + PROGRAMS[name]]


def bundle_path(place: str) -> str:
    """Where the modules of a program lie together (see cli/control/bundles), for the Python that runs now."""
    return f"{PACKAGE}cli/__pycache__/{place}.{sys.implementation.cache_tag}.bundle"


def _use_bundle(place: str) -> None:
    """Take a program's modules from its bundle, which is a third faster; unless one has changed since it was made."""
    try:
        descriptor = os.open(bundle_path(place), os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(descriptor, BUNDLE_LIMIT_BYTES)
        finally:
            os.close(descriptor)
        modules = bundled_modules(data)
    except (OSError, ValueError, EOFError, TypeError, AttributeError):
        return
    sys.meta_path.insert(0, Bundle(modules))


def bundled_modules(data: bytes) -> dict[str, Module]:
    """What is in a bundle: name of each module to the path of its source below the package, its time and size, whether
    it is a package itself, and its code.

    :raises ValueError: it is not of this version of Python, or of other sources than are there now.
    :raises OSError: a source is not there. Whatever is no bundle raises these or EOFError, TypeError, AttributeError.
    """
    version, modules = marshal.loads(data)
    if version != sys.version:
        raise ValueError(version)
    for path, when, size, _, _ in modules.values():
        status = os.stat(PACKAGE + path)
        if (status.st_mtime_ns, status.st_size) != (when, size):
            raise ValueError(path)
    found: dict[str, Module] = modules
    return found


class Bundle:
    """Finds and loads the modules of a bundle. Made by `run`; everything else is imported as ever."""

    def __init__(self, modules: dict[str, Module]) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Where a module comes from, if it is ours to give."""
        if name not in self._modules:
            return None
        below, _, _, is_package, _ = self._modules[name]
        source = PACKAGE + below
        spec: ModuleSpec = type(__spec__)(name, self, origin=source, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """An ordinary one."""

    def exec_module(self, module: ModuleType) -> None:
        """Run its code."""
        exec(self._modules[module.__name__][4], module.__dict__)


def _call(name: str, place: str, arguments: list[bytes], home: str) -> int:
    """The program itself, or its manual if that is all that was asked for."""
    module = load(name, place)
    if arguments == [b"--help"]:
        print((module.__doc__ or name).strip())
        return 0
    status: int = module.main(arguments, home)
    return status


def run(name: str, own_home: str | None, place: str = "") -> NoReturn:
    """Run a registered program and end the process with its exit status. `place`: its module, if that is known."""
    gc.set_threshold(20_000)  # what imports make stays; looking through it would take a tenth of a millisecond
    leave(lambda: _call(name, place, [os.fsencode(word) for word in sys.argv[1:]], find_home(own_home)))


def leave(work: Callable[[], int]) -> NoReturn:
    """End the process with what `work` returns, or with what the way it ends stands for."""
    status = 111
    try:
        status = work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 111
    except KeyboardInterrupt:
        status = 130
    except BaseException:  # a bug: say so on stderr, and let the caller treat it as temporary
        import traceback

        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # its descriptor was closed when we were started
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 111
    os._exit(status)
