/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that this machine's record consists of: those of the agent, then those of the verifier of second factors,
 * of each the older ones first. Private to agent/ctl. */
#pragma once

#include "ctl.h"

struct record_file {
        const char *directory; /* "var/log/sekisho" */
        const char *name;      /* "audit.jsonl" */
        bool is_current;       /* it is being written to */
        bool is_first;         /* the oldest of its log */
        bool is_aside;         /* it was set aside, as damaged or torn: no part of the chain */
};

/* Opens each and calls with its descriptor, until it returns non-zero, which is then returned. 0; -ENOENT: there is
 * none; other -errno. */
int record_each_file(const struct root *root, int (*each)(const struct record_file *file, int fd, void *userdata),
                     void *userdata);
