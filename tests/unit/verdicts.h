/* SPDX-License-Identifier: GPL-2.0-or-later */
/* decide() and decide_linear() on the same facts: every test of a decision is a test that the two agree. */
#pragma once

#include <string.h>

#include <sekisho/decision.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define B(c) CLASS_BIT(CLASS_##c)

static inline void assert_same(const struct verdict *a, const struct verdict *b) {
        assert_int_equal(a->action, b->action);
        assert_int_equal(a->reason, b->reason);
        assert_int_equal(a->explicit_rule, b->explicit_rule);
        assert_int_equal(a->enforce, b->enforce);
        assert_ptr_equal(a->rule, b->rule);
        assert_ptr_equal(a->note, b->note);
        assert_int_equal(a->line, b->line);
        assert_ptr_equal(a->permit, b->permit);
        assert_ptr_equal(a->ticket, b->ticket);
        assert_int_equal(a->interfaces, b->interfaces);
        assert_int_equal(a->users.n, b->users.n);
        assert_ptr_equal(a->users.list, b->users.list);
        assert_int_equal(a->encrypted, b->encrypted);
        assert_int_equal(a->handle, b->handle);
        assert_int_equal(a->policy_serial, b->policy_serial);
}

static inline void decide_both(const struct policy *p, const struct facts *f, const struct context *c,
                               struct verdict *ret) {
        struct verdict linear;
        memset(ret, 0xee, sizeof *ret);
        memset(&linear, 0xdd, sizeof linear);
        decide(p, f, c, ret);
        decide_linear(p, f, c, &linear, NULL, NULL);
        assert_same(ret, &linear);
        assert_int_equal(ret->handle, 0);
        assert_int_equal(ret->policy_serial, p->header.serial);
}
