/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/usbdesc.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* Descriptors as the kernel's file shows them, in tests/fixtures/descriptors (README there). Hex digits, '#'
 * comments. */
struct bytes {
        uint8_t *b; /* exactly n bytes on the heap, so that ASan sees a read beyond them */
        size_t n;
};

static struct bytes copy_of(const uint8_t *b, size_t n) {
        struct bytes r = { .b = malloc(n ? n : 1), .n = n };
        assert_non_null(r.b);
        if (n)
                memcpy(r.b, b, n);
        return r;
}

static struct bytes fixture(const char *name) {
        char path[512];
        (void) snprintf(path, sizeof path, FIXTURES "/descriptors/%s.hex", name);
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        static uint8_t all[USBDESC_MAX];
        size_t n = 0;
        char line[512];
        while (fgets(line, sizeof line, f)) {
                char *end = strchr(line, '#');
                if (end)
                        *end = '\0';
                for (char *p = line, *next; n < sizeof all; p = next) {
                        unsigned long v = strtoul(p, &next, 16);
                        if (next == p)
                                break;
                        assert_true(v <= 0xff);
                        all[n++] = (uint8_t) v;
                }
        }
        (void) fclose(f);
        assert_true(n >= 18);
        return copy_of(all, n);
}

static int parse(struct bytes b, struct usbdesc *ret) {
        return usbdesc_parse(b.b, b.n, ret);
}

static bool facts_of(const struct usbdesc *u, bool (*ask)(const struct device_facts *)) {
        struct device_facts d = { .descriptors_valid = true, .n_interfaces = u->n_interfaces };
        memcpy(d.interfaces, u->interfaces, sizeof d.interfaces);
        return ask(&d);
}

/* --- whole devices --- */

static const struct good_row {
        const char *name;
        uint16_t vendor, product;
        uint8_t n_configurations;
        const char *interfaces; /* "cc:ss:pp ..." in order of appearance */
        bool hub, hid;
} good[] = {
        { "keyboard", 0x046d, 0xc31c, 1, "03:01:01 03:00:00", false, true },
        { "mouse", 0x046d, 0xc077, 1, "03:01:02", false, true },
        { "hub", 0x05e3, 0x0610, 1, "09:00:01 09:00:02", true, false },
        { "roothub", 0x1d6b, 0x0002, 1, "09:00:00", true, false },
        { "stick", 0x0781, 0x5591, 1, "08:06:50", false, false },
        { "uas", 0x174c, 0x55aa, 1, "08:06:50 08:06:62", false, false },
        { "reader", 0x04e6, 0x5116, 1, "0b:00:00", false, false },
        { "badusb", 0x0781, 0x5591, 1, "03:01:01 08:06:50", false, false },
        { "hidden", 0x046d, 0xc31c, 2, "03:01:01 08:06:50", false, false },
        { "rndis", 0x0525, 0xa4a2, 2, "02:02:ff 0a:00:00 02:06:00", false, false },
        { "camera", 0x046d, 0x082d, 1, "0e:01:00 0e:02:00 01:01:00 01:02:00", false, false },
        /* Sloppy, but sold; Linux works with them. */
        { "keyboard-excess-byte", 0x0c45, 0x7603, 1, "03:01:01", false, true },
        { "keyboard-short-tail", 0x258a, 0x0001, 1, "03:01:01 03:00:00", false, true },
        { "keyboard-counts-wrong", 0x1a2c, 0x0c23, 1, "03:01:01", false, true },
};

static void test_good(void **state) {
        const struct good_row *row = *state;
        struct bytes b = fixture(row->name);
        struct usbdesc u;
        assert_int_equal(parse(b, &u), USBDESC_OK);
        assert_int_equal(u.vendor, row->vendor);
        assert_int_equal(u.product, row->product);
        assert_int_equal(u.n_configurations, row->n_configurations);

        char text[DEVICE_INTERFACES_MAX * 9 + 1] = "";
        for (unsigned i = 0; i < u.n_interfaces; i++)
                (void) snprintf(text + strlen(text), sizeof text - strlen(text), "%s%02x:%02x:%02x", i ? " " : "",
                                u.interfaces[i].class, u.interfaces[i].subclass, u.interfaces[i].protocol);
        assert_string_equal(text, row->interfaces);
        assert_int_equal(facts_of(&u, device_is_hub_only), row->hub);
        assert_int_equal(facts_of(&u, device_is_hid_only), row->hid);
        free(b.b);
}

