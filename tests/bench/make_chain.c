/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Very many short records in one chain, in segments as the agent closes them: refused connections of some 300 bytes,
 * which verify, replay and the report of a fleet read like any other record.
 *
 *   make_chain DIRECTORY RECORDS
 *
 * DIRECTORY must not be there. Without anchors: a signature would be what is measured.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/chain.h"
#include "audit/log.h"
#include "audit/segments.h"
#include "base/cleanup.h"

#define FIRST UINT64_C(1764547200) /* 2025-12-01 */
#define YEAR  UINT64_C(31536000)

static FILE *begin_segment(const char *directory, uint32_t number) {
        char name[SEGMENT_NAME_SIZE], path[4096];
        segment_name(number, name);
        (void) snprintf(path, sizeof path, "%s/%s", directory, name);
        return fopen(path, "wxe");
}

static int format(char line[static 1024], uint64_t seq, uint64_t records, const char *prev) {
        return snprintf(
                line, 1024,
                "{\"class_uid\":4001,\"time\":%" PRIu64 ",\"metadata\":{\"event_code\":\"network-blocked\"},"
                "\"device\":{\"uid\":\"1\"},\"unmapped\":{\"sekisho\":{\"action\":\"block\",\"enforce\":true,"
                "\"network\":{\"direction\":\"out\",\"protocol\":\"tcp\",\"peer\":\"10.20.%u.%u\",\"port\":443},"
                "\"log\":\"agent\",\"seq\":%" PRIu64 ",\"prev\":\"%s\"}}}",
                (FIRST + seq * YEAR / records) * 1000, (unsigned) (seq / 200 % 5), (unsigned) (seq % 200), seq, prev);
}

int main(int argc, char **argv) {
        uint64_t records = argc == 3 ? strtoull(argv[2], NULL, 10) : 0, size = 0;
        char line[1024], head[CHAIN_HEX + 1];
        uint32_t segment = 0;
        FILE *f = NULL;
        if (records == 0 || records > UINT64_C(1000000000) || mkdir(argv[1], 0755) < 0)
                return 1;
        memcpy(head, chain_zeros, sizeof head);
        for (uint64_t seq = 1; seq <= records; seq++) {
                if (!f || size >= SEGMENT_BYTES) {
                        if (f && fclose(f) != 0)
                                return 1;
                        f = begin_segment(argv[1], ++segment);
                        size = 0;
                }
                int n = format(line, seq, records, head);
                if (!f || n < 0 || fwrite(line, 1, (size_t) n, f) != (size_t) n || fputc('\n', f) == EOF)
                        return 1;
                chain_hash(line, (size_t) n, head);
                size += (size_t) n + 1;
        }
        return fclose(f) == 0 ? 0 : 1;
}
