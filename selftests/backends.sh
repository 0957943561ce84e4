#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The same programs on every backend: a file on ext4, a disk, zram, dm-delay,
# dm-flakey and nbdkit's memory over NBD, each as store and as swap area. Then the
# effects of a failing device on a box: SIGBUS for an unreadable page of the store
# or swap area, EIO from msync() for an unwritable page, and no damage to other
# pages; once the device recovers, the accesses succeed.
#
#   PAGEBOX_DISK=DEVICE   a disk to overwrite; by default one of the test VM's
#                         scratch disks, identified by their serial
#                         numbers
#   PAGEBOX_FULL=1        at full size: a file of 1 GiB for a minute, for instance
#   PAGEBOX_SLOW=1        smaller, for debug kernels
set -u

here=$(cd "$(dirname "$0")" && pwd)
export PATH=$PATH:/usr/sbin:/sbin

page=4096
broken=1000			# the page that fails
limit=600			# seconds per program
if [ "${PAGEBOX_FULL:-}" = 1 ]; then
	bytes=$((64 << 20)) frames=2048 operations=10000 snapshot_pages=4096
	file_bytes=$((1 << 30)) file_frames=4096 seconds=60
elif [ "${PAGEBOX_SLOW:-}" = 1 ]; then
	bytes=$((4 << 20)) frames=128 operations=250 snapshot_pages=128
	file_bytes=$((16 << 20)) file_frames=128 seconds=3
else
	bytes=$((8 << 20)) frames=256 operations=1000 snapshot_pages=512
	file_bytes=$((64 << 20)) file_frames=512 seconds=3
fi
device_bytes=$((2 * bytes))
sectors=$((device_bytes / 512))

backends='file disk zram delay flakey nbd'
plan=$((6 * 4 + 1 + 2 + 2 * 6))
work='' disk='' store='' swap=''

# ---- KTAP ----------------------------------------------------------------------

number=0 failed=0

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# check NAME COMMAND...: passes if the command exits with 0.
check()
{
	local name=$1 status=0

	shift
	number=$((number + 1))
	"$@" >"$work/output" 2>&1 || status=$?
	sed 's/^/# /' "$work/output"
	if [ "$status" = 0 ]; then
		echo "ok $number $name"
	else
		failed=$((failed + 1))
		echo "# exit status $status"
		echo "not ok $number $name"
	fi
}

# ---- requirements ----------------------------------------------------------------

scratch_disk()
{
	local serial

	for serial in /sys/block/vd*/serial; do
		case $(cat "$serial" 2>/dev/null) in
		pagebox-scratch-*)
			serial=${serial#/sys/block/}
			echo "/dev/${serial%/serial}"
			return
			;;
		esac
	done
}

need()
{
	local tool module

	[ "$(id -u)" = 0 ] || skip_all "only root can set up devices"
	[ -c /dev/pagebox ] || skip_all "no /dev/pagebox: load the module"
	for tool in dmsetup mkfs.ext4 nbd-client nbdkit zramctl; do
		command -v "$tool" >/dev/null || skip_all "$tool is not installed"
	done
	for module in dm-delay dm-flakey ext4 nbd zram; do
		modprobe -q "$module" || skip_all "the kernel has no $module"
	done
	disk=${PAGEBOX_DISK:-$(scratch_disk)}
	[ -n "$disk" ] || skip_all "no disk to overwrite: set PAGEBOX_DISK"
	[ -b "$disk" ] || skip_all "$disk is not a block device"
}

# ---- setting up and tearing down --------------------------------------------------

undo=()

# later COMMAND...: registers a command for tear_down, which runs the last one first.
later()
{
	undo+=("$(printf '%q ' "$@")")
}

