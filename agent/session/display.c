/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "display.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xcb/xcb.h>

#include "base/cleanup.h"

/* X(7): of a display on this machine, below /tmp and under the same name without a file. */
static bool listens(int number, bool has_file) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char *path = address.sun_path + (has_file ? 0 : 1);
        (void) snprintf(path, sizeof address.sun_path - 1, "/tmp/.X11-unix/X%d", number);
        socklen_t size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
        CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd >= 0 && connect(fd, (const struct sockaddr *) &address, size) == 0;
}

bool display_is_there(const char *display) {
        CLEANUP(free_p) char *host = NULL;
        int number = 0, screen = 0;
        if (!display || !xcb_parse_display(display, &host, &number, &screen))
                return false;
        bool is_here = !*host || strcmp(host, "unix") == 0;
        return !is_here || listens(number, true) || listens(number, false);
}
