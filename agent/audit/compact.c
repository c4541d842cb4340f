/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/compact.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct out {
        char *to;
        size_t n, cap;
        bool failed;
};

static void put(struct out *o, const char *bytes, size_t n) {
        if (o->n < o->cap)
                memcpy(o->to + o->n, bytes, n < o->cap - o->n ? n : o->cap - o->n);
        o->n += n;
}

static void put_character(struct out *o, char c) {
        put(o, &c, 1);
}

/* RFC 8259, 7: what must not stand in a string as it is. */
static void put_escaped(struct out *o, unsigned char c) {
        static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
        const char *known = c ? strchr(letters, c) : NULL;
        char text[8] = "\\";
        if (known)
                text[1] = names[known - letters];
        else
                (void) snprintf(text + 1, sizeof text - 1, "u%04X", c);
        put(o, text, known ? 2 : 6);
}

static void put_string(struct out *o, const char *s, size_t n) {
        put_character(o, '"');
        size_t plain = 0; /* where what is not yet put begins */
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) s[i];
                if (c >= 0x20 && c != '"' && c != '\\')
                        continue;
                put(o, s + plain, i - plain);
                put_escaped(o, c);
                plain = i + 1;
        }
        put(o, s + plain, n - plain);
        put_character(o, '"');
}

static void put_value(struct out *o, const json_t *value);

static void put_object(struct out *o, json_t *object) { /* NOLINT(misc-no-recursion) */
        put_character(o, '{');
        for (void *at = json_object_iter(object), *first = at; at; at = json_object_iter_next(object, at)) {
                if (at != first)
                        put_character(o, ',');
                put_string(o, json_object_iter_key(at), json_object_iter_key_len(at));
                put_character(o, ':');
                put_value(o, json_object_iter_value(at));
        }
        put_character(o, '}');
}

static void put_array(struct out *o, const json_t *array) { /* NOLINT(misc-no-recursion) */
        put_character(o, '[');
        for (size_t i = 0; i < json_array_size(array); i++) {
                if (i > 0)
                        put_character(o, ',');
                put_value(o, json_array_get(array, i));
        }
        put_character(o, ']');
}

static void put_integer(struct out *o, json_int_t value) {
        char text[24];
        int n = snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, value);
        put(o, text, n < 0 ? 0 : (size_t) n);
}

static void put_value(struct out *o, const json_t *value) { /* NOLINT(misc-no-recursion) */
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                put_object(o, (json_t *) value); /* jansson's iterators are not const */
                return;
        case JSON_ARRAY:
                put_array(o, value);
                return;
        case JSON_STRING:
                put_string(o, json_string_value(value), json_string_length(value));
                return;
        case JSON_INTEGER:
                put_integer(o, json_integer_value(value));
                return;
        case JSON_TRUE:
                put(o, "true", 4);
                return;
        case JSON_FALSE:
                put(o, "false", 5);
                return;
        case JSON_NULL:
                put(o, "null", 4);
                return;
        case JSON_REAL:
                break;
        }
        o->failed = true;
}

size_t compact_json(const json_t *event, char *to, size_t cap) {
        struct out o = { .to = to, .cap = cap };
        put_value(&o, event);
        return o.failed ? 0 : o.n;
}
