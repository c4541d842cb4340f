/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus_device.h"

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
#include "digest/digest.h"
#include "sys/sysfs.h"

#define DIGITS          "0123456789"
#define VPD_UNIT_SERIAL 0x80
#define VPD_MAX         1024u

const struct bus_kind bus_kinds[] = {
        { "scsi", "sys/bus/scsi/devices", "sys/bus/scsi", UEVENT_SCSI_DEVICES, true, DIGITS, false },
        { "mmc", "sys/bus/mmc/devices", "sys/bus/mmc", UEVENT_MMC_DEVICES, true, "m", false },
        { "sdio", "sys/bus/sdio/devices", "sys/bus/sdio", UEVENT_SDIO_DEVICES, true, "m", false },
        { "pci", "sys/bus/pci/devices", "sys/bus/pci", UEVENT_PCI_DEVICES, false, NULL, false },
        { "serial", "sys/bus/serial/devices", "sys/bus/serial", UEVENT_SERIAL_DEVICES, false, "s", true },
        { "thunderbolt", "sys/bus/thunderbolt/devices", "sys/bus/thunderbolt", UEVENT_THUNDERBOLT_DEVICES, false,
          DIGITS, false },
};
const size_t n_bus_kinds = sizeof bus_kinds / sizeof *bus_kinds;

/* A virtio device is part of its PCI device. */
const char *const bus_closed_too[] = { "sys/bus/virtio" };
const size_t n_bus_closed_too = sizeof bus_closed_too / sizeof *bus_closed_too;

const struct bus_kind *bus_kind_of(const char *subsystem) {
        for (size_t i = 0; i < n_bus_kinds; i++)
                if (strcmp(bus_kinds[i].subsystem, subsystem) == 0)
                        return &bus_kinds[i];
        return NULL;
}

bool bus_name_is_device(const struct bus_kind *k, const char *name) {
        char door[DOOR_NAME_MAX];
        return (!k->first || (*name && strchr(k->first, *name))) && door_name(k->subsystem, name, door);
}

/* ---- facts ---- */

static void read_text(const struct bus_device *d, const char *file, char *ret, size_t size) {
        if (sysfs_read_line_at(d->fd, file, ret, size - 1) < 0)
                ret[0] = '\0';
}

/* "0x8086", "0x010802". */
static uint32_t read_code(const struct bus_device *d, const char *file) {
        char text[32];
        read_text(d, file, text, sizeof text);
        return (uint32_t) strtoul(text, NULL, 16);
}

static void set_name(struct device_facts *f, const char *maker, const char *model) {
        char text[2 * DEVICE_TEXT_MAX];
        (void) snprintf(text, sizeof text, "%s%s%s", maker, *maker && *model ? " " : "", model);
        memcpy(f->name, text, sizeof f->name - 1);
        f->name[sizeof f->name - 1] = '\0';
}

static void set_digest(struct device_facts *f, const void *bytes, size_t size) {
        f->has_digest = true;
        digest_sha256(bytes, size, f->digest);
}

static void say(struct device_facts *f, unsigned class, unsigned subclass, unsigned protocol) {
        f->interfaces[0] = (struct interface_triple){ (uint8_t) class, (uint8_t) subclass, (uint8_t) protocol };
        f->n_interfaces = 1;
}

bool bus_unit_serial(const uint8_t *page, size_t size, char *ret, size_t ret_size) {
        ret[0] = '\0';
        if (size < 4)
                return size == 0;
        size_t length = (size_t) page[2] << 8 | page[3];
        if (page[1] != VPD_UNIT_SERIAL || length > size - 4)
                return false;
        const uint8_t *from = page + 4, *end = from + length;
        while (from < end && *from == ' ')
                from++;
        while (end > from && (end[-1] == ' ' || end[-1] == '\0'))
                end--;
        size_t n = (size_t) (end - from);
        if (n >= ret_size || (n > 0 && memchr(from, '\0', n)))
                return false; /* what is cut off could pass for another's */
        memcpy(ret, from, n);
        ret[n] = '\0';
        return true;
}

