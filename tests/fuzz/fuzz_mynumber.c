/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes. What must hold: both ways report the same, and so does the exact parser at every place; a match lies
 * inside, is as long as its kind can be, and is reported again when the bytes are read in two pieces; nothing around it
 * changes what is no part of its context. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mynumber_places.h"
#include "mynumber_private.h"

#define SLOWLY 1024u

struct sum {
        size_t n, size, offsets;
        unsigned kinds;
};

static bool add(const struct mynumber_match *m, void *userdata) {
        struct sum *s = userdata;
        REQUIRE(m->offset < s->size && m->length <= s->size - m->offset && m->length >= 12 && m->length <= 64);
        REQUIRE(*mynumber_encoding_name(m->encoding) && *mynumber_form_name(m->form) && m->score <= 100);
        s->n++;
        s->offsets += m->offset * 31 + m->length;
        s->kinds += (unsigned) m->encoding * 7 + (unsigned) m->form;
        return true;
}

static bool same(const struct sum *a, const struct sum *b) {
        return a->n == b->n && a->offsets == b->offsets && a->kinds == b->kinds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *bytes = malloc(size ? size : 1);
        REQUIRE(bytes);
        if (size > 0)
                memcpy(bytes, data, size);
        struct sum whole = { .size = size }, portable = { .size = size }, pieces = { .size = size };
        size_t middle = size / 2;
        REQUIRE(mynumber_scan(bytes, size, 0, size, add, &whole));
        REQUIRE(mynumber_scan_portable(bytes, size, 0, size, add, &portable));
        REQUIRE(same(&whole, &portable));
        REQUIRE(mynumber_scan(bytes, size, 0, middle, add, &pieces) &&
                mynumber_scan(bytes, size, middle, size, add, &pieces));
        REQUIRE(same(&whole, &pieces));
        if (size <= SLOWLY) {
                struct sum places = { .size = size };
                mynumber_every_place(bytes, size, add, &places);
                REQUIRE(same(&whole, &places));
        }
        REQUIRE(whole.n > 0 || !mynumber_any(bytes, size));
        free(bytes);
        return 0;
}
