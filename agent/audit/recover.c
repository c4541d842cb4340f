/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/ahead.h"
#include "audit/segments.h"
#include "base/cleanup.h"

#define CHUNK       65536u
#define WINDOW      (1024u * 1024u) /* how far back a sequence number is looked for behind a damaged line */
#define NAMES_MAX   100000u         /* files kept aside */
#define FORBIDDEN   0027u           /* mode bits: the group may read, others nothing */
#define DIR_WRITERS 0022u

static int read_exactly(int fd, void *buffer, size_t size, uint64_t offset) {
        char *p = buffer;
        while (size > 0) {
                ssize_t n = pread(fd, p, size, (off_t) offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO; /* shorter than fstat said, although the lock is ours */
                p += n;
                size -= (size_t) n;
                offset += (uint64_t) n;
        }
        return 0;
}

/* Start of the line that ends at `end`: just behind the last newline before it, but not before `least`. */
static int line_start(int fd, uint64_t end, uint64_t least, uint64_t *ret) {
        CLEANUP(free_p) char *buffer = malloc(CHUNK);
        if (!buffer)
                return -ENOMEM;

        while (end > least) {
                size_t n = end - least < CHUNK ? (size_t) (end - least) : CHUNK;
                int r = read_exactly(fd, buffer, n, end - n);
                if (r < 0)
                        return r;
                const char *newline = memrchr(buffer, '\n', n);
                if (newline) {
                        *ret = end - n + (size_t) (newline - buffer) + 1;
                        return 0;
                }
                end -= n;
        }
        *ret = least;
        return 0;
}

static int sync_directory(int directory) {
        CLEANUP(close_p) int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* ---- what is kept aside ---- */

static int copy_range(int from, uint64_t offset, uint64_t size, int to) {
        CLEANUP(free_p) char *buffer = malloc(CHUNK);
        if (!buffer)
                return -ENOMEM;

        while (size > 0) {
                size_t n = size < CHUNK ? (size_t) size : CHUNK;
                int r = read_exactly(from, buffer, n, offset);
                if (r == 0)
                        r = file_write_all(to, buffer, n);
                if (r < 0)
                        return r;
                offset += n;
                size -= n;
        }
        return 0;
}

static int copy_aside(const struct opened *o, uint64_t offset, uint64_t size, const char *name) {
        CLEANUP(close_p)
        int fd = openat(o->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;

        int r = copy_range(o->fd, offset, size, fd);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0)
                r = sync_directory(o->directory);
        if (r < 0)
                (void) unlinkat(o->directory, name, 0); /* half a copy helps nobody; the original is untouched */
        return r;
}

/* The copy is on disk before the original is cut: a power cut in between leaves both, and the next start cuts again. */
static int mend_torn(const struct opened *o, uint64_t whole, uint64_t size, struct audit_recovery *recovery) {
        char name[sizeof recovery->torn_name];
        int r = -EEXIST;
        for (unsigned i = 1; r == -EEXIST && i <= NAMES_MAX; i++) {
                (void) snprintf(name, sizeof name, AUDIT_FILE ".torn-%u", i);
                r = copy_aside(o, whole, size - whole, name);
        }
        if (r < 0)
                return r;
        if (ftruncate(o->fd, (off_t) whole) < 0 || fsync(o->fd) < 0)
                return -errno;

        recovery->torn = true;
        recovery->torn_bytes = size - whole;
        memcpy(recovery->torn_name, name, sizeof name);
        return 0;
}

/* ---- opening ---- */

static int check(int fd) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_uid != geteuid())
                return -EPERM;
        if ((st.st_mode & FORBIDDEN) && fchmod(fd, st.st_mode & 07777 & ~FORBIDDEN) < 0)
                return -errno;
        return flock(fd, LOCK_EX | LOCK_NB) < 0 ? (errno == EWOULDBLOCK ? -EBUSY : -errno) : 0;
}

