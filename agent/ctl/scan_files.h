/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regular files below paths, one after the other, and My Numbers in one of them. Private to agent/ctl. */
#pragma once

#include <sekisho/mynumber.h>

#include "ctl.h"

#define SCAN_MATCHES_MAX 10000u /* of one file that are kept one by one; all are counted */
#define SCAN_DEPTH_MAX   256u

struct scan_result {
        struct mynumber_match *matches; /* by offset; owned */
        size_t n;
        uint64_t count; /* with at least the wished score */
};
void scan_result_clear(struct scan_result *r);

/* Reads all of fd. hear is told of the bytes that were read. 0 or -errno. */
int scan_fd(int fd, unsigned min_score, void (*hear)(uint64_t bytes, void *userdata), void *userdata,
            struct scan_result *ret);

struct scan_visitor {
        /* A regular file; fd is the visitor's to read, not to close. */
        void (*file)(const char *path, int fd, uint64_t size, void *userdata);
        /* path could not be opened or read; error positive. */
        void (*failed)(const char *path, int error, void *userdata);
        void *userdata;
        bool one_file_system;
};

/* path, and what is below it when it is a folder. Symbolic links below it are not followed; what is neither folder nor
 * regular file is passed over. Files that are replaced meanwhile are opened once, and judged as opened. */
void scan_walk(const char *path, const struct scan_visitor *v);
