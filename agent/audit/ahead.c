/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/ahead.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MAGIC      "sekisho-ahead 1"
#define HEADER_MAX 128u
#define SECTOR     4096u /* bytes; the most that a disk reads or writes as one, open(2), O_DIRECT */

/* ---- the file ---- */

static int check(int fd, off_t *ret_size) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
                return -EPERM;
        *ret_size = st.st_size;
        return 0;
}

/* Written, not only allocated: the first write to a block that never was is a commit as well. */
static int fill(int fd, int directory) {
        CLEANUP(free_p) char *zeros = calloc(AHEAD_SLOTS, AHEAD_SLOT);
        if (!zeros)
                return -ENOMEM;
        int r = file_write_all(fd, zeros, AHEAD_SLOTS * AHEAD_SLOT);
        if (r < 0)
                return r;
        CLEANUP(close_p) int d = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return d < 0 || fsync(fd) < 0 || fsync(d) < 0 ? -errno : 0;
}

int ahead_open(int directory) {
        CLEANUP(close_p)
        int fd = openat(directory, AHEAD_FILE,
                        O_RDWR | O_CREAT | O_DSYNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno == ELOOP || errno == EISDIR ? -EPERM : -errno;
        off_t size = 0;
        int r = check(fd, &size);
        if (r == 0 && size < (off_t) (AHEAD_SLOTS * AHEAD_SLOT))
                r = fill(fd, directory);
        if (r < 0)
                return r;
        /* Past the page cache, as one command where the disk knows FUA. A file system without that (-EINVAL) syncs. */
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0)
                (void) fcntl(fd, F_SETFL, flags | O_DIRECT);
        return TAKE_FD(fd);
}

int ahead_write(int fd, unsigned slot, const char *lines, size_t size, const char *head) {
        char header[HEADER_MAX];
        int n = snprintf(header, sizeof header, MAGIC " %zu %s\n", size, head);
        if (n < 0 || (size_t) n >= sizeof header || size > AHEAD_SLOT - (size_t) n)
                return -EMSGSIZE;
        _Alignas(SECTOR) char block[AHEAD_SLOT];
        size_t end = (size_t) n + size, whole = (end + SECTOR - 1) / SECTOR * SECTOR;
        memcpy(block, header, (size_t) n);
        memcpy(block + n, lines, size);
        memset(block + end, 0, whole - end);
        ssize_t written = pwrite(fd, block, whole, (off_t) (slot * AHEAD_SLOT));
        if (written < 0)
                return -errno;
        return (size_t) written == whole ? 0 : -EIO;
}

/* ---- reading ---- */

/* "sekisho-ahead 1 SIZE HEAD", nothing else. */
static bool parse_header(const char *header, size_t *ret_size, char ret_head[CHAIN_HEX + 1]) {
        static const char start[] = MAGIC " ";
        const char *digits = header + sizeof start - 1;
        if (strncmp(header, start, sizeof start - 1) != 0 || !isdigit((unsigned char) *digits))
                return false;
        char *end = NULL;
        unsigned long size = strtoul(digits, &end, 10);
        if (size == 0 || size > AHEAD_SLOT || *end != ' ')
                return false;
        const char *head = end + 1;
        if (strlen(head) != CHAIN_HEX || strspn(head, "0123456789abcdef") != CHAIN_HEX)
                return false;
        memcpy(ret_head, head, CHAIN_HEX + 1);
        *ret_size = size;
        return true;
}

/* The lines of a slot whose header holds together. */
static const char *slot_lines(const char *slot, size_t *ret_size, char ret_head[CHAIN_HEX + 1]) {
        const char *newline = memchr(slot, '\n', HEADER_MAX);
        char header[HEADER_MAX + 1];
        if (!newline)
                return NULL;
        memcpy(header, slot, (size_t) (newline - slot));
        header[newline - slot] = '\0';
        if (!parse_header(header, ret_size, ret_head) || *ret_size > AHEAD_SLOT - (size_t) (newline + 1 - slot))
                return NULL;
        return newline[*ret_size] == '\n' ? newline + 1 : NULL;
}

/* Where among lines those begin that follow on (seq, head); size: none do, or the lines are no chain up to last. */
static size_t find_rest(const char *lines, size_t size, const char *log_name, uint64_t seq, const char *head,
                        const char *last) {
        char hash[CHAIN_HEX + 1] = "";
        uint64_t number = 0;
        size_t found = size;
        for (size_t at = 0; at < size;) {
                const char *newline = memchr(lines + at, '\n', size - at);
                size_t n = newline ? (size_t) (newline - lines) - at : 0;
                struct chain c;
                if (!newline || chain_parse(lines + at, n, &c) != AUDIT_OK || strcmp(c.log, log_name) != 0 ||
                    (at > 0 && (strcmp(c.prev, hash) != 0 || c.seq != number + 1)))
                        return size;
                if (c.seq == seq + 1 && strcmp(c.prev, head) == 0)
                        found = at;
                chain_hash(lines + at, n, hash);
                number = c.seq;
                at += n + 1;
        }
        return strcmp(hash, last) == 0 ? found : size;
}

size_t ahead_find(const char slot[static AHEAD_SLOT], const char *log_name, uint64_t seq, const char *head,
                  const char **ret) {
        char last[CHAIN_HEX + 1] = "";
        size_t size = 0;
        const char *lines = slot_lines(slot, &size, last);
        if (!lines)
                return 0;
        size_t rest = find_rest(lines, size, log_name, seq, head, last);
        *ret = lines + rest;
        return size - rest;
}

int ahead_read(int directory, const char *log_name, uint64_t seq, const char *head, char **ret, size_t *ret_size) {
        *ret = NULL;
        *ret_size = 0;
        CLEANUP(close_p)
        int fd = openat(directory, AHEAD_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        off_t there = 0;
        if (fd < 0 || check(fd, &there) < 0)
                return 0;
        CLEANUP(free_p) char *best = NULL;
        for (unsigned i = 0; i < AHEAD_SLOTS; i++) {
                char slot[AHEAD_SLOT];
                if (pread(fd, slot, sizeof slot, (off_t) (i * AHEAD_SLOT)) != (ssize_t) sizeof slot)
                        continue;
                const char *lines = NULL;
                size_t size = ahead_find(slot, log_name, seq, head, &lines);
                if (size <= *ret_size)
                        continue;
                free(best);
                best = malloc(size);
                if (!best)
                        return -ENOMEM;
                memcpy(best, lines, size);
                *ret_size = size;
        }
        *ret = TAKE_PTR(best);
        return 0;
}
