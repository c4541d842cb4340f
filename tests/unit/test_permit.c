/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The permit as a document, and the code by phone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <jansson.h>
#include <sekisho/permit.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define HEX  "abababababababababababababababababababababababababababababababab"

/* Each line can be replaced by another; NULL: left out. */
enum { HEADER, TICKET, APPLICANT, APPROVER, PURPOSE, DEVICE, ACTION, USERS, DURATION, REST, LINES };
#define HEADER_WITH(id, issued, expires, target)                                                                       \
        "header: {fleet: omura, id: " id ", issued: " issued ", expires: " expires ", target: " target "}"
#define NOW  "2026-11-28T09:00:00+09:00"
#define THEN "2026-11-29T09:00:00+09:00"
#define HERE "[host:0123456789abcdef0123456789abcdef]"

static const char good_header[] = HEADER_WITH("6f1c2a", "2026-11-28T09:00:00+09:00", "2027-03-31T23:59:59+09:00", HERE);
static const char good_device[] = "device: {vendor: 0781, product: 5591, serial: 4C53, descriptors: 'sha256:" HEX "'}";
static const char *const good[LINES] = {
        [HEADER] = good_header,
        [TICKET] = "ticket: 様式第1号の2 令和8年度-0123",
        [APPLICANT] = "applicant: 市民課 山田",
        [APPROVER] = "approver: 市民課長",
        [PURPOSE] = "purpose: 県への提出",
        [DEVICE] = good_device,
        [ACTION] = "action: read-only",
        [USERS] = "users: [yamada, 'group:joho']",
        [DURATION] = "duration: 4h",
        [REST] = "",
};

static const struct row {
        const char *name;
        int line;
        const char *text;
        const char *path; /* of the only error; NULL: accepted */
} rows[] = {
        { "as it should be", LINES, NULL, NULL },
        { "no ticket", TICKET, NULL, "ticket" },
        { "no applicant", APPLICANT, NULL, "applicant" },
        { "no approver", APPROVER, NULL, "approver" },
        { "no purpose", PURPOSE, NULL, "purpose" },
        { "no users", USERS, NULL, "users" },
        { "empty users", USERS, "users: []", "users" },
        { "no duration", DURATION, NULL, "duration" },
        { "without an end", DURATION, "duration: never", "duration" },
        { "no time at all", DURATION, "duration: 0s", "duration" },
        { "more than a year", DURATION, "duration: 367d", "duration" },
        { "never expires", HEADER, HEADER_WITH("a", NOW, "never", HERE), "header.expires" },
        { "expires before it begins", HEADER, HEADER_WITH("a", THEN, NOW, HERE), "header.expires" },
        { "a year and a day", HEADER, HEADER_WITH("a", NOW, "2027-11-29T09:00:01+09:00", HERE), "header.expires" },
        { "a fiscal year", HEADER, HEADER_WITH("a", "2027-04-01T00:00:00+09:00", "2028-03-31T23:59:59+09:00", HERE),
          NULL },
        { "for all terminals", HEADER, HEADER_WITH("a", NOW, THEN, "[all]"), "header.target" },
        { "for a group", HEADER, HEADER_WITH("a", NOW, THEN, "['group:x']"), "header.target" },
        { "for two", HEADER,
          HEADER_WITH("a", NOW, THEN, "[host:0123456789abcdef0123456789abcdef, host:1123456789abcdef0123456789abcdef]"),
          "header.target" },
        { "an id that is no name", HEADER, HEADER_WITH("a/b", NOW, THEN, HERE), "header.id" },
        { "an id that begins with a dot", HEADER, HEADER_WITH(".a", NOW, THEN, HERE), "header.id" },
        { "no descriptors", DEVICE, "device: {vendor: 0781, product: 5591, serial: 4C53}", "device.descriptors" },
        { "no product", DEVICE, "device: {vendor: 0781, serial: 4C53, descriptors: 'sha256:" HEX "'}",
          "device.product" },
        { "a medium without a serial", DEVICE, "device: {vendor: 0781, product: 5591, descriptors: 'sha256:" HEX "'}",
          NULL },
        { "block", ACTION, "action: block", "action" },
        { "exempt", ACTION, "action: exempt", "action" },
        { "to write, without an amount", ACTION, "action: allow", "max-bytes" },
        { "to write", ACTION, "action: allow\nmax-bytes: 64MiB", NULL },
        { "to write, without a limit", ACTION, "action: allow\nmax-bytes: unlimited", NULL },
        { "to write nothing", ACTION, "action: allow\nmax-bytes: 0", "max-bytes" },
        { "an amount that means nothing", REST, "max-bytes: 64MiB", NULL },
        { "returned after a minute", REST, "return-within: 60s", NULL },
        { "never returned", REST, "return-within: never", "return-within" },
        { "a code that is none", REST, "activation: 12345", "activation" },
        { "a key that is none", REST, "serial: 12", "serial" },
        { "a policy's key", REST, "mode: observe", "mode" },
};

