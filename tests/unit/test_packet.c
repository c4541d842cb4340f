/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where packets say they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netlog/packet.h"

#define IPV4(protocol, high, low) 0x45, 0, 0, 60, 0, 0, high, low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
#define FROM6                     0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define TO6                       0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define IPV6(next)                0x60, 0, 0, 0, 0, 32, next, 64, FROM6, TO6
#define PORTS                     0x9c, 0x40, 0x01, 0xbb
#define REST8                     0, 0, 0, 0, 0, 0

struct row {
        const char *name;
        uint16_t ether_type;
        uint8_t bytes[160];
        size_t size;
        struct {
                int family, protocol, port; /* 0, -1, -1: none */
                bool fragment;
                uint32_t length;
        } want;
};

static const struct row rows[] = {
        { "tcp", 0x0800, { IPV4(6, 0, 0), PORTS }, 24, { 4, 6, 443, false, 60 } },
        { "udp", 0x0800, { IPV4(17, 0, 0), PORTS }, 24, { 4, 17, 443, false, 60 } },
        { "no port is there", 0x0800, { IPV4(17, 0, 0), 0x9c, 0x40, 1 }, 23, { 4, 17, -1, false, 60 } },
        { "echo", 0x0800, { IPV4(1, 0, 0), 8 }, 21, { 4, 1, 8, false, 60 } },
        { "a protocol without ports", 0x0800, { IPV4(47, 0, 0), PORTS }, 24, { 4, 47, -1, false, 60 } },
        { "later fragment 4", 0x0800, { IPV4(17, 0, 9), PORTS }, 24, { 4, 17, -1, true, 60 } },
        { "first fragment 4", 0x0800, { IPV4(17, 0x20, 0), PORTS }, 24, { 4, 17, 443, false, 60 } },
        { "options",
          0x0800,
          { 0x46, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 7, 4, 4, 0, PORTS },
          28,
          { 4, 17, 443, false, 60 } },
        { "header shorter than it may be", 0x0800, { 0x44, 0, 0, 60 }, 60, { 0, -1, -1, false, 0 } },
        { "cut off", 0x0800, { IPV4(17, 0, 0) }, 19, { 0, -1, -1, false, 0 } },
        { "version 6 in a frame of version 4", 0x0800, { IPV6(17), PORTS }, 44, { 0, -1, -1, false, 0 } },
        { "version 4 in a frame of version 6", 0x86dd, { IPV4(17, 0, 0), PORTS }, 44, { 0, -1, -1, false, 0 } },
        { "tcp 6", 0x86dd, { IPV6(6), PORTS }, 44, { 6, 6, 443, false, 72 } },
        { "cut off 6", 0x86dd, { IPV6(6) }, 39, { 0, -1, -1, false, 0 } },
        { "destination options", 0x86dd, { IPV6(60), 17, 0, REST8, PORTS }, 52, { 6, 17, 443, false, 72 } },
        { "hop by hop, routing, options",
          0x86dd,
          { IPV6(0), 43, 0, REST8, 60, 0, REST8, 6, 0, REST8, PORTS },
          68,
          { 6, 6, 443, false, 72 } },
        { "first fragment", 0x86dd, { IPV6(44), 17, 0, 0, 1, 0, 0, 0, 1, PORTS }, 52, { 6, 17, 443, false, 72 } },
        { "later fragment", 0x86dd, { IPV6(44), 17, 0, 0, 9, 0, 0, 0, 1, PORTS }, 52, { 6, 17, -1, true, 72 } },
        { "extension longer than what is there",
          0x86dd,
          { IPV6(60), 17, 9, REST8, PORTS },
          52,
          { 6, 60, -1, false, 72 } },
        { "authentication header",
          0x86dd,
          { IPV6(51), 17, 1, REST8, 0, 0, 0, 0, PORTS },
          56,
          { 6, 17, 443, false, 72 } },
        { "who has",
          0x0806,
          { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2 },
          28,
          { 4, -1, -1, false, 28 } },
        { "arp of another link", 0x0806, { 0, 6, 8, 0, 6, 4 }, 28, { 0, -1, -1, false, 0 } },
        { "arp cut off", 0x0806, { 0, 1, 8, 0, 6, 4 }, 27, { 0, -1, -1, false, 0 } },
        { "something else", 0x88cc, { IPV4(6, 0, 0) }, 60, { 0, -1, -1, false, 0 } },
        { "nothing", 0x0800, { 0 }, 0, { 0, -1, -1, false, 0 } },
};

static void reads(void **state) {
        (void) state;
        static const uint8_t from4[4] = { 10, 0, 0, 1 }, to4[4] = { 10, 0, 0, 2 }, from6[16] = { FROM6 },
                             to6[16] = { TO6 };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct row *r = &rows[i];
                /* A block of its own size: the sanitizer sees who reads behind it. */
                uint8_t *bytes = malloc(r->size + 1);
                assert_non_null(bytes);
                memcpy(bytes, r->bytes, r->size);
                bytes = realloc(bytes, r->size ? r->size : 1);
                struct packet p;
                packet_parse(r->ether_type, bytes, r->size, &p);
                if (p.family != r->want.family || (p.has_protocol ? p.protocol : -1) != r->want.protocol ||
                    (p.has_ports ? p.destination_port : -1) != r->want.port || p.fragment != r->want.fragment ||
                    p.length != r->want.length)
                        fail_msg("%s: family %d, protocol %d, port %d, fragment %d, length %u", r->name, p.family,
                                 p.has_protocol ? p.protocol : -1, p.has_ports ? p.destination_port : -1, p.fragment,
                                 p.length);
                if (p.family == 4) {
                        assert_memory_equal(p.source, from4, 4);
                        assert_memory_equal(p.destination, to4, 4);
                } else if (p.family == 6) {
                        assert_memory_equal(p.source, from6, 16);
                        assert_memory_equal(p.destination, to6, 16);
                }
                free(bytes);
        }
}

/* Of every row and every length: never more than there is. */
static void cut_anywhere(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (size_t n = 0; n <= rows[i].size; n++) {
                        uint8_t *bytes = malloc(n ? n : 1);
                        assert_non_null(bytes);
                        memcpy(bytes, rows[i].bytes, n);
                        struct packet p;
                        packet_parse(rows[i].ether_type, bytes, n, &p);
                        assert_true(!p.has_ports || p.has_protocol);
                        free(bytes);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(reads), cmocka_unit_test(cut_anywhere) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
