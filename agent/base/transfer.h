/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was seen on a medium, and how the process that sees it (sekisho-transferd) tells the agent's guard.
 *
 * Owned by base: plain data and its encoding, for agent/transfer (sends), agent/guards (receives), agent.c and
 * agent/audit (record). Never holds a file's content. One message is one packet of a SOCK_SEQPACKET socket between two
 * processes of one machine and one build, so that numbers are in the machine's own order; what arrives is checked all
 * the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSFER_SOCKET      "run/sekisho/transfer.sock"
#define TRANSFER_TEXT_MAX    4096u /* bytes of one text, without its NUL */
#define TRANSFER_MESSAGE_MAX 32768u
#define TRANSFER_HASH_SIZE   32u

enum transfer_kind {
        TRANSFER_WRITTEN, /* a file that was open for writing was closed */
        TRANSFER_CREATED, /* a name appeared (file, folder, link) and no file of that name was closed since */
        TRANSFER_RENAMED,
        TRANSFER_DELETED,
        TRANSFER_TROUBLE,  /* code and detail: what the watcher could not do */
        TRANSFER_WATCHING, /* detail: nothing; all media that are there are watched */
        TRANSFER_KIND_MAX,
};

enum transfer_hash {
        TRANSFER_HASH_NONE,       /* does not apply */
        TRANSFER_HASH_DONE,       /* hash and size are of the same bytes */
        TRANSFER_HASH_UNREADABLE, /* the medium was gone, or did not give its bytes back */
        TRANSFER_HASH_TOO_LONG,   /* the reader was killed */
        TRANSFER_HASH_MAX,
};

/* All texts are NUL-terminated, may hold any other bytes, and are "" where nothing is known. Numbers are -1 then. */
struct transfer {
        uint64_t id; /* of this message; the agent's answer names it */
        enum transfer_kind kind;
        enum transfer_hash hash;
        bool is_directory;
        int64_t msec; /* since the epoch, when it was noticed */
        int64_t pid, uid, login_uid, session;
        int64_t size;
        int64_t closes; /* so many closings are told by this message; 1 or more when TRANSFER_WRITTEN */
        uint8_t sha256[TRANSFER_HASH_SIZE];
        const char *path;       /* on the medium, beginning with '/'; or as its writer saw it, when outside is set */
        bool outside;           /* path is not below the place where the medium is mounted for us */
        const char *old_path;   /* TRANSFER_RENAMED; TRANSFER_WRITTEN under another name than it has now */
        const char *program;    /* path of the executable */
        const char *command;    /* short name of the process */
        const char *filesystem; /* "vfat" */
        const char *disk;       /* "sdb1" */
        const char *port;       /* of the USB device that the disk hangs on: "1-2"; "" if it is none */
        const char *detail;     /* TRANSFER_TROUBLE */
        const char *code;       /* likewise */
};

/* Bytes used in buffer; -EMSGSIZE: does not fit. */
int transfer_encode(const struct transfer *t, void *buffer, size_t size);
/* The texts of *ret lie in bytes. 0; -EBADMSG: not such a message. */
int transfer_decode(const void *bytes, size_t size, struct transfer *ret);

const char *transfer_kind_name(enum transfer_kind kind); /* "written" */
const char *transfer_hash_name(enum transfer_hash hash); /* "done" */
