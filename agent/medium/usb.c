/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A USB stick without a driver: Bulk-Only Transport (USB Mass Storage Class, Bulk-Only Transport 1.0) and as much of
 * SCSI (SPC-3, SBC-2) as reading takes, through usbfs. No command that writes is in here. */
#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "source.h"

#define DESCRIPTORS_MAX 4096u
#define TIMEOUT_MSEC    4000u
#define TRANSFER_MAX    16384u /* usbfs takes so much on every kernel */
#define READY_TRIES     20u
#define LUNS_MAX        8u
#define BUDGET_BYTES    (UINT64_C(64) << 20)
#define CBW_SIZE        31u
#define CSW_SIZE        13u

static struct {
        uint8_t interface, in, out, lun;
        uint32_t tag;
} device;

/* ---- the interface ---- */

/* The first interface of class 08:06:50, alternate setting 0, with one bulk endpoint each way. */
static bool find_interface(const uint8_t *d, size_t size) {
        bool ours = false;
        for (size_t at = 0; at + 2 <= size && d[at] >= 2 && d[at] <= size - at; at += d[at]) {
                if (d[at + 1] == 4 && d[at] >= 9) {
                        if (ours && device.in && device.out)
                                return true;
                        ours = d[at + 3] == 0 && d[at + 5] == 0x08 && d[at + 6] == 0x06 && d[at + 7] == 0x50;
                        device.interface = d[at + 2];
                        device.in = device.out = 0;
                } else if (d[at + 1] == 5 && d[at] >= 7 && ours && (d[at + 3] & 3) == 2) {
                        if (d[at + 2] & 0x80)
                                device.in = d[at + 2];
                        else
                                device.out = d[at + 2];
                }
        }
        return ours && device.in && device.out;
}

int source_claim_usb(int fd, int authorized) {
        uint8_t descriptors[DESCRIPTORS_MAX];
        ssize_t n = pread(fd, descriptors, sizeof descriptors, 0);
        if (n < 0)
                return -errno;
        if (!find_interface(descriptors, (size_t) n))
                return -ENXIO;
        unsigned interface = device.interface;
        if (authorized >= 0 && write(authorized, "1", 1) != 1)
                return -errno;
        return ioctl(fd, USBDEVFS_CLAIMINTERFACE, &interface) < 0 ? -errno : 0;
}

static int bulk(int fd, unsigned endpoint, void *data, unsigned size) {
        struct usbdevfs_bulktransfer t = { .ep = endpoint, .len = size, .timeout = TIMEOUT_MSEC, .data = data };
        int n = ioctl(fd, USBDEVFS_BULK, &t);
        return n < 0 ? -errno : n;
}

static void clear_halt(int fd, unsigned endpoint) {
        (void) ioctl(fd, USBDEVFS_CLEAR_HALT, &endpoint);
}

static unsigned read_luns(int fd) {
        uint8_t max = 0;
        struct usbdevfs_ctrltransfer t = { .bRequestType = 0xa1,
                                           .bRequest = 0xfe,
                                           .wIndex = device.interface,
                                           .wLength = 1,
                                           .timeout = TIMEOUT_MSEC,
                                           .data = &max };
        int n = ioctl(fd, USBDEVFS_CONTROL, &t);
        return n == 1 && max < LUNS_MAX ? max + 1u : 1; /* devices with one may refuse the question */
}

/* ---- commands ---- */

