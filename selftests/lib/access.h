/* SPDX-License-Identifier: GPL-2.0 */
/* Accesses that may raise a signal. */
#ifndef PAGEBOX_LIB_ACCESS_H
#define PAGEBOX_LIB_ACCESS_H

/* Touches @address: 0, or the signal that this raised. */
int signal_of_read(const void *address);
int signal_of_write(void *address);

#endif /* PAGEBOX_LIB_ACCESS_H */
