/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/carrier.h"
#include "base/cleanup.h"
#include "bus_device.h"
#include "sys/sysfs.h"
#include "usb_device.h"

#define STACK_MAX    8u
#define OTHERS       (S_IRWXG | S_IRWXO)
#define OTHERS_WRITE (S_IWGRP | S_IWOTH)

/* ---- looking ---- */

static int read_usb_facts(const struct root *root, const char *name, struct device_facts *ret) {
        CLEANUP(usb_device_clear) struct usb_device device;
        int r = usb_device_look(root, name, NULL, &device);
        if (r == 0)
                r = usb_device_read_strings(&device);
        if (r == 0)
                *ret = device.facts;
        return r;
}

static int read_bus_facts(const struct root *root, const struct carrier *c, struct device_facts *ret) {
        const struct bus_kind *kind = bus_kind_of(carrier_subsystem(c->bus));
        CLEANUP(bus_device_clear) struct bus_device device = { .fd = -1 };
        struct door_mark mark = { .at_boot = false };
        int r = kind ? bus_device_find(root, kind, c->name, &device) : -EINVAL;
        if (r == 0)
                r = bus_device_read(root, c->name, &device);
        if (r < 0)
                return r;
        (void) door_mark_read(root, device.door, device.inode, &mark);
        *ret = device.facts;
        ret->present_at_boot = mark.at_boot;
        return 0;
}

/* The drive or reader is part of the machine; what is in it says nothing of itself. */
static int read_bare_facts(const struct carrier *c, struct device_facts *ret) {
        *ret = (struct device_facts){ .bus = strncmp(c->name, "floppy", 6) == 0 ? BUS_FLOPPY : BUS_MMC,
                                      .descriptors_valid = true,
                                      .n_interfaces = 1,
                                      .present_at_boot = true };
        (void) snprintf(ret->port, sizeof ret->port, "%s", c->name);
        return 0;
}

static int read_facts(const struct root *root, const struct carrier *c, struct storage_disk *d) {
        int r = c->bus == CARRIER_USB    ? read_usb_facts(root, c->name, &d->facts)
                : c->bus == CARRIER_BARE ? read_bare_facts(c, &d->facts)
                                         : read_bus_facts(root, c, &d->facts);
        if (r < 0)
                return r == -ENOENT ? -EAGAIN : r;
        (void) snprintf(d->facts.node, sizeof d->facts.node, "%s", d->name);
        return 0;
}

int storage_disk_look(const struct root *root, const char *name, struct storage_disk *ret) {
        *ret = (struct storage_disk){ .fd = -1 };
        if (!media_name_is_valid(name))
                return 1;
        (void) snprintf(ret->name, sizeof ret->name, "%s", name);

        CLEANUP(close_p) int disks = sysfs_open_directory(root, STORAGE_DISKS);
        char target[PATH_MAX], path[sizeof STORAGE_DISKS + MEDIA_NAME_MAX];
        struct carrier carrier;
        if (disks < 0)
                return disks;
        ssize_t n = readlinkat(disks, name, target, sizeof target - 1);
        if (n < 0)
                return errno == EINVAL ? 1 : -errno;
        target[n] = '\0';
        const char *devices = strstr(target, "/devices/");
        if (!devices || carrier_find(root, devices, &carrier) < 0 || !carrier_is_media(root, &carrier))
                return 1;

        (void) snprintf(path, sizeof path, STORAGE_DISKS "/%s", name);
        ret->fd = sysfs_open_directory(root, path);
        if (ret->fd < 0)
                return ret->fd;
        struct stat st;
        if (fstat(ret->fd, &st) < 0)
                return -errno;
        ret->inode = st.st_ino;
        return read_facts(root, &carrier, ret);
}

void storage_disk_clear(struct storage_disk *d) {
        close_p(&d->fd);
        d->fd = -1;
}

/* ---- what belongs to a disk ---- */

