/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/usbdesc.h"
#include "sysfs.h"

#define PATH_SIZE 320 /* a name of a directory, and that of a file in it */

struct walk {
        int device, bus;
        const struct interface_list *listed;
        uint32_t configuration;
        uint8_t *descriptors;
        size_t size;
        int (*each)(struct walk *w, const char *name, bool listed);
        struct usb_interfaces found;
};

/* Older kernels than this file knows have no such attribute: then a driver may have the interface. */
static int read_authorized(int device, const char *interface, bool *ret) {
        char path[PATH_SIZE];
        (void) snprintf(path, sizeof path, "%.255s/authorized", interface);
        uint32_t value = 1;
        int r = sysfs_read_number_at(device, path, 10, 1, &value);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = value == 1;
        return 0;
}

static int write_authorized(int device, const char *interface, const char *value) {
        char path[PATH_SIZE];
        (void) snprintf(path, sizeof path, "%.255s/authorized", interface);
        return file_write_value_at(device, path, value);
}

static int is_listed(const struct walk *w, const char *interface, bool *ret) {
        if (w->listed->n == 0) {
                *ret = true;
                return 0;
        }
        char path[PATH_SIZE];
        (void) snprintf(path, sizeof path, "%.255s/bInterfaceNumber", interface);
        uint32_t number;
        int r = sysfs_read_number_at(w->device, path, 16, UINT8_MAX, &number);
        if (r < 0)
                return r;
        *ret = usbdesc_interface_within(w->descriptors, w->size, (uint8_t) w->configuration, (uint8_t) number,
                                        w->listed->list, w->listed->n);
        return 0;
}

/* "1-2:1.0"; devices behind a hub ("1-2.3") have no colon. One that goes meanwhile is no concern. */
static int look_at_entry(const char *name, void *userdata) {
        struct walk *w = userdata;
        if (!strchr(name, ':') || faccessat(w->device, name, F_OK, 0) < 0)
                return 0;
        bool listed;
        int r = is_listed(w, name, &listed);
        if (r == 0)
                r = w->each(w, name, listed);
        return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int walk_prepare(struct walk *w) {
        if (w->listed->n == 0)
                return 0;
        int r = sysfs_read_number_at(w->device, "bConfigurationValue", 10, UINT8_MAX, &w->configuration);
        if (r < 0)
                return r;
        w->descriptors = malloc(USBDESC_MAX + 1);
        if (!w->descriptors)
                return -ENOMEM;
        ssize_t n = sysfs_read_at(w->device, "descriptors", w->descriptors, USBDESC_MAX);
        if (n < 0)
                return (int) n;
        w->size = (size_t) n;
        return 0;
}

static int walk(struct walk *w, int (*each)(struct walk *w, const char *name, bool listed)) {
        w->each = each;
        return sysfs_each_name(w->device, look_at_entry, w);
}

static int count(struct walk *w, const char *name, bool listed) {
        bool authorized;
        int r = read_authorized(w->device, name, &authorized);
        if (r < 0)
                return r;
        w->found.n++;
        w->found.strangers_open += authorized && !listed;
        w->found.listed_shut += !authorized && listed;
        return 0;
}

static int shut_stranger(struct walk *w, const char *name, bool listed) {
        bool authorized = false;
        int r = listed ? 0 : read_authorized(w->device, name, &authorized);
        return r == 0 && authorized ? write_authorized(w->device, name, "0") : r;
}

static int open_listed(struct walk *w, const char *name, bool listed) {
        bool authorized = true;
        int r = listed ? read_authorized(w->device, name, &authorized) : 0;
        return r == 0 && !authorized ? write_authorized(w->device, name, "1") : r;
}

/* After all of them are open, because a driver may claim its neighbour too (CDC). No driver for one is no failure, nor
 * is one whose module has not been loaded yet: it looks for itself then. */
static int probe_listed(struct walk *w, const char *name, bool listed) {
        char path[PATH_SIZE];
        (void) snprintf(path, sizeof path, "%.255s/driver", name);
        if (listed && faccessat(w->device, path, F_OK, 0) < 0)
                (void) file_write_value_at(w->bus, "drivers_probe", name);
        return 0;
}

int usb_interfaces_read(int device, const struct interface_list *listed, struct usb_interfaces *ret) {
        struct walk w = { .device = device, .bus = -1, .listed = listed };
        int r = walk_prepare(&w);
        if (r == 0)
                r = walk(&w, count);
        free(w.descriptors);
        if (r == 0)
                *ret = w.found;
        return r;
}

int usb_interfaces_open(int device, int bus, const struct interface_list *listed) {
        struct walk w = { .device = device, .bus = bus, .listed = listed };
        int r = walk_prepare(&w);
        if (r == 0)
                r = walk(&w, count);
        if (r == 0 && w.found.strangers_open > 0)
                r = walk(&w, shut_stranger);
        if (r == 0 && w.found.listed_shut > 0) {
                r = walk(&w, open_listed);
                if (r == 0)
                        r = walk(&w, probe_listed);
        }
        free(w.descriptors);
        return r;
}
