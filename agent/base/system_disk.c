/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "system_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "media.h"

#define MOUNTS_MAX (8u * 1024u * 1024u)
#define STACK_MAX  8u

static const char *const media_places[] = { "/media", "/mnt", "/run/media" };

static int path_of(int fd, char ret[PATH_MAX]) {
        char link[32], path[PATH_MAX];
        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        if (n < 0)
                return -errno;
        path[n] = '\0';
        /* Below a fake root the path begins with that. */
        const char *devices = strstr(path, "/sys/devices/");
        if (!devices)
                return -EINVAL;
        (void) snprintf(ret, PATH_MAX, "%s", devices + strlen("/sys"));
        return 0;
}

int system_path_at(int directory, const char *name, char ret[PATH_MAX]) {
        CLEANUP(close_p) int fd = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : path_of(fd, ret);
}

static bool stands(int disk, const char *path, unsigned depth) {
        char own[PATH_MAX];
        size_t n = strlen(path);
        if (depth > STACK_MAX || path_of(disk, own) < 0)
                return false;
        if (strncmp(own, path, n) == 0 && (own[n] == '/' || own[n] == '\0'))
                return true;
        int slaves = openat(disk, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = slaves < 0 ? NULL : fdopendir(slaves);
        if (!d) {
                close_p(&slaves);
                return false;
        }
        bool found = false;
        for (const struct dirent *e; !found && (e = readdir(d));) {
                if (e->d_name[0] == '.')
                        continue;
                CLEANUP(close_p) int below = openat(slaves, e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
                found = below >= 0 && stands(below, path, depth + 1);
        }
        (void) closedir(d);
        return found;
}

static bool is_place_of_media(const char *point) {
        for (size_t i = 0; i < sizeof media_places / sizeof *media_places; i++) {
                size_t n = strlen(media_places[i]);
                if (strncmp(point, media_places[i], n) == 0 && (point[n] == '/' || point[n] == '\0'))
                        return true;
        }
        return false;
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static bool mount_stands_on(const struct root *root, char *line, const char *path) {
        char *rest = line, *field[5];
        for (size_t i = 0; i < 5; i++)
                if (!(field[i] = strsep(&rest, " ")) || !rest)
                        return false;
        dev_t number;
        if (is_place_of_media(field[4]) || !media_parse_number(field[2], &number))
                return false;
        char *source = strstr(rest, " - ");
        struct stat st;
        if (major(number) == 0) { /* btrfs: the source tells */
                source = source ? strchr(source + 3, ' ') : NULL;
                char *end = source ? strchr(++source, ' ') : NULL;
                if (!end || source[0] != '/')
                        return false;
                *end = '\0';
                if (stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
                        return false;
                number = st.st_rdev;
        }
        char link[64];
        (void) snprintf(link, sizeof link, "sys/dev/block/%u:%u", major(number), minor(number));
        CLEANUP(close_p) int disk = root_openat(root, link, O_PATH | O_DIRECTORY, 0);
        return disk >= 0 && stands(disk, path, 0);
}

bool system_stands_on(const struct root *root, const char *path) {
        CLEANUP(free_p) char *text = malloc(MOUNTS_MAX + 1);
        CLEANUP(close_p) int self = root_openat(root, "proc/self", O_PATH | O_DIRECTORY, 0);
        if (self == -ENOENT && !root->is_machine)
                return false; /* a fake machine without mounts */
        if (!text || self < 0 || file_read_at(self, "mountinfo", text, MOUNTS_MAX) < 0)
                return true;
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n")) && *line;)
                if (mount_stands_on(root, line, path))
                        return true;
        return false;
}
