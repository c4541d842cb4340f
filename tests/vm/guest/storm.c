/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the kernel drop uevents for one process: broadcasts until that process's socket overflows.
 *
 *   storm PID     exit 0 once the kernel has dropped something for it, 1 if it never does
 *
 * The process has to be stopped meanwhile. The events are harmless: "change" of /dev/null.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENT_SOURCE "/sys/devices/virtual/mem/null/uevent"

enum { BURST = 500, BURSTS_MAX = 4000 };

static int owns_socket(const char *pid, unsigned long inode) {
        char path[300], target[64], wanted[64];
        int found = 0;

        snprintf(path, sizeof path, "/proc/%s/fd", pid);
        snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
        DIR *d = opendir(path);
        for (struct dirent *e; d && !found && (e = readdir(d));) {
                snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, e->d_name);
                ssize_t n = readlink(path, target, sizeof target - 1);
                if (n < 0)
                        continue;
                target[n] = 0;
                found = !strcmp(target, wanted);
        }
        if (d)
                closedir(d);
        return found;
}

/* Drops of the process's uevent sockets so far; -1 if it has no such socket. */
static long drops(const char *pid) {
        char line[256];
        long total = -1;
        FILE *f = fopen("/proc/net/netlink", "re");

        while (f && fgets(line, sizeof line, f)) {
                int protocol;
                long dropped;
                unsigned long inode;
                if (sscanf(line, "%*s %d %*s %*s %*s %*s %*s %*s %ld %lu", &protocol, &dropped, &inode) != 3)
                        continue;
                if (protocol == NETLINK_KOBJECT_UEVENT && owns_socket(pid, inode))
                        total = (total < 0 ? 0 : total) + dropped;
        }
        if (f)
                fclose(f);
        return total;
}

int main(int argc, char **argv) {
        if (argc != 2 || !isdigit((unsigned char) argv[1][0]))
                return 2;
        int fd = open(EVENT_SOURCE, O_WRONLY | O_CLOEXEC);
        long before = drops(argv[1]);
        if (fd < 0 || before < 0) {
                fprintf(stderr, "no event source, or process %s has no uevent socket\n", argv[1]);
                return 2;
        }
        for (int burst = 1; burst <= BURSTS_MAX; burst++) {
                for (int i = 0; i < BURST; i++)
                        if (write(fd, "change", 6) != 6)
                                return 2;
                if (drops(argv[1]) > before) {
                        printf("dropped after %d events\n", burst * BURST);
                        return 0;
                }
        }
        fprintf(stderr, "nothing dropped after %d events\n", BURST * BURSTS_MAX);
        return 1;
}
