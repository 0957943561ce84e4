# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Progress and estimates for long work. Sourced after lib.sh.
#
# $cache/times/WORK contains the seconds and the number of steps of the last run of WORK
# on this machine.

# Seconds between two reports.
report_interval=30

# duration SECONDS: prints a human-readable duration.
duration()
{
	if [ "$1" -lt 100 ]; then
		echo "$1 s"
	else
		echo "$((($1 + 30) / 60)) min"
	fi
}

# recall WORK: sets $last_seconds and $last_steps, empty before the first run.
recall()
{
	last_seconds='' last_steps=''
	# shellcheck disable=SC2034,SC2154	# for the scripts that source this; of lib.sh
	[ ! -s "$cache/times/$1" ] || read -r last_seconds last_steps <"$cache/times/$1"
}

# remember WORK SECONDS [STEPS]
remember()
{
	mkdir -p "$cache/times"
	echo "$2 ${3:-}" >"$cache/times/$1.$$"
	mv "$cache/times/$1.$$" "$cache/times/$1"
}

# about WORK TYPICAL: prints an estimate, TYPICAL seconds before the first run.
about()
{
	recall "$1"
	if [ -n "$last_seconds" ]; then
		echo "about $(duration "$last_seconds"), as last time"
	else
		echo "typically $(duration "$2")"
	fi
}

# left SECONDS DONE TOTAL EXPECTED: prints an estimate of the remaining time after
# SECONDS. TOTAL and EXPECTED are empty if unknown.
left()
{
	local rest

	if [ -n "$3" ] && [ "$2" -gt 0 ]; then
		rest=$(($1 * ($3 - $2) / $2))
	elif [ -n "$4" ]; then
		rest=$(($4 - $1))
	else
		return
	fi
	if [ "$rest" -gt 0 ]; then
		echo ", about $(duration "$rest") left"
	else
		echo ", longer than expected"
	fi
}

# reports TEXT UNIT TOTAL EXPECTED COUNT...: periodically prints the progress of the
# parent. COUNT prints the number of UNITs done. Waits with read because a sleep process
# could outlive this one and hold its locks.
reports()
{
	local text=$1 unit=$2 total=$3 expected=$4 began=$SECONDS never count

	shift 4
	exec {never}<> <(:)
	while ! read -rt "$report_interval" -u "$never" && kill -0 "$watched_by" 2>/dev/null; do
		count=$("$@")
		say "$text: $count${total:+ of about $total} $unit in" \
			"$(duration $((SECONDS - began)))$(left $((SECONDS - began)) "$count" "$total" "$expected")"
	done
}

lines_of()
{
	wc -l <"$1"
}

megabytes_in()
{
	local bytes

	bytes=$(du -sb "$1" 2>/dev/null | cut -f 1)
	echo $((${bytes:-0} >> 20))
}

# watched TEXT UNIT TOTAL EXPECTED COUNT LOG COMMAND...: runs COMMAND and reports its
# progress. Its output goes to the file LOG, or is shown with V=1. COUNT is a command,
# split into words.
watched()
{
	local text=$1 unit=$2 total=$3 expected=$4 count log=$6 watched_by=$BASHPID reporter status=0

	read -ra count <<<"$5"
	shift 6
	if [ "${V:-}" = 1 ]; then
		"$@" >&2
		return
	fi
	mkdir -p "${log%/*}"
	: >"$log"
	reports "$text" "$unit" "$total" "$expected" "${count[@]}" >/dev/null </dev/null &
	reporter=$!
	("$@") >"$log" 2>&1 || status=$?
	kill "$reporter"
	wait "$reporter" 2>/dev/null || true
	return "$status"
}

# show_log LOG: shows the end of the output of a failed command, unless V=1 did.
show_log()
{
	[ "${V:-}" = 1 ] || tail -n 100 "$1" >&2
}
