/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sys/hwdb.h"

/* Vendor 1d6b is the Linux Foundation in every usb.ids; the database itself is this machine's. */
static void test_names(void **state) {
        (void) state;
        struct hwdb *h = NULL;
        if (hwdb_open(&h) < 0)
                skip(); /* no hwdb.bin here */
        char name[128] = "unset";
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

static void test_without_a_database(void **state) {
        (void) state;
        char name[8] = "unset";
        hwdb_usb_name(NULL, 0x1d6b, 2, name, sizeof name);
        assert_string_equal(name, "");
        assert_null(hwdb_close(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_without_a_database) };
        return cmocka_run_group_tests_name("hwdb", tests, NULL, NULL);
}
