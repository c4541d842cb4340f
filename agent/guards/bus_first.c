/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bus_guard.h"
#include "sys/sysfs.h"

#define AUTOPROBE  "drivers_autoprobe"
#define UDEV_QUEUE "run/udev/queue" /* is there while udevd has something to do; udevadm(8), settle */

/* ---- newcomers get no driver ---- */

static int close_bus(const struct root *root, const char *path) {
        uint32_t now;
        CLEANUP(close_p) int bus = sysfs_open_directory(root, path);
        if (bus < 0)
                return bus == -ENOENT ? 0 : bus; /* nothing can come by it */
        int r = sysfs_read_number_at(bus, AUTOPROBE, 10, 1, &now);
        if (r == 0 && now != 0) {
                r = file_write_value_at(bus, AUTOPROBE, "0");
                if (r == 0)
                        r = sysfs_read_number_at(bus, AUTOPROBE, 10, 1, &now);
                if (r == 0 && now != 0)
                        r = -EPERM;
        }
        return r;
}

static int close_buses(const struct root *root) {
        int error = 0;
        for (size_t i = 0; i < n_bus_kinds + n_bus_closed_too; i++) {
                const char *path = i < n_bus_kinds ? bus_kinds[i].directory : bus_closed_too[i - n_bus_kinds];
                int r = i < n_bus_kinds && !bus_kinds[i].closes ? 0 : close_bus(root, path);
                error = error < 0 ? error : r;
        }
        return error;
}

/* ---- what was there at boot ---- */

struct looking {
        const struct root *root;
        const struct bus_kind *kind;
        int error;
};

/* Of Thunderbolt what the firmware has let in stays: the machine's keyboard may hang on it. What is behind it is
 * policed. */
static bool is_machine(const struct root *root, const char *name, struct bus_device *d) {
        bool open = false, may_open;
        if (d->kind->events == UEVENT_THUNDERBOLT_DEVICES)
                return bus_device_state(d, &open, &may_open) == 0 && open;
        /* A radio is a way out, however firmly it is built in. */
        bool is_radio = bus_device_read(root, name, d) == 0 && (device_classes(&d->facts) & CLASS_BIT(CLASS_BLUETOOTH));
        return !d->carried && !is_radio;
}

static int look_at(const char *name, void *userdata) {
        struct looking *l = userdata;
        CLEANUP(bus_device_clear) struct bus_device d = { .fd = -1 };
        struct door_mark mark;
        if (!bus_name_is_device(l->kind, name) || bus_device_find(l->root, l->kind, name, &d) < 0 || d.is_usb ||
            door_mark_read(l->root, d.door, d.inode, &mark) == 0)
                return 0;
        mark = (struct door_mark){ .inode = d.inode, .at_boot = true };
        mark.state = is_machine(l->root, name, &d) ? DOOR_MACHINE : DOOR_SHUT;
        l->error = door_mark_write(l->root, d.door, &mark);
        /* It came in the moment after its bus was shut. */
        if (mark.state == DOOR_MACHINE && l->kind->closes && faccessat(d.fd, "driver", F_OK, 0) < 0)
                (void) file_write_value_at(d.fd, "uevent", "add");
        return l->error;
}

int bus_first_look(const struct root *root) {
        for (size_t i = 0; i < n_bus_kinds; i++) {
                struct looking l = { .root = root, .kind = &bus_kinds[i] };
                if (l.kind->radio_only)
                        continue; /* its adapter may come with a module that is loaded later */
                CLEANUP(close_p) int devices = sysfs_open_directory(root, l.kind->devices);
                int r = devices == -ENOENT ? 0 : devices < 0 ? devices : sysfs_each_name(devices, look_at, &l);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool bus_boot_is_over(const struct root *root) {
        CLEANUP(close_p) int queue = root_openat(root, UDEV_QUEUE, O_PATH, 0);
        return queue == -ENOENT;
}

int bus_shut_early(const struct root *root) {
        int r = close_buses(root);
        if (doors_are_kept(root))
                return r;
        /* The order counts: what comes between the two is seen by the look, and given its driver. */
        int look = bus_first_look(root);
        if (look == 0 && bus_boot_is_over(root))
                look = doors_keep(root);
        return r < 0 ? r : look;
}