static void read_unit_serial(struct bus_device *d) {
        uint8_t page[VPD_MAX + 1];
        ssize_t n = sysfs_read_at(d->fd, "vpd_pg80", page, VPD_MAX);
        if (n != -ENOENT && (n < 0 || !bus_unit_serial(page, (size_t) n, d->facts.serial, sizeof d->facts.serial)))
                d->facts.descriptors_valid = false;
}

static void read_scsi(struct bus_device *d, const char *path) {
        char maker[64], model[64], type[16];
        unsigned char inquiry[512 + 1];
        read_text(d, "vendor", maker, sizeof maker);
        read_text(d, "model", model, sizeof model);
        read_text(d, "type", type, sizeof type);
        set_name(&d->facts, maker, model);
        d->facts.bus = strstr(path, "/ata") ? BUS_ATA : strstr(path, "/fw") ? BUS_FIREWIRE : BUS_SCSI;
        say(&d->facts, (unsigned) strtoul(type, NULL, 10), 0, 0);
        read_unit_serial(d);
        ssize_t n = sysfs_read_at(d->fd, "inquiry", inquiry, sizeof inquiry - 1);
        if (n > 0)
                set_digest(&d->facts, inquiry, (size_t) n);
}

/* The card's own register (CID) holds maker, name, revision, serial number and date. */
static void read_mmc(struct bus_device *d, const char *path) {
        char name[64], cid[64], serial[64];
        (void) path;
        read_text(d, "name", name, sizeof name);
        read_text(d, "cid", cid, sizeof cid);
        read_text(d, "serial", serial, sizeof serial);
        d->facts.bus = BUS_MMC;
        d->facts.vendor = (uint16_t) read_code(d, "manfid");
        d->facts.product = (uint16_t) read_code(d, "oemid");
        (void) snprintf(d->facts.serial, sizeof d->facts.serial, "%s", serial);
        set_name(&d->facts, "", name);
        say(&d->facts, 0, 0, 0);
        if (*cid)
                set_digest(&d->facts, cid, strlen(cid));
}

static void read_sdio(struct bus_device *d, const char *path) {
        (void) path;
        d->facts.bus = BUS_MMC;
        d->facts.vendor = (uint16_t) read_code(d, "vendor");
        d->facts.product = (uint16_t) read_code(d, "device");
        say(&d->facts, 1, read_code(d, "class"), 0);
}

static void read_pci(struct bus_device *d, const char *path) {
        (void) path;
        uint32_t class = read_code(d, "class");
        d->facts.vendor = (uint16_t) read_code(d, "vendor");
        d->facts.product = (uint16_t) read_code(d, "device");
        say(&d->facts, class >> 16, class >> 8, class);
        d->facts.bus = class >> 8 == 0x0108 ? BUS_NVME : BUS_PCI;
}

static void read_serial(struct bus_device *d, const char *path) {
        (void) path;
        d->facts.bus = BUS_BLUETOOTH;
        say(&d->facts, 0, 0, 0);
}

static void read_thunderbolt(struct bus_device *d, const char *path) {
        char maker[64], model[64];
        (void) path;
        read_text(d, "vendor_name", maker, sizeof maker);
        read_text(d, "device_name", model, sizeof model);
        set_name(&d->facts, maker, model);
        d->facts.bus = BUS_THUNDERBOLT;
        d->facts.vendor = (uint16_t) read_code(d, "vendor");
        d->facts.product = (uint16_t) read_code(d, "device");
        read_text(d, "unique_id", d->facts.serial, sizeof d->facts.serial);
        say(&d->facts, 0, 0, 0);
}

/* In the order of bus_kinds. */
static void (*const readers[])(struct bus_device *d, const char *path) = {
        read_scsi, read_mmc, read_sdio, read_pci, read_serial, read_thunderbolt,
};

