# Needs GNU make and Python 3.11 or newer, nothing else: each target installs what it runs into $(VENV).

PYTHON = python3
VENV = .venv
EXTRAS =
ARGS =

python = $(VENV)/bin/python
# Two makes in one folder take turns to install, where there is a flock.
alone = $(if $(shell command -v flock),flock $(VENV).lock)
with = $(addprefix $(VENV)/with-,$(1) $(EXTRAS)) installed

.PHONY: installed help demos notebooks test oldest prove rooms trust mutants planted lint bench clean
.NOTPARALLEL:

help:  ## print this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/; s/^/make /' | expand -t 16
	@echo 'ARGS="..." is passed on to the command, EXTRAS="torch cuda12 cuda13" names further extras to install first.'

demos: $(call with,demos)  ## run every experiment of the lesson and write figures and a report (ARGS=--quick for a look)
	$(python) -m demos $(ARGS)

notebooks: $(call with,demos notebooks)  ## run the demos as notebooks and write them to out/notebooks (ARGS="s1 --quick" for one)
	$(python) -m demos.notebooks $(ARGS)

# All tests print what they cover; only with PyTorch among them must that be nearly all.
test: $(call with,test demos)  ## run every test (EXTRAS=torch compares with PyTorch too)
	$(python) -m pytest -n auto $(or $(ARGS),--cov $(if $(filter torch,$(EXTRAS)),--cov-fail-under=99))

oldest:  ## run every test on the oldest versions that setup.cfg admits, in an environment of its own
	@sed -nE 's/^ +([a-z0-9-]+)>=([0-9.]+)$$/\1==\2/p' setup.cfg >$(VENV)-oldest.txt
	PIP_CONSTRAINT=$(VENV)-oldest.txt $(MAKE) test VENV=$(VENV)-oldest

prove: $(call with,prove)  ## prove the derivative of every rule, and write tests/PROOFS.md (seconds)
	$(python) -m minigrad.prove $(ARGS)

rooms: $(call with,test demos)  ## run the laws without minigrad/fast and minigrad/inspect, which can be removed
	$(python) tests/rooms.py $(ARGS)

trust: $(call with,test demos)  ## try to break it: kills, bad files, interrupts, 200,000 random programs (an hour)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TRUST=long $(python) -m pytest tests/trust $(ARGS)

mutants: $(call with,test)  ## make small errors in the rules, and see which no test notices (a quarter of an hour; resumes where it stopped)
	nice $(python) tests/mutants $(ARGS)

planted: $(call with,test)  ## prove each of these errors wrong, or say why not, in tests/mutants/PROOFS.md (minutes)
	$(python) tests/mutants/planted.py $(ARGS)

lint: $(call with,dev)  ## check style, formatting and types
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy

bench: $(call with,demos)  ## time minigrad (EXTRAS="torch bench" adds others, ONLY=layers takes a part)
	$(python) -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

clean:  ## remove the environment and every cache, keep what the demos wrote
	rm -rf $(VENV) $(VENV).lock $(VENV)-oldest* build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find minigrad nn demos tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# One stamp for each extra; a change of the dependencies makes them all stale. Stale extras are noted, then installed by
# one call of pip, which builds minigrad each time. It compiles on one core, so compileall does that.
$(VENV)/with-%: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo $* >>$(VENV)/stale

installed:
	@$(alone) sh -c 'test -s $(VENV)/stale || exit 0; \
		stale=$$(sort -u $(VENV)/stale); extras=$$(echo $$stale | tr " " ,); \
		echo "Installing minigrad with [$$extras] into $(VENV) ..."; \
		$(python) -m pip install --quiet --disable-pip-version-check --no-compile --editable ".[$$extras]" || exit 1; \
		$(python) -m compileall -q -j 0 -x "/tests?/" $(VENV)/lib >$(VENV)/compiled 2>&1; \
		for extra in $$stale; do touch $(VENV)/with-$$extra; done; rm $(VENV)/stale'

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo 'No $(PYTHON) here: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("minigrad needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Name a newer one: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(alone) sh -c '$(python) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)' || { rm -rf $(VENV); exit 1; }
