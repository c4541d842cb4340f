/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a document (policy, trust, permit, signature) once, safely, into memory.
 *
 * This is the only place where the policy library touches the file system. A document arrives from
 * people and media that are not trusted: it may be a link, a FIFO, a directory, a device, larger than
 * the cap, or be swapped while it is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* In bytes. A policy may list 100,000 devices, a rule with serial, digest and note is some 300 bytes long; whatever
 * else is signed is short. */
#define POLICY_MAX   (32u * 1024u * 1024u)
#define DOCUMENT_MAX (4u * 1024u * 1024u)

enum document_outcome {
        DOCUMENT_OK = 0,
        DOCUMENT_NOT_FOUND = 1,
        DOCUMENT_IS_LINK,     /* last component is a symbolic link */
        DOCUMENT_NOT_REGULAR, /* FIFO, directory, device, socket */
        DOCUMENT_TOO_LARGE,
        DOCUMENT_CHANGED, /* size or mtime changed while it was read */
};

struct document {
        char *bytes; /* owned, size bytes and one NUL behind them */
        size_t size;
};

/* dirfd: directory or AT_FDCWD; path: relative to it, not NULL; cap: bytes.
 * 0, a positive enum document_outcome, or -errno. Never blocks on a FIFO. */
int document_read(int dirfd, const char *path, size_t cap, struct document *ret);

/* Translated sentence for a positive outcome of document_read(); never NULL. */
const char *document_outcome_text(int outcome);

/* Whether the first key of a document (NUL-terminated) is this one, as "sekisho-trust": that tells its kind before it
 * is parsed. A byte order mark, white space, comments and "---" may come before it. */
bool document_has_first_key(const char *bytes, const char *key);

void document_clear(struct document *d);
