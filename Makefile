# SPDX-License-Identifier: GPL-2.0
# "make help" says what there is. The work is done by scripts/; the module's
# own makefile is Kbuild. Whatever is built lands in build/.

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

# A kernel's name for the VM, given as KVER= too.
vm_kernel := $(or $(KVER),6.12)

# What "make check-engine" runs at full size.
engine_tests := backends.sh memcg oom resize

##@ Build (V=1 shows the commands)
.PHONY: all module tools selftests install clean
all: module tools	## the module and the tools

module:			## build/RELEASE/pagebox.ko (KVER=RELEASE, or 6.1, 6.12, debug, 7.2, kcsan)
	@scripts/module "$(KVER)"

tools:			## build/pagebox, the inspector
	$(packages) tools
	@$(MAKE) -C userspace O=$(build) all

selftests:		## build/selftests (KSRC=DIR: the kernel source with the harness)
	$(packages) selftests
	@ksrc="$(KSRC)"; $(MAKE) -C selftests OUTPUT=$(build)/selftests KSRC="$${ksrc:-$$(scripts/ksrc)}"

install: module tools	## module and tools to this machine (DESTDIR=, PREFIX=, KVER=)
	@$(MAKE) -C userspace O=$(build) DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" install
	@scripts/module --install "$(DESTDIR)" "$(KVER)"

clean:			## remove build/; the kernels in the cache stay
	@rm -rf build

##@ Try it, in a test VM
.PHONY: demo demo-remote vm reload bench
demo:			## a program in a box, explained: faults, sharing, eviction
	$(packages) tools
	@MAKE="$(MAKE)" scripts/demo-vm

demo-remote: tools	## a box that is larger than its machine, on a disk of another
	@scripts/module --vm $(vm_kernel)
	@scripts/demo-remote-vm $(vm_kernel)

vm: tools		## a shell in a VM with the module loaded (KVER=6.1, 6.12, debug, 7.2, kcsan or a release)
	@scripts/module --vm $(vm_kernel)
	@scripts/vm shell --kernel $(vm_kernel)

reload:			## rebuild the modules and load them into the running "make vm"
	@release=$$(scripts/vm release) && scripts/module --vm "$$release" && scripts/vm reload

bench: tools		## count instructions of the fault paths, against memfd
	@scripts/module --vm $(vm_kernel)
	@scripts/vm run --icount --kernel $(vm_kernel) --timeout 900 -- scripts/bench.sh

##@ Check it
.PHONY: check check-engine check-detectors coverage mutants check-failnth fuzz fuzz-tools lint check-powercut check-real
check:			## everything (KERNELS="6.1 debug" and T=demand: only those selftests)
	@$(if $(filter-out file,$(origin KERNELS)),ONLY=selftests) KERNELS="$(KERNELS)" \
		T="$(T)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/check

check-engine:		## the tests of the engine at full size: 15 minutes (KERNEL=6.1, debug)
	@FULL=1 KERNELS="$(KERNEL)" T="$(engine_tests)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/check

check-detectors:	## that each checker sees its bug and that the runner fails on it
	@scripts/detectors

check-real:		## other people's tools on boxes: fio, memtester, sqlite and more (KERNEL=)
	@KERNEL="$(KERNEL)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/real

check-powercut:		## kill QEMU while a box writes to its store (KERNEL=, ROUNDS=20, SEED=)
	@KERNEL="$(KERNEL)" ROUNDS="$(ROUNDS)" SEED="$(SEED)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/powercut

coverage:		## which lines of module/ the tests run, on the debug kernel (T="demand evict")
	@scripts/coverage $(T)

mutants:		## test the tests: break the module in many ways, see who notices (T=NAME...)
	@scripts/mutants $(T)

check-failnth:		## every failure in every selftest; goes on where it was (KERNEL=, T=, SECS=3600)
	@KERNEL="$(KERNEL)" T="$(T)" SECS="$(SECS)" MOST="$(MOST)" KSRC="$(KSRC)" MAKE="$(MAKE)" scripts/check-failnth

fuzz:			## calls that nobody thought of, on the debug kernel (FUZZ="6.12-debug SECONDS SEED")
	@scripts/fuzz $(FUZZ)

fuzz-tools:		## the same for what the inspector reads, a minute for each parser
	$(packages) tools tests
	@$(MAKE) -C userspace O=$(build) fuzz

lint:			## compiler and static checks, layout, on all sources
	@scripts/lint

.PHONY: soak
soak:			## on and on, resumable (SOAK="--minutes 60 --kernel debug model", REPLAY="model debug 17")
	$(packages) module selftests kernel vm backends
	@KSRC="$(KSRC)" scripts/soak $(if $(REPLAY),--replay "$(REPLAY)",$(SOAK))

##@ This machine
.PHONY: doctor kernels kernels-refresh help
doctor:			## which packages are missing, what for, and how to get them
	@scripts/packages doctor

kernels:		## fetch or build all kernels now (they are kept outside the tree)
	@scripts/kernel dir $$(scripts/kernel names)

kernels-refresh:	## fetch the newest of the kernels that are there
	@scripts/kernel refresh

help:			## this list
	@awk -F '##' '/^##@/ { printf "\n%s\n", substr($$3 $$2, 2) } \
		/^[a-z-]+:.*##/ { split($$1, t, ":"); printf "  make %-16s%s\n", t[1], $$2 }' Makefile
