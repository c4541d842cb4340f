/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_device.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/usbdesc.h"
#include "digest/digest.h"
#include "sys/sysfs.h"

#define USBFS_MAJOR   189
#define STRINGS_USEC  100000u /* a healthy device's lock is held for far less */
#define USBFS_DEV     "189:"
#define BUS_DEVICES   128u /* numbers of one bus, from 1 on */
#define DEVNUM_MAX    127u
#define MINOR_MAX     0xfffffu /* as the kernel has it (kdev_t.h) */
#define VHCI_DRIVER   "vhci_hcd"
#define ROOT_HUB_NAME "usb"

static const char *skip_digits(const char *p) {
        while (isdigit((unsigned char) *p))
                p++;
        return p;
}

bool usb_name_is_device(const char *name) {
        if (strlen(name) >= USB_NAME_MAX)
                return false;
        if (strncmp(name, ROOT_HUB_NAME, strlen(ROOT_HUB_NAME)) == 0) {
                const char *digits = name + strlen(ROOT_HUB_NAME);
                return *digits && *skip_digits(digits) == '\0';
        }

        const char *p = skip_digits(name);
        if (p == name || *p != '-')
                return false;
        do { /* over '-' or '.' */
                const char *digits = p + 1;
                p = skip_digits(digits);
                if (p == digits)
                        return false;
        } while (*p == '.');
        return *p == '\0';
}

bool usb_name_parent(const char *name, char ret[USB_NAME_MAX]) {
        const char *dot = strrchr(name, '.');
        const char *dash = strchr(name, '-');
        if (!dash)
                return false;
        if (dot)
                (void) snprintf(ret, USB_NAME_MAX, "%.*s", (int) (dot - name), name);
        else
                (void) snprintf(ret, USB_NAME_MAX, ROOT_HUB_NAME "%.*s", (int) (dash - name), name);
        return true;
}

static int open_device(const struct root *root, const char *name) {
        char path[sizeof USB_DEVICES + USB_NAME_MAX];
        (void) snprintf(path, sizeof path, USB_DEVICES "/%s", name);
        return sysfs_open_directory(root, path);
}

/* Devices of a virtual controller (usbip) come over the network, whatever they look like. */
static enum bus find_bus(int fd) {
        char path[64], target[PATH_MAX];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)
                return BUS_USB;
        target[n] = '\0';

        for (const char *p = strstr(target, "/" VHCI_DRIVER); p; p = strstr(p + 1, "/" VHCI_DRIVER)) {
                char next = p[1 + strlen(VHCI_DRIVER)];
                if (next == '.' || next == '/' || next == '\0')
                        return BUS_VHCI;
        }
        return BUS_USB;
}

/* "189:N", N as the node has it: the same numbers as busnum and devnum, in one file (drivers/usb/core/usb.h). */
static int read_address(struct usb_device *d) {
        char line[24] = "";
        ssize_t n = sysfs_read_line_at(d->fd, "dev", line, sizeof line - 1);
        if (n < 0)
                return n == -EFBIG ? -EBADMSG : (int) n;
        char *end = NULL;
        const char *digits = strncmp(line, USBFS_DEV, sizeof USBFS_DEV - 1) == 0 ? line + sizeof USBFS_DEV - 1 : "";
        unsigned long number = isdigit((unsigned char) *digits) ? strtoul(digits, &end, 10) : MINOR_MAX + 1;
        if (number > MINOR_MAX || *end || number % BUS_DEVICES >= DEVNUM_MAX)
                return -EBADMSG;
        d->identity.busnum = (uint32_t) number / BUS_DEVICES + 1;
        d->identity.devnum = (uint32_t) number % BUS_DEVICES + 1;
        return 0;
}

static int read_identity(struct usb_device *d) {
        int r = read_address(d);
        if (r < 0)
                return r;

        struct stat st;
        if (fstat(d->fd, &st) < 0)
                return -errno;
        d->identity.inode = st.st_ino;
        return 0;
}

static void take_descriptors(struct device_facts *f, const struct usbdesc *u) {
        f->descriptors_valid = true;
        f->vendor = u->vendor;
        f->product = u->product;
        f->n_interfaces = u->n_interfaces;
        memcpy(f->interfaces, u->interfaces, sizeof f->interfaces);
}

/* As the kernel understood them, of a device whose descriptors do not hold together: it is blocked, but has a name. */
static int read_numbers(struct usb_device *d) {
        uint32_t vendor = 0, product = 0;
        int r = sysfs_read_number_at(d->fd, "idVendor", 16, UINT16_MAX, &vendor);
        if (r == 0)
                r = sysfs_read_number_at(d->fd, "idProduct", 16, UINT16_MAX, &product);
        d->facts.vendor = (uint16_t) vendor;
        d->facts.product = (uint16_t) product;
        return r;
}

static int read_descriptors(struct usb_device *d) {
        struct device_facts *f = &d->facts;
        CLEANUP(free_p) uint8_t *bytes = malloc(USBDESC_MAX + 1);
        if (!bytes)
                return -ENOMEM;
        ssize_t n = sysfs_read_at(d->fd, "descriptors", bytes, USBDESC_MAX);
        if (n == -EFBIG)
                return read_numbers(d); /* descriptors_valid stays false: blocked, and not to be asked again */
        if (n < 0)
                return (int) n;
        if (n == 0)
                return -EAGAIN;

        digest_sha256(bytes, (size_t) n, f->digest);
        f->has_digest = true;
        memcpy(d->identity.digest, f->digest, DIGEST_SIZE);

        struct usbdesc u;
        if (usbdesc_parse(bytes, (size_t) n, &u) != USBDESC_OK)
                return read_numbers(d);
        take_descriptors(f, &u);
        return 0;
}

