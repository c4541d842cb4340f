/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "packet.h"

#define AGAIN_USEC UINT64_C(1000000)

struct letter {
        struct letter *next;
        uint64_t id;
        size_t size;
        char bytes[];
};

struct outbox {
        sd_event *event;
        const struct root *root;
        const struct outbox_kind *kind;
        void (*changed)(bool connected, void *userdata);
        void *userdata;
        int socket; /* -1: the agent is not there */
        sd_event_source *io, *again;
        struct letter *first, **last;
        struct letter *unsent; /* the first that this connection has not carried */
        size_t bytes;
        uint64_t next_id;
};

static void send_all(struct outbox *o);

static void drop_first(struct outbox *o) {
        struct letter *l = o->first;
        o->first = l->next;
        if (!o->first)
                o->last = &o->first;
        if (o->unsent == l)
                o->unsent = l->next;
        o->bytes -= sizeof *l + l->size;
        free(l);
}

static void hang_up(struct outbox *o) {
        o->io = sd_event_source_disable_unref(o->io);
        close_p(&o->socket);
        o->socket = -1;
        o->unsent = o->first;
        (void) sd_event_source_set_time_relative(o->again, AGAIN_USEC);
        (void) sd_event_source_set_enabled(o->again, SD_EVENT_ONESHOT);
}

static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct outbox *o = userdata;
        (void) s;
        uint64_t id;
        ssize_t n;
        bool answered = false;
        while ((n = recv(fd, &id, sizeof id, MSG_DONTWAIT)) == (ssize_t) sizeof id) {
                if (!o->first || o->first == o->unsent || o->first->id != id) {
                        hang_up(o); /* an answer to what was not said */
                        return 0;
                }
                drop_first(o);
                answered = true;
        }
        if (n >= 0 || (errno != EAGAIN && errno != EINTR) || (revents & (EPOLLHUP | EPOLLERR)))
                hang_up(o);
        else
                send_all(o);
        if (answered)
                o->changed(false, o->userdata);
        return 0;
}

static void send_all(struct outbox *o) {
        while (o->socket >= 0 && o->unsent) {
                ssize_t n = send(o->socket, o->unsent->bytes, o->unsent->size, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        hang_up(o);
                        return;
                }
                if (n < 0)
                        break;
                o->unsent = o->unsent->next;
        }
        if (o->io)
                (void) sd_event_source_set_io_events(o->io, o->unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void call(struct outbox *o) {
        int fd = packet_connect(o->root, o->kind->socket);
        if (fd < 0) {
                hang_up(o);
                return;
        }
        o->socket = fd;
        if (sd_event_add_io(o->event, &o->io, fd, EPOLLIN, on_socket, o) < 0) {
                hang_up(o);
                return;
        }
        o->changed(true, o->userdata);
        send_all(o);
}

static int on_again(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        call(userdata);
        return 0;
}

int outbox_put(struct outbox *o, const void *message) {
        static char bytes[OUTBOX_MESSAGE_MAX];
        if (o->bytes > o->kind->bytes_max)
                return -ENOBUFS;
        int n = o->kind->encode(message, o->next_id, bytes, sizeof bytes);
        if (n < 0)
                return n;
        struct letter *l = malloc(sizeof *l + (size_t) n);
        if (!l)
                return -ENOMEM;
        *l = (struct letter){ .id = o->next_id++, .size = (size_t) n };
        memcpy(l->bytes, bytes, (size_t) n);
        o->bytes += sizeof *l + l->size;
        *o->last = l;
        o->last = &l->next;
        if (!o->unsent)
                o->unsent = l;
        send_all(o);
        return 0;
}

bool outbox_is_full(const struct outbox *o) {
        return o->bytes > o->kind->bytes_max / 4 * 3;
}

bool outbox_is_empty(const struct outbox *o) {
        return !o->first;
}

int outbox_new(sd_event *event, const struct root *root, const struct outbox_kind *kind,
               void (*changed)(bool connected, void *userdata), void *userdata, struct outbox **ret) {
        struct outbox *o = calloc(1, sizeof *o);
        if (!o)
                return -ENOMEM;
        /* Ids of different lives of this process differ: milliseconds, times more than one of them holds. */
        struct timespec ts;
        (void) clock_gettime(CLOCK_REALTIME, &ts);
        uint64_t begin = ((uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000) << 20;
        *o = (struct outbox){ .event = sd_event_ref(event),
                              .root = root,
                              .kind = kind,
                              .changed = changed,
                              .userdata = userdata,
                              .socket = -1,
                              .next_id = begin & INT64_MAX };
        o->last = &o->first;
        int r = sd_event_add_time_relative(event, &o->again, CLOCK_MONOTONIC, 0, 0, on_again, o);
        if (r < 0) {
                (void) outbox_free(o);
                return r;
        }
        *ret = o;
        return 0;
}

struct outbox *outbox_free(struct outbox *o) {
        if (!o)
                return NULL;
        while (o->first)
                drop_first(o);
        (void) sd_event_source_disable_unref(o->io);
        (void) sd_event_source_disable_unref(o->again);
        close_p(&o->socket);
        (void) sd_event_unref(o->event);
        free(o);
        return NULL;
}
