/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key that signs a log's anchors, and how one follows on another. Private to agent/audit.
 *
 * One file, record.key, mode 0600: the current key, and while a segment is being closed the next one beside it. Order
 * of a succession: keyring_prepare() puts the next key on the disk beside the current one; the anchor that names it is
 * signed with the current one and synced; keyring_advance() leaves the next alone in the file, and overwrites what was
 * there. Killed at any moment, the log tells whether the anchor was written: keyring_pending().
 * Secrets lie in one page that is in no core file, and is empty in a process that was forked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "audit/anchor.h"
#include "base/file.h"

#define KEYRING_FILE "record.key"

struct keyring;

/* directory: below the root; made (0700) if it is not there. Makes the first key if there is none: *ret_fresh.
 * Likewise in place of one that is damaged. 0; -EPERM: the file or its directory belongs to somebody else, or others
 * may write there or read it; -errno. */
int keyring_open(const struct root *root, const char *directory, struct keyring **ret, bool *ret_fresh);
struct keyring *keyring_free(struct keyring *k); /* wipes; NULL allowed */

const char *keyring_public(const struct keyring *k);  /* hex */
const char *keyring_pending(const struct keyring *k); /* hex; "": none is prepared */
const uint8_t *keyring_secret(const struct keyring *k);

/* Each: 0 or -errno; on failure the file holds what it held. */
int keyring_prepare(struct keyring *k);
int keyring_advance(struct keyring *k); /* on failure the next key is current in memory all the same */
void keyring_drop_pending(struct keyring *k);
