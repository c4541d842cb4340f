/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as a slot of the file ahead: what follows on a log lies within it, and is whole lines. The first byte
 * says whether the log is empty. */
#include <string.h>

#include "audit/ahead.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char slot[AHEAD_SLOT];
        if (size == 0 || size - 1 > sizeof slot)
                return 0;
        memset(slot, 0, sizeof slot);
        memcpy(slot, data + 1, size - 1);
        const char *lines = NULL;
        size_t n = ahead_find(slot, "agent", data[0] & 1, chain_zeros, &lines);
        REQUIRE(n == 0 || (lines > slot && lines + n <= slot + sizeof slot && lines[n - 1] == '\n'));
        return 0;
}
