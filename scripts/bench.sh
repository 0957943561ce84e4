#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In a test VM booted with --icount: measures the fault paths in guest instructions
# per page, compared with a memfd in the same boot.
set -eu

cd "$(dirname "$0")/.."
insmod "build/$(uname -r)/pagebox.ko"
echo "Linux $(uname -r)"
# On a read fault the kernel may map nearby pages of a file; a box does not.
echo 4096 >/sys/kernel/debug/fault_around_bytes
build/pagebox-bench
rmmod pagebox
