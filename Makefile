# Every command of the project. `make` alone lists them; CONTRIBUTING.md says what each is for.
#
#     sims/X.py --run--> results/SCALE/X/manifest.json --draw--> build/SCALE/figures/Y.pdf, Y.png
#                                                      --report--> build/SCALE/report/index.html
#
# Results depend on their sim file only, not on the library: touching a library file must not throw away
# minutes (or GPU hours) of simulation. After a change of the library that changes numbers: make clean-results.

SCALE     ?= laptop
RUN_FLAGS ?=
TEST_ARGS ?=
# The first Python >= 3.11 of this machine; `make PYTHON=/path/to/python3.12 ...` takes another.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif

ifeq ($(filter $(SCALE),smoke laptop paper),)
$(error SCALE = '$(SCALE)' is not allowed: it must be smoke, laptop or paper)
endif

VENV      := .venv
RIVALS    := .venv-bench
BIN       := $(VENV)/bin
PIP       := $(BIN)/python -m pip --disable-pip-version-check -qq
SIMS      := $(filter-out _%,$(basename $(notdir $(wildcard sims/*.py))))
MANIFESTS := $(SIMS:%=results/$(SCALE)/%/manifest.json)
OUT       := build/$(SCALE)/figures

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help venv dev sims figures check report claims test lint smoke bench constraints clean clean-results distclean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  SCALE=smoke|laptop|paper (now $(SCALE)), RUN_FLAGS=\"--seeds 64\", TEST_ARGS=\"-k quadratic\", PYTHON=..."

# -- environment: two stamps, so that drawing figures installs no linters ---------------------------------------

venv: $(VENV)/.core  ## make .venv with the library and its pinned dependencies
dev: $(VENV)/.dev  ## the same, with what tests and linters need

$(VENV)/.core: pyproject.toml constraints.txt
	@$(or $(PYTHON),echo "make: no Python >= 3.11 found: name one with PYTHON=/path/to/python3" >&2; false) \
	    -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: PYTHON = $(PYTHON) is %d.%d: it must be >= 3.11" % sys.version_info[:2])'
	@echo "making $(VENV): the library and its dependencies (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt --editable '.[images]'
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "adding the tools for tests and linting to $(VENV)"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

# -- simulate and draw ------------------------------------------------------------------------------------------

sims: $(MANIFESTS)  ## run every file of sims/ that has no result yet, at SCALE

# What files of one stem share lies in _STEM.py beside them.
.SECONDEXPANSION:
SHARED = $$(wildcard $1/_$$(firstword $$(subst _, ,$$*)).py)

$(MANIFESTS): results/$(SCALE)/%/manifest.json: sims/%.py $(call SHARED,sims) | $(VENV)/.core
	@$(BIN)/lrtheory run $< --scale $(SCALE) --results results $(RUN_FLAGS)
	@touch -c $@  # a run that finds its results complete leaves the manifest as old as it was

figures: $(OUT)/list.txt  ## draw every figure, running the sims that they need
	@$(if $(DREW),echo "figures made:",echo "figures: nothing to do; already made:")
	@cat $<

# build/SCALE/figures.mk sets FIGURES and says which results each figure reads. Make builds and includes it only
# when a figure or the report is asked for. The folder (spelt so as not to be the target `figures`) is a prerequisite
# so that removing a figure is noticed too.
ifneq ($(filter figures report build/%,$(MAKECMDGOALS)),)
include build/$(SCALE)/figures.mk
endif

build/$(SCALE)/figures.mk: figures/. $(wildcard figures/*.py) | $(VENV)/.core
	@mkdir -p $(OUT)
	@$(BIN)/python -m figures --deps --scale $(SCALE) > $@.part
	@mv $@.part $@

$(OUT)/%.pdf $(OUT)/%.png: figures/%.py figures/style.py $(call SHARED,figures) | $(VENV)/.core
	@$(BIN)/python -m figures --scale $(SCALE) $*
	$(eval DREW := yes)

$(OUT)/list.txt: build/$(SCALE)/figures.mk $(FIGURES)
	@printf '  %s\n' $(FIGURES) > $@

check: $(MANIFESTS)  ## verdict of every claim: holds, refuted or undecided
	@$(BIN)/lrtheory check $(SIMS:%=sims/%.py) --scale $(SCALE) --results results

report: $(MANIFESTS) $(OUT)/list.txt  ## one page with every claim, its verdict and the figures; prints where it is
	@$(BIN)/lrtheory report $(SIMS:%=sims/%.py) --scale $(SCALE) --results results \
	    --figures $(OUT) --out build/$(SCALE)/report

# A smoke run is nearly all compiling: two sims at a time on a core each, without optimisation, take half as long.
SMOKE_FLAGS := --xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0

smoke:  ## every sim and every figure in their smallest form (a few minutes)
	@XLA_FLAGS="$(SMOKE_FLAGS)" $(MAKE) --no-print-directory -j 2 sims SCALE=smoke
	@$(MAKE) --no-print-directory -j 2 figures SCALE=smoke

# make claims SCALE=paper SIMS=sadrtdinov2024_rates writes docs/claims-paper.md, of that sim alone.
RECORD := docs/claims$(if $(filter laptop,$(SCALE)),,-$(SCALE)).md

claims: $(MANIFESTS)  ## write docs/claims.md, the recorded verdicts, from the results at SCALE
	@$(BIN)/lrtheory check $(SIMS:%=sims/%.py) --scale $(SCALE) --results results --format markdown > $(RECORD).part
	@mv $(RECORD).part $(RECORD)

# -- quality ------------------------------------------------------------------------------------------------------

test: $(VENV)/.dev  ## run the tests (needs no results)
	@$(BIN)/python -m pytest -n 2 --dist loadscope $(TEST_ARGS)

lint: $(VENV)/.dev  ## ruff on everything, pyright on the library
	@$(BIN)/ruff check .
	@$(BIN)/pyright

# PyTorch takes other versions than .venv has, hence an environment of its own. Where it cannot be made, the table that
# needs it is one line, and the others are printed all the same.
bench: $(VENV)/.core  ## speed against a bare scan, PyTorch and this machine's GEMM rate
	@$(MAKE) --silent --no-print-directory $(RIVALS)/.bench || echo "make: no PyTorch: a table is left out" >&2
	@if test -e $(RIVALS)/.bench; then $(RIVALS)/bin/python -m benchmarks; else $(BIN)/python -m benchmarks; fi

$(RIVALS)/.bench: pyproject.toml constraints-bench.txt | $(VENV)/.core
	@echo "making $(RIVALS): the library and PyTorch (some GB where PyTorch comes with CUDA; the first time)"
	@rm -f $@
	@test -x $(RIVALS)/bin/python || $(BIN)/python -m venv $(RIVALS)
	@$(RIVALS)/bin/python -m pip --disable-pip-version-check -qq install \
	    --constraint constraints-bench.txt --editable '.[bench]'
	@touch $@

# -- maintenance --------------------------------------------------------------------------------------------------

# PyTorch fixes other versions of the CUDA libraries than JAX takes, hence a file of its own.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
    --fork-strategy fewest --no-header --no-annotate
CORE_EXTRAS  := dev images slurm cuda12 cuda13
BENCH_EXTRAS := bench

constraints: $(VENV)/.core  ## pin anew every version for Python >= 3.11
	@$(PIP) install uv
	@$(COMPILE) $(CORE_EXTRAS:%=--extra %) --output-file constraints.txt.part
	@$(COMPILE) $(BENCH_EXTRAS:%=--extra %) --output-file constraints-bench.txt.part
	@for f in constraints constraints-bench; do \
	    { echo "# Pinned versions for Python >= 3.11. Made by: make constraints"; cat $$f.txt.part; } > $$f.txt; \
	    rm $$f.txt.part; done

clean:  ## remove build/ and caches; results and .venv stay
	rm -rf build .pytest_cache .ruff_cache .hypothesis

clean-results:  ## remove the results of SCALE
	rm -rf results/$(SCALE)

distclean: clean  ## remove everything that make made
	rm -rf results $(VENV) $(RIVALS)
