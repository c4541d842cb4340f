/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What counts as the same device after a moment's absence, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guards/usb_return.h"

#define WENT UINT64_C(1000000000)

static struct usb_device keyboard(void) {
        struct usb_device d = { .name = "1-2",
                                .facts = { .bus = BUS_USB,
                                           .vendor = 0x046d,
                                           .product = 0xc31c,
                                           .serial = "A1",
                                           .name = "Keyboard",
                                           .n_interfaces = 1,
                                           .descriptors_valid = true,
                                           .has_digest = true,
                                           .digest = { 1, 2, 3 },
                                           .present_at_boot = true } };
        return d;
}

static void none(struct usb_device *d) {
        (void) d;
}
static void other_port(struct usb_device *d) {
        (void) snprintf(d->name, sizeof d->name, "1-3");
}
static void other_serial(struct usb_device *d) {
        d->facts.serial[0] = 'B';
}
static void other_name(struct usb_device *d) {
        d->facts.name[0] = 'k';
}
static void other_product(struct usb_device *d) {
        d->facts.product++;
}
static void other_vendor(struct usb_device *d) {
        d->facts.vendor++;
}
static void other_bus(struct usb_device *d) {
        d->facts.bus = BUS_VHCI;
}
static void other_descriptors(struct usb_device *d) {
        d->facts.digest[DIGEST_SIZE - 1] ^= 1;
}
static void no_digest(struct usb_device *d) {
        d->facts.has_digest = false;
}
static void lying(struct usb_device *d) {
        d->facts.descriptors_valid = false;
}
static void newcomer(struct usb_device *d) {
        d->facts.present_at_boot = false;
}
static void root_hub(struct usb_device *d) {
        d->facts.is_root_hub = true;
}

static const struct row {
        const char *name;
        void (*before)(struct usb_device *d);
        void (*after)(struct usb_device *d);
        uint64_t absent;
        bool returned;
} rows[] = {
        { "the same at once", none, none, 0, true },
        { "the same in time", none, none, USB_RETURN_USEC, true },
        { "too late", none, none, USB_RETURN_USEC + 1, false },
        { "another port", none, other_port, 0, false },
        { "another serial", none, other_serial, 0, false },
        { "another name", none, other_name, 0, false },
        { "another product", none, other_product, 0, false },
        { "another vendor", none, other_vendor, 0, false },
        { "another bus", none, other_bus, 0, false },
        { "one bit of its descriptors", none, other_descriptors, 0, false },
        { "without a digest", none, no_digest, 0, false },
        { "never with a digest", no_digest, none, 0, false },
        { "descriptors that lie", none, lying, 0, false },
        { "descriptors that always lied", lying, lying, 0, false },
        { "not there at boot", newcomer, none, 0, false },
        { "a controller", root_hub, root_hub, 0, false },
};

static void test_row(void **state) {
        const struct row *r = *state;
        struct usb_returns returns = { .next = 0 };
        struct usb_device before = keyboard(), after = keyboard();
        r->before(&before);
        r->after(&after);
        after.facts.present_at_boot = false; /* which is the question */
        usb_return_note(&returns, &before, WENT);
        assert_int_equal(usb_return_take(&returns, &after, WENT + r->absent), r->returned);
        assert_false(usb_return_take(&returns, &after, WENT + r->absent)); /* once */
}

static void test_another_device_ends_the_wait(void **state) {
        (void) state;
        struct usb_returns returns = { .next = 0 };
        struct usb_device d = keyboard(), other = keyboard();
        other_serial(&other);
        usb_return_note(&returns, &d, WENT);
        assert_false(usb_return_take(&returns, &other, WENT + 1));
        assert_false(usb_return_take(&returns, &d, WENT + 2));
}

static void test_the_oldest_are_forgotten(void **state) {
        (void) state;
        struct usb_returns returns = { .next = 0 };
        struct usb_device d = keyboard();
        for (unsigned i = 0; i < USB_RETURN_MAX + 3; i++) {
                (void) snprintf(d.name, sizeof d.name, "1-%u", i + 1);
                usb_return_note(&returns, &d, WENT);
        }
        for (unsigned i = 0; i < USB_RETURN_MAX + 3; i++) {
                (void) snprintf(d.name, sizeof d.name, "1-%u", i + 1);
                assert_int_equal(usb_return_take(&returns, &d, WENT), i >= 3);
        }
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

int main(void) {
        struct CMUnitTest tests[N(rows)] = { 0 };
        for (size_t i = 0; i < N(rows); i++)
                tests[i] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        const struct CMUnitTest others[] = { cmocka_unit_test(test_another_device_ends_the_wait),
                                             cmocka_unit_test(test_the_oldest_are_forgotten) };
        int failed = _cmocka_run_group_tests("rows", tests, N(rows), NULL, NULL);
        failed += cmocka_run_group_tests_name("usb_return", others, NULL, NULL);
        return failed ? 1 : 0;
}
