// SPDX-License-Identifier: GPL-2.0
/* The code behind the tracepoints, which the kernel's macros make. */
#define CREATE_TRACE_POINTS
#include "trace.h"
