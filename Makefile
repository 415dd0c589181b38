# make demo: set up, get images, index, search, leave a contact sheet in demo/
# make demo-cluster: set up Ray and Lance too, start two nodes on this machine, index, search, kill a node, search again
# make test: set up, and run every test; LEAST=95 records the coverage of four rooms, and fails below 95 %
# make test-extras: the tests of the optional back ends, each in an environment of its own
# make test-browser: the page in Chromium's headless shell (Debian's package, installed where that may be done)
# make test-chaos: faults at every write, flipped bits, damaged files, bad days of models and clients
# make docs: build the site of docs/ in build/docs, and follow every link; make docs-serve: and serve it on this machine
# make recordings: the animation of the page and the session in a terminal, from the images of make demo
# make release: test, build and check what would be published, and stop before publishing
# make lint: formatting, types, layers, and whether generated files are current
# make generated: write what derives from the settings and the wire
# make pins: hash the exact versions of the test environments
# make bench: measure, as ratios in one run
PYTHON ?= python3
VENV ?= .venv
PHOTOS ?=
JOBS ?= 2
CHAOS ?= 1
LEAST ?= 0
EXTRAS ?= transformers open-clip llama mcp shop docs cluster qdrant
PORT ?= 8010
# the shell without a window takes a fifth of the time for a new page
CHROMIUM ?= $(shell command -v chromium-headless-shell || command -v chromium || echo /usr/bin/chromium-headless-shell)
AXE := .venv-extras/browser/node_modules/axe-core/axe.min.js

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo demo-cluster test test-extras chromium test-browser test-chaos docs docs-serve recordings release lint generated pins bench clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("stitch needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(PIP) install -e .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python pyproject.toml requirements/test.txt
	$(PIP) install --require-hashes -r requirements/test.txt
	$(PIP) install --no-deps -e .
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python scripts/demo.py --photos "$(PHOTOS)"

# two nodes with ports and folders of their own; what they keep is in demo/ and in the system's temporary folder
demo-cluster: .venv-extras/demo-cluster/.installed
	.venv-extras/demo-cluster/bin/python scripts/demo_cluster.py

# Ray is kept out of the environment of the other targets, whose tests would start it
.venv-extras/demo-cluster/.installed: $(BIN)/python pyproject.toml
	$(PYTHON) -m venv .venv-extras/demo-cluster
	.venv-extras/demo-cluster/bin/python -m pip --disable-pip-version-check --quiet install -e '.[cluster]'
	@touch $@

# recording coverage slows the tests by half
test: $(VENV)/.installed-test
ifeq ($(LEAST),0)
	$(BIN)/python -m pytest -n $(JOBS)
else
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=json:.cache/coverage/report.json
	$(BIN)/python scripts/room_coverage.py --least $(LEAST) .cache/coverage/report.json
endif

test-chaos: $(VENV)/.installed-test
	STITCH_CHAOS=$(CHAOS) $(BIN)/python -m pytest -n $(JOBS) tests/chaos

test-extras: $(EXTRAS:%=test-%)

test-%: $(BIN)/python
	@if $(MAKE) --no-print-directory .venv-extras/$*/.installed; \
	then .venv-extras/$*/bin/python -m pytest -n $(JOBS) --dist loadfile tests/extras; \
	else echo "NOT TESTED: the packages of requirements/test-$*.txt cannot be installed here"; fi

chromium:
	@command -v chromium-headless-shell >/dev/null || { test "$$(id -u)" = 0 && apt-get -qq update && \
		apt-get -qq install --no-install-recommends chromium-headless-shell >/dev/null; } || true

test-browser: $(BIN)/python chromium
	@if ! test -x $(CHROMIUM); \
	then echo "NOT TESTED: the page, because there is no $(CHROMIUM): apt-get install chromium-headless-shell, or make CHROMIUM=PATH"; \
	elif ! $(MAKE) --no-print-directory .venv-extras/browser/.installed; \
	then echo "NOT TESTED: the page, because the packages of requirements/test-browser.txt cannot be installed here"; \
	else $(MAKE) --no-print-directory $(AXE) || echo "NOT TESTED: axe-core, because npm cannot install it here"; \
	$(MAKE) --no-print-directory docs || echo "NOT TESTED: the docs site in the browser, because it cannot be built here"; \
	CHROMIUM=$(CHROMIUM) STITCH_AXE=$(AXE) .venv-extras/browser/bin/python -m pytest -n $(JOBS) tests/browser; \
	fi

$(AXE): .venv-extras/browser/.installed
	npm install --silent --no-save --no-audit --no-fund --prefix .venv-extras/browser axe-core@4.14.1
	@touch $@

# the extras that run on torch, whose build for the CPU no package index lists
TORCH := transformers open-clip

.venv-extras/%/.installed: pyproject.toml requirements/test-%.txt requirements/test.txt requirements/torch.txt
	$(PYTHON) -m venv .venv-extras/$*
	.venv-extras/$*/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes \
		-r requirements/test.txt -r requirements/test-$*.txt $(if $(filter $*,$(TORCH)),-r requirements/torch.txt)
	.venv-extras/$*/bin/python -m pip --disable-pip-version-check --quiet install --no-deps -e .
	@touch $@

DOCS := .venv-extras/docs/bin/python

docs: .venv-extras/docs/.installed
	$(DOCS) scripts/docs_site.py

docs-serve: docs
	$(DOCS) -m http.server --bind 127.0.0.1 --directory build/docs $(PORT)

recordings: chromium .venv-extras/browser/.installed demo/gallery/gallery.sqlite
	CHROMIUM=$(CHROMIUM) .venv-extras/browser/bin/python scripts/record_page.py
	.venv-extras/browser/bin/python scripts/record_terminal.py

demo/gallery/gallery.sqlite:
	$(MAKE) --no-print-directory demo

# release/README.md says what is to be done before and after
release: .venv-extras/docs/.installed
	$(DOCS) scripts/check_release.py
	rm -rf dist
	$(DOCS) -m hatchling build -d dist
	$(DOCS) -m pytest tests/extras/test_packages.py
	@echo "dist/ is ready, and nothing was published: go on with release/README.md"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check

generated: $(VENV)/.installed-test
	$(BIN)/python scripts/generate.py

# requirements/*.in name the versions, requirements/*.txt what their files must hash to
pins: $(BIN)/python
	$(PYTHON) -m venv .venv-extras/pins
	.venv-extras/pins/bin/python -m pip --disable-pip-version-check --quiet install uv
	cd requirements && for file in *.in; do ../.venv-extras/pins/bin/uv pip compile --quiet --no-deps --no-annotate \
		--generate-hashes --python-version 3.11 --custom-compile-command "make pins" $$file -o $${file%.in}.txt; done

bench: $(VENV)/.installed-test
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .venv-extras demo .cache
