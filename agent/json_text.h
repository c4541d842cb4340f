/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes that a device gave us, as JSON. Owned by agent.c and its helpers. */
#pragma once

#include <jansson.h>

/* s: NUL-terminated, any bytes. What is not UTF-8, and control characters, become U+FFFD. New reference; NULL: no
 * memory. */
json_t *json_text(const char *s);

/* NULL becomes null. */
json_t *json_text_or_null(const char *s);
