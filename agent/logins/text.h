/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of configuration files: strings that live as long as the pool they are in, lines, words. Private to logins. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define TEXT_MAX ((size_t) 256 * 1024) /* of one file; more is not read */

/* Owns every string that a report or a stack points to. Zeroed: empty. */
struct pool {
        struct pool_block *blocks;
};
void pool_clear(struct pool *p);
/* Copies; NULL: no memory. */
char *pool_copy(struct pool *p, const char *s, size_t n);
char *pool_format(struct pool *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Cuts the next line off *text (NUL-terminated, changed): NULL at the end. */
char *text_line(char **text);
/* Cuts the next word off, separated by blanks: NULL at the end. */
char *text_word(char **text);
/* Without blanks on both sides. */
char *text_trim(char *s);
/* Makes room for one more element. 0 or -ENOMEM. */
int text_grow(void **list, size_t n, size_t size);
