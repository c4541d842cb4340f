/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "carrier.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "system_disk.h"

#define SCSI_OPTICAL   "5"
#define INQUIRY_BYTES  512u
#define INQUIRY_RMB    0x80 /* of byte 1 */
#define NVME_SUBSYSTEM "/devices/virtual/nvme-subsystem/"

/* ---- names of the kernel ---- */

/* A pattern's d is one or more decimal digits, x one or more hexadecimal ones; the rest stands for itself. */
static bool fits(const char *name, size_t length, const char *pattern) {
        const char *p = name, *end = name + length;
        for (; *pattern; pattern++) {
                const char *start = p;
                if (*pattern == 'd' || *pattern == 'x')
                        while (p < end &&
                               (*pattern == 'd' ? isdigit((unsigned char) *p) : isxdigit((unsigned char) *p)))
                                p++;
                else if (p < end && *p == *pattern)
                        p++;
                if (p == start)
                        return false;
        }
        return p == end;
}

static const struct {
        enum carrier_bus bus;
        const char *pattern;
} patterns[] = {
        { CARRIER_SCSI, "d:d:d:d" },  { CARRIER_MMC, "mmcd:x" },     { CARRIER_PCI, "x:x:x.x" },
        { CARRIER_BARE, "floppy.d" }, { CARRIER_BARE, "memstickd" },
};

static const char *const subsystems[CARRIER_BUS_MAX] = {
        [CARRIER_NONE] = "",   [CARRIER_USB] = "",    [CARRIER_SCSI] = "scsi",
        [CARRIER_MMC] = "mmc", [CARRIER_PCI] = "pci", [CARRIER_BARE] = "",
};

const char *carrier_subsystem(enum carrier_bus b) {
        return subsystems[b];
}

/* Calls for each part of the path, with its end; true when one of them fits. */
static bool has_part(const char *path, const char *pattern) {
        for (const char *part = path; *part;) {
                part += *part == '/';
                size_t n = strcspn(part, "/");
                if (fits(part, n, pattern))
                        return true;
                part += n;
        }
        return false;
}

/* "1-2", "3-1.4.2", the last on the way. */
static void find_usb_name(const char *path, char ret[64]) {
        ret[0] = '\0';
        for (const char *part = path; *part;) {
                part += *part == '/';
                size_t n = strcspn(part, "/");
                if (n > 2 && n < 64 && isdigit((unsigned char) part[0]) && memchr(part, '-', n) &&
                    strspn(part, "0123456789-.") == n)
                        (void) snprintf(ret, 64, "%.*s", (int) n, part);
                part += n;
        }
}

static void take(struct carrier *c, enum carrier_bus bus, const char *path, const char *part, size_t n) {
        c->bus = bus;
        (void) snprintf(c->name, sizeof c->name, "%.*s", (int) n, part);
        (void) snprintf(c->path, sizeof c->path, "%.*s", (int) (part + n - path), path);
}

/* The nearest: what a path says last; but below a SCSI device its name comes again ("bsg/0:0:0:0"). */
static void find_nearest(const char *path, struct carrier *c) {
        for (const char *part = path; *part;) {
                part += *part == '/';
                size_t n = strcspn(part, "/");
                for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
                        if (n < sizeof c->name && fits(part, n, patterns[i].pattern) && c->bus != CARRIER_SCSI)
                                take(c, patterns[i].bus, path, part, n);
                part += n;
        }
}

/* "nvme0": the controller of a subsystem, a link to where it is. */
static int find_controller(const struct root *root, const char *path, char ret[PATH_MAX]) {
        const char *rest = path + strlen(NVME_SUBSYSTEM);
        char *name = NULL;
        if (asprintf(&name, "sys%.*s", (int) ((size_t) (rest - path) + strcspn(rest, "/")), path) < 0)
                return -ENOMEM;
        CLEANUP(free_p) char *subsystem = name;
        int fd = root_openat(root, subsystem, O_RDONLY | O_DIRECTORY, 0);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                close_p(&fd);
                return -ENOENT;
        }
        int r = -ENOENT;
        for (const struct dirent *e; r < 0 && (e = readdir(d));)
                if (fits(e->d_name, strlen(e->d_name), "nvmed"))
                        r = system_path_at(fd, e->d_name, ret);
        (void) closedir(d);
        return r;
}

