/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mynumber_scan() finds in a text, by both ways, in an order that does not depend on them. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "mynumber_private.h"

#define FOUND_MAX 64

struct found {
        struct mynumber_match list[FOUND_MAX];
        size_t n;
};

static inline bool collect(const struct mynumber_match *m, void *userdata) {
        struct found *f = userdata;
        assert_true(f->n < FOUND_MAX);
        f->list[f->n++] = *m;
        return true;
}

static inline int in_order(const void *a, const void *b) {
        const struct mynumber_match *x = a, *y = b;
        if (x->offset != y->offset)
                return x->offset < y->offset ? -1 : 1;
        if (x->encoding != y->encoding)
                return (int) x->encoding - (int) y->encoding;
        return (int) x->form - (int) y->form;
}

/* Member by member: what is between them is anything. */
static inline void assert_same_match(const struct mynumber_match *a, const struct mynumber_match *b) {
        assert_int_equal(a->offset, b->offset);
        assert_int_equal(a->length, b->length);
        assert_int_equal(a->encoding, b->encoding);
        assert_int_equal(a->form, b->form);
        assert_int_equal(a->score, b->score);
}

/* Both are put in order. */
static inline void assert_same(struct found *a, struct found *b) {
        qsort(a->list, a->n, sizeof *a->list, in_order);
        qsort(b->list, b->n, sizeof *b->list, in_order);
        assert_int_equal(a->n, b->n);
        for (size_t i = 0; i < a->n; i++)
                assert_same_match(&a->list[i], &b->list[i]);
}

/* In a block of its own, so that a sanitizer sees every byte beyond it; by both ways, which must agree. */
static inline void scan(const void *text, size_t size, struct found *ret) {
        struct found portable = { .n = 0 };
        uint8_t *bytes = malloc(size ? size : 1);
        assert_non_null(bytes);
        memcpy(bytes, text, size);
        ret->n = 0;
        assert_true(mynumber_scan(bytes, size, 0, size, collect, ret));
        assert_true(mynumber_scan_portable(bytes, size, 0, size, collect, &portable));
        free(bytes);
        assert_same(ret, &portable);
}
