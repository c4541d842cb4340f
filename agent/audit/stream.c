/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 65536u

void stream_init(struct stream *s, const struct root *root, const char *path, const char *only, int64_t since) {
        *s = (struct stream){
                .root = root, .path = path, .since = since, .directory = -1, .fd = -1, .time = INT64_MIN
        };
        s->lines.fd = -1;
        if (only)
                (void) snprintf(s->only, sizeof s->only, "%s", only);
}

static void close_file(struct stream *s) {
        lines_clear(&s->lines);
        close_p(&s->fd);
        s->fd = -1;
}

void stream_clear(struct stream *s) {
        stream_drop(s);
        close_file(s);
        segment_list_clear(&s->queue);
        close_p(&s->directory);
        s->directory = -1;
}

void stream_drop(struct stream *s) {
        json_decref(s->event);
        s->event = NULL;
        s->has = false;
}

/* ---- which file ---- */

static int64_t time_of(const json_t *event, int64_t otherwise) {
        const json_t *time = json_object_get(event, "time");
        return json_is_integer(time) ? json_integer_value(time) : otherwise;
}

static json_t *parse(const char *text, size_t size) {
        json_t *event = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(event))
                return event;
        json_decref(event);
        return NULL;
}

/* Whether the segment begins before `since`: then the one before it is older as a whole. */
static bool begins_before(const struct stream *s, uint32_t number) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(number, name);
        CLEANUP(close_p) int fd = segment_open(s->directory, name);
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        if (fd < 0 || lines_init(&lines, fd) < 0 || lines_next(&lines, &line) != LINE_COMPLETE)
                return false;
        json_t *event = parse(line.text, line.size);
        int64_t ms = time_of(event, INT64_MAX);
        json_decref(event);
        return ms / 1000 < s->since;
}

static int begin(struct stream *s, int fd, uint32_t number, const char *name) {
        int r = lines_init(&s->lines, fd);
        if (r == 0 && s->first_offset > 0 && lseek(fd, (off_t) s->first_offset, SEEK_SET) < 0)
                r = -errno;
        if (r < 0) {
                int opened = fd;
                close_p(&opened);
                return r;
        }
        s->first_offset = 0;
        s->fd = fd;
        s->number = number;
        s->found = true;
        (void) snprintf(s->name, sizeof s->name, "%s", name);
        return 1;
}

/* 1: a closed segment is open. 0: there is none after s->last. */
static int open_segment(struct stream *s) {
        if (s->at >= s->queue.n) {
                segment_list_clear(&s->queue);
                s->at = 0;
                int r = segments_list(s->directory, s->last, &s->queue);
                if (r < 0)
                        return r;
        }
        while (s->at < s->queue.n) {
                uint32_t number = s->queue.numbers[s->at++];
                char name[SEGMENT_NAME_SIZE];
                segment_name(number, name);
                if (s->since > INT64_MIN && s->at < s->queue.n && begins_before(s, s->queue.numbers[s->at])) {
                        s->last = number;
                        s->found = true;
                        continue;
                }
                int fd = segment_open(s->directory, name);
                if (fd >= 0)
                        return begin(s, fd, number, name);
                if (fd != -ENOENT) /* else it was deleted, since a collector has it */
                        return fd;
                s->last = number;
        }
        return 0;
}

/* 1: a file is open. 0: there is none yet. */
static int open_next(struct stream *s) {
        if (s->directory < 0) {
                int fd = root_openat(s->root, s->path, O_RDONLY | O_DIRECTORY, 0);
                if (fd < 0)
                        return fd == -ENOENT ? 0 : fd;
                s->directory = fd;
        }
        if (*s->only) {
                int fd = s->over ? -ENOENT : segment_open(s->directory, s->only);
                s->over = true;
                return fd >= 0 ? begin(s, fd, 0, s->only) : fd == -ENOENT ? 0 : fd;
        }
        for (;;) {
                int r = open_segment(s);
                if (r != 0)
                        return r;
                CLEANUP(close_p) int fd = segment_open(s->directory, AUDIT_FILE);
                if (fd < 0)
                        return fd == -ENOENT ? 0 : fd;
                /* It may have been rotated between the two looks: then what was opened comes after what was not read.
                 */
                r = segments_list(s->directory, s->last, &s->queue);
                s->at = 0;
                if (r < 0)
                        return r;
                if (s->queue.n == 0)
                        return begin(s, TAKE_FD(fd), 0, AUDIT_FILE);
        }
}

/* At the end of the file that was written to when it was opened. True: it has been closed since, and is known by its
 * number now; or there is another file of its name. */
