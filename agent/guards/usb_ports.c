/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_ports.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "sys/sysfs.h"
#include "sys/usb_interfaces.h"
#include "usb_device.h"

#define MODULE_PARAMETERS "sys/module/usbcore/parameters"
#define PORT_DEFAULT      "authorized_default"

static int set(int directory, const char *file, uint32_t wanted) {
        uint32_t now;
        int r = sysfs_read_number_at(directory, file, 10, 2, &now);
        if (r == 0 && now == wanted)
                return 0;
        r = file_write_value_at(directory, file, wanted ? "1" : "0");
        if (r == 0)
                r = sysfs_read_number_at(directory, file, 10, 2, &now);
        if (r < 0)
                return r;
        return now == wanted ? 0 : -EPERM;
}

/* One file of every root hub. */
struct setting {
        const struct root *root;
        const char *file;
        uint32_t wanted;
        int error;
};

static int set_root_hub(const char *name, void *userdata) {
        struct setting *s = userdata;
        if (!usb_name_is_device(name) || name[0] != 'u')
                return 0;
        char path[sizeof USB_DEVICES + USB_NAME_MAX];
        (void) snprintf(path, sizeof path, USB_DEVICES "/%s", name);
        CLEANUP(close_p) int directory = sysfs_open_directory(s->root, path);
        if (directory < 0)
                return 0; /* gone, and its ports with it */
        int r = set(directory, s->file, s->wanted);
        if (r == -ENOENT) /* still being built; its own event comes, and with it another look */
                return 0;
        if (r < 0 && s->error == 0)
                s->error = r;
        return 0;
}

static int set_root_hubs(struct setting *s) {
        CLEANUP(close_p) int devices = sysfs_open_directory(s->root, USB_DEVICES);
        if (devices < 0)
                return devices == -ENOENT ? s->error : devices;
        int r = sysfs_each_name(devices, set_root_hub, s);
        return r < 0 ? r : s->error;
}

int usb_ports_shut(const struct root *root) {
        struct setting s = { .root = root, .file = PORT_DEFAULT, .wanted = 0 };
        /* Controllers that come later take their default from the module. No such file: no USB in this kernel. */
        CLEANUP(close_p) int module = sysfs_open_directory(root, MODULE_PARAMETERS);
        if (module >= 0)
                s.error = set(module, PORT_DEFAULT, 0);
        return set_root_hubs(&s);
}

int usb_ports_reset_interfaces(const struct root *root) {
        struct setting s = { .root = root, .file = USB_INTERFACE_DEFAULT, .wanted = 1 };
        return set_root_hubs(&s);
}
