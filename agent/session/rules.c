/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZONES_MAX    4096u
#define PROGRAMS_MAX 65536u
#define FLOWS_MAX    65536u

struct rules {
        json_t *reply; /* owns all strings */
        struct policy policy;
        struct clipboard_zone *zones;
        struct clipboard_flow *flows;
        const char **programs;
        char **resolved; /* those that differ */
        size_t n_resolved;
};

static const char *text(const json_t *j, const char *key) {
        return json_string_value(json_object_get(j, key));
}

static uint32_t zone_index(const struct rules *r, const char *id) {
        uint32_t i = 0;
        while (i < r->policy.clipboard.n_zones && strcmp(r->zones[i].id, id) != 0)
                i++;
        return i;
}

static int count_programs(const json_t *zones, size_t *ret) {
        size_t n = 0;
        for (size_t i = 0; i < json_array_size(zones); i++)
                n += json_array_size(json_object_get(json_array_get(zones, i), "programs"));
        *ret = n;
        return n > PROGRAMS_MAX ? -EBADMSG : 0;
}

static int resolve_programs(struct rules *r, size_t n, char *(*resolve)(const char *path)) {
        r->resolved = calloc(n + 1, sizeof *r->resolved);
        if (!r->resolved)
                return -ENOMEM;
        for (size_t i = 0; resolve && i < n; i++) {
                char *path = resolve(r->programs[i]);
                if (path)
                        r->programs[i] = r->resolved[r->n_resolved++] = path;
        }
        return 0;
}

static int read_zones(struct rules *r, const json_t *list, char *(*resolve)(const char *path)) {
        size_t n = json_array_size(list), n_programs = 0, used = 0;
        if (!json_is_array(list) || n > ZONES_MAX || count_programs(list, &n_programs) < 0)
                return -EBADMSG;
        r->zones = calloc(n + 1, sizeof *r->zones);
        r->programs = calloc(n_programs + 1, sizeof *r->programs);
        if (!r->zones || !r->programs)
                return -ENOMEM;
        r->zones[n].id = ""; /* of flows between zones that are not listed */
        for (size_t i = 0; i < n; i++) {
                const json_t *zone = json_array_get(list, i), *programs = json_object_get(zone, "programs");
                r->zones[i] = (struct clipboard_zone){
                        .id = text(zone, "id"), .programs = { r->programs + used, (uint32_t) json_array_size(programs) }
                };
                if (!r->zones[i].id)
                        return -EBADMSG;
                for (size_t k = 0; k < json_array_size(programs); k++) {
                        const char *path = json_string_value(json_array_get(programs, k));
                        if (!path)
                                return -EBADMSG;
                        r->programs[used++] = path;
                }
        }
        r->policy.clipboard.zones = r->zones;
        r->policy.clipboard.n_zones = (uint32_t) n;
        return resolve_programs(r, used, resolve);
}

static int read_flow(const struct rules *r, const json_t *j, struct clipboard_flow *ret) {
        const char *from = text(j, "from"), *to = text(j, "to");
        const json_t *allow = json_object_get(j, "allow");
        json_int_t most = json_integer_value(json_object_get(j, "max_bytes"));
        if (!from || !to || most < 0)
                return -EBADMSG;
        struct clipboard_flow f = { .from = zone_index(r, from),
                                    .to = zone_index(r, to),
                                    .max_bytes = most == 0 ? UINT64_MAX : (uint64_t) most,
                                    .my_number_block = json_is_true(json_object_get(j, "my_number_block")) };
        for (size_t i = 0; i < json_array_size(allow); i++) {
                enum flow_type t = flow_type_from_name(json_string_value(json_array_get(allow, i)));
                if (t != FLOW_TYPE_INVALID) /* of a later version: not one that we could let pass */
                        f.types |= 1u << t;
        }
        *ret = f;
        return 0;
}

static int read_flows(struct rules *r, const json_t *list) {
        size_t n = json_array_size(list);
        if (!json_is_array(list) || n > FLOWS_MAX)
                return -EBADMSG;
        r->flows = calloc(n + 1, sizeof *r->flows);
        if (!r->flows)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (read_flow(r, json_array_get(list, i), &r->flows[i]) < 0)
                        return -EBADMSG;
        r->policy.clipboard.flows = r->flows;
        r->policy.clipboard.n_flows = (uint32_t) n;
        return 0;
}

