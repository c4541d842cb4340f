/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serial number of a SCSI or SATA device: as it stands in its page, padded, cut, lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guards/bus_device.h"

#define N(a)       (sizeof(a) / sizeof *(a))
#define PAGE(text) (const uint8_t *) (text), sizeof(text) - 1

static const struct row {
        const char *name;
        const uint8_t *page;
        size_t size;
        const char *serial;
        bool good;
} rows[] = {
        { "QEMU's", PAGE("\x00\x80\x00\x04HD01"), "HD01", true },
        { "ATA's, padded in front", PAGE("\x00\x80\x00\x14             WD-1234"), "WD-1234", true },
        { "padded behind",
          PAGE("\x00\x80\x00\x06"
               "AB    "),
          "AB", true },
        { "NULs behind",
          PAGE("\x00\x80\x00\x04"
               "AB\0\0"),
          "AB", true },
        { "more bytes than it says",
          PAGE("\x00\x80\x00\x02"
               "ABCD"),
          "AB", true },
        { "blanks alone", PAGE("\x00\x80\x00\x03   "), "", true },
        { "empty", PAGE("\x00\x80\x00\x00"), "", true },
        { "no page", PAGE(""), "", true },
        { "cut in its head", PAGE("\x00\x80\x00"), "", false },
        { "fewer bytes than it says",
          PAGE("\x00\x80\x00\x05"
               "ABCD"),
          "", false },
        { "another page",
          PAGE("\x00\x83\x00\x04"
               "ABCD"),
          "", false },
        { "a NUL inside",
          PAGE("\x00\x80\x00\x03"
               "A\0B"),
          "", false },
        { "longer than there is room",
          PAGE("\x00\x80\x00\x20"
               "0123456789abcdef0123456789abcdef"),
          "", false },
};

static void test_serials(void **state) {
        (void) state;
        for (size_t i = 0; i < N(rows); i++) {
                char serial[32] = "untouched";
                bool good = bus_unit_serial(rows[i].page, rows[i].size, serial, sizeof serial);
                if (good != rows[i].good || strcmp(serial, rows[i].serial) != 0)
                        fail_msg("%s: %d \"%s\"", rows[i].name, good, serial);
        }
}

static void test_names(void **state) {
        (void) state;
        static const struct {
                const char *subsystem, *name;
                bool device;
        } names[] = {
                { "scsi", "0:0:0:0", true },  { "scsi", "host0", false },      { "scsi", "target0:0:0", false },
                { "mmc", "mmc0:aaaa", true }, { "pci", "0000:00:1f.2", true }, { "thunderbolt", "0-1", true },
                { "pci", "..", false },       { "serial", "serial0-0", true }, { "thunderbolt", "domain0", false },
                { "scsi", "", false },
        };
        for (size_t i = 0; i < N(names); i++) {
                const struct bus_kind *kind = bus_kind_of(names[i].subsystem);
                assert_non_null(kind);
                assert_int_equal(bus_name_is_device(kind, names[i].name), names[i].device);
        }
        assert_null(bus_kind_of("usb"));
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_serials), cmocka_unit_test(test_names) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
