/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hasher.h"

#define LOOK_BACK 32 /* a file that is closed again and again is told once, with a count */

struct closing {
        int fd;
        dev_t device;
        ino_t inode;
        int64_t msec, size, closes;
        struct who *who;
        struct medium *medium;
        char *path; /* when it was closed */
        bool outside;
};

struct files {
        struct outbox *outbox;
        struct hasher *hasher;
        void (*drained)(void *userdata);
        void (*lost)(const char *why, void *userdata);
        void *userdata;
        struct closing ring[FILES_MAX];
        size_t first, n; /* the first is being hashed */
        bool was_full;
};

static const char deleted[] = " (deleted)";

static struct closing *at(struct files *f, size_t i) {
        return &f->ring[(f->first + i) % FILES_MAX];
}

static int64_t now_msec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What the kernel says about a file without a name is no part of a name. */
static char *path_of(int fd, const struct stat *st, const struct medium *m, bool *ret_outside) {
        char link[40], path[PATH_MAX];
        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n < 0)
                n = 0;
        path[n] = '\0';
        size_t cut = sizeof deleted - 1;
        if (st->st_nlink == 0 && (size_t) n > cut && strcmp(path + n - cut, deleted) == 0)
                path[(size_t) n - cut] = '\0';
        return medium_path(m, path, ret_outside);
}

struct transfer files_message(enum transfer_kind kind, const struct who *who, const struct medium *m) {
        return (struct transfer){ .kind = kind,
                                  .msec = now_msec(),
                                  .pid = who ? who->pid : -1,
                                  .uid = who ? who->uid : -1,
                                  .login_uid = who ? who->login_uid : -1,
                                  .session = who ? who->session : -1,
                                  .size = -1,
                                  .closes = -1,
                                  .program = who ? who->program : "",
                                  .command = who ? who->command : "",
                                  .filesystem = m ? m->filesystem : "",
                                  .disk = m ? m->backing.disk : "",
                                  .port = m ? m->backing.port : "" };
}

static void closing_clear(struct closing *c) {
        close_p(&c->fd);
        (void) who_unref(c->who);
        (void) medium_unref(c->medium);
        free(c->path);
        *c = (struct closing){ .fd = -1 };
}

static void tell(struct files *f, const struct closing *c, const struct hash_result *result) {
        struct transfer t = files_message(TRANSFER_WRITTEN, c->who, c->medium);
        t.msec = c->msec;
        t.closes = c->closes;
        t.hash = result->hash;
        t.size = result->hash == TRANSFER_HASH_DONE ? result->size : c->size;
        memcpy(t.sha256, result->sha256, sizeof t.sha256);

        /* Editors and rsync write under one name and rename to another. */
        struct stat st;
        bool outside = false;
        CLEANUP(free_p) char *now = fstat(c->fd, &st) == 0 ? path_of(c->fd, &st, c->medium, &outside) : NULL;
        t.path = now ? now : c->path;
        t.outside = now ? outside : c->outside;
        if (now && strcmp(now, c->path) != 0)
                t.old_path = c->path;
        if (outbox_put(f->outbox, &t) < 0)
                f->lost("the agent does not take what is told", f->userdata);
}

static void hash_next(struct files *f);

static void pop(struct files *f, const struct hash_result *result) {
        tell(f, at(f, 0), result);
        closing_clear(at(f, 0));
        f->first = (f->first + 1) % FILES_MAX;
        f->n--;
        if (f->n == 0 || (f->was_full && f->n < FILES_MAX / 2)) {
                f->was_full = false;
                f->drained(f->userdata);
        }
}

static void on_hashed(const struct hash_result *result, void *userdata) {
        struct files *f = userdata;
        pop(f, result);
        hash_next(f);
}

static void hash_next(struct files *f) {
        while (f->n > 0 && !hasher_is_busy(f->hasher)) {
                struct closing *c = at(f, 0);
                struct stat st;
                struct hash_result result = { .hash = TRANSFER_HASH_UNREADABLE, .size = -1 };
                if (fstat(c->fd, &st) == 0) {
                        c->size = st.st_size;
                        if (!S_ISREG(st.st_mode))
                                result.hash = TRANSFER_HASH_NONE;
                        else if (hasher_begin(f->hasher, c->fd, st.st_size) == 0)
                                return;
                }
                pop(f, &result);
        }
}

/* The first is being read, so that what is written to it now is another matter. */
static struct closing *same_before(struct files *f, const struct stat *st, const struct who *who) {
        for (size_t i = f->n; i-- > 1 && f->n - i <= LOOK_BACK;) {
                struct closing *c = at(f, i);
                if (c->device == st->st_dev && c->inode == st->st_ino && c->who == who)
                        return c;
        }
        return NULL;
}

void files_take(struct files *f, int fd_given, struct who *who, struct medium *medium, const char **ret_path) {
        CLEANUP(close_p) int fd = fd_given;
        struct stat st;
        *ret_path = "";
        if (fstat(fd, &st) < 0)
                return;
        struct closing *same = same_before(f, &st, who);
        if (same) {
                same->closes++;
                *ret_path = same->path;
                return;
        }
        if (f->n == FILES_MAX) {
                f->lost("too many files at a time", f->userdata);
                return;
        }
        bool outside = false;
        char *path = path_of(fd, &st, medium, &outside);
        if (!path) {
                f->lost("no memory", f->userdata);
                return;
        }
        struct closing *c = at(f, f->n++);
        *c = (struct closing){ .fd = TAKE_FD(fd),
                               .device = st.st_dev,
                               .inode = st.st_ino,
                               .msec = now_msec(),
                               .size = st.st_size,
                               .closes = 1,
                               .who = who_ref(who),
                               .medium = medium_ref(medium),
                               .path = path,
                               .outside = outside };
        *ret_path = path;
        f->was_full = f->was_full || files_is_full(f);
}

/* With room for what one reading of the listener may bring. */
bool files_is_full(const struct files *f) {
        return f->n >= FILES_MAX - 1024;
}

bool files_is_empty(const struct files *f) {
        return f->n == 0;
}

void files_go_on(struct files *f) {
        hash_next(f);
}

int files_new(sd_event *event, struct outbox *outbox, void (*drained)(void *userdata),
              void (*lost)(const char *why, void *userdata), void *userdata, struct files **ret) {
        struct files *f = calloc(1, sizeof *f);
        if (!f)
                return -ENOMEM;
        f->outbox = outbox;
        f->drained = drained;
        f->lost = lost;
        f->userdata = userdata;
        int r = hasher_new(event, on_hashed, f, &f->hasher);
        if (r < 0) {
                free(f);
                return r;
        }
        *ret = f;
        return 0;
}

struct files *files_free(struct files *f) {
        if (!f)
                return NULL;
        (void) hasher_free(f->hasher);
        for (size_t i = 0; i < f->n; i++)
                closing_clear(at(f, i));
        free(f);
        return NULL;
}
