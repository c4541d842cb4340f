/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connection.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_SIZE  65536u
#define UNREAD_MAX 65536u /* replies that a pipelining peer has not taken; then its next calls wait */

static size_t message_max(const struct ipc_connection *c) {
        return c->is_root ? c->server->limits.message_max : c->server->limits.message_ordinary_max;
}

void ipc_connection_enter(struct ipc_connection *c) {
        c->busy++;
}

static void connection_free(struct ipc_connection *c) {
        ipc_buffer_clear(&c->in);
        ipc_buffer_clear(&c->out);
        free(c);
}

void ipc_connection_close(struct ipc_connection *c) {
        if (c->dead)
                return;
        c->dead = true;

        c->io = sd_event_source_disable_unref(c->io);
        c->process = sd_event_source_disable_unref(c->process);
        c->timer = sd_event_source_disable_unref(c->timer);
        close_p(&c->fd);
        c->fd = -1;

        struct ipc_server *s = c->server;
        c->server = NULL;
        if (c->previous)
                c->previous->next = c->next;
        else
                s->connections = c->next;
        if (c->next)
                c->next->previous = c->previous;
        s->n_connections--;

        ipc_connection_enter(c);
        struct ipc_call *call = TAKE_PTR(c->call);
        if (call && call->gone)
                call->gone(call, call->userdata);
        free(call);
        if (--c->busy == 0)
                connection_free(c);
}

void ipc_connection_flush(struct ipc_connection *c) {
        while (!c->dead && c->out.n > 0) {
                ssize_t n = send(c->fd, c->out.bytes, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n > 0) {
                        ipc_buffer_consume(&c->out, (size_t) n);
                        continue;
                }
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                ipc_connection_close(c);
        }
}

/* Reads once; the event loop comes back if there is more, after the others had their turn. */
static void connection_read(struct ipc_connection *c) {
        char bytes[READ_SIZE];
        ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        ipc_connection_close(c);
                return;
        }
        if (n == 0) {
                c->eof = true;
                return;
        }

        /* Several small frames may come in one read, so that the cap proper is on each frame. */
        size_t cap = message_max(c), size;
        if (ipc_buffer_add(&c->in, bytes, (size_t) n, cap + READ_SIZE) < 0)
                ipc_connection_close(c);
        else if (!ipc_buffer_frame(&c->in, &size) && c->in.n > cap)
                ipc_connection_close(c);
}

static void sooner(uint64_t *first, uint64_t deadline) {
        if (deadline && (!*first || deadline < *first))
                *first = deadline;
}

