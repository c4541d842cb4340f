/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as a line of a record: what the scan reads is what the JSON parser reads, and it never reads what the
 * parser refuses. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/fields.h"
#include "fuzz.h"

static const struct field_path paths[] = {
        { "time", -1 }, { "metadata", -1 }, { "event_code", 1 }, { "unmapped", -1 }, { "sekisho", 3 }, { "facts", 4 },
};
#define N (sizeof paths / sizeof *paths)

static const json_t *follow(const json_t *event, int path) {
        if (path < 0)
                return event;
        const json_t *parent = follow(event, paths[path].parent);
        return json_object_get(parent, paths[path].key);
}

static void check(const struct field *f, const json_t *v) {
        static const enum field_type types[] = {
                [JSON_OBJECT] = FIELD_OBJECT,   [JSON_ARRAY] = FIELD_OTHER, [JSON_STRING] = FIELD_STRING,
                [JSON_INTEGER] = FIELD_INTEGER, [JSON_REAL] = FIELD_OTHER,  [JSON_TRUE] = FIELD_TRUE,
                [JSON_FALSE] = FIELD_FALSE,     [JSON_NULL] = FIELD_OTHER,
        };
        REQUIRE(f->type == (v ? types[json_typeof(v)] : FIELD_ABSENT));
        int64_t n;
        char text[64];
        if (f->type == FIELD_INTEGER)
                REQUIRE(field_integer(f, &n) && n == json_integer_value(v));
        else
                REQUIRE(!field_integer(f, &n));
        if (f->type == FIELD_STRING && json_string_length(v) < sizeof text)
                REQUIRE(field_text(f, text, sizeof text) && strcmp(text, json_string_value(v)) == 0);
        else
                REQUIRE(!field_text(f, text, sizeof text));
        if (f->type == FIELD_OBJECT) {
                json_t *again = json_loadb(f->text, f->size, JSON_REJECT_DUPLICATES, NULL);
                REQUIRE(json_equal(again, v));
                json_decref(again);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        /* A copy of its own size, so that a byte too far is seen. */
        char *line = malloc(size ? size : 1);
        REQUIRE(line);
        if (size > 0)
                memcpy(line, data, size);
        struct fields f;
        fields_init(&f, paths, N);
        json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        bool scanned = fields_scan(&f, line, size, false);
        REQUIRE(!scanned || json_is_object(event));
        bool read = fields_read(&f, line, size);
        REQUIRE(!read || json_is_object(event));
        REQUIRE(!scanned || read);
        for (size_t i = 0; read && i < N; i++)
                check(&f.values[i], follow(event, (int) i));
        fields_clear(&f);
        json_decref(event);
        free(line);
        return 0;
}
