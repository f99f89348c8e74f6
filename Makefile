# Two commands do everything on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# processes that share the tests; each takes 2 GB of memory
WORKERS ?= 2
# a virtual screen, unless there is a real one
SCREEN  = $(if $(DISPLAY),,xvfb-run -a -s "-screen 0 1600x1000x24")

.PHONY: demo test lint unit soak env results bench clean

demo: env
	$(BIN)/napari-sr demo

test: lint unit

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# a process that dies ends the tests with its test's name: with another in its place, the groups never end
unit: env
	$(SCREEN) $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --max-worker-restart 0

# many more random training configurations than `make test` tries
soak: env
	NAPARI_SR_EXAMPLES=10000 $(BIN)/python -m pytest tests/training/test_random_configs.py --timeout 3600

# how fast this computer is, beside its limit and the usual loop, and where the time goes; let nothing else run
bench: env
	$(BIN)/python benchmarks/inference.py --size 512 --models em-x4 em-wgan-pixel-x4 em-dfcan-x4 em-rcan-x4 rrdb:2 srvgg:4
	$(BIN)/python benchmarks/stages.py
	$(BIN)/python benchmarks/seams.py

# the tables in docs/results.md, of the images that scripts/models/README.md lists; systems are measured where their
# rows are missing, and trained by `python scripts/compare_systems.py`
results: env
	$(BIN)/python scripts/measure_cells.py
	$(BIN)/python scripts/compare_systems.py --tables
	$(BIN)/python scripts/make_results.py

# what is imported is compiled when it is, and kept: of all that is installed, a small part
unexport PYTHONDONTWRITEBYTECODE
env: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt scripts/system_libraries.sh
	sh scripts/system_libraries.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e ".[test]"
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt --no-deps spandrel
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache demo-output
