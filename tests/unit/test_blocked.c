/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the watcher of the network says arrives as it was said, and what it could not have said is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/blocked.h"

static const struct blocked whole = { .id = 7,
                                      .kind = BLOCKED_FLOW,
                                      .direction = BLOCKED_FORWARD,
                                      .observed = true,
                                      .family = 6,
                                      .has_protocol = true,
                                      .protocol = 17,
                                      .ether_type = 0x86dd,
                                      .has_port = true,
                                      .port = 65535,
                                      .peer = { 0x20, 1, [15] = 9 },
                                      .own = { 0x20, 1, [15] = 1 },
                                      .has_mac = true,
                                      .mac = { { 2, 0, 0, 0, 0, 1 } },
                                      .uid = 1000,
                                      .pid = 41,
                                      .login_uid = 1001,
                                      .session = 3,
                                      .count = INT64_C(1) << 40,
                                      .bytes = 5,
                                      .first = 1790000000123,
                                      .last = 1790000000124,
                                      .interface = "eno1",
                                      .layer = "inet",
                                      .program = "/usr/bin/a b\n\xff",
                                      .command = "a b",
                                      .detail = "d",
                                      .code = "c" };

static void arrives_as_it_was_said(void **state) {
        (void) state;
        char bytes[BLOCKED_MESSAGE_MAX];
        int n = blocked_encode(&whole, bytes, sizeof bytes);
        assert_true(n > 0);
        struct blocked b;
        assert_int_equal(blocked_decode(bytes, (size_t) n, &b), 0);
        const int64_t numbers[][2] = {
                { (int64_t) b.id, 7 },
                { b.kind, whole.kind },
                { b.direction, whole.direction },
                { b.observed, 1 },
                { b.family, 6 },
                { b.has_protocol, 1 },
                { b.protocol, 17 },
                { b.ether_type, 0x86dd },
                { b.has_port, 1 },
                { b.port, 65535 },
                { b.has_mac, 1 },
                { b.uid, 1000 },
                { b.pid, 41 },
                { b.login_uid, 1001 },
                { b.session, 3 },
                { b.count, whole.count },
                { b.bytes, 5 },
                { b.first, whole.first },
                { b.last, whole.last },
        };
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                assert_int_equal(numbers[i][0], numbers[i][1]);
        assert_memory_equal(b.peer, whole.peer, 16);
        assert_memory_equal(b.own, whole.own, 16);
        assert_memory_equal(&b.mac, &whole.mac, 6);
        const char *const texts[][2] = { { b.interface, whole.interface }, { b.layer, whole.layer },
                                         { b.program, whole.program },     { b.command, whole.command },
                                         { b.detail, whole.detail },       { b.code, whole.code } };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                assert_string_equal(texts[i][0], texts[i][1]);
}

static void wrong_sizes(void **state) {
        (void) state;
        char bytes[BLOCKED_MESSAGE_MAX + 1];
        int n = blocked_encode(&whole, bytes, sizeof bytes);
        struct blocked b;
        for (int size = 0; size < n; size++) {
                assert_int_equal(blocked_decode(bytes, (size_t) size, &b), -EBADMSG);
                assert_int_equal(blocked_encode(&whole, bytes, (size_t) size), -EMSGSIZE);
        }
        n = blocked_encode(&whole, bytes, sizeof bytes);
        bytes[n] = 0;
        assert_int_equal(blocked_decode(bytes, (size_t) n + 1, &b), -EBADMSG);
        assert_int_equal(blocked_decode(bytes, sizeof bytes, &b), -EBADMSG);

        static char longest[BLOCKED_TEXT_MAX + 2];
        memset(longest, 'x', BLOCKED_TEXT_MAX + 1);
        struct blocked too_long = whole;
        too_long.program = longest;
        assert_int_equal(blocked_encode(&too_long, bytes, sizeof bytes), -EMSGSIZE);
        longest[BLOCKED_TEXT_MAX] = '\0';
        assert_true(blocked_encode(&too_long, bytes, sizeof bytes) > 0);
}

static void what_cannot_be(void **state) {
        (void) state;
        static const struct {
                const char *what;
                struct blocked b;
        } rows[] = {
                { "kind", { .kind = BLOCKED_KIND_MAX, .count = 1 } },
                { "direction", { .direction = BLOCKED_DIRECTION_MAX, .count = 1 } },
                { "family", { .family = 5, .count = 1 } },
                { "none", { .count = 0 } },
                { "less than none", { .count = -1 } },
                { "storm of none", { .kind = BLOCKED_STORM } },
                { "bytes", { .count = 1, .bytes = -1 } },
                { "time", { .count = 1, .first = 2, .last = 1 } },
        };
        char bytes[BLOCKED_MESSAGE_MAX];
        struct blocked b;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                int n = blocked_encode(&rows[i].b, bytes, sizeof bytes);
                assert_true(n > 0);
                if (blocked_decode(bytes, (size_t) n, &b) != -EBADMSG)
                        fail_msg("%s", rows[i].what);
        }
        const struct blocked watching = { .kind = BLOCKED_WATCHING };
        int n = blocked_encode(&watching, bytes, sizeof bytes);
        assert_int_equal(blocked_decode(bytes, (size_t) n, &b), 0);
}

static void names(void **state) {
        (void) state;
        static const struct {
                int number;
                enum protocol protocol;
        } rows[] = { { 6, PROTOCOL_TCP },     { 17, PROTOCOL_UDP },     { 132, PROTOCOL_SCTP }, { 1, PROTOCOL_ICMP },
                     { 58, PROTOCOL_ICMPV6 }, { 47, PROTOCOL_INVALID }, { 0, PROTOCOL_INVALID } };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct blocked b = { .has_protocol = true, .protocol = (uint8_t) rows[i].number };
                assert_int_equal(blocked_protocol(&b), rows[i].protocol);
                b.has_protocol = false;
                assert_int_equal(blocked_protocol(&b), PROTOCOL_INVALID);
        }
        assert_string_equal(blocked_kind_name(BLOCKED_STORM), "storm");
        assert_string_equal(blocked_direction_name(BLOCKED_FORWARD), "forward");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(arrives_as_it_was_said),
                cmocka_unit_test(wrong_sizes),
                cmocka_unit_test(what_cannot_be),
                cmocka_unit_test(names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
