/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a record file, streamed with flat memory. Private to agent/audit and to those in ctl who read raw lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct lines {
        int fd; /* borrowed; read from its position */
        char *buffer;
        size_t start, end, searched; /* unread bytes are buffer[start..end); searched of them hold no newline */
        bool at_eof;
        uint64_t offset; /* of buffer[start] in the stream */
};

enum line_end {
        LINE_NONE,     /* end of the stream, nothing left */
        LINE_COMPLETE, /* line[size] is '\n' */
        LINE_TORN,     /* the stream ended without a newline; line[size] is NUL */
        LINE_TOO_LONG, /* more than AUDIT_LINE_MAX bytes: line holds the first of them, line[size] is whatever followed
                        */
};

struct line {
        const char *text; /* until the next call */
        size_t size;      /* without the newline */
        uint64_t offset;
};

/* 0 or -ENOMEM. */
int lines_init(struct lines *l, int fd);
void lines_clear(struct lines *l);

/* enum line_end, or -errno. After LINE_TOO_LONG the rest of that line is skipped by lines_skip(). */
int lines_next(struct lines *l, struct line *ret);

/* Reads on to behind the next newline or to the end. 0 or -errno. */
int lines_skip(struct lines *l);

/* After LINE_NONE, or LINE_TORN with its size: the stream may have grown since; what was torn is read again. */
void lines_again(struct lines *l, size_t torn);
