#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo of remote memory, in the VM of demo-remote-vm: two boxes that are larger
# than the machine. One swaps to a disk of another machine, one has its store there.
#
#   scripts/demo-remote.sh
#   scripts/demo-remote.sh in-swap|in-store    the programs in the boxes
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/demo-text.sh"

export PATH=$build:$PATH:/usr/sbin:/sbin
frames=4096
server=10.0.2.100

mib()
{
	echo "$(($1 >> 20)) MiB"
}

# memory KEY: a value from /proc/meminfo
memory()
{
	awk -v key="$1:" '$1 == key { printf "%d MiB", $2 / 1024 }' /proc/meminfo
}

size()
{
	mib "$(blockdev --getsize64 "$1")"
}

# show COMMAND...: prints the command and runs it.
show()
{
	printf '\n$ %s\n' "$*"
	"$@"
}

# ---- in a box -----------------------------------------------------------------

look_at_box()
{
	show pagebox ls "$PAGEBOX_BOX"
	show pagebox stat "$PAGEBOX_BOX"
	printf '\nThe machine still has %s of its %s available.\n' \
		"$(memory MemAvailable)" "$(memory MemTotal)"
}

# rewind: seeks to the start of the box. All users of the file descriptor share its
# position.
rewind()
{
	perl -e 'sysseek(STDIN, 0, 0) or die "$!\n"' <&"$PAGEBOX_FD"
}

check_box()
{
	local want got

	want=$(text | cksum)
	got=$(head -c "$text_bytes" <&"$PAGEBOX_FD" | cksum)
	[ "$want" = "$got" ] || die "WRONG: the text in the box has cksum $got instead of $want"
	echo "correct: $(mib "$text_bytes") of text, read from the box: cksum $got"
}

in_swap()
{
	text >&"$PAGEBOX_FD"
	look_at_box
	rewind
	check_box
}

in_store()
{
	check_box
	rewind
	edit >&"$PAGEBOX_FD"
	look_at_box
}

# ---- the story ------------------------------------------------------------------

attach()
{
	nbd-client -N '' "$server" "$1" "$2" >/dev/null 2>&1 ||
		die "cannot reach the disk on $server, port $1"
}

story()
{
	cat <<-END
	This machine has $(memory MemTotal) of memory and no disk. Another machine, $server, serves
	two over the network: /dev/nbd0 ($(size /dev/nbd0), empty) and /dev/nbd1 ($(size /dev/nbd1), a text).

	1. Remote memory: a box that swaps to /dev/nbd0. It has $(mib $((frames * 4096))) of frames;
	   $(mib "$text_bytes") are written to it and read back.
	END
	show pagebox new --name memory --frames $frames --swap /dev/nbd0 --readahead 32 -- "$0" in-swap
	cat <<-END

	2. A remote file: a box whose store is /dev/nbd1. The whole text is read through the
	   box, and its first $(mib "$edited_bytes") are changed. Changes are written back over time, the
	   remaining ones when the box is destroyed.
	END
	show pagebox new --name file --frames $frames --store /dev/nbd1 --readahead 32 -- "$0" in-store
}

case ${1-} in
in-swap) in_swap ;;
in-store) in_store ;;
*)
	insmod "$build/$(uname -r)/pagebox.ko"
	modprobe nbd
	attach 10809 /dev/nbd0
	attach 10810 /dev/nbd1
	story
	for disk in /dev/nbd0 /dev/nbd1; do
		nbd-client -d "$disk" >/dev/null
	done
	rmmod pagebox
	;;
esac