static uint32_t be32(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static int read_status(int fd, uint32_t tag) {
        uint8_t csw[CSW_SIZE];
        int n = bulk(fd, device.in, csw, sizeof csw);
        if (n == -EPIPE) { /* once more, as section 6.7.2 has it */
                clear_halt(fd, device.in);
                n = bulk(fd, device.in, csw, sizeof csw);
        }
        if (n < 0)
                return n;
        uint32_t t = (uint32_t) csw[4] | (uint32_t) csw[5] << 8 | (uint32_t) csw[6] << 16 | (uint32_t) csw[7] << 24;
        if (n != (int) sizeof csw || memcmp(csw, "USBS", 4) != 0 || t != tag)
                return -EPROTO;
        return csw[12] == 0 ? 0 : -EAGAIN; /* the command failed; its sense tells why */
}

/* Bytes that came, or -errno. size: at most TRANSFER_MAX. */
static int command(int fd, const uint8_t *bytes, uint8_t length, void *data, unsigned size) {
        uint32_t tag = ++device.tag;
        uint8_t cbw[CBW_SIZE] = { 'U',
                                  'S',
                                  'B',
                                  'C',
                                  (uint8_t) tag,
                                  (uint8_t) (tag >> 8),
                                  (uint8_t) (tag >> 16),
                                  (uint8_t) (tag >> 24),
                                  (uint8_t) size,
                                  (uint8_t) (size >> 8),
                                  (uint8_t) (size >> 16),
                                  (uint8_t) (size >> 24),
                                  0x80,
                                  device.lun,
                                  length };
        memcpy(cbw + 15, bytes, length);
        int n = bulk(fd, device.out, cbw, sizeof cbw);
        if (n != (int) sizeof cbw)
                return n < 0 ? n : -EPROTO;
        int got = size > 0 ? bulk(fd, device.in, data, size) : 0;
        if (got == -EPIPE) {
                clear_halt(fd, device.in);
                got = 0;
        }
        if (got < 0)
                return got;
        int r = read_status(fd, tag);
        return r < 0 ? r : got;
}

static void pause_briefly(void) {
        const struct timespec t = { .tv_nsec = 200000000 };
        (void) nanosleep(&t, NULL);
}

/* A stick that was just plugged says "not ready" or "has been reset" at first. */
static int wait_ready(int fd) {
        static const uint8_t test[6] = { 0x00 }, sense[6] = { 0x03, 0, 0, 0, 18, 0 };
        for (unsigned i = 0; i < READY_TRIES; i++) {
                int r = command(fd, test, sizeof test, NULL, 0);
                if (r != -EAGAIN)
                        return r < 0 ? r : 0;
                uint8_t answer[18] = { 0 };
                r = command(fd, sense, sizeof sense, answer, sizeof answer);
                if (r < 0 && r != -EAGAIN)
                        return r;
                if ((answer[2] & 0x0f) == 2 && answer[12] == 0x3a)
                        return -ENOMEDIUM;
                pause_briefly();
        }
        return -ETIMEDOUT;
}

static int read_usb(struct source *s, uint64_t first, uint32_t count, uint8_t *buffer) {
        while (count > 0) {
                uint32_t some = TRANSFER_MAX / s->sector;
                some = count < some ? count : some;
                const uint8_t read10[10] = { 0x28,
                                             0,
                                             (uint8_t) (first >> 24),
                                             (uint8_t) (first >> 16),
                                             (uint8_t) (first >> 8),
                                             (uint8_t) first,
                                             0,
                                             (uint8_t) (some >> 8),
                                             (uint8_t) some };
                int n = command(s->fd, read10, sizeof read10, buffer, some * s->sector);
                if (n < 0 || (uint32_t) n != some * s->sector)
                        return n < 0 ? n : -EIO;
                first += some;
                count -= some;
                buffer += (size_t) some * s->sector;
        }
        return 0;
}

static int open_lun(int fd, struct source *ret) {
        static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36, 0 }, capacity[10] = { 0x25 };
        uint8_t answer[36] = { 0 };
        int r = command(fd, inquiry, sizeof inquiry, answer, sizeof answer);
        if (r < 0 && r != -EAGAIN)
                return r;
        if (r > 0 && (answer[0] & 0x1f) != 0)
                return -ENXIO; /* not a disk: a virtual CD, an enclosure */
        r = wait_ready(fd);
        if (r < 0)
                return r;
        uint8_t size[8];
        r = command(fd, capacity, sizeof capacity, size, sizeof size);
        if (r != (int) sizeof size)
                return r < 0 ? r : -EPROTO;
        uint32_t sector = be32(size + 4);
        if (sector < 512 || sector > SECTOR_MAX || (sector & (sector - 1)) != 0)
                return -EPROTO;
        /* Beyond 2 TiB lies what this command cannot reach. */
        *ret = (struct source){ .sector = sector,
                                .n = (uint64_t) be32(size) + 1,
                                .read = read_usb,
                                .fd = fd,
                                .budget = BUDGET_BYTES / sector };
        return 0;
}

int source_open_usb(int fd, struct source *ret) {
        unsigned n = read_luns(fd);
        int r = -ENOMEDIUM;
        for (unsigned lun = 0; lun < n; lun++) { /* the first that holds a medium */
                device.lun = (uint8_t) lun;
                r = open_lun(fd, ret);
                if (r == 0)
                        return 0;
        }
        return r;
}
