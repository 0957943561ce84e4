# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the scripts share: where things are, and how they speak.
# Sourced by bash scripts that run under "set -euo pipefail".

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034	# for the scripts that source this
build=$top/build
cache=${PAGEBOX_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set PAGEBOX_CACHE}/.cache}/pagebox}

# say TEXT...: progress, on stderr, so that stdout stays a command's own.
say()
{
	printf 'pagebox: %s\n' "$*" >&2
}

# die TEXT...: what is wrong and what to do about it.
die()
{
	say "$@"
	exit 1
}

# lock NAME: from here on, and until this shell ends, be the only one in NAME.
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

# as_root COMMAND...: for apt-get, the only thing that needs it.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo. As root, run: $*"
	fi
}

# hushed COMMAND...: its output is shown only when it fails, or with V=1.
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

# make_selftests GOAL...: "all" of the kselftests, or what else their Makefile has.
make_selftests()
{
	"${MAKE:-make}" -s -C "$top/selftests" OUTPUT="$build/selftests" \
		KSRC="${KSRC:-$("$top/scripts/ksrc")}" "$@"
}

# split_tests TEST...: sets $one_cpu and $two_cpus, on how many they are run.
split_tests()
{
	local smp

	smp=$(make_selftests emit_smp)
	# shellcheck disable=SC2034	# for the scripts that source this
	mapfile -t one_cpu < <(printf '%s\n' "$@" | grep -vxF "$smp")
	# shellcheck disable=SC2034
	mapfile -t two_cpus < <(printf '%s\n' "$@" | grep -xF "$smp")
}

# quoted ARG...: the arguments as words that any POSIX shell reads back.
quoted()
{
	local arg

	for arg; do
		printf "'%s' " "${arg//\'/\'\\\'\'}"
	done
}
