/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key table as a JSON Schema, so that editors complete and check while typing. */
#include "schema.h"

#include <errno.h>
#include <sekisho/policy.h>

#include "keys.h"
#include "values.h"

static json_t *object_of(const struct mapping *m);

/* Other YAML tools take 0781 or 443 for numbers before they look at a schema. The pattern then does not apply; what it
 * says is checked by us in any case. */
static json_t *type_of(const struct value *v) {
        return v->digits ? json_pack("[s,s]", "string", "number") : json_string("string");
}

static json_t *names_of(const struct key *k) {
        json_t *list = json_array();
        for (unsigned i = 0; i < k->names->n; i++)
                if (k->valid == 0 || (k->valid >> i) & 1u)
                        (void) json_array_append_new(list, json_string(k->names->list[i]));
        return list;
}

static json_t *scalar_of(const struct key *k) {
        if (k->names)
                return json_pack("{s:o}", "enum", names_of(k));
        json_t *o = json_pack("{s:o}", "type", type_of(k->value));
        if (k->value->pattern)
                (void) json_object_set_new(o, "pattern", json_string(k->value->pattern));
        if (k->value == &value_number || k->value == &value_version) {
                (void) json_object_set_new(o, "minimum", json_integer((json_int_t) k->min));
                (void) json_object_set_new(o, "maximum", json_integer((json_int_t) k->max));
        }
        return o;
}

static json_t *list_of(const struct key *k, json_t *items) {
        json_t *o = json_pack("{s:s,s:o}", "type", "array", "items", items);
        if (k->flags & KEY_NONEMPTY)
                (void) json_object_set_new(o, "minItems", json_integer(1));
        if (k->flags & KEY_SINGLE_OK)
                o = json_pack("{s:[o,o]}", "anyOf", scalar_of(k), o);
        return o;
}

static json_t *value_of(const struct key *k) {
        switch ((enum shape) k->shape) {
        case SHAPE_SCALAR:
                return scalar_of(k);
        case SHAPE_LIST:
        case SHAPE_MASK:
                return list_of(k, scalar_of(k));
        case SHAPE_MAP:
                return object_of(k->mapping);
        case SHAPE_ROWS:
                return list_of(k, object_of(k->mapping));
        }
        return NULL;
}

/* A default is written as in a policy; lists as lists. */
static json_t *default_of(const struct key *k) {
        if (k->shape != SHAPE_MASK)
                return json_string(k->fallback);
        json_t *list = json_array();
        for (const char *s = k->fallback; *s;) {
                size_t length = strcspn(s, " ");
                (void) json_array_append_new(list, json_stringn(s, length));
                s += length + (s[length] == ' ');
        }
        return list;
}

static json_t *key_of(const struct key *k) {
        json_t *o = value_of(k);
        (void) json_object_set_new(o, "description", json_string(_(k->description)));
        if (k->fallback)
                (void) json_object_set_new(o, "default", default_of(k));
        return o;
}

static json_t *object_of(const struct mapping *m) {
        json_t *properties = json_object(), *required = json_array(), *needs = json_object();
        for (unsigned i = 0; i < m->n; i++) {
                const struct key *k = &m->keys[i];
                (void) json_object_set_new(properties, k->name, key_of(k));
                if (k->flags & KEY_REQUIRED)
                        (void) json_array_append_new(required, json_string(k->name));
                if (k->needs)
                        (void) json_object_set_new(needs, k->name, json_pack("[s]", k->needs));
        }
        return json_pack("{s:s,s:b,s:o,s:o,s:o}", "type", "object", "additionalProperties", 0, "properties", properties,
                         "required", required, "dependentRequired", needs);
}

int schema_write(const struct mapping *m, const char *id, const char *title, char **ret) {
        json_t *schema = object_of(m);
        json_t *head = json_pack("{s:s,s:s,s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "$id", id,
                                 "title", title);
        int r = head && schema ? json_object_update(head, schema) : -1;
        char *text = r == 0 ? json_dumps(head, JSON_INDENT(2)) : NULL;
        json_decref(schema);
        json_decref(head);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

int policy_schema(char **ret) {
        return schema_write(&policy_mapping, "urn:sekisho:policy:1", _("Policy of Sekisho"), ret);
}
