/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "media.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/mounts.h"

#define MOUNTINFO_MAX (4u * 1024u * 1024u)

/* What the machine itself runs from is no medium, wherever it is plugged in: listening there would let every program
 * wait for us. */
static const char *const own_places[] = { "/", "/usr", "/var", "/etc", "/home", "/boot", "/boot/efi", "/nix" };

struct medium *medium_ref(struct medium *m) {
        if (m)
                m->references++;
        return m;
}

struct medium *medium_unref(struct medium *m) {
        if (m && --m->references == 0) {
                free(m->point);
                free(m->below);
                free(m->filesystem);
                free(m);
        }
        return NULL;
}
DEFINE_FREEP(struct medium, medium_unref)

struct medium *media_by_device(const struct media *m, dev_t device) {
        for (size_t i = 0; i < m->n; i++)
                if (m->list[i]->device == device)
                        return m->list[i];
        return NULL;
}

struct medium *media_by_fsid(const struct media *m, const int fsid[2]) {
        for (size_t i = 0; i < m->n; i++)
                if (memcmp(m->list[i]->fsid, fsid, sizeof m->list[i]->fsid) == 0)
                        return m->list[i];
        return NULL;
}

char *medium_path(const struct medium *m, const char *path, bool *ret_outside) {
        size_t n = m ? strlen(m->point) : 0;
        bool inside = m && strncmp(path, m->point, n) == 0 && (path[n] == '/' || path[n] == '\0');
        *ret_outside = !inside;
        if (!inside)
                return strdup(path);
        const char *rest = path[n] ? path + n : "/";
        char *whole = NULL;
        if (asprintf(&whole, "%s%s", m->below, rest) < 0)
                return NULL;
        return whole;
}

static bool is_own_place(const struct mount_table *t, const struct mount_entry *e) {
        for (size_t i = 0; i < t->n; i++)
                for (size_t k = 0; k < sizeof own_places / sizeof *own_places; k++)
                        if (t->list[i].device == e->device && strcmp(t->list[i].point, own_places[k]) == 0)
                                return true;
        return false;
}

