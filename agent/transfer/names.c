/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "files.h"

#define WAIT_USEC   UINT64_C(10000000)
#define PENDING_MAX 16384u

struct created {
        struct created *next;
        uint64_t due; /* monotonic clock */
        int64_t msec;
        struct who *who;
        struct medium *medium;
        char *path;
        bool outside, is_directory;
};

struct names {
        sd_event *event;
        sd_event_source *timer;
        const struct media *media;
        struct who_cache *people;
        struct outbox *outbox;
        void (*lost)(const char *why, void *userdata);
        void *userdata;
        struct created *first, **last;
        size_t n;
};

/* A folder's handle and a name in it, as an event holds them. */
struct place {
        int fsid[2];
        union {
                struct file_handle handle;
                char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
        } folder;
        char name[NAME_MAX + 1];
        bool is_set;
};

static bool read_place(const char *bytes, size_t size, struct place *ret) {
        struct fanotify_event_info_fid info;
        struct place p = { .is_set = true };
        const size_t head = offsetof(struct fanotify_event_info_fid, handle);
        if (size < head + sizeof(struct file_handle))
                return false;
        memcpy(&info, bytes, head);
        memcpy(p.fsid, &info.fsid, sizeof p.fsid);
        memcpy(&p.folder.handle, bytes + head, sizeof p.folder.handle);

        const char *after = bytes + head + sizeof p.folder.handle;
        size_t left = size - head - sizeof p.folder.handle, n = p.folder.handle.handle_bytes;
        if (n > MAX_HANDLE_SZ || n > left)
                return false;
        memcpy(p.folder.bytes + offsetof(struct file_handle, f_handle), after, n);
        const char *nul = memchr(after + n, '\0', left - n);
        if (!nul || nul - (after + n) > NAME_MAX)
                return false;
        memcpy(p.name, after + n, (size_t) (nul - (after + n)) + 1);
        *ret = p;
        return true;
}

/* The folder is opened by its handle and asked for its path. Folders are not listened on, so that this waits for
 * nobody. NULL: it is gone, or there is no memory. */
