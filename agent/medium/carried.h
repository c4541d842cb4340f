/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sekisho-reader writes to its standard output. The agent takes it for hostile. Owned by agent/medium.
 *
 * Frames follow one another, each with the bytes of a name and then of a file; CARRIED_END is the last.
 */
#pragma once

#include <stdint.h>

#define CARRIED_FOLDER     "SEKISHO" /* at the top of a volume; capitals or not */
#define CARRIED_FILES_MAX  64u
#define CARRIED_FILE_MAX   (4u << 20)  /* bytes of one file */
#define CARRIED_BYTES_MAX  (12u << 20) /* of all files */
#define CARRIED_OUTPUT_MAX (13u << 20) /* of all that is written */
#define CARRIED_NAME_MAX   255u

enum carried_kind {
        CARRIED_FILE = 1,
        CARRIED_TOO_LARGE,  /* no bytes follow the name */
        CARRIED_UNREADABLE, /* likewise */
        CARRIED_END,        /* the name is how it went: "ok", "no-folder", "no-volume", "no-medium", "busy", "error" */
        CARRIED_KIND_MAX,
};

struct carried_frame {
        uint32_t kind;
        uint32_t name_size; /* bytes, without a NUL */
        uint32_t size;      /* bytes of the file */
};
