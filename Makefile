# make demo: the whole paper on phantom data.   make test: the tests.
PYTHON ?= python3
BIN := .venv/bin

# Without compiled files every start costs twice as long, every time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/nast demo --out nast-demo

test: .venv/ready
	$(BIN)/python -m pytest

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv nast-demo
