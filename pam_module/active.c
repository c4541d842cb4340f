/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy that the agent accepted, read without the agent: logins go on when it is dead.
 *
 * The directory belongs to root; its group may read. state.json says which bytes were accepted, and its rename was the
 * agent's commit: a file with other bytes is not believed, whoever put it there. What is missing or does not fit is
 * answered as the agent itself would: its copy, else the built-in policy.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <sekisho/document.h>

#include "base/cleanup.h"
#include "digest/digest.h"
#include "otpd.h"

#define DIRECTORY "var/lib/sekisho/policy"
#define SHIPPED   "usr/share/sekisho"
#define STATE     "state.json"
#define STATE_MAX 4096u

static const char *const from_names[FROM_MAX] = {
        [FROM_FILE] = "file", [FROM_LAST_GOOD] = "last-good", [FROM_DEFAULT] = "default", [FROM_BUILTIN] = "built-in"
};

const char *policy_from_name(enum policy_from f) {
        return (unsigned) f < FROM_MAX ? from_names[f] : NULL;
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static void problems_p(struct problems *p) {
        problems_clear(p);
}

struct accepted {
        char sha256[DIGEST_HEX_SIZE];
        uint64_t serial;
};

/* Written by root, and by nobody else; below a fake root by whoever runs the test. */
static bool is_trusted(int directory, const char *name) {
        struct stat st;
        return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* Only the members that say which bytes were accepted; the agent may keep others beside them. */
static int read_state(int directory, struct accepted *ret) {
        char text[STATE_MAX + 1];
        if (!is_trusted(directory, STATE))
                return 1;
        ssize_t n = file_read_at(directory, STATE, text, STATE_MAX);
        CLEANUP(json_p) json_t *state = n < 0 ? NULL : json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
        json_int_t format = 0, serial = 0;
        const char *sha256 = NULL;
        if (!state ||
            json_unpack(state, "{s:I, s:I, s:s}", "format", &format, "serial", &serial, "sha256", &sha256) < 0)
                return 1;
        if (format < 1 || serial < 1 || strlen(sha256) != DIGEST_HEX_SIZE - 1)
                return 1;
        memcpy(ret->sha256, sha256, DIGEST_HEX_SIZE);
        ret->serial = (uint64_t) serial;
        return 0;
}

bool active_receipt(const struct otpd *o, uint64_t *ret_seq, char ret_head[static DIGEST_HEX_SIZE]) {
        char text[STATE_MAX + 1];
        CLEANUP(close_p) int directory = root_openat(&o->root, DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0 || !is_trusted(directory, AUDIT_OTP_RECEIPT))
                return false;
        ssize_t n = file_read_at(directory, AUDIT_OTP_RECEIPT, text, STATE_MAX);
        CLEANUP(json_p) json_t *receipt = n < 0 ? NULL : json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
        json_int_t format = 0, seq = 0;
        const char *head = NULL;
        if (!receipt || json_unpack(receipt, "{s:I, s:I, s:s}", "format", &format, "seq", &seq, "head", &head) < 0 ||
            format != 1 || seq < 1 || strlen(head) != DIGEST_HEX_SIZE - 1)
                return false;
        *ret_seq = (uint64_t) seq;
        memcpy(ret_head, head, DIGEST_HEX_SIZE);
        return true;
}

/* accepted NULL: any valid policy (the shipped one). 0, 1, -ENOMEM. */
static int read_policy(int directory, const char *name, const struct accepted *accepted, struct policy **ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        if (!is_trusted(directory, name))
                return 1;
        int r = document_read(directory, name, POLICY_MAX, &d);
        if (r != 0)
                return r == -ENOMEM ? r : 1;
        uint8_t digest[DIGEST_BYTES];
        char hex[DIGEST_HEX_SIZE];
        digest_sha256(d.bytes, d.size, digest);
        digest_hex(digest, hex);
        if (accepted && strcmp(hex, accepted->sha256) != 0)
                return 1;

        CLEANUP(problems_p) struct problems problems = { 0 };
        struct policy *p = NULL;
        r = policy_parse(d.bytes, d.size, &problems, &p);
        if (r != 0)
                return r;
        if (accepted && p->header.serial != accepted->serial) {
                (void) policy_free(p);
                return 1;
        }
        *ret = p;
        return 0;
}

static bool is_there(int directory, const char *name) {
        return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int load(struct otpd *o, int directory, struct active_policy *ret) {
        struct active_policy a = { .policy = policy_builtin(), .from = FROM_BUILTIN };
        struct accepted accepted;
        int r = 1;
        if (directory >= 0 && read_state(directory, &accepted) == 0) {
                r = read_policy(directory, "policy.yaml", &accepted, &a.owned);
                a.from = FROM_FILE;
                if (r == 1) {
                        a.distrusted = true;
                        a.from = FROM_LAST_GOOD;
                        r = read_policy(directory, "last-good.yaml", &accepted, &a.owned);
                }
        } else if (directory < 0 || (!is_there(directory, STATE) && !is_there(directory, "policy.yaml") &&
                                     !is_there(directory, "last-good.yaml"))) {
                /* Nothing was ever accepted: the agent would adopt what the package brought. */
                CLEANUP(close_p) int share = root_openat(&o->root, SHIPPED, O_RDONLY | O_DIRECTORY, 0);
                r = share < 0 ? 1 : read_policy(share, "default-policy.yaml", NULL, &a.owned);
                a.from = FROM_DEFAULT;
        } else {
                a.distrusted = true;
        }
        if (r < 0)
                return r;
        if (a.owned)
                a.policy = a.owned;
        else
                a.from = FROM_BUILTIN;
        *ret = a;
        return 0;
}

static uint64_t stamp_file(int directory, const char *name, uint64_t stamp) {
        struct stat st = { 0 };
        if (directory < 0 || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return stamp * 31 + 7;
        stamp = stamp * 31 + st.st_ino;
        stamp = stamp * 31 + (uint64_t) st.st_size;
        stamp = stamp * 31 + (uint64_t) st.st_uid * 8191 + st.st_mode;
        return stamp * 31 + (uint64_t) st.st_ctim.tv_sec * UINT64_C(1000000000) + (uint64_t) st.st_ctim.tv_nsec;
}

void active_refresh(struct otpd *o) {
        CLEANUP(close_p) int directory = root_openat(&o->root, DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        uint64_t stamp = 1;
        static const char *const names[] = { STATE, "policy.yaml", "last-good.yaml" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                stamp = stamp_file(directory, names[i], stamp);
        if (o->active.policy && o->active.stamp == stamp)
                return;

        struct active_policy next;
        if (load(o, directory, &next) < 0) {
                /* No memory for the new one: what held goes on, and the next call tries again. */
                if (!o->active.policy)
                        o->active = (struct active_policy){ .policy = policy_builtin(), .from = FROM_BUILTIN };
                return;
        }
        next.stamp = stamp;
        active_clear(&o->active);
        o->active = next;
        clock_document(o, o->active.policy->header.issued);
        if (o->log) {
                if (next.distrusted)
                        otpd_trouble(o, "", "policy file is not the accepted one");
                audit_log_set_sinks(o->log, o->root.is_machine ? o->active.policy->audit.send : 0);
        }
}

void active_clear(struct active_policy *a) {
        (void) policy_free(a->owned);
        *a = (struct active_policy){ 0 };
}
