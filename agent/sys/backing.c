/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/carrier.h"
#include "base/cleanup.h"
#include "sysfs.h"

#define DEPTH_MAX 8 /* mappers upon mappers */

static bool says(int directory, const char *file, const char *text) {
        char line[32];
        return sysfs_read_line_at(directory, file, line, sizeof line - 1) > 0 && strcmp(line, text) == 0;
}

/* A partition's disk is the folder above it. */
static bool is_removable(int directory) {
        return says(directory, "removable", "1") ||
               (faccessat(directory, "partition", F_OK, 0) == 0 && says(directory, "../removable", "1"));
}

static int find(const struct root *root, int directory, int depth, struct backing *ret);

struct search {
        const struct root *root;
        int directory, depth;
        struct backing found;
};

static int look_below(const char *name, void *userdata) {
        struct search *s = userdata;
        CLEANUP(close_p) int below = openat(s->directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct backing b = { .is_medium = false };
        if (below >= 0 && find(s->root, below, s->depth + 1, &b) == 0 && b.is_medium) {
                s->found = b;
                return 1;
        }
        return 0;
}

static int find(const struct root *root, int directory, int depth, struct backing *ret) {
        char link[32], path[PATH_MAX];
        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n < 0)
                return -errno;
        path[n] = '\0';

        struct backing b = { .is_medium = is_removable(directory) };
        const char *name = strrchr(path, '/');
        (void) snprintf(b.disk, sizeof b.disk, "%.*s", (int) sizeof b.disk - 1, name ? name + 1 : path);
        /* Below a fake root the path begins with that; what leads to sysfs says nothing about hardware. */
        const char *devices = strstr(path, "/sys/devices/");
        struct carrier carrier;
        if (devices && carrier_find(root, devices + strlen("/sys"), &carrier) == 0 &&
            carrier_is_media(root, &carrier)) {
                b.is_medium = true;
                (void) snprintf(b.port, sizeof b.port, "%s", carrier.name);
        }

        CLEANUP(close_p) int slaves = openat(directory, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!b.is_medium && slaves >= 0 && depth < DEPTH_MAX) {
                struct search s = { .root = root, .directory = slaves, .depth = depth };
                if (sysfs_each_name(slaves, look_below, &s) == 1) {
                        b.is_medium = true;
                        memcpy(b.port, s.found.port, sizeof b.port);
                }
        }
        *ret = b;
        return 0;
}

int backing_find(const struct root *root, dev_t device, struct backing *ret) {
        char path[64];
        (void) snprintf(path, sizeof path, "sys/dev/block/%u:%u", major(device), minor(device));
        CLEANUP(close_p) int directory = sysfs_open_directory(root, path);
        return directory < 0 ? directory : find(root, directory, 0, ret);
}
