/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The error contract and the list of problems found in a document.
 *
 * Owned by the policy library; any room may include it.
 *
 * Every function of this project that can fail returns int:
 *   < 0   a fatal errno, negated; forward it unchanged
 *   0     success
 *   > 0   a documented, expected outcome that the caller must handle
 * Out-parameters come last, are named ret_*, and are untouched on failure. Library code never logs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum severity {
        SEVERITY_ERROR,   /* the document is refused */
        SEVERITY_WARNING, /* it is accepted, but probably does not mean what its author thinks */
        SEVERITY_MAX,
        SEVERITY_INVALID = -22,
};

struct problem {
        enum severity severity;
        unsigned line;   /* from 1; 0 = the file as a whole */
        unsigned column; /* from 1, in characters; 0 = the line as a whole */
        char *path;      /* key path, "devices.rules[3].match.vendor"; "" for the document; owned */
        char *message;   /* translated sentence without position and path; owned */
};

/* All problems of one document. Zero-initialise; free with problems_clear().
 * At most PROBLEMS_MAX are kept; n_dropped counts the rest (a hostile file must not fill memory). */
#define PROBLEMS_MAX 1000

struct problems {
        struct problem *list;
        size_t n, n_allocated, n_errors, n_warnings, n_dropped;
};

/* Adds one; message is printf-formatted after translation. Returns 0 or -ENOMEM (counted as an error all the same). */
int problems_add(struct problems *p, enum severity severity, unsigned line, unsigned column, const char *path,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Orders by line, then column. */
void problems_sort(struct problems *p);

/* "FILE:LINE:COL: error: PATH: MESSAGE", translated, allocated into *ret (free()). 0 or -ENOMEM. */
int problem_format(const struct problem *p, const char *file, char **ret);

void problems_clear(struct problems *p);
