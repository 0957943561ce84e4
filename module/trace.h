/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. Their fields are numbers only, so that any tool can print them. A
 * frame or slot of 4294967295 means none.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pagebox

#if !defined(_PAGEBOX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _PAGEBOX_TRACE_H

#include <linux/tracepoint.h>

#include <pagebox.h>

/* clang-format off */
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_ZERO);
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_MINOR);
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_FILE);
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_SWAPIN);
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_COW);
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_MKWRITE);
TRACE_DEFINE_ENUM(PAGEBOX_FAULT_FAILED);

#define PB_TRACE_CLASSES			\
	{ PAGEBOX_FAULT_ZERO, "zero" }, \
	{ PAGEBOX_FAULT_MINOR, "minor" }, \
	{ PAGEBOX_FAULT_FILE, "file" }, \
	{ PAGEBOX_FAULT_SWAPIN, "swapin" }, \
	{ PAGEBOX_FAULT_COW, "cow" }, \
	{ PAGEBOX_FAULT_MKWRITE, "mkwrite" }, \
	{ PAGEBOX_FAULT_FAILED, "failed" }

/* A fault was resolved, or failed. latency is in nanoseconds. */
TRACE_EVENT(pagebox_fault,
	TP_PROTO(u32 box, u32 map, unsigned long index, unsigned long address,
		 unsigned int class, u32 frame, bool write, bool major,
		 u64 latency),
	TP_ARGS(box, map, index, address, class, frame, write, major, latency),
	TP_STRUCT__entry(
		__field(u32, box)
		__field(u32, map)
		__field(unsigned long, index)
		__field(unsigned long, address)
		__field(unsigned int, class)
		__field(u32, frame)
		__field(u8, write)
		__field(u8, major)
		__field(u64, latency)
	),
	TP_fast_assign(
		__entry->box = box;
		__entry->map = map;
		__entry->index = index;
		__entry->address = address;
		__entry->class = class;
		__entry->frame = frame;
		__entry->write = write;
		__entry->major = major;
		__entry->latency = latency;
	),
	TP_printk("box=%u map=%u index=%lu address=0x%lx class=%s frame=%u write=%u major=%u latency=%llu",
		  __entry->box, __entry->map, __entry->index, __entry->address,
		  __print_symbolic(__entry->class, PB_TRACE_CLASSES),
		  __entry->frame, __entry->write, __entry->major,
		  __entry->latency)
);

/* A page was evicted. */
TRACE_EVENT(pagebox_evict,
	TP_PROTO(u32 box, unsigned long index, u32 frame, u32 slot, bool root,
		 bool dirty),
	TP_ARGS(box, index, frame, slot, root, dirty),
	TP_STRUCT__entry(
		__field(u32, box)
		__field(unsigned long, index)
		__field(u32, frame)
		__field(u32, slot)
		__field(u8, root)
		__field(u8, dirty)
	),
	TP_fast_assign(
		__entry->box = box;
		__entry->index = index;
		__entry->frame = frame;
		__entry->slot = slot;
		__entry->root = root;
		__entry->dirty = dirty;
	),
	TP_printk("box=%u index=%lu frame=%u slot=%u root=%u dirty=%u",
		  __entry->box, __entry->index, __entry->frame, __entry->slot,
		  __entry->root, __entry->dirty)
);

/*
 * A write gave a view its own copy of a page, which "sharers" views held. "from"
 * is PB_NONE if the page was in swap, where it still is.
 */
TRACE_EVENT(pagebox_cow,
	TP_PROTO(u32 box, u32 map, unsigned long index, u32 from, u32 to,
		 unsigned int sharers),
	TP_ARGS(box, map, index, from, to, sharers),
	TP_STRUCT__entry(
		__field(u32, box)
		__field(u32, map)
		__field(unsigned long, index)
		__field(u32, from)
		__field(u32, to)
		__field(unsigned int, sharers)
	),
	TP_fast_assign(
		__entry->box = box;
		__entry->map = map;
		__entry->index = index;
		__entry->from = from;
		__entry->to = to;
		__entry->sharers = sharers;
	),
	TP_printk("box=%u map=%u index=%lu from=%u to=%u sharers=%u",
		  __entry->box, __entry->map, __entry->index, __entry->from,
		  __entry->to, __entry->sharers)
);
/* clang-format on */

#endif /* _PAGEBOX_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