static bool was_rotated(struct stream *s) {
        struct stat ours, named;
        if (fstat(s->fd, &ours) < 0)
                return false;
        if (fstatat(s->directory, AUDIT_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == ours.st_ino &&
            named.st_dev == ours.st_dev)
                return false;
        CLEANUP(segment_list_clear) struct segment_list later = { 0 };
        if (segments_list(s->directory, s->last, &later) < 0)
                return false;
        for (size_t i = 0; i < later.n; i++) {
                char name[SEGMENT_NAME_SIZE];
                segment_name(later.numbers[i], name);
                if (fstatat(s->directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == ours.st_ino &&
                    named.st_dev == ours.st_dev) {
                        s->number = later.numbers[i];
                        (void) snprintf(s->name, sizeof s->name, "%s", name);
                        return true;
                }
        }
        /* Renamed by another hand, or set aside: its successor is there, or will be. */
        return fstatat(s->directory, AUDIT_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- the next line ---- */

static void take(struct stream *s, const struct line *line, int end) {
        s->event = end == LINE_COMPLETE ? parse(line->text, line->size) : NULL;
        s->text = line->text;
        s->size = line->size;
        int64_t ms = time_of(s->event, s->time);
        s->time = ms > s->time ? ms : s->time;
        s->has = true;
}

static bool is_old(const struct stream *s) {
        const json_t *time = json_object_get(s->event, "time");
        if (!json_is_integer(time))
                return false; /* shown rather than hidden */
        json_int_t ms = json_integer_value(time);
        return ms / 1000 - (ms % 1000 < 0) < s->since;
}

/* At the end of a file. 1: go on reading. 0: nothing more for now. */
static int at_end(struct stream *s, bool *renamed) {
        if (s->number > 0 || *s->only) {
                s->last = s->number;
                close_file(s);
                return 1;
        }
        if (!was_rotated(s))
                return 0;
        /* What was written between our end of file and the renaming is still to be read. */
        if (!*renamed) {
                *renamed = true;
                lines_again(&s->lines, 0);
                return 1;
        }
        close_file(s);
        return 1;
}

int stream_fill(struct stream *s) {
        bool renamed = false;
        while (!s->has) {
                int r = s->fd < 0 ? open_next(s) : 1;
                if (r <= 0)
                        return r;
                struct line line;
                int end = lines_next(&s->lines, &line);
                if (end < 0)
                        return end;
                bool is_live = s->number == 0 && !*s->only;
                if (end == LINE_TORN && is_live) {
                        lines_again(&s->lines, line.size);
                        end = LINE_NONE;
                }
                if (end == LINE_NONE) {
                        r = at_end(s, &renamed);
                        if (r == 0)
                                lines_again(&s->lines, 0);
                        if (r <= 0)
                                return r;
                        continue;
                }
                take(s, &line, end);
                if (s->event && is_old(s))
                        stream_drop(s);
                if (end == LINE_TOO_LONG) {
                        r = lines_skip(&s->lines);
                        if (r < 0)
                                return r;
                        s->size = 0; /* the buffer has moved on */
                        s->text = "";
                }
        }
        return 0;
}

/* ---- the last lines ---- */

/* Where the last n lines of a file begin; *ret_lines: how many there are, n at most. */
static int last_lines(int fd, unsigned n, uint64_t *ret, unsigned *ret_lines) {
        struct stat st;
        CLEANUP(free_p) char *bytes = malloc(CHUNK);
        if (!bytes)
                return -ENOMEM;
        if (fstat(fd, &st) < 0)
                return -errno;
        unsigned newlines = 0;
        for (off_t end = st.st_size; end > 0;) {
                size_t size = end < (off_t) CHUNK ? (size_t) end : CHUNK;
                ssize_t got = pread(fd, bytes, size, end - (off_t) size);
                if (got != (ssize_t) size)
                        return got < 0 ? -errno : -EIO;
                for (size_t at = size; at > 0; at--)
                        if (bytes[at - 1] == '\n' && newlines++ == n) {
                                *ret = (uint64_t) end - (size - at);
                                *ret_lines = n;
                                return 0;
                        }
                end -= (off_t) size;
        }
        *ret = 0;
        *ret_lines = newlines;
        return 0;
}

int stream_seek_last(struct stream *s, unsigned n, unsigned *ret) {
        CLEANUP(close_p) int directory = root_openat(s->root, s->path, O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        *ret = 0;
        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;
        int r = segments_list(directory, 0, &list);
        unsigned missing = n;
        for (size_t i = list.n + 1; r == 0 && i-- > 0;) {
                char name[SEGMENT_NAME_SIZE] = AUDIT_FILE;
                if (i < list.n)
                        segment_name(list.numbers[i], name);
                CLEANUP(close_p) int fd = segment_open(directory, name);
                unsigned lines = 0;
                if (fd == -ENOENT)
                        continue;
                r = fd < 0 ? fd : last_lines(fd, missing, &s->first_offset, &lines);
                s->last = i > 0 ? list.numbers[i - 1] : 0;
                missing -= lines;
                if (missing == 0)
                        break;
        }
        *ret = n - missing;
        return r;
}
