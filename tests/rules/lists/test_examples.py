"""The examples in the modules hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from qmtwist.rules import lists

NAMES = sorted(module.name for module in pkgutil.iter_modules(lists.__path__))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"qmtwist.rules.lists.{name}")).failed == 0
