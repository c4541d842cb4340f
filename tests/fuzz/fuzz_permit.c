/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a permit: refused with a reason, or whole, bound and limited; and any bytes as a code. */
#include <sekisho/permit.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#undef NDEBUG
#include <assert.h>

/* What no permit may be without, whatever its text says. */
static void check(const struct permit *p) {
        assert(p->fleet && p->id && p->id[0] != '.' && !strchr(p->id, '/') && strlen(p->id) <= 64);
        assert(p->expires > p->issued && p->expires - p->issued <= PERMIT_LIFE_MAX);
        assert(p->target.n == 1 && strncmp(p->target.list[0], "host:", 5) == 0);
        assert(p->ticket && p->applicant && p->approver && p->purpose);
        assert(p->rule.has_vendor && p->rule.has_product && p->rule.serial && p->rule.descriptors);
        assert(p->rule.classes == (CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL)));
        assert(p->rule.action == ACTION_READ_ONLY || (p->rule.action == ACTION_ALLOW && p->max_bytes > 0));
        assert(p->rule.users.n > 0 && p->duration > 0 && p->duration <= PERMIT_LIFE_MAX && p->return_within > 0);
        assert(!permit_code_fits(p, "0000000000000000"));
}

static void read_code(const char *text) {
        char code[PERMIT_CODE_CHARS + 1], again[PERMIT_CODE_CHARS + 1];
        if (!permit_code_read(text, code))
                return;
        assert(strlen(code) == PERMIT_CODE_CHARS && permit_code_read(code, again) && strcmp(code, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (sodium_init() < 0)
                abort();
        /* The exact size, so that a read behind the end is seen. */
        char *text = malloc(size ? size : 1), *string = calloc(1, size + 1);
        assert(text && string);
        if (size) {
                memcpy(text, data, size);
                memcpy(string, data, size);
        }
        struct problems problems = { 0 };
        struct permit *p = NULL;
        int r = permit_parse(text, size, &problems, &p);
        assert(r == 0 ? p && problems.n_errors == 0 : r == 1 && problems.n_errors > 0);
        if (p)
                check(p);
        problems_clear(&problems);
        (void) permit_free(p);
        read_code(string);
        free(text);
        free(string);
        return 0;
}