/* Whatever is cut off: never a different device. A cut is found, except where the kernel itself cuts and everything
 * that was promised is there; then the interfaces are the same as before. */
static void test_truncated_at_every_byte(void **state) {
        const struct good_row *row = *state;
        struct bytes b = fixture(row->name);
        struct usbdesc whole, u;
        assert_int_equal(parse(b, &whole), USBDESC_OK);
        unsigned refused = 0;
        for (size_t n = 0; n < b.n; n++) {
                struct bytes cut = copy_of(b.b, n);
                memset(&u, 0xee, sizeof u);
                struct usbdesc untouched = u;
                int r = parse(cut, &u);
                if (r != USBDESC_OK) {
                        refused++;
                        assert_int_equal(r, USBDESC_TRUNCATED);
                        assert_memory_equal(&u, &untouched, sizeof u);
                } else {
                        assert_int_equal(facts_of(&u, device_is_hub_only), row->hub);
                        assert_int_equal(facts_of(&u, device_is_hid_only), row->hid);
                }
                free(cut.b);
        }
        assert_true(refused >= 18);
        free(b.b);
}

/* --- one byte changed, or bytes added --- */

enum change { SET, APPEND };

static const struct bad_row {
        const char *name, *fixture;
        enum change change;
        uint16_t at; /* SET */
        uint8_t bytes[40];
        uint8_t n;
        int outcome;
} bad[] = {
        { "untouched twin", "keyboard", SET, 0, { 18 }, 1, USBDESC_OK },
        { "device length 0", "keyboard", SET, 0, { 0 }, 1, USBDESC_BAD_LENGTH },
        { "device length 17", "keyboard", SET, 0, { 17 }, 1, USBDESC_BAD_LENGTH },
        { "device length 19", "keyboard", SET, 0, { 19 }, 1, USBDESC_BAD_LENGTH },
        { "device type", "keyboard", SET, 1, { 2 }, 1, USBDESC_BAD_TYPE },
        { "no configuration promised", "keyboard", SET, 17, { 0 }, 1, USBDESC_BAD_COUNT },
        { "two configurations promised", "keyboard", SET, 17, { 2 }, 1, USBDESC_TRUNCATED },
        { "255 configurations promised", "keyboard", SET, 17, { 255 }, 1, USBDESC_TRUNCATED },
        { "one promised, two there", "hidden", SET, 17, { 1 }, 1, USBDESC_BAD_COUNT },
        { "configuration length 0", "keyboard", SET, 18, { 0 }, 1, USBDESC_BAD_LENGTH },
        { "configuration length 1", "keyboard", SET, 18, { 1 }, 1, USBDESC_BAD_LENGTH },
        { "configuration length 8", "keyboard", SET, 18, { 8 }, 1, USBDESC_BAD_LENGTH },
        { "configuration length 255", "keyboard", SET, 18, { 255 }, 1, USBDESC_TRUNCATED },
        { "not a configuration", "keyboard", SET, 19, { 4 }, 1, USBDESC_BAD_TYPE },
        { "total length 0", "keyboard", SET, 20, { 0, 0 }, 2, USBDESC_BAD_TYPE },
        { "total length one short", "keyboard", SET, 20, { 0x3a, 0 }, 2, USBDESC_BAD_TYPE },
        { "total length one long", "keyboard", SET, 20, { 0x3c, 0 }, 2, USBDESC_OK },
        { "total length 65535", "keyboard", SET, 20, { 0xff, 0xff }, 2, USBDESC_OK },
        { "total length long, an interface missing", "keyboard", SET, 20, { 0x3c, 0, 3 }, 3, USBDESC_TRUNCATED },
        { "interface missing, length right", "keyboard", SET, 22, { 3 }, 1, USBDESC_OK },
        { "interface more than promised", "keyboard", SET, 22, { 1 }, 1, USBDESC_OK },
        { "interface length 0", "keyboard", SET, 27, { 0 }, 1, USBDESC_BAD_LENGTH },
        { "interface length 1", "keyboard", SET, 27, { 1 }, 1, USBDESC_BAD_LENGTH },
        { "interface length 8", "keyboard", SET, 27, { 8 }, 1, USBDESC_BAD_LENGTH },
        { "endpoint length lies", "keyboard", SET, 45, { 200 }, 1, USBDESC_TRUNCATED },
        { "one byte behind", "keyboard", APPEND, 0, { 9 }, 1, USBDESC_TRUNCATED },
        { "zero bytes behind", "keyboard", APPEND, 0, { 0, 0 }, 2, USBDESC_BAD_LENGTH },
        { "second device descriptor",
          "keyboard",
          APPEND,
          0,
          { 18, 1, 0, 2, 0, 0, 0, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 1 },
          18,
          USBDESC_BAD_TYPE },
        /* The interface that a driver could bind stands behind the end that the device claims. */
        { "storage behind the end", "keyboard", APPEND, 0, { 9, 4, 2, 0, 0, 8, 6, 0x50, 0 }, 9, USBDESC_BAD_TYPE },
        { "configuration behind the end",
          "keyboard",
          APPEND,
          0,
          { 9, 2, 18, 0, 1, 2, 0, 0x80, 50, 9, 4, 0, 0, 0, 8, 6, 0x50, 0 },
          18,
          USBDESC_BAD_COUNT },
        /* This one claims 32 bytes more than the kernel kept, so that what is added stands inside its configuration. */
        { "interface in the tail", "keyboard-short-tail", APPEND, 0, { 9, 4, 2, 0, 0, 3, 1, 1, 0 }, 9, USBDESC_OK },
        { "short interface in the tail",
          "keyboard-short-tail",
          APPEND,
          0,
          { 8, 4, 2, 0, 0, 8, 6, 0x50 },
          8,
          USBDESC_BAD_LENGTH },
        { "short configuration in the tail",
          "keyboard-short-tail",
          APPEND,
          0,
          { 8, 2, 8, 0, 0, 1, 0, 0 },
          8,
          USBDESC_BAD_LENGTH },
        { "device in the tail",
          "keyboard-short-tail",
          APPEND,
          0,
          { 18, 1, 0, 2, 0, 0, 0, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 1 },
          18,
          USBDESC_BAD_TYPE },
        { "unknown descriptor behind the end", "keyboard", APPEND, 0, { 2, 0x44 }, 2, USBDESC_BAD_TYPE },
};

