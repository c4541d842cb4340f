/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries of a folder, 32 bytes each: long names of FAT (in pieces, last first), sets of exFAT. */
#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "fat.h"

#define ENTRY            32u
#define ENTRIES_MAX      65536u
#define UNITS_MAX        255u
#define UNITS_SIZE       261u /* 20 pieces of 13, and one for the end */

#define FAT_VOLUME_LABEL 0x08
#define FAT_DIRECTORY    0x10
#define FAT_LONG_NAME    0x0f
#define EXFAT_FILE       0x85
#define EXFAT_STREAM     0xc0
#define EXFAT_NAME       0xc1
#define EXFAT_NO_TABLE   0x02
#define EXFAT_NAME_UNITS 15u

struct listing {
        int (*each)(struct volume *v, const struct volume_entry *e, void *userdata);
        void *userdata;
        uint32_t n;
        bool end;
        /* The name that is being put together */
        uint16_t units[UNITS_SIZE];
        unsigned n_units, piece; /* piece: the number that must come next; 0: there is no name */
        uint8_t checksum;
        /* exFAT: the set that is being read */
        struct volume_entry entry;
        unsigned secondary; /* entries of the set that are still to come */
        bool has_stream;
};

/* False: it is no name that could be one of ours: too long, not UTF-16, with a slash or control characters. */
static bool name_from_units(const uint16_t *units, unsigned n, char ret[VOLUME_NAME_SIZE]) {
        size_t used = 0;
        for (unsigned i = 0; i < n; i++) {
                uint32_t c = units[i];
                if (c >= 0xd800 && c < 0xdc00 && i + 1 < n && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000)
                        c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00u);
                else if (c >= 0xd800 && c < 0xe000)
                        return false;
                if (c < 0x20 || c == '/' || c == 0x7f || used + 4 > VOLUME_NAME_MAX)
                        return false;
                unsigned tail = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
                static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
                ret[used++] = (char) (lead[tail] | c >> (6 * tail));
                while (tail-- > 0)
                        ret[used++] = (char) (0x80 | (c >> (6 * tail) & 0x3f));
        }
        ret[used] = '\0';
        return used > 0;
}

/* ---- FAT ---- */

/* One piece of a long name. The last comes first, with 0x40 in its number. */
static void take_piece(struct listing *l, const uint8_t *e) {
        static const uint8_t offsets[13] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
        unsigned number = e[0] & 0x1f;
        if (e[0] & 0x40) {
                l->piece = number;
                l->checksum = e[13];
                l->n_units = number * 13;
        }
        if (number == 0 || number > 20 || number != l->piece || e[13] != l->checksum) {
                l->piece = 0;
                l->n_units = 0;
                return;
        }
        for (unsigned i = 0; i < 13; i++) {
                uint16_t unit = le16(e + offsets[i]);
                unsigned at = (number - 1) * 13 + i;
                if (unit == 0 && at < l->n_units)
                        l->n_units = at;
                l->units[at] = unit;
        }
        l->piece = number - 1; /* 0: the short entry must follow */
}

static uint8_t short_checksum(const uint8_t *e) {
        uint8_t sum = 0;
        for (int i = 0; i < 11; i++)
                sum = (uint8_t) ((sum >> 1 | sum << 7) + e[i]);
        return sum;
}

/* "POLICY~1.YAM"; bits 3 and 4 of byte 12: its parts are in small letters. Other than ASCII depends on a code page that
 * nobody tells. */
