/* SPDX-License-Identifier: GPL-2.0 */
/*
 * output: detect output that could not be written.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

void output_begin(void);
int output_end(int status);

#endif /* OUTPUT_H */
