/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "auditor_key.h"

#include <fcntl.h>
#include <string.h>

#include "signed_file.h"

#define KEY_FILE_MAX 4096u

static enum outcome take(const char *shown, const char *text, size_t size, struct ssh_key *ret) {
        struct ssh_key key;
        if (ssh_key_parse(text, size, &key) != 0) {
                complain(_("%s: not a public key of the form \"ssh-ed25519 AAAA...\"."), shown);
                return OUTCOME_BAD;
        }
        *ret = key;
        return OUTCOME_YES;
}

static enum outcome from_file(const char *path, struct ssh_key *ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        int r = document_read(AT_FDCWD, path, KEY_FILE_MAX, &d);
        if (r != 0) {
                complain("%s: %s", path, r > 0 ? document_outcome_text(r) : strerror(-r));
                return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        return take(path, d.bytes, strcspn(d.bytes, "\r\n"), ret);
}

static enum outcome of_holder(const struct invocation *i, const char *name, struct ssh_key *ret) {
        CLEANUP(trust_freep) struct trust *t = NULL;
        enum outcome outcome = trust_file_load(i, NULL, &t);
        if (outcome != OUTCOME_YES)
                return outcome;
        for (uint32_t k = 0; k < t->n_holders; k++) {
                const struct trust_holder *h = &t->holders[k];
                if (strcmp(h->name, name) != 0 || !(h->roles & (1u << TRUST_ROLE_AUDIT)))
                        continue;
                *ret = *h->key;
                return OUTCOME_YES;
        }
        complain(_("No holder of the role \"audit\" is called %s. Give the key's file, with a slash in its name or "
                   "ending in .pub, or the key itself."),
                 name);
        return OUTCOME_NO;
}

enum outcome auditor_key_find(const struct invocation *i, const char *word, struct ssh_key *ret) {
        size_t n = strlen(word);
        if (strchr(word, ' '))
                return take("--seal", word, n, ret);
        return strchr(word, '/') || (n > 4 && strcmp(word + n - 4, ".pub") == 0) ? from_file(word, ret)
                                                                                 : of_holder(i, word, ret);
}
