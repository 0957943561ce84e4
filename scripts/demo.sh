#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo, as root in the test VM (or on a machine that may load modules): reads, edits
# and forks a text on a quarter of the frames it needs, shows each step with the
# inspector, and checks the results with ordinary tools.
#
#   scripts/demo.sh [TEXT]
#
# TEXT, or PAGEBOX_DEMO_TEXT, is a file of at least 8 MiB; by default the kernel's
# System.map, or a concatenation of C headers and other texts on this machine. On a
# terminal there are pauses, and colours unless NO_COLOR is set. PAGEBOX_DEMO_PACED=1
# or =0 overrides the detection of a terminal, and COLUMNS its width.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

export LC_ALL=C
least=$((8 << 20))
release=$(uname -r)
module=$build/$release/pagebox.ko
inspector=$build/pagebox
program=$build/pagebox-demo
work='' loaded=''

clean_up()
{
	local status=$?

	if [ -n "$loaded" ] && ! rmmod pagebox; then
		say "the module could not be unloaded"
		status=1
	fi
	[ -z "$work" ] || rm -rf "$work"
	exit "$status"
}

# ---- a text --------------------------------------------------------------------

size_of()
{
	stat -L -c %s "$1"
}

# system_map: path of a System.map that is large enough. Some are placeholders.
system_map()
{
	local file

	for file in "/boot/System.map-$release" /boot/System.map-*; do
		if [ -r "$file" ] && [ "$(size_of "$file")" -ge "$least" ]; then
			echo "$file"
			return
		fi
	done
	return 1
}

# text_directories: directories that may contain texts, in order of preference. Header
# directories are searched first because they are flat.
text_directories()
{
	local directory

	for directory in "/lib/modules/$release/source/include/linux" \
		/usr/src/linux-headers-*-common/include/linux \
		"$cache"/kernels/*/usr/src/linux-headers-*-common/include/linux \
		/usr/include /usr/share/perl /usr/lib/python3 /usr/share/doc \
		/usr/share/common-licenses; do
		[ ! -d "$directory" ] || echo "$directory"
	done
}

# collect_text FILE: writes slightly more than 8 MiB. The size is not a multiple of the
# page size, so that the demo includes a partial last page.
collect_text()
{
	local want=$((least + 54321)) have=0 directory

	: >"$1"
	while read -r directory && [ "$have" -lt "$want" ]; do
		find -H "$directory" -type f \( -name '*.h' -o -name '*.txt' -o -name '*.p[lm]' \
			-o -name '*.py' -o -name copyright -o -name '*GPL*' \) \
			-exec cat {} + 2>/dev/null | head -c $((want - have)) >>"$1" || true
		have=$(size_of "$1")
	done < <(text_directories)
}

choose_text()
{
	text=${1:-${PAGEBOX_DEMO_TEXT:-}}
	if [ -n "$text" ]; then
		[ -r "$text" ] || die "cannot read $text"
		text=$(realpath "$text")
	elif ! text=$(system_map); then
		text=$work/text
		collect_text "$text"
	fi
	[ "$(size_of "$text")" -ge "$least" ] ||
		die "$text is smaller than 8 MiB; set PAGEBOX_DEMO_TEXT to a larger text"
}

# ---- setup ---------------------------------------------------------------------

need()
{
	[ -e "$1" ] || die "$1 does not exist: run 'make $2'"
}

load_module()
{
	if [ ! -d /sys/module/pagebox ]; then
		need "$module" "module KVER=$release"
		insmod "$module"
		loaded=1
	fi
	[ -d /sys/kernel/debug/pagebox ] || mount -t debugfs none /sys/kernel/debug
}

# For newer versions of wc, any byte can be part of a word; for older ones, only
# printable ones.
word_option()
{
	[ "$(printf '\200' | wc -w)" -eq 0 ] || echo --any-byte
}

is_paced()
{
	if [ -n "${PAGEBOX_DEMO_PACED:-}" ]; then
		[ "$PAGEBOX_DEMO_PACED" = 1 ]
	else
		[ -t 1 ]
	fi
}

is_coloured()
{
	[ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ] && is_paced
}

# narrow: wraps standard input to the width of the terminal.
narrow()
{
	local columns=${COLUMNS:-80}

	fold -s -w $((columns > 20 ? columns : 20))
}

# ---- check ---------------------------------------------------------------------

# apply NOTES FILE: applies the edits in NOTES ("ucase|lcase first count", in pages)
# with dd.
apply()
{
	local how first count

	while read -r how first count; do
		dd if="$2" of="$2" bs="$(getconf PAGESIZE)" skip="$first" seek="$first" \
			count="$count" conv="$how,notrunc" status=none
	done <"$1"
}

# same WHAT EXPECTED GOT
same()
{
	[ "$2" = "$3" ] || die "WRONG: $1: expected $2, got $3 from the box"
	echo "  correct: $1: $3" | narrow
}

# same_text WHAT EXPECTED GOT
same_text()
{
	cmp "$2" "$3" >&2 || die "WRONG: $1 differs from the same edits by dd"
	echo "  correct: $1: cksum $(cksum <"$3")" | narrow
}

check_answers()
{
	local words

	words=$(wc -w <"$text")
	same "words in the text, counted on a quarter of the frames it needs" "$words" "$(cat words)"
	same "words in the shared view after all the edits" "$words" "$(cat words-after)"
	same "the file itself, unchanged" "$checksum" "$(cksum <"$text")"

	cp "$text" want-parent
	apply before want-parent
	cp want-parent want-child
	apply parent want-parent
	apply child want-child
	same_text "the parent's text" want-parent parent.txt
	same_text "the child's text" want-child child.txt
	if cmp -s parent.txt child.txt || cmp -s parent.txt "$text"; then
		die "WRONG: texts with different edits are equal"
	fi
}

what_next()
{
	narrow <<-END

	Next steps:
	  make vm                      start a shell with the module loaded; in it:
	  build/pagebox ls             list boxes, while a program uses one
	  build/pagebox stat -w        count faults by class, every second
	  build/pagebox map -l         show each page: location, sharers, PTE
	  build/pagebox frames         show the clock, frame by frame
	  build/pagebox --help         list all commands; see also
	                               man userspace/inspector/pagebox.8
	  PAGEBOX_DEMO_TEXT=... make demo    run the demo with your own text
	END
}

[ "$(id -u)" = 0 ] || die "the demo loads a module: run it as root, or run 'make demo' for a VM"
need "$inspector" tools
need "$program" tools
trap clean_up EXIT
work=$(mktemp -d)
options=()
! is_paced || options+=(--paced)
! is_coloured || options+=(--color)
option=$(word_option)
[ -z "$option" ] || options+=("$option")

choose_text "$@"
checksum=$(cksum <"$text")
load_module
cd "$work"
"$program" "${options[@]}" "$inspector" "$text" "$work"

printf '\nChecking the results: wc, dd and cmp repeat the work on plain files.\n' | narrow
check_answers
what_next
