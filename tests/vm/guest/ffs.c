/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One interface of any class on a software USB device: describes it to functionfs, and holds it until killed.
 *
 *   ffs MOUNTPOINT CC:SS:PP     returns once it is described; goes on in the background, its pid in MOUNTPOINT.pid
 *
 * Source: linux/usb/functionfs.h. Control requests to the interface are stalled, which shows that they arrived. A card
 * reader says that its slot is empty, as often as it is asked (USB CCID 1.1, 6.1.5 and 6.2.2).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/functionfs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CLASS_SMARTCARD = 0x0b, GET_SLOT_STATUS = 0x65, SLOT_STATUS = 0x81, NO_CARD = 2, CCID_HEADER = 10 };

static const struct {
        struct usb_functionfs_strings_head header;
} __attribute__((packed)) no_strings = {
        .header = { .magic = FUNCTIONFS_STRINGS_MAGIC, .length = sizeof no_strings },
};

struct speed {
        struct usb_interface_descriptor interface;
        struct usb_endpoint_descriptor_no_audio in, out; /* files ep1 and ep2 */
} __attribute__((packed));

static struct usb_endpoint_descriptor_no_audio bulk(uint8_t address, uint16_t packet) {
        return (struct usb_endpoint_descriptor_no_audio){ .bLength = USB_DT_ENDPOINT_SIZE,
                                                          .bDescriptorType = USB_DT_ENDPOINT,
                                                          .bEndpointAddress = address,
                                                          .bmAttributes = USB_ENDPOINT_XFER_BULK,
                                                          .wMaxPacketSize = packet };
}

static struct speed describe(const uint8_t triple[3], uint16_t packet) {
        return (struct speed){
                .interface = { .bLength = USB_DT_INTERFACE_SIZE,
                               .bDescriptorType = USB_DT_INTERFACE,
                               .bNumEndpoints = 2,
                               .bInterfaceClass = triple[0],
                               .bInterfaceSubClass = triple[1],
                               .bInterfaceProtocol = triple[2] },
                .in = bulk(1 | USB_DIR_IN, packet),
                .out = bulk(2, packet),
        };
}

/* Until killed: that the host has let go of the interface (ESHUTDOWN) is no end. */
static void *answer(void *directory) {
        char path[256];
        uint8_t command[512];
        snprintf(path, sizeof path, "%s/ep1", (const char *) directory);
        int in = open(path, O_WRONLY | O_CLOEXEC);
        snprintf(path, sizeof path, "%s/ep2", (const char *) directory);
        int out = open(path, O_RDONLY | O_CLOEXEC);
        for (;;) {
                ssize_t n = read(out, command, sizeof command);
                if (n < 0 && errno != ESHUTDOWN && errno != EINTR)
                        return NULL;
                if (n < CCID_HEADER || command[0] != GET_SLOT_STATUS)
                        continue;
                uint8_t status[CCID_HEADER] = { SLOT_STATUS, [5] = command[5], [6] = command[6], [7] = NO_CARD };
                (void) !write(in, status, sizeof status);
        }
}

static void hold(int fd) {
        struct usb_functionfs_event event;
        while (read(fd, &event, sizeof event) == (ssize_t) sizeof event)
                if (event.type == FUNCTIONFS_SETUP) {
                        /* Answering in the wrong direction stalls. */
                        if (event.u.setup.bRequestType & USB_DIR_IN)
                                (void) !read(fd, NULL, 0);
                        else
                                (void) !write(fd, NULL, 0);
                }
}

int main(int argc, char **argv) {
        unsigned triple[3];
        char path[256];
        if (argc != 3 || sscanf(argv[2], "%2x:%2x:%2x", &triple[0], &triple[1], &triple[2]) != 3)
                return 2;
        const uint8_t t[3] = { (uint8_t) triple[0], (uint8_t) triple[1], (uint8_t) triple[2] };
        struct {
                struct usb_functionfs_descs_head_v2 header;
                uint32_t full_count, high_count;
                struct speed full, high;
        } __attribute__((packed)) all = {
                .header = { .magic = FUNCTIONFS_DESCRIPTORS_MAGIC_V2,
                            .length = sizeof all,
                            .flags = FUNCTIONFS_HAS_FS_DESC | FUNCTIONFS_HAS_HS_DESC | FUNCTIONFS_ALL_CTRL_RECIP },
                .full_count = 3,
                .high_count = 3,
                .full = describe(t, 64),
                .high = describe(t, 512),
        };

        snprintf(path, sizeof path, "%s/ep0", argv[1]);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 || write(fd, &all, sizeof all) != (ssize_t) sizeof all ||
            write(fd, &no_strings, sizeof no_strings) != (ssize_t) sizeof no_strings) {
                perror(path);
                return 1;
        }
        pid_t child = fork();
        if (child == 0) {
                (void) setsid();
                for (int i = 0; i < 3; i++)
                        (void) close(i);
                pthread_t answering;
                if (t[0] == CLASS_SMARTCARD && pthread_create(&answering, NULL, answer, argv[1]) != 0)
                        return 1;
                hold(fd);
                return 0;
        }
        snprintf(path, sizeof path, "%s.pid", argv[1]);
        FILE *f = fopen(path, "we");
        if (child < 0 || !f)
                return 1;
        fprintf(f, "%d\n", (int) child);
        return fclose(f);
}
