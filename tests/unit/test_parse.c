/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language: what is refused, where, and with which words; what is accepted, and what it then holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <libintl.h>
#include <locale.h>
#include <sekisho/document.h>
#include <sekisho/policy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "parser.h"
#include "policy_rows.h"

/* As people see it, but with a file name that is easy to search. */
static char *shown(const struct problems *p, enum severity severity) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        for (size_t i = 0; i < p->n; i++)
                if (p->list[i].severity == severity)
                        (void) fprintf(f, "%u:%u: %s: %s\n", p->list[i].line, p->list[i].column, p->list[i].path,
                                       p->list[i].message);
        (void) fclose(f);
        return text;
}

static void test_row(void **state) {
        const struct row *row = *state;
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        int r = policy_parse(row->text, strlen(row->text), &problems, &policy);
        char *errors = shown(&problems, SEVERITY_ERROR);
        bool accepted = !row->expected[0];

        if (r != (accepted ? 0 : 1))
                fail_msg("%s: returned %d\n%s", row->name, r, errors);
        assert_int_equal(policy != NULL, accepted);
        assert_int_equal(problems.n_errors > 0, !accepted);
        const char *at = errors;
        for (size_t i = 0; i < 4 && row->expected[i]; i++) {
                at = strstr(at, row->expected[i]);
                if (!at)
                        fail_msg("%s: expected \"%s\" in\n%s", row->name, row->expected[i], errors);
        }
        free(errors);
        problems_clear(&problems);
        (void) policy_free(policy);
}

static void test_warning(void **state) {
        size_t i = (size_t) (uintptr_t) *state;
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(warnings[i].text, strlen(warnings[i].text), &problems, &policy), 0);
        char *text = shown(&problems, SEVERITY_WARNING);
        if (warnings[i].expected && !strstr(text, warnings[i].expected))
                fail_msg("%s: expected \"%s\" in\n%s", warnings[i].name, warnings[i].expected, text);
        for (size_t k = 0; !warnings[i].expected && k < problems.n; k++)
                if (!strstr(problems.list[k].message, "there is no section"))
                        fail_msg("%s: unexpected\n%s", warnings[i].name, text);
        free(text);
        problems_clear(&problems);
        (void) policy_free(policy);
}

static struct policy *parse(const char *text) {
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        if (policy_parse(text, strlen(text), &problems, &policy) != 0) {
                char *errors = shown(&problems, SEVERITY_ERROR);
                fail_msg("%s", errors);
        }
        problems_clear(&problems);
        return policy;
}

static struct policy *parse_file(const char *path) {
        struct document d;
        assert_int_equal(document_read(AT_FDCWD, path, DOCUMENT_MAX, &d), 0);
        struct policy *p = parse(d.bytes);
        document_clear(&d);
        return p;
}

