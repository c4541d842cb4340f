/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_ports.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "sys/sysfs.h"
#include "usb_device.h"

#define MODULE_PARAMETERS "sys/module/usbcore/parameters"
#define PORT_DEFAULT      "authorized_default"

static int shut_port(int directory, const char *file) {
        uint32_t now;
        int r = sysfs_read_number_at(directory, file, 10, 2, &now);
        if (r == 0 && now == 0)
                return 0;
        r = file_write_value_at(directory, file, "0");
        if (r == 0)
                r = sysfs_read_number_at(directory, file, 10, 2, &now);
        if (r < 0)
                return r;
        return now == 0 ? 0 : -EPERM;
}

struct shutting {
        const struct root *root;
        int error;
};

static int shut_root_hub(const char *name, void *userdata) {
        struct shutting *s = userdata;
        if (!usb_name_is_device(name) || name[0] != 'u')
                return 0;
        char path[sizeof USB_DEVICES + USB_NAME_MAX];
        (void) snprintf(path, sizeof path, USB_DEVICES "/%s", name);
        CLEANUP(close_p) int directory = sysfs_open_directory(s->root, path);
        if (directory < 0)
                return 0; /* gone, and its ports with it */
        int r = shut_port(directory, PORT_DEFAULT);
        if (r < 0 && s->error == 0)
                s->error = r;
        return 0;
}

int usb_ports_shut(const struct root *root) {
        struct shutting s = { .root = root };
        /* Controllers that come later take their default from the module. No such file: no USB in this kernel. */
        CLEANUP(close_p) int module = sysfs_open_directory(root, MODULE_PARAMETERS);
        if (module >= 0)
                s.error = shut_port(module, PORT_DEFAULT);

        CLEANUP(close_p) int devices = sysfs_open_directory(root, USB_DEVICES);
        if (devices < 0)
                return devices == -ENOENT ? s.error : devices;
        int r = sysfs_each_name(devices, shut_root_hub, &s);
        return r < 0 ? r : s.error;
}
