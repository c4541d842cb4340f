/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks a card reader for the status of its slot, as pcscd would, through usbfs.
 *
 *   ccid /dev/bus/usb/BBB/DDD     prints "card" or "empty"; exit 1 when it does not answer
 *
 * An authorised reader has an interface, but no kernel driver claims it: only an answer to a
 * command shows that it works.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usbdevice_fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { CLASS_SMARTCARD = 0x0b, GET_SLOT_STATUS = 0x65, SLOT_STATUS = 0x81, TIMEOUT_MS = 10000 };

struct endpoints {
        unsigned int interface, in, out;
};

/* The first smart-card interface in the raw descriptors that usbfs gives on read. */
static int find_endpoints(const uint8_t *data, ssize_t length, struct endpoints *ret) {
        int inside = 0;

        for (ssize_t i = 0; i + 2 <= length && data[i] > 0; i += data[i]) {
                const uint8_t *d = data + i;
                if (i + d[0] > length)
                        break;
                if (d[1] == USB_DT_INTERFACE && d[0] >= USB_DT_INTERFACE_SIZE) {
                        inside = d[5] == CLASS_SMARTCARD;
                        if (inside)
                                ret->interface = d[2];
                } else if (inside && d[1] == USB_DT_ENDPOINT && d[0] >= USB_DT_ENDPOINT_SIZE &&
                           (d[3] & USB_ENDPOINT_XFERTYPE_MASK) == USB_ENDPOINT_XFER_BULK) {
                        if (d[2] & USB_DIR_IN)
                                ret->in = d[2];
                        else
                                ret->out = d[2];
                }
        }
        return ret->in && ret->out ? 0 : -1;
}

static int transfer(int fd, unsigned int endpoint, void *data, unsigned int length) {
        struct usbdevfs_bulktransfer bulk = { .ep = endpoint, .len = length, .timeout = TIMEOUT_MS, .data = data };

        return ioctl(fd, USBDEVFS_BULK, &bulk);
}

int main(int argc, char **argv) {
        uint8_t descriptors[4096], command[10] = { GET_SLOT_STATUS }, answer[64];
        struct endpoints ep = { 0 };

        if (argc != 2)
                return 2;
        int fd = open(argv[1], O_RDWR | O_CLOEXEC);
        if (fd < 0) {
                fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
                return 1;
        }
        if (find_endpoints(descriptors, read(fd, descriptors, sizeof descriptors), &ep) < 0) {
                fprintf(stderr, "no smart-card interface\n");
                return 1;
        }
        if (ioctl(fd, USBDEVFS_CLAIMINTERFACE, &ep.interface) < 0 ||
            transfer(fd, ep.out, command, sizeof command) != sizeof command ||
            transfer(fd, ep.in, answer, sizeof answer) < 10 || answer[0] != SLOT_STATUS) {
                fprintf(stderr, "no answer: %s\n", strerror(errno));
                return 1;
        }
        puts((answer[7] & 3) == 2 ? "empty" : "card");
        close(fd);
        return 0;
}