/* The example of the manual: every value where it belongs. */
static void test_full(void **state) {
        (void) state;
        struct policy *p = parse_file(FIXTURES "/policy/full.yaml");
        assert_string_equal(p->header.fleet, "omura-mynumber");
        assert_int_equal(p->header.serial, 12);
        assert_int_equal(p->header.issued, 1795392000);  /* date -ud 2026-11-23 +%s */
        assert_int_equal(p->header.expires, 1806505199); /* date -d 2027-03-31T23:59:59+09:00 +%s */
        assert_string_equal(p->contact, "情報政策課 内線 2345");

        assert_int_equal(p->devices.n_rules, 2);
        const struct device_rule *reader = &p->devices.rules[0], *stick = &p->devices.rules[1];
        assert_string_equal(reader->id, "card-reader");
        assert_int_equal(reader->buses, 1u << BUS_USB);
        assert_int_equal(reader->classes, CLASS_BIT(CLASS_SMARTCARD));
        assert_true(reader->has_vendor && reader->has_product);
        assert_int_equal(reader->vendor, 0x04e6);
        assert_int_equal(reader->product, 0x5116);
        assert_int_equal(reader->action, ACTION_ALLOW);
        assert_string_equal(stick->serial, "4C530001230524112084");
        assert_int_equal(stick->descriptors[0], 0x9f);
        assert_int_equal(stick->descriptors[DIGEST_SIZE - 1], 0x0c);
        assert_int_equal(stick->action, ACTION_READ_ONLY);
        assert_int_equal(stick->encrypted, ENCRYPTED_LUKS);
        assert_string_equal(stick->users.list[0], "group:joho");
        assert_int_equal(stick->hours.n, 1);
        assert_int_equal(stick->hours.list[0].days, 0x1f);
        assert_int_equal(stick->hours.list[0].start, 8 * 60 + 30);
        assert_int_equal(stick->hours.list[0].end, 17 * 60 + 15);
        assert_int_equal(stick->line, 20);

        const struct network_rule *n = &p->network.rules[0];
        assert_int_equal(n->protocol, PROTOCOL_TCP);
        assert_int_equal(n->n_prefixes, 2);
        assert_int_equal(n->prefixes[0].length, 24);
        assert_memory_equal(n->prefixes[0].address, "\x0a\x14\x1e\0", 4);
        assert_int_equal(n->prefixes[1].family, 6);
        assert_int_equal(n->ports[1].first, 8443);
        assert_int_equal(n->ports[1].last, 8450);
        assert_int_equal(n->next_hops[0].octets[5], 0x56);
        assert_int_equal(p->network.n_inbound, 1);

        assert_int_equal(p->clipboard.flows[1].from, 0);
        assert_int_equal(p->clipboard.flows[1].to, 1);
        assert_int_equal(p->clipboard.flows[1].max_bytes, 4096);
        assert_true(p->clipboard.flows[1].my_number_block);
        assert_false(p->clipboard.flows[0].my_number_block);
        assert_true(p->clipboard.flows[0].max_bytes == UINT64_MAX);

        assert_int_equal(p->login.n_rules, 3);
        assert_int_equal(p->login.rules[2].until, 1806505200); /* the end of 2027-03-31 in +09:00 */
        assert_int_equal(p->login.rules[0].until == POLICY_NEVER, 1);
        assert_true(p->login.guard_required);
        assert_int_equal(p->login.screen_lock, 300);
        assert_int_equal(p->audit.reserve, 256u << 20);
        assert_int_equal(p->audit.retain_days, 7 * 366);
        (void) policy_free(p);
}

/* What is shipped has neither errors nor warnings. */
static void test_examples(void **state) {
        (void) state;
        glob_t found;
        assert_int_equal(glob(FIXTURES "/../../packaging/examples/policy/*.yaml", 0, NULL, &found), 0);
        assert_int_equal(glob(FIXTURES "/../../packaging/default-policy.yaml", GLOB_APPEND, NULL, &found), 0);
        assert_true(found.gl_pathc >= 4);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                struct document d;
                struct problems problems = { 0 };
                struct policy *policy = NULL;
                assert_int_equal(document_read(AT_FDCWD, found.gl_pathv[i], DOCUMENT_MAX, &d), 0);
                int r = policy_parse(d.bytes, d.size, &problems, &policy);
                if (r != 0 || problems.n > 0)
                        fail_msg("%s:%u: %s", found.gl_pathv[i], problems.list[0].line, problems.list[0].message);
                (void) policy_free(policy);
                document_clear(&d);
        }
        globfree(&found);
}

/* What is left out is shut, and a section's own mode wins. */
static void test_absent(void **state) {
        (void) state;
        const struct policy *b = policy_builtin();
        struct policy *p = parse(TOP);
        assert_int_equal(p->mode, MODE_ENFORCE);
        assert_int_equal(p->devices.default_action, ACTION_BLOCK);
        assert_int_equal(p->devices.keyboards, KEYBOARDS_PRESENT);
        assert_int_equal(p->network.default_action, ACTION_BLOCK);
        assert_int_equal(p->clipboard.default_action, ACTION_BLOCK);
        assert_int_equal(p->login.default_action, ACTION_REQUIRED);
        assert_string_equal(p->contact, "");
        /* One set of strictest values, written twice: as the table's defaults and as the built-in policy. */
        assert_int_equal(p->clipboard.clear_after, b->clipboard.clear_after);
        assert_int_equal(p->login.totp_digits, b->login.totp_digits);
        assert_int_equal(p->login.totp_period, b->login.totp_period);
        assert_int_equal(p->login.totp_skew, b->login.totp_skew);
        assert_int_equal(p->login.throttle_free, b->login.throttle_free);
        assert_int_equal(p->login.throttle_max_delay, b->login.throttle_max_delay);
        assert_int_equal(p->login.throttle_stop_after, b->login.throttle_stop_after);
        assert_int_equal(p->login.screen_lock, b->login.screen_lock);
        assert_int_equal(p->login.guard_required, b->login.guard_required);
        assert_int_equal(p->login.enrolment_until == b->login.enrolment_until, 1);
        assert_int_equal(p->audit.retain_days, b->audit.retain_days);
        assert_int_equal(p->audit.reserve, b->audit.reserve);
        assert_int_equal(p->audit.send, b->audit.send);
        (void) policy_free(p);

        p = parse(TOP "devices: {mode: enforce}\nlogin: {}\nmode: observe\n");
        assert_int_equal(p->devices.mode, MODE_ENFORCE);
        assert_int_equal(p->login.mode, MODE_OBSERVE);
        assert_int_equal(p->network.mode, MODE_OBSERVE);
        (void) policy_free(p);
}

