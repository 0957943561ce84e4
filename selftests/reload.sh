#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# "make reload" as it runs in its VM: it replaces pagebox.ko and the policy modules
# that depend on it, or keeps all of them.
set -u

here=$(cd "$(dirname "$0")" && pwd)
reload=$here/../../scripts/guest/reload
module=${PAGEBOX_KO:-}
export PATH=$PATH:/usr/sbin:/sbin
number=0 failed=0 said=''

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# is NAME CONDITION...: a test case.
is()
{
	local name=$1

	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $name"
	else
		failed=$((failed + 1))
		printf "# %s\n" "${said//$'\n'/$'\n'# }"
		echo "not ok $number $name"
	fi
}

# reloads STATUS TEXT MODULE [PARAMETER...]: it exits with the status, and prints the
# text.
reloads()
{
	local want=$1 text=$2 status=0

	shift 2
	said=$(sh "$reload" "$@" 2>&1) || status=$?
	[ "$status" = "$want" ] && [[ $said == *"$text"* ]]
}

# loaded FRAMES NAME...: these modules are loaded, and pagebox has so many frames.
loaded()
{
	local frames=$1 name

	shift
	for name; do
		[ -d "/sys/module/$name" ] || return
	done
	[ "$(cat /sys/module/pagebox/parameters/frames)" = "$frames" ]
}

is_policy()
{
	grep -qx "$1" /sys/kernel/debug/pagebox/policies
}

[ -f "$module" ] || skip_all "PAGEBOX_KO is not a module"
[ -x "$reload" ] || skip_all "no $reload"
usual=$(cat /sys/module/pagebox/parameters/frames)
alone=$(mktemp -d)
trap 'rm -rf "$alone"' EXIT
cp "$module" "$alone/"
echo "TAP version 13"
echo "1..12"

is "the module alone is reloaded" reloads 0 "built last: pagebox" "$module" frames=48
is "it is the new one" loaded 48
is "a policy that was not loaded is not" test ! -d /sys/module/pagebox_mru

insmod "${module%/*}/pagebox_mru.ko"
is "a policy's module is no obstacle" reloads 0 "pagebox pagebox_mru" "$module" frames=56
is "both are loaded" loaded 56 pagebox_mru
is "boxes can use it" is_policy mru

exec 9<>/dev/pagebox
is "a box is one" reloads 1 "in use by process $$" "$module" frames=48
is "then all stays" loaded 56 pagebox_mru
exec 9>&-

is "a policy without a new module is named" \
	reloads 1 "pagebox_mru was unloaded and is not in $alone" "$alone/pagebox.ko" frames=40
is "pagebox is new" loaded 40
is "so is a module that does not load" reloads 1 "cannot load $alone/none.ko" "$alone/none.ko"
is "and is loaded the next time" reloads 0 "reloaded" "$module" "frames=$usual"
[ "$failed" = 0 ]
