/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sekisho/document.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "i18n.h"

/* What a failed open() says about the document, as the return value of document_read(). */
static int outcome_of_open(int error) {
        switch (error) {
        case ELOOP:
                return DOCUMENT_IS_LINK;
        case ENOENT:
        case ENOTDIR:
                return DOCUMENT_NOT_FOUND;
        case ENXIO: /* a socket, or a device that nobody drives */
                return DOCUMENT_NOT_REGULAR;
        default:
                return -error;
        }
}

static bool same_state(const struct stat *a, const struct stat *b) {
        return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
               a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
               a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* All pages of a large one at once: reading would fetch them from the kernel one by one. Best effort. */
static void fetch_pages(char *bytes, size_t size) {
        const size_t page = 4096;
        char *first = bytes + (page - (uintptr_t) bytes % page) % page;
        if (size >= 64 * page)
                (void) madvise(first, (size - (size_t) (first - bytes)) / page * page, MADV_POPULATE_WRITE);
}

/* One byte more than the size is asked for, so that a file that grew is noticed by the read itself. */
static int read_all(int fd, char *bytes, size_t size, size_t *ret) {
        size_t done = 0;
        while (done < size) {
                ssize_t n = read(fd, bytes + done, size - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t) n;
        }
        *ret = done;
        return 0;
}

static int read_open(int fd, size_t cap, struct document *ret) {
        struct stat before, after;
        if (fstat(fd, &before) < 0)
                return -errno;
        if (!S_ISREG(before.st_mode))
                return DOCUMENT_NOT_REGULAR;
        if (before.st_size < 0 || (unsigned long long) before.st_size > cap)
                return DOCUMENT_TOO_LARGE;

        size_t size = (size_t) before.st_size, got = 0;
        char *bytes = malloc(size + 1);
        if (!bytes)
                return -ENOMEM;
        fetch_pages(bytes, size);
        int r = read_all(fd, bytes, size + 1, &got);
        if (r == 0 && fstat(fd, &after) < 0)
                r = -errno;
        if (r == 0 && (got != size || !same_state(&before, &after)))
                r = DOCUMENT_CHANGED;
        if (r != 0) {
                free(bytes);
                return r;
        }
        bytes[size] = 0;
        *ret = (struct document){ .bytes = bytes, .size = size };
        return 0;
}

int document_read(int dirfd, const char *path, size_t cap, struct document *ret) {
        /* O_NONBLOCK: a FIFO without a writer, or a device, must not hold us up; what it is, fstat() tells. */
        int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return outcome_of_open(errno);
        int r = read_open(fd, cap, ret);
        (void) close(fd);
        return r;
}

const char *document_outcome_text(int outcome) {
        static const char *const texts[] = {
                [DOCUMENT_OK] = N_("the file was read"),
                [DOCUMENT_NOT_FOUND] = N_("there is no such file"),
                [DOCUMENT_IS_LINK] = N_("this is a symbolic link; give the file itself"),
                [DOCUMENT_NOT_REGULAR] = N_("this is not a regular file"),
                [DOCUMENT_TOO_LARGE] = N_("the file is too large"),
                [DOCUMENT_CHANGED] = N_("the file changed while it was read; try again"),
        };
        if (outcome < 0 || (size_t) outcome >= sizeof texts / sizeof texts[0])
                return _("the file could not be read");
        return _(texts[outcome]);
}

bool document_has_first_key(const char *bytes, const char *key) {
        const char *s = bytes;
        if (strncmp(s, "\xef\xbb\xbf", 3) == 0)
                s += 3;
        for (;; s += strcspn(s, "\n"), s += *s == '\n') {
                s += strspn(s, " \t\r\n");
                if (*s != '#' && strncmp(s, "---", 3) != 0)
                        break;
        }
        size_t n = strcspn(s, ": \t\r\n");
        return strlen(key) == n && strncmp(s, key, n) == 0;
}

void document_clear(struct document *d) {
        free(d->bytes);
        *d = (struct document){ 0 };
}
