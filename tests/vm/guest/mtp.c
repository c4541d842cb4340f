/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens a session with a phone by MTP and asks how many objects it holds, as a file manager does: by usbfs, without a
 * kernel driver.
 *
 *   mtp /dev/bus/usb/BBB/DDD    "N objects", or "refused: REASON" (open(2) failed); exit 0 or 1
 *
 * Bulk endpoints as QEMU's usb-mtp has them. PIMA 15740, "USB still image capture device definition".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum { FROM_PHONE = 0x81, TO_PHONE = 0x02, TIMEOUT_MS = 10000 };
enum { COMMAND = 1, RESPONSE = 3, OPEN_SESSION = 0x1002, GET_NUM_OBJECTS = 0x1006, OK = 0x2001 };

struct container {
        uint32_t length;
        uint16_t type, code;
        uint32_t transaction, parameters[5];
} __attribute__((packed));

static int bulk(int fd, unsigned endpoint, void *data, unsigned length) {
        struct usbdevfs_bulktransfer t = { .ep = endpoint, .len = length, .timeout = TIMEOUT_MS, .data = data };
        return ioctl(fd, USBDEVFS_BULK, &t);
}

/* The response's first parameter, or -1. */
static long ask(int fd, uint16_t code, uint32_t transaction, unsigned n, const uint32_t *parameters) {
        struct container c = { .length = 12 + 4 * n, .type = COMMAND, .code = code, .transaction = transaction };
        memcpy(c.parameters, parameters, n * sizeof *parameters);
        if (bulk(fd, TO_PHONE, &c, c.length) < 0)
                return -1;
        memset(&c, 0, sizeof c);
        if (bulk(fd, FROM_PHONE, &c, sizeof c) < 12 || c.type != RESPONSE || c.code != OK)
                return -1;
        return c.parameters[0];
}

int main(int argc, char **argv) {
        const uint32_t session = 1, whole[3] = { 0xffffffff, 0, 0xffffffff };
        int interface = 0;
        if (argc != 2)
                return 2;
        int fd = open(argv[1], O_RDWR | O_CLOEXEC);
        if (fd < 0) {
                printf("refused: %s\n", strerrorname_np(errno));
                return 1;
        }
        if (ioctl(fd, USBDEVFS_CLAIMINTERFACE, &interface) < 0 || ask(fd, OPEN_SESSION, 0, 1, &session) < 0) {
                printf("no session: %s\n", strerrorname_np(errno));
                return 1;
        }
        long n = ask(fd, GET_NUM_OBJECTS, 1, 3, whole);
        if (n < 0) {
                puts("no answer");
                return 1;
        }
        printf("%ld objects\n", n);
        return 0;
}
