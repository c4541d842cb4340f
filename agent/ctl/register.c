/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "register.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

int register_new(struct register_book *ret) {
        *ret = (struct register_book){ .permits = json_object() };
        return ret->permits ? 0 : -ENOMEM;
}

static void opening_clear(struct opening *o) {
        json_decref(o->facts);
        json_decref(o->device);
        free(o->permit);
        free(o->rule);
        free(o->action);
}

void register_clear(struct register_book *b) {
        for (size_t i = 0; i < b->n; i++)
                opening_clear(&b->list[i]);
        free(b->list);
        json_decref(b->permits);
        *b = (struct register_book){ 0 };
}

static const json_t *own_part(const json_t *event) {
        return json_object_get(json_object_get(event, "unmapped"), "sekisho");
}

static const char *code_of(const json_t *event) {
        return talk_string(json_object_get(event, "metadata"), "event_code");
}

static int64_t time_of(const json_t *event) {
        return json_integer_value(json_object_get(event, "time"));
}

static char *copy(struct register_book *b, const char *text) {
        char *c = text && *text ? strdup(text) : NULL;
        b->failed = b->failed || (text && *text && !c);
        return c;
}

static struct opening *append(struct register_book *b) {
        if (b->n == b->n_allocated) {
                size_t n = b->n_allocated ? 2 * b->n_allocated : 64;
                struct opening *list = reallocarray(b->list, n, sizeof *list);
                if (!list) {
                        b->failed = true;
                        return NULL;
                }
                b->list = list;
                b->n_allocated = n;
        }
        b->list[b->n] = (struct opening){ 0 };
        return &b->list[b->n++];
}

/* ---- openings ---- */

static bool is_media(const json_t *facts) {
        size_t n;
        json_t *class;
        json_array_foreach(json_object_get(facts, "classes"), n, class) {
                const char *name = json_string_value(class);
                if (name && (strcmp(name, "storage") == 0 || strcmp(name, "optical") == 0))
                        return true;
        }
        return false;
}

/* The newest at that port. */
static struct opening *at_port(struct register_book *b, const char *port) {
        for (size_t i = b->n; i-- > 0;)
                if (strcmp(b->list[i].port, port) == 0)
                        return &b->list[i];
        return NULL;
}

