/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of the clipboard: in memory of their own, which no core file has and which is wiped before it is given back.
 * Small ones are locked, as far as the limits of the process go. Owned by agent/session. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define BLOB_LOCK_MAX (256u * 1024u)

struct blob {
        unsigned references;
        uint8_t *bytes; /* NULL while room is 0 */
        size_t size, room;
};

struct blob *blob_new(void); /* NULL: no memory */
struct blob *blob_ref(struct blob *b);
struct blob *blob_unref(struct blob *b); /* NULL allowed */
DEFINE_FREEP(struct blob, blob_unref)

/* 0; -EFBIG: it would be larger than cap; -ENOMEM. On failure nothing has changed. */
int blob_append(struct blob *b, const void *bytes, size_t size, size_t cap);
