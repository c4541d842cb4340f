/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Foreign bytes (device strings, host names, details) made fit for a record, without loss.
 *
 * Private to agent/audit. The scheme, as sekisho-record(5) describes it: a backslash becomes `\\`; every byte that is
 * not part of valid UTF-8, and every byte of a character that does not show or that turns the text around (controls,
 * line and paragraph separators, bidirectional and other invisible formatting), becomes `\xNN`. All else stands for
 * itself.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the valid UTF-8 character at p[0..n), 1 to 4, its code point in *ret; 0 when it is none.
 * Source: RFC 3629 section 4 (no overlong forms, no surrogates, nothing above U+10FFFF). */
size_t text_utf8(const unsigned char *p, size_t n, uint32_t *ret);

/* Escaped copy into *ret (free()). 0 or -ENOMEM. */
int text_escape(const char *s, char **ret);

/* The same as a new JSON string; JSON null for NULL. New reference, or NULL when there is no memory. */
json_t *text_json(const char *s);
