#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Third-party programs that are unaware of pagebox and check their own data: fio,
# memtester, stress-ng, SQLite and LMDB, on boxes with few frames.
#
# Only memtester opens /dev/pagebox itself. The others need a file, but a box has no
# path: opening /dev/fd/N creates another box. So boxfile.so is preloaded. With it
# they open the box in place of a path, or get their anonymous memory from the box.
# Not used are:
#
#   stress-ng --fork, --mmapfork   they verify no data, and their sizes depend on the
#                                  machine's memory
#   stress-ng --mmap               one operation on 512 KiB takes more than two minutes
#                                  in the test VM
#   SQLite and LMDB, growing a database: a box is as large as its store, which
#                                  has its full size from the start
#
#   PAGEBOX_FULL=1   run for minutes instead of seconds
#   PAGEBOX_SEED=N   seed of the programs that take one
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH=${PAGEBOX_BIN:-$here/..}:$PATH:/usr/sbin:/sbin
debugfs=/sys/kernel/debug/pagebox
seed=${PAGEBOX_SEED:-1}
size=1
[ "${PAGEBOX_FULL:-}" != 1 ] || size=8

plan=8
number=0 failed=0 work=''

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 4
}

check()
{
	local name=$1 status=0

	shift
	number=$((number + 1))
	"$@" >"$work/output" 2>&1 || status=$?
	if [ "$status" = 0 ]; then
		grep -E '^(paged|same):' "$work/output" | sed 's/^/# /'
		echo "ok $number $name"
	else
		failed=$((failed + 1))
		tail -n 60 "$work/output" | sed 's/^/# /'
		echo "# exit status $status"
		echo "not ok $number $name"
	fi
}

need()
{
	local tool

	[ "$(id -u)" = 0 ] || skip_all "only root sees debugfs"
	[ -c /dev/pagebox ] || skip_all "no /dev/pagebox: load the module"
	for tool in fio memtester mdb_load pagebox sqlite3 stress-ng; do
		command -v "$tool" >/dev/null || skip_all "$tool is not installed"
	done
}

# ---- a program in a box ----------------------------------------------------------

# stat_of BOX NAME...: the sum of these counters.
stat_of()
{
	local box=$1 names

	shift
	names=$*
	awk -v names=" $names " 'index(names, " " $1 " ") { sum += $2 } END { print sum + 0 }' \
		"$debugfs/$box/stats"
}

# Runs as the program of the box. The result counts only if pages were evicted.
inside()
{
	local status=0 evicted

	"$@" || status=$?
	evicted=$(stat_of "$PAGEBOX_BOX" evict_clean evict_dirty)
	echo "paged: $evicted pages evicted, $(stat_of "$PAGEBOX_BOX" swap_reads store_reads) pages read again, $(stat_of "$PAGEBOX_BOX" swap_writes store_writes) written"
	[ "$status" = 0 ] || return "$status"
	[ "$evicted" -gt 0 ] && [ "$(stat_of "$PAGEBOX_BOX" io_errors faults_failed)" = 0 ]
}

# boxed OPTION... -- COMMAND...: runs a command with the options of "pagebox new".
boxed()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	pagebox new "${options[@]}" -- "$here/real.sh" inside "$@"
}

preloaded()
{
	env LD_PRELOAD="$here/boxfile.so" "$@"
}

# on_file FILE FRAMES COMMAND...: the command opens the box in place of FILE, which
# is its store.
on_file()
{
	local file=$1 frames=$2

	shift 2
	boxed --store "$file" --frames "$frames" -- \
		env PAGEBOX_FILE="$file" LD_PRELOAD="$here/boxfile.so" "$@"
}

# ---- fio ---------------------------------------------------------------------------