static void test_builtin(void **state) {
        (void) state;
        const struct policy *b = policy_builtin();
        assert_int_equal(b->header.serial, 0);
        assert_string_equal(b->header.fleet, "");
        assert_int_equal(b->devices.default_action, ACTION_BLOCK);
        assert_int_equal(b->devices.mode, MODE_ENFORCE);
        assert_int_equal(b->devices.n_rules, 0);
        assert_int_equal(b->network.default_action, ACTION_BLOCK);
        assert_int_equal(b->login.default_action, ACTION_REQUIRED);
}

/* One run finds all; each has its place. */
static void test_all_at_once(void **state) {
        (void) state;
        const char *text = "sekisho: 1\n"
                           "header: {fleet: f, serial: x, issued: y, expires: never, target: [all]}\n"
                           "mod: enforce\n"
                           "devices:\n"
                           "  default: maybe\n"
                           "  rules:\n"
                           "    - {id: a, match: {vendor: 1, product: 2, klass: []}, action: alow}\n"
                           "    - {id: a, match: {vendor: 0781}, action: allow, encrypted: luks}\n"
                           "network: {interfaces: {allow: [eno1]}, rules: [{id: n, to: [1.2.3.4/8], protocol: tcp, "
                           "ports: [0]}]}\n"
                           "clipboard: {flows: [{from: x, to: y, allow: [text]}]}\n"
                           "login: {totp: {digits: 9}, second-factor: {rules: [{id: l, action: exempt}]}}\n"
                           "audit: {retain: forever}\n"
                           "contact: \"\\u202e\"\n";
        static const char *const expected[] = {
                "2:28: header.serial:",
                "2:39: header.issued:",
                "3:1: mod:",
                "5:12: devices.default:",
                "7:31: devices.rules[0].match.vendor:",
                "7:43: devices.rules[0].match.product:",
                "7:46: devices.rules[0].match.klass:",
                "7:66: devices.rules[0].action:",
                "8:12: devices.rules[1].id:",
                "8:53: devices.rules[1].encrypted:",
                "9:61: network.rules[0].to[0]:",
                "9:96: network.rules[0].ports[0]:",
                "10:28: clipboard.flows[0].from:",
                "10:35: clipboard.flows[0].to:",
                "11:24: login.totp.digits:",
                "11:53: login.second-factor.rules[0].id:",
                "12:17: audit.retain:",
                "13:10: contact:",
        };
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(text, strlen(text), &problems, &policy), 1);
        assert_null(policy);
        char *errors = shown(&problems, SEVERITY_ERROR);
        const char *at = errors;
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
                const char *found = strstr(at, expected[i]);
                if (!found)
                        fail_msg("expected \"%s\" in\n%s", expected[i], errors);
                at = found;
        }
        assert_int_equal(problems.n_errors, sizeof expected / sizeof expected[0]);
        free(errors);
        problems_clear(&problems);
}

static void test_format(void **state) {
        (void) state;
        struct problems problems = { 0 };
        assert_int_equal(problems_add(&problems, SEVERITY_WARNING, 0, 0, "", "%s", "whole"), 0);
        assert_int_equal(problems_add(&problems, SEVERITY_ERROR, 3, 7, "a.b[1]", "%d%%", 5), 0);
        static const char *const expected[] = { "F: warning: whole", "F:3:7: error: a.b[1]: 5%" };
        for (size_t i = 0; i < 2; i++) {
                char *text;
                assert_int_equal(problem_format(&problems.list[i], "F", &text), 0);
                assert_string_equal(text, expected[i]);
                free(text);
        }
        for (size_t i = 0; i < 2000; i++)
                assert_int_equal(problems_add(&problems, SEVERITY_ERROR, 1, 1, "", "x"), 0);
        assert_int_equal(problems.n, PROBLEMS_MAX);
        assert_int_equal(problems.n_errors, 2001);
        assert_int_equal(problems.n_dropped, 2002 - PROBLEMS_MAX);
        problems_clear(&problems);
        assert_int_equal(problems.n, 0);
}