/* ---- looking ---- */

static int find_path(const struct root *root, const struct bus_kind *kind, const char *name, char ret[PATH_MAX]) {
        CLEANUP(close_p) int devices = sysfs_open_directory(root, kind->devices);
        char target[PATH_MAX];
        if (devices < 0)
                return devices;
        ssize_t n = readlinkat(devices, name, target, sizeof target - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        const char *path = strstr(target, "/devices/");
        (void) snprintf(ret, PATH_MAX, "%s", path ? path : "");
        return path ? 0 : -EINVAL;
}

int bus_device_find(const struct root *root, const struct bus_kind *kind, const char *name, struct bus_device *ret) {
        *ret = (struct bus_device){ .kind = kind, .fd = -1 };
        char path[PATH_MAX], link[512];
        struct carrier carrier;
        struct stat st;
        if (!door_name(kind->subsystem, name, ret->door))
                return -EINVAL;
        int r = find_path(root, kind, name, path);
        if (r < 0)
                return r;
        (void) snprintf(link, sizeof link, "%s/%s", kind->devices, name);
        ret->fd = sysfs_open_directory(root, link);
        if (ret->fd < 0)
                return ret->fd;
        if (fstat(ret->fd, &st) < 0)
                return -errno;
        ret->inode = st.st_ino;
        r = carrier_find(root, path, &carrier);
        if (r < 0)
                return r;
        char type[16];
        if (kind->events == UEVENT_MMC_DEVICES && sysfs_read_line_at(ret->fd, "type", type, sizeof type - 1) > 0 &&
            strcmp(type, "SDIO") == 0)
                return -ENODEV; /* its functions are devices of their own */
        ret->is_usb = carrier.bus == CARRIER_USB;
        ret->carried = carrier_is_carried(root, &carrier);
        return 0;
}

int bus_device_read(const struct root *root, const char *name, struct bus_device *d) {
        char path[PATH_MAX];
        int r = find_path(root, d->kind, name, path);
        if (r < 0)
                return r;
        d->facts = (struct device_facts){ .descriptors_valid = true };
        (void) snprintf(d->facts.port, sizeof d->facts.port, "%s", name);
        readers[d->kind - bus_kinds](d, path);
        /* What is read of one that has gone is nobody's. */
        return faccessat(d->fd, "subsystem", F_OK, 0) < 0 && errno != ENOENT ? -errno : 0;
}

void bus_device_hurry(const struct bus_device *d, enum door_state state) {
        if (d->kind->events == UEVENT_PCI_DEVICES && state == DOOR_SHUT && !device_is_hub_only(&d->facts))
                (void) file_write_value_at(d->fd, "driver_override", DOOR_NO_DRIVER);
}

void bus_device_clear(struct bus_device *d) {
        close_p(&d->fd);
        d->fd = -1;
}

int bus_device_state(const struct bus_device *d, bool *ret_open, bool *ret_may_open) {
        char text[64] = "";
        struct stat st;
        if (fstat(d->fd, &st) < 0 || faccessat(d->fd, "uevent", F_OK, 0) < 0)
                return -ENOENT;
        if (d->kind->events == UEVENT_THUNDERBOLT_DEVICES) {
                ssize_t n = sysfs_read_line_at(d->fd, "authorized", text, sizeof text - 1);
                *ret_open = *ret_may_open = n > 0 && strcmp(text, "0") != 0;
                return 0;
        }
        bool has_driver = faccessat(d->fd, "driver", F_OK, 0) == 0;
        *ret_open = has_driver;
        *ret_may_open = has_driver;
        if (d->kind->events == UEVENT_PCI_DEVICES) /* one that nobody has a driver for is open all the same */
                *ret_may_open = sysfs_read_line_at(d->fd, "driver_override", text, sizeof text - 1) < 0 ||
                                strcmp(text, DOOR_NO_DRIVER) != 0;
        return 0;
}
