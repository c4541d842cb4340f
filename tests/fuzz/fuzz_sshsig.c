/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as FILE.sig: nothing is ever accepted, for the key that would count has signed nothing; the cursor always
 * moves on, so that a file ends; and any bytes as a trust document are refused with a reason, or whole. */
#include <sekisho/trust.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#undef NDEBUG
#include <assert.h>

static void walk(const char *text, size_t size) {
        const char *cursor = text, *before = NULL;
        struct sshsig s;
        struct sshsig_message m;
        sshsig_digest("never signed", 12, &m);
        for (int r; (r = sshsig_next(&cursor, text + size, &s)) != SSHSIG_END; before = cursor) {
                assert(cursor > before && cursor <= text + size);
                if (r != SSHSIG_OK)
                        continue;
                assert(strlen(s.namespace) > 0 && s.key.type >= 0 && s.key.type < SSH_KEY_TYPE_MAX);
                assert(sshsig_verify(&s, &m) == SSHSIG_BAD);
        }
}

static void read_trust(const char *text, size_t size) {
        struct problems problems = { 0 };
        struct trust *t = NULL;
        int r = trust_parse(text, size, &problems, &t);
        assert(r == 0 ? t && problems.n_errors == 0 : r == 1 && problems.n_errors > 0);
        if (t) {
                struct trust_check c;
                assert(t->threshold[TRUST_ROLE_TRUST] > 0 && t->threshold[TRUST_ROLE_POLICY] > 0);
                assert(trust_check(t, TRUST_ROLE_POLICY, POLICY_NAMESPACE, "x", 1, text, size, &c) == 1);
        }
        problems_clear(&problems);
        (void) trust_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (sodium_init() < 0)
                abort();
        /* The exact size, so that a read behind the end is seen. */
        char *text = malloc(size ? size : 1);
        assert(text);
        if (size)
                memcpy(text, data, size);
        struct ssh_key k;
        (void) ssh_key_parse(text, size, &k);
        walk(text, size);
        read_trust(text, size);
        free(text);
        return 0;
}
