# Two commands to know: `make book` builds the site, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
PORT ?= 8000
CH ?=
URL ?=
BACKEND ?= tensorflow
BOOK_REQUIRE ?=
TORCH := torch==2.13.0

# The profile keeps native log lines out of the notebooks; see tools/notebooks/ipython.
export IPYTHONDIR := $(CURDIR)/tools/notebooks/ipython
export PYTHONPATH := $(CURDIR)
export TF_CPP_MIN_LOG_LEVEL ?= 3
export KERAS_BACKEND ?= tensorflow
export BOOK_REQUIRE

.PHONY: help book serve read test test-slow test-full execute lint format bench bench-build bench-pages reference results \
	editions repository validate validate-all gpu-environment validate-gpu reviews pretrain translation real \
	live real-full publish record lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

book: .venv/book.stamp ## Build the site into _build/html, warnings as errors, and check that every page is there
	@$(PY) tools/site/build.py

serve: book ## Build the site and serve it on localhost (PORT=8000)
	@$(PY) tools/site/serve.py --port $(PORT)

read: .venv/read.stamp ## Open the chapters in JupyterLab, as notebooks to run and to change, in the folder reading/
	@$(PY) tools/editions/offer.py && exec $(BIN)/jupyter lab --notebook-dir=reading

test: .venv/all.stamp ## Prove everything that takes minutes: style, spelling, utils, every cell, the built pages
	@$(PY) tools/gate/prove.py

test-slow: .venv/all.stamp $(if $(wildcard _build/html/index.html),,book) ## Prove what takes longer: mutants, chapters on JAX and PyTorch, editions in fresh environments
	@$(PY) tools/gate/prove.py --slow

test-full: .venv/all.stamp ## Prove everything, whole where the other two are thinned: what the nightly run does
	@$(PY) tools/gate/prove.py --full --times

execute: .venv/all.stamp ## Re-run chapters from a fresh kernel and store their outputs (CH=01 for one)
	@$(PY) tools/notebooks/execute.py $(CH)

lint: .venv/all.stamp ## Style, spelling and the chapter lint, in seconds
	@$(PY) tools/gate/prove.py --only lint

format: .venv/all.stamp ## Put code and notebooks into the house style
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: .venv/torch.stamp .venv/all.stamp ## Measure our operations and training steps against other libraries', prediction and decoding
	@$(PY) tools/bench/attention.py && $(PY) tools/bench/layers.py && $(PY) tools/bench/logits.py && \
		$(PY) tools/bench/encoder.py && $(PY) tools/bench/predict.py && $(PY) tools/bench/serving.py && \
		$(PY) tools/bench/translation.py

bench-build: ## Time `make book` from a fresh clone of the last commit, and again with the environment in place
	@place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; git clone --quiet --depth 1 "file://$(CURDIR)" "$$place/book"; \
	outer="-u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u MAKEOVERRIDES -u PYTHONPATH -u IPYTHONDIR -u VIRTUAL_ENV"; \
	TIMEFORMAT="%1R s"; book() { time env $$outer make -C "$$place/book" book PYTHON="$(PYTHON)" > "$$place/log" || \
	{ cat "$$place/log" >&2; echo 'mend the build first (`make book`)' >&2; exit 1; }; }; \
	echo "fresh clone, packages downloaded (aim: 60 s)"; book; rm -rf "$$place/book/_build"; \
	echo "environment in place, clean (aim: 15 s)"; book; echo "environment in place, again (aim: 15 s)"; book

bench-pages: book ## Measure every page: weight, layout shift, axe, Lighthouse (npm packages go to _build)
	@$(PY) tools/bench/pages.py

reference: .venv/torch.stamp .venv/all.stamp ## Write reference values of PyTorch and transformers to data/reference
	@$(PY) tools/reference/write.py

results: .venv/all.stamp ## Measure what the chapters show from data/results
	@$(PY) tools/measure/attention_cost.py && $(PY) tools/measure/attention_scale.py && \
		$(PY) tools/measure/recurrence.py && \
		$(PY) tools/measure/training.py && \
		$(PY) tools/measure/reviews.py && $(PY) tools/reviews/write.py && $(PY) tools/measure/learning_curve.py && \
		$(PY) tools/measure/frozen_features.py && \
		$(PY) tools/measure/levers.py --only '8 epochs' '8 epochs, random weights' && $(PY) tools/measure/rates.py && \
		$(PY) tools/measure/answers.py && $(PY) tools/measure/engines.py --settings "all weights" && \
		$(if $(BOOK_DATA_DIR),$(PY) tools/measure/engines_sst2.py &&) \
		$(PY) tools/measure/own_text.py && \
		$(PY) tools/measure/masked_words.py && $(PY) tools/measure/probes.py && $(PY) tools/measure/search.py

