/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "audit/stream.h"
#include "base/cleanup.h"

#define DAMAGED AUDIT_FILE ".damaged-"

static const char *const directories[] = { AUDIT_DIRECTORY, AUDIT_OTP_DIRECTORY };
#define DIRECTORIES (sizeof directories / sizeof *directories)

struct audit_view {
        const struct root *root;
        struct stream *streams;
        size_t n;
        struct stream *shown; /* the line of which was given out; or NULL */
        uint64_t skip;        /* lines that come before the first that is shown */
};

DEFINE_FREEP(struct audit_view, audit_view_free)

struct audit_view *audit_view_free(struct audit_view *v) {
        if (!v)
                return NULL;
        for (size_t i = 0; i < v->n; i++)
                stream_clear(&v->streams[i]);
        free(v->streams);
        free(v);
        return NULL;
}

static int add(struct audit_view *v, const char *path, const char *only, int64_t since) {
        struct stream *p = realloc(v->streams, (v->n + 1) * sizeof *p);
        if (!p)
                return -ENOMEM;
        v->streams = p;
        stream_init(&p[v->n++], v->root, path, only, since);
        return 0;
}

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* Each file that was set aside is a stream of its own: nobody knows how it hangs together with the others. */
static int add_damaged(struct audit_view *v, const char *path, int64_t since) {
        CLEANUP(close_p) int fd = root_openat(v->root, path, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        CLEANUP(closedir_p) DIR *d = fdopendir(fd);
        if (!d)
                return -errno;
        (void) TAKE_FD(fd); /* closed with d */
        const struct dirent *f;
        int r = 0;
        while (r == 0 && (f = readdir(d)))
                if (strncmp(f->d_name, DAMAGED, strlen(DAMAGED)) == 0 && strlen(f->d_name) < STREAM_NAME_SIZE)
                        r = add(v, path, f->d_name, since);
        return r;
}

static int new_view(const struct root *root, int64_t since, bool damaged, struct audit_view **ret) {
        CLEANUP(audit_view_freep) struct audit_view *v = calloc(1, sizeof *v);
        if (!v)
                return -ENOMEM;
        v->root = root;
        int r = 0;
        for (size_t i = 0; r == 0 && i < DIRECTORIES; i++)
                r = add(v, directories[i], NULL, since);
        for (size_t i = 0; r == 0 && damaged && i < DIRECTORIES; i++)
                r = add_damaged(v, directories[i], since);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

static int fill(struct audit_view *v) {
        for (size_t i = 0; i < v->n; i++) {
                int r = stream_fill(&v->streams[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Reads the first lines, so that what forbids reading is known now. */
static int look(struct audit_view *v) {
        bool found = false;
        int r = fill(v);
        for (size_t i = 0; i < v->n; i++)
                found = found || v->streams[i].found;
        return r == 0 && !found ? -ENOENT : r;
}

int audit_view_open(const struct root *root, int64_t since, struct audit_view **ret) {
        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
        int r = new_view(root, since, true, &v);
        if (r == 0)
                r = look(v);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

int audit_view_open_last(const struct root *root, unsigned n, struct audit_view **ret) {
        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
        int r = new_view(root, INT64_MIN, false, &v);
        uint64_t lines = 0;
        for (size_t i = 0; r == 0 && i < v->n; i++) {
                unsigned of_log = 0;
                r = stream_seek_last(&v->streams[i], n, &of_log);
                lines += of_log;
        }
        if (r == 0)
                r = look(v);
        if (r < 0)
                return r;
        v->skip = lines > n ? lines - n : 0;
        *ret = TAKE_PTR(v);
        return 0;
}

int audit_view_next(struct audit_view *v, struct audit_view_line *ret) {
        for (;;) {
                if (v->shown)
                        stream_drop(v->shown);
                v->shown = NULL;
                int r = fill(v);
                if (r < 0)
                        return r;
                struct stream *first = NULL;
                for (size_t i = 0; i < v->n; i++)
                        if (v->streams[i].has && (!first || v->streams[i].time < first->time))
                                first = &v->streams[i];
                if (!first)
                        return 0;
                v->shown = first;
                if (v->skip > 0) {
                        v->skip--;
                        continue;
                }
                *ret = (struct audit_view_line){ first->event, first->text, first->size, first->path, first->name };
                return 1;
        }
}

int audit_read_all(const struct root *root, int64_t since,
                   int (*each)(json_t *event, const char *line, size_t size, void *userdata), void *userdata) {
        CLEANUP(audit_view_freep) struct audit_view *v = NULL;
        struct audit_view_line line;
        int r = audit_view_open(root, since, &v);
        while (r == 0 && (r = audit_view_next(v, &line)) > 0)
                r = each(line.event, line.text, line.size, userdata);
        return r;
}
