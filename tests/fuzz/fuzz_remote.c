/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key files of others: read, changed, and changed back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "remote/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = calloc(1, size + 1), *changed = NULL, *again = NULL, *back = NULL;
        if (!text)
                return 0;
        memcpy(text, data, size);
        struct xrdp_settings s;
        remote_read_xrdp(text, text, &s);
        if (ini_set(text, "Channels", "cliprdr", "false", &changed) == 0 && changed) {
                /* What was set is set, and is not set again. */
                if (ini_set(changed, "Channels", "cliprdr", "false", &again) != 0 || again)
                        abort();
                if (ini_restore(changed, &back) != 0 || !back)
                        abort();
        }
        free(text);
        free(changed);
        free(back);
        return 0;
}
