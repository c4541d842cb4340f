/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content on its way in. Each pipe is filled before it is handed out, so that the program that copied cannot have
 * written everything and gone before it was seen who it is. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "wayland_state.h"

#define PIPE_SIZE 4096
#define PIECE     65536u

static void forget_in(struct wayland_in *in) {
        (void) sd_event_source_disable_unref(in->io);
        close_p(&in->fd);
        (void) blob_unref(in->data);
        *in = (struct wayland_in){ .fd = -1 };
}

void wayland_fetch_stop(struct wayland_selection *s) {
        for (int f = 0; f < FORMAT_MAX; f++)
                forget_in(&s->in[f]);
        s->fetching = s->found = false;
        if (s->timer)
                (void) sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        wayland_serve_waiting(s);
}

static size_t fill(int fd) {
        static const char nothing[PIPE_SIZE];
        size_t filled = 0;
        ssize_t n;
        while ((n = write(fd, nothing, sizeof nothing)) > 0)
                filled += (size_t) n;
        return filled;
}

int wayland_fetch_pipe(struct wayland_selection *s, enum format f) {
        int ends[2];
        struct stat st;
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        CLEANUP(close_p) int read_end = ends[0];
        CLEANUP(close_p) int write_end = ends[1];
        if (fcntl(write_end, F_SETPIPE_SZ, PIPE_SIZE) < 0 || fstat(read_end, &st) < 0)
                return -errno;
        struct wayland_in *in = &s->in[f];
        *in = (struct wayland_in){ .fd = -1, .inode = st.st_ino, .data = blob_new(), .s = s };
        if (!in->data)
                return -ENOMEM;
        in->filler = fill(write_end);
        /* Programs write as they are used to. */
        if (fcntl(write_end, F_SETFL, 0) < 0)
                return -errno;
        in->fd = TAKE_FD(read_end);
        return TAKE_FD(write_end);
}

static bool is_over(const struct wayland_selection *s) {
        for (int f = 0; f < FORMAT_MAX; f++)
                if (s->in[f].fd >= 0)
                        return false;
        return true;
}

static void take_now(struct wayland_selection *s) {
        if (!s->taken)
                wayland_own(s, s->formats);
        s->taken = true;
}

static void finish(struct wayland_selection *s) {
        take_now(s);
        s->fetching = false; /* first: what is cleared now goes from the compositor, too */
        (void) clip_complete(s->w->clip, s->which);
        wayland_fetch_stop(s);
}

static void end_format(struct wayland_in *in, bool good) {
        struct wayland_selection *s = in->s;
        if (good && in->data->size > 0)
                clip_put(s->w->clip, s->which, (enum format)(in - s->in), blob_ref(in->data));
        forget_in(in);
        if (is_over(s))
                finish(s);
}

static int on_bytes(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct wayland_in *in = userdata;
        struct wayland_selection *s = in->s;
        char bytes[PIECE];
        (void) source;
        (void) events;
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                end_format(in, n == 0 && in->filler == 0);
                return 0;
        }
        size_t skip = in->filler < (size_t) n ? in->filler : (size_t) n;
        in->filler -= skip;
        enum format f = (enum format)(in - s->in);
        size_t more = (size_t) n - skip;
        int r = blob_append(in->data, bytes + skip, more, clip_room(s->limits[f], s->total, in->data->size));
        s->total += r == 0 ? more : 0;
        explicit_bzero(bytes, (size_t) n);
        s->since = wayland_now(s->w);
        if (r == -EFBIG)
                clip_put_too_large(s->w->clip, s->which, f, s->limits[f]);
        if (r < 0)
                end_format(in, false);
        return 0;
}

/* Who copied is known: what may pass to anybody is read, and the rest let go. */
static void begin_reading(struct wayland_selection *s, const char *program) {
        s->found = true;
        s->total = 0;
        s->since = wayland_now(s->w);
        uint32_t formats = clip_wanted(s->w->clip, program);
        s->theirs = s->filling = false;
        clip_begin(s->w->clip, s->w, s->which, program, s->limits);
        for (int f = 0; f < FORMAT_MAX; f++) {
                struct wayland_in *in = &s->in[f];
                if (in->fd < 0)
                        continue;
                (void) fcntl(in->fd, F_SETPIPE_SZ, (int) PIECE);
                if (!(formats & 1u << f) || sd_event_add_io(s->w->event, &in->io, in->fd, EPOLLIN, on_bytes, in) < 0)
                        forget_in(in);
        }
        if (is_over(s))
                finish(s);
}

/* Nobody holds any of the pipes, nor can ever: the compositor offered what X programs copied, which it does not get. */
static bool is_shut(const struct wayland_selection *s) {
        for (int f = 0; f < FORMAT_MAX; f++) {
                struct pollfd p = { .fd = s->in[f].fd, .events = POLLIN };
                if (p.fd >= 0 && (poll(&p, 1, 0) < 0 || !(p.revents & POLLHUP)))
                        return false;
        }
        return true;
}

static void look_again(struct wayland_selection *s, uint64_t usec) {
        if (!s->taken && usec > WAYLAND_TAKE_USEC)
                usec = WAYLAND_TAKE_USEC;
        (void) sd_event_source_set_time_relative(s->timer, usec);
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct wayland_selection *s = userdata;
        (void) source;
        (void) usec; /* when it was due: what has come since then has not waited */
        uint64_t now = wayland_now(s->w);
        if (now - s->asked >= WAYLAND_TAKE_USEC)
                take_now(s);
        if (s->found) {
                if (now - s->since > WAYLAND_FETCH_USEC)
                        finish(s);
                else
                        look_again(s, WAYLAND_FETCH_USEC / 5);
                return 0;
        }
        if (s->theirs && is_shut(s)) {
                wayland_fetch_stop(s);
                return 0;
        }
        char program[PROGRAM_MAX] = "";
        for (int f = 0; f < FORMAT_MAX && !*program; f++)
                if (s->in[f].fd >= 0)
                        wayland_holder(s->w, s->in[f].inode, true, program);
        if (*program || now - s->since > WAYLAND_FIND_USEC) {
                begin_reading(s, program);
                if (s->fetching)
                        look_again(s, WAYLAND_FETCH_USEC / 5);
        } else
                look_again(s, WAYLAND_LOOK_USEC);
        return 0;
}

void wayland_fetch_begin(struct wayland_selection *s, uint32_t formats) {
        size_t limits[FORMAT_MAX];
        s->since = s->asked = wayland_now(s->w);
        s->formats = formats;
        s->taken = false;
        s->fetching = !is_over(s);
        s->found = false;
        /* It may be what X programs copied and we have already, by way of the compositor: whose it is will be seen. */
        bool is_known = s->theirs && (s->fetching || s->filling);
        if (is_known)
                take_now(s);
        else {
                s->theirs = s->filling = false;
                clip_begin(s->w->clip, s->w, s->which, "", limits); /* what was held is another's */
        }
        if (!s->fetching) {
                take_now(s);
                if (!is_known)
                        (void) clip_complete(s->w->clip, s->which);
                return;
        }
        if (!s->timer && sd_event_add_time_relative(s->w->event, &s->timer, CLOCK_MONOTONIC, WAYLAND_LOOK_USEC, 100,
                                                    on_timer, s) < 0) {
                take_now(s);
                wayland_fetch_stop(s);
        } else
                look_again(s, WAYLAND_LOOK_USEC);
}