/* Called for the disk, each partition, and each device on top of them; returns non-zero to stop. */
typedef int (*each_block)(int directory, const char *name, bool stacked, void *userdata);

struct walk {
        const struct root *root;
        int directory; /* whose entries are looked at */
        bool stacked;
        unsigned depth;
        each_block each;
        void *userdata;
};

static int walk_tree(const struct walk *w, const char *name);

static int walk_partition(const char *name, void *userdata) {
        const struct walk *w = userdata;
        CLEANUP(close_p) int child = openat(w->directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child < 0 || faccessat(child, "partition", F_OK, 0) < 0)
                return 0;
        struct walk below = *w;
        below.directory = child;
        return walk_tree(&below, name);
}

static int walk_holder(const char *name, void *userdata) {
        const struct walk *w = userdata;
        char path[sizeof "sys/class/block/" + NAME_MAX];
        (void) snprintf(path, sizeof path, "sys/class/block/%.*s", NAME_MAX, name);
        CLEANUP(close_p) int child = sysfs_open_directory(w->root, path);
        if (child < 0 || w->depth >= STACK_MAX)
                return child == -ENOENT ? 0 : child < 0 ? child : -ELOOP;
        struct walk above = *w;
        above.directory = child;
        above.stacked = true;
        above.depth++;
        return walk_tree(&above, name);
}

