/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "logind.h"

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"

struct logind {
        sd_bus *bus;
        void (*resumed)(void *userdata);
        void *userdata;
};

DEFINE_FREEP(struct logind, logind_free)

static int on_prepare_for_sleep(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct logind *l = userdata;
        (void) error;

        int sleeping = 1;
        if (sd_bus_message_read(m, "b", &sleeping) >= 0 && !sleeping)
                l->resumed(l->userdata);
        return 0;
}

int logind_new(sd_event *event, void (*resumed)(void *userdata), void *userdata, struct logind **ret) {
        CLEANUP(logind_freep) struct logind *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->resumed = resumed;
        l->userdata = userdata;

        int r = sd_bus_open_system(&l->bus);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(l->bus, event, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        /* Asynchronous: a bus that does not answer must not delay the agent. */
        r = sd_bus_match_signal_async(l->bus, NULL, "org.freedesktop.login1", "/org/freedesktop/login1",
                                      "org.freedesktop.login1.Manager", "PrepareForSleep", on_prepare_for_sleep, NULL,
                                      l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

struct logind *logind_free(struct logind *l) {
        if (!l)
                return NULL;
        (void) sd_bus_detach_event(l->bus);
        (void) sd_bus_close_unref(l->bus);
        free(l);
        return NULL;
}
