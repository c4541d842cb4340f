/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One interface of any class on a software USB device: describes it to functionfs, and holds it until killed.
 *
 *   ffs MOUNTPOINT CC:SS:PP     returns once it is described; goes on in the background, its pid in MOUNTPOINT.pid
 *
 * Source: linux/usb/functionfs.h. Control requests to the interface are stalled, which shows that they arrived.
 */
#include <fcntl.h>
#include <linux/usb/functionfs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One bulk endpoint, because the gadget layer wants a reason to be. */
static const struct {
        struct usb_functionfs_strings_head header;
} __attribute__((packed)) no_strings = {
        .header = { .magic = FUNCTIONFS_STRINGS_MAGIC, .length = sizeof no_strings },
};

struct speed {
        struct usb_interface_descriptor interface;
        struct usb_endpoint_descriptor_no_audio endpoint;
} __attribute__((packed));

static struct speed describe(const uint8_t triple[3], uint16_t packet) {
        return (struct speed){
                .interface = { .bLength = USB_DT_INTERFACE_SIZE,
                               .bDescriptorType = USB_DT_INTERFACE,
                               .bNumEndpoints = 1,
                               .bInterfaceClass = triple[0],
                               .bInterfaceSubClass = triple[1],
                               .bInterfaceProtocol = triple[2] },
                .endpoint = { .bLength = USB_DT_ENDPOINT_SIZE,
                              .bDescriptorType = USB_DT_ENDPOINT,
                              .bEndpointAddress = 1 | USB_DIR_IN,
                              .bmAttributes = USB_ENDPOINT_XFER_BULK,
                              .wMaxPacketSize = packet },
        };
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
                .full_count = 2,
                .high_count = 2,
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
