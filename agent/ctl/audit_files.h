/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that make up records, in the order in which they are verified: of the machine, of an export, or as given.
 * Private to agent/ctl. */
#pragma once

#include "audit/audit.h"
#include "ctl.h"

struct audit_file {
        char *label;        /* for people: with the directory */
        int directory;      /* borrowed from the list, or AT_FDCWD */
        char *name;         /* in it */
        int fd;             /* held open, so that nothing is renamed or deleted under the reader; -1: too many were */
        char log[64];       /* "": its first line says none */
        uint64_t first_seq; /* of its first line */
        uint64_t size;
        bool is_list;    /* AUDIT_CLOSED_FILE: last lines of segments that were deleted */
        bool is_first;   /* after the list, the oldest of its log */
        bool is_current; /* it was written to when it was opened */
        bool is_aside;   /* it was set aside, as damaged or torn: no part of the chain */
};

struct audit_files {
        struct audit_file *list;
        size_t n;
        int directories[64];
        size_t n_directories;
};

/* What stands in the machine's two directories, at one moment, whatever the writers do meanwhile: the agent's log, the
 * verifier's, and if asked for behind them what was set aside. 0; -ENOENT: no record; -errno. */
int audit_files_list(const struct root *root, bool with_aside, struct audit_files *ret);
/* The same without what was set aside. OUTCOME_YES, OUTCOME_NO (no record), or another after a complaint. */
enum outcome audit_files_of_machine(const struct invocation *i, struct audit_files *ret);
/* Files, and directories: of a log, or of an export. */
enum outcome audit_files_given(const struct invocation *i, struct audit_files *ret);
void audit_files_clear(struct audit_files *f);

/* A descriptor to close, at the beginning, or -errno. One reader at a time: its position is shared. */
int audit_file_open(const struct audit_file *f);
/* "agent" or "otp": the folder of an export or of a bundle for a file of the machine. */
const char *audit_file_part(const struct audit_file *f);

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
