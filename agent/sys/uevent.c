/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uevent.h"

#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A hub with 100 devices behind it, several events each, while we are stopped: far below this. */
#define RECEIVE_BUFFER (16 * 1024 * 1024)

/* `change` of a USB device is left out on purpose: anybody who may write to a device's uevent file makes one, and
 * kernel 5.9 sends them for reasons of its own. Of a disk it tells that the medium is another, of a Thunderbolt device
 * that somebody authorised it. bind and unbind are
 * other drivers' business; a USB interface comes and goes with its device. */
static const struct source {
        const char *subsystem, *devtype; /* devtype NULL: any */
        const char *watched;             /* on a fake machine */
        bool changes;
} sources[UEVENT_DEVICES_MAX] = {
        [UEVENT_USB_DEVICES] = { "usb", "usb_device", "sys/bus/usb/devices", false },
        [UEVENT_BLOCK_DEVICES] = { "block", NULL, "sys/block", true },
        [UEVENT_SCSI_DEVICES] = { "scsi", "scsi_device", "sys/bus/scsi/devices", false },
        [UEVENT_MMC_DEVICES] = { "mmc", NULL, "sys/bus/mmc/devices", false },
        [UEVENT_SDIO_DEVICES] = { "sdio", NULL, "sys/bus/sdio/devices", false },
        [UEVENT_PCI_DEVICES] = { "pci", NULL, "sys/bus/pci/devices", false },
        [UEVENT_SERIAL_DEVICES] = { "serial", NULL, "sys/bus/serial/devices", false },
        [UEVENT_THUNDERBOLT_DEVICES] = { "thunderbolt", "thunderbolt_device", "sys/bus/thunderbolt/devices", true },
};

struct uevent_monitor {
        struct udev *udev;
        struct udev_monitor *monitor;
        int inotify;
        int watched; /* the directory that inotify watches */
        sd_event_source *source;
        const struct source *devices;
        void (*callback)(enum uevent_kind kind, const char *name, void *userdata);
        void *userdata;
};

DEFINE_FREEP(struct uevent_monitor, uevent_monitor_free)

static const char *const ACTIONS[] = { "add", "remove", "move", "online", "offline" };

static bool action_counts(const struct source *devices, const char *action) {
        if (action && strcmp(action, "change") == 0)
                return devices->changes;
        for (size_t i = 0; action && i < sizeof ACTIONS / sizeof *ACTIONS; i++)
                if (strcmp(action, ACTIONS[i]) == 0)
                        return true;
        return false;
}

static int on_udev(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct uevent_monitor *m = userdata;
        (void) s;
        (void) fd;
        (void) revents;

        /* One message for each turn of the loop, so that a storm cannot keep workers' answers waiting. */
        errno = 0;
        struct udev_device *device = udev_monitor_receive_device(m->monitor);
        if (!device) {
                if (errno == ENOBUFS)
                        m->callback(UEVENT_LOST, NULL, m->userdata);
                return 0;
        }
        const char *name = udev_device_get_sysname(device);
        if (name && action_counts(m->devices, udev_device_get_action(device)))
                m->callback(UEVENT_LOOK, name, m->userdata);
        (void) udev_device_unref(device);
        return 0;
}

static int on_inotify(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct uevent_monitor *m = userdata;
        (void) s;
        (void) revents;

        _Alignas(struct inotify_event) char buffer[4096];
        bool lost = false;
        for (;;) {
                ssize_t n = read(fd, buffer, sizeof buffer);
                if (n <= 0)
                        break;
                for (char *p = buffer; p < buffer + n;) {
                        struct inotify_event e;
                        memcpy(&e, p, sizeof e);
                        lost = lost || (e.mask & IN_Q_OVERFLOW);
                        p += sizeof e + e.len;
                }
        }
        m->callback(lost ? UEVENT_LOST : UEVENT_LOOK_AT_ALL, NULL, m->userdata);
        return 0;
}

static int open_udev(struct uevent_monitor *m, sd_event *event) {
        m->udev = udev_new();
        if (!m->udev)
                return -ENOMEM;
        m->monitor = udev_monitor_new_from_netlink(m->udev, "kernel");
        if (!m->monitor)
                return -ENOMEM;

        int r = udev_monitor_filter_add_match_subsystem_devtype(m->monitor, m->devices->subsystem, m->devices->devtype);
        if (r < 0)
                return r;
        /* Needs CAP_NET_ADMIN for more than the system's limit; a smaller buffer only means a rescan sooner. */
        (void) udev_monitor_set_receive_buffer_size(m->monitor, RECEIVE_BUFFER);
        r = udev_monitor_enable_receiving(m->monitor);
        if (r < 0)
                return r;
        return sd_event_add_io(event, &m->source, udev_monitor_get_fd(m->monitor), EPOLLIN, on_udev, m);
}

static int open_inotify(struct uevent_monitor *m, sd_event *event, const struct root *root) {
        m->watched = root_openat(root, m->devices->watched, O_RDONLY | O_DIRECTORY, 0);
        if (m->watched < 0)
                return m->watched;
        m->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (m->inotify < 0)
                return -errno;

        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", m->watched);
        if (inotify_add_watch(m->inotify, path, IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR) < 0)
                return -errno;
        return sd_event_add_io(event, &m->source, m->inotify, EPOLLIN, on_inotify, m);
}

int uevent_monitor_new(sd_event *event, const struct root *root, enum uevent_devices devices, bool use_udev,
                       void (*callback)(enum uevent_kind kind, const char *name, void *userdata), void *userdata,
                       struct uevent_monitor **ret) {
        CLEANUP(uevent_monitor_freep) struct uevent_monitor *m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        m->inotify = m->watched = -1;
        m->devices = &sources[devices];
        m->callback = callback;
        m->userdata = userdata;

        int r = use_udev ? open_udev(m, event) : open_inotify(m, event, root);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

struct uevent_monitor *uevent_monitor_free(struct uevent_monitor *m) {
        if (!m)
                return NULL;
        (void) sd_event_source_disable_unref(m->source);
        (void) udev_monitor_unref(m->monitor);
        (void) udev_unref(m->udev);
        close_p(&m->inotify);
        close_p(&m->watched);
        free(m);
        return NULL;
}
