/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a log: the one that is written to (AUDIT_FILE), and those that were closed, audit-NNNNNNNN.jsonl, whose
 * numbers rise and are never given twice. Private to agent/audit and to those in ctl who read raw lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_NAME_SIZE 24u
#define SEGMENT_LAST      99999999u

void segment_name(uint32_t number, char ret[static SEGMENT_NAME_SIZE]);
/* False: not the name of a closed segment. */
bool segment_number(const char *name, uint32_t *ret);

struct segment_list {
        uint32_t *numbers; /* ascending */
        size_t n;
};

/* The closed segments in a directory whose number is greater than `above`. 0 or -errno. */
int segments_list(int directory, uint32_t above, struct segment_list *ret);
void segment_list_clear(struct segment_list *l);

/* Opens a file of a log for reading, whatever stands there. A descriptor; -EINVAL: not a regular file; -errno. */
int segment_open(int directory, const char *name);
