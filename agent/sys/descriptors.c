/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "descriptors.h"

#include <errno.h>
#include <libusb.h>
#include <string.h>

#include "base/cleanup.h"

/* One per worker process. Not made before it is needed: early in boot there is no usbfs yet, and libusb would refuse.
 */
static libusb_context *context;

static int context_get(libusb_context **ret) {
        if (!context) {
                /* Without this libusb starts a thread and opens every device of the machine. */
                if (libusb_set_option(NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY) != LIBUSB_SUCCESS)
                        return DESCRIPTORS_UNREADABLE;
                if (libusb_init(&context) != LIBUSB_SUCCESS) {
                        context = NULL;
                        return DESCRIPTORS_UNREADABLE;
                }
        }
        *ret = context;
        return 0;
}

static bool same_triple(struct interface_triple a, struct interface_triple b) {
        return a.class == b.class && a.subclass == b.subclass && a.protocol == b.protocol;
}

static bool has_triple(const struct device_facts *d, struct interface_triple t) {
        for (size_t i = 0; i < d->n_interfaces; i++)
                if (same_triple(d->interfaces[i], t))
                        return true;
        return false;
}

static int add_interface(struct device_facts *d, const struct libusb_interface *interface) {
        for (int i = 0; i < interface->num_altsetting; i++) {
                const struct libusb_interface_descriptor *a = &interface->altsetting[i];
                struct interface_triple t = { a->bInterfaceClass, a->bInterfaceSubClass, a->bInterfaceProtocol };
                if (has_triple(d, t))
                        continue;
                if (d->n_interfaces == DEVICE_INTERFACES_MAX)
                        return -EOVERFLOW;
                d->interfaces[d->n_interfaces++] = t;
        }
        return 0;
}

static void config_p(struct libusb_config_descriptor **c) {
        if (*c)
                libusb_free_config_descriptor(*c);
}

static void handle_p(libusb_device_handle **h) {
        if (*h)
                libusb_close(*h);
}

static int add_configuration(struct device_facts *d, libusb_device *device, uint8_t number) {
        CLEANUP(config_p) struct libusb_config_descriptor *config = NULL;
        if (libusb_get_config_descriptor(device, number, &config) != LIBUSB_SUCCESS)
                return DESCRIPTORS_UNREADABLE;

        for (uint8_t i = 0; i < config->bNumInterfaces; i++) {
                int r = add_interface(d, &config->interface[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int descriptors_read(int fd, struct device_facts *ret) {
        libusb_context *c = NULL;
        int r = context_get(&c);
        if (r != 0)
                return r;

        CLEANUP(handle_p) libusb_device_handle *handle = NULL;
        if (libusb_wrap_sys_device(c, fd, &handle) != LIBUSB_SUCCESS)
                return DESCRIPTORS_UNREADABLE;
        libusb_device *device = libusb_get_device(handle);
        struct libusb_device_descriptor descriptor;
        if (libusb_get_device_descriptor(device, &descriptor) != LIBUSB_SUCCESS)
                return DESCRIPTORS_UNREADABLE;

        struct device_facts read = { .vendor = descriptor.idVendor, .product = descriptor.idProduct };
        for (uint8_t i = 0; i < descriptor.bNumConfigurations; i++) {
                r = add_configuration(&read, device, i);
                if (r != 0)
                        return r;
        }

        ret->vendor = read.vendor;
        ret->product = read.product;
        ret->n_interfaces = read.n_interfaces;
        memcpy(ret->interfaces, read.interfaces, sizeof ret->interfaces);
        return 0;
}

bool descriptors_agree(const struct device_facts *a, const struct device_facts *b) {
        if (a->vendor != b->vendor || a->product != b->product || a->n_interfaces != b->n_interfaces)
                return false;
        for (size_t i = 0; i < a->n_interfaces; i++)
                if (!has_triple(b, a->interfaces[i]))
                        return false;
        return true;
}