/* A file that is not there, or says nothing yet, belongs to a device that is being built (or torn down). */
static int incomplete(int error) {
        return error == -ENOENT || error == -ENODEV || error == -EBADMSG ? -EAGAIN : error;
}

/* Whether the hub is there. */
static int look_for_hub(const struct root *root, const char *name) {
        char parent[USB_NAME_MAX];
        if (!usb_name_parent(name, parent))
                return 0;
        CLEANUP(close_p) int fd = open_device(root, parent);
        return fd < 0 ? fd : 0;
}

int usb_device_look(const struct root *root, const char *name, const struct usb_device *hub, struct usb_device *ret) {
        *ret = (struct usb_device){ .fd = -1 };
        (void) snprintf(ret->name, sizeof ret->name, "%s", name);
        (void) snprintf(ret->facts.port, sizeof ret->facts.port, "%s", name);

        ret->fd = open_device(root, name);
        if (ret->fd < 0)
                return ret->fd == -ENOTDIR || ret->fd == -ELOOP ? -ENOENT : ret->fd;

        int r = hub ? 0 : look_for_hub(root, name);
        if (r < 0)
                return incomplete(r);
        ret->facts.is_root_hub = strncmp(name, ROOT_HUB_NAME, strlen(ROOT_HUB_NAME)) == 0;
        ret->facts.bus = hub ? hub->facts.bus : find_bus(ret->fd);
        r = read_identity(ret);
        if (r == 0)
                r = read_descriptors(ret);
        if (r == 0 && faccessat(ret->fd, "authorized", F_OK, 0) < 0)
                r = -errno;
        return incomplete(r);
}

/* Exactly what the device said, but for the newline that sysfs adds. Absent: "". */
static int read_text(int fd, const char *name, char *buffer, size_t cap) {
        ssize_t n = sysfs_read_at(fd, name, buffer, cap);
        if (n == -ENOENT) {
                buffer[0] = '\0';
                return 0;
        }
        if (n < 0)
                return n == -EINTR ? -EAGAIN : (int) n;
        if (n > 0 && buffer[n - 1] == '\n')
                buffer[n - 1] = '\0';
        return 0;
}

int usb_device_read_strings(struct usb_device *d) {
        char manufacturer[DEVICE_TEXT_MAX + 1] = "", product[DEVICE_TEXT_MAX + 1] = "",
                                            serial[DEVICE_TEXT_MAX + 1] = "";
        sysfs_patience_begin(STRINGS_USEC);
        int r = read_text(d->fd, "serial", serial, DEVICE_TEXT_MAX);
        if (r == 0)
                r = read_text(d->fd, "manufacturer", manufacturer, DEVICE_TEXT_MAX);
        if (r == 0)
                r = read_text(d->fd, "product", product, DEVICE_TEXT_MAX);
        sysfs_patience_end();
        if (r == -EFBIG || (r == 0 && strlen(serial) >= DEVICE_TEXT_MAX)) {
                /* No USB string is that long; a serial that is cut off could pass for another's. */
                d->facts.descriptors_valid = false;
                return 0;
        }
        if (r < 0)
                return r;

        memcpy(d->facts.serial, serial, sizeof d->facts.serial);
        /* For people only, so that a name may be cut. */
        char name[2 * (DEVICE_TEXT_MAX + 1)] = "";
        (void) snprintf(name, sizeof name, "%s%s%s", manufacturer, *manufacturer && *product ? " " : "", product);
        memcpy(d->facts.name, name, sizeof d->facts.name - 1);
        d->facts.name[sizeof d->facts.name - 1] = '\0';
        return 0;
}

bool usb_identity_same(const struct usb_identity *a, const struct usb_identity *b) {
        return a->busnum == b->busnum && a->devnum == b->devnum && a->inode == b->inode &&
               memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

int usb_device_state(const struct usb_device *d, const struct interface_list *listed, struct usb_state *ret) {
        uint32_t authorized;
        int r = sysfs_read_number_at(d->fd, "authorized", 10, 1, &authorized);
        if (r < 0)
                return r;
        struct usb_state state = { .authorized = authorized == 1 };
        /* No configuration, no interfaces to tell apart. */
        static const struct interface_list all = { .n = 0 };
        r = usb_interfaces_read(d->fd, authorized ? listed : &all, &state.interfaces);
        if (r < 0)
                return r;
        *ret = state;
        return 0;
}

int usb_device_open_node(const struct root *root, const struct usb_device *d) {
        char path[64];
        (void) snprintf(path, sizeof path, "dev/bus/usb/%03u/%03u", d->identity.busnum, d->identity.devnum);
        CLEANUP(close_p) int fd = root_openat(root, path, O_PATH | O_NOFOLLOW, 0);
        if (fd < 0)
                return fd;

        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        unsigned number = (d->identity.busnum - 1) * BUS_DEVICES + d->identity.devnum - 1;
        if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != USBFS_MAJOR || minor(st.st_rdev) != number)
                return -ENXIO;
        return TAKE_FD(fd);
}

void usb_device_clear(struct usb_device *d) {
        close_p(&d->fd);
        d->fd = -1;
}
