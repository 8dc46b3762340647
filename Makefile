# make        what there is to make
# make run    the console with demo data, from a bare clone

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check lint types imports templates migrations deploy format shots bench load timing hostile truth pages api both books races replay mutants search lock clean

HOST := 127.0.0.1
PORT ?= 8000

# Which Python makes the virtual environment, e.g. make run PYTHON=/opt/python/bin/python3.12
PYTHON ?=

VENV := .venv
PY := $(VENV)/bin/python
BIN := $(VENV)/bin
MANAGE := $(PY) manage.py
INSTALL := $(PY) -m pip install --quiet --no-input --disable-pip-version-check --require-hashes

# An installation is repeated only if its requirements changed.
RUN_INSTALLED := $(VENV)/.run-installed
DEV_INSTALLED := $(VENV)/.dev-installed

OUR_PACKAGES := permissions teams billing config
TEMPLATE_DIRS := $(wildcard permissions teams billing templates)

define SUITABLE_PYTHON
import sys
if sys.version_info < (3, 11):
    sys.exit("is Python %d.%d; 3.11 or newer is needed" % sys.version_info[:2])
try:
    import ensurepip, sqlite3, ssl, venv
except ImportError as error:
    sys.exit("lacks the module %s; on Debian and Ubuntu, install python3-venv" % error.name)
endef
export SUITABLE_PYTHON

define FREE_PORT
import socket, sys
host, port = sys.argv[1:]
if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
    sys.exit("PORT=%s is not a port: choose a number from 1 to 65535." % port)
with socket.socket() as probe:
    if probe.connect_ex((host, int(port))) == 0:
        sys.exit("Port %s is busy: something already listens on http://%s:%s/.\n"
                 "Stop it, or choose another port: make run PORT=%d"
                 % (port, host, port, int(port) % 65535 + 1))
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, int(port)))
    except OSError as error:
        sys.exit("Port %s cannot be used: %s. Choose another one: make run PORT=8000"
                 % (port, error.strerror))
endef
export FREE_PORT

# Shell code that sets $$python to a suitable interpreter or ends with a clear message.
FIND_PYTHON = \
	python=; why=; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
		if ! command -v "$$candidate" >/dev/null; then \
			why="$$why  $$candidate is not installed"$$'\n'; \
		elif answer=$$("$$candidate" -c "$$SUITABLE_PYTHON" 2>&1); then \
			python=$$candidate; break; \
		else \
			why="$$why  $$candidate $${answer%%$$'\n'*}"$$'\n'; \
		fi; \
	done; \
	if [ -z "$$python" ]; then \
		printf 'This needs Python 3.11 or newer, and found none to use:\n%s' "$$why" >&2; \
		printf 'Install one, or name it: make run PYTHON=/path/to/python3.11\n' >&2; \
		exit 1; \
	fi

help: ## List what there is to make
	@echo "make TARGET, where TARGET is"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: ## Serve the console with demo data on http://127.0.0.1:8000/ (PORT=8000)
	@$(FIND_PYTHON); "$$python" -c "$$FREE_PORT" "$(HOST)" "$(PORT)"
	@$(MAKE) --silent --no-print-directory $(RUN_INSTALLED)
	@echo "Preparing the database"
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) seed_demo
	@echo
	@echo "The console is at http://$(HOST):$(PORT)/, with a worker that sends - Ctrl-C stops both."
	@export PYTHONUNBUFFERED=1; \
	if [ -z "$${CONSOLE_ORIGIN:-}" ] && ! grep -qs '^CONSOLE_ORIGIN=' .env; then \
		export CONSOLE_ORIGIN="http://$(HOST):$(PORT)"; \
	fi; \
	$(MANAGE) db_worker --no-reload --queue-name '*' & worker=$$!; \
	trap 'kill $$worker 2>/dev/null || true; wait $$worker 2>/dev/null || true' EXIT; \
	trap 'exit 130' INT; trap 'exit 143' TERM; \
	DJANGO_RUNSERVER_HIDE_WARNING=true $(MANAGE) runserver --noreload "$(HOST):$(PORT)"

