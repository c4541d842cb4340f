/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sekisho/document.h>

#include "base/cleanup.h"
#include "delivery.h"

#define ENTRIES_MAX     64u
#define SIGNATURE       ".sig"
#define FILE_NAME_SIZE  (NAME_MAX + sizeof SIGNATURE) /* a name that is too long for a file has no file */
#define TAKEN           ".taken"                      /* what is being taken away; dot files are not looked at */
#define NAMES_MAX       4096u                         /* looked at in one pass */

#define LOOK_SOON_USEC  UINT64_C(100000)
#define LOOK_AGAIN_USEC UINT64_C(1000000)
/* How long nothing may come before what there is counts as all. */
#define CLOSED_USEC  UINT64_C(2500000)   /* whoever wrote both files has closed them */
#define OPEN_USEC    UINT64_C(60000000)  /* nobody saw them closed: a slow line */
#define MISSING_USEC UINT64_C(600000000) /* one of the two is not there, or a version before it is not */

/* Which bytes a name stands for. ino 0: none. */
struct stamp {
        dev_t dev;
        ino_t ino;
        off_t size;
        mode_t mode;
        uid_t uid;
        struct timespec mtime, ctime;
};

enum half { DOCUMENT, SIGNATURES, HALVES };

struct entry {
        char name[NAME_MAX + 1]; /* of the document */
        struct half_state {
                struct stamp now, closed; /* closed: as it was when its writer closed it */
                bool was_closed;          /* since the last look */
        } half[HALVES];
        uint64_t quiet; /* boot clock: since when nothing changes */
        bool seen;      /* in this pass */
        bool done;      /* refused, but it cannot be taken away */
};

struct inbox {
        struct agent *agent;
        int directory, inotify; /* or -1 */
        dev_t dev;
        ino_t ino;
        sd_event_source *watch, *look;
        struct entry *entries[ENTRIES_MAX];
        size_t n;
};

