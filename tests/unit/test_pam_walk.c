/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walk over PAM stacks against libpam itself: random stacks, in which libpam's own pam_debug answers what it is
 * told, and the same stacks with modules whose answers depend on what somebody shows. */
#include "logins/pam.h"

#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FILES      4
#define LINES      6
#define STACKS     500 /* SEKISHO_LONG=N: N times as many */
#define WORLDS     50
#define FILE_TEXT  2048
#define MODULE_SUM 8

static char directory[] = "/tmp/sekisho-walk-XXXXXX";
static const char *const names[FILES] = { "svc", "one", "two", "three" };

struct files {
        char text[FILES][FILE_TEXT];
};

static uint64_t seed;

/* libpam loses memory when it refuses a configuration; what is ours to lose is looked for all the same. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { /* NOLINT(bugprone-reserved-identifier) */
        return "leak:libpam.so\n";
}

static unsigned times(unsigned n) {
        const char *given = getenv("SEKISHO_LONG");
        return n * (given ? (unsigned) strtoul(given, NULL, 10) : 1);
}

static unsigned draw(unsigned n) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned) (seed >> 33) % n;
}

/* ---- the two ways to an answer ---- */

static int read_text(void *userdata, const char *name, struct pool *pool, char **ret_text, const char **ret_path) {
        const struct files *f = userdata;
        /* libpam looks for what is included by name below /etc alone, also where services are elsewhere. */
        size_t n = strlen(directory);
        if (strncmp(name, directory, n) == 0)
                name += n + 1;
        for (int i = 0; i < FILES; i++)
                if (strcmp(names[i], name) == 0) {
                        *ret_text = pool_copy(pool, f->text[i], strlen(f->text[i]));
                        *ret_path = names[i];
                        return *ret_text ? 0 : -ENOMEM;
                }
        return 1;
}

static bool has_module(void *userdata, const char *module) {
        (void) userdata;
        return strncmp(module, "pam_", 4) == 0 && strcmp(module, "pam_nowhere.so") != 0;
}

