/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sekisho/document.h>

#include "base/cleanup.h"
#include "trust_store.h"

#define STORE_NAME_MAX 32 /* "last-good.yaml.sig" */
#define STATE_FORMAT   1
#define STATE_MAX      4096u
#define SERIAL_MAX     ((UINT64_C(1) << 53) - 1)
#define TIME_MAX       INT64_C(253402300799) /* the end of the year 9999 */

static const char *const source_names[SOURCE_MAX] = {
        [SOURCE_DEFAULT] = "default", [SOURCE_LOCAL_UNSIGNED] = "local-unsigned", [SOURCE_SIGNED] = "signed"
};

enum state_outcome { STATE_OK = 0, STATE_ABSENT = 1, STATE_DAMAGED };

const char *policy_source_name(enum policy_source s) {
        return (unsigned) s < SOURCE_MAX ? source_names[s] : NULL;
}

static enum policy_source source_from_name(const char *name) {
        for (int s = 0; s < SOURCE_MAX; s++)
                if (strcmp(source_names[s], name) == 0)
                        return (enum policy_source) s;
        return SOURCE_INVALID;
}

int store_open(const struct root *root, struct store *ret) {
        int r = root_mkdirs(root, STORE_DIRECTORY, 0750);
        if (r < 0)
                return r;
        int fd = root_openat(root, STORE_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        *ret = (struct store){ .root = root, .directory = fd };
        return 0;
}

void store_close(struct store *s) {
        close_p(&s->directory);
        s->directory = -1;
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static bool is_sha256(const char *s) {
        return strlen(s) == DIGEST_HEX_SIZE - 1 && strspn(s, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

/* Members that are looked at already are no concern. False: it is not one. */
static bool take_policy_state(json_t *j, struct policy_state *ret) {
        json_int_t serial = 0, trust = 0;
        const char *sha256 = NULL, *source = NULL;
        if (json_unpack(j, "{s:I, s:s, s:s, s?I}", "serial", &serial, "sha256", &sha256, "source", &source, "trust",
                        &trust) < 0)
                return false;
        enum policy_source from = source_from_name(source);
        if (serial < 1 || (uint64_t) serial > SERIAL_MAX || !is_sha256(sha256) || from < 0 || trust < 0 ||
            (from == SOURCE_SIGNED) != (trust > 0))
                return false;
        *ret = (struct policy_state){ .serial = (uint64_t) serial, .trust = (uint64_t) trust, .source = from };
        memcpy(ret->sha256, sha256, sizeof ret->sha256);
        return true;
}

static bool take_trial(json_t *j, struct stored_trial *ret) {
        const char *boot = NULL;
        json_int_t ends = 0;
        struct stored_trial t = { .on = true };
        if (!j)
                return true;
        if (json_object_size(j) != 6 || json_unpack(j, "{s:s, s:I}", "boot", &boot, "ends", &ends) < 0 || ends < 0 ||
            strlen(boot) >= sizeof t.boot || !take_policy_state(j, &t.before))
                return false;
        t.ends = (uint64_t) ends;
        memcpy(t.boot, boot, strlen(boot));
        *ret = t;
        return true;
}

static enum state_outcome read_state(const struct store *s, struct policy_state *ret, struct stored_trial *ret_trial) {
        char text[STATE_MAX + 1];
        ssize_t n = file_read_at(s->directory, STORE_STATE, text, STATE_MAX);
        if (n == -ENOENT)
                return STATE_ABSENT;
        if (n < 0)
                return STATE_DAMAGED;

        CLEANUP(json_p) json_t *state = json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, NULL);
        json_int_t format = 0, serial = 0, trust = 0, counter = 0;
        const char *sha256 = NULL, *source = NULL;
        json_t *trial = NULL;
        /* Strict about what there is; what it means is asked below. */
        if (!state ||
            json_unpack(state, "{s:I, s:I, s:s, s:s, s?I, s?o, s?I !}", "format", &format, "serial", &serial, "sha256",
                        &sha256, "source", &source, "trust", &trust, "trial", &trial, "counter", &counter) < 0)
                return STATE_DAMAGED;
        struct policy_state p;
        struct stored_trial t = { 0 };
        if (format != STATE_FORMAT || !take_policy_state(state, &p) || !take_trial(trial, &t) || counter < 0 ||
            (uint64_t) counter > COUNTER_MAX)
                return STATE_DAMAGED;
        p.counter = (uint64_t) counter;
        *ret = p;
        *ret_trial = t;
        return STATE_OK;
}

static void problems_p(struct problems *p) {
        problems_clear(p);
}

/* policy and text are taken over. */
static void put_together(struct policy *policy, struct document *text, enum policy_source source,
                         struct stored_policy *ret) {
        uint8_t digest[DIGEST_BYTES];
        digest_sha256(text->bytes, text->size, digest);
        *ret = (struct stored_policy){ .policy = policy,
                                       .owned = policy,
                                       .text = text->bytes,
                                       .size = text->size,
                                       .source = source,
                                       .origin = ORIGIN_FILE,
                                       .serial_floor = policy->header.serial };
        digest_hex(digest, ret->sha256);
        *text = (struct document){ 0 };
}

/* Reads and parses one file. 0; 1: not there, not readable, or not a valid policy; -ENOMEM. */
static int read_policy(int directory, const char *name, enum policy_source source, struct stored_policy *ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        int r = document_read(directory, name, POLICY_MAX, &d);
        if (r != 0)
                return r == -ENOMEM ? r : 1;
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct policy *policy = NULL;
        r = policy_parse(d.bytes, d.size, &problems, &policy);
        if (r == 0)
                put_together(policy, &d, source, ret);
        return r;
}

static bool accepted(const struct stored_policy *p, const struct policy_state *state) {
        return strcmp(p->sha256, state->sha256) == 0 && p->policy->header.serial == state->serial;
}

/* "policy.yaml" -> "policy.yaml.sig" */
static void signature_name(const char *name, char ret[static STORE_NAME_MAX]) {
        (void) snprintf(ret, STORE_NAME_MAX, "%s.sig", name);
}

/* The signatures beside it still suffice for the trust document of that time. 0; 1: they do not; -ENOMEM. */
static int read_signatures(const struct store *s, const char *name, const struct policy_state *state,
                           struct stored_policy *p) {
        CLEANUP(document_clear) struct document d = { 0 };
        char file[STORE_NAME_MAX];
        if (state->source != SOURCE_SIGNED)
                return 0;
        signature_name(name, file);
        int r = document_read(s->directory, file, TRUST_SIGNATURE_MAX, &d);
        if (r == 0)
                r = trust_store_verify(s, state->trust, p->text, p->size, d.bytes, d.size);
        if (r != 0)
                return r == -ENOMEM ? r : 1;
        return stored_policy_sign(p, state->trust, d.bytes, d.size);
}

/* The policy that state names, with its signatures. 0; 1: the file is another one, or damaged; -ENOMEM. */
static int read_accepted(const struct store *s, const char *name, const struct policy_state *state,
                         struct stored_policy *ret) {
        CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
        int r = read_policy(s->directory, name, state->source, &p);
        if (r == 0 && !accepted(&p, state))
                return 1;
        if (r == 0)
                r = read_signatures(s, name, state, &p);
        if (r == 0) {
                *ret = p;
                p = (struct stored_policy){ 0 };
        }
        return r;
}

static void use_builtin(struct stored_policy *ret, uint64_t serial_floor) {
        *ret = (struct stored_policy){ .policy = policy_builtin(),
                                       .origin = ORIGIN_BUILTIN,
                                       .source = SOURCE_DEFAULT,
                                       .serial_floor = serial_floor };
}

/* The signatures first: a text without its own is not believed. */
static int write_pair(const struct store *s, const char *name, const struct stored_policy *p) {
        char file[STORE_NAME_MAX];
        signature_name(name, file);
        int r = 0;
        if (p->signatures)
                r = file_replace_at(s->directory, file, p->signatures, p->signatures_size, 0640);
        return r < 0 ? r : file_replace_at(s->directory, name, p->text, p->size, 0640);
}

/* A power cut during store_commit() can leave the copy one policy behind. Best effort: the next start tries again. */
static void mend_copy(const struct store *s, const struct stored_policy *p) {
        bool same = file_holds_at(s->directory, STORE_LAST_GOOD, p->text, p->size);
        if (p->signatures)
                same = same && file_holds_at(s->directory, STORE_LAST_GOOD ".sig", p->signatures, p->signatures_size);
        if (!same)
                (void) write_pair(s, STORE_LAST_GOOD, p);
}

static int read_text(const struct store *s, const char *name, const struct stored_policy *p, struct document *ret) {
        CLEANUP(document_clear) struct document d = { 0 };
        uint8_t digest[DIGEST_BYTES];
        char hex[DIGEST_HEX_SIZE];
        int r = document_read(s->directory, name, POLICY_MAX, &d);
        if (r != 0)
                return r;
        digest_sha256(d.bytes, d.size, digest);
        digest_hex(digest, hex);
        if (strcmp(hex, p->sha256) != 0)
                return 1;
        *ret = d;
        d = (struct document){ 0 };
        return 0;
}

int store_recall_text(const struct store *s, struct stored_policy *p) {
        struct document d = { 0 };
        if (p->text || !p->owned)
                return p->text ? 0 : 1;
        int r = read_text(s, STORE_POLICY, p, &d);
        if (r != 0)
                r = read_text(s, STORE_LAST_GOOD, p, &d);
        if (r != 0)
                return r < 0 ? r : 1;
        p->text = d.bytes;
        p->size = d.size;
        return 0;
}

void stored_policy_forget_text(struct stored_policy *p) {
        if (!p->text || !p->on_disk)
                return;
        free(p->text);
        p->text = NULL;
        (void) malloc_trim(0); /* what was freed while it was read, too */
}

/* The accepted file, else the accepted copy, else nothing is allowed but the floor. */
static int load_accepted(const struct store *s, const struct policy_state *state, struct stored_policy *ret) {
        static const char *const names[] = { STORE_POLICY, STORE_LAST_GOOD };
        for (int i = 0; i < 2; i++) {
                CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
                int r = read_accepted(s, names[i], state, &p);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                p.origin = i == 0 ? ORIGIN_FILE : ORIGIN_LAST_GOOD;
                p.file_changed = i > 0;
                p.serial_floor = state->serial;
                p.on_disk = true;
                *ret = p;
                p = (struct stored_policy){ 0 };
                return 0;
        }
        use_builtin(ret, state->serial);
        ret->file_changed = true;
        return 0;
}

/* Which of the two files was accepted, and whether either was, nobody can say: an older policy may have been put there.
 * The built-in policy is the only one that is safe to assume. What can be read still says which serial is not too old.
 */
static int load_without_state(const struct store *s, struct stored_policy *ret) {
        static const char *const names[] = { STORE_POLICY, STORE_LAST_GOOD };
        uint64_t floor = 0;
        for (int i = 0; i < 2; i++) {
                CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
                int r = read_policy(s->directory, names[i], SOURCE_DEFAULT, &p);
                if (r < 0)
                        return r;
                if (r == 0 && p.policy->header.serial > floor)
                        floor = p.policy->header.serial;
        }
        use_builtin(ret, floor);
        ret->state_damaged = true;
        return 0;
}

static bool is_there(const struct store *s, const char *name) {
        return faccessat(s->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int adopt_shipped(const struct store *s, struct stored_policy *ret) {
        CLEANUP(close_p) int share = root_openat(s->root, "usr/share/sekisho", O_PATH | O_DIRECTORY, 0);
        CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
        int r = share < 0 ? 1 : read_policy(share, strrchr(STORE_SHIPPED_POLICY, '/') + 1, SOURCE_DEFAULT, &p);
        if (r < 0)
                return r;
        /* If it cannot be kept it holds all the same: it would be adopted again at the next start. */
        if (r == 0) {
                p.adopted = store_commit(s, &p) == 0;
                p.serial_floor = p.policy->header.serial;
                *ret = p;
                p = (struct stored_policy){ 0 };
                return 0;
        }
        use_builtin(ret, 0);
        return 0;
}

static bool nothing_is_there(const struct store *s) {
        return !is_there(s, STORE_STATE) && !is_there(s, STORE_POLICY) && !is_there(s, STORE_LAST_GOOD);
}

static int load_what_is_there(const struct store *s, struct stored_policy *ret) {
        struct policy_state state;
        struct stored_trial trial;
        if (read_state(s, &state, &trial) == STATE_OK) {
                int r = load_accepted(s, &state, ret);
                if (r == 0) {
                        ret->trial = trial;
                        ret->counter = state.counter;
                }
                return r;
        }
        return load_without_state(s, ret);
}

int store_load(const struct store *s, struct stored_policy *ret) {
        return nothing_is_there(s) ? adopt_shipped(s, ret) : load_what_is_there(s, ret);
}

void store_settle(const struct store *s, struct stored_policy *p) {
        if (p->text && p->on_disk && p->origin == ORIGIN_FILE)
                mend_copy(s, p);
        stored_policy_forget_text(p);
}

/* A trial ends with its boot; the agent, which ends it on disk, comes later. */
int store_read(const struct store *s, struct stored_policy *ret) {
        if (nothing_is_there(s))
                return 1;
        CLEANUP(stored_policy_clear) struct stored_policy p = { 0 };
        int r = load_what_is_there(s, &p);
        char boot[sizeof p.trial.boot];
        store_boot_id(s->root, boot);
        if (r == 0 && p.trial.on && strcmp(boot, p.trial.boot) != 0) {
                struct stored_trial trial = p.trial;
                stored_policy_clear(&p);
                r = store_load_before(s, &trial, &p);
                if (r == 1) {
                        use_builtin(&p, trial.before.serial);
                        r = 0;
                }
        }
        if (r == 0) {
                *ret = p;
                p = (struct stored_policy){ 0 };
        }
        return r;
}

void store_boot_id(const struct root *root, char ret[static STORE_BOOT_SIZE]) {
        CLEANUP(close_p) int directory = root_openat(root, "proc/sys/kernel/random", O_PATH | O_DIRECTORY, 0);
        ret[0] = '\0';
        if (directory < 0 || file_read_line_at(directory, "boot_id", ret, STORE_BOOT_SIZE - 1) <= 0)
                (void) snprintf(ret, STORE_BOOT_SIZE, "unknown");
        /* It goes into a JSON text, and comes from a fake machine in tests. */
        ret[strspn(ret, "0123456789abcdef-unkow")] = '\0';
}

/* So that the file for people does not show what was not accepted. */
static void bring_back(const struct store *s) {
        CLEANUP(document_clear) struct document d = { 0 }, signatures = { 0 };
        if (document_read(s->directory, STORE_LAST_GOOD ".sig", TRUST_SIGNATURE_MAX, &signatures) == 0)
                (void) file_replace_at(s->directory, STORE_POLICY ".sig", signatures.bytes, signatures.size, 0640);
        if (document_read(s->directory, STORE_LAST_GOOD, POLICY_MAX, &d) == 0)
                (void) file_replace_at(s->directory, STORE_POLICY, d.bytes, d.size, 0640);
}

static struct policy_state state_of(const struct stored_policy *p) {
        struct policy_state state = { .serial = p->policy->header.serial,
                                      .trust = p->trust_version,
                                      .source = p->source };
        memcpy(state.sha256, p->sha256, sizeof state.sha256);
        return state;
}

int store_keep_before(const struct store *s, const struct stored_policy *before, struct stored_trial *ret) {
        int r = write_pair(s, STORE_BEFORE, before);
        if (r < 0)
                return r;
        ret->before = state_of(before);
        return 0;
}

int store_load_before(const struct store *s, const struct stored_trial *t, struct stored_policy *ret) {
        int r = read_accepted(s, STORE_BEFORE, &t->before, ret);
        if (r == 0)
                ret->serial_floor = t->before.serial;
        return r;
}

/* Without its last brace. */
static size_t print_state(char *buffer, size_t size, const struct policy_state *p) {
        int n = snprintf(buffer, size,
                         "\"serial\": %" PRIu64 ", \"sha256\": \"%s\", \"source\": \"%s\", \"trust\": %" PRIu64,
                         p->serial, p->sha256, policy_source_name(p->source), p->trust);
        return (size_t) n;
}

static size_t state_text(const struct stored_policy *p, char *buffer, size_t size) {
        struct policy_state state = state_of(p);
        size_t n = (size_t) snprintf(buffer, size, "{\"format\": %d, ", STATE_FORMAT);
        n += print_state(buffer + n, size - n, &state);
        if (p->trial.on) {
                n += (size_t) snprintf(buffer + n, size - n, ", \"trial\": {\"boot\": \"%s\", \"ends\": %" PRIu64 ", ",
                                       p->trial.boot, p->trial.ends);
                n += print_state(buffer + n, size - n, &p->trial.before);
                n += (size_t) snprintf(buffer + n, size - n, "}");
        }
        if (p->counter > 0)
                n += (size_t) snprintf(buffer + n, size - n, ", \"counter\": %" PRIu64, p->counter);
        return n + (size_t) snprintf(buffer + n, size - n, "}\n");
}

int store_count(const struct store *s, struct stored_policy *p, uint64_t counter) {
        char state[1024];
        uint64_t before = p->counter;
        if (!p->owned || counter == before)
                return 0;
        p->counter = counter;
        int r = file_replace_at(s->directory, STORE_STATE, state, state_text(p, state, sizeof state), 0640);
        if (r < 0)
                p->counter = before;
        return r;
}

int store_commit(const struct store *s, struct stored_policy *p) {
        char state[1024];
        size_t n = state_text(p, state, sizeof state);

        /* Until the state follows, last-good.yaml is the one that it names. The copy comes after the state: a power cut
         * between two writes leaves one of the two files as the state names it, at any moment. */
        int r = write_pair(s, STORE_POLICY, p);
        if (r < 0)
                return r;
        r = file_replace_at(s->directory, STORE_STATE, state, n, 0640);
        if (r < 0) {
                bring_back(s);
                return r;
        }
        /* It is accepted now, whatever becomes of the copy; mend_copy() makes up for it. */
        (void) write_pair(s, STORE_LAST_GOOD, p);
        p->on_disk = true;
        return 0;
}

int64_t store_read_time_floor(const struct store *s) {
        char line[32];
        if (file_read_line_at(s->directory, STORE_TIME_FLOOR, line, sizeof line - 1) <= 0)
                return 0;
        char *end = NULL;
        errno = 0;
        long long seconds = strtoll(line, &end, 10);
        return errno == 0 && *end == '\0' && seconds > 0 && seconds <= TIME_MAX ? seconds : 0;
}

int store_write_time_floor(const struct store *s, int64_t seconds) {
        char line[32];
        int n = snprintf(line, sizeof line, "%" PRId64 "\n", seconds);
        return file_replace_at(s->directory, STORE_TIME_FLOOR, line, (size_t) n, 0640);
}

int stored_policy_new(struct policy *policy, const char *text, size_t size, enum policy_source source,
                      struct stored_policy *ret) {
        struct document copy = { .bytes = malloc(size + 1), .size = size };
        if (!copy.bytes) {
                (void) policy_free(policy);
                return -ENOMEM;
        }
        memcpy(copy.bytes, text, size);
        copy.bytes[size] = '\0';
        put_together(policy, &copy, source, ret);
        return 0;
}

int stored_policy_sign(struct stored_policy *p, uint64_t trust_version, const char *signatures, size_t size) {
        char *copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, signatures, size);
        copy[size] = '\0';
        free(p->signatures);
        p->signatures = copy;
        p->signatures_size = size;
        p->trust_version = trust_version;
        p->source = SOURCE_SIGNED;
        return 0;
}

void stored_policy_clear(struct stored_policy *p) {
        (void) policy_free(p->owned);
        free(p->signatures);
        free(p->text);
        *p = (struct stored_policy){ 0 };
}
