/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as a record's description of a device: what is taken keeps within its bounds, and is taken alike the
 * second time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/facts.h"
#include "fuzz.h"

#define ENDS(field) (memchr((field), '\0', sizeof(field)) != NULL)

static void check(const struct device_facts *d) {
        REQUIRE(ENDS(d->serial) && ENDS(d->name) && ENDS(d->known_as) && ENDS(d->port) && ENDS(d->node));
        REQUIRE(d->n_interfaces <= sizeof d->interfaces / sizeof *d->interfaces);
        REQUIRE(bus_name(d->bus) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1), plain[64];
        struct device_facts a, b;
        REQUIRE(text);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        if (facts_unescape(text, plain, sizeof plain))
                REQUIRE(strlen(plain) < sizeof plain && strlen(plain) <= strlen(text));
        memset(&a, 0, sizeof a);
        memset(&b, 0xff, sizeof b);
        bool taken = facts_from_record(text, size, &a);
        REQUIRE(facts_from_record(text, size, &b) == taken);
        if (taken) {
                check(&a);
                check(&b);
                REQUIRE(strcmp(a.serial, b.serial) == 0 && strcmp(a.name, b.name) == 0 &&
                        a.n_interfaces == b.n_interfaces && a.vendor == b.vendor && a.product == b.product);
        }
        free(text);
        return 0;
}
