/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signed_file.h"

#include <fcntl.h>
#include <sekisho/grant.h>
#include <sekisho/permit.h>
#include <sekisho/receipt.h>
#include <stdio.h>
#include <string.h>

#include "policy_file.h"

#define TRUST_DIRECTORY "var/lib/sekisho/policy"
#define TRUST_FILE      "trust.yaml"

static int check_policy(const char *bytes, size_t size, struct problems *problems) {
        CLEANUP(policy_freep) struct policy *p = NULL;
        return policy_parse(bytes, size, problems, &p);
}
static int check_trust(const char *bytes, size_t size, struct problems *problems) {
        CLEANUP(trust_freep) struct trust *t = NULL;
        return trust_parse(bytes, size, problems, &t);
}
static int check_grant(const char *bytes, size_t size, struct problems *problems) {
        struct grant *g = NULL;
        int r = grant_parse(bytes, size, problems, &g);
        (void) grant_free(g);
        return r;
}

static int check_permit(const char *bytes, size_t size, struct problems *problems) {
        struct permit *p = NULL;
        int r = permit_parse(bytes, size, problems, &p);
        (void) permit_free(p);
        return r;
}

static int check_receipt(const char *bytes, size_t size, struct problems *problems) {
        struct receipt *r = NULL;
        int result = receipt_parse(bytes, size, problems, &r);
        (void) receipt_free(r);
        return result;
}

static const struct signed_kind kinds[] = {
        { "sekisho", "policy", POLICY_NAMESPACE, TRUST_ROLE_POLICY, check_policy },
        { "sekisho-trust", "trust", TRUST_NAMESPACE, TRUST_ROLE_TRUST, check_trust },
        { "sekisho-permit", "permit", PERMIT_NAMESPACE, TRUST_ROLE_PERMIT, check_permit },
        { "sekisho-grant", "grant", GRANT_NAMESPACE, TRUST_ROLE_PERMIT, check_grant },
        { "sekisho-receipt", "receipt", RECEIPT_NAMESPACE, TRUST_ROLE_AUDIT, check_receipt },
};

static const struct signed_kind *find_kind(const char *bytes) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
                if (document_has_first_key(bytes, kinds[i].first_key))
                        return &kinds[i];
        return NULL;
}

enum outcome signature_file_read(const char *path, struct document *ret) {
        CLEANUP(free_p) char *name = NULL;
        if (asprintf(&name, "%s.sig", path) < 0) {
                complain("%s: %s", path, strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        int r = document_read(AT_FDCWD, name, SIGNATURE_FILE_MAX, ret);
        if (r == 0 || r == DOCUMENT_NOT_FOUND)
                return OUTCOME_YES;
        complain("%s: %s", name, r > 0 ? document_outcome_text(r) : strerror(-r));
        return OUTCOME_BAD;
}

enum outcome signed_file_read(const char *path, struct signed_file *ret) {
        *ret = (struct signed_file){ .path = path };
        int r = document_read(AT_FDCWD, path, POLICY_MAX, &ret->document);
        if (r != 0) {
                complain("%s: %s", path, r > 0 ? document_outcome_text(r) : strerror(-r));
                return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        ret->kind = find_kind(ret->document.bytes);
        if (!ret->kind) {
                complain(_("%s: not a document of Sekisho: its first key must be \"sekisho\", \"sekisho-trust\", "
                           "\"sekisho-permit\", \"sekisho-grant\" or \"sekisho-receipt\"."),
                         path);
                return OUTCOME_BAD;
        }
        if (asprintf(&ret->signature_path, "%s.sig", path) < 0) {
                ret->signature_path = NULL;
                complain("%s: %s", path, strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        return signature_file_read(path, &ret->signatures);
}

void signed_file_clear(struct signed_file *f) {
        free(f->signature_path);
        document_clear(&f->document);
        document_clear(&f->signatures);
        *f = (struct signed_file){ 0 };
}

enum outcome signed_file_check(const struct signed_file *f) {
        CLEANUP(problems_clear) struct problems problems = { 0 };
        int r = f->kind->check(f->document.bytes, f->document.size, &problems);
        if (r < 0)
                complain("%s: %s", f->path, strerror(-r));
        policy_file_print_problems(stderr, f->path, &problems);
        return r == 0 ? OUTCOME_YES : OUTCOME_BAD;
}

static enum outcome parse_trust(const char *shown, const struct document *d, struct trust **ret) {
        CLEANUP(problems_clear) struct problems problems = { 0 };
        int r = trust_parse(d->bytes, d->size, &problems, ret);
        if (r < 0)
                complain("%s: %s", shown, strerror(-r));
        policy_file_print_problems(stderr, shown, &problems);
        return r == 0 ? OUTCOME_YES : OUTCOME_BAD;
}

enum outcome trust_file_load(const struct invocation *i, const char *path, struct trust **ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        CLEANUP(close_p) int directory = -1;
        const char *shown = path ? path : "/" TRUST_DIRECTORY "/" TRUST_FILE;
        int r = 0;
        if (!path) {
                directory = root_openat(&i->root, TRUST_DIRECTORY, O_PATH | O_DIRECTORY, 0);
                r = directory < 0 ? directory : 0;
        }
        if (r == 0)
                r = document_read(path ? AT_FDCWD : directory, path ? path : TRUST_FILE, DOCUMENT_MAX, &d);
        if (r == DOCUMENT_NOT_FOUND || r == -ENOENT) {
                complain(_("%s: there is no trust document; give one with --trust FILE."), shown);
                return OUTCOME_BAD;
        }
        if (r != 0) {
                complain("%s: %s", shown, r > 0 ? document_outcome_text(r) : strerror(-r));
                return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
        }
        return parse_trust(shown, &d, ret);
}
