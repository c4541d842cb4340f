/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "permit_life.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define LIFE_FORMAT 1

static void json_p(json_t **j) {
        json_decref(*j);
}

/* The numbers of a life, by name. */
static const struct number {
        const char *name;
        size_t offset;
} numbers[] = {
#define NUMBER(member)                                                                                                 \
        { #member, offsetof(struct permit_life, member) }
        NUMBER(installed),    NUMBER(activated),    NUMBER(started), NUMBER(ended), NUMBER(closed),
        NUMBER(installed_by), NUMBER(started_boot), NUMBER(written), NUMBER(files), NUMBER(told),
#undef NUMBER
};
#define NUMBERS (sizeof numbers / sizeof *numbers)

static const struct text {
        const char *name;
        size_t offset, size;
} texts[] = {
#define TEXT(member)                                                                                                   \
        { #member, offsetof(struct permit_life, member), sizeof(((struct permit_life *) 0)->member) }
        TEXT(boot_id),
        TEXT(port),
        TEXT(closed_by),
#undef TEXT
};
#define TEXTS (sizeof texts / sizeof *texts)

char *permit_life_write(const char *sha256, const struct permit_life *life) {
        CLEANUP(json_p)
        json_t *j = json_pack("{s:i, s:s, s:s, s:s, s:i, s:b, s:b}", "format", LIFE_FORMAT, "sha256", sha256, "state",
                              permit_state_name(life->state), "end", permit_end_name(life->end), "tries",
                              (int) life->tries, "returned", life->returned, "erased", life->erased);
        json_t *disks = json_array();
        int failed = !j || !disks || json_object_set_new(j, "disks", disks) < 0;
        for (size_t i = 0; !failed && i < NUMBERS; i++) {
                int64_t value;
                memcpy(&value, (const char *) life + numbers[i].offset, sizeof value);
                failed = json_object_set_new(j, numbers[i].name, json_integer(value)) < 0;
        }
        for (size_t i = 0; !failed && i < TEXTS; i++)
                failed = json_object_set_new(j, texts[i].name, json_string((const char *) life + texts[i].offset)) < 0;
        for (size_t i = 0; !failed && i < PERMIT_DISKS_MAX && life->disks[i].inode; i++)
                failed = json_array_append_new(disks, json_pack("[I, I]", (json_int_t) life->disks[i].inode,
                                                                (json_int_t) life->disks[i].bytes)) < 0;
        return failed ? NULL : json_dumps(j, JSON_INDENT(1));
}

static bool read_numbers(const json_t *j, struct permit_life *life) {
        for (size_t i = 0; i < NUMBERS; i++) {
                const json_t *value = json_object_get(j, numbers[i].name);
                int64_t number = json_integer_value(value);
                if (!json_is_integer(value) || number < 0)
                        return false;
                memcpy((char *) life + numbers[i].offset, &number, sizeof number);
        }
        return true;
}

static bool read_texts(const json_t *j, struct permit_life *life) {
        for (size_t i = 0; i < TEXTS; i++) {
                const char *value = json_string_value(json_object_get(j, texts[i].name));
                if (!value || strlen(value) >= texts[i].size)
                        return false;
                memcpy((char *) life + texts[i].offset, value, strlen(value) + 1);
        }
        return true;
}

static bool read_disks(const json_t *j, struct permit_life *life) {
        const json_t *disks = json_object_get(j, "disks");
        if (!json_is_array(disks) || json_array_size(disks) > PERMIT_DISKS_MAX)
                return false;
        for (size_t i = 0; i < json_array_size(disks); i++) {
                const json_t *disk = json_array_get(disks, i), *inode = json_array_get(disk, 0),
                             *bytes = json_array_get(disk, 1);
                if (json_integer_value(inode) <= 0 || json_integer_value(bytes) < 0 || !json_is_integer(bytes))
                        return false;
                life->disks[i] = (struct permit_disk){ (uint64_t) json_integer_value(inode),
                                                       (uint64_t) json_integer_value(bytes) };
        }
        return true;
}

static int find_name(const char *name, const char *(*name_of)(int), int max) {
        for (int i = 0; name && i < max; i++)
                if (strcmp(name_of(i), name) == 0)
                        return i;
        return -1;
}
static const char *state_name(int i) {
        return permit_state_name((enum permit_state) i);
}
static const char *end_name(int i) {
        return permit_end_name((enum permit_end) i);
}

/* What cannot be: a state that its own dates contradict. */
static bool holds_together(const struct permit_life *l) {
        bool used = l->state == PERMIT_LIVE || l->state == PERMIT_USED || l->state == PERMIT_CLOSED;
        bool over = l->state >= PERMIT_USED;
        return l->tries <= PERMIT_TRIES_MAX && l->installed > 0 && used == (l->started > 0) &&
               used == (*l->boot_id != 0) && over == (l->ended > 0) && over == (l->end != PERMIT_END_NONE) &&
               (l->state == PERMIT_CLOSED) == (l->closed > 0);
}

int permit_life_read(const char *text, size_t size, const char *sha256, struct permit_life *ret) {
        CLEANUP(json_p) json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        struct permit_life life = { 0 };
        int format = 0, tries = 0, returned = 0, erased = 0;
        const char *digest = NULL, *state = NULL, *end = NULL;
        if (!j || json_unpack(j, "{s:i, s:s, s:s, s:s, s:i, s:b, s:b}", "format", &format, "sha256", &digest, "state",
                              &state, "end", &end, "tries", &tries, "returned", &returned, "erased", &erased) < 0)
                return 1;
        int s = find_name(state, state_name, PERMIT_STATE_MAX), e = find_name(end, end_name, PERMIT_END_MAX);
        if (format != LIFE_FORMAT || strcmp(digest, sha256) != 0 || s < 0 || e < 0 || tries < 0 ||
            !read_numbers(j, &life) || !read_texts(j, &life) || !read_disks(j, &life))
                return 1;
        life.state = (enum permit_state) s;
        life.end = (enum permit_end) e;
        life.tries = (unsigned) tries;
        life.returned = returned != 0;
        life.erased = erased != 0;
        if (!holds_together(&life))
                return 1;
        *ret = life;
        return 0;
}
