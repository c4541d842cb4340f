/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A document with its signatures beside it: FILE and FILE.sig. Private to agent/ctl. */
#pragma once

#include <sekisho/document.h>
#include <sekisho/trust.h>

#include "ctl.h"

#define SIGNATURE_FILE_MAX (64u * 1024u) /* bytes of FILE.sig */

/* The kinds of document, told by their first key. */
struct signed_kind {
        const char *first_key; /* "sekisho" */
        const char *name;      /* "policy"; stable */
        const char *namespace;
        enum trust_role role;
        /* 0 when it is a valid document of the kind, else as policy_parse(). */
        int (*check)(const char *bytes, size_t size, struct problems *problems);
};

struct signed_file {
        const char *path; /* borrowed */
        char *signature_path;
        const struct signed_kind *kind;
        struct document document;
        struct document signatures; /* bytes NULL: there is no such file */
};

/* Reads both and tells the kind. OUTCOME_YES, or another after a complaint; signed_file_clear() in any case. */
enum outcome signed_file_read(const char *path, struct signed_file *ret);
void signed_file_clear(struct signed_file *f);

/* FILE.sig alone. ret->bytes stays NULL when there is no such file. OUTCOME_YES, or another after a complaint. */
enum outcome signature_file_read(const char *path, struct document *ret);

/* Whether the document is valid; its problems go to stderr. */
enum outcome signed_file_check(const struct signed_file *f);

/* path NULL: the terminal's own. OUTCOME_YES, or another after a complaint. *ret: trust_free(); document_clear(). */
enum outcome trust_file_load(const struct invocation *i, const char *path, struct trust **ret);
DEFINE_FREEP(struct trust, trust_free)
