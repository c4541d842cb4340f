/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sshd_config as sshd reads it: drop-ins, Match blocks, first value wins. Private to logins. */
#pragma once

#include "report.h"

#define SSHD_BLOCKS_MAX 10u /* Match blocks; more are not told apart */

enum sshd_key {
        SSHD_USE_PAM,
        SSHD_PUBKEY,
        SSHD_PASSWORD,
        SSHD_KBD,
        SSHD_HOSTBASED,
        SSHD_GSSAPI,
        SSHD_EMPTY,
        SSHD_METHODS,
        SSHD_KEY_MAX,
};

struct sshd_setting {
        enum sshd_key key;
        unsigned block; /* 0: outside of Match */
        bool on;        /* of all but SSHD_METHODS */
        const char *value, *file;
        unsigned line;
};

struct sshd_block {
        const char *criteria, *file; /* "User kinkyu" */
        unsigned line;
        bool always; /* "all" */
};

struct sshd_config {
        struct sshd_setting *settings; /* in the order in which sshd meets them */
        size_t n;
        struct sshd_block blocks[SSHD_BLOCKS_MAX + 1]; /* [0] unused */
        unsigned n_blocks;
        const char *trouble;      /* code; or NULL */
        struct login_place where; /* of the trouble */
};

/* path: of the first file. 0; 1: it is not there; -ENOMEM. Strings in the builder's pool. */
int sshd_config_read(struct report_builder *b, const char *path, struct sshd_config *ret);
void sshd_config_clear(struct sshd_config *c);
extern const char *const sshd_key_names[SSHD_KEY_MAX];
