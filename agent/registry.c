/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "digest/digest.h"

#define FILE_MAX (4u * 1024u * 1024u)
#define KEY_SIZE 384

struct earlier {
        char key[KEY_SIZE];
        char *said; /* fingerprint of the verdict */
        enum reason reason;
        bool has_effect;
        struct effect effect;
};

static const char *const effect_names[EFFECT_MAX] = {
        [EFFECT_AS_DECIDED] = "as-decided", [EFFECT_DIFFERS] = "differs", [EFFECT_FAILED] = "failed",
        [EFFECT_TIMED_OUT] = "timed-out",   [EFFECT_GONE] = "gone",
};

const char *effect_name(enum effect_result result) {
        return (unsigned) result < EFFECT_MAX ? effect_names[result] : NULL;
}

const char *subject_effect_name(const struct subject *s) {
        if (!s->has_effect || s->pending)
                return "pending";
        if (s->effect.result == EFFECT_AS_DECIDED && s->effect.open && s->verdict.action == ACTION_BLOCK)
                return "not-enforced";
        return effect_name(s->effect.result);
}

/* The same device in the eyes of two agents: handles do not outlive the agent. A serial is hashed in, because it may
 * hold anything. */
static void make_key(const struct subject *s, char ret[KEY_SIZE]) {
        const struct device_facts *d = &s->facts.device;
        uint8_t digest[DIGEST_BYTES];
        char raw[DIGEST_HEX_SIZE], text[DIGEST_HEX_SIZE];
        digest_hex(d->digest, raw);
        digest_sha256(d->serial, strlen(d->serial), digest);
        digest_hex(digest, text);
        (void) snprintf(ret, KEY_SIZE, "%.16s %s %04x:%04x %s %.16s %d%d", s->guard->ops->name, s->instance, d->vendor,
                        d->product, raw, text, d->descriptors_valid, d->present_at_boot);
}

/* All that a record says of a verdict, but for the serial of the policy: a new policy that says the same is no news. */
static char *fingerprint(const struct verdict *v) {
        char *text = NULL;
        if (asprintf(&text, "%s %s %d %d %s %s", action_name(v->action), reason_code(v->reason), v->explicit_rule,
                     v->enforce, v->rule ? v->rule : "", v->permit ? v->permit : "") < 0)
                return NULL;
        return text;
}

/* ---- subjects ---- */

struct subject *registry_find(const struct registry *r, const struct guard *g, uint64_t handle) {
        for (size_t i = 0; i < r->n; i++)
                if (r->list[i]->guard == g && r->list[i]->handle == handle)
                        return r->list[i];
        return NULL;
}

bool subject_same_device(const struct subject *a, const struct subject *b) {
        const struct device_facts *x = &a->facts.device, *y = &b->facts.device;
        return a->facts.kind == FACTS_DEVICE && b->facts.kind == FACTS_DEVICE && x->bus == y->bus &&
               strcmp(x->port, y->port) == 0;
}

