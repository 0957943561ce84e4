#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo, as root in the test VM (or on a machine where modules may be
# loaded): a text is read, edited and forked on a quarter of the frames it needs,
# the inspector shows what happened, and ordinary tools check the answers.
#
#   scripts/demo.sh [TEXT]
#
# TEXT, or PAGEBOX_DEMO_TEXT, is a file of at least 8 MiB; without one it is the
# kernel's System.map, or C headers that this machine has, one after another.
# On a terminal the story has pauses, and colour unless NO_COLOR is set.
# PAGEBOX_DEMO_PACED=1 or =0 decides instead, for a terminal that is at the other
# end of a pipe; then COLUMNS says how wide it is.
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

# system_map: the path of one that is a real one, with its symbols in it.
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

# text_directories: where this machine may have texts, the dearest first. The
# directories of headers are flat, so that they are read without a search.
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

# collect_text FILE: write 8 MiB and a bit of texts. Not a whole number of
# pages: the tail of the last page is part of the story.
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
		die "$text has less than 8 MiB; name a longer text in PAGEBOX_DEMO_TEXT"
}

# ---- the stage -----------------------------------------------------------------

need()
{
	[ -e "$1" ] || die "$1 is not there: make $2"
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

# Newer wc takes any byte for a part of a word, older ones printable ones only.
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

# narrow: standard input, in lines that fit the terminal.
narrow()
{
	local columns=${COLUMNS:-80}

	fold -s -w $((columns > 20 ? columns : 20))
}

# ---- the check -----------------------------------------------------------------

# apply NOTES FILE: the edits in NOTES ("ucase|lcase first count", in pages), by dd.
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
	[ "$2" = "$3" ] || die "WRONG: $1: expected $2, the box says $3"
	echo "  right: $1: $3" | narrow
}

# same_text WHAT EXPECTED GOT
same_text()
{
	cmp "$2" "$3" >&2 || die "WRONG: $1 differs from the same edit by dd"
	echo "  right: $1: cksum $(cksum <"$3")" | narrow
}

check_answers()
{
	local words

	words=$(wc -w <"$text")
	same "words of the text, counted on a quarter of its frames" "$words" "$(cat words)"
	same "words in the shared view after all the edits" "$words" "$(cat words-after)"
	same "the file itself, untouched" "$checksum" "$(cksum <"$text")"

	cp "$text" want-parent
	apply before want-parent
	cp want-parent want-child
	apply parent want-parent
	apply child want-child
	same_text "the parent's text" want-parent parent.txt
	same_text "the child's text" want-child child.txt
	if cmp -s parent.txt child.txt || cmp -s parent.txt "$text"; then
		die "WRONG: texts that were edited differently are the same"
	fi
}

what_next()
{
	narrow <<-END

	What to try next:
	  make vm                      a shell with the module loaded; in it:
	  build/pagebox ls             the boxes there are, while a program has one
	  build/pagebox stat -w        faults by class, every second
	  build/pagebox map -l         each page: where, shared by how many, its PTE
	  build/pagebox frames         the clock, frame by frame
	  build/pagebox --help         the rest; or man userspace/inspector/pagebox.8
	  PAGEBOX_DEMO_TEXT=... make demo    the same story with a text of yours
	END
}

[ "$(id -u)" = 0 ] || die "the demo loads a module: run it as root, or 'make demo' for a VM"
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

printf '\nChecking the results: wc, dd and cmp do the same work on plain files.\n' | narrow
check_answers
what_next
