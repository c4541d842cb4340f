/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy in force against its file, its signatures and its time. */
#include <errno.h>
#include <fcntl.h>
#include <sekisho/document.h>
#include <sekisho/trust.h>
#include <sodium.h>
#include <string.h>

#include "findings.h"
#include "inspect.h"
#include "signed_file.h"
#include "talk.h"

#define POLICY_DIRECTORY "var/lib/sekisho/policy"
#define HEX              (2u * crypto_hash_sha256_BYTES + 1u)

static int read_document(int directory, const char *name, size_t cap, struct document *ret) {
        return directory < 0 ? directory : document_read(directory, name, cap, ret);
}

static void hash_of(const struct document *d, char ret[static HEX]) {
        unsigned char digest[crypto_hash_sha256_BYTES];
        (void) crypto_hash_sha256(digest, (const unsigned char *) d->bytes, d->size);
        (void) sodium_bin2hex(ret, HEX, digest, sizeof digest);
}

static void name_signers(const struct trust_check *c, struct finding *f) {
        for (unsigned i = 0; i < c->n; i++)
                if (c->signatures[i].state == SIGNATURE_COUNTS && c->signatures[i].holder)
                        note(f, _("signed by %s"), c->signatures[i].holder->name);
}

/* The signatures are checked anew, by the trust document that is there now. */
static void check_signatures(int directory, const struct document *policy, struct finding *f) {
        CLEANUP(document_clear) struct document text = { 0 }, signatures = { 0 };
        CLEANUP(trust_freep) struct trust *trust = NULL;
        CLEANUP(problems_clear) struct problems problems = { 0 };
        struct trust_check c;
        if (read_document(directory, "trust.yaml", DOCUMENT_MAX, &text) != 0 ||
            trust_parse(text.bytes, text.size, &problems, &trust) != 0) {
                say(f, FIT_UNKNOWN, _("The trust document cannot be read, so that signatures cannot be checked."));
                return;
        }
        if (read_document(directory, "policy.yaml.sig", SIGNATURE_FILE_MAX, &signatures) != 0)
                say(f, FIT_NO, _("The signatures are not beside the policy."));
        else if (trust_check(trust, TRUST_ROLE_POLICY, POLICY_NAMESPACE, policy->bytes, policy->size, signatures.bytes,
                             signatures.size, &c) != 0)
                say(f, FIT_NO, _("The signatures do not suffice: %u, and %u are needed"), c.counted, c.needed);
        else
                name_signers(&c, f);
}

static void compare_file(const struct inspection *n, const json_t *info, struct finding *f) {
        CLEANUP(close_p) int directory = root_openat(n->root, POLICY_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        CLEANUP(document_clear) struct document policy = { 0 };
        char hex[HEX];
        if (read_document(directory, "policy.yaml", POLICY_MAX, &policy) != 0) {
                say(f, FIT_UNKNOWN, _("The policy file cannot be read (run it as root)."));
                return;
        }
        hash_of(&policy, hex);
        if (strcmp(hex, talk_string(info, "sha256")) != 0)
                say(f, FIT_NO, _("The file is not what is in force: SHA-256 %s"), hex);
        if (talk_bool(info, "signed"))
                check_signatures(directory, &policy, f);
}

static void look_at_answer(const struct inspection *n, struct finding *f) {
        if (n->policy)
                return;
        say(f, n->gave_policy ? FIT_NO : FIT_UNKNOWN,
            !n->gave_policy    ? _("The policy in force cannot be read.")
            : n->gave_nonsense ? _("What the agent gives as its policy is none that this version understands: install "
                                   "the same version of agent and sekishoctl")
                               : _("The agent has no policy to show: none is in force, or its file cannot be read. "
                                   "Install one (sekishoctl policy install), then inspect again"));
}

void probe_policy(const struct inspection *n, struct finding *f) {
        const json_t *info = json_object_get(n->status, "policy");
        const char *source = talk_string(info, "source");
        size_t k;
        json_t *finding;
        if (!info || sodium_init() < 0) {
                say(f, FIT_UNKNOWN, _("The agent does not answer."));
                return;
        }
        look_at_answer(n, f);
        if (strcmp(source, "file") != 0)
                say(f, FIT_NO,
                    strcmp(source, "default") == 0 ? _("It is the default policy, as shipped.")
                                                   : _("It is not the policy that was accepted last."));
        if (talk_bool(info, "expired"))
                say(f, FIT_NO, _("It has expired: %s"), talk_string(info, "expires"));
        if (!talk_bool(info, "signed"))
                say(f, FIT_NO, _("Nobody has signed it."));
        json_array_foreach(json_object_get(n->status, "attention"), k, finding) {
                const char *code = talk_string(finding, "code"), *sentence = findings_sentence(code);
                if (strncmp(code, "policy-", 7) == 0 || strncmp(code, "trust-", 6) == 0)
                        say(f, FIT_NO, "%s", sentence ? sentence : code);
        }
        if (strcmp(talk_string(n->status, "version"), SEKISHO_VERSION) != 0)
                say(f, FIT_NO, _("The agent that runs is version %s, what is installed is %s: restart it"),
                    talk_string(n->status, "version"), SEKISHO_VERSION);
        if (strcmp(source, "file") == 0)
                compare_file(n, info, f);
        if (!f->said)
                say(f, FIT_YES, _("Accepted, unaltered and signed"));
        if (*talk_string(info, "fleet")) /* the one that is built in has none */
                note(f, _("%s, serial %lld, until %s"), talk_string(info, "fleet"), talk_integer(info, "serial"),
                     talk_string(info, "expires"));
}