static void test_bad(void **state) {
        const struct bad_row *row = *state;
        struct bytes b = fixture(row->fixture);
        if (row->change == APPEND) {
                struct bytes longer = { .b = malloc(b.n + row->n), .n = b.n + row->n };
                assert_non_null(longer.b);
                memcpy(longer.b, b.b, b.n);
                memcpy(longer.b + b.n, row->bytes, row->n);
                free(b.b);
                b = longer;
        } else {
                memcpy(b.b + row->at, row->bytes, row->n);
        }
        struct usbdesc u;
        memset(&u, 0xee, sizeof u);
        struct usbdesc untouched = u;
        assert_int_equal(parse(b, &u), row->outcome);
        if (row->outcome != USBDESC_OK)
                assert_memory_equal(&u, &untouched, sizeof u);
        free(b.b);
}

/* --- many --- */

static struct bytes many(unsigned n, bool distinct_triples, bool distinct_numbers) {
        size_t total = 9 + (size_t) n * 9;
        struct bytes b = { .b = calloc(1, 18 + total), .n = 18 + total };
        assert_non_null(b.b);
        memcpy(b.b, (const uint8_t[]){ 18, 1, 0, 2, 0, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0, 1, 0, 0, 0, 1 }, 18);
        memcpy(b.b + 18,
               (const uint8_t[]){ 9, 2, (uint8_t) total, (uint8_t) (total >> 8), (uint8_t) n, 1, 0, 0x80, 50 }, 9);
        for (unsigned i = 0; i < n; i++)
                memcpy(b.b + 27 + (size_t) i * 9,
                       (const uint8_t[]){ 9, 4, (uint8_t) (distinct_numbers ? i : 0), (uint8_t) i, 0, 3,
                                          (uint8_t) (distinct_triples ? i : 0), 0, 0 },
                       9);
        return b;
}

