# SPDX-License-Identifier: Apache-2.0
# The front door. Every target installs first what it needs (scripts/setup.sh; a stamp in .venv
# remembers it), so that `make sim` is all that a fresh Debian 12 with Python >= 3.11, make and
# git needs. `make` alone lists the targets.

ifneq ($(words $(CURDIR)),1)
$(error make cannot work in a folder whose name has a space ($(CURDIR)): move the checkout, or use psf)
endif
ifneq ($(PYTHON),)
ifneq ($(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
$(error PYTHON=$(PYTHON) does not start or is older than 3.11: name another Python, or none)
endif
endif

IMAGES  ?= 32
BATCH   ?=
SIM     ?= verilator
CONFIG  ?=
MODULE  ?=
PLACE   ?=
JOBS    ?= 2
PROGRAMS ?= 5000
FLIPS   ?= 2000
MUTANTS ?= 200
TRACE   ?=
DENSITY ?= 0.25

PSF     := .venv/bin/python -m golden
STAMP   := $(shell bash scripts/setup.sh --stamp)
config  := $(if $(CONFIG),--config $(CONFIG))
batch   := $(if $(BATCH),--batch $(BATCH))
seed    := $(if $(SEED),--seed $(SEED))
export SIM

.DEFAULT_GOAL := help
.PHONY: help setup sim test smoke lint docs waves train vectors accuracy compare batch latency \
  registers bench curves report timeline breakdown energy synth soc bitstream formal coverage functional fuzz faults \
  mutants removals \
  clean distclean

help: ## this list
	@echo 'make TARGET [VARIABLE=value ...]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo 'Variables: IMAGES=$(IMAGES)  SIM=verilator|icarus  CONFIG=<hardware configuration>'
	@echo '  TRACE=<npz of recorded spikes, docs/traces.md>  DENSITY=$(DENSITY) of its weights'
	@echo '  PROGRAMS=$(PROGRAMS)  FLIPS=$(FLIPS)  MUTANTS=$(MUTANTS)  SEED=<n> of random tests  WAVES=1  JOBS=<pytest workers>  DATA_DIR=<folder with Fashion-MNIST>'

$(STAMP):
	@bash scripts/setup.sh

setup: $(STAMP) ## install everything that is missing (system packages, .venv, requirements)

sim: $(STAMP) ## classify test images on the RTL and compare every spike with the golden model
	@$(PSF) sim --images $(IMAGES) --sim $(SIM) $(config) $(batch)

test: $(STAMP) ## all tests, those of the RTL on SIM
	@$(PSF) test -n $(JOBS) $(ARGS)

smoke: $(STAMP) ## the quick ones of the tests, before a commit
	@$(PSF) test -n $(JOBS) -m smoke $(ARGS)

lint: $(STAMP) ## Verilator -Wall, Verible, Yosys read_slang, combinational paths, ruff, names, licence lines
	@$(PSF) lint

docs: $(STAMP) ## the documentation as a web site (build/site/index.html)
	@$(PSF) docs

waves: $(STAMP) ## make sim on one image with waveforms (FST; the path is printed)
	@WAVES=1 $(PSF) sim --images 1 --sim $(SIM) $(config)

train: $(STAMP) ## train, prune and quantise the committed default network again (hours)
	@$(PSF) --replace train --config golden/configs/default.toml --out golden/checkpoints/dense.safetensors
	@for name in balanced unstructured; do \
	  $(PSF) --replace prune --config golden/configs/$$name.toml --out golden/checkpoints/$$name.safetensors || exit; done
	@for name in codebook75 codebook87; do \
	  $(PSF) --replace prune --config golden/configs/$$name.toml --dense golden/checkpoints/balanced_float.safetensors \
	    --out golden/checkpoints/$$name.safetensors || exit; done
	@$(PSF) --replace curves train

vectors: $(STAMP) ## compile the committed checkpoint: program, weights, images, expected spikes
	@$(PSF) compile $(config) $(batch)

accuracy: $(STAMP) ## accuracy over all 10,000 test images: dense, and pruned int8
	@$(PSF) accuracy

compare: $(STAMP) ## balanced against unstructured pruning, both measured on the RTL
	@$(PSF) compare --images $(IMAGES) --sim $(SIM) $(config)

batch: $(STAMP) ## images one by one against a batch in the job ring: cycles per image
	@$(PSF) batch --images $(IMAGES) $(config) $(batch)

latency: $(STAMP) ## cycles of an image against the latency of the memory and the reads outstanding
	@$(PSF) latency $(config)

bench: $(STAMP) ## the RTL against models of other accelerators: the workloads, or TRACE=spikes.npz with DENSITY
	@$(PSF) bench $(TRACE:%=--trace %) --density $(DENSITY) $(config) $(seed)

registers: $(STAMP) ## register map: HTML pages, C header, Python access (build/registers)
	@$(PSF) registers $(config)

curves: $(STAMP) ## accuracy, cycles, PE utilisation against weight sparsity, three pruning methods
	@$(PSF) curves measure $(config)

report: $(STAMP) ## one HTML page of all networks, encoders, pruning methods (build/report/index.html)
	@$(PSF) report

timeline: $(STAMP) ## where groups, banks, drains and loads are in every cycle (file for ui.perfetto.dev)
	@$(PSF) timeline $(config)

breakdown: $(STAMP) ## where the cycles go, per layer: table and picture
	@$(PSF) breakdown --sim $(SIM) $(config)

energy: $(STAMP) ## events counted in the RTL times published energies, and theory
	@$(PSF) energy $(config)

synth: $(STAMP) ## area, ECP5 place and route, Fmax, critical path, ASIC view; MODULE=psf_group: its area alone, PLACE=1 its Fmax
	@$(PSF) synth $(config) $(MODULE:%=--module %) $(PLACE:%=--place)

soc: $(STAMP) ## firmware on a RISC-V processor classifies 8 images (or IMAGES=n) with the block, simulated
	@$(PSF) soc $(config) $(if $(filter command,$(firstword $(origin IMAGES))),--images $(IMAGES))

bitstream: $(STAMP) ## the same system for the board ULX3S-85F (an hour)
	@$(PSF) bitstream $(config) $(seed)

formal: $(STAMP) ## SymbiYosys proofs
	@$(PSF) formal --jobs $(JOBS)

coverage: $(STAMP) ## line and toggle coverage of rtl/ by the regression
	@$(PSF) coverage -n $(JOBS) -q

functional: $(STAMP) ## functional coverage: fields x modes x stalls x errors that the tests of the whole block reach
	@$(PSF) coverage --functional -n $(JOBS) -q

fuzz: $(STAMP) ## PROGRAMS random programs: no hang, escape, unreported error or wrong result
	@$(PSF) fuzz --programs $(PROGRAMS) --jobs $(JOBS) $(seed)

faults: $(STAMP) ## FLIPS bit flips in memories during inferences: none goes unnoticed
	@$(PSF) faults --flips $(FLIPS) --jobs $(JOBS) $(seed) $(config)

mutants: $(STAMP) ## change the RTL at MUTANTS random points, one at a time: a test or a proof has to notice each
	@$(PSF) mutants --count $(MUTANTS) --jobs $(JOBS) $(seed)

removals: $(STAMP) ## the listed mutants, each without one protection: the named test has to notice (an hour)
	@$(PSF) mutants --listed --jobs $(JOBS)

clean: ## remove what was built, keep the installation
	@rm -rf build

distclean: ## remove the installation in .venv, too
	@rm -rf build .venv
