/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"

#define BUS_SOCKET "run/dbus/system_bus_socket"

static void bus_p(sd_bus **bus) {
        (void) sd_bus_close_unref(*bus);
}

int bus_open(const struct root *root, sd_bus **ret) {
        CLEANUP(bus_p) sd_bus *bus = NULL;
        if (root->is_machine) {
                int r = sd_bus_open_system(&bus);
                if (r >= 0)
                        *ret = TAKE_PTR(bus);
                return r < 0 ? r : 0;
        }
        CLEANUP(close_p) int socket = root_openat(root, BUS_SOCKET, O_PATH | O_NOFOLLOW, 0);
        if (socket < 0)
                return socket;
        char address[64];
        (void) snprintf(address, sizeof address, "unix:path=/proc/self/fd/%d", socket);
        int r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *ret = TAKE_PTR(bus);
        return r < 0 ? r : 0;
}
