/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bundle of files that proves its own wholeness: a folder, or one tar file (ustar, POSIX.1), with the SHA-256 of each
 * file in SHA256SUMS, as sha256sum -c reads it, and a signature over that. Private to agent/ctl. */
#pragma once

#include <stdio.h>

#include "ctl.h"

#define BUNDLE_SUMS "SHA256SUMS"

struct bundle;
struct ssh_key;

/* path: ends in ".tar", or is a folder to be made. Neither may be there yet. For its owner alone. OUTCOME_YES, or
 * another after a complaint. */
enum outcome bundle_new(const char *path, int64_t now, struct bundle **ret);
/* One tar file whatever the path's ending, sealed to a key (sealed.h) unless to is NULL. */
enum outcome bundle_new_tar(const char *path, int64_t now, const struct ssh_key *to, struct bundle **ret);
struct bundle *bundle_free(struct bundle *b);
DEFINE_FREEP(struct bundle, bundle_free)

/* name: "record/agent/audit.jsonl"; letters, digits, "-", "_", "." and "/" only. 0 or -errno; -EINVAL: not such a name,
 * or it is there. */
int bundle_add(struct bundle *b, const char *name, const void *bytes, size_t size);
/* The first size bytes behind fd's beginning; -ENODATA: there are fewer. */
int bundle_add_fd(struct bundle *b, const char *name, int fd, uint64_t size);

/* A file that is written by stdio: opened by the one, added and closed by the other. NULL: no memory, no room. */
FILE *bundle_begin_file(void);
int bundle_end_file(struct bundle *b, const char *name, FILE *f);

/* Closes the bundle: SHA256SUMS, and, where key is not NULL, SHA256SUMS.sig by ssh-keygen in this namespace.
 * OUTCOME_YES, or another after a complaint. */
enum outcome bundle_seal(struct bundle *b, const char *key, const char *namespace);

/* Closes the bundle as it is: what proves its wholeness is in it already. 0 or -errno. */
int bundle_end(struct bundle *b);

size_t bundle_files(const struct bundle *b);