static bool same_text(const char *a, const char *b) {
        return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The same medium, open for the same reason: the agent said so again, having started anew, say. */
static bool goes_on(const struct opening *o, const json_t *facts, const json_t *own) {
        return o && o->is_open && same_text(talk_string(o->facts, "descriptors"), talk_string(facts, "descriptors")) &&
               same_text(talk_string(o->facts, "serial"), talk_string(facts, "serial")) &&
               same_text(o->permit, talk_string(json_object_get(own, "permit"), "id")) &&
               same_text(o->rule, talk_string(own, "rule")) && same_text(o->action, talk_string(own, "action"));
}

static void shut(struct opening *o, int64_t when, const char *why) {
        if (!o || !o->is_open)
                return;
        o->is_open = false;
        o->shut = when;
        o->why_shut = why;
}

static void open_one(struct register_book *b, const json_t *event, const json_t *own, bool observed) {
        const json_t *facts = json_object_get(own, "facts");
        const char *port = talk_string(facts, "port");
        struct opening *o = at_port(b, port);
        if (goes_on(o, facts, own))
                return;
        shut(o, time_of(event), "decided");
        o = append(b);
        if (!o)
                return;
        (void) snprintf(o->port, sizeof o->port, "%s", port);
        o->facts = json_incref((json_t *) facts);
        o->device = json_incref(json_object_get(event, "device"));
        o->permit = copy(b, talk_string(json_object_get(own, "permit"), "id"));
        o->rule = copy(b, talk_string(own, "rule"));
        o->action = copy(b, talk_string(own, "action"));
        o->observed = observed;
        o->is_open = true;
        o->opened = time_of(event);
}

static void hear_device(struct register_book *b, const json_t *event, const json_t *own, const char *code) {
        const json_t *facts = json_object_get(own, "facts");
        /* A medium's disks are part of it. */
        if (!is_media(facts) || json_is_string(json_object_get(facts, "node")))
                return;
        const char *port = talk_string(facts, "port");
        if (strcmp(code, "device-allowed") == 0)
                open_one(b, event, own, json_is_false(json_object_get(own, "enforce")));
        else if (strcmp(code, "device-observed") == 0)
                open_one(b, event, own, true);
        else if (strcmp(code, "device-refused") == 0)
                shut(at_port(b, port), time_of(event), "decided");
        else if (strcmp(code, "device-gone") == 0)
                shut(at_port(b, port), time_of(event), "unplugged");
}

/* What is told late belongs to the permit all the same. */
static void hear_file(struct register_book *b, const json_t *own) {
        const json_t *transfer = json_object_get(own, "transfer");
        const char *port = talk_string(transfer, "port"), *permit = talk_string(json_object_get(own, "permit"), "id");
        struct opening *o = at_port(b, port);
        for (size_t i = b->n; *permit && i-- > 0;)
                if (same_text(b->list[i].permit, permit)) {
                        o = &b->list[i];
                        break;
                }
        if (!o || !*port)
                return;
        o->files++;
        long long size = talk_integer(transfer, "size");
        o->bytes += size > 0 ? (uint64_t) size : 0;
}

/* ---- permits ---- */

static json_t *known(struct register_book *b, const char *id) {
        json_t *p = json_object_get(b->permits, id);
        if (!p && *id) {
                p = json_object();
                if (!p || json_object_set_new(b->permits, id, p) < 0) {
                        b->failed = true;
                        return NULL;
                }
        }
        return p;
}

static void set(struct register_book *b, json_t *p, const char *key, json_t *value) {
        if (json_object_set_new(p, key, value) < 0)
                b->failed = true;
}

/* Each record of a permit has all that was signed; what became of it comes on top. */
static void hear_permit(struct register_book *b, const json_t *event, const json_t *own) {
        static const struct {
                const char *outcome, *key, *state;
        } steps[] = {
                { "installed", "installed", "ready" }, { "activated", "activated", "ready" },
                { "used", "started", "live" },         { "ended", "ended", "lapsed" },
                { "closed", "closed", "closed" },
        };
        const json_t *said = json_object_get(own, "permit");
        const char *outcome = talk_string(said, "outcome");
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                if (strcmp(steps[i].outcome, outcome) != 0)
                        continue;
                json_t *p = known(b, talk_string(said, "id"));
                if (!p)
                        return;
                if (json_object_update(p, (json_t *) said) < 0)
                        b->failed = true;
                bool was_used = json_is_integer(json_object_get(p, "started"));
                const char *state = strcmp(outcome, "ended") == 0 && was_used ? "used" : steps[i].state;
                if (strcmp(outcome, "installed") == 0 && talk_bool(said, "sealed"))
                        state = "sealed";
                set(b, p, steps[i].key, json_integer(time_of(event)));
                set(b, p, "state", json_string(state));
                if (strcmp(outcome, "ended") == 0)
                        set(b, p, "end", json_string(talk_string(own, "detail")));
                set(b, p, "terminal", json_incref(json_object_get(event, "device")));
        }
}

void register_hear(struct register_book *b, const json_t *event) {
        if (!event) {
                b->damaged++;
                return;
        }
        const char *code = code_of(event);
        const json_t *own = own_part(event);
        if (strncmp(code, "device-", 7) == 0)
                hear_device(b, event, own, code);
        else if (strcmp(code, "file-written") == 0)
                hear_file(b, own);
        else if (strncmp(code, "permit-", 7) == 0)
                hear_permit(b, event, own);
}

void register_add_permits(struct register_book *b, const json_t *permits) {
        size_t n;
        json_t *p;
        json_array_foreach(permits, n, p) {
                const char *id = talk_string(p, "id");
                if (!*id || json_object_get(b->permits, id))
                        continue;
                json_t *device = json_pack("{s:s, s:s, s:s, s:s}", "vendor", talk_string(p, "vendor"), "product",
                                           talk_string(p, "product"), "serial", talk_string(p, "serial"), "descriptors",
                                           talk_string(p, "descriptors"));
                json_t *mine = json_copy(p);
                if (!mine || !device || json_object_set_new(mine, "device", device) < 0 ||
                    json_object_set_new(b->permits, id, mine) < 0)
                        b->failed = true;
        }
}

void register_finish(struct register_book *b) {
        const char *id;
        json_t *p;
        json_object_foreach(b->permits, id, p) {
                bool used = false;
                for (size_t i = 0; i < b->n && !used; i++)
                        used = same_text(b->list[i].permit, id);
                struct opening *o = used ? NULL : append(b);
                if (!o)
                        continue;
                o->permit = copy(b, id);
                o->device = json_incref(json_object_get(p, "terminal"));
        }
}

const json_t *register_permit(const struct register_book *b, const struct opening *o) {
        return o->permit ? json_object_get(b->permits, o->permit) : NULL;
}