static const struct many_row {
        const char *name;
        unsigned n;
        bool triples, numbers;
        int outcome;
        unsigned n_interfaces;
} manies[] = {
        { "no interface", 0, false, false, USBDESC_OK, 0 },
        { "32 interfaces", 32, false, true, USBDESC_OK, 1 },
        { "33 interfaces", 33, false, true, USBDESC_BAD_COUNT, 0 },
        { "255 interfaces", 255, false, true, USBDESC_BAD_COUNT, 0 },
        { "255 interfaces, all different", 255, true, true, USBDESC_BAD_COUNT, 0 },
        { "64 alternates, all different", 64, true, false, USBDESC_OK, 64 },
        { "65 alternates, all different", 65, true, false, USBDESC_TOO_MANY, 0 },
        { "255 alternates, all the same", 255, false, false, USBDESC_OK, 1 },
        { "7000 alternates, all the same", 7000, false, false, USBDESC_OK, 1 },
};

static void test_many(void **state) {
        const struct many_row *row = *state;
        struct bytes b = many(row->n, row->triples, row->numbers);
        struct usbdesc u;
        assert_int_equal(parse(b, &u), row->outcome);
        if (row->outcome == USBDESC_OK) {
                assert_int_equal(u.n_interfaces, row->n_interfaces);
                assert_int_equal(facts_of(&u, device_is_hid_only), row->n_interfaces > 0);
        }
        free(b.b);
}

static void test_size_limit(void **state) {
        (void) state;
        struct bytes b = fixture("keyboard");
        for (size_t extra = 0; extra < 2; extra++) {
                size_t n = USBDESC_MAX + extra;
                uint8_t *big = calloc(1, n);
                assert_non_null(big);
                memcpy(big, b.b, b.n);
                /* Filled up with one-and-the-same unknown descriptor; the second last takes the odd bytes. */
                size_t at = b.n;
                while (at < n) {
                        size_t step = n - at > 255 ? (n - at - 255 == 1 ? 254 : 255) : n - at;
                        big[at] = (uint8_t) step;
                        big[at + 1] = 0x24;
                        at += step;
                }
                big[20] = 0xff;
                big[21] = 0xff;
                struct usbdesc u;
                assert_int_equal(usbdesc_parse(big, n, &u), extra ? USBDESC_TOO_MANY : USBDESC_OK);
                free(big);
        }
        free(b.b);
}

/* Whatever the configuration claims about its end: an interface that stands in the chain counts. */
static void test_tail_counts(void **state) {
        (void) state;
        static const uint8_t storage[] = { 9, 4, 2, 0, 0, 8, 6, 0x50, 0 };
        struct bytes b = fixture("keyboard-short-tail");
        struct usbdesc u;
        assert_int_equal(parse(b, &u), USBDESC_OK);
        assert_true(facts_of(&u, device_is_hid_only));

        uint8_t *longer = malloc(b.n + sizeof storage);
        assert_non_null(longer);
        memcpy(longer, b.b, b.n);
        memcpy(longer + b.n, storage, sizeof storage);
        assert_int_equal(usbdesc_parse(longer, b.n + sizeof storage, &u), USBDESC_OK);
        assert_int_equal(u.interfaces[u.n_interfaces - 1].class, 8);
        assert_false(facts_of(&u, device_is_hid_only));
        free(longer);
        free(b.b);
}

