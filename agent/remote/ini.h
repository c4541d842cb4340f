/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key files with sections, as xrdp reads them: to look at, and to change so that it can be taken back. Pure. For
 * remote and lockers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One "key=value" line. key and section are compared without case, as xrdp does. */
struct ini_line {
        char section[64], key[64], value[128]; /* cut, if longer */
        unsigned number;
};
/* The next line off *text that sets a key; NUL-terminated, not changed. line: of the call before; zeroed at first.
 * False: the end. */
bool ini_next_line(const char **text, struct ini_line *line);
bool ini_is(const char *a, const char *b); /* the same name */

/* A copy in which section has key=value, and every other setting of key there is gone; what was there before stays in a
 * comment. *ret: free(); NULL: it says so already. 0 or -ENOMEM. */
int ini_set(const char *text, const char *section, const char *key, const char *value, char **ret);
/* A copy without what ini_set() did; NULL: it did nothing there. 0 or -ENOMEM. */
int ini_restore(const char *text, char **ret);
