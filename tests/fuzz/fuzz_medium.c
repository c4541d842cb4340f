/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File systems of sticks. A medium is mostly nothing, so the input is a list of pieces: 4 bytes of sector number, 2 of
 * length, and the bytes. Beyond not crashing: it ends, it stays within its budget, and what is called a file is whole.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "medium/collect.h"

#define SECTOR  512u
#define SECTORS 131072u /* 64 MiB: FAT32 has no fewer than 65525 clusters */
#define PIECES  512u
#define BUDGET  20000u

static struct piece {
        uint64_t at; /* bytes */
        size_t size;
        const uint8_t *bytes;
} pieces[PIECES];
static size_t n_pieces;
static uint64_t reads;

static int read_image(struct source *s, uint64_t first, uint32_t count, uint8_t *buffer) {
        REQUIRE(count > 0 && first < s->n && count <= s->n - first);
        reads += count;
        uint64_t begin = first * SECTOR, end = begin + (uint64_t) count * SECTOR;
        memset(buffer, 0, (size_t) count * SECTOR);
        for (size_t i = 0; i < n_pieces; i++) {
                const struct piece *p = &pieces[i];
                uint64_t from = p->at > begin ? p->at : begin, to = p->at + p->size < end ? p->at + p->size : end;
                if (from < to)
                        memcpy(buffer + (from - begin), p->bytes + (from - p->at), (size_t) (to - from));
        }
        return 0;
}

static int take(enum carried_kind kind, const char *name, const uint8_t *bytes, uint32_t size, void *userdata) {
        unsigned *n = userdata;
        REQUIRE(++*n <= CARRIED_FILES_MAX);
        size_t length = strlen(name);
        REQUIRE(length > 0 && length <= CARRIED_NAME_MAX && !strchr(name, '/') && name[0] != '.');
        for (size_t i = 0; i < length; i++)
                REQUIRE((uint8_t) name[i] >= 0x20);
        REQUIRE(kind == CARRIED_FILE || size == 0);
        uint8_t sum = 0;
        for (uint32_t i = 0; i < size; i++)
                sum = (uint8_t) (sum + bytes[i]);
        REQUIRE(size <= CARRIED_FILE_MAX);
        return sum == 0xff ? -ECANCELED : 0; /* whoever listens may hang up */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        for (n_pieces = 0; size >= 6 && n_pieces < PIECES; n_pieces++) {
                size_t sector =
                        (size_t) data[0] | (size_t) data[1] << 8 | (size_t) data[2] << 16 | (size_t) data[3] << 24;
                size_t n = (size_t) data[4] | (size_t) data[5] << 8;
                data += 6;
                size -= 6;
                n = n < size ? n : size;
                pieces[n_pieces] = (struct piece){ .at = sector % SECTORS * SECTOR, .size = n, .bytes = data };
                data += n;
                size -= n;
        }
        struct source s = { .sector = SECTOR, .n = SECTORS, .read = read_image, .fd = -1, .budget = BUDGET };
        unsigned n = 0;
        reads = 0;
        const char *outcome = collect(&s, take, &n);
        REQUIRE(outcome && strlen(outcome) <= 16 && reads <= BUDGET);
        return 0;
}
