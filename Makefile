# Everything that a developer and the machine of CI run. `make` alone lists it.
# Needs Python 3.11 or newer and make; PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
# Two cores: tests wait for their platforms a third of the time, so a third process fills the gaps.
TEST_WORKERS ?= 3
WORKERS ?= 2
STEPS ?= 1000000
USUAL := "not real and not long and not wheel and not proof and not browser and not torture"
QUICK := "not real and not outside and not simulation and not slow and not long and not wheel and not proof and not browser and not torture"
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Where it is set, each process compiles all of our modules again: four seconds of each worker, a third of a command's start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup sbom audit demo quick quick-tests test long-tests check evidence format-check lint types contracts dependencies dead-code coverage docs docs-check site \
	wheel-test browser-test proofs proofs-part proofs-record consent-worlds torture torture-part torture-webhooks torture-webhooks-part simulation simulation-part days days-part privacy bench-sync bench-loop bench-steps bench-console bench-segment bench-science bench-discover bench-startup bench-webhooks foreign image-test real-test real-test-long lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# Not with --no-compile, which is quicker: a library whose code warns when it is compiled would fail the test that imports it first.
setup: $(SETUP)  ## make the virtual environment from the hash-locked requirements

$(SETUP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "personasync needs Python 3.11 or newer: make PYTHON=python3.12")'
	@echo "Installing into $(VENV) what requirements.txt locks. The first time this takes minutes; pip says what it does."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(if $(CI),--quiet) --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(SETUP)  ## the whole loop on local platforms, twice; no account, no internet
	$(BIN)/personasync demo

quick: $(SETUP)  ## format, lint, types, contracts and each test that takes under a second and needs no socket, process or simulation
	@$(MAKE) --no-print-directory --jobs 2 --output-sync quick-tests types format-check lint contracts

quick-tests: $(SETUP)
	HYPOTHESIS_PROFILE=quick $(BIN)/pytest -q -n $(WORKERS) -m $(QUICK)

test: $(SETUP)  ## all tests that take seconds, in random order
	$(BIN)/pytest -n $(TEST_WORKERS) -m $(USUAL)

long-tests: $(SETUP)  ## whole ways through many commands, and what keeps a core busy for two seconds: half of the time of all
	$(BIN)/pytest -n $(TEST_WORKERS) -m "long and not proof"

check: format-check lint types contracts dependencies dead-code docs-check evidence  ## the quality gate

format-check: $(SETUP)
	$(BIN)/ruff format --check .

lint: $(SETUP)
	$(BIN)/ruff check .

types: $(SETUP)
	$(BIN)/mypy

contracts: $(SETUP)
	$(BIN)/lint-imports --no-logo

dependencies: $(SETUP)
	$(BIN)/deptry .

dead-code: $(SETUP)
	$(BIN)/vulture

