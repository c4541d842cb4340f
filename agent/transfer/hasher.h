/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of open files, in a process of its own that can be killed: reading a medium may take for ever. It has no
 * capability, opens nothing, and gets each file as a descriptor. One file at a time. Private to agent/transfer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/transfer.h"

struct hasher;

struct hash_result {
        enum transfer_hash hash;
        int64_t size; /* bytes that were hashed; -1: not known */
        uint8_t sha256[TRANSFER_HASH_SIZE];
};

/* Forks. done is called once for each hasher_begin(). 0 or -errno. */
int hasher_new(sd_event *event, void (*done)(const struct hash_result *result, void *userdata), void *userdata,
               struct hasher **ret);
struct hasher *hasher_free(struct hasher *h); /* NULL allowed */

bool hasher_is_busy(const struct hasher *h);
/* fd: borrowed, open for reading; its position is moved. size: as the file system says, for the limit. 0; -EBUSY; other
 * -errno: it cannot be hashed now. */
int hasher_begin(struct hasher *h, int fd, int64_t size);
