/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting: the first at once, then by the minute; never more than there is room for, and never one packet less. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netlog/flows.h"

#define SECOND UINT64_C(1000000)
#define START  (100 * FLOWS_PERIOD_USEC)

static struct {
        size_t n, kinds[BLOCKED_KIND_MAX];
        int64_t packets, identified;
        struct blocked last;
        int refuse;
} told;

static void identify(const struct sighting *s, struct blocked *b, void *userdata) {
        (void) s;
        (void) userdata;
        told.identified++;
        b->pid = 5;
}

static int tell(const struct blocked *b, void *userdata) {
        (void) userdata;
        if (told.refuse)
                return told.refuse;
        assert_true(b->count >= 1 && b->first <= b->last);
        told.n++;
        told.kinds[b->kind]++;
        told.packets += b->count;
        told.last = *b;
        return 0;
}

static struct flows *f;

static int set_up(void **state) {
        (void) state;
        memset(&told, 0, sizeof told);
        const struct flows_teller teller = { identify, tell, NULL };
        return flows_new(&teller, &f);
}

static int tear_down(void **state) {
        (void) state;
        f = flows_free(f);
        return 0;
}

static struct sighting sighting(enum blocked_direction direction, uint32_t address, uint16_t port, int64_t uid) {
        struct sighting s = { .direction = direction, .uid = uid, .layer = "inet" };
        s.packet = (struct packet){ .ether_type = 0x0800,
                                    .family = 4,
                                    .has_protocol = true,
                                    .protocol = 17,
                                    .has_ports = true,
                                    .source_port = 4000,
                                    .destination_port = port,
                                    .length = 100 };
        memcpy(direction == BLOCKED_OUT ? s.packet.destination : s.packet.source, &address, 4);
        return s;
}

static void first_at_once_then_each_minute(void **state) {
        (void) state;
        const struct sighting s = sighting(BLOCKED_OUT, 1, 53, 1000);
        flows_count(f, &s, START, 1000);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.last.count, 1);
        assert_int_equal(told.last.uid, 1000);
        assert_int_equal(told.last.pid, 5);
        for (int i = 0; i < 1000; i++)
                flows_count(f, &s, START + SECOND, 2000 + i);
        for (uint64_t t = 0; t < FLOWS_PERIOD_USEC; t += SECOND)
                assert_true(flows_tick(f, START + t));
        assert_int_equal(told.n, 1);
        assert_true(flows_tick(f, START + FLOWS_PERIOD_USEC));
        assert_int_equal(told.n, 2);
        assert_int_equal(told.last.count, 1000);
        assert_int_equal(told.last.bytes, 100000);
        assert_int_equal(told.last.first, 2000);
        assert_int_equal(told.last.last, 2999);
        /* Quiet for a period: forgotten, so that the next one is told at once again. */
        assert_false(flows_tick(f, START + 2 * FLOWS_PERIOD_USEC));
        assert_int_equal(told.n, 2);
        flows_count(f, &s, START + 2 * FLOWS_PERIOD_USEC + SECOND, 9000);
        assert_int_equal(told.n, 3);
        assert_int_equal(told.identified, 3);
}

/* Each differs from the first in one thing, and is a flow of its own; what the sender may vary as it likes is not. */
static void what_tells_flows_apart(void **state) {
        (void) state;
        struct sighting s = sighting(BLOCKED_OUT, 1, 53, 1000), other[10];
        for (size_t i = 0; i < sizeof other / sizeof *other; i++)
                other[i] = s;
        other[0].uid = 1001;
        other[1].interface = 7;
        other[2].packet.destination_port = 54;
        other[3].packet.destination[3] = 9;
        other[4].packet.protocol = 6;
        other[5].observed = true;
        (void) strcpy(other[6].layer, "egress");
        other[7].has_mac = true;
        other[8].packet.ether_type = 0x86dd;
        other[9].packet.has_ports = false;
        flows_count(f, &s, START, 0);
        for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
                flows_count(f, &other[i], START, 0);
                assert_int_equal(told.n, 2 + i);
        }
        s.packet.source_port = 4001;
        s.packet.length = 3;
        flows_count(f, &s, START, 0);
        assert_int_equal(told.n, 11);
        struct sighting in = sighting(BLOCKED_IN, 1, 53, -1);
        flows_count(f, &in, START, 0);
        in.has_mac = true;
        in.mac[5] = 9;
        flows_count(f, &in, START, 0);
        assert_int_equal(told.n, 12);
}