# Concurrent jobs of both engines, each in its own part of the file. Written blocks
# are continuously verified. The mmap engine of fio 3.33 maps from the start of the
# file whatever the job's offset, so only one job can use it.
fio_jobs()
{
	cat <<JOBS
[global]
filename=$work/fio
size=$((size))m
bs=4k
rw=randwrite
randseed=$seed
fallocate=none
verify=crc32c
verify_fatal=1
fsync=200
$1
[mmap]
ioengine=mmap
[psync-1]
ioengine=psync
offset=$((size))m
[psync-2]
ioengine=psync
offset=$((2 * size))m
JOBS
}

fio_on_a_box()
{
	truncate -s $((3 * size))M "$work/fio"
	fio_jobs verify_backlog=16 >"$work/jobs"
	on_file "$work/fio" 96 fio --eta=never "$work/jobs"
}

# After the box is destroyed, the blocks are in the file itself as well. With a
# backlog fio would verify none of them.
fio_on_the_store()
{
	fio_jobs '' >"$work/jobs"
	fio --eta=never --verify_only "$work/jobs" && echo "same: the store, without a box"
}

# ---- memtester -----------------------------------------------------------------------

# It opens /dev/pagebox, which creates a box with the default frames; the tracepoint
# shows whether it was paged. memtester locks its memory if permitted. A failed lock
# of more pages than there are frames is not undone completely, so other pages would
# have no frame.
memtester_on_the_device()
{
	local tracing=/sys/kernel/tracing/events/pagebox/pagebox_evict status=0 evicted
	local frames

	frames=$(cat /sys/module/pagebox/parameters/frames)
	echo 'hist:keys=common_pid' >"$tracing/trigger" || return
	# By default, without the tests that walk the memory hundreds of times.
	(
		ulimit -l 0
		[ "$size" != 1 ] || export MEMTESTER_TEST_MASK=0xff
		setpriv --inh-caps=-ipc_lock --bounding-set=-ipc_lock \
			memtester -p 0 -d /dev/pagebox $((frames * 4 * 3 / 2))K 1
	) || status=$?
	evicted=$(sed -n 's/^ *Hits: //p' "$tracing/hist")
	echo '!hist:keys=common_pid' >"$tracing/trigger"
	echo "paged: ${evicted:-0} pages evicted"
	[ "$status" = 0 ] && [ "${evicted:-0}" -gt 0 ]
}

# ---- stress-ng -----------------------------------------------------------------------

# Its memory is private mappings of a box.
stress_memory()
{
	boxed --frames 64 -- env PAGEBOX_ANON=1 LD_PRELOAD="$here/boxfile.so" \
		stress-ng --seed "$seed" --verify --temp-path "$work" --timeout 600 "$@"
}

# The files that it creates are a box.
stress_file()
{
	mkdir -p "$work/files"
	boxed --frames 64 -- env PAGEBOX_FILE="$work/files/" LD_PRELOAD="$here/boxfile.so" \
		stress-ng --seed "$seed" --verify --temp-path "$work/files" --timeout 600 "$@"
}

# ---- SQLite ---------------------------------------------------------------------------

# A database with free space, and changes with a reproducible result.
sqlite_new()
{
	cat <<SQL
PRAGMA page_size = 4096;
CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, text TEXT);
CREATE TABLE room (x);
INSERT INTO room WITH RECURSIVE i(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM i WHERE v < $((600 * size)))
	SELECT zeroblob(4000) FROM i;
DROP TABLE room;
SQL
}

sqlite_changes()
{
	local turn

	echo "PRAGMA mmap_size = 268435456; PRAGMA cache_size = 20;"
	for turn in 1 2 3 4; do
		cat <<SQL
INSERT INTO t (n, text) WITH RECURSIVE i(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM i WHERE v < $((250 * size)))
	SELECT v * 7919 % 1009 + $seed, printf('%0*d', 200 + v % 300, v * $turn) FROM i;
UPDATE t SET text = text || n WHERE n % 3 = $turn % 3;
DELETE FROM t WHERE n % 7 = $turn;
PRAGMA integrity_check;
SQL
	done
	echo "CREATE INDEX IF NOT EXISTS by_n ON t (n, text);"
	echo "PRAGMA integrity_check;"
	echo "SELECT count(*), sum(n), sum(length(text)) FROM t;"
}