/* A call in flight is ours to end, so that a connection is idle only when nothing is. */
static int set_timer(struct ipc_connection *c, bool in_frame, bool undrained) {
        uint64_t now;
        int r = sd_event_now(c->server->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;

        if (!in_frame)
                c->frame_deadline = 0;
        else if (c->frame_deadline == 0)
                c->frame_deadline = now + c->server->limits.frame_usec;
        if (!undrained)
                c->drain_deadline = 0;
        else if (c->drain_deadline == 0)
                c->drain_deadline = now + IPC_DRAIN_USEC;

        uint64_t idle = c->server->limits.idle_usec;
        c->idle_deadline = idle && !in_frame && !undrained && !c->call ? now + idle : 0;

        uint64_t first = c->frame_deadline;
        sooner(&first, c->drain_deadline);
        sooner(&first, c->idle_deadline);
        if (!first)
                return sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        r = sd_event_source_set_time(c->timer, first);
        return r < 0 ? r : sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

/* Sets the event sources to what the connection can do next. Nothing is read while a whole frame waits, and no frame is
 * taken up while a call is in flight or too many replies are not yet taken by the peer: that bounds both buffers. */
static void connection_update(struct ipc_connection *c) {
        size_t size;
        bool frame = ipc_buffer_frame(&c->in, &size);
        if (frame && size > message_max(c)) {
                ipc_connection_close(c);
                return;
        }
        if (c->eof && !c->call && !frame && c->out.n == 0) {
                ipc_connection_close(c);
                return;
        }

        c->reading = !c->eof && !c->call && !frame;
        c->processing = frame && !c->call && c->out.n < UNREAD_MAX;
        uint32_t events = (c->reading ? EPOLLIN : 0u) | (c->out.n > 0 ? EPOLLOUT : 0u);

        int r = sd_event_source_set_io_events(c->io, events);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->process, c->processing ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r >= 0)
                r = set_timer(c, c->reading && c->in.n > 0, c->out.n > 0);
        if (r < 0)
                ipc_connection_close(c);
}

void ipc_connection_leave(struct ipc_connection *c) {
        /* Only the outermost one: inside, the picture is not complete. */
        if (c->busy == 1 && !c->dead)
                connection_update(c);
        if (--c->busy == 0 && c->dead)
                connection_free(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void) source, (void) fd;
        struct ipc_connection *c = userdata;
        ipc_connection_enter(c);
        bool hangup = events & (EPOLLHUP | EPOLLERR);
        if (c->reading && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                connection_read(c);
        else if (hangup && !c->processing)
                ipc_connection_close(c); /* nobody is left to answer */
        if (!c->dead && (events & EPOLLOUT))
                ipc_connection_flush(c);
        ipc_connection_leave(c);
        return 0;
}

static int on_process(sd_event_source *source, void *userdata) {
        (void) source;
        struct ipc_connection *c = userdata;
        ipc_connection_enter(c);
        size_t size;
        if (ipc_buffer_frame(&c->in, &size))
                ipc_connection_dispatch(c, c->in.bytes, size);
        if (!c->dead)
                ipc_buffer_consume(&c->in, size + 1);
        ipc_connection_leave(c);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source, (void) usec;
        ipc_connection_close(userdata);
        return 0;
}

static bool has_group(int fd, gid_t primary, gid_t wanted) {
        if (primary == wanted)
                return true;

        /* The groups of the socket's other end as they were at connect(2): no way through its pid, which may be another
         * process by now. */
        socklen_t size = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) >= 0 || errno != ERANGE || size == 0)
                return false;
        CLEANUP(free_p) gid_t *groups = malloc(size);
        if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return false;
        for (size_t i = 0; i < size / sizeof *groups; i++)
                if (groups[i] == wanted)
                        return true;
        return false;
}

static bool over_cap(const struct ipc_server *s, const struct ipc_connection *c) {
        size_t of_uid = 0;
        for (const struct ipc_connection *other = s->connections; other; other = other->next)
                of_uid += other->uid == c->uid;
        const struct ipc_limits *l = &s->limits;
        if (s->n_connections >= (c->is_root ? l->connections_max : l->connections_max - l->connections_for_root))
                return true;
        return of_uid >= l->per_uid_max && !(c->is_root && l->root_unlimited);
}

static int identify(struct ipc_connection *c, const struct ipc_server *s) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        c->uid = peer.uid;
        c->pid = peer.pid;
        c->is_root = peer.uid == 0 || peer.uid == geteuid();
        c->is_auditor = c->is_root || (s->has_auditor_gid && has_group(c->fd, peer.gid, s->auditor_gid));
        return over_cap(s, c) ? -EUSERS : 0;
}

static int add_sources(struct ipc_connection *c, struct ipc_server *s) {
        int r = sd_event_add_io(s->event, &c->io, c->fd, 0, on_io, c);
        if (r >= 0)
                r = sd_event_add_defer(s->event, &c->process, on_process, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->process, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(s->event, &c->timer, CLOCK_MONOTONIC, 0, 0, on_timer, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

int ipc_server_take(struct ipc_server *s, int fd) {
        struct ipc_connection *c = calloc(1, sizeof *c);
        if (!c) {
                close_p(&fd);
                return -ENOMEM;
        }
        c->fd = fd;
        int r = identify(c, s);
        if (r == 0)
                r = add_sources(c, s);
        if (r < 0) {
                sd_event_source_disable_unref(c->io);
                sd_event_source_disable_unref(c->process);
                sd_event_source_disable_unref(c->timer);
                close_p(&c->fd);
                free(c);
                return r;
        }

        c->server = s;
        c->next = s->connections;
        if (c->next)
                c->next->previous = c;
        s->connections = c;
        s->n_connections++;

        ipc_connection_enter(c);
        ipc_connection_leave(c);
        return 0;
}
