/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of one log, over all its segments, also while it is being rotated. Private to agent/audit. */
#pragma once

#include "audit/audit.h"
#include "audit/lines.h"
#include "audit/segments.h"

#define STREAM_NAME_SIZE 64u

struct stream {
        const struct root *root;
        const char *path;            /* of the log's directory */
        char only[STREAM_NAME_SIZE]; /* the one file that is read, or "": all segments */
        int64_t since;               /* seconds */
        int directory;               /* -1: not there yet */
        int fd;                      /* -1: none is open */
        uint32_t number;             /* of the open segment; 0: the one that is written to, or `only` */
        uint32_t last;               /* of the newest segment that was read, or passed over */
        uint64_t first_offset;       /* where the first file that is opened is read from */
        struct segment_list queue;
        size_t at; /* in the queue */
        struct lines lines;
        bool found; /* some file was there */
        bool over;  /* `only` was read */

        bool has; /* the line that is next */
        json_t *event;
        const char *text;
        size_t size;
        int64_t time;                /* milliseconds, never falling */
        char name[STREAM_NAME_SIZE]; /* of its file */
};

/* path: borrowed. only: NULL for all segments. */
void stream_init(struct stream *s, const struct root *root, const char *path, const char *only, int64_t since);
void stream_clear(struct stream *s);

/* Makes the last n lines the first that are read. 0 or -errno. *ret: how many there are, n at most. */
int stream_seek_last(struct stream *s, unsigned n, unsigned *ret);

/* Reads the next line, unless there is one already. 0 (see has) or -errno. */
int stream_fill(struct stream *s);
/* The line was used. */
void stream_drop(struct stream *s);