static char *document(int line, const char *text) {
        char *all = NULL;
        size_t size;
        FILE *f = open_memstream(&all, &size);
        (void) fputs("sekisho-permit: 1\n", f);
        for (int i = 0; i < LINES; i++)
                (void) fprintf(f, "%s\n", i != line ? good[i] : text ? text : "");
        (void) fclose(f);
        return all;
}

static struct permit *parse(int line, const char *text, struct problems *problems) {
        char *all = document(line, text);
        struct permit *p = NULL;
        int r = permit_parse(all, strlen(all), problems, &p);
        assert_true(r == 0 ? p && problems->n_errors == 0 : r == 1 && !p);
        free(all);
        return p;
}

static void test_row(void **state) {
        const struct row *row = *state;
        struct problems problems = { 0 };
        struct permit *p = parse(row->line, row->text, &problems);
        if (row->path) {
                assert_null(p);
                assert_int_equal(problems.n_errors, 1);
                assert_string_equal(problems.list[0].path, row->path);
        } else if (!p) {
                fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
        }
        (void) permit_free(p);
        problems_clear(&problems);
}

static void test_values(void **state) {
        (void) state;
        struct problems problems = { 0 };
        struct permit *p = parse(LINES, NULL, &problems);
        assert_non_null(p);
        assert_string_equal(p->fleet, "omura");
        assert_string_equal(p->id, "6f1c2a");
        assert_string_equal(p->rule.id, "6f1c2a");
        assert_string_equal(p->target.list[0], "host:0123456789abcdef0123456789abcdef");
        assert_string_equal(p->ticket, "様式第1号の2 令和8年度-0123");
        assert_string_equal(p->rule.note, p->ticket);
        assert_true(p->rule.has_vendor && p->rule.has_product && p->rule.vendor == 0x0781 && p->rule.product == 0x5591);
        assert_string_equal(p->rule.serial, "4C53");
        assert_int_equal(p->rule.descriptors[31], 0xab);
        assert_int_equal(p->rule.classes, CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL));
        assert_int_equal(p->rule.action, ACTION_READ_ONLY);
        assert_int_equal(p->rule.encrypted, ENCRYPTED_ANY);
        assert_int_equal(p->rule.users.n, 2);
        assert_int_equal(p->duration, 4 * 3600);
        assert_int_equal(p->return_within, 86400);
        assert_null(p->activation);
        (void) permit_free(p);
        problems_clear(&problems);
}

/* What is not said is what is safest: reading alone, encrypted volumes for writing, a medium without a number. */
static void test_defaults(void **state) {
        (void) state;
        static const struct {
                const char *text;
                enum action action;
                enum encrypted encrypted;
                uint64_t max_bytes;
        } expected[] = { { "", ACTION_READ_ONLY, ENCRYPTED_ANY, 0 },
                         { "encrypted: luks", ACTION_READ_ONLY, ENCRYPTED_LUKS, 0 },
                         { "action: allow\nmax-bytes: 1KiB", ACTION_ALLOW, ENCRYPTED_LUKS, 1024 },
                         { "action: allow\nmax-bytes: unlimited\nencrypted: any", ACTION_ALLOW, ENCRYPTED_ANY,
                           UINT64_MAX } };
        for (size_t i = 0; i < N(expected); i++) {
                struct problems problems = { 0 };
                struct permit *p = parse(ACTION, expected[i].text, &problems);
                assert_non_null(p);
                assert_int_equal(p->rule.action, expected[i].action);
                assert_int_equal(p->rule.encrypted, expected[i].encrypted);
                assert_int_equal(p->max_bytes, expected[i].max_bytes);
                (void) permit_free(p);
                p = parse(DEVICE, "device: {vendor: 0781, product: 5591, descriptors: 'sha256:" HEX "'}", &problems);
                assert_string_equal(p->rule.serial, "");
                (void) permit_free(p);
                problems_clear(&problems);
        }
}

