/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel events about USB devices, disks, and devices of other buses. The one file that uses libudev.
 *
 * Owned by agent/sys; used by guards. Events are hints, never facts: the listener looks for itself. On the real machine
 * they come from the kernel's own group (not udevd's, which is later); on a fake machine from
 * inotify on the directory where they have their names, which tells only that something changed.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/file.h"

enum uevent_kind {
        UEVENT_LOOK,        /* look at this one device: it came, went, or was renamed */
        UEVENT_LOOK_AT_ALL, /* no name: something changed */
        UEVENT_LOST,        /* the kernel dropped events (ENOBUFS): look at all, and say so */
};

enum uevent_devices {
        UEVENT_USB_DEVICES,    /* names as in sys/bus/usb/devices */
        UEVENT_BLOCK_DEVICES,  /* disks and partitions, names as in sys/class/block; also when a medium was changed */
        UEVENT_SCSI_DEVICES,   /* names as in sys/bus/scsi/devices: hosts and targets, too */
        UEVENT_MMC_DEVICES,    /* sys/bus/mmc/devices */
        UEVENT_SDIO_DEVICES,   /* sys/bus/sdio/devices */
        UEVENT_PCI_DEVICES,    /* sys/bus/pci/devices */
        UEVENT_SERIAL_DEVICES, /* sys/bus/serial/devices: what hangs on a UART of the board */
        UEVENT_THUNDERBOLT_DEVICES, /* sys/bus/thunderbolt/devices; also when something was authorised */
        UEVENT_DEVICES_MAX,
};

struct uevent_monitor;

/* callback: name is borrowed, "1-2"; NULL unless UEVENT_LOOK. use_udev: on the real machine.
 * Monitors of one event loop share a socket; none may be made or freed from within a callback.
 * 0; -errno: there are no events to be had (the slow tick remains). *ret: owned by the caller. */
int uevent_monitor_new(sd_event *event, const struct root *root, enum uevent_devices devices, bool use_udev,
                       void (*callback)(enum uevent_kind kind, const char *name, void *userdata), void *userdata,
                       struct uevent_monitor **ret);
struct uevent_monitor *uevent_monitor_free(struct uevent_monitor *m); /* NULL allowed */
