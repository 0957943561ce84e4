/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzz targets share: files that are made of the input, and functions
 * that end the program ending the run instead.
 *
 * The linker sends fopen(), errx() and exit() here; see the Makefile.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jmp_buf fuzz_end;
static bool fuzz_runs;
static FILE *(*fuzz_open)(const char *path);

/*
 * if (FUZZ_BEGINS()) { ... } FUZZ_IS_OVER();
 *
 * In between, errx() and exit() lead to the latter, and fopen() to fuzz_open().
 * libFuzzer itself uses them too, before and after.
 */
#define FUZZ_BEGINS() (fuzz_runs = true, !setjmp(fuzz_end))
#define FUZZ_IS_OVER() (fuzz_runs = false)

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
__attribute__((noreturn)) void __real_exit(int status);
__attribute__((noreturn)) void __wrap_exit(int status);
__attribute__((noreturn)) void __wrap_errx(int status, const char *format, ...);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return fuzz_runs && fuzz_open ? fuzz_open(path) :
					__real_fopen(path, mode);
}

void __wrap_exit(int status)
{
	if (!fuzz_runs)
		__real_exit(status);
	longjmp(fuzz_end, 1);
}

/* What the program says before it ends has to be sound, and nobody reads it. */
void __wrap_errx(int status, const char *format, ...)
{
	char text[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	__wrap_exit(status);
}

/* Something that must not be: libFuzzer keeps the input. */
#define FUZZ_CHECK(condition)                                                  \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, \
				__LINE__, #condition);                         \
			abort();                                               \
		}                                                              \
	} while (0)

/* A text in a field ends there. */
#define FUZZ_CHECK_END(field) \
	FUZZ_CHECK(strnlen(field, sizeof(field)) < sizeof(field))

/* A text ends in its field, and a terminal can take it, lines included. */
static inline void fuzz_check_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	FUZZ_CHECK(length < size);
	for (size_t i = 0; i < length; i++)
		FUZZ_CHECK(text[i] == '\n' ||
			   ((unsigned char)text[i] >= ' ' && text[i] != 0x7f));
}

#define FUZZ_CHECK_TEXT(field) fuzz_check_text(field, sizeof(field))

#endif /* FUZZ_H */