int rules_new(const json_t *reply, char *(*resolve)(const char *path), struct rules **ret) {
        const json_t *j = json_object_get(reply, "clipboard");
        const char *mode = text(j, "mode"), *by_default = text(j, "default");
        json_int_t clear = json_integer_value(json_object_get(j, "clear_after"));
        if (!mode || !by_default || clear < 0 || clear > UINT32_MAX)
                return -EBADMSG;
        CLEANUP(rules_freep) struct rules *r = calloc(1, sizeof *r);
        if (!r)
                return -ENOMEM;
        r->reply = json_deep_copy(reply);
        if (!r->reply)
                return -ENOMEM;
        j = json_object_get(r->reply, "clipboard");
        /* What it cannot read it takes for the strictest. */
        r->policy.clipboard.mode = strcmp(mode, "observe") == 0 ? MODE_OBSERVE : MODE_ENFORCE;
        r->policy.clipboard.default_action = strcmp(by_default, "allow") == 0 ? ACTION_ALLOW : ACTION_BLOCK;
        r->policy.clipboard.clear_after = (uint32_t) clear;
        r->policy.header.serial = 1;
        int e = read_zones(r, json_object_get(j, "zones"), resolve);
        if (e == 0)
                e = read_flows(r, json_object_get(j, "flows"));
        if (e < 0)
                return e;
        *ret = TAKE_PTR(r);
        return 0;
}

struct rules *rules_free(struct rules *r) {
        if (!r)
                return NULL;
        json_decref(r->reply);
        free(r->zones);
        free(r->flows);
        free(r->programs);
        for (size_t i = 0; i < r->n_resolved; i++)
                free(r->resolved[i]);
        free(r->resolved);
        free(r);
        return NULL;
}

const char *rules_zone(const struct rules *r, const char *program) {
        for (uint32_t i = 0; r && *program && i < r->policy.clipboard.n_zones; i++)
                for (uint32_t k = 0; k < r->zones[i].programs.n; k++)
                        if (strcmp(r->zones[i].programs.list[k], program) == 0)
                                return r->zones[i].id;
        return NULL;
}

bool rules_enforce(const struct rules *r) {
        return !r || r->policy.clipboard.mode == MODE_ENFORCE;
}

bool rules_leave_alone(const struct rules *r) {
        return !rules_enforce(r) && r->policy.clipboard.n_zones == 0;
}

uint32_t rules_clear_after(const struct rules *r) {
        return r && rules_enforce(r) ? r->policy.clipboard.clear_after : 0;
}

void rules_judge(const struct rules *r, const struct paste_facts *facts, struct verdict *ret) {
        static const struct context now;
        const struct facts f = { .kind = FACTS_PASTE, .paste = *facts };
        decide(r ? &r->policy : policy_builtin(), &f, &now, ret);
}

uint32_t rules_types(const struct rules *r, const char *from, const char *to) {
        uint32_t types = 0;
        for (int t = 0; t < FLOW_TYPE_MAX; t++) {
                const struct paste_facts f = { .from = from, .to = to, .types = 1u << t };
                struct verdict v;
                rules_judge(r, &f, &v);
                if (verdict_opens(&v))
                        types |= 1u << t;
        }
        return types;
}

uint32_t rules_types_from(const struct rules *r, const char *from) {
        uint32_t types = rules_types(r, from, NULL);
        for (uint32_t i = 0; r && from && i < r->policy.clipboard.n_flows; i++)
                if (strcmp(r->zones[r->flows[i].from].id, from) == 0)
                        types |= r->flows[i].types;
        return types;
}

uint64_t rules_limit_from(const struct rules *r, const char *from, enum flow_type type) {
        if (!rules_enforce(r) || (r && r->policy.clipboard.default_action == ACTION_ALLOW))
                return UINT64_MAX;
        uint64_t most = 0;
        for (uint32_t i = 0; r && from && i < r->policy.clipboard.n_flows; i++)
                if ((r->flows[i].types & 1u << type) && r->flows[i].max_bytes > most &&
                    strcmp(r->zones[r->flows[i].from].id, from) == 0)
                        most = r->flows[i].max_bytes;
        return most;
}