# Extra arguments of pytest, e.g. make test PYTEST="-k policy"
PYTEST ?=

test: $(DEV_INSTALLED) ## Run the tests on SQLite, and what a database has a say in on PostgreSQL
	@sqlite=passed; postgres=passed; browser="in Chromium"; select="not deep"; \
	if ! $(FIND_CHROMIUM) >/dev/null; then \
		browser="skipped: no Chromium"; select="not browser and not deep"; \
	fi; \
	echo "== SQLite (browser tests: $$browser)"; \
	env -u DATABASE_URL $(PY) -m pytest -n auto -m "$$select" $(PYTEST) || sqlite=FAILED; \
	echo "== PostgreSQL"; \
	$(PY) tests/postgres.py -- $(PY) -m pytest -n auto -m "not browser and not once and not deep" $(PYTEST) \
		|| postgres=FAILED; \
	echo; \
	echo "SQLite: $$sqlite. Browser tests: $$browser. PostgreSQL: $$postgres."; \
	[ "$$sqlite $$postgres" = "passed passed" ]

FIND_CHROMIUM := { command -v chromium || command -v chromium-browser || command -v google-chrome; }

check: lint types imports templates migrations deploy ## Run every check that is not a test
	@echo "All checks passed."

lint: $(DEV_INSTALLED) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_INSTALLED) ## Check types
	$(BIN)/mypy $(OUR_PACKAGES) tests/postgres.py

imports: $(DEV_INSTALLED) ## Check who imports whom
	$(BIN)/lint-imports

templates: $(DEV_INSTALLED) ## Check the formatting of templates
	find $(TEMPLATE_DIRS) -name '*.html' -print0 | xargs -0 $(BIN)/djade --check --target-version 5.2

migrations: $(DEV_INSTALLED) ## Check that the migrations match the models
	DATABASE_URL=sqlite://:memory: $(MANAGE) check
	DATABASE_URL=sqlite://:memory: $(MANAGE) makemigrations --check --dry-run

deploy: $(DEV_INSTALLED) ## Check the production settings
	@echo "check --deploy on the production settings"
	@SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	ALLOWED_HOSTS=console.example.com CONSOLE_ORIGIN=https://console.example.com \
	BILLING_BANK_ACCOUNT=DE00-1234 \
	DATABASE_URL=sqlite://:memory: DJANGO_SETTINGS_MODULE=config.settings.prod \
	$(MANAGE) check --deploy --fail-level WARNING

format: $(DEV_INSTALLED) ## Put style and formatting right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find $(TEMPLATE_DIRS) -name '*.html' -print0 | xargs -0 $(BIN)/djade --target-version 5.2

ATTACKS := tests/hostile tests/console/test_never_send.py

hostile: $(DEV_INSTALLED) ## Attack everything as everybody, on SQLite and on PostgreSQL
	env -u DATABASE_URL $(PY) -m pytest -n auto $(ATTACKS) $(PYTEST)
	$(PY) tests/postgres.py -- $(PY) -m pytest -n auto $(ATTACKS) $(PYTEST)

truth: $(DEV_INSTALLED) ## Try every surface of the console as everybody the tables name, and every kind of page
	env -u DATABASE_URL $(PY) -m pytest -n auto tests/console/test_truth_http.py \
		tests/console/test_disabled.py $(PYTEST)

pages: $(DEV_INSTALLED) ## Look at every page in a browser: axe, both widths, light and dark, keyboard
	env -u DATABASE_URL $(PY) -m pytest -n auto -m browser $(PYTEST)

books: $(DEV_INSTALLED) ## Hold billing to its properties at length, and kill it before any statement
	env -u DATABASE_URL $(PY) -m pytest -m deep tests/billing tests/hostapp $(PYTEST)
	$(PY) tests/postgres.py -- $(PY) -m pytest -m "deep and not once" tests/billing $(PYTEST)

