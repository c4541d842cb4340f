/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of atoms that any program of the session may have written. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"
#include "session/pairs.h"
#include "session/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint32_t wanted[] = { 1, 0x20202020, 0x41414141 };
        if (size < 1)
                return 0;
        struct pairs p;
        if (pairs_read(data + 1, size - 1, data[0], &p) == 0 && (p.n == 0 || p.n > PAIRS_MAX))
                abort();
        if (atoms_listed(data + 1, size - 1, data[0], wanted, 3) > 7)
                abort();
        struct blob *b = blob_new();
        if (b && blob_append(b, data, size, size) == 0) {
                (void) blob_unref(target_convert(b, FORM_LATIN1));
                (void) blob_unref(target_convert(b, FORM_COMPOUND));
                (void) blob_unref(target_from_latin1(b));
        }
        (void) blob_unref(b);
        return 0;
}
