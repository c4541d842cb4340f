/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as a record's description of a device: what is taken keeps within its bounds, and is taken alike the
 * second time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INVARIANT(x)                                                                                                   \
        do {                                                                                                           \
                if (!(x)) {                                                                                            \
                        (void) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                 \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)

#define ENDS(field) (memchr((field), '\0', sizeof(field)) != NULL)

static void check(const struct device_facts *d) {
        INVARIANT(ENDS(d->serial) && ENDS(d->name) && ENDS(d->known_as) && ENDS(d->port) && ENDS(d->node));
        INVARIANT(d->n_interfaces <= sizeof d->interfaces / sizeof *d->interfaces);
        INVARIANT(bus_name(d->bus) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1), plain[64];
        struct device_facts a, b;
        INVARIANT(text);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        if (facts_unescape(text, plain, sizeof plain))
                INVARIANT(strlen(plain) < sizeof plain && strlen(plain) <= strlen(text));
        memset(&a, 0, sizeof a);
        memset(&b, 0xff, sizeof b);
        bool taken = facts_from_record(text, size, &a);
        INVARIANT(facts_from_record(text, size, &b) == taken);
        if (taken) {
                check(&a);
                check(&b);
                INVARIANT(strcmp(a.serial, b.serial) == 0 && strcmp(a.name, b.name) == 0 &&
                          a.n_interfaces == b.n_interfaces && a.vendor == b.vendor && a.product == b.product);
        }
        free(text);
        return 0;
}