static bool same_device(const struct device_facts *a, const struct device_facts *b) {
        return a->bus == b->bus && a->vendor == b->vendor && a->product == b->product &&
               strcmp(a->serial, b->serial) == 0 && strcmp(a->name, b->name) == 0 && strcmp(a->port, b->port) == 0 &&
               a->n_interfaces == b->n_interfaces && a->descriptors_valid == b->descriptors_valid &&
               a->present_at_boot == b->present_at_boot && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

struct subject *registry_put(struct registry *r, struct guard *g, uint64_t handle, const struct facts *facts) {
        struct subject *s = registry_find(r, g, handle);
        if (s) {
                if (!same_device(&s->facts.device, &facts->device))
                        s->recorded = false;
                s->facts = *facts;
                return s;
        }
        struct subject **list = reallocarray(r->list, r->n + 1, sizeof *list);
        if (!list)
                return NULL;
        r->list = list;
        s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->guard = g;
        s->handle = handle;
        s->facts = *facts;
        if (g->ops->instance)
                (void) g->ops->instance(g, handle, s->instance);
        r->list[r->n++] = s;
        return s;
}

void registry_remove(struct registry *r, const struct subject *s) {
        for (size_t i = 0; i < r->n; i++)
                if (r->list[i] == s) {
                        free(r->list[i]);
                        r->n--;
                        memmove(&r->list[i], &r->list[i + 1], (r->n - i) * sizeof *r->list);
                        r->changed = true;
                        return;
                }
}

static bool same_text(const char *a, const char *b) {
        return strcmp(a ? a : "", b ? b : "") == 0;
}

bool registry_is_news(const struct subject *s, const struct verdict *v) {
        return !s->decided || !s->recorded || s->verdict.action != v->action || s->verdict.reason != v->reason ||
               s->verdict.explicit_rule != v->explicit_rule || s->verdict.enforce != v->enforce ||
               !same_text(s->verdict.rule, v->rule) || !same_text(s->verdict.permit, v->permit);
}

/* ---- earlier agents ---- */

static const struct earlier *find_earlier(const struct registry *r, const struct subject *s) {
        char key[KEY_SIZE];
        make_key(s, key);
        for (size_t i = 0; i < r->n_earlier; i++)
                if (strcmp(r->earlier[i].key, key) == 0)
                        return &r->earlier[i];
        return NULL;
}

enum reason registry_earlier_reason(const struct registry *r, const struct subject *s) {
        const struct earlier *e = find_earlier(r, s);
        return e ? e->reason : REASON_INVALID;
}

bool registry_recall(struct registry *r, struct subject *s, const struct verdict *v) {
        const struct earlier *e = *s->instance ? find_earlier(r, s) : NULL;
        CLEANUP(free_p) char *said = fingerprint(v);
        if (!e || !said || strcmp(e->said, said) != 0)
                return false;
        s->recorded = s->announced = true;
        s->has_effect = e->has_effect;
        s->effect = e->effect;
        return true;
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static json_t *subject_to_json(const struct subject *s) {
        char key[KEY_SIZE];
        make_key(s, key);
        CLEANUP(free_p) char *said = fingerprint(&s->verdict);
        if (!said)
                return NULL;
        return json_pack("{s:s, s:s, s:i, s:b, s:i, s:b}", "key", key, "said", said, "reason", (int) s->verdict.reason,
                         "effect", s->has_effect, "result", (int) s->effect.result, "open", s->effect.open);
}

int registry_save(struct registry *r, const struct root *root) {
        if (!r->changed)
                return 0;
        CLEANUP(json_p) json_t *list = json_array();
        for (size_t i = 0; i < r->n; i++)
                if (r->list[i]->recorded && json_array_append_new(list, subject_to_json(r->list[i])) < 0)
                        return -ENOMEM;
        CLEANUP(free_p) char *text = json_dumps(list, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        CLEANUP(close_p) int directory = root_openat(root, REGISTRY_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        int error = file_replace_at(directory, REGISTRY_FILE, text, strlen(text), 0600);
        if (error < 0)
                return error;
        r->changed = false;
        return 0;
}

static bool earlier_from_json(json_t *j, struct earlier *ret) {
        const char *key = NULL, *said = NULL;
        int reason = 0, effect = 0, result = 0, open = 0;
        if (json_unpack(j, "{s:s, s:s, s:i, s:b, s:i, s:b !}", "key", &key, "said", &said, "reason", &reason, "effect",
                        &effect, "result", &result, "open", &open) < 0)
                return false;
        if (strlen(key) >= KEY_SIZE || reason < 0 || reason >= REASON_MAX || result < 0 || result >= EFFECT_MAX)
                return false;
        *ret = (struct earlier){ .reason = (enum reason) reason,
                                 .has_effect = effect != 0,
                                 .effect = { .result = (enum effect_result) result, .open = open != 0 },
                                 .said = strdup(said) };
        (void) snprintf(ret->key, sizeof ret->key, "%s", key);
        return ret->said != NULL;
}

void registry_load(struct registry *r, const struct root *root) {
        CLEANUP(close_p) int directory = root_openat(root, REGISTRY_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        CLEANUP(free_p) char *text = malloc(FILE_MAX + 1);
        if (directory < 0 || !text)
                return;
        ssize_t n = file_read_at(directory, REGISTRY_FILE, text, FILE_MAX);
        CLEANUP(json_p) json_t *list = n < 0 ? NULL : json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_array(list) || json_array_size(list) == 0)
                return;
        r->earlier = calloc(json_array_size(list), sizeof *r->earlier);
        for (size_t i = 0; r->earlier && i < json_array_size(list); i++)
                if (earlier_from_json(json_array_get(list, i), &r->earlier[r->n_earlier]))
                        r->n_earlier++;
}

void registry_clear(struct registry *r) {
        for (size_t i = 0; i < r->n; i++)
                free(r->list[i]);
        free(r->list);
        for (size_t i = 0; i < r->n_earlier; i++)
                free(r->earlier[i].said);
        free(r->earlier);
        *r = (struct registry){ 0 };
}
