# make demo        a mail server to try, with two users; ONCE=1 ends by itself
# make test        everything that CI runs: format, lint, types, ladder, tests, recorded cases
#
# Both need only Python 3.11 or later (with venv), make, git and, the first time, a network for pip.

.PHONY: help demo test check vectors bench torture neighbours docs man clean

help:
	@sed -n 's/^# //p' Makefile

# A closed directory above this one (root only) is dealt with first: scripts/reachable says how.
demo:
	@scripts/reachable sh -c 'scripts/venv run && exec .venv/bin/python scripts/demo.py'

test:
	@scripts/reachable sh -c 'scripts/venv dev && exec scripts/check'

# make check       the same in this directory, with the installed environment
check:
	@scripts/venv dev && scripts/check

# make vectors     only the recorded cases of the original programs
vectors:
	@scripts/reachable sh -c 'scripts/venv dev && exec scripts/vectors'

# make torture     the long forms of tests: kills, power cuts (root; about an hour)
torture:
	@scripts/venv dev && .venv/bin/python -m pytest -q --long -m long
	@.venv/bin/python -m tests.torture.kill_loop --rounds 1000 && .venv/bin/python -m tests.torture.powercut

# make neighbours  tests with other people's programs, large ones too; docs/howto/neighbours.md names the packages
neighbours:
	@scripts/venv dev && .venv/bin/python -m pytest -q --long tests/system/test_neighbours_*.py

# make bench       throughput beside Postfix and qmail; see bench/README.md
bench:
	@scripts/venv run && bench/all.sh

# make man         the pages for man(1) into build/man, as setup puts them into HOME/man
man:
	@scripts/venv run && scripts/manpages build/man

# make clean       remove everything that the other targets made
clean:
	rm -rf .venv demo-home build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .tox
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache
