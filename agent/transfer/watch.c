/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "files.h"
#include "media.h"
#include "names.h"
#include "sys/outbox.h"
#include "sys/who.h"

#define READINGS    16 /* of one listener, before others have their turn */
#define FINISH_USEC UINT64_C(5000000)

/* Not FAN_ONDIR: we look into folders ourselves, and would wait for ourselves. */
#define CONTENT_MASK (FAN_OPEN_PERM | FAN_CLOSE_WRITE)
#define NAMES_MASK   (FAN_CREATE | FAN_RENAME | FAN_DELETE | FAN_ONDIR)

struct watch {
        sd_event *event;
        const struct root *root;
        int content, names_fd, table;
        sd_event_source *on_content, *on_names, *on_table, *end;
        struct media media;
        struct who_cache *people;
        struct outbox *outbox;
        struct files *files;
        struct names *names;
        bool started, finishing;
        bool failed;     /* a medium is there that cannot be listened on */
        bool names_read; /* since the content listener was read */
};

/* ---- telling ---- */

static int encode(const void *message, uint64_t id, void *buffer, size_t size) {
        struct transfer numbered = *(const struct transfer *) message;
        numbered.id = id;
        return transfer_encode(&numbered, buffer, size);
}

static const struct outbox_kind OUTBOX = { TRANSFER_SOCKET, 16u * 1024u * 1024u, encode };

static void complain(struct watch *w, const char *code, const char *detail) {
        struct transfer t = files_message(TRANSFER_TROUBLE, NULL, NULL);
        t.code = code;
        t.detail = detail;
        (void) outbox_put(w->outbox, &t);
}

static void on_lost(const char *why, void *userdata) {
        complain(userdata, "transfers-lost", why);
}

static void say_watching(struct watch *w) {
        struct transfer t = files_message(TRANSFER_WATCHING, NULL, NULL);
        (void) outbox_put(w->outbox, &t);
}

static void finish_if_done(struct watch *w) {
        if (w->finishing && files_is_empty(w->files) && outbox_is_empty(w->outbox))
                (void) sd_event_exit(w->event, 0);
}

/* ---- which media ---- */

static void on_problem(const char *filesystem, const char *disk, int error, void *userdata) {
        struct watch *w = userdata;
        char detail[200];
        (void) snprintf(detail, sizeof detail, "%.60s %.60s: %s", disk, filesystem, strerrordesc_np(-error));
        w->failed = true;
        complain(w, "transfer-unwatched", detail);
}

/* Before us, nobody listened there. */
static void on_found(const struct medium *m, void *userdata) {
        struct watch *w = userdata;
        char detail[200];
        (void) snprintf(detail, sizeof detail, "%.60s was mounted before the watch began", m->backing.disk);
        if (!w->started)
                complain(w, "transfers-lost", detail);
}

static int refresh(struct watch *w) {
        const struct media_listeners l = {
                .content = w->content, .names = w->names_fd, .content_mask = CONTENT_MASK, .names_mask = NAMES_MASK
        };
        bool before = w->failed;
        w->failed = false;
        int r = media_refresh(&w->media, w->root, &l, on_problem, on_found, w);
        if (before && !w->failed)
                say_watching(w);
        return r;
}

static int on_table(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct watch *w = userdata;
        (void) s;
        (void) fd;
        (void) revents;
        (void) refresh(w);
        return 0;
}

static void on_outbox(bool connected, void *userdata) {
        struct watch *w = userdata;
        if (connected && !w->failed && w->started)
                say_watching(w);
        finish_if_done(w);
}

/* ---- files ---- */

static void answer(struct watch *w, int fd, bool allowed) {
        const struct fanotify_response response = { .fd = fd, .response = allowed ? FAN_ALLOW : FAN_DENY };
        (void) !write(w->content, &response, sizeof response);
}

static void read_names(struct watch *w);

static void on_file(struct watch *w, const struct fanotify_event_metadata *e) {
        if (e->mask & FAN_Q_OVERFLOW) {
                on_lost("the kernel's queue was full", w);
                return;
        }
        if (e->fd < 0)
                return;
        CLEANUP(who_unrefp) struct who *who = who_of(w->people, e->pid);
        if (e->mask & FAN_OPEN_PERM) {
                answer(w, e->fd, e->pid == getpid() || (who && !outbox_is_full(w->outbox)));
                (void) close(e->fd);
                return;
        }
        struct stat st;
        if (!who || fstat(e->fd, &st) < 0) {
                (void) close(e->fd);
                on_lost("no memory", w);
                return;
        }
        /* Its name was made before it was closed, and is known as waiting for that. */
        if (!w->names_read)
                read_names(w);
        w->names_read = true;
        struct medium *m = media_by_device(&w->media, st.st_dev);
        const char *path;
        files_take(w->files, e->fd, who, m, &path);
        names_closed(w->names, m, path);
}

/* Events follow each other without padding, whatever FAN_EVENT_NEXT thinks of alignment. */
static bool next_event(const char **p, size_t *left, struct fanotify_event_metadata *ret, const char **ret_whole) {
        if (*left < sizeof *ret)
                return false;
        memcpy(ret, *p, sizeof *ret);
        if (ret->event_len < sizeof *ret || ret->event_len > *left || ret->vers != FANOTIFY_METADATA_VERSION)
                return false;
        *ret_whole = *p;
        *p += ret->event_len;
        *left -= ret->event_len;
        return true;
}

