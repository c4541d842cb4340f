/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of value types share among themselves. */
#pragma once

#include "values.h"

bool is_digit(char c);
int hex_digit(char c); /* its value, or -1 */
bool has_prefix(const struct token *t, const char *prefix, size_t *ret_rest);

/* Stores a pointer to the arena's copy of the string; a second one under a KEY_UNIQUE key is an error. */
int store_string(struct parser *p, const struct key *k, const struct token *t, const char *s, size_t length,
                 void *field);
void print_string(const struct policy *p, const struct key *k, const void *field, FILE *f);

/* Between k->min and k->max, else reported. */
int store_in_range(struct parser *p, const struct token *t, const struct key *k, uint64_t value, void *field);
int report_range(struct parser *p, const struct token *t, const struct key *k);