# Fails if a device is still in use because a box has not released it.
tear_down()
{
	local status=0

	while [ ${#undo[@]} -gt 0 ]; do
		eval "${undo[-1]}" || status=1
		unset 'undo[-1]'
	done
	return $status
}

clean_up()
{
	tear_down
	rm -rf "$work"
}

# The up_* functions set $store and $swap.
up_file()
{
	mkfs.ext4 -q -F "$disk" || return
	mkdir "$work/mnt"
	later rmdir "$work/mnt"
	mount "$disk" "$work/mnt" || return
	later umount "$work/mnt"
	store=$work/mnt/store swap=$work/mnt/swap
	truncate -s "$file_bytes" "$store" && truncate -s "$device_bytes" "$swap"
}

up_disk()
{
	store=$disk swap=$disk
}

up_zram()
{
	store=$(zramctl -f -s "$device_bytes") || return
	later zramctl -r "$store"
	swap=$store
}

# mapped NAME TABLE: a device-mapper device, under its kernel name. Names in
# /dev/mapper are created by udev, which may not be running.
mapped()
{
	dmsetup create "$1" --table "$2" || return
	later dmsetup remove "$1"
	store=/dev/$(dmsetup info -c --noheadings -o blkdevname "$1") || return
	swap=$store
}

up_delay()
{
	mapped pagebox-delay "0 $sectors delay $disk 0 1"
}

# with_broken_page DEVICE TARGET: a table with a separate target for the page that
# fails.
with_broken_page()
{
	local first=$((broken * page / 512)) length=$((page / 512))
	local rest=$((first + length))

	echo "0 $first linear $1 0"
	echo "$first $length $2"
	echo "$rest $((sectors - rest)) linear $1 $rest"
}

# flakey_table SECONDS-UP SECONDS-DOWN [FEATURES]
flakey_table()
{
	with_broken_page "$disk" "flakey $disk $((broken * page / 512)) $*"
}

up_flakey()
{
	mapped pagebox-flakey "$(flakey_table 86400 0)"
}

free_nbd()
{
	local size

	for size in /sys/block/nbd*/size; do
		if [ "$(cat "$size")" = 0 ]; then
			size=${size#/sys/block/}
			echo "/dev/${size%/size}"
			return
		fi
	done
	echo "no /dev/nbd* is free" >&2
	return 1
}

# stop_server NAME: stops a server and waits for its exit.
stop_server()
{
	local pid

	pid=$(cat "$work/$1.pid")
	kill "$pid" && timeout 30 tail --pid="$pid" -f /dev/null && rm -f "$work/$1".*
}

# served NAME ARGUMENT...: a disk served by nbdkit over a unix socket.
served()
{
	local name=$1

	shift
	store=$(free_nbd) || return
	nbdkit -U "$work/$name.socket" -P "$work/$name.pid" "$@" || return
	later stop_server "$name"
	nbd-client -N '' -u "$work/$name.socket" "$store" || return
	later nbd-client -d "$store"
	swap=$store
}

up_nbd()
{
	served whole memory "$device_bytes"
}

# All pages except one are on a server that does not fail.
up_nbd_error()
{
	local whole

	up_nbd || return
	whole=$store
	served part --filter=error memory 1M \
		error-pread-rate=100% error-pread-file="$work/fail-reads" \
		error-pwrite-rate=100% error-pwrite-file="$work/fail-writes" || return
	mapped pagebox-nbd "$(with_broken_page "$whole" "linear $store 0")"
}

# ---- a page that fails --------------------------------------------------------------

flakey_becomes()
{
	dmsetup reload pagebox-flakey --table "$(flakey_table "$@")" &&
		dmsetup resume pagebox-flakey
}

# break_flakey reads|writes: Linux 6.1 has no error_reads. On every kernel, a device
# that is down without features fails all requests.
break_flakey()
{
	case $1 in
	reads) flakey_becomes 0 86400 ;;
	writes) flakey_becomes 0 86400 1 error_writes ;;
	esac
}

repair_flakey()
{
	flakey_becomes 86400 0
}

break_nbd_error()
{
	touch "$work/fail-$1"
}

repair_nbd_error()
{
	rm -f "$work"/fail-*
}

# ---- the cases --------------------------------------------------------------------

workload()
{
	timeout -k 5 "$limit" "$here/workload" "$@"
}

# The last line of output is "checksum N".
as_store()
{
	workload -F -s "$bytes" "$store" &&
		workload -s "$bytes" -n "$frames" -d "$operations" "$store" &&
		sed -n 's/^checksum //p' "$work/output" >>"$work/checksums"
}

# With a quarter of the frames it needs.
as_swap()
{
	timeout -k 5 "$limit" "$here/snapshot" \
		-p "$snapshot_pages" -r 1 -w "$swap" -o "$work/image"
}

# The same operations on the same contents must have the same result.
alike()
{
	sort "$work/checksums" | uniq -c
	[ "$(wc -l <"$work/checksums")" = "$(wc -w <<<"$backends")" ] &&
		[ "$(sort -u "$work/checksums" | wc -l)" = 1 ]
}

file_workload()
{
	workload -s "$file_bytes" -n "$file_frames" -t "$seconds" "$@" "$store"
}

# says LINE: waits until the program that writes to $from prints the line.
says()
{
	local line

	while read -r -t "$limit" -u "$from" line; do
		echo "$line"
		[ "$line" != "$1" ] || return 0
	done
	return 1
}

# failing DEVICE reads|writes OPTION...: the device fails until the program has
# noticed; then the program must see it recover.
failing()
{
	local device=$1 what=$2 status=0 pid to from

	shift 2
	workload -F -s "$bytes" "$store" && "break_$device" "$what" || return
	workload "$@" -s "$bytes" "$store" <"$work/to" >"$work/from" 2>&1 &
	pid=$!
	exec {to}>"$work/to" {from}<"$work/from"
	says "failed as expected" || status=1
	"repair_$device" || status=1
	# In a subshell, as SIGPIPE from a program that has exited must not end this one.
	(echo >&"$to") || status=1
	exec {to}>&-
	cat <&"$from"
	exec {from}<&-
	wait "$pid" && return $status
}

# failing_swap DEVICE OPTION...: the page in one slot is unreadable for a while.
failing_swap()
{
	local device=$1 status=0 pid to from

	shift
	timeout -k 5 "$limit" "$here/badsector" "$@" -b "$broken" "$swap" \
		<"$work/to" >"$work/from" 2>&1 &
	pid=$!
	exec {to}>"$work/to" {from}<"$work/from"
	says "swapped out" && "break_$device" reads || status=1
	(echo >&"$to") || status=1
	says "failed as expected" || status=1
	"repair_$device" || status=1
	(echo >&"$to") || status=1
	exec {to}>&-
	cat <&"$from"
	exec {from}<&-
	wait "$pid" && return $status
}

# ---- the run -----------------------------------------------------------------------

on_backend()
{
	check "$1: set up" "up_$1"
	check "$1: as store" as_store
	check "$1: as swap area" as_swap
	if [ "$1" = file ]; then
		check "file: two processes, $((file_bytes >> 20)) MiB, $seconds s" file_workload
		check "file: the same, and one is killed" file_workload -k
	fi
	check "$1: free again" tear_down
}

on_failing()
{
	check "$1: set up to fail" "up_$1"
	check "$1: a page that cannot be read" failing "$1" reads -R "$broken"
	check "$1: a page that cannot be written" failing "$1" writes -W
	check "$1: a sector of private pages' swap area goes bad" failing_swap "$1"
	check "$1: a sector of shared pages' swap area goes bad" failing_swap "$1" -s
	check "$1: free after failing" tear_down
}

need
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$work/to" "$work/from"
: >"$work/checksums"
echo "KTAP version 1"
echo "1..$plan"
for backend in $backends; do
	on_backend "$backend"
done
check "all stores hold the same" alike
on_failing flakey
on_failing nbd_error
[ "$failed" = 0 ] && [ "$number" = "$plan" ]