both: $(DEV_INSTALLED) ## Run on PostgreSQL also what make test runs on SQLite only
	$(PY) tests/postgres.py -- $(PY) -m pytest -n auto -m "once and not browser and not deep" $(PYTEST)

# How many examples of each operation each persona tries, e.g. make api EXAMPLES=500
EXAMPLES ?= 60

api: $(DEV_INSTALLED) ## Call every operation of the API with what its document allows, and does not
	env -u DATABASE_URL API_EXAMPLES=$(EXAMPLES) $(PY) -m pytest tests/api -m deep $(PYTEST)
	API_EXAMPLES=$(EXAMPLES) $(PY) tests/postgres.py -- $(PY) -m pytest tests/api -m deep $(PYTEST)

RACES := tests/concurrency/test_comings.py tests/concurrency/test_roles.py

races: $(DEV_INSTALLED) ## Let people come and go at the same moment, fifty times each, on both databases
	env -u DATABASE_URL $(PY) -m pytest -m deep $(RACES) $(PYTEST)
	$(PY) tests/postgres.py -- $(PY) -m pytest -m deep $(RACES) $(PYTEST)

replay: $(DEV_INSTALLED) ## Hold engine, model and replayed audit together through long random histories
	env -u DATABASE_URL HYPOTHESIS_PROFILE=long $(PY) -m pytest -n auto tests/reference $(PYTEST)

mutants: $(DEV_INSTALLED) ## Break the policy in every small way, and see its tests notice each
	env -u DATABASE_URL -u DJANGO_SETTINGS_MODULE $(PY) -m tests.mutants

search: $(DEV_INSTALLED) ## Try every way in which a few people can change each other's rights
	env -u DATABASE_URL -u DJANGO_SETTINGS_MODULE $(PY) -m tests.search

# What to measure, e.g. make bench BENCH="--size medium --database postgres"
BENCH ?=

bench: $(DEV_INSTALLED) ## Measure what access control costs, as ratios within one run
	$(MANAGE) bench $(BENCH)

# How many contacts are carried, e.g. make load ROWS=10000
ROWS ?= 100000

load: $(DEV_INSTALLED) ## Carry 100,000 contacts in and out inside 512 MB, and say how long it took
	env -u DATABASE_URL $(PY) -m tests.load $(ROWS)
	$(PY) tests/postgres.py -- $(PY) -m tests.load $(ROWS)

# How often each is asked, e.g. make timing ROUNDS=1000
ROUNDS ?= 200

timing: $(DEV_INSTALLED) ## Compare how long known and unknown addresses take to be refused
	env -u DATABASE_URL $(PY) -m tests.timing $(ROUNDS)

shots: $(DEV_INSTALLED) ## Take screenshots of the main pages
	$(PY) -m tests.shots

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: ## Pin what is installed to the newest releases (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	$(LOCK) --upgrade --extra console --extra demo --extra stripe -o requirements/run.txt pyproject.toml
	$(LOCK) --upgrade --extra console --extra demo --extra stripe --extra dev -c requirements/run.txt \
		-o requirements/dev.txt pyproject.toml

clean: ## Remove all that make made, your database excepted
	rm -rf $(VENV) staticfiles build dist mutants test-results .hypothesis .test-*.sqlite3* \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(PY):
	@$(FIND_PYTHON); \
	echo "Creating a virtual environment in $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV)

$(RUN_INSTALLED): requirements/run.txt | $(PY)
	@echo "Installing requirements/run.txt"
	@$(INSTALL) -r $<
	@touch $@

# What the console runs with is part of what it is developed with.
$(DEV_INSTALLED): requirements/dev.txt | $(PY)
	@echo "Installing requirements/dev.txt"
	@$(INSTALL) -r $<
	@touch $@
