/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uevent.h"

#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "uevent_message.h"

/* A hub with 100 devices behind it, several events each, while we are stopped: far below this. */
#define RECEIVE_BUFFER (16 * 1024 * 1024)
/* The kernel's own limits (include/linux/kobject.h): 2048 bytes of strings, behind a path that they hold once more. */
#define MESSAGE_MAX 8192

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

/* The kernel tells each socket of its group everything, so that a socket for each kind would wake us for all the
 * others' events: one for each event loop, whoever listens on it. libudev makes the socket, but what comes is read
 * here: a device object for each message, most of which concern nobody, took a millisecond and more of each plugged
 * device's way on a slow machine. */
struct feed {
        struct feed *next;
        unsigned users;
        sd_event *event;
        struct udev *udev;
        struct udev_monitor *monitor;
        sd_event_source *source;
        struct uevent_monitor *listeners;
};

static struct feed *feeds;

struct uevent_monitor {
        struct feed *feed; /* NULL: on a fake machine */
        struct uevent_monitor *next;
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
        if (strcmp(action, "change") == 0)
                return devices->changes;
        for (size_t i = 0; i < sizeof ACTIONS / sizeof *ACTIONS; i++)
                if (strcmp(action, ACTIONS[i]) == 0)
                        return true;
        return false;
}

static bool is_of(const struct source *devices, const struct uevent_message *m) {
        return strcmp(m->subsystem, devices->subsystem) == 0 &&
               (!devices->devtype || (m->devtype && strcmp(m->devtype, devices->devtype) == 0));
}

/* The next message of the kernel's: its length; 0: nothing, or from somebody else (only the kernel has port 0,
 * netlink(7)); -ENOBUFS: some were lost, or one was longer than the kernel makes them. */
static ssize_t receive(int fd, char *buffer, size_t cap) {
        struct sockaddr_nl from = { .nl_pid = 1 };
        struct iovec iov = { .iov_base = buffer, .iov_len = cap };
        struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
        if (n < 0)
                return errno == ENOBUFS ? -ENOBUFS : 0;
        if (message.msg_namelen != sizeof from || from.nl_pid != 0)
                return 0;
        return message.msg_flags & MSG_TRUNC ? -ENOBUFS : n;
}

static int on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct feed *f = userdata;
        (void) s;
        (void) revents;

        /* One message for each turn of the loop, so that a storm cannot keep workers' answers waiting. */
        char buffer[MESSAGE_MAX];
        struct uevent_message message;
        ssize_t n = receive(fd, buffer, sizeof buffer);
        if (n >= 0 && !uevent_message_parse(buffer, (size_t) n, &message))
                return 0;
        for (const struct uevent_monitor *m = f->listeners; m; m = m->next)
                if (n < 0)
                        m->callback(UEVENT_LOST, NULL, m->userdata);
                else if (is_of(m->devices, &message) && action_counts(m->devices, message.action))
                        m->callback(UEVENT_LOOK, message.name, m->userdata);
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

static struct feed *feed_unref(struct feed *f) {
        if (!f || --f->users > 0)
                return NULL;
        for (struct feed **at = &feeds; *at; at = &(*at)->next)
                if (*at == f) {
                        *at = f->next;
                        break;
                }
        (void) sd_event_source_disable_unref(f->source);
        (void) udev_monitor_unref(f->monitor);
        (void) udev_unref(f->udev);
        (void) sd_event_unref(f->event);
        free(f);
        return NULL;
}
DEFINE_FREEP(struct feed, feed_unref)

static int feed_new(sd_event *event, struct feed **ret) {
        CLEANUP(feed_unrefp) struct feed *f = calloc(1, sizeof *f);
        if (!f)
                return -ENOMEM;
        f->users = 1;
        f->event = sd_event_ref(event);
        f->udev = udev_new();
        if (!f->udev)
                return -ENOMEM;
        f->monitor = udev_monitor_new_from_netlink(f->udev, "kernel");
        if (!f->monitor)
                return -ENOMEM;

        /* Needs CAP_NET_ADMIN for more than the system's limit; a smaller buffer only means a rescan sooner. */
        (void) udev_monitor_set_receive_buffer_size(f->monitor, RECEIVE_BUFFER);
        int r = udev_monitor_enable_receiving(f->monitor);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &f->source, udev_monitor_get_fd(f->monitor), EPOLLIN, on_message, f);
        if (r < 0)
                return r;
        f->next = feeds;
        *ret = feeds = TAKE_PTR(f);
        return 0;
}

static int listen_to(struct uevent_monitor *m, sd_event *event) {
        struct feed *f = feeds;
        while (f && f->event != event)
                f = f->next;
        if (f)
                f->users++;
        else {
                int r = feed_new(event, &f);
                if (r < 0)
                        return r;
        }
        m->feed = f;
        struct uevent_monitor **last = &f->listeners;
        while (*last)
                last = &(*last)->next;
        *last = m;
        return 0;
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

        int r = use_udev ? listen_to(m, event) : open_inotify(m, event, root);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

struct uevent_monitor *uevent_monitor_free(struct uevent_monitor *m) {
        if (!m)
                return NULL;
        for (struct uevent_monitor **at = m->feed ? &m->feed->listeners : NULL; at && *at; at = &(*at)->next)
                if (*at == m) {
                        *at = m->next;
                        break;
                }
        (void) feed_unref(m->feed);
        (void) sd_event_source_disable_unref(m->source);
        close_p(&m->inotify);
        close_p(&m->watched);
        free(m);
        return NULL;
}
