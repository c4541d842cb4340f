/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that make up records, in the order in which they are verified: of the machine, of an export, or as given.
 * Private to agent/ctl. */
#pragma once

#include "audit/audit.h"
#include "ctl.h"

struct audit_file {
        char *label;        /* for people */
        int directory;      /* borrowed from the list, or AT_FDCWD */
        char *name;         /* in it */
        char log[64];       /* "": its first line says none */
        uint64_t first_seq; /* of its first line */
        uint64_t size;
        bool is_list; /* AUDIT_CLOSED_FILE: last lines of segments that were deleted */
};

struct audit_files {
        struct audit_file *list;
        size_t n;
        int directories[64];
        size_t n_directories;
};

/* What stands in the machine's two directories. OUTCOME_YES, OUTCOME_NO (no record), or another after a complaint. */
enum outcome audit_files_of_machine(const struct invocation *i, struct audit_files *ret);
/* Files, and directories: of a log, or of an export. */
enum outcome audit_files_given(const struct invocation *i, struct audit_files *ret);
void audit_files_clear(struct audit_files *f);

/* A descriptor or -errno. */
int audit_file_open(const struct audit_file *f);

/* Public keys of logs, in hex: of a file with lines as `sekishoctl audit key` prints them. */
struct audit_keys {
        struct {
                char log[64]; /* "": the line names none */
                char key[65];
        } list[16];
        size_t n;
};
/* Adds those of text. False: a line is no key. */
bool audit_keys_add(struct audit_keys *k, const char *text);
/* Hex, or "": there is none for this log. */
const char *audit_keys_find(const struct audit_keys *k, const char *log);
