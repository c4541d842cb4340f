/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "media_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/carrier.h"
#include "base/cleanup.h"

#define STACK_MAX 8u /* devices on top of each other; the kernel's own limit for bio-based stacks is far below */
#define LUKS_UUID "CRYPT-LUKS"

static const char *const disk_classes[] = { "/scsi_generic/", "/bsg/", "/scsi_tape/" };

void media_device_clear(struct media_device *d) {
        free(d->path);
        media_hold_clear(&d->hold);
        *d = (struct media_device){ .path = NULL };
}

static int open_directory(const struct root *root, const char *path) {
        CLEANUP(free_p) char *full = NULL;
        if (asprintf(&full, "sys%s", path) < 0)
                return -ENOMEM;
        return root_openat(root, full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* "nvme0n1", "nvme0c1n1": a namespace. */
static bool is_namespace(const char *name, size_t length) {
        static const char digits[] = "0123456789";
        const char *p = name, *end = name + length;
        if (length < 7 || strncmp(p, "nvme", 4) != 0)
                return false;
        p += 4 + strspn(p + 4, digits);
        if (*p == 'c')
                p += 1 + strspn(p + 1, digits);
        return p < end && *p == 'n' && p + 1 < end && p + 1 + strspn(p + 1, digits) == end;
}

/* Where the name of the disk ends: "/devices/.../block/sda" of "/devices/.../block/sda/sda1"; namespaces of NVMe have
 * no "block" before them. NULL: it is no block device. */
static const char *disk_end(const char *path) {
        const char *block = NULL;
        for (const char *p = strstr(path, "/block/"); p; p = strstr(p + 1, "/block/"))
                block = p;
        if (block)
                return strchrnul(block + strlen("/block/"), '/');
        for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                size_t n = strcspn(p + 1, "/");
                if (is_namespace(p + 1, n))
                        return p + 1 + n;
        }
        return NULL;
}

/* NULL: no block device, or no memory. */
static char *disk_path(const char *path) {
        const char *end = disk_end(path);
        return end ? strndup(path, (size_t) (end - path)) : NULL;
}

/* The only entry of a directory that is no "." and "..". */
static int first_name(int directory, char ret[MEDIA_NAME_MAX]) {
        DIR *d = fdopendir(directory);
        if (!d) {
                int error = -errno;
                (void) close(directory);
                return error;
        }
        int r = -ENOENT;
        for (const struct dirent *e; r == -ENOENT && (e = readdir(d));)
                if (e->d_name[0] != '.') {
                        r = media_name_is_valid(e->d_name) ? 0 : -EBADMSG;
                        if (r == 0)
                                (void) snprintf(ret, MEDIA_NAME_MAX, "%.*s", MEDIA_NAME_MAX - 1, e->d_name);
                }
        (void) closedir(d);
        return r;
}

/* A generic SCSI device stands beside the disk that it speaks to. NULL: there is none (yet), or no memory. */
static char *neighbour_path(const struct root *root, const char *path) {
        for (size_t i = 0; i < sizeof disk_classes / sizeof *disk_classes; i++) {
                const char *class = strstr(path, disk_classes[i]);
                if (!class)
                        continue;
                CLEANUP(free_p) char *block = NULL;
                char *disk = NULL, name[MEDIA_NAME_MAX];
                if (asprintf(&block, "%.*s/block", (int) (class - path), path) < 0)
                        return NULL;
                int directory = open_directory(root, block);
                if (directory < 0 || first_name(directory, name) < 0)
                        return NULL;
                return asprintf(&disk, "%s/%s", block, name) < 0 ? NULL : disk;
        }
        return NULL;
}

/* What the mark says, if it is this disk's. */
static int read_hold(const struct root *root, const char *disk, struct media_hold *ret) {
        CLEANUP(close_p) int directory = open_directory(root, disk);
        struct stat st;
        if (directory < 0)
                return directory;
        if (fstat(directory, &st) < 0)
                return -errno;
        struct media_hold h;
        int r = media_mark_read(root, strrchr(disk, '/') + 1, &h);
        if (r < 0)
                return r;
        if (h.inode != st.st_ino) {
                media_hold_clear(&h);
                return -ENOENT;
        }
        *ret = h;
        return 0;
}

static void shut(struct media_hold *h) {
        media_hold_clear(h);
}

/* *h becomes the strictest of both; *other is taken over. Two lists of users have nobody surely in common. */
static void join(struct media_hold *h, struct media_hold *other) {
        if (other->users && h->users && strcmp(other->users, h->users) != 0) {
                shut(h);
                media_hold_clear(other);
                return;
        }
        h->access = other->access < h->access ? other->access : h->access;
        h->encrypted = h->encrypted || other->encrypted;
        if (!h->users)
                h->users = TAKE_PTR(other->users);
        media_hold_clear(other);
}

static int look(const struct root *root, const char *path, unsigned depth, struct media_device *d);

static int look_by_name(const struct root *root, const char *name, unsigned depth, struct media_device *d) {
        char target[PATH_MAX], relative[PATH_MAX];
        CLEANUP(close_p) int class = root_openat(root, "sys/class/block", O_PATH | O_DIRECTORY, 0);
        if (class < 0)
                return class;
        ssize_t n = readlinkat(class, name, target, sizeof target - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        const char *path = strstr(target, "/devices/");
        if (!path)
                return -EINVAL;
        (void) snprintf(relative, sizeof relative, "%s", path);
        return look(root, relative, depth, d);
}

static bool is_luks_mapping(int directory) {
        char uuid[256];
        return file_read_line_at(directory, "dm/uuid", uuid, sizeof uuid - 1) > 0 &&
               strncmp(uuid, LUKS_UUID, strlen(LUKS_UUID)) == 0;
}

/* Device mapper and md: what they stand on decides. */
static int look_below(const struct root *root, const char *disk, unsigned depth, struct media_device *d) {
        CLEANUP(close_p) int directory = open_directory(root, disk);
        if (directory < 0)
                return directory;
        int slaves = openat(directory, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (slaves < 0)
                return errno == ENOENT ? 0 : -errno;
        DIR *list = fdopendir(slaves);
        if (!list) {
                int error = -errno;
                (void) close(slaves);
                return error;
        }
        int r = 0;
        for (const struct dirent *e; r == 0 && (e = readdir(list));)
                if (e->d_name[0] != '.')
                        r = depth < STACK_MAX ? look_by_name(root, e->d_name, depth + 1, d) : -ELOOP;
        (void) closedir(list);
        if (r == 0 && d->is_media && is_luks_mapping(directory))
                d->unlocked = true;
        return r;
}

/* Adds what holds for path to *d. */
static int look(const struct root *root, const char *path, unsigned depth, struct media_device *d) {
        CLEANUP(free_p) char *own = disk_path(path);
        CLEANUP(free_p) char *neighbour = own ? NULL : neighbour_path(root, path);
        const char *disk = own ? own : neighbour;
        struct media_hold h = { .access = MEDIA_SHUT };
        int r = disk ? read_hold(root, disk, &h) : -ENOENT;
        bool marked = r == 0;
        struct carrier carrier;
        if (!marked && (carrier_find(root, path, &carrier) < 0 || !carrier_is_media(root, &carrier)))
                return own ? look_below(root, own, depth, d) : 0;

        if (!d->is_media) {
                media_hold_clear(&d->hold);
                d->hold = h;
        } else
                join(&d->hold, &h);
        d->is_media = true;
        return 0;
}

int media_device_find(const struct root *root, const char *syspath, struct media_device *ret) {
        if (strncmp(syspath, "/sys/", 5) == 0)
                syspath += 4;
        if (strncmp(syspath, "/devices/", 9) != 0 || strstr(syspath, "/..") || strlen(syspath) >= PATH_MAX)
                return -EINVAL;

        CLEANUP(media_device_clear) struct media_device d = { .path = strdup(syspath) };
        if (!d.path)
                return -ENOMEM;
        d.is_block = disk_end(d.path) != NULL;
        int r = look(root, d.path, 0, &d);
        if (r < 0)
                return r;
        *ret = d;
        d = (struct media_device){ .path = NULL };
        return 0;
}

/* ---- nodes ---- */

/* A fake machine's nodes may be plain files: nothing is told apart there. */
static int check_node(const struct root *root, int node, dev_t wanted) {
        struct stat st;
        if (fstat(node, &st) < 0)
                return -errno;
        if (!root->is_machine && S_ISREG(st.st_mode))
                return 0;
        return S_ISBLK(st.st_mode) && st.st_rdev == wanted ? 0 : -ENXIO;
}

static int read_number(const struct root *root, const char *path, dev_t *ret) {
        CLEANUP(close_p) int directory = open_directory(root, path);
        char text[32];
        if (directory < 0)
                return directory;
        ssize_t n = file_read_line_at(directory, "dev", text, sizeof text - 1);
        if (n < 0)
                return (int) n;
        return media_parse_number(text, ret) ? 0 : -EBADMSG;
}

int media_device_open_node(const struct root *root, const struct media_device *d) {
        dev_t number;
        int r = read_number(root, d->path, &number);
        if (r < 0)
                return r;
        char path[sizeof "dev/" + NAME_MAX];
        (void) snprintf(path, sizeof path, "dev/%.*s", NAME_MAX, strrchr(d->path, '/') + 1);
        CLEANUP(close_p) int node = root_openat(root, path, O_PATH | O_NOFOLLOW, 0);
        if (node < 0)
                return node;
        r = check_node(root, node, number);
        return r < 0 ? r : TAKE_FD(node);
}

int media_device_find_node(const struct root *root, const char *node, struct media_device *ret) {
        CLEANUP(close_p) int fd = root_openat(root, node, O_PATH, 0);
        struct stat st;
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode))
                return -ENOTBLK;

        char name[32], target[PATH_MAX];
        (void) snprintf(name, sizeof name, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
        CLEANUP(close_p) int numbers = root_openat(root, "sys/dev/block", O_PATH | O_DIRECTORY, 0);
        if (numbers < 0)
                return numbers;
        ssize_t n = readlinkat(numbers, name, target, sizeof target - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        const char *path = strstr(target, "/devices/");
        return path ? media_device_find(root, path, ret) : -EINVAL;
}
