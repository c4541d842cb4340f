/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is marked (PRIMARY). A program takes the mark away when it loses the selection, and then there is nothing that
 * could be copied by keys either. So it is left with the program that has the keyboard, until another one gets it: that
 * program is found by a pipe, as always, and what comes through it is thrown away. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "wayland_protocol.h"
#include "wayland_state.h"

#define MARK_MAX (64u * 1024u * 1024u) /* thrown away at most; beyond that the program is told that nobody reads */

void wayland_mark_forget(struct wayland *w) {
        struct wayland_mark *m = &w->mark;
        if (!m->offer)
                return;
        wayland_send_away(m->offer, OFFER_DESTROY);
        (void) sd_event_source_disable_unref(m->timer);
        *m = (struct wayland_mark){ .offer = NULL };
        wayland_fetch_stop(&w->primary); /* the pipe is one of its */
}

void wayland_mark_take(struct wayland *w) {
        struct wl_proxy *offer = w->mark.offer;
        const char *names[FORMAT_MAX];
        if (!offer)
                return;
        memcpy(names, w->mark.names, sizeof names);
        w->mark.offer = NULL;
        (void) sd_event_source_disable_unref(w->mark.timer);
        w->mark.timer = NULL;
        wayland_take(&w->primary, offer, names);
        wayland_send_away(offer, OFFER_DESTROY);
}

static int on_thrown_away(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct wayland_in *in = userdata;
        char bytes[16384];
        (void) source;
        (void) events;
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        explicit_bzero(bytes, n > 0 ? (size_t) n : 0);
        in->s->total += n > 0 ? (size_t) n : 0;
        if (n <= 0 || in->s->total > MARK_MAX)
                wayland_fetch_stop(in->s);
        return 0;
}

/* It is its own mark: it may keep it. */
static void leave(struct wayland *w, const char *program) {
        struct wayland_mark *m = &w->mark;
        struct wayland_in *in = &w->primary.in[m->format];
        m->found = true;
        memcpy(m->program, program, strlen(program) + 1);
        w->primary.total = 0;
        if (sd_event_add_io(w->event, &in->io, in->fd, EPOLLIN, on_thrown_away, in) < 0)
                wayland_mark_take(w);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        struct wayland *w = userdata;
        char program[PROGRAM_MAX] = "";
        (void) usec;
        wayland_holder(w, w->primary.in[w->mark.format].inode, true, program);
        if (*program && wayland_one_zone(program, focus_program(w->focus), w))
                leave(w, program);
        else if (*program || wayland_now(w) - w->mark.since > WAYLAND_FIND_USEC ||
                 sd_event_source_set_time_relative(source, WAYLAND_LOOK_USEC) < 0 ||
                 sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0)
                wayland_mark_take(w);
        return 0;
}

void wayland_mark_look(struct wayland *w) {
        const struct wayland_mark *m = &w->mark;
        if (m->offer && (!m->found || !wayland_one_zone(m->program, focus_program(w->focus), w)))
                wayland_mark_take(w);
}

bool wayland_mark_leave(struct wayland *w) {
        struct wayland_mark *m = &w->mark;
        struct wayland_selection *s = &w->primary;
        int format = 0;
        while (format < FORMAT_MAX && !w->offer_names[format])
                format++;
        if (format == FORMAT_MAX || !*focus_program(w->focus) || s->theirs || s->filling)
                return false;
        wayland_fetch_stop(s);
        CLEANUP(close_p) int fd = wayland_fetch_pipe(s, (enum format) format);
        if (fd < 0 ||
            sd_event_add_time_relative(w->event, &m->timer, CLOCK_MONOTONIC, WAYLAND_LOOK_USEC, 100, on_look, w) < 0) {
                wayland_fetch_stop(s);
                return false;
        }
        m->offer = w->offer;
        w->offer = NULL;
        memcpy(m->names, w->offer_names, sizeof m->names);
        m->format = format;
        m->found = false;
        m->since = wayland_now(w);
        clip_clear(w->clip, s->which); /* what was held is another's */
        (void) wl_proxy_marshal_flags(m->offer, OFFER_RECEIVE, NULL, wl_proxy_get_version(m->offer), 0,
                                      m->names[format], fd);
        (void) wl_display_flush(w->display); /* before the end that goes with it is closed here */
        return true;
}
