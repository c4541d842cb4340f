/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file systems of sticks, read only: FAT12, FAT16, FAT32 with long names, exFAT; on the whole medium or in its
 * partitions (MBR, GPT). Every byte of them is hostile. Private to agent/medium.
 *
 * Formats: Microsoft "FAT32 File System Specification" 1.03; "exFAT file system specification" (2019); UEFI 2.9 chapter
 * 5 (GPT). Checksums of exFAT and GPT are not looked at: they protect against accidents, and signatures do against
 * both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "source.h"

#define VOLUME_NAME_MAX  255u /* bytes of UTF-8; an entry with a longer name is passed over */
#define VOLUME_NAME_SIZE (VOLUME_NAME_MAX + 1)

struct volume {
        struct source *source;
        bool exfat;
        unsigned bits;             /* of an entry of the table: 12, 16, 32 */
        uint64_t table, data;      /* first sectors */
        uint64_t table_sectors;    /* of one table */
        uint32_t sectors;          /* of a cluster */
        uint32_t n_clusters;       /* numbers 2 .. n_clusters + 1 */
        uint32_t root;             /* cluster; 0: the fixed folder of FAT12 and FAT16 */
        uint64_t root_first;       /* fixed folder: first sector */
        uint32_t root_sectors;     /* fixed folder */
        uint8_t cache[SECTOR_MAX]; /* one sector of the table */
        uint64_t cached;           /* its number plus one; 0: none */
};

struct volume_entry {
        char name[VOLUME_NAME_SIZE];
        bool directory;
        bool contiguous; /* exFAT: the table is not asked */
        uint32_t cluster;
        uint64_t size;
};

/* The volume that begins at a sector. 0; 1: none that we know; -errno. */
int volume_open(struct source *s, uint64_t first, struct volume *ret);

/* Hears each volume of a medium until it returns another value than 1, which is returned. 1: there is none; -errno. */
int volumes_each(struct source *s, int (*each)(struct volume *v, void *userdata), void *userdata);

/* Hears the first sector of each of at most n clusters, until each returns another value than 0, which is returned. A
 * folder's chain may end earlier. 0; -EILSEQ: the chain leads nowhere; other -errno. */
int volume_clusters(struct volume *v, const struct volume_entry *e, uint64_t n,
                    int (*each)(struct volume *v, uint64_t first_sector, void *userdata), void *userdata);

/* Hears each entry of a folder (NULL: the root) but ".", ".." and the label, until it returns another value than 0,
 * which is returned. 0 or -errno. */
int volume_list(struct volume *v, const struct volume_entry *folder,
                int (*each)(struct volume *v, const struct volume_entry *e, void *userdata), void *userdata);

/* Reads a whole file into buffer, which holds size + SECTOR_MAX bytes and is used as far as needed. 0; -EILSEQ: its
 * chain is broken; other -errno. */
int volume_read(struct volume *v, const struct volume_entry *e, uint8_t *buffer);
