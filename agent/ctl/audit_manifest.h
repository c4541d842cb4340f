/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manifest of an export: whether its files are those that the terminal signed. Private to agent/ctl. */
#pragma once

#include "ctl.h"

enum manifest_fault {
        MANIFEST_OK = 0,
        MANIFEST_NONE,      /* the directory is no export */
        MANIFEST_DAMAGED,   /* not of its form, or its signature is not there */
        MANIFEST_DIFFERS,   /* it is not the one that was signed */
        MANIFEST_FILE,      /* a file is missing, or is another; its name in *ret_file */
        MANIFEST_SIGNATURE, /* it is not signed by the key that signs at the end of the agent's record */
        MANIFEST_FAULT_MAX,
};

/* key: hex, as it follows from the record; "": the signature is not looked at. free() *ret_file, which may be NULL. */
enum manifest_fault audit_manifest_check(const char *directory, const char *key, char **ret_file);
const char *audit_manifest_fault_text(enum manifest_fault f); /* translated */
const char *audit_manifest_fault_name(enum manifest_fault f); /* stable */