static int walk_tree(const struct walk *w, const char *name) {
        struct walk copy = *w;
        int r = w->each(w->directory, name, w->stacked, w->userdata);
        if (r == 0)
                r = sysfs_each_name(w->directory, walk_partition, &copy);
        if (r != 0)
                return r;
        CLEANUP(close_p) int holders = openat(w->directory, "holders", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return holders < 0 ? 0 : sysfs_each_name(holders, walk_holder, &copy);
}

static int walk_disk(const struct root *root, const struct storage_disk *d, each_block each, void *userdata) {
        const struct walk w = { .root = root, .directory = d->fd, .each = each, .userdata = userdata };
        return walk_tree(&w, d->name);
}

/* Those that speak SCSI to it stand beside it, under the directory of the SCSI device. */
static const struct {
        const char *directory, *nodes;
} neighbours[] = { { "device/scsi_generic", "dev/" }, { "device/bsg", "dev/bsg/" }, { "device/scsi_tape", "dev/" } };

struct neighbour_walk {
        int directory;
        const char *nodes;
        each_block each;
        void *userdata;
};

static int walk_neighbour(const char *name, void *userdata) {
        const struct neighbour_walk *w = userdata;
        CLEANUP(close_p) int child = openat(w->directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        char path[NAME_MAX + sizeof "dev/bsg/"];
        (void) snprintf(path, sizeof path, "%s%.*s", w->nodes, NAME_MAX, name);
        return child < 0 ? 0 : w->each(child, path, false, w->userdata);
}

/* The name that each is called with is the path of the node. */
static int walk_neighbours(const struct storage_disk *d, each_block each, void *userdata) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < sizeof neighbours / sizeof *neighbours; i++) {
                CLEANUP(close_p)
                int directory = openat(d->fd, neighbours[i].directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
                struct neighbour_walk w = { directory, neighbours[i].nodes, each, userdata };
                if (directory >= 0)
                        r = sysfs_each_name(directory, walk_neighbour, &w);
        }
        return r;
}

/* ---- udev looks again ---- */

static int trigger_one(int directory, const char *name, bool stacked, void *userdata) {
        (void) name;
        (void) stacked;
        (void) userdata;
        (void) file_write_value_at(directory, "uevent", "change");
        return 0;
}

void storage_disk_trigger(const struct root *root, const struct storage_disk *d) {
        (void) walk_disk(root, d, trigger_one, NULL);
        (void) walk_neighbours(d, trigger_one, NULL);
}

/* ---- reading back ---- */

struct checking {
        const struct root *root;
        const struct media_hold *hold;
        struct storage_state *state;
};

/* Of a node with an access control list the group's bits are the list's mask (acl(5)). */
static bool node_is_held(const struct checking *c, const char *path, mode_t forbidden, bool root_group) {
        CLEANUP(close_p) int node = root_openat(c->root, path, O_PATH | O_NOFOLLOW, 0);
        struct stat st;
        if (node < 0)
                return node == -ENOENT; /* no node, no way in */
        return fstat(node, &st) == 0 && st.st_uid == 0 && !(st.st_mode & forbidden) && (!root_group || st.st_gid == 0);
}

/* What udev's rules have to say of it under this hold; see sekisho-media. */
static bool is_said_right(const struct media_hold *h, bool stacked, const char *said) {
        if (h->access != MEDIA_SHUT && h->encrypted && !stacked)
                return strcmp(said, "shut") == 0 || strcmp(said, "locked") == 0;
        return strcmp(said, media_access_name(h->access)) == 0 ||
               /* on a volume that is not encrypted somebody has stacked something */
               (h->encrypted && strcmp(said, "shut") == 0);
}

static int check_block(int directory, const char *name, bool stacked, void *userdata) {
        struct checking *c = userdata;
        const struct media_hold *h = c->hold;
        char number[32], said[32] = "", path[sizeof "dev/" + NAME_MAX];
        uint32_t read_only = 0;
        ssize_t n = sysfs_read_line_at(directory, "dev", number, sizeof number - 1);
        int r = n < 0 ? (int) n : sysfs_read_number_at(directory, "ro", 10, 1, &read_only);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? -ENOENT : r;
        if (media_property(c->root, number, "SEKISHO_MEDIA", said, sizeof said) < 0 || !is_said_right(h, stacked, said))
                c->state->as_held = false;
        bool shut = strcmp(said, "shut") == 0;
        c->state->open = c->state->open || !shut;

        (void) snprintf(path, sizeof path, "dev/%.*s", NAME_MAX, name);
        bool root_only = shut || strcmp(said, "locked") == 0;
        bool private = root_only || h->users;
        mode_t forbidden = root_only ? OTHERS : h->access == MEDIA_READ_ONLY ? OTHERS_WRITE : 0;
        if ((h->access != MEDIA_OPEN && !read_only) ||
            !node_is_held(c, path, private ? forbidden | S_IRWXO : forbidden, private))
                c->state->as_held = false;
        return 0;
}

static int check_neighbour(int directory, const char *path, bool stacked, void *userdata) {
        const struct checking *c = userdata;
        (void) directory;
        (void) stacked;
        bool free_for_all = c->hold->access == MEDIA_OPEN && !c->hold->encrypted && !c->hold->users;
        if (!free_for_all && !node_is_held(c, path, OTHERS, true))
                c->state->as_held = false;
        return 0;
}

int storage_disk_state(const struct root *root, const struct storage_disk *d, const struct media_hold *hold,
                       struct storage_state *ret) {
        struct storage_state state = { .as_held = true };
        struct checking c = { .root = root, .hold = hold, .state = &state };
        int r = walk_disk(root, d, check_block, &c);
        if (r == 0)
                r = walk_neighbours(d, check_neighbour, &c);
        if (r == 0)
                *ret = state;
        return r;
}

#define SECTOR       512u
#define STAT_WRITTEN 6u /* the seventh number */

int storage_disk_written(const struct storage_disk *d, uint64_t *ret) {
        char line[512], *at = line, *end;
        ssize_t n = sysfs_read_line_at(d->fd, "stat", line, sizeof line - 1);
        if (n < 0)
                return (int) n;
        unsigned long long value = 0;
        for (unsigned i = 0; i <= STAT_WRITTEN; i++, at = end) {
                value = strtoull(at, &end, 10);
                if (end == at || value > UINT64_MAX / SECTOR)
                        return -EBADMSG;
        }
        *ret = value * SECTOR;
        return 0;
}
