/* SPDX-License-Identifier: GPL-2.0-or-later */
/* USB descriptors, as a device might claim them. Beyond not crashing: a second, dumber reader that knows nothing of
 * configurations must agree on every interface, so that no arrangement of lengths hides one from the keyboard floor. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/usbdesc.h"
#include "fuzz.h"

static int contains(const struct usbdesc *u, const uint8_t *d) {
        for (size_t i = 0; i < u->n_interfaces; i++)
                if (u->interfaces[i].class == d[5] && u->interfaces[i].subclass == d[6] &&
                    u->interfaces[i].protocol == d[7])
                        return 1;
        return 0;
}

static void check_accepted(const uint8_t *data, size_t size, const struct usbdesc *u) {
        REQUIRE(size >= 18 + 9 && data[0] == 18 && data[1] == 1);
        REQUIRE(u->vendor == (data[8] | data[9] << 8) && u->product == (data[10] | data[11] << 8));
        REQUIRE(u->n_interfaces <= DEVICE_INTERFACES_MAX);

        /* The chain is unbroken to the last byte, and every interface in it is reported. */
        unsigned configurations = 0, interfaces = 0;
        size_t at = 18;
        while (at < size) {
                REQUIRE(size - at >= 2 && data[at] >= 2 && data[at] <= size - at);
                REQUIRE(data[at + 1] != 1);
                configurations += data[at + 1] == 2;
                if (data[at + 1] == 4) {
                        REQUIRE(data[at] >= 9 && configurations > 0 && contains(u, data + at));
                        interfaces++;
                }
                at += data[at];
        }
        REQUIRE(configurations == data[17] && configurations == u->n_configurations);
        REQUIRE(u->n_interfaces <= interfaces && (u->n_interfaces > 0) == (interfaces > 0));

        for (size_t i = 0; i < u->n_interfaces; i++) /* distinct */
                for (size_t k = 0; k < i; k++)
                        REQUIRE(memcmp(&u->interfaces[i], &u->interfaces[k], sizeof u->interfaces[i]) != 0);

        /* Neither claim of the configurations matters to the floor: it is the chain that does. */
        struct device_facts d = { .descriptors_valid = true, .n_interfaces = u->n_interfaces };
        memcpy(d.interfaces, u->interfaces, sizeof d.interfaces);
        for (at = 18; at < size; at += data[at])
                if (data[at + 1] == 4 && data[at + 5] != 3)
                        REQUIRE(!device_is_hid_only(&d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct usbdesc u;
        memset(&u, 0xee, sizeof u);
        const struct usbdesc untouched = u;

        int r = usbdesc_parse(data, size, &u);
        REQUIRE(r >= USBDESC_OK && r <= USBDESC_TOO_MANY);
        REQUIRE(strcmp(usbdesc_outcome_name(r), "unknown") != 0);
        if (r != USBDESC_OK)
                REQUIRE(memcmp(&u, &untouched, sizeof u) == 0);
        else
                check_accepted(data, size, &u);

        struct usbdesc again;
        REQUIRE(usbdesc_parse(data, size, &again) == r);
        return 0;
}
