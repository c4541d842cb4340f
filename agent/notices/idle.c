/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "idle.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "ipc/agent_interface.h"
#include "ipc/ipc.h"

#define SEC         UINT64_C(1000000)
#define ANSWER_USEC SEC
#define AGAIN_USEC  (5 * SEC)  /* while nobody is there */
#define RETRY_USEC  (60 * SEC) /* without a way to measure */

struct idle {
        const struct root *root;
        const char *session;
        uint64_t limit; /* microseconds; 0: none */
        bool told;      /* the agent, that nobody is there */
        sd_event_source *timer;
        struct idle_x11 *x11;
};

static int measure(struct idle *i, uint64_t *ret_msec, bool *ret_locked) {
        *ret_locked = false;
        /* An X server that only serves old programs on Wayland does not see all input, and may be started by asking. */
        if (getenv("WAYLAND_DISPLAY"))
                return idle_bus_read(ret_msec);
        if (!i->x11)
                (void) idle_x11_new(&i->x11);
        if (!i->x11)
                return -ENOSYS;
        int r = idle_x11_read(i->x11, ret_msec, ret_locked);
        if (r < 0)
                i->x11 = idle_x11_free(i->x11);
        return r;
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static void report(const struct idle *i, uint64_t msec, bool locked) {
        CLEANUP(ipc_client_freep) struct ipc_client *agent = NULL;
        CLEANUP(json_p) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (ipc_client_connect_at(i->root, AGENT_SOCKET, ANSWER_USEC, &agent) == 0)
                (void) ipc_client_call(agent, AGENT_METHOD(AGENT_REPORT_IDLE),
                                       json_pack("{s:s, s:I, s:b}", "session", i->session, "idle",
                                                 (json_int_t) (msec / 1000), "locked", locked),
                                       &reply, &error);
}

/* When to look again: as soon as the time could be over. */
static uint64_t look(struct idle *i) {
        uint64_t msec = 0;
        bool locked = false;
        if (measure(i, &msec, &locked) < 0)
                return RETRY_USEC;
        uint64_t usec = msec * 1000;
        if (usec < i->limit) {
                if (i->told) /* somebody is back: what was told holds no longer */
                        report(i, msec, false);
                i->told = false;
                return i->limit - usec;
        }
        i->told = true;
        report(i, msec, locked || idle_bus_locked());
        return AGAIN_USEC;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        struct idle *i = userdata;
        (void) usec;
        if (i->limit == 0)
                return 0;
        int r = sd_event_source_set_time_relative(s, look(i));
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

void idle_set_limit(struct idle *i, uint64_t seconds) {
        if (!i || i->limit == seconds * SEC)
                return;
        i->limit = seconds * SEC;
        (void) sd_event_source_set_time_relative(i->timer, 0);
        (void) sd_event_source_set_enabled(i->timer, seconds > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int idle_new(sd_event *event, const struct root *root, const char *session, struct idle **ret) {
        struct idle *i = calloc(1, sizeof *i);
        if (!i)
                return -ENOMEM;
        i->root = root;
        i->session = session;
        int r = sd_event_add_time(event, &i->timer, CLOCK_MONOTONIC, UINT64_MAX, 100000, on_timer, i);
        if (r >= 0)
                r = sd_event_source_set_enabled(i->timer, SD_EVENT_OFF);
        if (r < 0) {
                (void) idle_free(i);
                return r;
        }
        *ret = i;
        return 0;
}

struct idle *idle_free(struct idle *i) {
        if (!i)
                return NULL;
        (void) sd_event_source_disable_unref(i->timer);
        (void) idle_x11_free(i->x11);
        free(i);
        return NULL;
}
