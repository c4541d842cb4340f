/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "media_close.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/media.h"

/* <sys/mount.h> and <linux/mount.h> do not go together in Debian 12's libc. */
int umount2(const char *target, int flags);
#define DETACH      0x2
#define NOFOLLOW    0x8

#define NUMBERS_MAX 512u
#define STACK_MAX   8u
#define MOUNTS_MAX  (8u * 1024u * 1024u)
#define ROUNDS_MAX  64u

/* ---- which devices ---- */

struct numbers {
        dev_t list[NUMBERS_MAX];
        size_t n;
};

static int add_tree(const struct root *root, int directory, unsigned depth, struct numbers *numbers);

static int add_number(int directory, struct numbers *numbers) {
        char text[32];
        dev_t number;
        ssize_t n = file_read_line_at(directory, "dev", text, sizeof text - 1);
        if (n < 0)
                return (int) n;
        if (!media_parse_number(text, &number))
                return -EBADMSG;
        if (numbers->n == NUMBERS_MAX)
                return -E2BIG;
        numbers->list[numbers->n++] = number;
        return 0;
}

static int open_class(const struct root *root, const char *name) {
        char path[sizeof "sys/class/block/" + 256];
        (void) snprintf(path, sizeof path, "sys/class/block/%.255s", name);
        return root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
}

/* Calls for each entry of directory/name. */
static int add_each(const struct root *root, int directory, const char *name, bool partitions, unsigned depth,
                    struct numbers *numbers) {
        int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        DIR *d = fdopendir(fd);
        if (!d) {
                int error = -errno;
                (void) close(fd);
                return error;
        }
        int r = 0;
        for (const struct dirent *e; r == 0 && (e = readdir(d));) {
                if (e->d_name[0] == '.')
                        continue;
                CLEANUP(close_p)
                int child = partitions ? openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                       : open_class(root, e->d_name);
                if (child < 0 || (partitions && faccessat(child, "partition", F_OK, 0) < 0))
                        continue;
                r = add_tree(root, child, depth + 1, numbers);
        }
        (void) closedir(d);
        return r;
}

static int add_tree(const struct root *root, int directory, unsigned depth, struct numbers *numbers) {
        if (depth > STACK_MAX)
                return -ELOOP;
        int r = add_number(directory, numbers);
        if (r == 0)
                r = add_each(root, directory, ".", true, depth, numbers);
        return r == 0 ? add_each(root, directory, "holders", false, depth, numbers) : r;
}

static bool contains(const struct numbers *numbers, dev_t number) {
        for (size_t i = 0; i < numbers->n; i++)
                if (numbers->list[i] == number)
                        return true;
        return false;
}

/* ---- what is mounted of them; proc(5), "/proc/PID/mountinfo" ---- */

struct mount {
        char *point;
        bool read_only; /* the file system itself, not only this mount of it */
};

/* mountinfo writes blanks, tabs, newlines and backslashes as three octal digits. */
static void unescape(char *s) {
        char *out = s;
        for (; *s; s++)
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
                    s[3] <= '7') {
                        *out++ = (char) ((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
                        s += 3;
                } else
                        *out++ = *s;
        *out = '\0';
}

static bool has_option(const char *options, const char *wanted) {
        size_t n = strlen(wanted);
        for (const char *p = options; p; p = strchr(p, ',')) {
                p += *p == ',';
                if (strncmp(p, wanted, n) == 0 && (p[n] == ',' || p[n] == '\0'))
                        return true;
        }
        return false;
}

/* A file system over several devices (btrfs) has a number of its own; its source tells. */
static bool is_ours(const struct numbers *numbers, const char *number, const char *source) {
        dev_t n;
        struct stat st;
        if (media_parse_number(number, &n) && contains(numbers, n))
                return true;
        return source[0] == '/' && stat(source, &st) == 0 && S_ISBLK(st.st_mode) && contains(numbers, st.st_rdev);
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static bool parse_mount(char *line, const struct numbers *numbers, struct mount *ret) {
        char *field[6], *rest = line;
        for (size_t i = 0; i < 6; i++)
                if (!(field[i] = strsep(&rest, " ")) || !rest)
                        return false;
        char *optional;
        while ((optional = strsep(&rest, " ")) && strcmp(optional, "-") != 0)
                ;
        char *type = strsep(&rest, " "), *source = strsep(&rest, " ");
        if (!type || !source || !rest)
                return false;
        unescape(source);
        if (!is_ours(numbers, field[2], source))
                return false;
        unescape(field[4]);
        *ret = (struct mount){ .point = field[4], .read_only = has_option(rest, "ro") };
        return true;
}

/* ---- taking away ---- */

/* Of the file system, not of one place where it is mounted; what else is set stays as it is. fsconfig(2) has no manual
 * page in Debian 12: kernel, fs/fsopen.c. */
static int make_read_only(const char *point) {
        CLEANUP(close_p)
        int fd = (int) syscall(SYS_fspick, AT_FDCWD, point,
                               FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT);
        if (fd < 0 || syscall(SYS_fsconfig, fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
            syscall(SYS_fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
                return -errno;
        return 0;
}

static int take_away(const struct mount *m, enum media_close how) {
        CLEANUP(close_p) int fd = open(m->point, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                (void) syncfs(fd);
        if (how == MEDIA_CLOSE_READ_ONLY && make_read_only(m->point) == 0)
                return 0;
        if (umount2(m->point, DETACH | NOFOLLOW) < 0)
                return -errno;
        /* What was written in between; the descriptor holds the file system for that long. */
        if (fd >= 0)
                (void) syncfs(fd);
        return 0;
}

static ssize_t read_mounts(const struct root *root, char *text) {
        CLEANUP(close_p) int self = root_openat(root, "proc/self", O_PATH | O_DIRECTORY, 0);
        return self < 0 ? self : file_read_at(self, "mountinfo", text, MOUNTS_MAX);
}

/* Takes away the last of them, because what is mounted on top comes later in the list. 1: done one; 0: there is none.
 */
static int take_last(const struct root *root, char *text, const struct numbers *numbers, enum media_close how) {
        ssize_t n = read_mounts(root, text);
        if (n < 0)
                return (int) n;
        struct mount last = { .point = NULL };
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n")) && *line;) {
                struct mount m;
                if (parse_mount(line, numbers, &m) && !(how == MEDIA_CLOSE_READ_ONLY && m.read_only))
                        last = m;
        }
        if (!last.point)
                return 0;
        int r = take_away(&last, how);
        return r < 0 ? r : 1;
}

int media_close(const struct root *root, const char *disk, uint64_t inode, enum media_close how) {
        if (!media_name_is_valid(disk))
                return -EINVAL;
        CLEANUP(close_p) int directory = open_class(root, disk);
        struct stat st;
        if (directory < 0)
                return directory;
        if (fstat(directory, &st) < 0)
                return -errno;
        if (st.st_ino != inode)
                return -ENOENT;

        CLEANUP(free_p) char *text = malloc(MOUNTS_MAX + 1);
        CLEANUP(free_p) struct numbers *numbers = calloc(1, sizeof *numbers);
        if (!text || !numbers)
                return -ENOMEM;
        int r = add_tree(root, directory, 0, numbers);
        for (unsigned round = 0; r == 0 && round < ROUNDS_MAX; round++) {
                r = take_last(root, text, numbers, how);
                if (r == 0)
                        return 0;
                r = r > 0 ? 0 : r;
        }
        return r < 0 ? r : -EBUSY;
}
