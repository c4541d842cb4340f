/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a volume is, how large its parts are, and which clusters a file has. */
#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "fat.h"

#define GPT_ENTRIES_MAX 128u

static bool is_power_of_two(uint32_t n) {
        return n > 0 && (n & (n - 1)) == 0;
}

/* ---- boot sectors ---- */

/* 0; 1: it is none. */
static int take_exfat(const uint8_t *b, uint64_t first, struct volume *v) {
        unsigned sector_shift = b[108], cluster_shift = b[109];
        if (sector_shift < 9 || sector_shift > 12 || 1u << sector_shift != v->source->sector ||
            cluster_shift > 25 - sector_shift || b[110] < 1 || b[110] > 2)
                return 1;
        v->exfat = true;
        v->bits = 32;
        v->table = first + le32(b + 80);
        v->table_sectors = le32(b + 84);
        v->data = first + le32(b + 88);
        v->n_clusters = le32(b + 92);
        v->root = le32(b + 96);
        v->sectors = 1u << cluster_shift;
        return 0;
}

static int take_fat(const uint8_t *b, uint64_t first, struct volume *v) {
        uint32_t sector = le16(b + 11), reserved = le16(b + 14), copies = b[16], entries = le16(b + 17);
        uint32_t total = le16(b + 19) ? le16(b + 19) : le32(b + 32), table = le16(b + 22) ? le16(b + 22) : le32(b + 36);
        v->sectors = b[13];
        if (sector != v->source->sector || !is_power_of_two(v->sectors) || reserved == 0 || copies == 0 || copies > 4 ||
            table == 0)
                return 1;
        v->root_sectors = (entries * 32 + sector - 1) / sector;
        uint64_t before = reserved + (uint64_t) copies * table + v->root_sectors;
        if (before >= total)
                return 1;
        v->n_clusters = (uint32_t) ((total - before) / v->sectors);
        v->bits = v->n_clusters < 4085 ? 12 : v->n_clusters < 65525 ? 16 : 32;
        v->table = first + reserved;
        v->table_sectors = table;
        v->root_first = first + reserved + (uint64_t) copies * table;
        v->data = first + before;
        if (v->bits != 32)
                return entries > 0 ? 0 : 1;
        v->root = le32(b + 44) & 0x0fffffff;
        return entries == 0 && le16(b + 22) == 0 ? 0 : 1;
}

int volume_open(struct source *s, uint64_t first, struct volume *ret) {
        uint8_t b[SECTOR_MAX];
        int r = source_read(s, first, 1, b);
        if (r == -ERANGE)
                return 1;
        if (r < 0)
                return r;
        if (b[510] != 0x55 || b[511] != 0xaa)
                return 1;
        memset(ret, 0, sizeof *ret);
        ret->source = s;
        r = memcmp(b + 3, "EXFAT   ", 8) == 0 ? take_exfat(b, first, ret) : take_fat(b, first, ret);
        if (r != 0 || ret->n_clusters == 0 || ret->n_clusters > 0x0ffffff5)
                return 1;
        /* What does not lie on the medium is not there; the table must name every cluster. */
        uint64_t bits = (uint64_t) (ret->n_clusters + 2) * ret->bits;
        return ret->data + (uint64_t) ret->n_clusters * ret->sectors <= s->n &&
                               ret->table + ret->table_sectors <= s->n && bits <= ret->table_sectors * s->sector * 8
                       ? 0
                       : 1;
}

/* ---- partitions ---- */

static int try_at(struct source *s, uint64_t first, int (*each)(struct volume *v, void *userdata), void *userdata) {
        struct volume v;
        int r = volume_open(s, first, &v);
        return r == 0 ? each(&v, userdata) : r;
}

static int gpt_each(struct source *s, int (*each)(struct volume *v, void *userdata), void *userdata) {
        uint8_t b[SECTOR_MAX];
        int r = source_read(s, 1, 1, b);
        if (r < 0 || memcmp(b, "EFI PART", 8) != 0)
                return r < 0 && r != -ERANGE ? r : 1;
        uint64_t table = le64(b + 72);
        uint32_t n = le32(b + 80), size = le32(b + 84);
        if (size != 128 || table < 2)
                return 1;
        n = n < GPT_ENTRIES_MAX ? n : GPT_ENTRIES_MAX;
        uint32_t per_sector = s->sector / size;
        for (uint32_t i = 0; i < n; i++) {
                if (i % per_sector == 0)
                        r = source_read(s, table + i / per_sector, 1, b);
                if (r < 0)
                        return r == -ERANGE ? 1 : r;
                static const uint8_t unused[16];
                const uint8_t *entry = b + (size_t) (i % per_sector) * size;
                if (memcmp(entry, unused, sizeof unused) == 0)
                        continue;
                r = try_at(s, le64(entry + 32), each, userdata);
                if (r != 1)
                        return r;
        }
        return 1;
}

