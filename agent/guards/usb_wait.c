/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "usb_guard.h"

/* A device that is being built: looked at again after 20 ms, 40 ms ... 1 s; then it is judged by what there is. */
#define WAIT_FIRST_USEC UINT64_C(20000)
#define WAIT_LAST_USEC  UINT64_C(1000000)
#define WAIT_TRIES      12u

static void set_alarm(struct usb_guard *g) {
        uint64_t due = UINT64_MAX;
        for (size_t i = 0; i < g->n_waiting; i++)
                if (g->waiting[i].due < due)
                        due = g->waiting[i].due;
        if (due == UINT64_MAX)
                (void) sd_event_source_set_enabled(g->again, SD_EVENT_OFF);
        else {
                (void) sd_event_source_set_time(g->again, due);
                (void) sd_event_source_set_enabled(g->again, SD_EVENT_ONESHOT);
        }
}

static struct usb_waiting *find_waiting(const struct usb_guard *g, const char *name) {
        for (size_t i = 0; i < g->n_waiting; i++)
                if (strcmp(g->waiting[i].name, name) == 0)
                        return &g->waiting[i];
        return NULL;
}

bool usb_wait_stop(struct usb_guard *g, const char *name) {
        struct usb_waiting *w = find_waiting(g, name);
        if (!w)
                return false;
        bool at_boot = w->at_boot;
        *w = g->waiting[--g->n_waiting];
        set_alarm(g);
        return at_boot;
}

bool usb_wait_for(struct usb_guard *g, const char *name, bool at_boot) {
        struct usb_waiting *w = find_waiting(g, name);
        if (!w) {
                struct usb_waiting *list = reallocarray(g->waiting, g->n_waiting + 1, sizeof *list);
                if (!list)
                        return false;
                g->waiting = list;
                w = &list[g->n_waiting++];
                *w = (struct usb_waiting){ .at_boot = at_boot };
                (void) snprintf(w->name, sizeof w->name, "%s", name);
        }
        if (w->tries >= WAIT_TRIES)
                return false;

        uint64_t now = time_boot_usec(g->env.time);
        if (w->due > now)
                return true; /* already to be looked at */
        uint64_t delay = WAIT_FIRST_USEC << w->tries++;
        w->due = now + (delay < WAIT_LAST_USEC ? delay : WAIT_LAST_USEC);
        set_alarm(g);
        return true;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        struct usb_guard *g = userdata;
        (void) source;
        (void) usec;

        uint64_t now = time_boot_usec(g->env.time);
        size_t n = g->n_waiting;
        for (size_t i = 0; i < n; i++) {
                if (i >= g->n_waiting || g->waiting[i].due > now)
                        continue;
                char name[USB_NAME_MAX];
                memcpy(name, g->waiting[i].name, sizeof name);
                usb_look(g, name, false);
        }
        set_alarm(g); /* what a removal has moved under our hands is due still */
        return 0;
}

int usb_wait_start(struct usb_guard *g) {
        int r = sd_event_add_time(g->env.event, &g->again, CLOCK_BOOTTIME, 0, 1000, on_again, g);
        return r < 0 ? r : sd_event_source_set_enabled(g->again, SD_EVENT_OFF);
}