/* The disk below: btrfs and its like have device numbers of their own and only name it. */
static dev_t disk_of(const struct root *root, const struct mount_entry *e) {
        if (major(e->device) != 0)
                return e->device;
        struct stat st;
        CLEANUP(close_p) int fd = strncmp(e->source, "/dev/", 5) == 0 ? root_openat(root, e->source, O_PATH, 0) : -1;
        return fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

static int listen_on(struct medium *m, int fd, const struct media_listeners *l) {
        char path[40];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        struct statfs fs;
        if (fanotify_mark(l->content, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, l->content_mask, AT_FDCWD, path) < 0)
                return -errno;
        /* exfat of Linux 6.1, for one, has no handles for its files, without which there are no names. */
        m->names = fanotify_mark(l->names, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, l->names_mask, AT_FDCWD, path) == 0;
        if (statfs(path, &fs) == 0)
                memcpy(m->fsid, &fs.f_fsid, sizeof m->fsid);
        return 0;
}

static int add(struct media *m, struct medium *new_one) {
        for (size_t i = 0; i < m->n; i++)
                if (m->list[i]->device == new_one->device) {
                        (void) medium_unref(m->list[i]);
                        m->list[i] = new_one;
                        return 0;
                }
        struct medium **list = reallocarray(m->list, m->n + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        m->list = list;
        m->list[m->n++] = new_one;
        return 0;
}

static struct medium *describe(const struct mount_entry *e, const struct backing *b) {
        CLEANUP(medium_unrefp) struct medium *m = calloc(1, sizeof *m);
        if (!m)
                return NULL;
        *m = (struct medium){ .references = 1, .mount = e->id, .device = e->device, .backing = *b, .is_mounted = true };
        m->point = strdup(e->point);
        m->below = strdup(strcmp(e->root, "/") == 0 ? "" : e->root);
        m->filesystem = strdup(e->filesystem);
        return m->point && m->below && m->filesystem ? TAKE_PTR(m) : NULL;
}

/* The place is the kernel's own word about our mounts, so that it is opened as it stands whatever the root is. */
static int listen_at(const struct media *m, const struct mount_entry *e, const struct backing *b,
                     const struct media_listeners *l, struct medium **ret) {
        CLEANUP(medium_unrefp) struct medium *found = describe(e, b);
        if (!found)
                return -ENOMEM;
        struct stat st;
        CLEANUP(close_p) int fd = open(e->point, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* Covered by another mount since, or gone: the next reading of the table tells. */
        if (major(e->device) != 0 && st.st_dev != e->device)
                return -ESTALE;
        found->device = st.st_dev;
        /* Also what we know already: the number of a mount is given again, and to listen twice costs nothing. */
        int r = listen_on(found, fd, l);
        if (r < 0)
                return r;
        const struct medium *known = media_by_device(m, found->device);
        bool same =
                known && known->is_mounted && known->mount == found->mount && strcmp(known->point, found->point) == 0;
        *ret = same ? NULL : TAKE_PTR(found);
        return 0;
}

static int read_table(const struct root *root, char **ret_text) {
        CLEANUP(close_p) int fd = root_openat(root, "proc/self/mountinfo", O_RDONLY, 0);
        if (fd < 0)
                return fd;
        size_t n = 0, size = 0;
        CLEANUP(free_p) char *text = NULL;
        for (;;) {
                if (n + 1 >= size) {
                        size = size ? size * 2 : 16384;
                        char *more = size > MOUNTINFO_MAX ? NULL : realloc(text, size);
                        if (!more)
                                return -ENOMEM;
                        text = more;
                }
                ssize_t r = read(fd, text + n, size - n - 1);
                if (r < 0)
                        return -errno;
                if (r == 0)
                        break;
                n += (size_t) r;
        }
        text[n] = '\0';
        *ret_text = TAKE_PTR(text);
        return 0;
}

int media_refresh(struct media *m, const struct root *root, const struct media_listeners *l,
                  void (*problem)(const char *filesystem, const char *disk, int error, void *userdata),
                  void (*found)(const struct medium *medium, void *userdata), void *userdata) {
        CLEANUP(free_p) char *text = NULL;
        CLEANUP(mounts_clear) struct mount_table t = { .n = 0 };
        int r = read_table(root, &text);
        if (r == 0)
                r = mounts_parse(text, &t);
        if (r < 0)
                return r;

        for (size_t i = 0; i < m->n; i++) {
                bool there = false;
                for (size_t k = 0; k < t.n && !there; k++)
                        there = t.list[k].id == m->list[i]->mount;
                m->list[i]->is_mounted = there;
        }
        for (size_t k = 0; k < t.n; k++) {
                const struct mount_entry *e = &t.list[k];
                struct backing b;
                /* A second mount of what is listened on is heard with the first. */
                const struct medium *same = media_by_device(m, e->device);
                if (same && same->is_mounted && same->mount != e->id)
                        continue;
                dev_t disk = disk_of(root, e);
                if (disk == 0 || backing_find(root, disk, &b) < 0 || !b.is_medium || is_own_place(&t, e))
                        continue;
                struct medium *one = NULL;
                r = listen_at(m, e, &b, l, &one);
                if (r == 0 && one) {
                        r = add(m, one);
                        if (r == 0)
                                found(one, userdata);
                        else
                                (void) medium_unref(one);
                }
                if (r < 0 && r != -ESTALE && r != -ENOENT)
                        problem(e->filesystem, b.disk, r, userdata);
        }
        return 0;
}

void media_clear(struct media *m) {
        for (size_t i = 0; i < m->n; i++)
                (void) medium_unref(m->list[i]);
        free(m->list);
        *m = (struct media){ .n = 0 };
}
