# SPDX-License-Identifier: GPL-2.0
# "make help" lists the targets. Most run scripts/; the module's makefile is Kbuild.
# All output goes to build/.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
KERNELS ?= 6.1 6.12 6.12-debug 7.2-debug
KERNEL ?= 6.12
KSRC ?=

build := $(CURDIR)/build
packages := @scripts/packages need

# The kernel of the VM, from KVER=.
vm_kernel := $(or $(KVER),6.12)

# Tests that "make check-engine" runs at full size.
engine_tests := backends.sh memcg oom resize

##@ Build (V=1 shows the commands)
.PHONY: all module tools selftests install clean
all: module tools	## build the module and the tools

module:			## build the module, build/RELEASE/pagebox.ko (KVER=RELEASE, or 6.1, 6.12, debug, 7.2, kcsan)
	@scripts/module "$(KVER)"

tools:			## build the inspector, build/pagebox
	$(packages) tools
	@$(MAKE) -C userspace O=$(build) all

selftests:		## build the kselftests in build/selftests (KSRC=DIR: kernel source with the kselftest harness)
	$(packages) selftests
	@ksrc="$(KSRC)"; $(MAKE) -C selftests OUTPUT=$(build)/selftests KSRC="$${ksrc:-$$(scripts/ksrc)}"

install: module tools	## install the module and the tools (DESTDIR=, PREFIX=, KVER=)
	@$(MAKE) -C userspace O=$(build) DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" install
	@scripts/module --install "$(DESTDIR)" "$(KVER)"

clean:			## remove build/ but keep the kernel cache
	@rm -rf build

##@ Try, in a test VM
.PHONY: demo demo-remote vm reload bench
demo:			## a program in a box, step by step: faults, sharing, eviction
	$(packages) tools
	@MAKE="$(MAKE)" scripts/demo-vm

demo-remote: tools	## boxes larger than their machine, on disks of another machine
	@scripts/module --vm $(vm_kernel)
	@scripts/demo-remote-vm $(vm_kernel)

vm: tools		## start a shell in a VM with the module loaded (KVER=6.1, 6.12, debug, 7.2, kcsan or a release)
	@scripts/module --vm $(vm_kernel)
	@scripts/vm shell --kernel $(vm_kernel)

reload:			## rebuild the modules and reload them in the running "make vm"
	@release=$$(scripts/vm release) && scripts/module --vm "$$release" && scripts/vm reload

bench: tools		## count the instructions of the fault paths, compared with memfd
	@scripts/module --vm $(vm_kernel)
	@scripts/vm run --icount --kernel $(vm_kernel) --timeout 900 -- scripts/bench.sh

##@ Check
.PHONY: check check-engine check-detectors coverage mutants check-failnth fuzz fuzz-tools lint check-powercut check-real
check:			## run all checks (KERNELS="6.1 debug" or T=demand: selftests only)
	@$(if $(filter-out file,$(origin KERNELS)),ONLY=selftests) KERNELS="$(KERNELS)" \
		T="$(T)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/check

check-engine:		## run the tests of the engine at full size, 15 minutes (KERNEL=6.1, debug)
	@FULL=1 KERNELS="$(KERNEL)" T="$(engine_tests)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/check

check-detectors:	## check that every checker detects a seeded bug and the run fails
	@scripts/detectors

check-real:		## run third-party tools on boxes: fio, memtester, sqlite and more (KERNEL=)
	@KERNEL="$(KERNEL)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/real

check-powercut:		## kill QEMU while a box writes to its store, and check it (KERNEL=, ROUNDS=20, SEED=)
	@KERNEL="$(KERNEL)" ROUNDS="$(ROUNDS)" SEED="$(SEED)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/powercut

coverage:		## list the lines of module/ that no test executes, on the debug kernel (T="demand evict")
	@scripts/coverage $(T)

mutants:		## test the tests: break the module and check that a test fails (T=NAME...)
	@scripts/mutants $(T)

check-failnth:		## inject every failure into every selftest; resumable (KERNEL=, T=, SECS=3600)
	@KERNEL="$(KERNEL)" T="$(T)" SECS="$(SECS)" MOST="$(MOST)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/check-failnth

fuzz:			## run random system calls on the debug kernel (FUZZ="6.12-debug SECONDS SEED")
	@scripts/fuzz $(FUZZ)

fuzz-tools:		## fuzz the parsers of the inspector, a minute each
	$(packages) tools tests
	@$(MAKE) -C userspace O=$(build) fuzz

lint:			## run compiler and static checks on all sources
	@scripts/lint

.PHONY: soak
soak:			## run random tests for a long time; resumable (SOAK="--minutes 60 --kernel debug model", REPLAY="model debug 17")
	$(packages) module selftests kernel vm backends
	@KSRC="$(KSRC)" scripts/soak $(if $(REPLAY),--replay "$(REPLAY)",$(SOAK))

##@ This machine
.PHONY: doctor kernels kernels-refresh help
doctor:			## list missing packages, their purpose, and how to install them
	@scripts/packages doctor

kernels:		## fetch or build all kernels now, into a cache outside the tree
	@scripts/kernel dir $$(scripts/kernel names)

kernels-refresh:	## fetch the latest versions of the cached kernels
	@scripts/kernel refresh

help:			## show this list
	@awk -F '##' '/^##@/ { printf "\n%s\n", substr($$3 $$2, 2) } \
		/^[a-z-]+:.*##/ { split($$1, t, ":"); printf "  make %-16s%s\n", t[1], $$2 }' Makefile
