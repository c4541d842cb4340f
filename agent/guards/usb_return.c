/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_return.h"

#include <string.h>

static bool is_same(const struct usb_departed *p, const struct usb_device *d) {
        const struct device_facts *a = &p->facts, *b = &d->facts;
        return strcmp(p->name, d->name) == 0 && a->bus == b->bus && a->vendor == b->vendor &&
               a->product == b->product && a->descriptors_valid && b->descriptors_valid && a->has_digest &&
               b->has_digest && memcmp(a->digest, b->digest, sizeof a->digest) == 0 &&
               strcmp(a->serial, b->serial) == 0 && strcmp(a->name, b->name) == 0;
}

void usb_return_note(struct usb_returns *r, const struct usb_device *d, uint64_t now) {
        if (!d->facts.present_at_boot || d->facts.is_root_hub)
                return;
        struct usb_departed *p = &r->list[r->next++ % USB_RETURN_MAX];
        p->facts = d->facts;
        p->at = now;
        memcpy(p->name, d->name, sizeof p->name);
}

/* Whatever comes to the port ends the wait: another device is no moment's absence. */
bool usb_return_take(struct usb_returns *r, const struct usb_device *d, uint64_t now) {
        bool returned = false;
        for (unsigned i = 0; i < USB_RETURN_MAX; i++) {
                struct usb_departed *p = &r->list[i];
                if (strcmp(p->name, d->name) != 0)
                        continue;
                returned = returned || (now - p->at <= USB_RETURN_USEC && is_same(p, d));
                *p = (struct usb_departed){ .at = 0 };
        }
        return returned;
}