static void test_schema(void **state) {
        (void) state;
        char *text = NULL;
        assert_int_equal(permit_schema(&text), 0);
        json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(schema);
        const json_t *properties = json_object_get(schema, "properties");
        assert_non_null(json_object_get(properties, "activation"));
        assert_non_null(
                json_object_get(json_object_get(json_object_get(properties, "device"), "properties"), "vendor"));
        json_decref(schema);
        free(text);
}

/* ---- the code ---- */

static void test_code_forms(void **state) {
        (void) state;
        static const struct {
                const char *text, *code;
        } forms[] = { { "7K2M9QRT0XYZABCD", "7K2M9QRT0XYZABCD" },
                      { "7k2m-9qrt-0xyz-abcd", "7K2M9QRT0XYZABCD" },
                      { " 7k2m 9qrt oxyz abcd ", "7K2M9QRT0XYZABCD" },
                      { "iLiL-0000-0000-0000", "1111000000000000" },
                      { "7K2M9QRT0XYZABC", NULL },
                      { "7K2M9QRT0XYZABCDE", NULL },
                      { "7K2M9QRT0XYZABCU", NULL },
                      { "７K2M9QRT0XYZABC", NULL },
                      { "7K2M_9QRT_0XYZ_ABCD", NULL },
                      { "", NULL } };
        for (size_t i = 0; i < N(forms); i++) {
                char code[PERMIT_CODE_CHARS + 1] = "untouched";
                assert_int_equal(permit_code_read(forms[i].text, code), forms[i].code != NULL);
                assert_string_equal(code, forms[i].code ? forms[i].code : "untouched");
        }
}

static void test_code_bits(void **state) {
        (void) state;
        static const struct {
                uint8_t random[10];
                const char *code;
        } made[] = { { { 0 }, "0000000000000000" },
                     { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, "ZZZZZZZZZZZZZZZZ" },
                     { { 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21 }, "1111111111111111" },
                     { { 1 }, "0400000000000000" },
                     { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, "0000000000000001" } };
        for (size_t i = 0; i < N(made); i++) {
                char code[PERMIT_CODE_CHARS + 1];
                permit_code_make(made[i].random, code);
                assert_string_equal(code, made[i].code);
        }
        /* Each of the 80 bits makes another code. */
        for (unsigned bit = 0; bit < 80; bit++) {
                uint8_t random[10] = { 0 };
                char code[PERMIT_CODE_CHARS + 1], again[PERMIT_CODE_CHARS + 1];
                random[bit / 8] = (uint8_t) (0x80 >> bit % 8);
                permit_code_make(random, code);
                assert_true(permit_code_read(code, again));
                assert_int_equal(strspn(code, "0"), bit / 5);
        }
}

/* The digest: `printf %s 6f1c2a:7K2M9QRT0XYZABCD | sha256sum`. */
#define DIGEST "683c8ef67415590606be37b1f03ef9ee83cf22b54999ad0626f6ad393b61cf8d"
static void test_code_fits(void **state) {
        (void) state;
        char hex[65], text[128];
        uint8_t digest[DIGEST_SIZE];
        permit_code_digest("6f1c2a", "7K2M9QRT0XYZABCD", digest);
        (void) sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
        assert_string_equal(hex, DIGEST);
        (void) snprintf(text, sizeof text, "activation: sha256:%s", hex);
        struct problems problems = { 0 };
        struct permit *p = parse(REST, text, &problems);
        assert_non_null(p);
        assert_true(permit_code_fits(p, "7K2M9QRT0XYZABCD"));
        assert_false(permit_code_fits(p, "7K2M9QRT0XYZABCE"));
        assert_false(permit_code_fits(p, ""));
        (void) permit_free(p);
        p = parse(LINES, NULL, &problems); /* needs none, so none fits */
        assert_false(permit_code_fits(p, "7K2M9QRT0XYZABCD"));
        (void) permit_free(p);
        problems_clear(&problems);
}

int main(void) {
        if (sodium_init() < 0)
                return 1;
        struct CMUnitTest tests[N(rows) + 6];
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_values);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_defaults);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_schema);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_code_forms);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_code_bits);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_code_fits);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
