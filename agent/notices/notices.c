/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "notices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "front.h"
#include "idle.h"
#include "ipc/agent_interface.h"
#include "ipc/ipc.h"

#define SEC            UINT64_C(1000000)
#define ANSWER_USEC    (2 * SEC)
#define RECONNECT_USEC (2 * SEC)

/* On a desktop a notice is replaced; on a terminal it scrolls away what somebody works on. */
static const struct notice_style desktop = { .again_usec = 2 * SEC, .quiet_usec = 30 * SEC };
static const struct notice_style terminal = { .again_usec = 60 * SEC, .quiet_usec = 120 * SEC };

enum front_kind { FRONT_DESKTOP, FRONT_VT, FRONT_EMULATED, FRONT_MAX };

struct front {
        bool used;
        struct notice_board *board;
        struct notice_style style;
};

struct notices {
        sd_event *event;
        const struct root *root;
        const struct notices_options *options;
        struct ipc_client *agent; /* NULL: not there */
        sd_event_source *io, *reconnect, *due;
        struct notify_events notify_events;
        struct notify *notify;
        struct idle *idle;
        struct front fronts[FRONT_MAX];
};

static uint64_t now_usec(const struct notices *n) {
        uint64_t now = 0;
        (void) sd_event_now(n->event, CLOCK_MONOTONIC, &now);
        return now;
}

static bool can_show(const struct notices *n, enum front_kind k) {
        bool markup;
        return n->fronts[k].used && (k != FRONT_DESKTOP || notify_is_ready(n->notify, &markup));
}

static void show(struct notices *n, enum front_kind k, const struct notice *notice) {
        if (k != FRONT_DESKTOP)
                (void) console_show(k == FRONT_VT ? CONSOLE_VT : CONSOLE_EMULATED, n->options->tty, notice);
        else if (notify_show(n->notify, notice) < 0)
                notice_board_lost(n->fronts[k].board, notice->slot);
}

static void show_due(struct notices *n) {
        uint64_t now = now_usec(n), next = UINT64_MAX;
        for (int k = 0; k < FRONT_MAX; k++) {
                struct front *f = &n->fronts[k];
                struct notice notice;
                if (!can_show(n, (enum front_kind) k))
                        continue; /* what waits is shown when it can be */
                while (notice_board_next(f->board, now, &f->style, &notice) == 1) {
                        show(n, (enum front_kind) k, &notice);
                        notice_clear(&notice);
                }
                uint64_t due = notice_board_due(f->board, &f->style);
                next = due < next ? due : next;
        }
        (void) sd_event_source_set_time(n->due, next);
        (void) sd_event_source_set_enabled(n->due, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        show_due(userdata);
        return 0;
}

static void on_ready(void *userdata) {
        struct notices *n = userdata;
        (void) notify_is_ready(n->notify, &n->fronts[FRONT_DESKTOP].style.markup);
        show_due(n);
}

static void on_dismissed(unsigned slot, void *userdata) {
        struct notices *n = userdata;
        notice_board_dismiss(n->fronts[FRONT_DESKTOP].board, slot);
}

static void on_lost(unsigned slot, void *userdata) {
        struct notices *n = userdata;
        notice_board_lost(n->fronts[FRONT_DESKTOP].board, slot);
        show_due(n);
}

/* ---- the agent ---- */

static void take(struct notices *n, const json_t *event) {
        if (strcmp(notice_string(event, "kind"), "settings") == 0) {
                idle_set_limit(n->idle, (uint64_t) notice_number(event, "screen_lock"));
                return;
        }
        for (int k = 0; k < FRONT_MAX; k++)
                if (n->fronts[k].used)
                        (void) notice_board_take(n->fronts[k].board, event, now_usec(n), &n->fronts[k].style);
}

static void hang_up(struct notices *n) {
        n->io = sd_event_source_disable_unref(n->io);
        n->agent = ipc_client_free(n->agent);
        (void) sd_event_source_set_time_relative(n->reconnect, RECONNECT_USEC);
        (void) sd_event_source_set_enabled(n->reconnect, SD_EVENT_ONESHOT);
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static int on_agent(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct notices *n = userdata;
        (void) s;
        (void) fd;
        (void) revents;
        for (;;) {
                CLEANUP(json_p) json_t *reply = NULL;
                CLEANUP(free_p) char *error = NULL;
                int r = ipc_client_next_now(n->agent, &reply, &error);
                if (r == -EAGAIN)
                        break;
                if (r == 0)
                        take(n, reply);
                else {
                        hang_up(n);
                        break;
                }
        }
        show_due(n);
        return 0;
}

static int call_agent(struct notices *n) {
        int r = ipc_client_connect_at(n->root, AGENT_SOCKET, ANSWER_USEC, &n->agent);
        if (r >= 0)
                r = ipc_client_call_more(n->agent, AGENT_METHOD(AGENT_WATCH_OWN), NULL);
        if (r >= 0)
                r = sd_event_add_io(n->event, &n->io, ipc_client_fd(n->agent), EPOLLIN, on_agent, n);
        return r;
}

static int on_reconnect(sd_event_source *s, uint64_t usec, void *userdata) {
        struct notices *n = userdata;
        (void) s;
        (void) usec;
        if (call_agent(n) < 0)
                hang_up(n);
        return 0;
}

/* ---- building ---- */

static int open_front(struct notices *n, enum front_kind k, const struct notice_style *style) {
        n->fronts[k] = (struct front){ .used = true, .style = *style };
        n->fronts[k].style.ascii = k == FRONT_VT;
        return notice_board_new(&n->fronts[k].board);
}

static int open_fronts(struct notices *n) {
        if (n->options->console) {
                int r = open_front(n, FRONT_VT, &terminal);
                return r < 0 ? r : open_front(n, FRONT_EMULATED, &terminal);
        }
        n->notify_events = (struct notify_events){ on_ready, on_dismissed, on_lost, n };
        int r = open_front(n, FRONT_DESKTOP, &desktop);
        if (r >= 0)
                r = notify_new(n->event, &n->notify_events, &n->notify);
        if (r >= 0 && n->options->session)
                r = idle_new(n->event, n->root, n->options->session, &n->idle);
        return r;
}

int notices_new(sd_event *event, const struct root *root, const struct notices_options *options, struct notices **ret) {
        struct notices *n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        n->event = sd_event_ref(event);
        n->root = root;
        n->options = options;
        int r = open_fronts(n);
        if (r >= 0)
                r = sd_event_add_time(event, &n->due, CLOCK_MONOTONIC, UINT64_MAX, 10000, on_due, n);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &n->reconnect, CLOCK_MONOTONIC, 0, 1000, on_reconnect, n);
        if (r < 0) {
                (void) notices_free(n);
                return r;
        }
        *ret = n;
        return 0;
}

struct notices *notices_free(struct notices *n) {
        if (!n)
                return NULL;
        (void) sd_event_source_disable_unref(n->io);
        (void) sd_event_source_disable_unref(n->reconnect);
        (void) sd_event_source_disable_unref(n->due);
        (void) ipc_client_free(n->agent);
        (void) idle_free(n->idle);
        (void) notify_free(n->notify);
        for (int k = 0; k < FRONT_MAX; k++)
                (void) notice_board_free(n->fronts[k].board);
        (void) sd_event_unref(n->event);
        free(n);
        return NULL;
}