static void walk(const struct files *f, struct pam_stack *s, struct pam_answer *ret) {
        const struct pam_source from = { .read = read_text,
                                         .has_module = has_module,
                                         .userdata = (void *) (uintptr_t) f };
        assert_int_equal(pam_stack_read(&from, "svc", PAM_TYPE_AUTH, s), 0);
        assert_int_equal(pam_walk(s, 0, 0, ret), 0);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *data) {
        (void) messages, (void) data;
        *ret = calloc((size_t) n, sizeof **ret);
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int libpam(const struct files *f) {
        for (int i = 0; i < FILES; i++) {
                char path[256];
                (void) snprintf(path, sizeof path, "%s/%s", directory, names[i]);
                FILE *file = fopen(path, "we");
                assert_non_null(file);
                assert_true(fputs(f->text[i], file) >= 0);
                assert_int_equal(fclose(file), 0);
        }
        const struct pam_conv conversation = { converse, NULL };
        pam_handle_t *pam = NULL;
        int r = pam_start_confdir("svc", "nobody", &conversation, directory, &pam);
        if (r == PAM_SUCCESS)
                r = pam_authenticate(pam, 0);
        if (pam)
                (void) pam_end(pam, r);
        return r;
}

/* ---- stacks by chance ---- */

static const char *const told[] = { "success",      "success",          "success",     "auth_err", "ignore",
                                    "user_unknown", "new_authtok_reqd", "perm_denied", "abort",    "module_unknown" };
static const char *const actions[] = { "ignore", "ok", "done", "bad", "die", "reset", "1", "2", "3", "7" };

static void put(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(char *text, const char *format, ...) {
        size_t n = strlen(text);
        va_list list;
        va_start(list, format);
        (void) vsnprintf(text + n, FILE_TEXT - n, format, list);
        va_end(list);
}

static void put_control(char *text) {
        static const char *const words[] = { "required", "requisite", "sufficient", "optional", "Required" };
        if (draw(2) == 0) {
                put(text, "%s ", words[draw(5)]);
                return;
        }
        put(text, "[");
        for (unsigned n = draw(4); n > 0; n--)
                put(text, "%s=%s ", told[draw(10)], actions[draw(10)]);
        if (draw(3) > 0)
                put(text, "default=%s", actions[draw(10)]);
        if (draw(40) == 0)
                put(text, " nonsense");
        put(text, "] ");
}

/* One in thirty is something that libpam complains of. */
static bool put_oddity(char *text) {
        static const char *const oddities[] = { "auth\n",
                                                "auth required\n",
                                                "nonsense required pam_permit.so\n",
                                                "\n# auth\n",
                                                "account required pam_deny.so\n",
                                                "auth include nowhere\n",
                                                "@include nowhere\n",
                                                "auth substack nowhere\n",
                                                "auth [success=1 x] pam_permit.so\n",
                                                "auth requi\\\nred\\\n  pam_permit.so\n",
                                                "-auth required pam_nowhere.so\n",
                                                "auth optional pam_permit.so # \\\n" };
        if (draw(12) != 0)
                return false;
        put(text, "%s", oddities[draw(sizeof oddities / sizeof *oddities)]);
        return true;
}

static void put_lines(struct files *f, int file, void (*module)(char *text)) {
        char *text = f->text[file];
        for (unsigned n = 1 + draw(LINES); n > 0; n--) {
                unsigned what = file + 1 < FILES ? draw(8) : 7;
                int deeper = file + 1 + (int) draw((unsigned) (FILES - file - 1) + 1);
                if (put_oddity(text))
                        continue;
                if (what < 3 && deeper < FILES) {
                        put(text,
                            what == 0   ? "@include %s/%s\n"
                            : what == 1 ? "auth include %s/%s\n"
                                        : "auth substack %s/%s\n",
                            directory, names[deeper]);
                        continue;
                }
                put(text, "auth ");
                put_control(text);
                module(text);
                put(text, "\n");
        }
}

static void make(struct files *f, void (*module)(char *text)) {
        memset(f, 0, sizeof *f);
        for (int i = 0; i < FILES; i++)
                put_lines(f, i, module);
}

static void show(const struct files *f) {
        for (int i = 0; i < FILES; i++)
                print_message("-- %s\n%s", names[i], f->text[i]);
}

/* ---- told what to answer ---- */

static void put_told(char *text) {
        put(text, "pam_debug.so auth=%s", told[draw(9)]);
}

static void test_same_code(void **state) {
        (void) state;
        const unsigned stacks = times(STACKS);
        unsigned codes = 0, succeeded = 0, skipped = 0;
        for (unsigned i = 0; i < stacks; i++) {
                static struct files f;
                seed = i + 1;
                make(&f, put_told);
                struct pam_stack s;
                struct pam_answer a;
                walk(&f, &s, &a);
                int r = libpam(&f);
                /* The service "other" is not among the files, and what some lines do is left to chance by libpam. */
                if (s.borrowed || s.unclear) {
                        skipped++;
                        pam_answer_clear(&a);
                        pam_stack_clear(&s);
                        continue;
                }
                bool same = s.broken ? r != PAM_SUCCESS && a.codes != 1u : a.codes == 1u << r;
                if (!same) {
                        show(&f);
                        print_error("stack %u: libpam says %d, the walk %#x%s\n", i, r, a.codes,
                                    s.broken ? " (broken)" : "");
                }
                assert_true(same);
                assert_true((r == PAM_SUCCESS) == (a.n > 0));
                codes |= a.codes;
                succeeded += r == PAM_SUCCESS;
                pam_answer_clear(&a);
                pam_stack_clear(&s);
        }
        /* It was not one answer all along. */
        assert_true(skipped < stacks / 10);
        assert_true(succeeded > stacks / 25 && succeeded < stacks / 10 * 9);
        assert_true(__builtin_popcount(codes) >= 6);
}

/* ---- dependent on what is shown ---- */

static const struct {
        const char *module;
        uint32_t proof;
} provers[] = { { "pam_unix.so", PROOF_PASSWORD },
                { "pam_oath.so", PROOF_CODE },
                { "pam_ssh_agent_auth.so", PROOF_KEY } };

static void put_prover(char *text) {
        if (draw(3) == 0)
                put(text, "%s", draw(2) ? "pam_permit.so" : "pam_deny.so");
        else
                put(text, "%s", provers[draw(3)].module);
}

/* The same files, with what each module answers to somebody who shows `shown`: its proof, and if not, `no`. */
static void concrete(const struct files *f, uint32_t shown, const char *no, struct files *ret) {
        memset(ret, 0, sizeof *ret);
        for (int i = 0; i < FILES; i++)
                for (const char *s = f->text[i]; *s;) {
                        size_t p = 0;
                        while (p < 3 && strncmp(s, provers[p].module, strlen(provers[p].module)) != 0)
                                p++;
                        if (p == 3) {
                                put(ret->text[i], "%c", *s++);
                                continue;
                        }
                        put(ret->text[i], "pam_debug.so auth=%s", shown & provers[p].proof ? "success" : no);
                        s += strlen(provers[p].module);
                }
}

static bool allows(const struct pam_answer *a, uint32_t shown) {
        for (size_t i = 0; i < a->n; i++)
                if ((a->ways[i].proofs & ~shown) == 0)
                        return true;
        return false;
}

/* Whoever gets in by libpam with some proofs gets in by the walk; and each way that the walk names is one that gets in,
 * where a module fails as it may. */
static void test_same_ways(void **state) {
        (void) state;
        static const char *const noes[] = { "auth_err", "user_unknown", "perm_denied", "abort" };
        const unsigned worlds = times(WORLDS);
        unsigned open = 0, shut = 0;
        for (unsigned i = 0; i < worlds; i++) {
                static struct files f, c;
                seed = 1000003u * (i + 1);
                make(&f, put_prover);
                struct pam_stack s;
                struct pam_answer a;
                walk(&f, &s, &a);
                for (uint32_t shown = 0; shown < 8 && !s.borrowed && !s.unclear; shown++) {
                        bool in = false;
                        for (size_t n = 0; n < sizeof noes / sizeof *noes; n++) {
                                concrete(&f, shown, noes[n], &c);
                                in = libpam(&c) == PAM_SUCCESS || in;
                        }
                        if (in && !allows(&a, shown)) {
                                show(&f);
                                print_error("stack %u: %#x gets in, and the walk has no such way\n", i, shown);
                        }
                        assert_true(!in || allows(&a, shown));
                        *(in ? &open : &shut) += 1;
                        /* One who shows all may also fail on purpose, at one line and not at another: with nothing
                         * shown there is nothing to fail, and both must agree. */
                        if (shown == 0 && __builtin_popcount(a.codes) == 1)
                                assert_int_equal(in, allows(&a, shown));
                }
                pam_answer_clear(&a);
                pam_stack_clear(&s);
        }
        assert_true(open > worlds && shut > worlds);
}

static int set_up(void **state) {
        (void) state;
        return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
        (void) state;
        for (int i = 0; i < FILES; i++) {
                char path[256];
                (void) snprintf(path, sizeof path, "%s/%s", directory, names[i]);
                (void) unlink(path);
        }
        return rmdir(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_code), cmocka_unit_test(test_same_ways) };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
