/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t) 1 << 20)

void scan_result_clear(struct scan_result *r) {
        free(r->matches);
        *r = (struct scan_result){ 0 };
}

/* ---- one file ---- */

struct reading {
        struct scan_result *result;
        unsigned min_score;
        uint64_t base; /* of the buffer, in the file */
        bool no_memory;
};

static bool keep(const struct mynumber_match *m, void *userdata) {
        struct reading *r = userdata;
        struct scan_result *found = r->result;
        if (m->score < r->min_score)
                return true;
        found->count++;
        if (found->n >= SCAN_MATCHES_MAX)
                return true;
        if ((found->n & (found->n - 1)) == 0) { /* room for twice as many */
                struct mynumber_match *more = reallocarray(found->matches, found->n ? found->n * 2 : 1, sizeof *more);
                if (!more) {
                        r->no_memory = true;
                        return false;
                }
                found->matches = more;
        }
        found->matches[found->n] = *m;
        found->matches[found->n++].offset += r->base;
        return true;
}

static int by_offset(const void *a, const void *b) {
        const struct mynumber_match *x = a, *y = b;
        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Fills the buffer as far as the file goes. 0 or -errno. */
static int fill(int fd, uint8_t *buffer, size_t room, size_t *size, bool *at_end) {
        while (*size < room) {
                ssize_t n = read(fd, buffer + *size, room - *size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0) {
                        *at_end = true;
                        return 0;
                }
                *size += (size_t) n;
        }
        return 0;
}

/* Pieces overlap by what a match needs around it. */
static int scan_pieces(int fd, struct reading *r, uint8_t *buffer, void (*hear)(uint64_t bytes, void *userdata),
                       void *userdata) {
        const size_t room = PIECE + 2 * MYNUMBER_CONTEXT;
        size_t size = 0, begin = 0;
        for (bool at_end = false;;) {
                size_t before = size;
                int e = fill(fd, buffer, room, &size, &at_end);
                if (e < 0)
                        return e;
                hear(size - before, userdata);
                size_t end = at_end ? size : size - MYNUMBER_CONTEXT;
                if (!mynumber_scan(buffer, size, begin, end, keep, r))
                        return r->no_memory ? -ENOMEM : 0;
                if (at_end)
                        return 0;
                size_t gone = (end - MYNUMBER_CONTEXT) & ~(size_t) 1; /* UTF-16 stays at even offsets */
                memmove(buffer, buffer + gone, size - gone);
                size -= gone;
                begin = end - gone;
                r->base += gone;
        }
}

int scan_fd(int fd, unsigned min_score, void (*hear)(uint64_t bytes, void *userdata), void *userdata,
            struct scan_result *ret) {
        const size_t room = PIECE + 2 * MYNUMBER_CONTEXT;
        uint8_t *buffer = malloc(room);
        if (!buffer)
                return -ENOMEM;
        struct scan_result found = { 0 };
        struct reading r = { .result = &found, .min_score = min_score };
        int e = scan_pieces(fd, &r, buffer, hear, userdata);
        explicit_bzero(buffer, room);
        free(buffer);
        if (e < 0) {
                scan_result_clear(&found);
                return e;
        }
        if (found.n > 1)
                qsort(found.matches, found.n, sizeof *found.matches, by_offset);
        *ret = found;
        return 0;
}

/* ---- folders ---- */

struct walk {
        const struct scan_visitor *visitor;
        dev_t device;
        unsigned depth;
};

static void visit(struct walk *w, int directory, const char *name, const char *path, int flags);

static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *e) {
        return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static void visit_folder(struct walk *w, int fd, const char *path) {
        struct dirent **entries = NULL;
        int n = w->depth >= SCAN_DEPTH_MAX ? -1 : scandirat(fd, ".", &entries, is_entry, by_name);
        if (n < 0) {
                w->visitor->failed(path, w->depth >= SCAN_DEPTH_MAX ? ELOOP : errno, w->visitor->userdata);
                return;
        }
        w->depth++;
        size_t length = strlen(path);
        for (int i = 0; i < n; i++) {
                CLEANUP(free_p) char *below = NULL;
                const char *slash = length > 0 && path[length - 1] == '/' ? "" : "/";
                if (asprintf(&below, "%s%s%s", path, slash, entries[i]->d_name) < 0) {
                        below = NULL;
                        w->visitor->failed(path, ENOMEM, w->visitor->userdata);
                } else {
                        visit(w, fd, entries[i]->d_name, below, O_NOFOLLOW);
                }
                free(entries[i]);
        }
        free(entries);
        w->depth--;
}

static void visit(struct walk *w, int directory, const char *name, const char *path, int flags) {
        /* Looked at before it is opened for reading: opening a device may do something. Opened through what was looked
         * at, so that nothing can take its place in between. */
        CLEANUP(close_p) int seen = openat(directory, name, O_PATH | O_CLOEXEC | flags);
        struct stat st;
        if (seen < 0 || fstat(seen, &st) < 0) {
                w->visitor->failed(path, errno, w->visitor->userdata);
                return;
        }
        if (w->depth == 0)
                w->device = st.st_dev;
        if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || (w->visitor->one_file_system && st.st_dev != w->device))
                return;
        char self[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
        (void) snprintf(self, sizeof self, "/proc/self/fd/%d", seen);
        CLEANUP(close_p) int fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                w->visitor->failed(path, errno, w->visitor->userdata);
        else if (S_ISDIR(st.st_mode))
                visit_folder(w, fd, path);
        else
                w->visitor->file(path, fd, st.st_size > 0 ? (uint64_t) st.st_size : 0, w->visitor->userdata);
}

void scan_walk(const char *path, const struct scan_visitor *v) {
        struct walk w = { .visitor = v };
        visit(&w, AT_FDCWD, path, path, 0);
}
