/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page in which a SCSI or SATA device says its serial number. What must hold: the text is the page's, whole,
 * without blanks around it, or there is none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "guards/bus_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char serial[64];
        bool good = bus_unit_serial(data, size, serial, sizeof serial);
        size_t n = strlen(serial);
        REQUIRE(good || n == 0);
        REQUIRE(n + 4 <= size || n == 0);
        REQUIRE(n == 0 || (serial[0] != ' ' && serial[n - 1] != ' '));
        REQUIRE(n == 0 || memmem(data, size, serial, n));
        return 0;
}
