/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends a vendor control request to a device, as anybody may who can open its node for writing.
 *
 *   usbreq /dev/bus/usb/BBB/DDD     "refused: REASON" (open(2) failed), or "reached" (the device answered or stalled)
 *
 * Exit 0 when the request reached the device, 1 when not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int main(int argc, char **argv) {
        unsigned char answer[8];
        struct usbdevfs_ctrltransfer request = { .bRequestType = USB_DIR_IN | USB_TYPE_VENDOR | USB_RECIP_DEVICE,
                                                 .bRequest = 0x42,
                                                 .wLength = sizeof answer,
                                                 .timeout = 5000,
                                                 .data = answer };
        if (argc != 2)
                return 2;
        int fd = open(argv[1], O_RDWR | O_CLOEXEC);
        if (fd < 0) {
                printf("refused: %s\n", strerrorname_np(errno));
                return 1;
        }
        if (ioctl(fd, USBDEVFS_CONTROL, &request) < 0 && errno != EPIPE) {
                printf("lost: %s\n", strerrorname_np(errno));
                return 1;
        }
        puts("reached");
        return 0;
}
