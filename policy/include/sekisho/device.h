/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a device is, as plain data: buses, classes, interface triples, and the keyboard floor.
 *
 * Owned by the policy library; header-only parts serve the floor helper, which links nothing else.
 * Class codes: USB-IF "Defined Class Codes"; subclasses from the class specifications (CDC 1.2 table 4,
 * Mass Storage Overview 1.4 table 1, HID 1.11 section 4.2, Still Image 1.0); PCI Code and ID Assignment Specification
 * 1.12; peripheral device types of SPC-4 table 139; SDIO simplified specification 3.00 table 6-4.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bus {
        BUS_USB,
        BUS_MMC,
        BUS_ATA,
        BUS_SCSI,
        BUS_NVME,
        BUS_THUNDERBOLT,
        BUS_FIREWIRE,
        BUS_PCI,
        BUS_BLUETOOTH,
        BUS_VHCI,
        BUS_FLOPPY,
        BUS_MAX,
        BUS_INVALID = -22,
};

/* Bit numbers of a class mask. Order is the order of policy.md. */
enum device_class {
        CLASS_HUB,
        CLASS_KEYBOARD,
        CLASS_MOUSE,
        CLASS_HID,
        CLASS_STORAGE,
        CLASS_OPTICAL,
        CLASS_PHONE,
        CLASS_PRINTER,
        CLASS_CAMERA,
        CLASS_AUDIO,
        CLASS_VIDEO,
        CLASS_NETWORK,
        CLASS_BLUETOOTH,
        CLASS_SERIAL,
        CLASS_MODEM,
        CLASS_SMARTCARD,
        CLASS_VENDOR,
        CLASS_MAX,
        CLASS_INVALID = -22,
};
#define CLASS_BIT(c) (UINT32_C(1) << (c))

/* What a device says that it is, in its bus's own codes:
 *   usb, vhci        class, subclass and protocol of an interface
 *   pci, nvme        the class code: base class, subclass, programming interface
 *   ata, scsi        peripheral device type, 0, 0; and so firewire, which disks come by
 *   mmc              0, 0, 0: a memory card; 1, the class of an SDIO function, 0
 *   the others       0, 0, 0: the bus says it all */
struct interface_triple {
        uint8_t class, subclass, protocol;
};

#define DEVICE_INTERFACES_MAX 64  /* distinct triples; a device with more is never matched by a rule */
#define DEVICE_TEXT_MAX       384 /* a USB string is at most 126 UTF-16 units = 378 bytes of UTF-8 */
#define DEVICE_KNOWN_AS_MAX   128
#define DIGEST_SIZE           32 /* SHA-256 */

/* One device. Fixed size, no pointers: may be copied, sent through a pipe, kept. */
struct device_facts {
        enum bus bus;
        uint16_t vendor, product;
        char serial[DEVICE_TEXT_MAX];       /* "" = none; bytes as the device gave them, NUL-terminated */
        char name[DEVICE_TEXT_MAX];         /* for people only; never used to decide */
        char known_as[DEVICE_KNOWN_AS_MAX]; /* "" or what the system's hardware database calls it; for people only */
        char port[64];                      /* "1-2.3" */
        char node[64]; /* "sda": what of it this is about; "" = the device itself. Not used to decide */
        struct interface_triple interfaces[DEVICE_INTERFACES_MAX]; /* distinct; all configurations and alternates */
        uint16_t n_interfaces;
        bool descriptors_valid; /* false: truncated, lengths that lie, too many interfaces, readers disagree; no rule is
                                 * asked then. True on buses that have no descriptors. */
        bool has_digest;
        uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the raw descriptors file */
        bool present_at_boot;
        bool returned; /* went and came back since, within moments, on its port. Not used to decide */
        bool is_root_hub;
};

/* Classes that an interface on that bus may count as: usually one bit. CDC data interfaces (0x0a) carry no meaning
 * of their own and count as whatever their control interface may be: network, modem and serial.
 * Unknown codes are CLASS_VENDOR. Never 0. */
uint32_t interface_classes(enum bus bus, struct interface_triple t);

/* Union over all interfaces: what the device can be. 0 when it has none. For display and lint. */
uint32_t device_classes(const struct device_facts *d);

static inline bool bus_is_usb(enum bus b) {
        return b == BUS_USB || b == BUS_VHCI;
}

/* Part of the floor: a keyboard may hang on it. Bridges and USB controllers are to PCI what hubs are to USB: what is
 * behind them is judged on its own. */
static inline bool interface_is_hub(enum bus bus, struct interface_triple t) {
        if (bus_is_usb(bus))
                return t.class == 0x09;
        return bus == BUS_PCI && ((t.class == 0x06 && t.subclass == 0x04) || (t.class == 0x0c && t.subclass == 0x03));
}

/* The keyboard floor (devices.md): code, not policy. True when every interface is a hub's (hub), or every
 * interface is HID (hid). A device without interfaces, or with descriptors that do not hold together, is neither. */
static inline bool device_is_hub_only(const struct device_facts *d) {
        if (!d->descriptors_valid || d->n_interfaces == 0 || d->n_interfaces > DEVICE_INTERFACES_MAX)
                return false;
        for (size_t i = 0; i < d->n_interfaces; i++)
                if (!interface_is_hub(d->bus, d->interfaces[i]))
                        return false;
        return true;
}

static inline bool device_is_hid_only(const struct device_facts *d) {
        if (!d->descriptors_valid || d->n_interfaces == 0 || d->n_interfaces > DEVICE_INTERFACES_MAX ||
            !bus_is_usb(d->bus))
                return false;
        for (size_t i = 0; i < d->n_interfaces; i++)
                if (d->interfaces[i].class != 0x03)
                        return false;
        return true;
}

/* Whether it could type once those of its interfaces are open whose bits are set (as in a verdict; 0 = all). What an
 * interface of class HID sends is up to its report descriptor, whatever its subclass says: a "mouse" may have keys. */
static inline bool device_can_type(const struct device_facts *d, uint64_t interfaces) {
        for (size_t i = 0; bus_is_usb(d->bus) && i < d->n_interfaces && i < DEVICE_INTERFACES_MAX; i++)
                if (d->interfaces[i].class == 0x03 && (interfaces == 0 || (interfaces >> i & 1)))
                        return true;
        return false;
}

/* Names as policy files and records use them; from one table each. _from_name: BUS_INVALID / CLASS_INVALID if
 * unknown. */
const char *bus_name(enum bus b);
enum bus bus_from_name(const char *s);
const char *class_name(enum device_class c);
enum device_class class_from_name(const char *s);
