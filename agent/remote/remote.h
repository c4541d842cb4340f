/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs by which a desktop reaches another machine, and the ways that they carry data along: a shared clipboard,
 * shared folders. Told from configuration alone; closed by it, too.
 *
 * Owned by nobody: a call, a report. For sekishoctl (`remote`, `inspect`). Reads and writes files below the root only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <sekisho/policy.h>

#include "base/file.h"

enum remote_channel { REMOTE_CLIPBOARD, REMOTE_DRIVES, REMOTE_CHANNEL_MAX };
const char *remote_channel_name(enum remote_channel c); /* "clipboard", "drives" */

/* From good to bad. */
enum remote_verdict {
        REMOTE_SHUT,
        REMOTE_PERMITTED, /* open, because the policy's clipboard section names the program in a zone */
        REMOTE_UNKNOWN,   /* a file cannot be read */
        REMOTE_OPEN,
        REMOTE_VERDICT_MAX,
};
const char *remote_verdict_name(enum remote_verdict v); /* "shut", "permitted", "unknown", "open" */
bool remote_falls_short(enum remote_verdict v);

struct remote_finding {
        const char *program; /* static: "xrdp", "spice-vdagent", "freerdp", "remmina" */
        enum remote_channel channel;
        enum remote_verdict verdict;
        char file[64];    /* that decides; "": none does, or the policy */
        unsigned line;    /* 0: the file as a whole, or a default of the program */
        char setting[64]; /* "cliprdr=true" */
};
#define REMOTE_FINDINGS_MAX 16u

struct remote_report {
        struct remote_finding list[REMOTE_FINDINGS_MAX]; /* of programs that are installed only */
        size_t n;
};

/* policy: the one in force, for clients, whose clipboard the session's helper guards like any other program's; NULL:
 * none is. Cannot fail: what cannot be told is said to be so. */
void remote_check(const struct root *root, const struct policy *policy, struct remote_report *ret);

/* ---- closing, and back ---- */

#define REMOTE_CHANGES_MAX 8u
struct remote_changes {
        char list[REMOTE_CHANGES_MAX][64]; /* paths that were changed */
        size_t n;
        const char *failed; /* static: the path at which it stopped, or NULL */
};

/* Closes the clipboard and the drives of every program that is installed: keys of xrdp's files, masked units of
 * spice-vdagent, a profile of AppArmor for clients (below share, which is usr/share/sekisho). Whoever reads these files
 * has to start again. Idempotent. 0 or -errno (ret->failed). */
int remote_close(const struct root *root, struct remote_changes *ret);
/* Takes back exactly what remote_close() did: what was masked before stays masked. */
int remote_reopen(const struct root *root, struct remote_changes *ret);
