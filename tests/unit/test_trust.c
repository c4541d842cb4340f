/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose signatures count: people, not keys and not signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <sekisho/grant.h>
#include <sekisho/trust.h>

#include "sshsig_maker.h"

/* Five keys: 0 and 1 are one person's, 2 and 3 are hardware keys. */
static struct maker_key keys[6];
static char *lines[6];

static int setup(void **state) {
        (void) state;
        if (sodium_init() < 0)
                return -1;
        for (uint8_t i = 0; i < 6; i++) {
                keys[i] = maker_key(i, i == 2 || i == 3 ? "ssh:" : NULL);
                lines[i] = maker_public(&keys[i]);
        }
        return 0;
}
static int teardown(void **state) {
        (void) state;
        for (int i = 0; i < 6; i++)
                free(lines[i]);
        return 0;
}

static char *document(const char *version, const char *fleet, unsigned threshold, const char *extra) {
        char *text;
        assert_true(asprintf(&text,
                             "sekisho-trust: 1\n"
                             "header: {fleet: %s, version: %s, issued: 2026-11-23T09:00:00+09:00, expires: never}\n"
                             "roles: {trust: {threshold: %u}, policy: {threshold: 2}, permit: {threshold: 1}}\n"
                             "holders:\n"
                             "  - {name: 課長, roles: [trust, policy], key: %s}\n"
                             "  - {name: 課長, roles: [trust, policy], key: %s}\n"
                             "  - {name: 係長, roles: [trust, policy, permit], key: %s, touch: required}\n"
                             "  - {name: 主査, roles: [policy], key: %s, touch: required, pin: required}\n"
                             "  - {name: 主任, roles: [permit], key: %s}\n%s",
                             fleet, version, threshold, lines[0], lines[1], lines[2], lines[3], lines[4], extra) > 0);
        return text;
}

static struct trust *parse(const char *text) {
        struct problems problems = { 0 };
        struct trust *t = NULL;
        int r = trust_parse(text, strlen(text), &problems, &t);
        if (r != 0)
                fail_msg("%s: %s", problems.n ? problems.list[0].path : "", problems.n ? problems.list[0].message : "");
        problems_clear(&problems);
        return t;
}

#define TOUCH "\x01"
struct made {
        int key; /* -1: the end */
        const char *namespace;
        uint8_t flags;
        bool other_bytes;
};
#define STOP                                                                                                           \
        { .key = -1 }

static char *sign(const struct made *made, const char *bytes, size_t size) {
        char *all = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&all, &n);
        for (; made->key >= 0; made++) {
                char *block =
                        maker_sign(&keys[made->key], made->namespace, bytes, size - made->other_bytes, made->flags);
                (void) fputs(block, f);
                free(block);
        }
        (void) fclose(f);
        return all;
}