int carrier_find(const struct root *root, const char *path, struct carrier *ret) {
        if (strncmp(path, "/devices/", 9) != 0 || strlen(path) >= PATH_MAX || strstr(path, "/.."))
                return -EINVAL;
        struct carrier c = { .bus = CARRIER_NONE };
        char controller[PATH_MAX];
        if (strncmp(path, NVME_SUBSYSTEM, strlen(NVME_SUBSYSTEM)) == 0 && find_controller(root, path, controller) == 0)
                path = controller;
        if (has_part(path, "usbd")) {
                c.bus = CARRIER_USB;
                find_usb_name(path, c.name);
        } else
                find_nearest(path, &c);
        *ret = c;
        return 0;
}

/* ---- what is carried ---- */

static int open_path(const struct root *root, const char *path, int length) {
        char full[PATH_MAX + 4];
        (void) snprintf(full, sizeof full, "sys%.*s", length, path);
        return root_openat(root, full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

static bool says(int directory, const char *file, const char *text) {
        char line[32];
        return file_read_line_at(directory, file, line, sizeof line - 1) > 0 && strcmp(line, text) == 0;
}

/* A device on the way hangs on a port that leads out of the machine. */
static bool is_outside(const struct root *root, const char *path) {
        for (const char *part = path; *part;) {
                part += *part == '/';
                size_t n = strcspn(part, "/");
                if (fits(part, n, "x:x:x.x")) {
                        CLEANUP(close_p) int directory = open_path(root, path, (int) (part + n - path));
                        if (directory >= 0 && says(directory, "removable", "removable"))
                                return true;
                }
                part += n;
        }
        return has_part(path, "fwd") || has_part(path, "fwd.d");
}

static bool is_removable_scsi(int directory) {
        unsigned char inquiry[INQUIRY_BYTES + 1] = { 0 };
        ssize_t n = file_read_at(directory, "inquiry", inquiry, INQUIRY_BYTES);
        return says(directory, "type", SCSI_OPTICAL) || (n >= 2 && (inquiry[1] & INQUIRY_RMB));
}

bool carrier_is_carried(const struct root *root, const struct carrier *c) {
        if (c->bus == CARRIER_USB || c->bus == CARRIER_BARE)
                return true;
        if (c->bus == CARRIER_NONE)
                return false;
        CLEANUP(close_p) int directory = open_path(root, c->path, PATH_MAX);
        if (directory < 0)
                return true; /* it is going: whatever it was */
        bool carried = is_outside(root, c->path) || (c->bus == CARRIER_SCSI && is_removable_scsi(directory)) ||
                       (c->bus == CARRIER_MMC && (says(directory, "type", "SD") || says(directory, "type", "SDcombo")));
        return carried && !system_stands_on(root, c->path);
}

int carrier_inode(const struct root *root, const struct carrier *c, uint64_t *ret) {
        CLEANUP(close_p) int directory = open_path(root, c->path, PATH_MAX);
        struct stat st;
        if (directory < 0)
                return directory;
        if (fstat(directory, &st) < 0)
                return -errno;
        *ret = st.st_ino;
        return 0;
}

bool carrier_is_media(const struct root *root, const struct carrier *c) {
        char door[DOOR_NAME_MAX];
        uint64_t inode = 0;
        struct door_mark mark;
        if (!*carrier_subsystem(c->bus))
                return carrier_is_carried(root, c);
        if (!door_name(carrier_subsystem(c->bus), c->name, door) || carrier_inode(root, c, &inode) < 0)
                return true;
        if (door_mark_read(root, door, inode, &mark) == 0)
                return mark.state != DOOR_MACHINE;
        return doors_are_kept(root) || carrier_is_carried(root, c);
}