static bool same_stamp(const struct stamp *a, const struct stamp *b) {
        return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mode == b->mode &&
               a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
               a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static struct stamp stamp_of(int directory, const char *name) {
        struct stat st;
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return (struct stamp){ .ino = 0 };
        return (struct stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mode, st.st_uid, st.st_mtim, st.st_ctim };
}

static void name_of(const struct entry *e, enum half h, char ret[static FILE_NAME_SIZE]) {
        (void) snprintf(ret, FILE_NAME_SIZE, "%s%s", e->name, h == SIGNATURES ? SIGNATURE : "");
}

/* The document's name in a file's name, and which half the file is. False: not one of ours. */
static bool split_name(const char *file, char ret[static NAME_MAX + 1], enum half *ret_half) {
        size_t n = strlen(file);
        if (file[0] == '.' || n > NAME_MAX)
                return false;
        bool is_signature = n > strlen(SIGNATURE) && strcmp(file + n - strlen(SIGNATURE), SIGNATURE) == 0;
        if (is_signature)
                n -= strlen(SIGNATURE);
        memcpy(ret, file, n);
        ret[n] = '\0';
        *ret_half = is_signature ? SIGNATURES : DOCUMENT;
        return true;
}

static struct entry *find_entry(struct inbox *i, const char *name, bool add) {
        for (size_t k = 0; k < i->n; k++)
                if (strcmp(i->entries[k]->name, name) == 0)
                        return i->entries[k];
        struct entry *e = add && i->n < ENTRIES_MAX ? calloc(1, sizeof *e) : NULL;
        if (!e)
                return NULL; /* its turn comes when others are done */
        (void) snprintf(e->name, sizeof e->name, "%s", name);
        e->quiet = time_boot_usec(&i->agent->time);
        i->entries[i->n++] = e;
        return e;
}

/* ---- taking away ---- */

/* What was looked at, and not what somebody has put in its place meanwhile. */
static bool take_away(const struct inbox *i, const struct entry *e, enum half h) {
        char name[FILE_NAME_SIZE];
        name_of(e, h, name);
        if (e->half[h].now.ino == 0)
                return true;
        if (S_ISDIR(e->half[h].now.mode))
                return unlinkat(i->directory, name, AT_REMOVEDIR) == 0;
        if (renameat(i->directory, name, i->directory, TAKEN) < 0)
                return errno == ENOENT;
        struct stamp taken = stamp_of(i->directory, TAKEN);
        if (taken.ino != e->half[h].now.ino || taken.dev != e->half[h].now.dev)
                (void) renameat2(i->directory, TAKEN, i->directory, name, RENAME_NOREPLACE);
        else
                (void) unlinkat(i->directory, TAKEN, 0);
        return true;
}

static void finish(const struct inbox *i, struct entry *e) {
        bool gone = take_away(i, e, DOCUMENT);
        gone = take_away(i, e, SIGNATURES) && gone;
        e->done = !gone;
}

/* ---- one document ---- */

static uint64_t patience(const struct entry *e, enum delivery d) {
        if (d == DELIVERY_UNSIGNED || d == DELIVERY_EARLY)
                return MISSING_USEC;
        for (int h = 0; h < HALVES; h++)
                if (!same_stamp(&e->half[h].now, &e->half[h].closed))
                        return OPEN_USEC;
        return CLOSED_USEC;
}

static bool is_quiet(const struct inbox *i, const struct entry *e, uint64_t usec) {
        return time_boot_usec(&i->agent->time) - e->quiet >= usec;
}

static void refuse(struct inbox *i, struct entry *e, const char *reason) {
        const struct submission s = { .uid = e->half[e->half[DOCUMENT].now.ino ? DOCUMENT : SIGNATURES].now.uid,
                                      .via = "inbox",
                                      .name = e->name };
        delivery_refuse(i->agent, &s, reason);
        finish(i, e);
}

/* 0; 1: not yet; -1: refused. */
static int read_half(struct inbox *i, struct entry *e, enum half h, size_t cap, struct document *ret) {
        static const char *const reasons[] = { [DOCUMENT_IS_LINK] = "is-link",
                                               [DOCUMENT_NOT_REGULAR] = "not-regular",
                                               [DOCUMENT_TOO_LARGE] = "too-large" };
        char name[FILE_NAME_SIZE];
        name_of(e, h, name);
        int r = document_read(i->directory, name, cap, ret);
        if (r == 0)
                return 0;
        const char *reason = r > 0 && (size_t) r < sizeof reasons / sizeof *reasons ? reasons[r] : NULL;
        if (reason) {
                refuse(i, e, reason);
                return -1;
        }
        if (r == DOCUMENT_NOT_FOUND && h == SIGNATURES)
                return 0; /* there are none yet */
        /* It is being written to, or its mode forbids it: what is so for long will stay so. */
        uint64_t wait = r == DOCUMENT_NOT_FOUND ? MISSING_USEC : patience(e, DELIVERY_UNFINISHED);
        if (r != -ENOMEM && is_quiet(i, e, wait)) {
                refuse(i, e, r == DOCUMENT_NOT_FOUND ? "no-document" : r < 0 ? "unreadable" : "changing");
                return -1;
        }
        return 1;
}

static void try(struct inbox *i, struct entry *e) {
        CLEANUP(document_clear) struct document d = { 0 }, signatures = { 0 };
        if (read_half(i, e, DOCUMENT, DOCUMENT_MAX, &d) != 0 ||
            read_half(i, e, SIGNATURES, TRUST_SIGNATURE_MAX, &signatures) != 0)
                return;
        const struct submission s = { .text = d.bytes,
                                      .size = d.size,
                                      .signatures = signatures.bytes ? signatures.bytes : "",
                                      .signatures_size = signatures.size,
                                      .uid = e->half[DOCUMENT].now.uid,
                                      .via = "inbox",
                                      .name = e->name };
        enum delivery r = delivery_take(i->agent, &s, false);
        if (r != DELIVERY_DONE && r != DELIVERY_REFUSED && is_quiet(i, e, patience(e, r)))
                r = delivery_take(i->agent, &s, true);
        if (r == DELIVERY_DONE || r == DELIVERY_REFUSED)
                finish(i, e);
}

/* ---- looking ---- */

static void schedule(struct inbox *i, uint64_t usec) {
        uint64_t due = time_boot_usec(&i->agent->time) + usec, before = UINT64_MAX;
        int on = SD_EVENT_OFF;
        (void) sd_event_source_get_enabled(i->look, &on);
        if (on != SD_EVENT_OFF)
                (void) sd_event_source_get_time(i->look, &before);
        (void) sd_event_source_set_time(i->look, due < before ? due : before);
        (void) sd_event_source_set_enabled(i->look, SD_EVENT_ONESHOT);
}

static void list(struct inbox *i) {
        int copy = openat(i->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                close_p(&copy);
                return;
        }
        const struct dirent *f;
        for (unsigned n = 0; n < NAMES_MAX && (f = readdir(d)); n++) {
                char name[NAME_MAX + 1];
                enum half h;
                struct entry *e = split_name(f->d_name, name, &h) ? find_entry(i, name, true) : NULL;
                if (e)
                        e->seen = true;
        }
        (void) closedir(d);
}

/* Whether nothing has changed since the look before this one. */
static bool look_at(struct inbox *i, struct entry *e) {
        bool changed = false;
        for (int h = 0; h < HALVES; h++) {
                char name[FILE_NAME_SIZE];
                name_of(e, (enum half) h, name);
                struct stamp now = stamp_of(i->directory, name);
                changed = changed || !same_stamp(&now, &e->half[h].now);
                e->half[h].now = now;
                if (e->half[h].was_closed)
                        e->half[h].closed = now;
                e->half[h].was_closed = false;
        }
        if (changed)
                e->quiet = time_boot_usec(&i->agent->time);
        e->done = e->done && !changed;
        return !changed;
}

static bool is_closed(const struct entry *e) {
        for (int h = 0; h < HALVES; h++)
                if (e->half[h].now.ino != 0 && !same_stamp(&e->half[h].now, &e->half[h].closed))
                        return false;
        return true;
}

static void drop_unseen(struct inbox *i) {
        for (size_t k = i->n; k-- > 0;) {
                if (i->entries[k]->seen)
                        continue;
                free(i->entries[k]);
                i->entries[k] = i->entries[--i->n];
        }
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata) {
        struct inbox *i = userdata;
        (void) s, (void) usec;
        for (size_t k = 0; k < i->n; k++)
                i->entries[k]->seen = false;
        list(i);
        drop_unseen(i);
        bool waiting = false;
        for (size_t k = 0; k < i->n; k++) {
                struct entry *e = i->entries[k];
                bool same = look_at(i, e);
                /* What is being written to is not read over and over again. */
                if (!e->done && (same || is_closed(e) || !S_ISREG(e->half[DOCUMENT].now.mode)))
                        try(i, e);
                waiting = waiting || !e->done;
        }
        if (waiting)
                schedule(i, LOOK_AGAIN_USEC);
        return 0;
}

static void take_change(struct inbox *i, const struct inotify_event *event) {
        char name[NAME_MAX + 1];
        enum half h;
        if (event->len > 0 && event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO) && split_name(event->name, name, &h)) {
                struct entry *e = find_entry(i, name, true);
                if (e)
                        e->half[h].was_closed = true;
        }
}