#define P POLICY_NAMESPACE
static const struct {
        const char *name;
        enum trust_role role;
        const char *namespace;
        struct made made[5];
        int expected;
        enum signature_state states[4];
} rows[] = {
        { "two people", TRUST_ROLE_POLICY, P, { { 0, P, 0, 0 }, { 2, P, 1, 0 }, STOP }, 0, { SIGNATURE_COUNTS } },
        { "nobody", TRUST_ROLE_POLICY, P, { STOP }, 1, { 0 } },
        { "one person", TRUST_ROLE_POLICY, P, { { 0, P, 0, 0 }, STOP }, 1, { SIGNATURE_COUNTS } },
        { "one person twice",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 0, P, 0, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_SAME_HOLDER } },
        { "one person with two keys",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 1, P, 0, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_SAME_HOLDER } },
        { "a bad one does not spoil the others",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 1 }, { 1, P, 0, 0 }, { 2, P, 1, 0 }, STOP },
          0,
          { SIGNATURE_BAD, SIGNATURE_COUNTS, SIGNATURE_COUNTS } },
        { "not touched",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 2, P, 0, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_NO_TOUCH } },
        { "no PIN",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 3, P, 1, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_NO_PIN } },
        { "with PIN", TRUST_ROLE_POLICY, P, { { 0, P, 0, 0 }, { 3, P, 5, 0 }, STOP }, 0, { SIGNATURE_COUNTS } },
        { "another role",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 4, P, 0, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_ROLE } },
        { "an unknown key",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 5, P, 0, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_UNKNOWN } },
        { "a permit's as a policy's",
          TRUST_ROLE_POLICY,
          P,
          { { 0, P, 0, 0 }, { 2, PERMIT_NAMESPACE, 1, 0 }, STOP },
          1,
          { SIGNATURE_COUNTS, SIGNATURE_NAMESPACE } },
        { "a commit's as a policy's", TRUST_ROLE_POLICY, P, { { 0, "git", 0, 0 }, STOP }, 1, { SIGNATURE_NAMESPACE } },
        { "permit",
          TRUST_ROLE_PERMIT,
          PERMIT_NAMESPACE,
          { { 4, PERMIT_NAMESPACE, 0, 0 }, STOP },
          0,
          { SIGNATURE_COUNTS } },
        { "grant",
          TRUST_ROLE_PERMIT,
          GRANT_NAMESPACE,
          { { 4, GRANT_NAMESPACE, 0, 0 }, STOP },
          0,
          { SIGNATURE_COUNTS } },
        { "a permit's as a grant's",
          TRUST_ROLE_PERMIT,
          GRANT_NAMESPACE,
          { { 4, PERMIT_NAMESPACE, 0, 0 }, STOP },
          1,
          { SIGNATURE_NAMESPACE } },
        { "a role that nobody has",
          TRUST_ROLE_AUDIT,
          "audit@sekisho",
          { { 0, "audit@sekisho", 0, 0 }, STOP },
          1,
          { SIGNATURE_ROLE } },
};

static void test_check(void **state) {
        (void) state;
        static const char text[] = "sekisho: 1\n";
        char *trust_text = document("3", "omura", 2, "");
        struct trust *t = parse(trust_text);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                char *signatures = sign(rows[i].made, text, strlen(text));
                struct trust_check c;
                int r = trust_check(t, rows[i].role, rows[i].namespace, text, strlen(text), signatures,
                                    strlen(signatures), &c);
                if (r != rows[i].expected)
                        fail_msg("%s: %d", rows[i].name, r);
                for (unsigned k = 0; k < c.n; k++) {
                        if (c.signatures[k].state != rows[i].states[k])
                                fail_msg("%s: signature %u: %s", rows[i].name, k,
                                         signature_state_name(c.signatures[k].state));
                        assert_true(strlen(signature_state_text(c.signatures[k].state)) > 0);
                }
                free(signatures);
        }
        (void) trust_free(t);
        free(trust_text);
}

static bool is_same(const struct sshsig *a, const struct sshsig *b) {
        return ssh_key_equal(&a->key, &b->key) && strcmp(a->namespace, b->namespace) == 0 && a->hash == b->hash &&
               memcmp(a->signature, b->signature, sizeof a->signature) == 0 && a->flags == b->flags &&
               a->counter == b->counter;
}

/* The first two blocks of a file of signatures; what follows them counts for nothing. False: they are not whole. */
static bool read_both(const char *signatures, size_t size, struct sshsig ret[static 2]) {
        const char *cursor = signatures, *end = signatures + size;
        return sshsig_next(&cursor, end, &ret[0]) == SSHSIG_OK && sshsig_next(&cursor, end, &ret[1]) == SSHSIG_OK;
}

/* Every bit of a policy, and of the signatures beside it: one other, and they do not suffice. White space, and letters
 * that decode to the same bytes, are the same signatures. */
