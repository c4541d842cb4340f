/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "transfer.h"

#include <errno.h>
#include <string.h>

/* On the wire: this, then the texts in the order of the table below, each with its NUL. */
struct head {
        uint64_t id;
        uint32_t kind, hash, is_directory, outside;
        int64_t msec, pid, uid, login_uid, session, size, closes;
        uint8_t sha256[TRANSFER_HASH_SIZE];
};

static const size_t texts[] = {
        offsetof(struct transfer, path),    offsetof(struct transfer, old_path),   offsetof(struct transfer, program),
        offsetof(struct transfer, command), offsetof(struct transfer, filesystem), offsetof(struct transfer, disk),
        offsetof(struct transfer, port),    offsetof(struct transfer, detail),     offsetof(struct transfer, code),
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static const char **text_of(struct transfer *t, size_t i) {
        return (const char **) (void *) ((char *) t + texts[i]);
}

int transfer_encode(const struct transfer *t, void *buffer, size_t size) {
        const struct head head = { .id = t->id,
                                   .kind = t->kind,
                                   .hash = t->hash,
                                   .is_directory = t->is_directory,
                                   .outside = t->outside,
                                   .msec = t->msec,
                                   .pid = t->pid,
                                   .uid = t->uid,
                                   .login_uid = t->login_uid,
                                   .session = t->session,
                                   .size = t->size,
                                   .closes = t->closes };
        char *out = buffer;
        size_t used = sizeof head;
        if (size < sizeof head)
                return -EMSGSIZE;
        memcpy(out, &head, sizeof head);
        memcpy(out + offsetof(struct head, sha256), t->sha256, sizeof t->sha256);

        struct transfer copy = *t;
        for (size_t i = 0; i < N_TEXTS; i++) {
                const char *text = *text_of(&copy, i);
                size_t length = text ? strlen(text) : 0;
                if (length > TRANSFER_TEXT_MAX || length + 1 > size - used)
                        return -EMSGSIZE;
                if (length > 0)
                        memcpy(out + used, text, length);
                out[used + length] = '\0';
                used += length + 1;
        }
        return (int) used;
}

int transfer_decode(const void *bytes, size_t size, struct transfer *ret) {
        struct head head;
        if (size < sizeof head || size > TRANSFER_MESSAGE_MAX)
                return -EBADMSG;
        memcpy(&head, bytes, sizeof head);
        if (head.kind >= TRANSFER_KIND_MAX || head.hash >= TRANSFER_HASH_MAX || head.is_directory > 1 ||
            head.outside > 1)
                return -EBADMSG;

        struct transfer t = { .id = head.id,
                              .kind = (enum transfer_kind) head.kind,
                              .hash = (enum transfer_hash) head.hash,
                              .is_directory = head.is_directory == 1,
                              .outside = head.outside == 1,
                              .msec = head.msec,
                              .pid = head.pid,
                              .uid = head.uid,
                              .login_uid = head.login_uid,
                              .session = head.session,
                              .size = head.size,
                              .closes = head.closes };
        memcpy(t.sha256, head.sha256, sizeof t.sha256);

        const char *p = (const char *) bytes + sizeof head, *end = (const char *) bytes + size;
        for (size_t i = 0; i < N_TEXTS; i++) {
                const char *nul = memchr(p, '\0', (size_t) (end - p));
                if (!nul || nul - p > (ptrdiff_t) TRANSFER_TEXT_MAX)
                        return -EBADMSG;
                *text_of(&t, i) = p;
                p = nul + 1;
        }
        if (p != end)
                return -EBADMSG;
        *ret = t;
        return 0;
}

const char *transfer_kind_name(enum transfer_kind kind) {
        static const char *const names[TRANSFER_KIND_MAX] = {
                [TRANSFER_WRITTEN] = "written", [TRANSFER_CREATED] = "created", [TRANSFER_RENAMED] = "renamed",
                [TRANSFER_DELETED] = "deleted", [TRANSFER_TROUBLE] = "trouble", [TRANSFER_WATCHING] = "watching",
        };
        return names[kind];
}

const char *transfer_hash_name(enum transfer_hash hash) {
        static const char *const names[TRANSFER_HASH_MAX] = {
                [TRANSFER_HASH_NONE] = "none",
                [TRANSFER_HASH_DONE] = "done",
                [TRANSFER_HASH_UNREADABLE] = "unreadable",
                [TRANSFER_HASH_TOO_LONG] = "too-long",
        };
        return names[hash];
}
