/* SPDX-License-Identifier: GPL-2.0 */
/* The module and its parameters. */
#ifndef PAGEBOX_LIB_MODULE_H
#define PAGEBOX_LIB_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* A parameter; the test fails if it does not exist. */
unsigned long module_param(const char *name);
void module_param_set(const char *name, unsigned long value);

/* The current parameters, in the format of insmod. */
void module_parameters(char *text, size_t room);

/* Whether none of its files is open. */
bool module_is_unused(void);

/* delete_module() without waiting: 0 or its errno. */
int module_unload(const char *name);

/* Loads the file @name from the directory of $PAGEBOX_KO. */
void module_load(const char *name, const char *parameters);

#endif /* PAGEBOX_LIB_MODULE_H */
