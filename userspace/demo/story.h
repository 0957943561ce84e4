/* SPDX-License-Identifier: GPL-2.0 */
/*
 * story: text output of the demo.
 */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>
#include <stddef.h>

#include "compiler.h"

void story_begin(const char *inspector, bool is_paced, bool is_coloured);
void story_chapter(const char *title);
__printf(1, 2) void story_say(const char *format, ...);
__printf(1, 2) void story_inspect(const char *format, ...);

#endif /* STORY_H */
