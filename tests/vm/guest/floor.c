/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The least that anything that authorises devices can do: hears of a new USB device and lets it in, whatever it is.
 * What a guard takes is compared with this (tests/bench/bench_terminal).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KERNEL_GROUP = 1, MESSAGE_MAX = 16384 };

static void authorize(const char *devpath) {
        char path[4096];
        snprintf(path, sizeof path, "/sys%s/authorized", devpath);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "1", 1) != 1)
                perror(path);
        if (fd >= 0)
                close(fd);
}

int main(void) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return 1;
        for (;;) {
                char message[MESSAGE_MAX + 1];
                ssize_t n = recv(fd, message, MESSAGE_MAX, 0);
                if (n <= 0)
                        continue;
                message[n] = 0;
                const char *devpath = NULL;
                int is_add = 0, is_device = 0;
                for (const char *p = message; p < message + n; p += strlen(p) + 1) {
                        if (!strncmp(p, "DEVPATH=", 8))
                                devpath = p + 8;
                        is_add |= !strcmp(p, "ACTION=add");
                        is_device |= !strcmp(p, "DEVTYPE=usb_device");
                }
                if (devpath && is_add && is_device)
                        authorize(devpath);
        }
}