static char *path_of(const struct names *n, const struct place *p, struct medium **ret_medium, bool *ret_outside) {
        struct medium *m = media_by_fsid(n->media, p->fsid);
        *ret_medium = m;
        CLEANUP(close_p) int top = m ? open(m->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        struct stat st;
        if (top < 0 || fstat(top, &st) < 0 || st.st_dev != m->device)
                return NULL;
        struct place copy = *p;
        CLEANUP(close_p) int folder = open_by_handle_at(top, &copy.folder.handle, O_PATH | O_CLOEXEC);
        char link[40], path[PATH_MAX + NAME_MAX + 2];
        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = folder < 0 ? -1 : readlink(link, path, PATH_MAX);
        if (length <= 0)
                return NULL;
        (void) snprintf(path + length, sizeof path - (size_t) length, "%s%s", path[length - 1] == '/' ? "" : "/",
                        p->name);
        return medium_path(m, path, ret_outside);
}

static void say(struct names *n, const struct transfer *t) {
        if (outbox_put(n->outbox, t) < 0)
                n->lost("the agent does not take what is told", n->userdata);
}

static void created_free(struct created *c) {
        (void) who_unref(c->who);
        (void) medium_unref(c->medium);
        free(c->path);
        free(c);
}

static struct created *take_out(struct names *n, struct created **link) {
        struct created *c = *link;
        *link = c->next;
        if (!c->next)
                n->last = link;
        n->n--;
        return c;
}

static void tell_first(struct names *n) {
        struct created *c = take_out(n, &n->first);
        struct transfer t = files_message(TRANSFER_CREATED, c->who, c->medium);
        t.msec = c->msec;
        t.path = c->path;
        t.outside = c->outside;
        t.is_directory = c->is_directory;
        say(n, &t);
        created_free(c);
}

static uint64_t now_usec(const struct names *n) {
        uint64_t now = 0;
        (void) sd_event_now(n->event, CLOCK_MONOTONIC, &now);
        return now;
}

static void arm(struct names *n) {
        if (n->first)
                (void) sd_event_source_set_time(n->timer, n->first->due);
        (void) sd_event_source_set_enabled(n->timer, n->first ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        struct names *n = userdata;
        (void) s;
        (void) usec;
        uint64_t now = now_usec(n);
        while (n->first && n->first->due <= now)
                tell_first(n);
        arm(n);
        return 0;
}

static void wait_for(struct names *n, char *path, bool outside, bool is_directory, struct who *who, struct medium *m) {
        struct created *c = calloc(1, sizeof *c);
        if (!c) {
                free(path);
                n->lost("no memory", n->userdata);
                return;
        }
        /* A folder is all that it will ever be. */
        *c = (struct created){ .due = now_usec(n) + (is_directory ? 0 : WAIT_USEC),
                               .msec = files_message(TRANSFER_CREATED, NULL, NULL).msec,
                               .who = who_ref(who),
                               .medium = medium_ref(m),
                               .path = path,
                               .outside = outside,
                               .is_directory = is_directory };
        if (is_directory) {
                c->next = n->first;
                n->first = c;
                if (!c->next)
                        n->last = &c->next;
                n->n++;
                tell_first(n);
                return;
        }
        *n->last = c;
        n->last = &c->next;
        n->n++;
        while (n->first && n->n > PENDING_MAX)
                tell_first(n);
        if (n->first == c)
                arm(n);
}

void names_closed(struct names *n, const struct medium *medium, const char *path) {
        struct created **link = &n->first;
        while (*link && ((*link)->medium != medium || strcmp((*link)->path, path) != 0))
                link = &(*link)->next;
        if (!*link)
                return;
        created_free(take_out(n, link));
        arm(n);
}

void names_flush(struct names *n) {
        while (n->first)
                tell_first(n);
        arm(n);
}

static void happened(struct names *n, uint64_t mask, pid_t pid, const struct place *now, const struct place *before) {
        CLEANUP(who_unrefp) struct who *who = who_of(n->people, pid);
        struct medium *m = NULL;
        bool outside = false, ignored = false;
        char *path = path_of(n, now, &m, &outside);
        if (!who || (!path && !(path = strdup(now->name)))) {
                free(path);
                n->lost("no memory", n->userdata);
                return;
        }
        bool is_directory = (mask & FAN_ONDIR) != 0;
        if (mask & FAN_CREATE) {
                wait_for(n, path, outside, is_directory, who, m);
                return;
        }
        CLEANUP(free_p) char *owned = path;
        CLEANUP(free_p) char *old_path = before->is_set ? path_of(n, before, &m, &ignored) : NULL;
        struct transfer t = files_message(mask & FAN_RENAME ? TRANSFER_RENAMED : TRANSFER_DELETED, who, m);
        t.path = owned;
        t.outside = outside;
        t.is_directory = is_directory;
        t.old_path = old_path ? old_path : before->is_set ? before->name : "";
        say(n, &t);
        if (mask & FAN_DELETE)
                names_closed(n, m, owned); /* told already: it came and went */
}

void names_event(struct names *n, const void *event, size_t size) {
        struct fanotify_event_metadata head;
        struct place now = { .is_set = false }, before = { .is_set = false };
        memcpy(&head, event, sizeof head);
        const char *p = (const char *) event + head.metadata_len, *end = (const char *) event + size;
        while (end - p >= (ptrdiff_t) sizeof(struct fanotify_event_info_header)) {
                struct fanotify_event_info_header info;
                memcpy(&info, p, sizeof info);
                if (info.len < sizeof info || info.len > end - p)
                        break;
                switch (info.info_type) {
                case FAN_EVENT_INFO_TYPE_DFID_NAME:
                case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
                        (void) read_place(p, info.len, &now);
                        break;
                case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
                        (void) read_place(p, info.len, &before);
                        break;
                default:
                        break;
                }
                p += info.len;
        }
        if (now.is_set)
                happened(n, head.mask, head.pid, &now, &before);
        else
                n->lost("an event of the kernel's is not understood", n->userdata);
}

int names_new(sd_event *event, const struct media *media, struct who_cache *people, struct outbox *outbox,
              void (*lost)(const char *why, void *userdata), void *userdata, struct names **ret) {
        struct names *n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        *n = (struct names){ .event = sd_event_ref(event),
                             .media = media,
                             .people = people,
                             .outbox = outbox,
                             .lost = lost,
                             .userdata = userdata };
        n->last = &n->first;
        int r = sd_event_add_time(event, &n->timer, CLOCK_MONOTONIC, 0, 0, on_timer, n);
        if (r >= 0)
                r = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
        if (r < 0) {
                (void) names_free(n);
                return r;
        }
        *ret = n;
        return 0;
}

struct names *names_free(struct names *n) {
        if (!n)
                return NULL;
        while (n->first)
                created_free(take_out(n, &n->first));
        (void) sd_event_source_disable_unref(n->timer);
        (void) sd_event_unref(n->event);
        free(n);
        return NULL;
}
