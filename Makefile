# The whole set-up and everything a developer does. Each target installs what it needs first and only once:
# stamps in .venv/ carry the hash of what they were made from.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done; echo none)
BIN := .venv/bin
THEME := project/theme/static_src
ARGS ?=
JOBS ?= 2
NAME ?=
JSON ?=

hash = $(shell cat $(1) 2>/dev/null | cksum | cut -d' ' -f1)
BASE := .venv/.base-$(call hash,requirements.txt)
DEV := .venv/.dev-$(call hash,requirements-dev.txt)
NODE := .venv/.node-$(call hash,$(THEME)/package-lock.json)
CSS_INPUTS := $(shell find templates static/js project/theme/templatetags $(THEME)/src $(THEME)/scripts \
	$(THEME)/icons.txt $(THEME)/package.json -type f -not -name '*.pyc' 2>/dev/null | LC_ALL=C sort)
CSS := .venv/.css-$(call hash,$(CSS_INPUTS))
CHROMIUM := .venv/.chromium
# A stamp whose product was removed by hand does not count.
$(shell test -f project/theme/static/theme/css/app.css || rm -f .venv/.css-*; \
	test -d $(THEME)/node_modules || rm -f .venv/.node-*)

# What the commands read from the environment when it is given on make's command line.
export PORT HOST DATA_DIR DEMO SPEED
ifeq ($(strip $(PORT)),)
unexport PORT
endif
ifeq ($(strip $(HOST)),)
unexport HOST
endif
ifeq ($(strip $(DATA_DIR)),)
unexport DATA_DIR
endif
ifeq ($(strip $(DEMO)),)
unexport DEMO
endif
ifeq ($(strip $(SPEED)),)
unexport SPEED
endif

# A step that needs the network: its output goes to a log, and what failed is one line.
define fetch
	@echo "$(1)"; $(2) >.venv/setup.log 2>&1 </dev/null || { \
		echo "$(3) Is there a network? Details: .venv/setup.log" >&2; exit 2; }
endef

.PHONY: help run test check bench setup css lock clean screenshots
.DELETE_ON_ERROR:

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

run: $(BASE) $(CSS) ## install what is missing and run everything (PORT, DATA_DIR, DEMO=0, SPEED=60)
	@exec $(BIN)/python manage.py up

test: $(DEV) $(CSS) $(CHROMIUM) ## run the suite, browser tests included (ARGS="-k inbox -x")
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

check: $(DEV) ## lint, format, types, import rules, templates, migrations
	@$(BIN)/python -m project.core.embedded.temporary $(BIN)/python -m tests.checks

# PostgreSQL with the memory of a deployment: a million conversations do not fit into a small one's.
bench: $(DEV) $(CSS) ## run the benchmarks on throw-away servers (NAME=fanout JSON=1)
	@POSTGRES_CACHE_MB=$${POSTGRES_CACHE_MB:-2048} $(BIN)/python -m project.core.embedded.temporary --durable sh -c '"$$0" manage.py migrate --verbosity 0 \
		&& exec "$$0" manage.py bench "$$@"' $(BIN)/python $(NAME) $(if $(filter-out 0,$(JSON)),--json)

setup: $(DEV) $(CSS) ## install everything without running anything

css: $(CSS) ## build the stylesheet, fonts and scripts

lock: $(DEV) ## pin requirements*.in into requirements*.txt with hashes
	@for name in requirements requirements-dev; do CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools \
		compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-options \
		--no-emit-trusted-host --no-emit-find-links --output-file $$name.txt $$name.in || exit 2; done

screenshots: $(DEV) $(CSS) $(CHROMIUM) ## take the pictures of docs/ anew from a running demo
	@$(BIN)/python -m tests.screenshots

clean: ## remove what the other targets made (never data)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build \
		$(THEME)/node_modules project/theme/static

# --- set-up -----------------------------------------------------------------------------------------
.venv/bin/python:
	@test "$(PYTHON)" != none || { \
		echo "Outbound Engine X needs Python 3.11 or newer; none was found (set PYTHON=/path/to/python)." >&2; \
		exit 2; }
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "Python cannot make a virtual environment; install its venv module (python3-venv)." >&2; exit 2; }

PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input --require-hashes --no-deps \
	--no-compile --retries 3

$(BASE): | .venv/bin/python
	$(call fetch,installing Python packages,$(PIP) -r requirements.txt,The Python packages could not be installed.)
	@rm -f .venv/.base-*; touch $@

$(DEV): $(BASE)
	$(call fetch,installing packages for tests and checks,$(PIP) -r requirements-dev.txt,The packages \
for tests could not be installed.)
	@rm -f .venv/.dev-*; touch $@

$(NODE): $(BASE)
	$(call fetch,installing packages for the stylesheet,PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix \
$(THEME) --no-audit --no-fund,The packages for the stylesheet could not be installed.)
	@rm -f .venv/.node-*; touch $@

$(CSS): $(NODE)
	@echo "building the stylesheet"; PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent --prefix $(THEME) build \
		>.venv/css.log 2>&1 || { tail -n 5 .venv/css.log >&2; \
		echo "The stylesheet could not be built; see .venv/css.log" >&2; exit 2; }
	@rm -f .venv/.css-*; touch $@

# Playwright's own Chromium if it can be fetched and runs here, else the system's package.
$(CHROMIUM): $(DEV)
	@echo "looking for Chromium"; $(BIN)/python -m tests.plugins.browser >.venv/chromium.log 2>&1 \
		|| { $(BIN)/python -m playwright install chromium >>.venv/chromium.log 2>&1 \
			&& $(BIN)/python -m tests.plugins.browser >>.venv/chromium.log 2>&1; } \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
			&& apt-get update >>.venv/chromium.log 2>&1 \
			&& apt-get install -y --no-install-recommends chromium >>.venv/chromium.log 2>&1 \
			&& $(BIN)/python -m tests.plugins.browser >>.venv/chromium.log 2>&1; } \
		|| { echo "The browser tests need Chromium: install the package chromium, then try again." \
			"Details: .venv/chromium.log" >&2; exit 2; }
	@touch $@