static void test_names(void **state) {
        (void) state;
        static const char *const names[] = { "ok", "truncated", "bad-length", "bad-type", "bad-count", "too-many" };
        for (int i = 0; i < (int) N(names); i++)
                assert_string_equal(usbdesc_outcome_name(i), names[i]);
        assert_string_equal(usbdesc_outcome_name(-1), "unknown");
        assert_string_equal(usbdesc_outcome_name((int) N(names)), "unknown");
}

/* One device with two configurations: 1 has a keyboard (interface 0) and storage with a UAS alternate (interface 1), 2
 * has storage as interface 0. */
static const uint8_t TWO[] = { 18, 1, 0,  2, 0, 0, 0, 64,   1, 0, 2, 0, 0, 1, 0, 0, 0,    2,
                               9,  2, 45, 0, 2, 1, 0, 0x80, 0, 9, 4, 0, 0, 0, 3, 1, 1,    0,
                               9,  4, 1,  0, 0, 8, 6, 0x50, 0, 9, 4, 1, 1, 0, 8, 6, 0x62, 0,
                               9,  2, 18, 0, 1, 2, 0, 0x80, 0, 9, 4, 0, 0, 0, 8, 6, 0x50, 0 };

static const struct within_row {
        const char *name;
        uint8_t configuration, interface;
        struct interface_triple listed[2];
        size_t n, cut;
        bool expected;
} withins[] = {
        { "within: keyboard", 1, 0, { { 3, 1, 1 } }, 1, 0, true },
        { "within: mouse only", 1, 0, { { 3, 1, 2 } }, 1, 0, false },
        { "within: other configuration", 2, 0, { { 3, 1, 1 } }, 1, 0, false },
        { "within: one alternate of two", 1, 1, { { 8, 6, 0x50 } }, 1, 0, false },
        { "within: both alternates", 1, 1, { { 8, 6, 0x50 }, { 8, 6, 0x62 } }, 2, 0, true },
        { "within: no such interface", 1, 7, { { 3, 1, 1 } }, 1, 0, false },
        { "within: no such configuration", 3, 0, { { 3, 1, 1 } }, 1, 0, false },
        { "within: nothing listed", 1, 0, { { 3, 1, 1 } }, 0, 0, false },
        { "within: cut", 1, 0, { { 3, 1, 1 } }, 1, 1, false },
};

static void test_within(void **state) {
        const struct within_row *row = *state;
        struct usbdesc u;
        assert_int_equal(usbdesc_parse(TWO, sizeof TWO, &u), USBDESC_OK);
        struct bytes b = copy_of(TWO, sizeof TWO - row->cut);
        assert_int_equal(usbdesc_interface_within(b.b, b.n, row->configuration, row->interface, row->listed, row->n),
                         row->expected);
        free(b.b);
}

int main(void) {
        struct CMUnitTest tests[2 * N(good) + N(bad) + N(manies) + N(withins) + 3];
        size_t n = 0;
        for (size_t i = 0; i < N(good); i++) {
                tests[n++] = (struct CMUnitTest){ good[i].name, test_good, NULL, NULL, (void *) (uintptr_t) &good[i] };
                tests[n++] = (struct CMUnitTest){ good[i].name, test_truncated_at_every_byte, NULL, NULL,
                                                  (void *) (uintptr_t) &good[i] };
        }
        for (size_t i = 0; i < N(bad); i++)
                tests[n++] = (struct CMUnitTest){ bad[i].name, test_bad, NULL, NULL, (void *) (uintptr_t) &bad[i] };
        for (size_t i = 0; i < N(manies); i++)
                tests[n++] =
                        (struct CMUnitTest){ manies[i].name, test_many, NULL, NULL, (void *) (uintptr_t) &manies[i] };
        for (size_t i = 0; i < N(withins); i++)
                tests[n++] = (struct CMUnitTest){ withins[i].name, test_within, NULL, NULL,
                                                  (void *) (uintptr_t) &withins[i] };
        tests[n++] = (struct CMUnitTest){ "size limit", test_size_limit, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "tail counts", test_tail_counts, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "outcome names", test_names, NULL, NULL, NULL };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
