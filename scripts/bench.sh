#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the test VM, booted with --icount: what the fault paths cost, in guest
# instructions per page, compared with a memfd in the same boot.
set -eu

cd "$(dirname "$0")/.."
insmod "build/$(uname -r)/pagebox.ko"
echo "Linux $(uname -r)"
# The kernel may fill a file's page table ahead of a read; a box does not.
echo 4096 >/sys/kernel/debug/fault_around_bytes
build/pagebox-bench
rmmod pagebox
