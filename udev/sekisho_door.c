/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-door: holds the doors that are no USB ports as the agent decided, with the rights that the agent does
 * without.
 *
 *   device SYSPATH   from the udev rules, for what came or changed: gives a device that is open its driver, takes the
 *                    driver of one that is shut away, and says which it is
 *   driver SYSPATH   a driver came ("/bus/scsi/drivers/sd"): offers it the devices that are open
 *
 * It decides nothing: the mark does (base/door.h), and without one a newcomer is shut. See README.md beside it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sekisho/device.h>

#include "base/carrier.h"
#include "base/cleanup.h"
#include "base/door.h"

struct device {
        const struct root *root;
        int fd;           /* its directory in sysfs */
        const char *path; /* "/devices/..." */
        const char *name; /* the last part of it */
        char subsystem[32];
};

/* How a door is opened and shut. driver_probe etc. are the bus's own files. */
enum way {
        WAY_DRIVER,   /* the bus offers nothing by itself (drivers_autoprobe): ask it to, or unbind */
        WAY_OVERRIDE, /* PCI attaches drivers whatever drivers_autoprobe says: a driver that does not exist */
        WAY_AUTHORIZE,
};
static const struct {
        const char *subsystem;
        enum way way;
        const char *name; /* of devices that count, by their first character: digits or letters; NULL: all */
} buses[] = {
        { "scsi", WAY_DRIVER, "0123456789" }, /* neither hosts nor targets */
        { "mmc", WAY_DRIVER, NULL },          { "sdio", WAY_DRIVER, NULL },
        { "virtio", WAY_DRIVER, NULL },       { "serial", WAY_DRIVER, "s" },
        { "pci", WAY_OVERRIDE, NULL },        { "thunderbolt", WAY_AUTHORIZE, "0123456789" },
};

/* ---- sysfs ---- */

static int link_name(int directory, const char *link, char *ret, size_t size) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(directory, link, target, sizeof target - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        const char *slash = strrchr(target, '/');
        return (size_t) snprintf(ret, size, "%s", slash ? slash + 1 : target) < size ? 0 : -ENAMETOOLONG;
}

static bool has_driver(const struct device *d) {
        return faccessat(d->fd, "driver", F_OK, 0) == 0;
}