/* A buffer's worth: before the rest everything else has its turn again. */
static int on_changes(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct inbox *i = userdata;
        (void) s;
        (void) revents;
        alignas(struct inotify_event) char buffer[4096];
        ssize_t n = read(fd, buffer, sizeof buffer);
        for (char *p = buffer; n > 0 && p < buffer + n;) {
                const struct inotify_event *event = (const void *) p;
                take_change(i, event);
                p += sizeof *event + event->len;
        }
        if (n > 0)
                schedule(i, LOOK_SOON_USEC);
        return 0;
}

/* ---- the directory ---- */

static void set_finding(struct agent *a, int error, const char *detail) {
        if (error == 0 && !detail)
                agent_clear(a, FAILURE_INBOX);
        else
                agent_raise(a, FAILURE_INBOX, detail ? detail : strerrordesc_np(error));
}

static void unwatch(struct inbox *i) {
        i->watch = sd_event_source_disable_unref(i->watch);
        close_p(&i->inotify);
        close_p(&i->directory);
        i->inotify = i->directory = -1;
}

/* Not by sd_event_add_inotify(): it would put the watch aside for another one when it is given its priority, and the
 * kernel takes milliseconds to end the first. */
static int watch(struct inbox *i) {
        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", i->directory);
        i->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (i->inotify < 0 ||
            inotify_add_watch(i->inotify, path,
                              IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_ONLYDIR) < 0)
                return -errno;
        int r = sd_event_add_io(i->agent->event, &i->watch, i->inotify, EPOLLIN, on_changes, i);
        return r < 0 ? r : sd_event_source_set_priority(i->watch, SD_EVENT_PRIORITY_IDLE);
}

/* Whoever may write there may have us look at files, and no more; but who it is, the administrator decides. */
static bool may_be_read(const struct stat *st) {
        return st->st_uid == geteuid() && !(st->st_mode & S_IWOTH);
}

/* The directory, which something may have been mounted upon since. */
static void open_directory(struct inbox *i) {
        struct agent *a = i->agent;
        struct stat st;
        CLEANUP(close_p) int fd = root_openat(&a->root, INBOX_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd == -ENOENT && root_mkdirs(&a->root, INBOX_DIRECTORY, 0700) == 0)
                fd = root_openat(&a->root, INBOX_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd < 0 || fstat(fd, &st) < 0 || !may_be_read(&st)) {
                unwatch(i);
                set_finding(a, fd < 0 ? -fd : 0, fd < 0 ? NULL : "owner or mode");
                return;
        }
        if (i->directory >= 0 && i->dev == st.st_dev && i->ino == st.st_ino) {
                set_finding(a, 0, NULL);
                return;
        }
        unwatch(i);
        i->dev = st.st_dev;
        i->ino = st.st_ino;
        i->directory = TAKE_FD(fd);
        int r = watch(i);
        set_finding(a, r < 0 ? -r : 0, NULL);
}

void inbox_new(struct agent *a) {
        struct inbox *i = calloc(1, sizeof *i);
        if (!i)
                return;
        *i = (struct inbox){ .agent = a, .directory = -1, .inotify = -1 };
        int r = sd_event_add_time(a->event, &i->look, CLOCK_BOOTTIME, 0, 1000, on_look, i);
        if (r >= 0)
                r = sd_event_source_set_priority(i->look, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_enabled(i->look, SD_EVENT_OFF);
        if (r < 0) {
                set_finding(a, -r, NULL);
                (void) inbox_free(i);
                return;
        }
        a->inbox = i;
        inbox_tick(a);
}

void inbox_tick(struct agent *a) {
        if (!a->inbox)
                return;
        open_directory(a->inbox);
        if (a->inbox->directory >= 0)
                schedule(a->inbox, 0);
}

struct inbox *inbox_free(struct inbox *i) {
        if (!i)
                return NULL;
        unwatch(i);
        (void) sd_event_source_disable_unref(i->look);
        for (size_t k = 0; k < i->n; k++)
                free(i->entries[k]);
        free(i);
        return NULL;
}