/* Bytes that a C string cannot hold. */
static void test_bytes(void **state) {
        (void) state;
        static const char utf16[] = "\xff\xfes\0e\0", nul[] = TOP "contact: a\0b\n";
        const struct {
                const char *text;
                size_t size;
                const char *expected;
        } cases[] = {
                { utf16, sizeof utf16 - 1, "1:1: : the file is UTF-16" },
                { nul, sizeof nul - 1, "3:11: : the control character U+0000" },
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct problems problems = { 0 };
                struct policy *policy = NULL;
                assert_int_equal(policy_parse(cases[i].text, cases[i].size, &problems, &policy), 1);
                char *errors = shown(&problems, SEVERITY_ERROR);
                if (!strstr(errors, cases[i].expected))
                        fail_msg("%s", errors);
                free(errors);
                problems_clear(&problems);
        }
}

/* Eight bytes are looked at together: what is forbidden is found wherever in them it stands, by characters. */
static void test_columns(void **state) {
        (void) state;
        static const char *const kinds[] = { "x", "あ" };
        for (unsigned i = 0; i < 2 * 40; i++) {
                char line[160] = "#", text[512];
                for (unsigned k = 0; k < i / 2; k++) {
                        size_t used = strlen(line);
                        (void) snprintf(line + used, sizeof line - used, "%s", kinds[k % 7 == 3 ? i % 2 : 0]);
                }
                (void) snprintf(text, sizeof text, TOP "%s\x7f~~~~~~~~~ ~\n", line);
                struct problems problems = { 0 };
                struct policy *policy = NULL;
                assert_int_equal(policy_parse(text, strlen(text), &problems, &policy), 1);
                assert_int_equal(problems.n_errors, 1);
                const struct problem *found = problems.list;
                while (found->severity != SEVERITY_ERROR) /* the missing sections come first */
                        found++;
                assert_int_equal(found->line, 3);
                assert_int_equal(found->column, 2 + i / 2);
                problems_clear(&problems);
        }
}

static int run_shell(const char *command) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
                (void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
                _exit(127);
        }
        return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The catalogue as the package installs it. The build needs msgfmt, so it is there. */
static bool make_catalogue(const char *directory) {
        char command[1024];
        (void) snprintf(command, sizeof command,
                        "mkdir -p %s/ja/LC_MESSAGES && msgfmt -o %s/ja/LC_MESSAGES/sekisho.mo %s", directory, directory,
                        FIXTURES "/../../packaging/po/ja.po");
        return run_shell(command) == 0;
}

static void test_japanese(void **state) {
        (void) state;
        char directory[] = "/tmp/test_parse.XXXXXX", command[64];
        assert_non_null(mkdtemp(directory));
        assert_true(make_catalogue(directory));
        /* Any locale but C asks for the languages of LANGUAGE; this one is always there. */
        assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
        assert_int_equal(setenv("LANGUAGE", "ja", 1), 0);
        assert_non_null(bindtextdomain("sekisho", directory));
        assert_non_null(bind_textdomain_codeset("sekisho", "UTF-8"));

        struct problems problems = { 0 };
        struct policy *policy = NULL;
        const char *text = TOP "mod: enforce\ndevices: {default: maybe}\n";
        assert_int_equal(policy_parse(text, strlen(text), &problems, &policy), 1);
        char *errors = shown(&problems, SEVERITY_ERROR), *line = NULL;
        assert_non_null(strstr(errors, "3:1: mod: 「mod」というキーはありません。「mode」の誤りではありませんか\n"));
        assert_non_null(
                strstr(errors, "4:20: devices.default: 「maybe」はここでは使えません。使える値: block, allow\n"));
        assert_int_equal(problem_format(&problems.list[problems.n - 1], "F", &line), 0);
        assert_non_null(strstr(line, "F:4:20: エラー: devices.default: "));
        free(line);
        free(errors);
        problems_clear(&problems);

        assert_int_equal(unsetenv("LANGUAGE"), 0);
        assert_non_null(setlocale(LC_ALL, "C"));
        (void) snprintf(command, sizeof command, "rm -r %s", directory);
        assert_int_equal(run_shell(command), 0);
}

/* A list that already holds problems of another document says nothing about this one. */
static void test_shared_list(void **state) {
        (void) state;
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse("", 0, &problems, &policy), 1);
        assert_int_equal(policy_parse(TOP, strlen(TOP), &problems, &policy), 0);
        (void) policy_free(policy);
        problems_clear(&problems);
}

