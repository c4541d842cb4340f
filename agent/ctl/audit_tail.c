/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"
#include "record.h"
#include "screen.h"

#define CHUNK          65536u
#define LOOK_AGAIN_MS  250
#define LINES_DEFAULT  10u
#define LINES_MAX      1000000u
#define OFFSET_INVALID ((off_t) -1)

/* Offset at which the last n lines begin. A line without its newline is not one yet. */
static off_t last_lines(int fd, unsigned n) {
        struct stat st;
        CLEANUP(free_p) char *bytes = malloc(CHUNK);
        if (!bytes || fstat(fd, &st) < 0)
                return OFFSET_INVALID;

        unsigned newlines = 0;
        for (off_t end = st.st_size; end > 0;) {
                size_t size = end < (off_t) CHUNK ? (size_t) end : CHUNK;
                if (pread(fd, bytes, size, end - (off_t) size) != (ssize_t) size)
                        return OFFSET_INVALID;
                for (size_t at = size; at > 0; at--)
                        if (bytes[at - 1] == '\n' && ++newlines > n)
                                return end - (off_t) (size - at);
                end -= (off_t) size;
        }
        return 0;
}

static enum outcome print_line(const struct invocation *i, const char *line, size_t size) {
        CLEANUP(json_decrefp) json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        return record_print(i, json_is_object(event) ? event : NULL);
}

/* Prints whole lines from *offset on, and moves it behind them. */
static enum outcome print_from(const struct invocation *i, int fd, off_t *offset) {
        CLEANUP(free_p) char *bytes = malloc(AUDIT_LINE_MAX + CHUNK);
        if (!bytes)
                return OUTCOME_BAD;
        for (;;) {
                ssize_t n = pread(fd, bytes, AUDIT_LINE_MAX + CHUNK, *offset);
                if (n < 0) {
                        complain(_("The record cannot be read: %s."), strerror(errno));
                        return OUTCOME_BAD;
                }
                size_t done = 0;
                for (char *end; (end = memchr(bytes + done, '\n', (size_t) n - done));) {
                        size_t size = (size_t) (end - bytes) - done;
                        enum outcome outcome = print_line(i, bytes + done, size);
                        if (outcome != OUTCOME_YES)
                                return outcome;
                        done += size + 1;
                }
                /* A line longer than any record is damage; go past it instead of standing before it for ever. */
                if (done == 0 && (size_t) n == AUDIT_LINE_MAX + CHUNK) {
                        (void) record_print(i, NULL);
                        done = (size_t) n;
                }
                if (done == 0)
                        return OUTCOME_YES;
                *offset += (off_t) done;
        }
}

/* The name leads to another file now (it was set aside, and a new one begun): reads on there from the start. */
static void change_over(const struct invocation *i, int *fd, off_t *offset) {
        struct stat held, named;
        int fresh = root_openat(&i->root, RECORD_PATH, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
        if (fresh < 0)
                return;
        if (fstat(*fd, &held) == 0 && fstat(fresh, &named) == 0 && S_ISREG(named.st_mode) &&
            (held.st_ino != named.st_ino || held.st_dev != named.st_dev)) {
                close_p(fd);
                *fd = TAKE_FD(fresh);
                *offset = 0;
        }
        close_p(&fresh);
}

static bool read_count(const char *text, unsigned *ret) {
        size_t n = strlen(text);
        if (n == 0 || n > 7 || strspn(text, "0123456789") != n)
                return false;
        *ret = (unsigned) strtoul(text, NULL, 10);
        return *ret <= LINES_MAX;
}

enum outcome run_audit_tail(const struct invocation *i) {
        unsigned n = LINES_DEFAULT;
        const char *given = i->values[TAIL_LINES];
        if (given && !read_count(given, &n)) {
                complain(_("'%s' is not a number of records."), given);
                return OUTCOME_BAD;
        }

        CLEANUP(close_p) int fd = -1;
        enum outcome outcome = record_open(i, &fd);
        if (outcome != OUTCOME_YES)
                return outcome;
        off_t offset = last_lines(fd, n);
        if (offset == OFFSET_INVALID) {
                complain(_("The record cannot be read: %s."), strerror(errno));
                return OUTCOME_BAD;
        }

        outcome = print_from(i, fd, &offset);
        while (outcome == OUTCOME_YES && i->values[TAIL_FOLLOW]) {
                (void) fflush(stdout);
                (void) poll(NULL, 0, LOOK_AGAIN_MS);
                outcome = print_from(i, fd, &offset);
                if (outcome == OUTCOME_YES)
                        change_over(i, &fd, &offset);
        }
        return outcome;
}