static void test_every_bit(void **state) {
        (void) state;
        static const struct made two[] = { { 0, P, 0, 0 }, { 2, P, 1, 0 }, STOP };
        char text[] =
                "sekisho: 1\n"
                "header: {fleet: omura, serial: 12, issued: 2026-11-23T09:00:00+09:00, expires: never, target: [all]}\n"
                "mode: enforce\ncontact: 情報政策課 内線 2345\n"
                "devices: {default: block, rules: [{id: reader, match: {class: [smartcard]}, action: allow}]}\n";
        char *trust_text = document("3", "omura", 2, ""), *signatures = sign(two, text, strlen(text));
        struct trust *t = parse(trust_text);
        const size_t sizes[] = { strlen(text), strlen(signatures) };
        char *const edited[] = { text, signatures };
        struct sshsig good[2], now[2];
        struct trust_check c;
        assert_true(read_both(signatures, sizes[1], good));
        for (int which = 0; which < 2; which++)
                for (size_t i = 0; i < sizes[which] * 8; i++) {
                        char *byte = &edited[which][i / 8], before = *byte;
                        *byte = (char) (before ^ (1 << i % 8));
                        bool suffices =
                                trust_check(t, TRUST_ROLE_POLICY, P, text, sizes[0], signatures, sizes[1], &c) == 0;
                        bool same = which == 1 && read_both(signatures, sizes[1], now) && is_same(&now[0], &good[0]) &&
                                    is_same(&now[1], &good[1]);
                        if (suffices && !same)
                                fail_msg("%s, bit %zu of byte %zu", which ? "signatures" : "text", i % 8, i / 8);
                        *byte = before;
                }
        assert_int_equal(trust_check(t, TRUST_ROLE_POLICY, P, text, sizes[0], signatures, sizes[1], &c), 0);
        free(signatures);
        (void) trust_free(t);
        free(trust_text);
}

static const struct {
        const char *name, *version, *fleet;
        unsigned threshold;
        struct made made[4];
        int expected;
} steps[] = {
        { "next", "4", "omura", 2, { { 0, TRUST_NAMESPACE, 0, 0 }, { 2, TRUST_NAMESPACE, 1, 0 }, STOP }, 0 },
        { "the same",
          "3",
          "omura",
          2,
          { { 0, TRUST_NAMESPACE, 0, 0 }, { 2, TRUST_NAMESPACE, 1, 0 }, STOP },
          TRUST_STEP_VERSION },
        { "one left out",
          "5",
          "omura",
          2,
          { { 0, TRUST_NAMESPACE, 0, 0 }, { 2, TRUST_NAMESPACE, 1, 0 }, STOP },
          TRUST_STEP_VERSION },
        { "another fleet",
          "4",
          "sasebo",
          2,
          { { 0, TRUST_NAMESPACE, 0, 0 }, { 2, TRUST_NAMESPACE, 1, 0 }, STOP },
          TRUST_STEP_FLEET },
        { "one of the old", "4", "omura", 1, { { 0, TRUST_NAMESPACE, 0, 0 }, STOP }, TRUST_STEP_OLD_HOLDERS },
        { "as a policy", "4", "omura", 2, { { 0, P, 0, 0 }, { 2, P, 1, 0 }, STOP }, TRUST_STEP_OLD_HOLDERS },
};

static void test_step(void **state) {
        (void) state;
        char *old_text = document("3", "omura", 2, "");
        struct trust *t = parse(old_text);
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
                char *text = document(steps[i].version, steps[i].fleet, steps[i].threshold, "");
                struct trust *next = parse(text);
                char *signatures = sign(steps[i].made, text, strlen(text));
                struct trust_check c;
                int r = trust_step(t, next, text, strlen(text), signatures, strlen(signatures), &c);
                if (r != steps[i].expected)
                        fail_msg("%s: %d", steps[i].name, r);
                free(signatures);
                (void) trust_free(next);
                free(text);
        }

        /* The old ones alone cannot hand over to people who have not agreed. */
        char *text;
        assert_true(asprintf(&text,
                             "sekisho-trust: 1\n"
                             "header: {fleet: omura, version: 4, issued: 2026-11-23T09:00:00+09:00, expires: never}\n"
                             "roles: {trust: {threshold: 1}, policy: {threshold: 1}}\n"
                             "holders:\n  - {name: 新課長, roles: [trust, policy], key: %s}\n",
                             lines[5]) > 0);
        struct trust *next = parse(text);
        static const struct made both[] = {
                { 0, TRUST_NAMESPACE, 0, 0 }, { 2, TRUST_NAMESPACE, 1, 0 }, { 5, TRUST_NAMESPACE, 0, 0 }, STOP
        };
        static const struct made old_only[] = { { 0, TRUST_NAMESPACE, 0, 0 }, { 2, TRUST_NAMESPACE, 1, 0 }, STOP };
        struct trust_check c;
        char *signatures = sign(old_only, text, strlen(text));
        assert_int_equal(trust_step(t, next, text, strlen(text), signatures, strlen(signatures), &c),
                         TRUST_STEP_NEW_HOLDERS);
        free(signatures);
        signatures = sign(both, text, strlen(text));
        assert_int_equal(trust_step(t, next, text, strlen(text), signatures, strlen(signatures), &c), 0);
        assert_int_equal(trust_step(NULL, next, text, strlen(text), signatures, strlen(signatures), &c), 0);
        free(signatures);
        (void) trust_free(next);
        free(text);
        (void) trust_free(t);
        free(old_text);
}

