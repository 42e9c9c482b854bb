# Lockgate: `make run`, `make check`, `make test`. Everything is installed into .venv, from locks that pin and hash every package.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Byte code at install time: without it every process compiles TFX again, 35 s instead of 9 s.
export UV_COMPILE_BYTECODE := 1
export UV_LINK_MODE ?= hardlink
# make check, make test: how many processes run tests.
WORKERS ?= 2
# make image. VARIANT: cpu or gpu. BASE: the base image, by digest for a release. SOURCE: the repository's address, for the label.
IMAGE ?= lockgate:dev
VARIANT ?= cpu
BASE ?=
SOURCE ?=

# make bench: what is measured, as for tests/benchmarks/whole_run.py.
BENCH ?= --rows 15000 --wide --repeats 3

.PHONY: run check test bench docs setup setup-dev data image lock lint clean

run: setup ## Runs the penguins pipeline to a pushed model.
	@$(BIN)/lockgate run data/penguins/pipeline.yaml

check: setup-dev data ## What one runs while working: format, lint, types, import contracts, fast tests; up to 4 minutes.
	$(STATIC)
	@echo "== fast tests"; $(PYTEST) -m "not slow and not e2e"

test: setup-dev data ## The same, then every test; 25 to 30 minutes.
	$(STATIC)
	@echo "== tests"; $(PYTEST)

# A file's tests go to one worker, in the order of tests/support/schedule.py: longest files first.
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder
define STATIC
@echo "== format"; $(BIN)/ruff format --check --quiet .
@echo "== lint"; $(BIN)/ruff check --quiet .
@echo "== types"; $(BIN)/mypy
@echo "== import contracts"; $(BIN)/lint-imports --no-cache
endef

bench: setup-dev data ## Whole runs beside stock TFX, an hour or two: make bench BENCH="--rows 300000 --repeats 3".
	$(BIN)/python tests/benchmarks/whole_run.py $(BENCH)
	@$(BIN)/python tests/benchmarks/whole_run.py --page

docs: setup-dev ## The documents as a site: build/site/index.html.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

setup: $(VENV)/.installed ## Installs Lockgate into .venv.

setup-dev: $(VENV)/.installed-dev ## Installs Lockgate with the development tools.

data: setup-dev data/flights/test/.prepared ## Prepares the flights table, which is too large to commit.

lint: setup-dev ## Formats and fixes what can be fixed.
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# One line for the first thing that is missing, before anything is downloaded.
define CHECK_TOOLS
@test "$$(uname -s)-$$(uname -m)" = "Linux-x86_64" || { echo "Lockgate's packages exist for Linux on x86-64 only; this is $$(uname -s) on $$(uname -m): use a Linux container" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { echo "$(PYTHON) is missing or not CPython 3.11: install it (or name it: make PYTHON=/path/to/python3.11)" >&2; exit 1; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install python3.11-venv" >&2; exit 1; }
@command -v git >/dev/null || { echo "git is missing: install it; every run records the commit" >&2; exit 1; }
@command -v c++ >/dev/null || { echo "a C++ compiler (c++) is missing: install g++; one dependency has no wheel" >&2; exit 1; }
@$(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' || { echo "Python.h is missing: install python3.11-dev; one dependency has no wheel" >&2; exit 1; }
endef

# $(1): the lock. The stamp is made last, so that a set-up that was killed goes on.
define INSTALL
@echo "== installing $(1) into $(VENV) (3.5 GB, about a minute once downloaded)"
@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-bootstrap.lock
@$(UV) pip sync --quiet --require-hashes --build-constraints requirements-build.lock $(1)
@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q pipeline components preprocessing models
@touch $@
endef

# The development packages are a superset: once they are there, `make run` installs nothing.
$(VENV)/.installed: requirements.lock requirements-bootstrap.lock pyproject.toml
	$(CHECK_TOOLS)
	$(call INSTALL,$(if $(wildcard $(VENV)/.installed-dev),requirements-dev.lock,requirements.lock))

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(call INSTALL,requirements-dev.lock)

data/flights/test/.prepared: data/flights/prepare.py | $(VENV)/.installed-dev
	@$(BIN)/python data/flights/prepare.py
	@touch $@

# One line for what is missing, as above.
define CHECK_ENGINE
@case "$(VARIANT)" in cpu|gpu) ;; *) echo "VARIANT is cpu or gpu, not '$(VARIANT)'" >&2; exit 1;; esac
@command -v docker >/dev/null || { echo "docker is missing: install Docker Engine to build the image" >&2; exit 1; }
@docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || { echo "no Docker engine answers: start one, or name it in DOCKER_HOST" >&2; exit 1; }
@docker buildx version >/dev/null 2>&1 || { echo "docker has no BuildKit: install docker-buildx-plugin" >&2; exit 1; }
endef

image: ## Builds the container image of every step: make image IMAGE=lockgate:dev VARIANT=cpu
	$(CHECK_ENGINE)
	@DOCKER_BUILDKIT=1 docker build --tag "$(IMAGE)" --build-arg VARIANT=$(VARIANT) \
		--build-arg VERSION="$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
		--build-arg REVISION="$$(git describe --always --abbrev=40 --dirty --exclude '*')" \
		--build-arg CREATED="$$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		$(if $(BASE),--build-arg BASE="$(BASE)") $(if $(SOURCE),--build-arg SOURCE="$(SOURCE)") .

# Resolves again. Only uv reads the overrides in pyproject.toml; the locks need none. An override of tensorflow would drop
# its extra, so what CUDA adds is resolved with the lock as overrides, but for that one, and written without the lock's packages.
LOCKED = sed -n 's/^\([a-z0-9.-]*\)==\([^ ]*\) .*/$(1)/p' requirements.lock
lock:
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --extra xlsx pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	echo 'tensorflow[and-cuda]' | $(UV) pip compile --quiet --no-config --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
		--overrides <($(call LOCKED,\1==\2) | grep -v '^tensorflow==') --constraints requirements.lock $$($(call LOCKED,--no-emit-package \1)) - -o requirements-gpu.lock

clean: ## Removes what runs wrote; .venv stays.
	rm -rf data/*/output tests/benchmarks/output