editions: .venv/book.stamp ## Write each chapter for Colab, for students and as a key, to _build/editions
	@$(PY) tools/editions/write.py

repository: .venv/book.stamp ## Set the repository's address everywhere (URL=https://github.com/OWNER/NAME)
	@$(PY) tools/site/repository.py "$(URL)"

validate: $(if $(filter torch,$(BACKEND)),.venv/torch.stamp) .venv/all.stamp ## Compare every cell on one Keras backend (BACKEND=tensorflow, jax or torch)
	@$(PY) tools/validate/validate.py --backend $(BACKEND)

validate-all: .venv/torch.stamp .venv/all.stamp ## Compare every cell on all three backends, and print one table
	@$(PY) tools/validate/validate.py --all

gpu-environment: .venv/all.stamp ## Add the three backends with CUDA to .venv (Linux, NVIDIA)
	@$(PIP) "tensorflow[and-cuda]==2.21.0" "jax[cuda13]==0.10.2" $(TORCH)

validate-gpu: ## Compare every cell on a GPU, with the packages that PYTHON has; record it in data/results
	@$(PYTHON) tools/validate/validate.py --gpu

reviews: .venv/all.stamp ## Write the generated reviews to data/reviews, byte for byte the same
	@$(PY) tools/reviews/write.py

pretrain: .venv/torch.stamp .venv/all.stamp ## Train mini-bert, an hour or more; goes on where it was interrupted (BOOK_DATA_DIR, BOOK_MODEL_DIR)
	@$(PY) tools/pretraining/pretrain.py

live: .venv/all.stamp ## Train the classifier that runs in three chapters' pages, some minutes, and round its weights
	@$(PY) tools/live/train.py && $(PY) tools/live/write.py

translation: .venv/all.stamp ## Train the translator on Multi30k, 150 minutes at most; goes on where it was interrupted (BOOK_DATA_DIR)
	@$(PY) tools/measure/translation.py

real: .venv/all.stamp ## Fine-tune on SST-2 with mini-bert and a real encoder, ten minutes (BOOK_DATA_DIR, BOOK_MODEL_DIR)
	@$(PY) tools/measure/real.py

real-full: .venv/all.stamp ## Time four recipes to one accuracy on SST-2; goes on where it was interrupted
	@$(PY) tools/measure/time_to_accuracy.py

publish: book editions ## Commit site and editions to the branch gh-pages, and push it to origin
	@$(PY) tools/site/publish.py

record: .venv/all.stamp ## Record the last `make test` for the page "How this book is checked"
	@$(PY) tools/gate/record.py && $(PY) tools/site/check_page.py

lock: .venv/all.stamp ## Compile requirements/*.in to hash-locked *.txt
	@bash tools/lock.sh

clean: ## Remove what was built (the environment stays; remove .venv by hand)
	@rm -rf _build .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* && find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# One environment. The book's packages are a subset of all of them, so the larger set serves both.
.venv/python.stamp:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "expected Python 3.11 to 3.13; %s is %d.%d. Choose one with: make PYTHON=python3.12 ..." % (sys.executable, *v))'
	@echo "Creating .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv .venv && touch $@

.venv/book.stamp: requirements/book.txt | .venv/python.stamp
	@echo "Installing what the build needs"; $(PIP) --require-hashes --no-deps --no-compile -r $< && touch $@

.venv/read.stamp: requirements.txt requirements-fine-tuning.txt | .venv/all.stamp
	@echo "Installing JupyterLab"; $(PIP) -r requirements.txt -r requirements-fine-tuning.txt && touch $@

.venv/torch.stamp: | .venv/python.stamp
	@echo "Installing PyTorch"; $(PIP) $(TORCH) && touch $@

.venv/all.stamp: requirements/all.txt $(if $(findstring torch,$(BOOK_REQUIRE)),.venv/torch.stamp) | .venv/python.stamp
	@echo "Installing what running and proving needs"; $(PIP) --require-hashes --no-deps --no-compile -r $< && touch .venv/book.stamp $@
