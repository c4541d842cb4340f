/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's record as one: every log (the agent's, the verifier's), every segment from the oldest to the newest,
 * and what was set aside as damaged, merged by time.
 *
 * Owned by agent/audit. For whoever reads the record: ctl. The files may be rotated, added to and deleted meanwhile.
 * Within a log the order is that of the log, also where its clock went back.
 */
#pragma once

#include "audit/audit.h"

struct audit_view;

struct audit_view_line {
        json_t *event;    /* borrowed until the next call; NULL: the line is damaged */
        const char *text; /* until the next call; size bytes, without the newline */
        size_t size;
        const char *directory; /* of the log, below the root: AUDIT_DIRECTORY, AUDIT_OTP_DIRECTORY */
        const char *file;      /* in it: "audit.jsonl", "audit-00000007.jsonl", "audit.jsonl.damaged-1" */
};

/* since: seconds since the epoch, INT64_MIN = all; a record without a time is always shown. Segments that are older as
 * a whole are not read. root is borrowed. 0; -ENOENT: there is no record; -EACCES, -EPERM: not for this caller;
 * -EINVAL: something else stands in a file's place; other -errno. */
int audit_view_open(const struct root *root, int64_t since, struct audit_view **ret);
/* Only the last n lines, of all logs together. */
int audit_view_open_last(const struct root *root, unsigned n, struct audit_view **ret);
struct audit_view *audit_view_free(struct audit_view *v);

/* 1: a line. 0: no more for now; a later call finds what has come since, and a last line without its newline is none
 * yet. -errno. */
int audit_view_next(struct audit_view *v, struct audit_view_line *ret);

/* All that there is now. each as that of audit_read(). 0, what each returned, or -errno as audit_view_open(). */
int audit_read_all(const struct root *root, int64_t since,
                   int (*each)(json_t *event, const char *line, size_t size, void *userdata), void *userdata);