static bool short_name(const uint8_t *e, char ret[VOLUME_NAME_SIZE]) {
        size_t used = 0;
        for (unsigned i = 0; i < 11; i++) {
                uint8_t c = e[i];
                if (i == 8 && e[8] != ' ')
                        ret[used++] = '.';
                if (c == ' ')
                        continue;
                if (c < 0x20 || c > 0x7e || c == '/')
                        return false;
                bool small = e[12] & (i < 8 ? 0x08 : 0x10);
                ret[used++] = (char) (small && c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        ret[used] = '\0';
        return used > 0 && ret[0] != '.';
}

static int take_fat_entry(struct volume *v, struct listing *l, const uint8_t *e) {
        if (e[0] == 0) {
                l->end = true;
                return 0;
        }
        if ((e[11] & 0x3f) == FAT_LONG_NAME && e[0] != 0xe5) {
                take_piece(l, e);
                return 0;
        }
        bool has_name = l->n_units > 0 && l->n_units <= UNITS_MAX && l->piece == 0 && l->checksum == short_checksum(e);
        unsigned n = l->n_units;
        l->n_units = l->piece = 0;
        if (e[0] == 0xe5 || e[0] == '.' || e[11] & FAT_VOLUME_LABEL)
                return 0;
        struct volume_entry entry = { .directory = e[11] & FAT_DIRECTORY,
                                      .cluster = (uint32_t) le16(e + 26),
                                      .size = le32(e + 28) };
        if (v->bits == 32)
                entry.cluster |= (uint32_t) (le16(e + 20) & 0x0fff) << 16;
        if (has_name ? !name_from_units(l->units, n, entry.name) : !short_name(e, entry.name))
                return 0;
        return l->each(v, &entry, l->userdata);
}

/* ---- exFAT ---- */

static void take_exfat_file(struct listing *l, const uint8_t *e) {
        l->entry = (struct volume_entry){ .directory = le16(e + 4) & FAT_DIRECTORY };
        l->secondary = e[1];
        l->has_stream = false;
        l->n_units = 0;
        l->piece = 0;
}

static int take_exfat_name(struct volume *v, struct listing *l, const uint8_t *e) {
        for (unsigned i = 0; i < EXFAT_NAME_UNITS && l->n_units < l->piece; i++)
                l->units[l->n_units++] = le16(e + 2 + 2 * i);
        if (l->n_units < l->piece)
                return 0;
        l->secondary = 0; /* what else belongs to the set says nothing to us */
        if (!name_from_units(l->units, l->n_units, l->entry.name) || l->entry.name[0] == '.')
                return 0;
        return l->each(v, &l->entry, l->userdata);
}

static int take_exfat_entry(struct volume *v, struct listing *l, const uint8_t *e) {
        if (e[0] == 0) {
                l->end = true;
                return 0;
        }
        if (e[0] == EXFAT_FILE) {
                take_exfat_file(l, e);
                return 0;
        }
        if (l->secondary == 0)
                return 0;
        l->secondary--;
        if (e[0] == EXFAT_STREAM && !l->has_stream) {
                l->has_stream = true;
                l->piece = e[3]; /* units of the name */
                l->entry.contiguous = e[1] & EXFAT_NO_TABLE;
                l->entry.cluster = le32(e + 20);
                l->entry.size = le64(e + 24);
                if (le64(e + 8) < l->entry.size) /* what is behind the valid length was never written */
                        l->secondary = 0;
                return 0;
        }
        if (e[0] == EXFAT_NAME && l->has_stream && l->piece > 0)
                return take_exfat_name(v, l, e);
        return 0;
}

/* ---- folders ---- */

static int take_sectors(struct volume *v, struct listing *l, uint64_t first, uint32_t n) {
        for (uint32_t i = 0; i < n && !l->end; i++) {
                uint8_t b[SECTOR_MAX];
                int r = source_read(v->source, first + i, 1, b);
                for (uint32_t at = 0; r == 0 && !l->end && at < v->source->sector; at += ENTRY) {
                        if (++l->n > ENTRIES_MAX)
                                return -E2BIG;
                        r = v->exfat ? take_exfat_entry(v, l, b + at) : take_fat_entry(v, l, b + at);
                }
                if (r != 0)
                        return r;
        }
        return 0;
}

#define ENDED (-ECANCELED) /* inside: the last entry was seen */

static int take_cluster(struct volume *v, uint64_t first, void *userdata) {
        struct listing *l = userdata;
        int r = take_sectors(v, l, first, v->sectors);
        return r == 0 && l->end ? ENDED : r;
}

int volume_list(struct volume *v, const struct volume_entry *folder,
                int (*each)(struct volume *v, const struct volume_entry *e, void *userdata), void *userdata) {
        struct listing l = { .each = each, .userdata = userdata };
        if (!folder && !v->exfat && v->bits != 32)
                return take_sectors(v, &l, v->root_first, v->root_sectors);
        const struct volume_entry root = { .directory = true, .cluster = v->root };
        const struct volume_entry *from = folder ? folder : &root;
        uint64_t per_cluster = (uint64_t) v->sectors * v->source->sector, n = ENTRIES_MAX * ENTRY / per_cluster + 1;
        if (from->contiguous) /* its size says how far it goes */
                n = (from->size + per_cluster - 1) / per_cluster < n ? (from->size + per_cluster - 1) / per_cluster : n;
        int r = volume_clusters(v, from, n, take_cluster, &l);
        return r == ENDED ? 0 : r;
}
