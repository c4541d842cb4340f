/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log's chain over its files, in the order of audit_files.h: the list of what was deleted, the segments, the file
 * that is written to. Private to agent/ctl. */
#pragma once

#include "audit_files.h"

struct audit_chain {
        struct audit_expectation expect; /* of the next file */
        struct audit_expectation before; /* as it was before the last line of the list */
        bool after_list;                 /* the next file is the first one after it */
};

/* A log begins. key: hex of its first public key, or "": signatures are not looked at. from_start: its first line must
 * be the first that there ever was. */
void audit_chain_begin(struct audit_chain *c, const char *key, bool from_start);
/* fd: of f, at its beginning. progress may be NULL. 0 (see ret->fault) or -errno. */
int audit_chain_file(struct audit_chain *c, const struct audit_file *f, int fd,
                     void (*progress)(uint64_t bytes, void *userdata), void *userdata, struct audit_verdict *ret);