struct hostile {
        const char *name, *head, *unit, *tail;
        size_t bytes;
};
static const struct hostile hostile[] = {
        { "4 MiB of [", "", "[", "", DOCUMENT_MAX },
        { "4 MiB of nested maps", "", "{a: ", "", DOCUMENT_MAX },
        { "4 MiB of nested lists", "", "- ", "", DOCUMENT_MAX },
        { "4 MiB of nested keys", "", "? ", "", DOCUMENT_MAX },
        { "100,000 levels in a value", TOP "x: ", "[", "", 100000 },
        { "4 MiB of one key", TOP, "a", ": 1\n", DOCUMENT_MAX - 200 },
        { "4 MiB of one value", TOP "contact: ", "a", "\n", DOCUMENT_MAX - 200 },
        { "4 MiB of unknown keys", TOP, "x: 1\n", "", DOCUMENT_MAX - 200 },
        { "4 MiB of control characters", "", "\x01", "", DOCUMENT_MAX },
        { "4 MiB of anchors", "", "&a ", "", DOCUMENT_MAX },
        { "4 MiB of empty rules", TOP "devices: {rules: [", "{},", "]}\n", DOCUMENT_MAX - 200 },
        { "4 MiB of documents", TOP, "---\n", "", DOCUMENT_MAX - 200 },
        { "more than 32 MiB", TOP, "#", "\n", POLICY_MAX },
};

static void test_hostile(void **state) {
        const struct hostile *h = *state;
        char *text = NULL;
        size_t size, unit = strlen(h->unit);
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        (void) fputs(h->head, f);
        for (size_t i = 0; i < h->bytes / unit; i++)
                (void) fwrite(h->unit, 1, unit, f);
        (void) fputs(h->tail, f);
        (void) fclose(f);

        struct problems problems = { 0 };
        struct policy *policy = NULL;
        assert_int_equal(policy_parse(text, size, &problems, &policy), 1);
        assert_true(problems.n_errors > 0);
        assert_true(problems.n <= PROBLEMS_MAX);
        assert_null(policy);
        problems_clear(&problems);
        free(text);
}

static double milliseconds(void) {
        struct timespec t;
        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

/* Figures are printed, not asserted. Distinct rules: with a quadratic step in it this would not end in the test's time.
 */
static void load(unsigned n) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        (void) fputs(TOP "devices:\n  rules:\n", f);
        for (unsigned i = 0; i < n; i++)
                (void) fprintf(
                        f, "    - {id: d%06u, match: {vendor: 0781, product: 5591, serial: S%08u}, action: allow}\n", i,
                        i);
        (void) fclose(f);

        struct problems problems = { 0 };
        struct policy *policy = NULL;
        double start = milliseconds();
        assert_int_equal(policy_parse(text, size, &problems, &policy), 0);
        double end = milliseconds();
        print_message("%u rules, %zu bytes: %.1f ms\n", n, size, end - start);
        assert_int_equal(policy->devices.n_rules, n);
        assert_string_equal(policy->devices.rules[n - 1].serial + 1, n == 10000 ? "00009999" : "00099999");
        problems_clear(&problems);
        (void) policy_free(policy);
        free(text);
}
static void test_10000(void **state) {
        (void) state;
        load(10000);
}
static void test_100000(void **state) {
        (void) state;
        load(100000);
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int run(const char *group, struct CMUnitTest *tests, size_t n) {
        return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}

int main(void) {
        (void) setlocale(LC_ALL, "C");
        struct CMUnitTest tests[N(rows) + N(warnings) + N(hostile)] = { 0 };
        size_t n = 0;
        for (size_t i = 0; i < N(rows); i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        for (size_t i = 0; i < N(warnings); i++)
                tests[n++] = (struct CMUnitTest){ warnings[i].name, test_warning, NULL, NULL, (void *) (uintptr_t) i };
        for (size_t i = 0; i < N(hostile); i++)
                tests[n++] = (struct CMUnitTest){ hostile[i].name, test_hostile, NULL, NULL,
                                                  (void *) (uintptr_t) &hostile[i] };
        struct CMUnitTest others[] = {
                cmocka_unit_test(test_full),        cmocka_unit_test(test_examples),    cmocka_unit_test(test_absent),
                cmocka_unit_test(test_builtin),     cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_format),
                cmocka_unit_test(test_shared_list), cmocka_unit_test(test_bytes),       cmocka_unit_test(test_japanese),
                cmocka_unit_test(test_10000),       cmocka_unit_test(test_100000),      cmocka_unit_test(test_columns),
        };
        int failed = run("rows", tests, n);
        failed += run("parse", others, N(others));
        return failed ? 1 : 0;
}
