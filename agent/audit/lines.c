/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"

#define CHUNK    (256u * 1024u)
#define CAPACITY (CHUNK + AUDIT_LINE_MAX)

int lines_init(struct lines *l, int fd) {
        char *buffer = malloc(CAPACITY + 1); /* one for the NUL behind a torn line */
        if (!buffer)
                return -ENOMEM;
        *l = (struct lines){ .fd = fd, .buffer = buffer };
        return 0;
}

void lines_clear(struct lines *l) {
        free(l->buffer);
        *l = (struct lines){ .fd = -1 };
}

static int fill(struct lines *l) {
        if (l->start > 0) {
                memmove(l->buffer, l->buffer + l->start, l->end - l->start);
                l->end -= l->start;
                l->start = 0;
        }
        for (;;) {
                ssize_t n = read(l->fd, l->buffer + l->end, CAPACITY - l->end);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                l->end += (size_t) n;
                l->at_eof = n == 0;
                return 0;
        }
}

static void consume(struct lines *l, size_t n) {
        l->start += n;
        l->offset += n;
        l->searched = 0;
}

int lines_next(struct lines *l, struct line *ret) {
        for (;;) {
                const char *text = l->buffer + l->start;
                size_t have = l->end - l->start;
                const char *newline = memchr(text + l->searched, '\n', have - l->searched);
                size_t size = newline ? (size_t) (newline - text) : have;
                *ret = (struct line){ .text = text, .size = size, .offset = l->offset };

                if (size > AUDIT_LINE_MAX) {
                        ret->size = AUDIT_LINE_MAX;
                        consume(l, AUDIT_LINE_MAX);
                        return LINE_TOO_LONG;
                }
                if (newline) {
                        consume(l, size + 1);
                        return LINE_COMPLETE;
                }
                if (l->at_eof) {
                        l->buffer[l->end] = '\0';
                        consume(l, size);
                        return size > 0 ? LINE_TORN : LINE_NONE;
                }
                l->searched = have;
                int r = fill(l);
                if (r < 0)
                        return r;
        }
}

int lines_skip(struct lines *l) {
        for (;;) {
                size_t have = l->end - l->start;
                const char *newline = memchr(l->buffer + l->start, '\n', have);
                if (newline) {
                        consume(l, (size_t) (newline - (l->buffer + l->start)) + 1);
                        return 0;
                }
                consume(l, have);
                if (l->at_eof)
                        return 0;
                int r = fill(l);
                if (r < 0)
                        return r;
        }
}

void lines_again(struct lines *l, size_t torn) {
        l->start -= torn;
        l->offset -= torn;
        l->searched = torn;
        l->at_eof = false;
}