int volumes_each(struct source *s, int (*each)(struct volume *v, void *userdata), void *userdata) {
        uint8_t b[SECTOR_MAX];
        int r = try_at(s, 0, each, userdata);
        if (r != 1)
                return r;
        r = source_read(s, 0, 1, b);
        if (r < 0 || b[510] != 0x55 || b[511] != 0xaa)
                return r < 0 && r != -ERANGE ? r : 1;
        for (int i = 0; i < 4; i++) {
                const uint8_t *p = b + 446 + 16 * i;
                if (p[4] == 0 || le32(p + 8) == 0)
                        continue;
                r = p[4] == 0xee ? gpt_each(s, each, userdata) : try_at(s, le32(p + 8), each, userdata);
                if (r != 1)
                        return r;
        }
        return 1;
}

/* ---- clusters ---- */

/* One byte of the table. The sector that was read last is kept: chains lie close together. */
static int table_byte(struct volume *v, uint64_t at, uint8_t *ret) {
        uint64_t sector = v->table + at / v->source->sector;
        if (v->cached != sector + 1) {
                v->cached = 0;
                int r = source_read(v->source, sector, 1, v->cache);
                if (r < 0)
                        return r;
                v->cached = sector + 1;
        }
        *ret = v->cache[at % v->source->sector];
        return 0;
}

/* 0 with *ret == 0: it was the last. */
static int next_cluster(struct volume *v, uint32_t cluster, uint32_t *ret) {
        uint64_t at = (uint64_t) cluster * v->bits / 8;
        uint8_t b[4] = { 0 };
        for (unsigned i = 0; i < (v->bits + 7) / 8; i++) {
                int r = table_byte(v, at + i, &b[i]);
                if (r < 0)
                        return r;
        }
        uint32_t value = v->bits == 32 ? le32(b) : le16(b);
        if (v->bits == 12)
                value = cluster & 1 ? value >> 4 : value & 0xfff;
        if (v->bits == 32 && !v->exfat)
                value &= 0x0fffffff;
        uint32_t end = v->bits == 12 ? 0xff8 : v->bits == 16 ? 0xfff8 : v->exfat ? 0xfffffff8 : 0x0ffffff8;
        *ret = value >= end ? 0 : value;
        return 0;
}

int volume_clusters(struct volume *v, const struct volume_entry *e, uint64_t n,
                    int (*each)(struct volume *v, uint64_t first_sector, void *userdata), void *userdata) {
        uint32_t cluster = e->cluster;
        for (uint64_t i = 0; i < n; i++) {
                if (cluster < 2 || cluster - 2 >= v->n_clusters)
                        return -EILSEQ;
                int r = each(v, v->data + (uint64_t) (cluster - 2) * v->sectors, userdata);
                if (r == 0 && i + 1 < n) {
                        if (e->contiguous)
                                cluster++;
                        else
                                r = next_cluster(v, cluster, &cluster);
                        if (r == 0 && cluster == 0)
                                return e->directory ? 0 : -EILSEQ;
                }
                if (r != 0)
                        return r;
        }
        return 0;
}

struct filling {
        uint8_t *buffer;
        uint64_t left;
};

static int fill(struct volume *v, uint64_t first, void *userdata) {
        struct filling *f = userdata;
        uint64_t sectors = (f->left + v->source->sector - 1) / v->source->sector;
        uint32_t n = sectors < v->sectors ? (uint32_t) sectors : v->sectors;
        int r = source_read(v->source, first, n, f->buffer);
        if (r < 0)
                return r;
        uint64_t got = (uint64_t) n * v->source->sector;
        f->buffer += got;
        f->left -= got < f->left ? got : f->left;
        return 0;
}

int volume_read(struct volume *v, const struct volume_entry *e, uint8_t *buffer) {
        struct filling f = { .buffer = buffer, .left = e->size };
        uint64_t cluster = (uint64_t) v->sectors * v->source->sector;
        return volume_clusters(v, e, (e->size + cluster - 1) / cluster, fill, &f);
}
