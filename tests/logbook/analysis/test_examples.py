"""The examples in the docstrings of the log's analysis."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from qmtwist.logbook import analysis

MODULES = [module.name for module in pkgutil.iter_modules(analysis.__path__, "qmtwist.logbook.analysis.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
