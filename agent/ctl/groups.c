/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "groups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

int groups_begin(struct groups *ret) {
        *ret = (struct groups){ .rows = json_object() };
        return ret->rows ? 0 : -ENOMEM;
}

void groups_clear(struct groups *g) {
        json_decref(g->rows);
        *g = (struct groups){ 0 };
}

size_t groups_size(const struct groups *g) {
        return json_object_size(g->rows);
}

static json_int_t number(const json_t *row, const char *key) {
        return json_integer_value(json_object_get(row, key));
}

void groups_add(struct groups *g, const char *const fields[GROUP_FIELDS], uint64_t count, uint64_t bytes,
                int64_t when) {
        CLEANUP(free_p) char *key = NULL;
        /* A character that no text of the record holds stands between. */
        if (asprintf(&key, "%s\x1f%s\x1f%s\x1f%s", fields[0] ? fields[0] : "", fields[1] ? fields[1] : "",
                     fields[2] ? fields[2] : "", fields[3] ? fields[3] : "") < 0) {
                key = NULL;
                g->failed = true;
                return;
        }
        const json_t *row = json_object_get(g->rows, key);
        if (!row && groups_size(g) >= GROUPS_MAX) {
                g->more++;
                return;
        }
        json_int_t first = row && number(row, "first") < when ? number(row, "first") : (json_int_t) when;
        json_int_t last = row && number(row, "last") > when ? number(row, "last") : (json_int_t) when;
        json_t *next = json_pack("{s:s*, s:s*, s:s*, s:s*, s:I, s:I, s:I, s:I}", "0", fields[0], "1", fields[1], "2",
                                 fields[2], "3", fields[3], "count", (json_int_t) count + number(row, "count"), "bytes",
                                 (json_int_t) bytes + number(row, "bytes"), "first", first, "last", last);
        if (!next || json_object_set_new(g->rows, key, next) < 0)
                g->failed = true;
}

void groups_each(const struct groups *g, void (*each)(const struct group *group, void *userdata), void *userdata) {
        static const char *const names[GROUP_FIELDS] = { "0", "1", "2", "3" };
        const char *key;
        json_t *row;
        json_object_foreach(g->rows, key, row) {
                struct group group = { .count = (uint64_t) number(row, "count"),
                                       .bytes = (uint64_t) number(row, "bytes"),
                                       .first = number(row, "first"),
                                       .last = number(row, "last") };
                for (size_t i = 0; i < GROUP_FIELDS; i++)
                        group.fields[i] = json_string_value(json_object_get(row, names[i]));
                each(&group, userdata);
        }
}
