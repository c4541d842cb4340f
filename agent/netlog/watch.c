/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/blocked.h"
#include "base/cleanup.h"
#include "flows.h"
#include "network/names.h"
#include "nflog.h"
#include "sockets.h"
#include "sys/outbox.h"
#include "sys/who.h"

#define READINGS    64 /* before others have their turn */
#define TICK_USEC   UINT64_C(1000000)
#define FINISH_USEC UINT64_C(3000000)

struct watch {
        sd_event *event;
        const struct root *root;
        int nflog, diag;
        uint32_t expected; /* sequence number of the next message */
        sd_event_source *messages, *tick, *end;
        struct flows *flows;
        struct who_cache *people;
        struct who *who; /* of the flow that is being told */
        struct outbox *outbox;
        bool ticking, finishing;
};

static uint64_t now_usec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t) ts.tv_sec * 1000000u + (uint64_t) ts.tv_nsec / 1000u;
}

static int64_t wall_msec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- telling ---- */

static int encode(const void *message, uint64_t id, void *buffer, size_t size) {
        struct blocked numbered = *(const struct blocked *) message;
        numbered.id = id;
        return blocked_encode(&numbered, buffer, size);
}

static const struct outbox_kind OUTBOX = { BLOCKED_SOCKET, 1024u * 1024u, encode };

/* Only what this machine sends has a process here; and only while that is still there. */
static void identify(const struct sighting *s, struct blocked *b, void *userdata) {
        struct watch *w = userdata;
        w->who = who_unref(w->who);
        if (s->direction != BLOCKED_OUT || s->uid < 0)
                return;
        int64_t inode = sockets_inode(w->diag, &s->packet);
        pid_t pid = inode > 0 ? sockets_owner(w->root, inode) : 0;
        if (pid > 0)
                w->who = who_of(w->people, pid);
        if (!w->who)
                return;
        b->pid = w->who->pid, b->login_uid = w->who->login_uid, b->session = w->who->session;
        b->program = w->who->program, b->command = w->who->command;
}

static int tell(const struct blocked *b, void *userdata) {
        struct watch *w = userdata;
        return outbox_is_full(w->outbox) ? -EAGAIN : outbox_put(w->outbox, b);
}

static void end_when_told(struct watch *w) {
        if (w->finishing && outbox_is_empty(w->outbox))
                (void) sd_event_exit(w->event, 0);
}

static void on_outbox(bool connected, void *userdata) {
        struct watch *w = userdata;
        const struct blocked watching = { .kind = BLOCKED_WATCHING };
        if (connected)
                (void) outbox_put(w->outbox, &watching);
        end_when_told(w);
}

/* ---- listening ---- */

/* A terminal that sends nothing that is held back is not woken up. */
static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        struct watch *w = userdata;
        (void) usec;
        w->ticking = flows_tick(w->flows, now_usec());
        if (!w->ticking)
                return 0; /* until start_ticking() */
        (void) sd_event_source_set_time_relative(s, TICK_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void start_ticking(struct watch *w) {
        if (w->ticking)
                return;
        w->ticking = sd_event_source_set_time_relative(w->tick, TICK_USEC) >= 0 &&
                     sd_event_source_set_enabled(w->tick, SD_EVENT_ONESHOT) >= 0;
}

static void take_message(struct watch *w, const void *message, size_t size) {
        struct sighting s;
        if (nflog_parse(message, size, &s) != 0)
                return;
        uint64_t now = now_usec();
        int64_t wall = wall_msec();
        if (s.has_sequence && s.sequence != w->expected)
                flows_count_lost(w->flows, s.sequence - w->expected, now, wall);
        w->expected = s.sequence + 1;
        flows_count(w->flows, &s, now, wall);
        start_ticking(w);
}

static int on_messages(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct watch *w = userdata;
        (void) source;
        (void) revents;
        for (int i = 0; i < READINGS; i++) {
                static char bytes[256 * 1024] __attribute__((aligned(8)));
                struct sockaddr_nl from = { 0 };
                socklen_t from_size = sizeof from;
                ssize_t n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *) &from, &from_size);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                if (n < 0 && errno == ENOBUFS)
                        continue;
                if (n < 0)
                        return -errno;
                if (from.nl_pid != 0)
                        continue; /* not the kernel's */
                int left = (int) n;
                const struct nlmsghdr *h = (const struct nlmsghdr *) (const void *) bytes;
                for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
                        take_message(w, h, (size_t) left);
        }
        return 0;
}

static int on_end(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        return sd_event_exit(((struct watch *) userdata)->event, 0);
}

void watch_finish(struct watch *w) {
        w->finishing = true;
        flows_tell_all(w->flows, now_usec());
        if (sd_event_add_time_relative(w->event, &w->end, CLOCK_MONOTONIC, FINISH_USEC, 0, on_end, w) < 0)
                (void) sd_event_exit(w->event, 0);
        end_when_told(w);
}

int watch_new(sd_event *event, const struct root *root, struct watch **ret) {
        struct watch *w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        *w = (struct watch){ .event = sd_event_ref(event), .root = root, .nflog = -1, .diag = -1 };
        const struct flows_teller teller = { identify, tell, w };
        int r = flows_new(&teller, &w->flows);
        if (r == 0)
                r = who_cache_new(root, &w->people);
        if (r == 0)
                r = w->diag = sockets_open();
        if (r >= 0)
                r = outbox_new(event, root, &OUTBOX, on_outbox, w, &w->outbox);
        if (r >= 0)
                r = w->nflog = nflog_open(NETWORK_LOG_GROUP);
        if (r >= 0)
                r = sd_event_add_io(event, &w->messages, w->nflog, EPOLLIN, on_messages, w);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &w->tick, CLOCK_MONOTONIC, TICK_USEC, 0, on_tick, w);
        w->ticking = r >= 0;
        if (r < 0) {
                (void) watch_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

struct watch *watch_free(struct watch *w) {
        if (!w)
                return NULL;
        (void) sd_event_source_disable_unref(w->messages);
        (void) sd_event_source_disable_unref(w->tick);
        (void) sd_event_source_disable_unref(w->end);
        (void) outbox_free(w->outbox);
        (void) flows_free(w->flows);
        (void) who_unref(w->who);
        (void) who_cache_free(w->people);
        close_p(&w->nflog);
        close_p(&w->diag);
        (void) sd_event_unref(w->event);
        free(w);
        return NULL;
}
