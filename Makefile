# Two commands: `make serve` to use it, `make test` to trust it.

HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: serve test test-slow lint format lock fuzz faults soak bench

serve: .venv/installed  ## install what is missing, migrate, serve
	@$(BIN)/python manage.py serve --prepare --host $(HOST) --port $(PORT) --workers $(WORKERS)

test: .venv/installed-dev  ## every test that is not marked slow
	$(BIN)/pytest -m "not slow"

test-slow: .venv/installed-dev  ## the others: they train, or take their time
	$(BIN)/pytest -m slow

fuzz: .venv/installed-dev  ## 10,000 damaged files and bodies, other ones each time
	FUZZ=10000 $(BIN)/pytest classifier/tests/test_fuzz.py

faults: .venv/installed-dev  ## what a machine does to a server, with fifty kills of each kind
	KILLS=50 $(BIN)/pytest classifier/tests/test_faults.py

MINUTES ?= 30
soak: .venv/installed-dev  ## half an hour of everything at once, and an audit of what is left
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

bench: .venv/installed  ## uploads a second beside a floor and a rival; needs wrk
	@$(INSTALL) -r benchmarks/requirements.txt
	$(BIN)/python benchmarks/serving.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python manage.py makemigrations --check --dry-run

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Each file pins every package with its hashes. The widest one comes first: the others take its versions.
COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)
lock: .venv-lock/bin/uv  ## compile requirements/*.in; ARGS=--upgrade for newer versions
	$(COMPILE) requirements/development.in -o requirements-dev.txt
	$(COMPILE) requirements/serving.in -c requirements-dev.txt -o requirements-serving.txt
	$(COMPILE) requirements/training.in -c requirements-dev.txt -o requirements.txt
	$(COMPILE) requirements/scale.in -c requirements-dev.txt -o requirements-scale.txt
	$(COMPILE) requirements/benchmarks.in -c requirements-dev.txt -o benchmarks/requirements.txt

.venv-lock/bin/uv:
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

.venv/bin/pip:
	@echo "Creating .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/pip
	@echo "Installing requirements.txt (TensorFlow is large; this takes a few minutes once) ..."
	@$(INSTALL) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing requirements-dev.txt ..."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