# Tracing makes the tests twice as slow, most of it in libraries that are not measured: CI does without.
coverage: $(SETUP)  ## how much of the code the tests run
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(TEST_WORKERS) -m $(USUAL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(SETUP)  ## write docs/reference.md, docs/platforms.md, docs/map.svg, docs/design.html, docs/science.md and the tables of CONTRIBUTING.md
	$(BIN)/python docs/generate_reference.py
	$(BIN)/python docs/generate_map.py
	$(BIN)/python docs/generate_platforms.py
	$(BIN)/python docs/generate_design.py
	$(BIN)/python docs/generate_science.py

site: $(SETUP)  ## the documentation as a site with search, in build/site; a link that leads nowhere is an error
	$(BIN)/python docs/make_site.py

evidence: $(SETUP)  ## connectors/evidence.toml has every key; probes hold on the local platforms and on recorded answers
	$(BIN)/pytest -q -n 0 $(addprefix tests/connectors/test_,evidence.py official_sdks.py probes.py recorded_probes.py)

docs-check: $(SETUP)
	$(BIN)/python docs/generate_reference.py --check
	$(BIN)/python docs/generate_map.py --check
	$(BIN)/python docs/generate_platforms.py --check
	$(BIN)/python docs/generate_design.py --check
	$(BIN)/python docs/generate_science.py --check

sbom: $(SETUP)  ## bill of materials of what is installed with personasync (CycloneDX), and the list of licences, in dist
	$(BIN)/python .ci/supply_chain.py sbom dist/sbom.cdx.json
	$(BIN)/python .ci/supply_chain.py licences > dist/licences.tsv

audit: $(SETUP)  ## pins, licences and known vulnerabilities, without a network; OSV=DIR also reads a copy of that database
	$(BIN)/python .ci/supply_chain.py audit $(if $(OSV),--osv $(OSV))

wheel-test: $(SETUP)  ## build the wheel and run the demo from it, in an empty environment
	$(BIN)/pytest -m wheel tests/test_wheel.py

browser-test: $(SETUP)  ## report, preview, posters, survey form, console and components in Chromium: four widths, keyboard, paper, barriers; needs /usr/bin/chromium
	$(BIN)/pytest -m browser tests/sync/report tests/sync/preview/test_page.py tests/sync/posters \
		tests/sync/surveys/test_adaptive.py tests/sync/console/test_browser.py tests/sync/design

proofs: $(SETUP)  ## simulations and fits of many repetitions: what the statistics promise; four times the usual examples
	HYPOTHESIS_PROFILE=proof $(BIN)/pytest -n $(WORKERS) -m "proof or hypothesis"

consent-worlds: $(SETUP)  ## WORLDS in which only data change that consent forbids to use: every output must be equal, byte for byte
	$(BIN)/python -m tests.consent_worlds --worlds $(or $(WORLDS),10000) --workers $(WORKERS)

proofs-part: $(SETUP)  ## the simulations and fits of which something changed since they passed (tests/proven.json)
	$(BIN)/pytest -n $(WORKERS) -m proof --unproven

proofs-record: $(SETUP)  ## all simulations and fits, and remember in tests/proven.json which passed
	$(BIN)/pytest -n $(WORKERS) -m proof --record-proofs

torture: simulation days  ## a million steps of people at work, 60 days, every command killed before each write; takes long
	$(BIN)/python -m tests.torture --workers $(WORKERS)

simulation: $(SETUP)  ## STEPS of people at work on both platforms while we sync; ten thousand take some minutes
	PERSONASYNC_SIMULATION=$(STEPS) $(BIN)/pytest -n $(WORKERS) tests/sync/test_simulation.py

simulation-part: $(SETUP)  ## ten thousand of these steps
	@$(MAKE) --no-print-directory simulation STEPS=10000

days: $(SETUP)  ## 60 days of people and commands, each command a process of its own, some left out and some killed
	$(BIN)/python -m tests.torture.days --days 60

privacy: $(SETUP)  ## a hundred people are erased while commands run and are killed: no byte of them stays, no total changes
	$(BIN)/python -m tests.torture.privacy

days-part: $(SETUP)  ## three of these days, and 400 deliveries while server and worker are killed
	$(BIN)/pytest -m torture
	$(BIN)/python -m tests.torture.days --days 3 --people 12

torture-part: $(SETUP)  ## one of 170 of these points, and all planted bugs
	$(BIN)/python -m tests.torture --workers $(WORKERS) --share 0.006 --faults 0.006

torture-webhooks: $(SETUP)  ## 100,000 deliveries while servers and workers are killed; then the same on a PostgreSQL of its own
	$(BIN)/python -m tests.webhook_torture
	$(BIN)/python -m tests.webhook_torture --postgres --servers 2 --workers 2

torture-webhooks-part: $(SETUP)  ## a fiftieth of these deliveries on both stores
	$(BIN)/python -m tests.webhook_torture --deliveries 2000 --contacts 200 --kills 4
	$(BIN)/python -m tests.webhook_torture --deliveries 2000 --contacts 200 --kills 4 --postgres --servers 2 --workers 2

real-test: $(SETUP)  ## the laws of connectors, and the whole loop, on Ghost and BottleCRM; installs them first (PERSONASYNC_REAL: where)
	$(BIN)/python -m tests.real
	$(BIN)/pytest -q -n 0 -m real tests/real

real-test-long: $(SETUP)  ## the loop three times with 5,000 people, and apply killed 200 times
	$(BIN)/python -m tests.real --people 5000 --kills 200 --loops 3 --opens

image-test: $(SETUP)  ## build the container image and do a whole loop in it; needs root, buildah, runc and debootstrap
	$(BIN)/python -m tests.image

foreign: $(SETUP)  ## clients that others wrote read the local platforms; needs node, npm, openssl and the package registries
	$(BIN)/python -m tests.foreign

bench-webhooks: $(SETUP)  ## how fast webhook deliveries are kept, and how soon a new contact shows its persona
	$(BIN)/python benchmarks/webhooks.py

bench-startup: $(SETUP)  ## CPU seconds of help, completion, status, history, explain and classify
	$(BIN)/python benchmarks/startup.py

bench-sync: $(SETUP)  ## the engine against the official SDK: speed, requests, memory at a million contacts
	$(BIN)/python benchmarks/engine.py

bench-steps: $(SETUP)  ## seconds, memory and requests of each step at 10,000 contacts; CPU and memory at 10,000 and 100,000 people
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/size.py

bench-console: $(SETUP)  ## CPU of each page of the console with 100,000 people
	$(BIN)/python benchmarks/console.py

bench-segment: $(SETUP)  ## traits, scores and a day's refresh of a million people against pandas and scikit-learn
	$(BIN)/python benchmarks/segment.py

bench-science: $(SETUP)  ## segments of discover and survey design against known truth and independent methods; an hour of CPU (SCIENCE=--quick: minutes)
	$(BIN)/python benchmarks/science.py --workers $(WORKERS) $(SCIENCE)

bench-discover: $(SETUP)  ## CPU of discover on files of 1,000 and 20,000 people, beside the plain fits of scikit-learn
	$(BIN)/python benchmarks/discover_speed.py

bench-loop: $(SETUP)  ## false alarms, coverage and power of lift; hidden preferences found by campaigns
	$(BIN)/python benchmarks/closed_loop.py

lock:  ## resolve the dependencies anew; needs uv; releases of the last week wait
	uv pip compile -q --universal --python-version 3.11 --exclude-newer "7 days" --generate-hashes \
		--no-annotate --no-header pyproject.toml --group dev -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --exclude-newer "7 days" --generate-hashes \
		--no-annotate --no-header -c requirements.txt pyproject.toml -o requirements-runtime.txt
	uv pip compile -q --universal --python-version 3.11 --exclude-newer "7 days" --generate-hashes \
		--no-annotate --no-header -c requirements.txt --extra excel --extra keyring --extra postgres pyproject.toml -o requirements-extras.txt

clean:  ## remove what was made, the environment too
	rm -rf $(VENV) .foreign .real build dist demo-workspace .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
