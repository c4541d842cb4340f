/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content on its way out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "wayland_state.h"

static void forget_out(struct wayland_out *o) {
        (void) sd_event_source_disable_unref(o->io);
        close_p(&o->fd);
        (void) blob_unref(o->data);
        *o = (struct wayland_out){ .fd = -1 };
}

static int on_room(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct wayland_out *o = userdata;
        (void) source;
        (void) events;
        ssize_t n = write(fd, o->data->bytes + o->done, o->data->size - o->done);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        o->done += n > 0 ? (size_t) n : 0;
        o->moved = wayland_now(o->w);
        if (n <= 0 || o->done == o->data->size)
                forget_out(o);
        return 0;
}

/* A place that is free, or whose reader has not read for long. */
static struct wayland_out *place(struct wayland *w) {
        struct wayland_out *oldest = &w->served[0];
        for (size_t i = 0; i < WAYLAND_SERVED_MAX; i++) {
                if (!w->served[i].used)
                        return &w->served[i];
                if (w->served[i].moved < oldest->moved)
                        oldest = &w->served[i];
        }
        forget_out(oldest);
        return oldest;
}

/* data, fd: taken over. */
static void hand_out(struct wayland *w, struct blob *data, int fd) {
        struct wayland_out *o = place(w);
        *o = (struct wayland_out){ .fd = fd, .data = data, .w = w, .moved = wayland_now(w), .used = true };
        if (data->size == 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
            sd_event_add_io(w->event, &o->io, fd, EPOLLOUT, on_room, o) < 0)
                forget_out(o);
}

/* The compositor reads, in the moment in which it has the X selection: for an X program, or for its own offer of what X
 * programs copied. Nobody knows, and so it gets nothing; no person's paste is that early, and none is told of. */
static bool is_carried(const struct wayland *w, ino_t inode) {
        return clip_has_fronts(w->clip) && program_holds_pipe(w->compositor[0], inode, false);
}

/* What X programs copied is there, whatever the compositor offers meanwhile. */
static bool is_coming(const struct wayland_selection *s) {
        return s->filling || (s->fetching && !s->theirs);
}

static void serve_now(struct wayland_selection *s, const char *type, int fd) {
        CLEANUP(close_p) int end = fd;
        const struct target *t = target_find(type);
        struct stat st;
        if (!t || fstat(end, &st) < 0 || !S_ISFIFO(st.st_mode))
                return; /* what is no pipe says nothing of who reads it */
        char program[PROGRAM_MAX];
        wayland_holder(s->w, st.st_ino, false, program);
        if (!*program && is_carried(s->w, st.st_ino))
                return;
        struct blob *data = clip_take(s->w->clip, s->which, t->format, program, true);
        if (data)
                hand_out(s->w, data, TAKE_FD(end));
}

void wayland_serve(struct wayland_selection *s, const char *type, int fd) {
        if (!is_coming(s)) {
                serve_now(s, type, fd);
                return;
        }
        if (s->n_waiting == WAYLAND_SERVED_MAX || strlen(type) >= WAYLAND_TYPE_MAX) {
                close_p(&fd);
                return;
        }
        (void) snprintf(s->waiting[s->n_waiting].type, WAYLAND_TYPE_MAX, "%s", type);
        s->waiting[s->n_waiting++].fd = fd;
}

void wayland_serve_waiting(struct wayland_selection *s) {
        if (is_coming(s))
                return;
        size_t n = s->n_waiting;
        s->n_waiting = 0;
        for (size_t i = 0; i < n; i++)
                serve_now(s, s->waiting[i].type, s->waiting[i].fd);
}

void wayland_serve_stop(struct wayland *w) {
        for (size_t i = 0; i < WAYLAND_SERVED_MAX; i++)
                if (w->served[i].used)
                        forget_out(&w->served[i]);
}
