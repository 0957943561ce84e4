# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Counts results, for scripts/check. Sourced after lib.sh.

passed=0 failed=0 skipped=0
# shellcheck disable=SC2034	# for the scripts that source this
failures=()

tally()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + ${3:-0}))
}

# fail TEXT: counts a failure that no test reported.
fail()
{
	say "FAILED: $1"
	failures+=("$1")
	tally 0 1
}

count()
{
	grep -cE -- "$1" "$2" || true
}

# count_tap NAME FILE STATUS: counts flat TAP. A program that fails without a failed
# test, or reports no test at all, counts as a failure. So does a skip, because this
# machine provides all that a test needs.
count_tap()
{
	local name=$1 file=$2 status=$3 good bad skips

	skips=$(count '^ok .*# SKIP' "$file")
	good=$(($(count '^ok ' "$file") - skips))
	bad=$(count '^not ok ' "$file")
	tally "$good" "$bad" "$skips"
	if [ "$bad" != 0 ]; then
		while read -r line; do
			failures+=("$name: ${line#not ok }")
		done < <(grep '^not ok ' "$file")
	elif [ "$status" != 0 ]; then
		fail "$name (exit status $status)"
	elif [ "$good" = 0 ]; then
		fail "$name reported no test"
	fi
}

# count_vm NAME FILE STATUS: counts the output of scripts/guest/check. Without a verdict
# the guest has crashed; its results up to that point still count.
count_vm()
{
	local name=$1 file=$2 status=$3 verdict good bad

	while read -r line; do
		failures+=("$name: ${line#not ok }")
	done < <(sed -n 's/^ *not ok /not ok /p' "$file")
	verdict=$(sed -n 's/^VERDICT \(ok\|failed\) \([0-9]*\) passed \([0-9]*\) failed$/\1 \2 \3/p' "$file")
	if [ -n "$verdict" ]; then
		read -r verdict good bad <<<"$verdict"
	else
		verdict=none
		good=$(count '^    ok ' "$file")
		bad=$(count '^    not ok ' "$file")
	fi
	tally "$good" "$bad"
	if [ "$verdict" = none ]; then
		fail "$name: the VM ended before the verdict (status $status)"
	elif [ "$verdict" = ok ] && [ "$status" != 0 ]; then
		fail "$name: the VM failed after the tests passed (status $status)"
	elif [ "$verdict" = failed ] && [ "$bad" = 0 ]; then
		fail "$name: failed without a failed test"
	fi
}
