/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sys/hwdb.h"

/* Whether this process has the database in its memory. */
static bool is_mapped(void) {
        char line[512];
        bool found = false;
        FILE *f = fopen("/proc/self/maps", "re");
        assert_non_null(f);
        while (fgets(line, sizeof line, f))
                found = found || strstr(line, "/hwdb.bin");
        assert_int_equal(fclose(f), 0);
        return found;
}

/* Vendor 1d6b is the Linux Foundation in every usb.ids; the database itself is this machine's. */
static void test_names(void **state) {
        (void) state;
        struct hwdb *h = NULL;
        assert_int_equal(hwdb_open(&h), 0);
        char name[128] = "unset";
        hwdb_usb_name(h, 0x1d6b, 0x0002, name, sizeof name);
        if (!is_mapped()) {
                assert_string_equal(name, "");
                assert_null(hwdb_close(h));
                skip(); /* no hwdb.bin here */
        }
        hwdb_usb_name(h, 0x1d6b, 0x0002, name, sizeof name);
        assert_string_equal(name, "Linux Foundation 2.0 root hub");
        hwdb_usb_name(h, 0x1d6b, 0xfffe, name, sizeof name);
        assert_string_equal(name, "Linux Foundation");
        hwdb_pci_name(h, 0x8086, 0xfffe, name, sizeof name);
        assert_non_null(strstr(name, "Intel"));
        hwdb_pci_name(h, 0xfff0, 1, name, sizeof name);
        assert_string_equal(name, "");
        hwdb_usb_name(h, 0xfffe, 1, name, sizeof name);
        assert_string_equal(name, "");
        char narrow[6];
        hwdb_usb_name(h, 0x1d6b, 0x0002, narrow, sizeof narrow);
        assert_string_equal(narrow, "Linux");
        assert_null(hwdb_close(h));
}

static void test_at_rest(void **state) {
        (void) state;
        struct hwdb *h = NULL;
        assert_int_equal(hwdb_open(&h), 0);
        assert_false(is_mapped()); /* nobody has asked */
        char first[128], again[128];
        hwdb_usb_name(h, 0x1d6b, 0x0002, first, sizeof first);
        bool is_there = is_mapped();
        hwdb_rest(h);
        assert_false(is_mapped());
        hwdb_usb_name(h, 0x1d6b, 0x0002, again, sizeof again);
        assert_false(is_there && is_mapped()); /* it is remembered */
        assert_string_equal(first, again);
        for (uint16_t product = 0x8000; product < 0x8020; product++) {
                hwdb_usb_name(h, 0x1d6b, product, again, sizeof again); /* others take its place */
                assert_int_equal(is_mapped(), is_there);
                assert_string_equal(again, is_there ? "Linux Foundation" : "");
        }
        hwdb_usb_name(h, 0x1d6b, 0x0002, again, sizeof again);
        assert_string_equal(first, again);
        assert_null(hwdb_close(h));
}

static void test_without_a_database(void **state) {
        (void) state;
        char name[8] = "unset";
        hwdb_usb_name(NULL, 0x1d6b, 2, name, sizeof name);
        assert_string_equal(name, "");
        hwdb_rest(NULL);
        assert_null(hwdb_close(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_at_rest),
                                            cmocka_unit_test(test_without_a_database) };
        return cmocka_run_group_tests_name("hwdb", tests, NULL, NULL);
}
