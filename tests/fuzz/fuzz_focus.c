/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as what sway answers: the first says of which kind, as the two that are read. */
#include <sys/types.h>

#include "fuzz.h"
#include "session/focus.h"

#define UNTOUCHED ((pid_t) -7)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        pid_t pid = UNTOUCHED;
        int r = (data[0] & 1 ? focus_of_event : focus_of_tree)((const char *) data + 1, size - 1, &pid);
        REQUIRE(r == 0 ? pid >= 0 : pid == UNTOUCHED);
        return 0;
}
