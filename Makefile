# `make demo` and `make test` need make, Python 3.11 or newer and a package index, and ask for nothing.
# Each makes the virtual environment it needs, once. PYTHON=... chooses the interpreter.

.DEFAULT_GOAL := help
.NOTPARALLEL:  # two installs of one tree would write the same files
.PHONY: help demo test proofs faults fuzz bench docs testnet lint coverage wheel test-all clean

DEV  := .venv/bin/python -m
DEMO := .venv-demo/bin/python -m
ALL  := 3.11 3.12 3.13
INSTALL = $(@D)/bin/python -m pip install -qq

# Where to look for an interpreter; shims on the PATH may fail, so each is tried before it is believed.
PYENV  := "$$HOME"/.pyenv/versions
PYTHONS = $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 $(PYENV)/3.1[1-9].*/bin/python)

# Drop the stamp of an environment whose interpreter is gone or whose tree was moved: it is made anew.
$(shell for stamp in .venv*/stamp; do \
	[ -f "$$stamp" ] || continue; \
	[ "$$(cat "$$stamp")" = "$$(pwd -P)" ] && "$${stamp%/stamp}/bin/python" -c '' 2>/dev/null || rm -f "$$stamp"; \
done)

# $(call find-python,CANDIDATES): sets `python` to the first that runs, is new enough and can make an environment.
find-python = python=; for candidate in $(1); do \
	"$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& { python=$$candidate; break; }; \
	done

# $(environment): makes the environment that holds the stamp $@; one that is only out of date is kept.
# The stamp goes first and comes back last, so a broken-off install is begun again.
define environment
@if [ -f $@ ]; then rm -f $@; else \
	$(call find-python,$(PYTHONS)); \
	[ -n "$$python" ] || { echo 'No Python >= 3.11 with the venv module here; name one: make PYTHON=/path/to/python' >&2; exit 1; }; \
	echo "Making $(@D) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(@D); \
fi
endef

help:
	@echo 'make demo      see a client live through dropped connections, against a simulated exchange'
	@echo 'make test      lint, types, contracts, then the tests under coverage'
	@echo 'make test-all  the tests on each of Python $(ALL) found here'
	@echo 'make testnet   check what is believed of Deribit against its real test exchange (docs/testnet.md)'
	@echo 'make proofs    show at full size that nothing is lost, by the ledger of a simulated exchange (ARGS=--quick: a little of it)'
	@echo 'make faults    play 48 faults against the client, and say which it survived (ARGS="9 27 --seeds 3": some of it)'
	@echo 'make fuzz      feed a million bad inputs to all that reads bytes (ARGS="--inputs 10000": fewer)'
	@echo 'make bench     compare with loops written by hand and with other clients; writes docs/performance.md'
	@echo 'make docs      build the documentation into site/'
	@echo 'make lint | coverage (html) | wheel | clean'

demo: .venv-demo/stamp
	@$(DEMO) deribit_ws demo

test: lint
	$(DEV) coverage erase
	$(DEV) coverage run -m pytest
	@$(DEV) coverage combine -q
	$(DEV) coverage report

testnet: .venv/stamp
	$(DEV) tools.testnet $(CHECKS) $(ARGS)

proofs: .venv/stamp
	$(DEV) tools.proofs $(ARGS)

faults: .venv/stamp
	$(DEV) tests.faults $(ARGS)

fuzz: .venv-fuzz/stamp
	.venv-fuzz/bin/python -m tests.bytes $(ARGS)

bench: .venv-bench/stamp
	.venv-bench/bin/python -m benchmarks $(ARGS)

docs: .venv-docs/stamp
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict $(ARGS)

lint: .venv/stamp
	$(DEV) ruff check
	$(DEV) ruff format --check
	$(DEV) mypy
	.venv/bin/lint-imports --no-logo

coverage: .venv/stamp
	$(DEV) coverage erase
	$(DEV) coverage run -m pytest
	@$(DEV) coverage combine -q
	$(DEV) coverage html
	$(DEV) coverage report

wheel: .venv/stamp
	$(DEV) build

test-all:
	@failed=; for version in $(ALL); do \
		$(call find-python,python$$version $(PYENV)/$$version.*/bin/python); \
		if [ -z "$$python" ]; then echo "Python $$version: not found here, skipped"; continue; fi; \
		echo "Python $$version:"; \
		$(MAKE) --no-print-directory ".venv-$$version/stamp" PYTHON="$$python" \
			&& ".venv-$$version/bin/python" -m pytest || failed="$$failed $$version"; \
	done; \
	[ -z "$$failed" ] || { echo "The tests failed on Python$$failed" >&2; exit 1; }

clean:
	rm -rf .venv* build dist site *.egg-info htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv-demo/stamp: setup.cfg pyproject.toml
	$(environment)
	@$(INSTALL) -e '.[cli]'
	@pwd -P > $@

.venv/stamp: setup.cfg pyproject.toml
	$(environment)
	@$(INSTALL) 'pip>=25.1'  # the first that knows --group
	@$(INSTALL) --group dev -e '.[cli,metrics,parquet]'
	@pwd -P > $@

.venv-fuzz/stamp: setup.cfg pyproject.toml
	$(environment)
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --group fuzz -e .
	@pwd -P > $@

.venv-bench/stamp: setup.cfg pyproject.toml
	$(environment)
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --group bench -e .
	@pwd -P > $@

.venv-docs/stamp: setup.cfg pyproject.toml
	$(environment)
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --group docs -e .
	@pwd -P > $@

.venv-3.%/stamp: setup.cfg pyproject.toml
	$(environment)
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --group test -e '.[cli,metrics,parquet]'
	@pwd -P > $@
