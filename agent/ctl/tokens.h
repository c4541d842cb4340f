/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list that comes with a box of hardware tokens, completed with who gets which. Pure. Private to agent/ctl.
 *
 *   user,serial,secret,digits,period,algorithm
 *   yamada,2308761,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP,6,30,sha1
 *
 * The first line names the columns, in any order: user; secret (base32) or secret-hex; and, where they differ from the
 * policy, digits, period, algorithm. serial and note are for people. Anything else is a mistake. Commas; quotes as in
 * RFC 4180, but no line break in them; LF or CRLF; a byte order mark is skipped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TOKENS_FILE_MAX (16u * 1024u * 1024u)
#define TOKENS_MAX      100000u /* rows */

struct token {
        unsigned line;
        const char *user, *serial; /* serial: "" if there is none */
        char *secret;              /* base32; owned by the list */
        int digits, period;        /* 0: the policy's */
        const char *algorithm;     /* NULL: the policy's */
};

struct token_problem {
        unsigned line;
        char *text; /* translated */
};

struct tokens {
        struct token *rows;
        size_t n;
        struct token_problem *problems; /* by line, when tokens_check() is done */
        size_t n_problems;
        char *text; /* private: what rows point into */
        size_t size;
        bool out_of_memory;
};

/* Reads all rows and finds all mistakes, also users and secrets that appear twice. 0 (look at n_problems) or -ENOMEM.
 */
int tokens_parse(const char *bytes, size_t size, struct tokens *ret);
/* Wipes. */
void tokens_clear(struct tokens *t);
/* Adds a mistake that another found; format is translated. */
void tokens_problem(struct tokens *t, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void tokens_sort_problems(struct tokens *t);
