/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary configuration of logins. The first byte says of what; a byte 0x01 ends one file and begins the next. What
 * must hold: it ends; ways are named with their lines; the same text gives the same answer. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "logins/report.h"

#define FILES 4

struct files {
        char *text[FILES];
        int n;
};

static void require(bool ok) {
        if (!ok)
                abort();
}

/* Names of files: their last letter is their number. */
static int read_one(const struct files *f, const char *name, struct pool *pool, char **ret) {
        size_t n = strlen(name);
        int i = n > 0 ? name[n - 1] - '0' : -1;
        if (i < 0 || i >= f->n)
                return 1;
        *ret = pool_copy(pool, f->text[i], strlen(f->text[i]));
        return *ret ? 0 : -ENOMEM;
}

static int read_service(void *userdata, const char *name, struct pool *pool, char **ret_text, const char **ret_path) {
        *ret_path = "x";
        return read_one(userdata, name, pool, ret_text);
}

static int read_path(void *userdata, const char *path, struct pool *pool, char **ret) {
        return read_one(userdata, path, pool, ret);
}

static int list(void *userdata, const char *pattern, struct pool *pool, char ***paths, size_t *n) {
        (void) userdata;
        char *path = pool_copy(pool, pattern, strlen(pattern));
        if (!path || text_grow((void **) paths, *n, sizeof **paths) < 0)
                return -ENOMEM;
        (*paths)[(*n)++] = path;
        return 0;
}

static void fuzz_pam(struct files *f) {
        const struct pam_source from = { .read = read_service, .userdata = f };
        for (enum pam_type type = PAM_TYPE_AUTH; type <= PAM_TYPE_SESSION; type++) {
                uint32_t codes[2];
                size_t ways[2];
                for (int i = 0; i < 2; i++) {
                        struct pam_stack s;
                        struct pam_answer a;
                        require(pam_stack_read(&from, "0", type, &s) == 0 && pam_walk(&s, 0, 0, &a) == 0);
                        for (size_t k = 0; k < a.n; k++)
                                require(a.ways[k].n_through > 0 && (a.ways[k].when & a.ways[k].unless) == 0);
                        require(a.unclear || (a.n > 0) == ((a.codes & 1u) != 0));
                        codes[i] = a.codes;
                        ways[i] = a.n;
                        pam_answer_clear(&a);
                        pam_stack_clear(&s);
                }
                require(codes[0] == codes[1] && ways[0] == ways[1]);
        }
}

static void fuzz_others(struct files *f, bool sshd) {
        const struct login_files files = { read_path, list, f };
        struct report_builder b = { .files = &files };
        const struct login_way way = { .proofs = PROOF_PASSWORD, .verdict = LOGIN_ONE };
        const struct sshd_pam pam = { .auth = &way, .n_auth = 1 };
        b.pool = b.report.pool = calloc(1, sizeof *b.pool);
        require(b.pool != NULL);
        require((sshd ? sshd_check(&b, "0", &pam) : sudoers_check(&b, "0")) == 0);
        for (size_t i = 0; i < b.report.n; i++)
                for (size_t k = 0; k < b.report.entries[i].n_ways; k++)
                        require(b.report.entries[i].ways[k].n_places > 0);
        logins_clear(&b.report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct files f = { .n = 0 };
        if (size < 1 || size > 4096)
                return 0;
        for (size_t at = 1; f.n < FILES && at <= size;) {
                size_t n = 0;
                while (at + n < size && data[at + n] > 1)
                        n++;
                f.text[f.n] = malloc(n + 1);
                require(f.text[f.n] != NULL);
                memcpy(f.text[f.n], data + at, n);
                f.text[f.n++][n] = '\0';
                at += n + 1;
        }
        if (data[0] == 's')
                fuzz_others(&f, true);
        else if (data[0] == 'u')
                fuzz_others(&f, false);
        else
                fuzz_pam(&f);
        for (int i = 0; i < f.n; i++)
                free(f.text[i]);
        return 0;
}
