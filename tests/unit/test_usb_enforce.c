/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the USB guard does about a verdict, and reads back. */
#include "usb_guard_fixture.h"

static void test_opens_shuts_and_reads_back(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        f->allow = true;
        start(f);
        run(f, 2);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_true(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '1');

        struct verdict v = { .action = ACTION_BLOCK, .enforce = true, .handle = f->handle };
        unsigned before = f->n_effects;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        run(f, before + 1);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_false(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '0');

        /* Observe mode: the action says block, the door opens. */
        v.enforce = false;
        before = f->n_effects;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        run(f, before + 1);
        assert_int_equal(authorized(f, "1-2"), '1');

        v.handle = 4711;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 1);
}

/* Keyboard and storage in one configuration. What a kernel does with the files is seen in the terminal's scenarios;
 * here is seen which files are written, and what is made of what they say. */
static void plug_composite(const struct fixture *f) {
        static const uint8_t bytes[] = { 18, 1, 0, 2, 0, 0,  0, 64, 0xe6, 0x04, 0x16, 0x51, 0, 1,    0,
                                         0,  0, 1, 9, 2, 36, 0, 2,  1,    0,    0x80, 50,   9, 4,    0,
                                         0,  0, 3, 1, 1, 0,  9, 4,  1,    0,    0,    8,    6, 0x50, 0 };
        plug(f, "1-2", 2, 3);
        put(f, USB_DEVICES "/1-2", "descriptors", bytes, sizeof bytes);
        put_text(f, USB_DEVICES "/1-2", "bConfigurationValue", "1\n");
        put_text(f, USB_DEVICES "/usb1", "interface_authorized_default", "0\n"); /* left so by a killed agent */
        put_text(f, "sys/bus/usb", "drivers_probe", "");
        for (int i = 0; i < 2; i++) {
                char directory[64];
                (void) snprintf(directory, sizeof directory, USB_DEVICES "/1-2/1-2:1.%d", i);
                assert_int_equal(root_mkdirs(&f->root, directory, 0700), 0);
                put_text(f, directory, "bInterfaceNumber", i ? "01\n" : "00\n");
                put_text(f, directory, "authorized", i ? "1\n" : "0\n"); /* each the wrong way round */
        }
}

static bool has_mark(const struct fixture *f) {
        return faccessat(f->root.fd, "run/sekisho/root-only/1-2", F_OK, 0) == 0;
}

static void apply_and_run(struct fixture *f, const struct verdict *v) {
        unsigned before = f->n_effects;
        assert_int_equal(usb_guard_ops.apply(f->guard, v), 0);
        run(f, before + 1);
}

static void test_opens_in_part(void **state) {
        struct fixture *f = *state;
        plug_composite(f);
        start(f);
        run(f, 2); /* shut */
        assert_int_equal(authorized(f, "usb1"), '1');
        char line[64];
        int hub = openat(f->root.fd, USB_DEVICES "/usb1", O_PATH | O_CLOEXEC);
        assert_true(file_read_line_at(hub, "interface_authorized_default", line, sizeof line - 1) > 0);
        assert_string_equal(line, "1");

        struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle, .interfaces = 1 };
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_true(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.0"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '0');
        assert_true(has_mark(f));
        int bus = openat(f->root.fd, "sys/bus/usb", O_PATH | O_CLOEXEC);
        assert_true(file_read_line_at(bus, "drivers_probe", line, sizeof line - 1) > 0);
        assert_string_equal(line, "1-2:1.0");
        assert_true(file_read_line_at(hub, "interface_authorized_default", line, sizeof line - 1) > 0);
        assert_string_equal(line, "1");

        put_text(f, USB_DEVICES "/1-2/1-2:1.1", "authorized", "1\n"); /* somebody else opens the stranger */
        apply_and_run(f, &v);
        assert_string_equal(f->trouble, "drift");
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '0');

        v.interfaces = 0;
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '1');
        assert_false(has_mark(f));
        (void) close(hub);
        (void) close(bus);
}

/* Without the root hub's file the strangers could not be held: the device stays shut. */
static void test_part_needs_the_hub(void **state) {
        struct fixture *f = *state;
        plug_composite(f);
        remove_below(f, USB_DEVICES "/usb1/interface_authorized_default");
        start(f);
        run(f, 2);
        const struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle, .interfaces = 1 };
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_FAILED);
        assert_int_equal(authorized(f, "1-2"), '0');
}