static int on_content(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct watch *w = userdata;
        (void) s;
        (void) revents;
        char buffer[8192]; /* some 340 events: fewer than files_is_full() keeps */
        for (int i = 0; i < READINGS && !files_is_full(w->files); i++) {
                ssize_t n = read(fd, buffer, sizeof buffer);
                if (n <= 0) /* also what cannot be opened, as a device node: the kernel has refused it then */
                        break;
                struct fanotify_event_metadata e;
                const char *p = buffer, *whole;
                w->names_read = false;
                for (size_t left = (size_t) n; next_event(&p, &left, &e, &whole);)
                        on_file(w, &e);
        }
        files_go_on(w->files);
        /* What is not read now waits, and its opener with it. */
        if (files_is_full(w->files))
                (void) sd_event_source_set_enabled(w->on_content, SD_EVENT_OFF);
        return 0;
}

static void on_drained(void *userdata) {
        struct watch *w = userdata;
        (void) sd_event_source_set_enabled(w->on_content, SD_EVENT_ON);
        finish_if_done(w);
}

static void read_names(struct watch *w) {
        char buffer[16384];
        for (int i = 0; i < READINGS; i++) {
                ssize_t n = read(w->names_fd, buffer, sizeof buffer);
                if (n <= 0)
                        return;
                struct fanotify_event_metadata e;
                const char *p = buffer, *whole;
                for (size_t left = (size_t) n; next_event(&p, &left, &e, &whole);)
                        if (e.mask & FAN_Q_OVERFLOW)
                                on_lost("the kernel's queue was full", w);
                        else
                                names_event(w->names, whole, e.event_len);
        }
}

static int on_names(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        (void) s;
        (void) fd;
        (void) revents;
        read_names(userdata);
        return 0;
}

/* ---- life ---- */

static int on_end(sd_event_source *s, uint64_t usec, void *userdata) {
        struct watch *w = userdata;
        (void) s;
        (void) usec;
        return sd_event_exit(w->event, 0);
}

void watch_finish(struct watch *w) {
        if (w->finishing)
                return;
        w->finishing = true;
        names_flush(w->names);
        (void) sd_event_add_time_relative(w->event, &w->end, CLOCK_MONOTONIC, FINISH_USEC, 0, on_end, w);
        finish_if_done(w);
}

static int listen_to(struct watch *w) {
        /* Files come open, for reading and without being listened on. O_NONBLOCK: a pipe on a medium makes nobody wait.
         */
        w->content = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK,
                                   O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
        if (w->content < 0)
                return -errno;
        w->names_fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY);
        if (w->names_fd < 0)
                return -errno;
        w->table = root_openat(w->root, "proc/self/mountinfo", O_RDONLY, 0);
        return w->table < 0 ? w->table : 0;
}

/* Who opens waits, and a new mount is a race: these come first. Names come after the openings that say whose they are.
 */
static int add_sources(struct watch *w) {
        int r = sd_event_add_io(w->event, &w->on_table, w->table, EPOLLPRI, on_table, w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->on_table, SD_EVENT_PRIORITY_IMPORTANT - 10);
        if (r >= 0)
                r = sd_event_add_io(w->event, &w->on_content, w->content, EPOLLIN, on_content, w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->on_content, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_add_io(w->event, &w->on_names, w->names_fd, EPOLLIN, on_names, w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->on_names, SD_EVENT_PRIORITY_IMPORTANT + 10);
        return r < 0 ? r : 0;
}

int watch_new(sd_event *event, const struct root *root, struct watch **ret) {
        struct watch *w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        *w = (struct watch){ .event = sd_event_ref(event), .root = root, .content = -1, .names_fd = -1, .table = -1 };
        int r = listen_to(w);
        if (r == 0)
                r = who_cache_new(root, &w->people);
        if (r == 0)
                r = outbox_new(event, root, &OUTBOX, on_outbox, w, &w->outbox);
        if (r == 0)
                r = files_new(event, w->outbox, on_drained, on_lost, w, &w->files);
        if (r == 0)
                r = names_new(event, &w->media, w->people, w->outbox, on_lost, w, &w->names);
        if (r == 0)
                r = add_sources(w);
        if (r == 0)
                r = refresh(w);
        if (r < 0) {
                (void) watch_free(w);
                return r;
        }
        w->started = true;
        *ret = w;
        return 0;
}

struct watch *watch_free(struct watch *w) {
        if (!w)
                return NULL;
        /* First, so that nobody waits for us any more. */
        (void) sd_event_source_disable_unref(w->on_content);
        (void) sd_event_source_disable_unref(w->on_names);
        (void) sd_event_source_disable_unref(w->on_table);
        (void) sd_event_source_disable_unref(w->end);
        close_p(&w->content);
        close_p(&w->names_fd);
        close_p(&w->table);
        (void) files_free(w->files);
        (void) names_free(w->names);
        (void) outbox_free(w->outbox);
        (void) who_cache_free(w->people);
        media_clear(&w->media);
        (void) sd_event_unref(w->event);
        free(w);
        return NULL;
}