/* A writer that was faster may have renamed the file between our open and our lock. */
static int check_name(int directory, int fd) {
        struct stat a, b;
        if (fstat(fd, &a) < 0 || fstatat(directory, AUDIT_FILE, &b, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? -EBUSY : -errno;
        return a.st_dev == b.st_dev && a.st_ino == b.st_ino ? 0 : -EBUSY;
}

/* O_PATH of the parent is not enough for fsync(2), and another user's parent may not be readable: then the directory
 * was made, and synced, by whoever owns it. */
static int sync_parent(int directory) {
        CLEANUP(close_p) int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                return errno == EACCES ? 0 : -errno;
        return fsync(parent) < 0 ? -errno : 0;
}

/* The directory, which may be new, lasts before there is a file in it: so it need not be synced where there is one. */
static int create(int directory) {
        int r = sync_parent(directory);
        if (r < 0)
                return r;
        CLEANUP(close_p)
        int fd = openat(directory, AUDIT_FILE, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return errno == EEXIST ? -EBUSY : -errno;
        if (fsync(fd) < 0)
                return -errno;
        r = sync_directory(directory);
        return r < 0 ? r : TAKE_FD(fd);
}

static int open_file(int directory) {
        /* O_NONBLOCK: a FIFO of that name must not hang us before it is refused. */
        CLEANUP(close_p)
        int fd = openat(directory, AUDIT_FILE, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                fd = create(directory);
        else if (fd < 0)
                return -errno;
        if (fd < 0)
                return fd;

        int r = check(fd);
        if (r == 0)
                r = check_name(directory, fd);
        return r < 0 ? r : TAKE_FD(fd);
}

static int open_directory(const struct root *root, const char *path) {
        int r = root_mkdirs(root, path, 0750);
        if (r < 0)
                return r;

        CLEANUP(close_p) int fd = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        struct stat st;
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & DIR_WRITERS))
                return -EPERM;
        return TAKE_FD(fd);
}

/* ---- the head of the chain ---- */

/* Sequence of the last record that can be read, plus the lines behind it that cannot; 0 when there is none near the
 * end. The new log goes on counting from it: collectors tell records apart by (log, seq) and must not take new ones for
 * old. */
static int guess_seq(const struct opened *o, const char *log_name, uint64_t *ret) {
        *ret = 0;
        if (o->size == 0)
                return 0;
        uint64_t from = o->size > WINDOW ? o->size - WINDOW : 0;
        size_t size = (size_t) (o->size - from);
        CLEANUP(free_p) char *buffer = malloc(size);
        if (!buffer)
                return -ENOMEM;
        int r = read_exactly(o->fd, buffer, size, from);
        if (r < 0)
                return r;

        uint64_t seq = 0;
        for (char *p = buffer, *newline; (newline = memchr(p, '\n', size - (size_t) (p - buffer))); p = newline + 1) {
                struct chain c;
                if (chain_parse(p, (size_t) (newline - p), &c) == AUDIT_OK && strcmp(c.log, log_name) == 0)
                        seq = c.seq;
                else if (seq > 0)
                        seq++;
        }
        *ret = seq < CHAIN_SEQ_LAST ? seq : 0;
        return 0;
}

/* The old file keeps its bytes under another name, and its lock until we let go of it. */
static int begin_anew(struct opened *o, const char *log_name, struct audit_recovery *recovery) {
        uint64_t seq = 0;
        int r = guess_seq(o, log_name, &seq);
        if (r < 0)
                return r;

        char name[sizeof recovery->damaged_name];
        r = -EEXIST;
        for (unsigned i = 1; r == -EEXIST && i <= NAMES_MAX; i++) {
                (void) snprintf(name, sizeof name, AUDIT_FILE ".damaged-%u", i);
                r = renameat2(o->directory, AUDIT_FILE, o->directory, name, RENAME_NOREPLACE) < 0 ? -errno : 0;
        }
        if (r < 0)
                return r;

        int fd = open_file(o->directory);
        if (fd < 0)
                return fd;
        close_p(&o->fd);
        o->fd = fd;
        o->size = 0;
        o->seq = seq;
        memcpy(o->head, chain_zeros, sizeof o->head);
        recovery->damaged = true;
        memcpy(recovery->damaged_name, name, sizeof name);
        return 0;
}

static void read_anchor(struct opened *o, const char *line, size_t size) {
        json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        o->has_tail = anchor_read(event, &o->tail) == 0;
        json_decref(event);
}

/* Of a file that ends with a whole line. 0: found. 1: the last line is not a record of this log. -errno. */
static int read_head(struct opened *o, int fd, uint64_t file_size, const char *log_name) {
        uint64_t end = file_size - 1, least = end > AUDIT_LINE_MAX + 1 ? end - AUDIT_LINE_MAX - 1 : 0, start = 0;
        int r = line_start(fd, end, least, &start);
        if (r < 0)
                return r;

        size_t size = (size_t) (end - start);
        if (size > AUDIT_LINE_MAX)
                return 1;
        CLEANUP(free_p) char *line = malloc(size + 1);
        if (!line)
                return -ENOMEM;
        r = read_exactly(fd, line, size, start);
        if (r < 0)
                return r;

        struct chain c;
        if (chain_parse(line, size, &c) != AUDIT_OK || strcmp(c.log, log_name) != 0 || c.seq == CHAIN_SEQ_LAST)
                return 1;
        o->seq = c.seq;
        chain_hash(line, size, o->head);
        if (c.has_anchor)
                read_anchor(o, line, size);
        return 0;
}

/* The file is empty: the head is that of the newest closed segment, which nobody writes to any more. What is no record
 * there leaves a chain that begins anew; whoever verifies both sees it. */
static int read_older_head(struct opened *o, const char *log_name) {
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        int r = segments_list(o->directory, 0, &list);
        if (r < 0 || list.n == 0)
                return r;
        char name[SEGMENT_NAME_SIZE], last = 0;
        segment_name(list.numbers[list.n - 1], name);
        CLEANUP(close_p) int fd = segment_open(o->directory, name);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? fd : -errno;
        uint64_t size = (uint64_t) st.st_size;
        if (size == 0 || read_exactly(fd, &last, 1, size - 1) < 0 || last != '\n')
                return 0;
        r = read_head(o, fd, size, log_name);
        return r < 0 ? r : 0;
}

/* Whether what stands behind the last whole line is how lines begin. */
static bool begins_so(const struct opened *o, uint64_t size, const char *lines, size_t n) {
        CLEANUP(free_p) char *torn = size <= n ? malloc((size_t) size) : NULL;
        return torn && read_exactly(o->fd, torn, (size_t) size, o->size) == 0 &&
               memcmp(torn, lines, (size_t) size) == 0;
}

/* What was acknowledged while the file had not been synced, and did not get there. *torn: bytes behind the last whole
 * line; 0 when they were completed. */
static int append_ahead(struct opened *o, const char *log_name, uint64_t *torn, struct audit_recovery *recovery) {
        CLEANUP(free_p) char *lines = NULL;
        size_t n = 0;
        int r = ahead_read(o->directory, log_name, o->seq, o->head, &lines, &n);
        if (r < 0 || !lines)
                return r;
        size_t there = 0;
        if (*torn > 0 && begins_so(o, *torn, lines, n))
                there = (size_t) *torn;
        else if (*torn > 0)
                r = mend_torn(o, o->size, o->size + *torn, recovery);
        if (r == 0)
                r = file_write_all(o->fd, lines + there, n - there);
        if (r < 0)
                return r;
        *torn = 0;
        o->size += n;
        r = read_head(o, o->fd, o->size, log_name);
        return r > 0 ? -EIO : r; /* what was written is not what is there */
}

static int find_head(struct opened *o, const char *log_name, struct audit_recovery *recovery) {
        struct stat st;
        if (fstat(o->fd, &st) < 0)
                return -errno;

        uint64_t size = (uint64_t) st.st_size;
        int r = line_start(o->fd, size, 0, &o->size);
        if (r < 0)
                return r;
        uint64_t torn = size - o->size;
        memcpy(o->head, chain_zeros, sizeof o->head);
        int known = o->size > 0 ? read_head(o, o->fd, o->size, log_name) : read_older_head(o, log_name);
        if (known == 0)
                r = append_ahead(o, log_name, &torn, recovery);
        if (known >= 0 && r == 0 && torn > 0)
                r = mend_torn(o, o->size, size, recovery);
        if (known < 0 || r < 0)
                return known < 0 ? known : r;
        if (known > 0)
                return begin_anew(o, log_name, recovery);
        /* The lines of a batch that a crash cut off may still be in memory only; from here on they count as kept. */
        return fsync(o->fd) < 0 ? -errno : 0;
}

static void opened_clear(struct opened *o) {
        close_p(&o->fd);
        close_p(&o->directory);
}

int recover_open(const struct root *root, const char *directory, const char *log_name, struct opened *ret,
                 struct audit_recovery *ret_recovery) {
        struct audit_recovery recovery = { 0 };
        CLEANUP(opened_clear) struct opened o = { .fd = -1, .directory = -1 };
        o.directory = open_directory(root, directory);
        if (o.directory < 0)
                return o.directory;
        o.fd = open_file(o.directory);
        if (o.fd < 0)
                return o.fd;

        int r = find_head(&o, log_name, &recovery);
        if (r < 0)
                return r;
        recovery.last_seq = o.seq;
        *ret = o;
        o.fd = o.directory = -1;
        *ret_recovery = recovery;
        return 0;
}
