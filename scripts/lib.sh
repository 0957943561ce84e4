# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by the scripts: paths, messages and locks. Sourced by bash scripts that run
# under "set -euo pipefail".

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034	# for the scripts that source this
build=$top/build
cache=${PAGEBOX_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set PAGEBOX_CACHE}/.cache}/pagebox}

# say TEXT...: prints progress to stderr; stdout is for results.
say()
{
	printf 'pagebox: %s\n' "$*" >&2
}

# die TEXT...: prints an error, with a remedy, and exits.
die()
{
	say "$@"
	exit 1
}

# lock NAME: takes an exclusive lock until this shell exits.
lock()
{
	local fd

	mkdir -p "$cache/locks"
	exec {fd}>"$cache/locks/${1//\//_}"
	flock -n "$fd" || {
		say "waiting for another run that holds $1"
		flock "$fd"
	}
}

# as_root COMMAND...: runs a command as root. Only apt-get needs this.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this requires root, and sudo is not installed. As root, run: $*"
	fi
}

# hushed COMMAND...: shows the output only if the command fails, or with V=1.
hushed()
{
	local log status=0

	if [ "${V:-}" = 1 ]; then
		"$@" >&2
		return
	fi
	log=$(mktemp)
	("$@") >"$log" 2>&1 || status=$?
	[ "$status" = 0 ] || cat "$log" >&2
	rm "$log"
	return "$status"
}

# make_selftests GOAL...: builds targets of selftests/Makefile.
make_selftests()
{
	"${MAKE:-make}" -s -C "$top/selftests" OUTPUT="$build/selftests" \
		KSRC="${KSRC:-$("$top/scripts/ksrc")}" "$@"
}

# split_tests TEST...: sets $one_cpu and $two_cpus to the tests for one and two CPUs.
split_tests()
{
	local smp

	smp=$(make_selftests emit_smp)
	# shellcheck disable=SC2034	# for the scripts that source this
	mapfile -t one_cpu < <(printf '%s\n' "$@" | grep -vxF "$smp")
	# shellcheck disable=SC2034
	mapfile -t two_cpus < <(printf '%s\n' "$@" | grep -xF "$smp")
}

# split_by_module KERNEL TEST...: sets $usual to the tests that run with the module for
# users, and $with_failpoints to those that run with the module that has failpoints: on
# a debug kernel these are all.
split_by_module()
{
	local needing

	usual=() with_failpoints=()
	case $("$top/scripts/kernel" name "$1") in
	*-*)
		shift
		with_failpoints=("$@")
		return
		;;
	esac
	shift
	needing=$(make_selftests emit_failpoints)
	mapfile -t usual < <(printf '%s\n' "$@" | grep -vxF "$needing")
	mapfile -t with_failpoints < <(printf '%s\n' "$@" | grep -xF "$needing")
}

# build_modules TREE KERNEL TEST...: builds the modules of TREE that the tests need.
build_modules()
{
	local tree=$1 usual with_failpoints

	shift
	split_by_module "$@"
	[ ${#usual[@]} = 0 ] || "$tree/scripts/module" --vm "$1" || return
	[ ${#with_failpoints[@]} = 0 ] || "$tree/scripts/module" --failpoints "$1"
}

# modules_and_tests KERNEL TEST...: sets $arguments for scripts/guest/check: each
# module, followed by its tests.
modules_and_tests()
{
	local usual with_failpoints dir

	split_by_module "$@"
	dir=build/$("$top/scripts/kernel" release "$1")
	arguments=()
	[ ${#usual[@]} = 0 ] || arguments+=("$dir/pagebox.ko" "${usual[@]}")
	# shellcheck disable=SC2034	# for the scripts that source this
	[ ${#with_failpoints[@]} = 0 ] ||
		arguments+=("$dir-failpoints/pagebox.ko" "${with_failpoints[@]}")
}

# quoted ARG...: quotes the arguments for a POSIX shell.
quoted()
{
	local arg

	for arg; do
		printf "'%s' " "${arg//\'/\'\\\'\'}"
	done
}
