/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lending: a stick that is shut, read by the agent alone. The device is authorised while no interface of it is, so that
 * no driver can bind and no disk appears; the reader authorises and claims the one interface it needs in one breath. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/sysfs.h"
#include "sys/worker.h"
#include "usb_guard.h"
#include "usb_node.h"

#define PATH_SIZE 320 /* a name of a directory, and that of a file in it */

struct search {
        int device;
        int authorized; /* what was found */
};

static bool has_number(int device, const char *interface, const char *file, uint32_t wanted) {
        char path[PATH_SIZE];
        uint32_t value;
        (void) snprintf(path, sizeof path, "%.255s/%s", interface, file);
        return sysfs_read_number_at(device, path, 16, UINT8_MAX, &value) == 0 && value == wanted;
}

static int look_at_interface(const char *name, void *userdata) {
        struct search *s = userdata;
        if (!strchr(name, ':') || !has_number(s->device, name, "bInterfaceClass", 0x08) ||
            !has_number(s->device, name, "bInterfaceSubClass", 0x06) ||
            !has_number(s->device, name, "bInterfaceProtocol", 0x50))
                return 0;
        char path[PATH_SIZE];
        (void) snprintf(path, sizeof path, "%.255s/authorized", name);
        s->authorized = openat(s->device, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return 1;
}

static void hand_out(struct usb_guard *g, struct usb_subject *s) {
        struct search found = { .device = s->device.fd, .authorized = -1 };
        struct usb_state state;
        CLEANUP(close_p) int node = usb_device_open_node(g->env.root, &s->device);
        (void) sysfs_each_name(s->device.fd, look_at_interface, &found);
        CLEANUP(close_p) int authorized = found.authorized;
        uint64_t handle = s->handle;
        /* Read back: an interface that is open already may have a driver. */
        const struct interface_list none = { .n = 1 };
        bool shut = usb_device_state(&s->device, &none, &state) == 0 && state.interfaces.strangers_open == 0;
        if (node >= 0 && authorized >= 0 && shut) {
                g->env.lent(&g->base, handle, node, authorized, g->env.userdata);
                return;
        }
        usb_take_back(&g->base, handle);
        g->env.lent(&g->base, handle, -1, -1, g->env.userdata);
}

static void on_lent(uint64_t handle, const struct job_result *result, void *userdata) {
        struct usb_guard *g = userdata;
        struct usb_subject *s = usb_find_handle(g, handle);
        usb_job_remove(g, handle);
        if (s)
                s->busy = false;
        if (s && result->error == 0 && !s->wanted) {
                hand_out(g, s);
        } else {
                if (s && result->error == -ETIMEDOUT)
                        usb_note_stuck(g, s);
                usb_take_back(&g->base, handle);
                g->env.lent(&g->base, handle, -1, -1, g->env.userdata);
        }
        usb_serve_queue(g);
}

static int submit(struct usb_guard *g, struct usb_subject *s) {
        CLEANUP(close_p) int hub = usb_open_hub(g, s);
        if (hub < 0)
                return hub;
        const struct job_device device = {
                .directory = s->device.fd, .node = -1, .hub = hub, .bus = -1, .facts = &s->device.facts
        };
        return worker_pool_submit(g->env.workers, JOB_USB_LEND, &device, on_lent, s->handle, g);
}

int usb_lend(struct guard *base, uint64_t handle) {
        struct usb_guard *g = (struct usb_guard *) base;
        struct usb_subject *s = usb_find_handle(g, handle);
        if (!s)
                return 1;
        if (s->busy || s->wanted || !s->settled || s->lent || usb_bus_is_taken(g, s, true))
                return -EBUSY;
        int r = usb_node_mark(g->env.root, s->device.name, true);
        if (r == 0)
                r = usb_job_add(g, s, true);
        if (r < 0)
                return r;
        r = submit(g, s);
        if (r < 0) {
                usb_job_remove(g, handle);
                return r;
        }
        s->busy = s->lent = true;
        s->attempting = s->stale = false;
        return 0;
}

void usb_take_back(struct guard *base, uint64_t handle) {
        struct usb_guard *g = (struct usb_guard *) base;
        struct usb_subject *s = usb_find_handle(g, handle);
        if (!s || !s->lent)
                return;
        s->lent = false;
        s->settled = false; /* it is open, and that is no drift */
        if (s->wanted && !s->busy)
                usb_enforce_anew(g, s);
        else
                usb_enforce(g, s);
}
