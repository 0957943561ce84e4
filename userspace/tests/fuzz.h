/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the fuzz targets: files made from the input, and exit functions that
 * end the run instead of the program.
 *
 * The linker redirects fopen(), errx() and exit() to this file; see the Makefile.
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
 * Inside the block, errx() and exit() jump to FUZZ_IS_OVER() and fopen() calls
 * fuzz_open(). Outside they behave as usual, for libFuzzer itself.
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

/* Format the message, so that sanitizers check it, and discard it. */
void __wrap_errx(int status, const char *format, ...)
{
	char text[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	__wrap_exit(status);
}

/* On failure abort, so that libFuzzer keeps the input. */
#define FUZZ_CHECK(condition)                                                  \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, \
				__LINE__, #condition);                         \
			abort();                                               \
		}                                                              \
	} while (0)

/* A text must be terminated inside its field. */
#define FUZZ_CHECK_END(field) \
	FUZZ_CHECK(strnlen(field, sizeof(field)) < sizeof(field))

/* As above, and the text must be safe for a terminal; newlines are allowed. */
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