static void flood_of_different_ones(void **state) {
        (void) state;
        const int64_t many = 200000;
        for (int64_t i = 0; i < many; i++) {
                struct sighting s = sighting(BLOCKED_OUT, (uint32_t) i, (uint16_t) i, 1000 + i % 100);
                flows_count(f, &s, START + (uint64_t) i, i);
        }
        assert_in_range(told.n, FLOWS_BURST, FLOWS_BURST + FLOWS_STORMS + 6);
        assert_int_equal(told.kinds[BLOCKED_FLOW], FLOWS_BURST);
        /* Users beyond the places for storms are told as several. */
        assert_int_equal(told.kinds[BLOCKED_STORM], FLOWS_STORMS + 1);
        flows_tell_all(f, START + SECOND);
        assert_int_equal(told.packets, many);
        assert_in_range(told.n, FLOWS_BURST, 2 * (FLOWS_BURST + FLOWS_STORMS + 6));
}

static void a_long_flood_stays_bounded(void **state) {
        (void) state;
        int64_t sent = 0;
        for (uint64_t second = 0; second < 3600; second++) {
                for (int i = 0; i < 20; i++, sent++) {
                        struct sighting s = sighting(BLOCKED_OUT, (uint32_t) sent, 9, 1000);
                        flows_count(f, &s, START + second * SECOND, (int64_t) second * 1000);
                }
                flows_tick(f, START + second * SECOND);
        }
        flows_tell_all(f, START + 3600 * SECOND);
        assert_int_equal(told.packets, sent);
        /* One new flow a second, and one storm a minute. */
        assert_in_range(told.n, 3600, FLOWS_BURST + 3600 + 62);
}

static void inbound_does_not_take_the_places(void **state) {
        (void) state;
        for (uint32_t i = 0; i < 100000; i++) {
                struct sighting s = sighting(i % 2 ? BLOCKED_IN : BLOCKED_FORWARD, i, 9, -1);
                flows_count(f, &s, START, 0);
        }
        size_t before = told.n;
        for (uint32_t i = 0; i < FLOWS_BURST; i++) {
                struct sighting s = sighting(BLOCKED_OUT, i, 9, 1000);
                flows_count(f, &s, START, 0);
                assert_int_equal(told.last.kind, BLOCKED_FLOW);
        }
        assert_int_equal(told.n, before + FLOWS_BURST);
}

static void kept_while_nobody_takes_it(void **state) {
        (void) state;
        const struct sighting s = sighting(BLOCKED_OUT, 1, 53, 1000);
        told.refuse = -EAGAIN;
        for (int i = 0; i < 10; i++)
                flows_count(f, &s, START, i);
        for (uint64_t i = 0; i < 3; i++)
                flows_tick(f, START + i * FLOWS_PERIOD_USEC);
        told.refuse = 0;
        flows_tick(f, START + 3 * FLOWS_PERIOD_USEC);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.last.count, 10);
        assert_int_equal(told.last.first, 0);
        assert_int_equal(told.last.last, 9);
}

static void lost_ones_are_told(void **state) {
        (void) state;
        flows_count_lost(f, 7, START, 5);
        assert_int_equal(told.last.kind, BLOCKED_LOST);
        assert_int_equal(told.last.count, 7);
        flows_count_lost(f, 1, START, 5);
        flows_count_lost(f, 2, START, 5);
        assert_int_equal(told.n, 1);
        assert_true(flows_tick(f, START + FLOWS_PERIOD_USEC));
        assert_int_equal(told.packets, 10);
        assert_false(flows_tick(f, START + 2 * FLOWS_PERIOD_USEC));
}

static void a_clock_that_was_set_back(void **state) {
        (void) state;
        const struct sighting s = sighting(BLOCKED_OUT, 1, 53, 1000);
        flows_count(f, &s, START, 1000);
        flows_count(f, &s, START, 900);
        flows_count(f, &s, START, 800);
        flows_tell_all(f, START);
        assert_int_equal(told.last.count, 2);
        assert_int_equal(told.last.first, 900);
        assert_int_equal(told.last.last, 900);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(first_at_once_then_each_minute),
                TEST(what_tells_flows_apart),
                TEST(flood_of_different_ones),
                TEST(a_long_flood_stays_bounded),
                TEST(inbound_does_not_take_the_places),
                TEST(kept_while_nobody_takes_it),
                TEST(lost_ones_are_told),
                TEST(a_clock_that_was_set_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
