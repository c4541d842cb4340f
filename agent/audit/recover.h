/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the file of a log, locks it, mends its end, finds the head of its chain. Private to agent/audit. */
#pragma once

#include "audit/anchor.h"
#include "audit/audit.h"
#include "audit/chain.h"

struct opened {
        int fd;                   /* O_RDWR | O_APPEND, locked; owned by the caller */
        int directory;            /* owned by the caller */
        uint64_t size;            /* all of it whole lines, all of it on disk */
        uint64_t seq;             /* of the last record; 0 when none */
        char head[CHAIN_HEX + 1]; /* what the next line's prev will be */
        struct anchor tail;       /* the last line, if has_tail */
        bool has_tail;
};

/* As audit_log_open_in(). 0 or -errno. */
int recover_open(const struct root *root, const char *directory, const char *log_name, struct opened *ret,
                 struct audit_recovery *ret_recovery);