static void test_last_word_counts(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        start(f);
        struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle };
        for (int i = 0; i < 9; i++) {
                v.action = i % 2 ? ACTION_BLOCK : ACTION_ALLOW; /* while the first is with a worker */
                assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        }
        v.action = ACTION_BLOCK;
        assert_int_equal(usb_guard_ops.apply(f->guard, &v), 0);
        for (int i = 0; i < 25; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(authorized(f, "1-2"), '0');
        assert_false(f->effect.open);
}

/* ---- prepare(): a worker reads while the decision is being recorded ---- */

static void settle(struct fixture *f) {
        for (int i = 0; i < 25; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
}

static void test_promise_kept(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        f->allow = f->promise = true;
        start(f);
        run(f, 2);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_true(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '1');
        assert_int_equal(f->n_trouble, 0);
}

/* Nothing opens by being promised, however long the verdict takes. */
static void test_promise_not_yet_kept(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        f->allow = f->promise = f->waits = true;
        start(f);
        settle(f);
        assert_int_equal(authorized(f, "1-2"), '0');
        assert_int_equal(f->n_effects, 1); /* the root hub's */
        const struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle };
        apply_and_run(f, &v);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_int_equal(authorized(f, "1-2"), '1');
}

/* The record failed, say. It is shut, and can be opened later. */
static void test_promise_broken(void **state) {
        struct fixture *f = *state;
        plug(f, "1-2", 2, 0x0b);
        f->allow = f->promise = f->refuse = true;
        start(f);
        run(f, 2);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_false(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '0');
        const struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle };
        apply_and_run(f, &v);
        assert_true(f->effect.open);
        assert_int_equal(authorized(f, "1-2"), '1');
}

/* The whole device was promised, the verdict opens it in part: no stranger is open at the end. */
static void test_promised_more_than_allowed(void **state) {
        struct fixture *f = *state;
        plug_composite(f);
        f->allow = f->promise = f->waits = true;
        start(f);
        const struct verdict v = { .action = ACTION_ALLOW, .enforce = true, .handle = f->handle, .interfaces = 1 };
        apply_and_run(f, &v);
        settle(f);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_int_equal(authorized(f, "1-2"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.0"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '0');
        assert_true(has_mark(f));
}

static void test_promised_in_part(void **state) {
        struct fixture *f = *state;
        plug_composite(f);
        f->allow = f->promise = true;
        f->interfaces = 1;
        start(f);
        run(f, 2);
        assert_int_equal(f->effect.result, EFFECT_AS_DECIDED);
        assert_int_equal(authorized(f, "1-2/1-2:1.0"), '1');
        assert_int_equal(authorized(f, "1-2/1-2:1.1"), '0');
        assert_true(has_mark(f));
}

/* Pulled before the verdict, more often than there are workers: none of them waits for ever. */
static void test_gone_before_the_verdict(void **state) {
        struct fixture *f = *state;
        f->allow = f->promise = f->waits = true;
        start(f);
        for (unsigned i = 0; i < 3 * WORKERS; i++) {
                plug(f, "1-2", 2, 0x0b);
                assert_int_equal(usb_guard_ops.resync(f->guard), 0);
                remove_below(f, USB_DEVICES "/1-2");
                assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        }
        assert_int_equal(f->n_gone, 3 * WORKERS);
        f->waits = false;
        plug(f, "1-3", 3, 0x0b);
        unsigned before = f->n_effects;
        assert_int_equal(usb_guard_ops.resync(f->guard), 0);
        run(f, before + 2); /* the root hub's, too */
        for (int i = 0; i < 500 && authorized(f, "1-3") != '1'; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_int_equal(authorized(f, "1-3"), '1');
        assert_int_equal(f->n_trouble, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_opens_shuts_and_reads_back),
                CASE(test_opens_in_part),
                CASE(test_part_needs_the_hub),
                CASE(test_last_word_counts),
                CASE(test_promise_kept),
                CASE(test_promise_not_yet_kept),
                CASE(test_promise_broken),
                CASE(test_promised_more_than_allowed),
                CASE(test_promised_in_part),
                CASE(test_gone_before_the_verdict),
        };
        return cmocka_run_group_tests_name("usb_enforce", tests, NULL, NULL);
}
