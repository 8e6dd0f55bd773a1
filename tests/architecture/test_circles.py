"""No modules import each other in a loop, not even for their types."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules() -> dict[str, Path]:
    found = {}
    for path in (ROOT / "qmtwist").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> set[str]:
    """The modules of ours that a module imports anywhere in its text."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = {f"{base}.{alias.name}" for alias in node.names} & known
            found |= names or {base}
    return (found & known) - {name, "qmtwist"}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one loop, or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_modules_import_no_one_who_imports_them() -> None:
    known = modules()
    graph = {name: imports(name, path, set(known)) for name, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph)
    assert circle(graph) == []


@pytest.mark.parametrize("rung", ["agents", "services"])
def test_the_rooms_of_a_rung_import_no_one_who_imports_them(rung: str) -> None:
    """What lies in the rung itself counts as a room of one module."""
    everything = set(modules())
    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        if name.startswith(f"qmtwist.{rung}."):
            wanted = imports(name, path, everything)
            rooms = {other.split(".")[2] for other in wanted if other.startswith(f"qmtwist.{rung}.")}
            graph.setdefault(name.split(".")[2], set()).update(rooms - {name.split(".")[2]})
    assert len(graph) > 10
    assert circle(graph) == []


@pytest.mark.parametrize("text", ["from . import b", "from .b import x", "from qmtwist.b import x", "import qmtwist.b"])
def test_an_import_is_seen_however_it_is_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(f"if TYPE_CHECKING:\n    {text}\n")
    assert imports("qmtwist.a", tmp_path / "a.py", {"qmtwist.a", "qmtwist.b"}) == {"qmtwist.b"}
