/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schema says what the table says: every key is in it, and nothing else; so is the manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <jansson.h>
#include <regex.h>
#include <sekisho/policy.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

static json_t *load(void) {
        char *text = NULL;
        json_error_t error;
        assert_int_equal(policy_schema(&text), 0);
        json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!schema)
                fail_msg("%s at %d:%d", error.text, error.line, error.column);
        free(text);
        return schema;
}

static const char *text_of(const json_t *o, const char *key) {
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static bool contains(const json_t *list, const char *s) {
        size_t i;
        json_t *item;
        json_array_foreach(list, i, item) if (strcmp(json_string_value(item), s) == 0) return true;
        return false;
}

/* A pattern that the schema gives must be one; our own parser does not use it. */
static void check_pattern(const json_t *o, const char *name) {
        const char *pattern = text_of(o, "pattern");
        regex_t regex;
        if (!pattern[0])
                return;
        if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
                fail_msg("%s: \"%s\" is not a pattern", name, pattern);
        regfree(&regex);
        assert_int_equal(pattern[0], '^');
        assert_int_equal(pattern[strlen(pattern) - 1], '$');
}

static unsigned check_mapping(const json_t *schema, const struct mapping *m, unsigned depth);

static unsigned check_key(const json_t *schema, const struct key *k, unsigned depth) {
        const json_t *items = json_object_get(schema, "items");
        if (text_of(schema, "description")[0] == 0)
                fail_msg("%s has no description", k->name);
        if (k->fallback && !json_object_get(schema, "default"))
                fail_msg("%s has no default", k->name);
        switch ((enum shape) k->shape) {
        case SHAPE_MAP:
                return 1 + check_mapping(schema, k->mapping, depth + 1);
        case SHAPE_ROWS:
                assert_string_equal(text_of(schema, "type"), "array");
                return 1 + check_mapping(items, k->mapping, depth + 1);
        case SHAPE_LIST:
        case SHAPE_MASK:
                if (k->flags & KEY_SINGLE_OK)
                        items = json_object_get(json_array_get(json_object_get(schema, "anyOf"), 1), "items");
                assert_non_null(items);
                break;
        case SHAPE_SCALAR:
                items = schema;
                break;
        }
        if (k->names) {
                const json_t *names = json_object_get(items, "enum");
                size_t n = 0;
                for (unsigned i = 0; i < k->names->n; i++) {
                        bool valid = k->valid == 0 || (k->valid >> i) & 1u;
                        n += valid;
                        assert_int_equal(contains(names, k->names->list[i]), valid);
                }
                assert_int_equal(json_array_size(names), n);
        }
        check_pattern(items, k->name);
        return 1;
}

static unsigned check_mapping(const json_t *schema, const struct mapping *m, unsigned depth) {
        const json_t *properties = json_object_get(schema, "properties");
        unsigned keys = 0, required = 0;
        assert_true(depth < 8);
        assert_true(m->n <= KEYS_MAX);
        assert_string_equal(text_of(schema, "type"), "object");
        assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
        assert_int_equal(json_object_size(properties), m->n);
        for (unsigned i = 0; i < m->n; i++) {
                const json_t *property = json_object_get(properties, m->keys[i].name);
                if (!property)
                        fail_msg("%s is not in the schema", m->keys[i].name);
                keys += check_key(property, &m->keys[i], depth);
                bool needed = m->keys[i].flags & KEY_REQUIRED;
                required += needed;
                assert_int_equal(contains(json_object_get(schema, "required"), m->keys[i].name), needed);
        }
        assert_int_equal(json_array_size(json_object_get(schema, "required")), required);
        return keys;
}

static void test_table(void **state) {
        (void) state;
        json_t *schema = load();
        assert_string_equal(text_of(schema, "$schema"), "https://json-schema.org/draft/2020-12/schema");
        unsigned keys = check_mapping(schema, &policy_mapping, 0);
        print_message("%u keys\n", keys);
        assert_true(keys > 70);
        json_decref(schema);
}

/* A few places by hand, so that the comparison above is not the table with itself. */
static void test_places(void **state) {
        (void) state;
        json_t *schema = load(), *o = NULL;
        const char *names[] = { "devices", "rules" };
        o = json_object_get(schema, "properties");
        for (size_t i = 0; i < 2; i++) {
                o = json_object_get(o, names[i]);
                if (i == 0)
                        o = json_object_get(o, "properties");
        }
        o = json_object_get(json_object_get(o, "items"), "properties");
        assert_true(contains(json_object_get(json_object_get(o, "action"), "enum"), "read-only"));
        assert_false(contains(json_object_get(json_object_get(o, "action"), "enum"), "exempt"));
        json_t *match = json_object_get(o, "match");
        assert_true(contains(json_object_get(json_object_get(match, "dependentRequired"), "product"), "vendor"));
        o = json_object_get(json_object_get(match, "properties"), "vendor");
        assert_string_equal(text_of(o, "pattern"), "^[0-9A-Fa-f]{4}$");
        assert_true(contains(json_object_get(schema, "required"), "header"));
        json_decref(schema);
}

static char *read_manual(void) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = fopen(FIXTURES "/../../packaging/man/sekisho-policy.5", "re");
        if (!f)
                fail_msg("the manual of the language is missing");
        if (getdelim(&text, &size, 0, f) <= 0)
                fail_msg("the manual of the language is empty");
        (void) fclose(f);
        return text;
}

/* Hyphens are written \- in a manual page. */
static bool is_documented(const char *manual, const char *key) {
        char line[128] = ".It Cm ";
        size_t used = strlen(line);
        for (; *key && used < sizeof line - 2; key++) {
                if (*key == '-')
                        line[used++] = '\\';
                line[used++] = *key;
        }
        line[used] = 0;
        for (const char *s = strstr(manual, line); s; s = strstr(s + 1, line))
                if (s[used] == '\n' || s[used] == ' ')
                        return true;
        return false;
}

static void check_manual(const char *manual, const struct mapping *m) {
        for (unsigned i = 0; i < m->n; i++) {
                if (!is_documented(manual, m->keys[i].name))
                        fail_msg("sekisho-policy(5) does not describe \"%s\"", m->keys[i].name);
                if (m->keys[i].mapping)
                        check_manual(manual, m->keys[i].mapping);
        }
}

static void test_manual(void **state) {
        (void) state;
        char *manual = read_manual();
        assert_false(is_documented(manual, "no-such-key"));
        check_manual(manual, &policy_mapping);
        check_manual(manual, &terminal_mapping);
        free(manual);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_places),
                                            cmocka_unit_test(test_manual) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