static const struct {
        const char *holders;
        bool accepted;
} documents[] = {
        { "", true },
        { "unsigned-policy: allow\n", true },
        { "unsigned-policy: maybe\n", false },
        { "  - {name: 別人, roles: [audit], key: @0}\n", false },                  /* one key, two people */
        { "  - {name: 別人, roles: [audit], key: @5, touch: required}\n", false }, /* cannot show it */
        { "  - {name: 別人, roles: [audit], key: @5, touch: optional}\n", true },
        { "  - {name: 別人, roles: [], key: @5}\n", false },
        { "  - {name: 別人, roles: [king], key: @5}\n", false },
        { "  - {name: 別人, roles: [audit], key: ssh-ed25519 AAAA}\n", false },
        { "  - {roles: [audit], key: @5}\n", false },
};

static void test_documents(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
                char extra[512] = "";
                const char *at = strchr(documents[i].holders, '@');
                if (at)
                        (void) snprintf(extra, sizeof extra, "%.*s%s%s", (int) (at - documents[i].holders),
                                        documents[i].holders, lines[at[1] - '0'], at + 2);
                else
                        (void) snprintf(extra, sizeof extra, "%s", documents[i].holders);
                char *text = document("1", "omura", 2, extra);
                struct problems problems = { 0 };
                struct trust *t = NULL;
                int r = trust_parse(text, strlen(text), &problems, &t);
                if (r != !documents[i].accepted)
                        fail_msg("%s: %d", documents[i].holders, r);
                assert_int_equal(problems.n_errors > 0, !documents[i].accepted);
                problems_clear(&problems);
                (void) trust_free(t);
                free(text);
        }
        /* Three must sign, and two people can. */
        char *text = document("1", "omura", 3, "");
        struct problems problems = { 0 };
        struct trust *t = NULL;
        assert_int_equal(trust_parse(text, strlen(text), &problems, &t), 1);
        problems_clear(&problems);
        free(text);
}

static const struct {
        const char *expires, *target;
        bool accepted;
} grants[] = {
        { "2026-11-23T10:00:00+09:00", "host:0123456789abcdef0123456789abcdef", true },
        { "2026-11-24T09:00:00+09:00", "host:0123456789abcdef0123456789abcdef", true },
        { "2026-11-24T09:00:01+09:00", "host:0123456789abcdef0123456789abcdef", false },
        { "never", "host:0123456789abcdef0123456789abcdef", false },
        { "2026-11-23T09:00:00+09:00", "host:0123456789abcdef0123456789abcdef", false },
        { "2026-11-23T10:00:00+09:00", "all", false },
        { "2026-11-23T10:00:00+09:00", "group:madoguchi", false },
};

static void test_grants(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
                char text[1024];
                (void) snprintf(text, sizeof text,
                                "sekisho-grant: 1\n"
                                "header: {fleet: omura, id: 6f1c2a, issued: 2026-11-23T09:00:00+09:00, expires: %s,"
                                " target: [%s]}\n"
                                "user: yamada\nnonce: K7QF-2M9D\nreason: 紛失 0012\napprover: 課長\n",
                                grants[i].expires, grants[i].target);
                struct problems problems = { 0 };
                struct grant *g = NULL;
                int r = grant_parse(text, strlen(text), &problems, &g);
                if (r != !grants[i].accepted)
                        fail_msg("%s %s: %d", grants[i].expires, grants[i].target, r);
                if (g) {
                        assert_string_equal(g->user, "yamada");
                        assert_string_equal(g->nonce, "K7QF-2M9D");
                        assert_int_equal(g->target.n, 1);
                }
                problems_clear(&problems);
                (void) grant_free(g);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_check),     cmocka_unit_test(test_every_bit), cmocka_unit_test(test_step),
                cmocka_unit_test(test_documents), cmocka_unit_test(test_grants),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