static int unbind(const struct device *d) {
        CLEANUP(close_p) int driver = openat(d->fd, "driver", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (driver < 0)
                return errno == ENOENT ? 0 : -errno;
        return file_write_value_at(driver, "unbind", d->name);
}

static int probe(const struct device *d) {
        char path[64];
        (void) snprintf(path, sizeof path, "sys/bus/%s", d->subsystem);
        CLEANUP(close_p) int bus = root_openat(d->root, path, O_PATH | O_DIRECTORY, 0);
        return bus < 0 ? bus : file_write_value_at(bus, "drivers_probe", d->name);
}

/* ---- which state ---- */

static bool read_hex(int directory, const char *file, unsigned *ret) {
        char line[16];
        if (file_read_line_at(directory, file, line, sizeof line - 1) <= 0)
                return false;
        *ret = (unsigned) strtoul(line, NULL, 16);
        return true;
}

/* A keyboard may hang on it, and what hangs on it is judged on its own: never shut, or nobody could type. */
static bool is_floor(const struct device *d) {
        unsigned class;
        return strcmp(d->subsystem, "pci") == 0 && read_hex(d->fd, "class", &class) &&
               interface_is_hub(BUS_PCI, (struct interface_triple){ (uint8_t) (class >> 16), (uint8_t) (class >> 8),
                                                                    (uint8_t) class });
}

/* A virtio device is part of its PCI device, and what is behind USB is the USB guard's: there it was decided. */
static enum door_state state_of(const struct device *d) {
        struct carrier c;
        char door[DOOR_NAME_MAX];
        uint64_t inode = 0;
        struct stat st;
        if (carrier_find(d->root, d->path, &c) < 0)
                return DOOR_SHUT;
        if (c.bus == CARRIER_USB || is_floor(d))
                return DOOR_OPEN;
        if (strcmp(d->subsystem, "virtio") == 0) {
                if (c.bus != CARRIER_PCI)
                        return DOOR_MACHINE; /* on the board */
                return door_name("pci", c.name, door) && carrier_inode(d->root, &c, &inode) == 0
                               ? door_state(d->root, door, inode)
                               : DOOR_SHUT;
        }
        if (!door_name(d->subsystem, d->name, door) || fstat(d->fd, &st) < 0)
                return DOOR_SHUT;
        struct door_mark mark; /* of what hangs on a UART only the agent knows whether it is a Bluetooth adapter */
        if (strcmp(d->subsystem, "serial") == 0 && door_mark_read(d->root, door, st.st_ino, &mark) == -ENOENT)
                return DOOR_MACHINE;
        return door_state(d->root, door, st.st_ino);
}

/* ---- holding ---- */

static int hold_override(const struct device *d, bool open) {
        char override[64] = "";
        (void) file_read_line_at(d->fd, "driver_override", override, sizeof override - 1);
        bool ours = strcmp(override, DOOR_NO_DRIVER) == 0;
        if (open) {
                int r = ours ? file_write_value_at(d->fd, "driver_override", "\n") : 0;
                return r < 0 || !ours ? r : probe(d);
        }
        int r = ours ? 0 : file_write_value_at(d->fd, "driver_override", DOOR_NO_DRIVER);
        return r < 0 ? r : unbind(d);
}

static int hold_authorized(const struct device *d, bool open) {
        char value[8] = "";
        if (file_read_line_at(d->fd, "authorized", value, sizeof value - 1) < 0)
                return 0; /* a domain, a retimer */
        bool is_open = strcmp(value, "0") != 0;
        return is_open == open ? 0 : file_write_value_at(d->fd, "authorized", open ? "1" : "0");
}

static int hold(const struct device *d, enum way way, bool open) {
        switch (way) {
        case WAY_OVERRIDE:
                return hold_override(d, open);
        case WAY_AUTHORIZE:
                return hold_authorized(d, open);
        case WAY_DRIVER:
        default:
                return !open ? unbind(d) : has_driver(d) ? 0 : probe(d);
        }
}

/* Looks up what kind of device it is. 1: none of ours. */
static int look(const struct root *root, const char *path, struct device *d, enum way *ret_way) {
        char full[PATH_MAX + 4];
        if (strncmp(path, "/sys/", 5) == 0)
                path += 4;
        if (strncmp(path, "/devices/", 9) != 0 || strstr(path, "/..") || strlen(path) >= PATH_MAX)
                return -EINVAL;
        (void) snprintf(full, sizeof full, "sys%s", path);
        *d = (struct device){ .root = root, .path = path, .name = strrchr(path, '/') + 1 };
        d->fd = root_openat(root, full, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        if (d->fd < 0)
                return d->fd;
        int r = link_name(d->fd, "subsystem", d->subsystem, sizeof d->subsystem);
        for (size_t i = 0; r == 0 && i < sizeof buses / sizeof *buses; i++)
                if (strcmp(buses[i].subsystem, d->subsystem) == 0 &&
                    (!buses[i].name || strchr(buses[i].name, d->name[0]))) {
                        *ret_way = buses[i].way;
                        return 0;
                }
        return r < 0 ? r : 1;
}

static int run_device(const struct root *root, const char *path, bool only_open) {
        struct device d = { .fd = -1 };
        enum way way;
        int r = look(root, path, &d, &way);
        CLEANUP(close_p) int fd = d.fd;
        (void) fd; /* closed at the end */
        if (r != 0)
                return r < 0 ? r : 0;
        enum door_state state = state_of(&d);
        if (only_open && state == DOOR_SHUT)
                return 0;
        /* A driver of the machine's own that somebody took away, on a bus that binds by itself, stays away. */
        if (state != DOOR_MACHINE || (way == WAY_DRIVER && strcmp(d.subsystem, "serial") != 0))
                r = hold(&d, way, state != DOOR_SHUT);
        if (!only_open)
                (void) printf("SEKISHO_DOOR=%s\n", state == DOOR_SHUT ? "shut" : "open");
        return r;
}

static int run_driver(const struct root *root, const char *path) {
        char bus[64];
        const char *name = strncmp(path, "/bus/", 5) == 0 ? path + 5 : "";
        (void) snprintf(bus, sizeof bus, "sys/bus/%.*s/devices", (int) strcspn(name, "/"), name);
        int directory = root_openat(root, bus, O_RDONLY | O_DIRECTORY, 0);
        DIR *list = directory < 0 ? NULL : fdopendir(directory);
        if (!list) {
                close_p(&directory);
                return -ENOENT;
        }
        for (const struct dirent *e; (e = readdir(list));) {
                char target[PATH_MAX];
                ssize_t n = e->d_name[0] == '.' ? -1 : readlinkat(directory, e->d_name, target, sizeof target - 1);
                if (n < 0)
                        continue;
                target[n] = '\0';
                const char *devices = strstr(target, "/devices/");
                if (devices)
                        (void) run_device(root, devices, true);
        }
        (void) closedir(list);
        return 0;
}

int main(int argc, char **argv) {
        const char *root_path = "/";
        if (argc > 3 && strcmp(argv[1], "--root") == 0) {
                root_path = argv[2];
                argv += 2;
                argc -= 2;
        }
        struct root root;
        if (root_open(root_path, &root) < 0)
                return 1;
        int r = -EINVAL;
        if (argc == 3 && strcmp(argv[1], "device") == 0)
                r = run_device(&root, argv[2], false);
        else if (argc == 3 && strcmp(argv[1], "driver") == 0)
                r = run_driver(&root, argv[2]);
        else
                (void) fputs("Usage: sekisho-door [--root DIR] device SYSPATH | driver SYSPATH\n", stderr);
        if (r < 0)
                (void) fprintf(stderr, "sekisho-door: %s\n", strerrordesc_np(-r));
        root_close(&root);
        return r < 0 ? 1 : 0;
}
