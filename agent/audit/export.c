/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/export.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "audit/log.h"
#include "base/cleanup.h"

#define HEX     "0123456789abcdef"
#define MACHINE HEX "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

static void text_of(const struct audit_export *e, char ret[static ANCHOR_TEXT_MAX]) {
        (void) snprintf(ret, ANCHOR_TEXT_MAX, "sekisho-export 1\nlog %s\nmachine %s\ntime %" PRId64 "\nsha256 %s\n",
                        e->log, e->machine, e->time, e->sha256);
}

int audit_log_sign_export(struct audit_log *l, const char *sha256, int64_t uid, struct audit_export *ret) {
        if (!l->keys)
                return -ENOKEY;
        if (strlen(sha256) != CHAIN_HEX || strspn(sha256, HEX) != CHAIN_HEX)
                return -EINVAL;
        struct audit_export e = { .time = time_now(l->time) };
        json_t *event = audit_event_exported(l->terminal, e.time, l->name, sha256, uid);
        int r = event ? audit_log_append(l, event, AUDIT_DURABLE, NULL) : -ENOMEM;
        json_decref(event);
        if (r < 0)
                return r;
        (void) audit_log_anchor(l);
        memcpy(e.log, l->name, sizeof e.log);
        memcpy(e.sha256, sha256, sizeof e.sha256);
        (void) snprintf(e.key, sizeof e.key, "%s", audit_log_key(l));
        const char *machine = l->terminal->machine_id;
        if (machine && strspn(machine, MACHINE) == strlen(machine) && strlen(machine) < sizeof e.machine)
                memcpy(e.machine, machine, strlen(machine) + 1);
        char text[ANCHOR_TEXT_MAX];
        text_of(&e, text);
        statement_sign(text, keyring_secret(l->keys), e.signature);
        e.has_handover = l->segment > 1 && log_ending(l, l->segment - 1, &e.handover) == 0 &&
                         strcmp(e.handover.next, e.key) == 0;
        *ret = e;
        return 0;
}

bool audit_export_verify(const struct audit_export *e, const char *key) {
        char text[ANCHOR_TEXT_MAX];
        text_of(e, text);
        if (statement_verify(text, key, e->signature))
                return true;
        const struct anchor *a = &e->handover;
        return e->has_handover && *a->next && strcmp(a->log, e->log) == 0 && anchor_verify(a, key) &&
               statement_verify(text, a->next, e->signature);
}

json_t *audit_export_json(const struct audit_export *e) {
        return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:o*}", "log", e->log, "machine", e->machine, "time",
                         (json_int_t) e->time, "sha256", e->sha256, "key", e->key, "signature", e->signature,
                         "handover", e->has_handover ? anchor_json(&e->handover) : NULL);
}

/* As it stands in a record, in an event. */
static bool read_handover(const json_t *anchor, const char *log, struct anchor *ret) {
        json_t *event = json_pack("{s:{s:{s:s, s:O}}}", "unmapped", "sekisho", "log", log, "anchor", anchor);
        int r = event ? anchor_read(event, ret) : -ENOMEM;
        json_decref(event);
        return r == 0;
}

static bool take(const json_t *j, const char *name, const char *allowed, size_t least, char *ret, size_t size) {
        const json_t *v = json_object_get(j, name);
        const char *s = json_string_value(v);
        size_t n = json_string_length(v);
        if (!s || n < least || n >= size || strspn(s, allowed) != n)
                return false;
        memcpy(ret, s, n + 1);
        return true;
}

bool audit_export_read(const json_t *j, struct audit_export *ret) {
        struct audit_export e = { .time = 0 };
        const json_t *time = json_object_get(j, "time");
        if (!take(j, "log", MACHINE, 1, e.log, sizeof e.log) ||
            !take(j, "machine", MACHINE, 0, e.machine, sizeof e.machine) ||
            !take(j, "sha256", HEX, 64, e.sha256, sizeof e.sha256) || !take(j, "key", HEX, 64, e.key, sizeof e.key) ||
            !take(j, "signature", HEX, 128, e.signature, sizeof e.signature) || !json_is_integer(time))
                return false;
        e.time = json_integer_value(time);
        const json_t *handover = json_object_get(j, "handover");
        e.has_handover = handover && !json_is_null(handover);
        if (e.has_handover && !read_handover(handover, e.log, &e.handover))
                return false;
        *ret = e;
        return true;
}
