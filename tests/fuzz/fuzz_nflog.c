/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the kernel's packet log, with packets of anybody's making in them. Beyond not crashing: what is read lies
 * inside of what was given (each input is a block of its own, so that the sanitizer sees), the same bytes are read the
 * same way, nothing is said of a packet that was not read, and what goes on to the agent arrives there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "netlog/nflog.h"

/* Byte by byte, padding too: nothing was written at all, or the same was written. */
static int same_bytes(const void *a, const void *b, size_t size) {
        return memcmp(a, b, size) == 0;
}

static void check_packet(const struct packet *p) {
        static const uint8_t nothing[16];
        REQUIRE(p->family == 0 || p->family == 4 || p->family == 6);
        REQUIRE(!p->has_ports || (p->has_protocol && !p->fragment));
        REQUIRE(p->has_ports || (p->source_port == 0 && p->destination_port == 0));
        if (p->family == 0)
                REQUIRE(!p->has_protocol && memcmp(p->source, nothing, 16) == 0 &&
                        memcmp(p->destination, nothing, 16) == 0);
        if (p->family == 4)
                REQUIRE(memcmp(p->source + 4, nothing, 12) == 0 && memcmp(p->destination + 4, nothing, 12) == 0);
}

static void check_sighting(const struct sighting *s) {
        REQUIRE(s->direction < BLOCKED_DIRECTION_MAX && strnlen(s->layer, sizeof s->layer) < sizeof s->layer);
        REQUIRE(*s->layer);
        for (const char *p = s->layer; *p; p++)
                REQUIRE(*p > ' ' && *p < 0x7f);
        REQUIRE(s->uid >= -1 && s->uid <= UINT32_MAX);
        check_packet(&s->packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        /* netlink's own alignment, and no byte more than there is */
        uint8_t *copy = malloc(size ? size : 1);
        REQUIRE(copy);
        memcpy(copy, data, size);
        struct sighting s, again;
        memset(&s, 0xee, sizeof s);
        const struct sighting untouched = s;
        int r = nflog_parse(copy, size, &s);
        if (r == 0) {
                check_sighting(&s);
                memset(&again, 0, sizeof again);
                REQUIRE(nflog_parse(copy, size, &again) == 0 && same_bytes(&again.packet, &s.packet, sizeof s.packet));
        } else {
                REQUIRE(same_bytes(&s, &untouched, sizeof s));
        }

        static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x1234 };
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
                struct packet p;
                packet_parse(types[i], copy, size, &p);
                check_packet(&p);
        }

        struct blocked b;
        uint8_t back[BLOCKED_MESSAGE_MAX];
        if (blocked_decode(copy, size, &b) == 0) {
                int n = blocked_encode(&b, back, sizeof back);
                REQUIRE(n == (int) size);
                struct blocked twice;
                REQUIRE(blocked_decode(back, (size_t) n, &twice) == 0 && twice.count == b.count);
        }
        free(copy);
        return 0;
}
