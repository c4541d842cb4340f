/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was written to a medium. https://schema.ocsf.io/1.7.0/classes/file_activity */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/ocsf_parts.h"

static const struct ocsf_class file_activity = { 1, 1001, false };

static const struct transfer_row {
        int activity;
        const char *caption;
        enum audit_kind kind;
} rows[] = {
        [TRANSFER_WRITTEN] = { 3, "Update", KIND_FILE_WRITTEN },
        [TRANSFER_CREATED] = { 1, "Create", KIND_FILE_CREATED },
        [TRANSFER_RENAMED] = { 5, "Rename", KIND_FILE_RENAMED },
        [TRANSFER_DELETED] = { 4, "Delete", KIND_FILE_DELETED },
};

static json_t *number(int64_t n) {
        return n < 0 ? json_null() : json_integer(n);
}

static json_t *hash_hex(const struct transfer *f) {
        if (f->hash != TRANSFER_HASH_DONE)
                return json_null();
        char hex[TRANSFER_HASH_SIZE * 2 + 1];
        for (size_t i = 0; i < TRANSFER_HASH_SIZE; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", f->sha256[i]);
        return json_string(hex);
}

static const char *last_part(const char *path) {
        const char *slash = strrchr(path, '/');
        return slash && slash[1] ? slash + 1 : path;
}

static json_t *file(const struct transfer *f, const char *path) {
        json_t *name = *path ? ocsf_masked(last_part(path)) : json_string("?");
        json_t *o = json_pack("{s:o, s:i, s:s}", "name", name, "type_id", f->is_directory ? 2 : 1, "type",
                              f->is_directory ? "Folder" : "Regular File");
        int failed = 0;
        if (o && *path)
                ocsf_put(o, "path", ocsf_masked(path), &failed);
        if (o && f->size >= 0)
                ocsf_put(o, "size", json_integer(f->size), &failed);
        if (o && f->hash == TRANSFER_HASH_DONE)
                ocsf_put(
                        o, "hashes",
                        json_pack("[{s:i, s:s, s:o}]", "algorithm_id", 3, "algorithm", "SHA-256", "value", hash_hex(f)),
                        &failed);
        if (failed) {
                json_decref(o);
                return NULL;
        }
        return o;
}

static json_t *process(const struct transfer *f, int *failed) {
        json_t *p = json_pack("{s:o, s:I}", "name", *f->command ? ocsf_masked(f->command) : json_string("?"), "pid",
                              (json_int_t) f->pid);
        if (p && *f->program)
                ocsf_put(p, "file",
                         json_pack("{s:o, s:i, s:s, s:o}", "name", ocsf_masked(last_part(f->program)), "type_id", 1,
                                   "type", "Regular File", "path", ocsf_masked(f->program)),
                         failed);
        return p;
}

/* The schema wants a process to have a number: one that was gone before it could be looked at is known by name alone.
 */
static json_t *actor(const struct transfer *f) {
        int failed = 0;
        bool has_process = f->pid > 0 && f->pid <= INT32_MAX;
        json_t *a = has_process ? json_pack("{s:o}", "process", process(f, &failed))
                                : json_pack("{s:o}", "app_name",
                                            *f->command ? ocsf_masked(f->command) : json_string("unknown"));
        if (a && f->uid >= 0)
                ocsf_put(a, "user", json_pack("{s:o}", "uid", json_sprintf("%" PRId64, f->uid)), &failed);
        if (a && f->session >= 0)
                ocsf_put(a, "session", json_pack("{s:o}", "uid", json_sprintf("%" PRId64, f->session)), &failed);
        if (failed) {
                json_decref(a);
                return NULL;
        }
        return a;
}

static json_t *details(const struct transfer *f) {
        json_t *what =
                json_pack("{s:I, s:s, s:o, s:b, s:o, s:b, s:o, s:o, s:s, s:o}", "id", (json_int_t) f->id, "kind",
                          transfer_kind_name(f->kind), "path", ocsf_masked(f->path), "outside", f->outside, "old_path",
                          ocsf_masked(f->old_path), "directory", f->is_directory, "size", number(f->size), "sha256",
                          hash_hex(f), "hash", transfer_hash_name(f->hash), "closes", number(f->closes));
        json_t *who = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "pid", number(f->pid), "uid", number(f->uid),
                                "login_uid", number(f->login_uid), "session", number(f->session), "program",
                                ocsf_masked(f->program), "command", ocsf_masked(f->command));
        json_t *where = json_pack("{s:o, s:o, s:o, s:I}", "filesystem", ocsf_masked(f->filesystem), "disk",
                                  ocsf_masked(f->disk), "port", ocsf_masked(f->port), "noticed", (json_int_t) f->msec);
        if (!what || json_object_update(what, who) < 0 || json_object_update(what, where) < 0) {
                json_decref(what);
                what = NULL;
        }
        json_decref(who);
        json_decref(where);
        return what;
}

json_t *audit_event_transfer(const struct audit_terminal *t, int64_t now, const struct transfer *f,
                             const struct device_facts *device, const struct verdict *v) {
        const struct transfer_row *row = &rows[f->kind];
        json_t *event = ocsf_event_new(t, now, &file_activity, row->activity, row->caption, row->kind);
        json_t *own = ocsf_own(v ? v->rule : NULL, v ? reason_code(v->reason) : NULL, v ? v->policy_serial : 0,
                               v && v->explicit_rule);
        int failed = 0;
        if (event && own) {
                bool renamed = f->kind == TRANSFER_RENAMED;
                ocsf_put(event, "actor", actor(f), &failed);
                ocsf_put(event, "file", file(f, renamed && *f->old_path ? f->old_path : f->path), &failed);
                if (renamed)
                        ocsf_put(event, "file_result", file(f, f->path), &failed);
                ocsf_put(event, "status_id", json_integer(1), &failed);
                ocsf_put(event, "status", json_string("Success"), &failed);
                char message[512];
                (void) snprintf(message, sizeof message, "%s on %.128s (%.64s%s%.64s) by %.64s, uid %" PRId64,
                                audit_kinds[row->kind].name, device ? device->name : "a medium", f->disk,
                                *f->port ? " at " : "", f->port, *f->command ? f->command : "?", f->uid);
                ocsf_put(event, "message", ocsf_masked(message), &failed);
                ocsf_put(own, "transfer", details(f), &failed);
                if (device)
                        ocsf_put(own, "facts", ocsf_device_facts(device), &failed);
                if (v) {
                        ocsf_put_permit(own, v, &failed);
                        ocsf_put(own, "action", json_string(action_name(v->action)), &failed);
                        ocsf_put(own, "enforce", json_boolean(v->enforce), &failed);
                }
        }
        return ocsf_finish(event, own, failed);
}