sqlite_file()
{
	sqlite_new | sqlite3 "$1"
	sqlite_changes >"$work/changes"
}

# On a file and on a box, the output and the final contents must be the same.
sqlite_on_a_box()
{
	sqlite_file "$work/plain.db"
	cp "$work/plain.db" "$work/boxed.db"
	sqlite3 -bail -init /dev/null "$work/plain.db" ".read $work/changes" >"$work/plain.out" || return
	on_file "$work/boxed.db" 96 sqlite3 -bail -init /dev/null "$work/boxed.db" \
		".read $work/changes" >"$work/boxed.out" || return
	grep '^paged:' "$work/boxed.out"
	grep -v '^paged:' "$work/boxed.out" | diff "$work/plain.out" - || return
	sqlite3 "$work/boxed.db" 'PRAGMA integrity_check' | grep -qx ok || return
	sqlite3 "$work/plain.db" .dump >"$work/plain.dump"
	sqlite3 "$work/boxed.db" .dump | diff -q "$work/plain.dump" - &&
		echo "same: $(wc -l <"$work/plain.dump") lines of SQL"
}

# ---- LMDB --------------------------------------------------------------------------------

lmdb_records()
{
	local i

	printf 'VERSION=3\nformat=print\ntype=btree\nmapsize=%d\nHEADER=END\n' $((4 * size << 20))
	for ((i = 0; i < 1500 * size; i++)); do
		printf ' key%08d\n value%d-%0*d\n' $((i * 7919 % (1500 * size))) "$i" $((100 + i % 400)) "$seed"
	done
	echo 'DATA=END'
}

# It writes by system call and reads through a mapping.
lmdb_on_a_box()
{
	lmdb_records >"$work/records"
	head -n 5 "$work/records" | sed '$ a DATA=END' >"$work/none"
	mdb_load -n -f "$work/none" "$work/boxed.mdb" || return
	cp "$work/boxed.mdb" "$work/plain.mdb"
	truncate -s $((4 * size))M "$work/boxed.mdb"
	mdb_load -n -f "$work/records" "$work/plain.mdb" || return
	on_file "$work/boxed.mdb" 64 mdb_load -n -f "$work/records" "$work/boxed.mdb" || return
	mdb_dump -n "$work/plain.mdb" >"$work/plain.dump" || return
	mdb_dump -n "$work/boxed.mdb" | diff -q "$work/plain.dump" - || return
	on_file "$work/boxed.mdb" 64 mdb_dump -n "$work/boxed.mdb" | grep -v '^paged:' |
		diff -q "$work/plain.dump" - && echo "same: $(wc -l <"$work/plain.dump") lines"
}

clean_up()
{
	rm -rf "$work"
}

if [ "${1:-}" = inside ]; then
	shift
	inside "$@"
	exit
fi

need
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
echo "TAP version 13"
echo "# seed $seed"
echo "1..$plan"
check "fio, psync and mmap: verified by crc32c" fio_on_a_box
check "fio: the store verifies too" fio_on_the_store
check "memtester -d /dev/pagebox" memtester_on_the_device
check "stress-ng --vm" stress_memory --vm 1 --vm-bytes 512k --vm-method rand-set --vm-ops $((50 * size))
check "stress-ng --mremap" stress_memory --mremap 1 --mremap-bytes 512k --mremap-ops $((4 * size))
check "stress-ng --msync" stress_file --msync 1 --msync-bytes 1m --msync-ops $((400 * size))
check "SQLite with mmap_size" sqlite_on_a_box
check "LMDB" lmdb_on_a_box
[ "$failed" = 0 ] && [ "$number" = "$plan" ]
