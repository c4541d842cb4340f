/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which segments may go: those that a collector has, and that are older than the policy keeps records. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/lines.h"
#include "audit/log.h"
#include "audit/ocsf_record.h"
#include "audit/segments.h"
#include "base/cleanup.h"

static void json_p(json_t **j) {
        json_decref(*j);
}

static int sync_directory(const struct audit_log *l) {
        CLEANUP(close_p) int fd = openat(l->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The last line of a file, without its newline; free(). *ret_size 0: it has none that is whole. */
static int last_line(int fd, char **ret, size_t *ret_size) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        size_t most = AUDIT_LINE_MAX + 2, size = (uint64_t) st.st_size < most ? (size_t) st.st_size : most;
        CLEANUP(free_p) char *bytes = malloc(size + 1);
        if (!bytes)
                return -ENOMEM;
        ssize_t n = pread(fd, bytes, size, st.st_size - (off_t) size);
        if (n != (ssize_t) size)
                return n < 0 ? -errno : -EIO;
        *ret_size = 0;
        if (size > 0 && bytes[size - 1] == '\n') {
                const char *before = memrchr(bytes, '\n', size - 1);
                size_t start = before ? (size_t) (before - bytes) + 1 : 0;
                *ret_size = size - 1 - start;
                memmove(bytes, bytes + start, *ret_size);
        }
        *ret = TAKE_PTR(bytes);
        return 0;
}

/* How a segment ends, if it ends as one that was closed. 0; 1: not so. */
static int ending(const struct audit_log *l, uint32_t number, struct anchor *ret, char **ret_line, size_t *ret_size) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(number, name);
        CLEANUP(close_p) int fd = segment_open(l->directory, name);
        CLEANUP(free_p) char *line = NULL;
        size_t size = 0;
        int r = fd < 0 ? fd : last_line(fd, &line, &size);
        if (r < 0)
                return r;
        CLEANUP(json_p) json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        if (anchor_read(event, ret) != 0 || !*ret->next || strcmp(ret->log, l->name) != 0)
                return 1;
        *ret_line = TAKE_PTR(line);
        *ret_size = size;
        return 0;
}

int log_ending(const struct audit_log *l, uint32_t number, struct anchor *ret) {
        CLEANUP(free_p) char *line = NULL;
        size_t size = 0;
        return ending(l, number, ret, &line, &size);
}

/* What stands behind the last newline, if it is how this line begins: the machine stopped while it was written, and its
 * segment is still there. 0; -EBADMSG: something else, and a person must look at it; nothing is deleted meanwhile. */
static int cut_torn(int fd, uint64_t size, const char *line, size_t line_size) {
        CLEANUP(free_p) char *bytes = malloc(line_size + 1);
        size_t most = size < line_size + 1 ? (size_t) size : line_size + 1;
        if (!bytes)
                return -ENOMEM;
        if (pread(fd, bytes, most, (off_t) (size - most)) != (ssize_t) most)
                return -EIO;
        const char *newline = memrchr(bytes, '\n', most);
        size_t torn = newline ? (size_t) (bytes + most - newline) - 1 : most;
        if (torn > line_size || (!newline && most < size) || memcmp(bytes + most - torn, line, torn) != 0)
                return -EBADMSG;
        return ftruncate(fd, (off_t) (size - torn)) < 0 ? -errno : 0;
}

static int keep_ending(const struct audit_log *l, const char *line, size_t size) {
        CLEANUP(close_p)
        int fd = openat(l->directory, AUDIT_CLOSED_FILE,
                        O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
        CLEANUP(free_p) char *have = NULL;
        size_t n = 0;
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
                return -EPERM;
        int r = last_line(fd, &have, &n);
        if (r < 0)
                return r;
        if (n == size && have && memcmp(have, line, size) == 0)
                return 0;
        if (n == 0 && st.st_size > 0)
                r = cut_torn(fd, (uint64_t) st.st_size, line, size);
        if (r < 0 || fstat(fd, &st) < 0)
                return r < 0 ? r : -errno;
        CLEANUP(free_p) char *whole = malloc(size + 1);
        if (!whole)
                return -ENOMEM;
        memcpy(whole, line, size);
        whole[size] = '\n';
        r = file_write_all(fd, whole, size + 1);
        if (r < 0)
                return ftruncate(fd, st.st_size) < 0 ? -errno : r;
        return fsync(fd) < 0 ? -errno : sync_directory(l);
}

static int delete (struct audit_log *l, uint32_t number, const struct anchor *a, const char *line, size_t size) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(number, name);
        CLEANUP(json_p)
        json_t *event = ocsf_record_deleted(l->terminal, time_now(l->time), l->name, number, a->seq + 1);
        int r = keep_ending(l, line, size);
        if (r == 0)
                r = event ? audit_log_append(l, event, AUDIT_DURABLE, NULL) : -ENOMEM;
        if (r < 0)
                return r;
        return unlinkat(l->directory, name, 0) < 0 ? -errno : sync_directory(l);
}

int audit_log_retain(struct audit_log *l, int64_t older_than, uint64_t receipted, unsigned *ret) {
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        *ret = 0;
        if (!l->keys)
                return 0;
        int r = segments_list(l->directory, 0, &list);
        /* The newest one stays: from its name the numbers go on. */
        for (size_t i = 0; r == 0 && i + 1 < list.n; i++) {
                struct anchor a;
                CLEANUP(free_p) char *line = NULL;
                size_t size = 0;
                r = ending(l, list.numbers[i], &a, &line, &size);
                if (r != 0 || a.seq + 1 > receipted || a.time >= older_than)
                        return r < 0 ? r : 0;
                r = delete (l, list.numbers[i], &a, line, size);
                *ret += r == 0;
        }
        return r;
}

/* ---- whether a receipt speaks of this log ---- */

/* In one file. 1: the line is there, and has this hash; 0: it is not there; -EBADMSG: it is another. */
static int find_in(int fd, uint64_t seq, const char *hash) {
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        struct line line;
        int end, r = lines_init(&lines, fd);
        if (r < 0)
                return r;
        while ((end = lines_next(&lines, &line)) == LINE_COMPLETE) {
                struct chain c;
                char found[CHAIN_HEX + 1];
                if (chain_parse(line.text, line.size, &c) != AUDIT_OK || c.seq < seq)
                        continue;
                if (c.seq > seq)
                        return 0;
                chain_hash(line.text, line.size, found);
                return strcmp(found, hash) == 0 ? 1 : -EBADMSG;
        }
        return end < 0 ? end : 0;
}

int audit_log_has(const struct audit_log *l, uint64_t seq, const char *hash) {
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        int r = segments_list(l->directory, 0, &list);
        if (r < 0)
                return r;
        for (size_t i = list.n + 1; i-- > 0;) {
                char name[SEGMENT_NAME_SIZE] = AUDIT_FILE;
                if (i < list.n)
                        segment_name(list.numbers[i], name);
                CLEANUP(close_p) int fd = segment_open(l->directory, name);
                CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
                struct line line;
                struct chain c;
                if (fd < 0 || lines_init(&lines, fd) < 0)
                        return fd < 0 ? fd : -ENOMEM;
                if (lines_next(&lines, &line) != LINE_COMPLETE || chain_parse(line.text, line.size, &c) != AUDIT_OK ||
                    c.seq > seq)
                        continue; /* it begins later */
                if (lseek(fd, 0, SEEK_SET) < 0)
                        return -errno;
                r = find_in(fd, seq, hash);
                return r == -EBADMSG ? 0 : r;
        }
        return -ESTALE;
}
