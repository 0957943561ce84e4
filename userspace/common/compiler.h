/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Definitions that kernel code gets from kernel headers, under the same names.
 */
#ifndef COMPILER_H
#define COMPILER_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define __printf(a, b) __attribute((format(printf, a, b)))

#endif /* COMPILER_H */
