/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "permit_draft.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/timesource.h"
#include "options.h"
#include "screen.h"
#include "subject.h"
#include "talk.h"
#include "when.h"

void draft_clear(struct draft *d) {
        free(d->text);
        sodium_memzero(d, sizeof *d);
}

/* ---- the end ---- */

/* The last second of a local day. */
static bool end_of_day(int year, int month, int day, int64_t *ret) {
        struct tm tm = { .tm_year = year - 1900,
                         .tm_mon = month - 1,
                         .tm_mday = day,
                         .tm_hour = 23,
                         .tm_min = 59,
                         .tm_sec = 59,
                         .tm_isdst = -1 };
        time_t t = mktime(&tm);
        if (t == (time_t) -1 || tm.tm_mon != month - 1 || tm.tm_mday != day)
                return false;
        *ret = t;
        return true;
}

/* "2026-12-31" */
static bool end_of_date(const char *text, int64_t *ret) {
        char moment[32];
        int64_t seconds;
        struct tm tm;
        (void) snprintf(moment, sizeof moment, "%.10sT00:00:00Z", text);
        if (!when_moment(moment, &seconds))
                return false;
        time_t t = (time_t) seconds;
        return gmtime_r(&t, &tm) && end_of_day(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, ret);
}

static bool fiscal_year(int64_t now, int64_t *ret) {
        time_t t = (time_t) now;
        struct tm tm;
        if (!localtime_r(&t, &tm))
                return false;
        return end_of_day(tm.tm_year + 1900 + (tm.tm_mon >= 3), 3, 31, ret); /* it begins on 1 April */
}

bool draft_end(const char *text, int64_t now, int64_t *ret) {
        if (strcmp(text, "fiscal-year") == 0 || strcmp(text, "年度末") == 0)
                return fiscal_year(now, ret);
        if (strlen(text) == strlen("2026-12-31"))
                return end_of_date(text, ret);
        int64_t ago;
        if (when_moment(text, ret))
                return true;
        if (!when_since(text, 0, &ago)) /* so long ago, turned round */
                return false;
        *ret = now - ago;
        return true;
}

void draft_show_ends(void) {
        int64_t end, now = (int64_t) time(NULL);
        char text[40];
        if (fiscal_year(now, &end) && time_format(end, text, sizeof text) == 0)
                (void) fprintf(stderr, _("  fiscal-year is %s\n"), text);
}

/* ---- the medium ---- */

/* Not one of its disks; and known well enough. */
static bool is_medium(const json_t *d) {
        return !json_is_string(json_object_get(d, "node")) && json_is_string(json_object_get(d, "descriptors")) &&
               subject_is_media(d);
}

void draft_show_media(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        if (talk_call(i, AGENT_METHOD(AGENT_LIST_DEVICES), NULL, &reply) != OUTCOME_YES)
                return;
        size_t n;
        json_t *d;
        json_array_foreach(json_object_get(reply, "devices"), n, d) {
                if (!is_medium(d))
                        continue;
                CLEANUP(free_p) char *name = subject_name(d);
                CLEANUP(free_p) char *safe = screen_text(name), *serial = screen_text(talk_string(d, "serial"));
                (void) fprintf(stderr, "  %zu  %s  %s:%s  %s\n", n + 1, safe ? safe : "", talk_string(d, "vendor"),
                               talk_string(d, "product"), serial ? serial : "");
        }
}

static enum outcome read_facts(const char *path, json_t **ret) {
        json_error_t error;
        CLEANUP(json_decrefp) json_t *d = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(d) || !json_is_string(json_object_get(d, "descriptors"))) {
                complain(_("%s: this does not describe a medium: %s"), path, d ? "descriptors" : error.text);
                return OUTCOME_BAD;
        }
        *ret = TAKE_PTR(d);
        return OUTCOME_YES;
}

/* A file of facts, as `policy explain` takes it, or one that is plugged in here. */
static enum outcome find_medium(const struct invocation *i, const char *which, json_t **ret) {
        size_t n = strlen(which);
        if (n > 5 && strcmp(which + n - 5, ".json") == 0)
                return read_facts(which, ret);
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_LIST_DEVICES), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        const json_t *d = subject_find(json_object_get(reply, "devices"), which);
        if (!d) {
                complain(_("There is no device %s; 'sekishoctl devices' lists what there is."), which);
                return OUTCOME_NO;
        }
        if (!is_medium(d)) {
                complain(_("Device %s is no medium whose descriptors are known: a permit cannot be for it."), which);
                return OUTCOME_NO;
        }
        *ret = json_incref((json_t *) d);
        return OUTCOME_YES;
}

/* ---- the text ---- */

static void quoted(FILE *f, const char *text) {
        (void) fputc('"', f);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void) fputc('\\', f);
                (void) fputc(*text, f);
        }
        (void) fputc('"', f);
}

static void put(FILE *f, const char *key, const char *value) {
        (void) fprintf(f, "%s: ", key);
        quoted(f, value);
        (void) fputc('\n', f);
}

static void put_users(FILE *f, const char *list) {
        (void) fputs("users: [", f);
        for (const char *s = list; *s;) {
                size_t n = strcspn(s, ", ");
                if (n > 0)
                        (void) fprintf(f, "%s\"%.*s\"", s > list ? ", " : "", (int) n, s);
                s += n + (s[n] != 0);
        }
        (void) fputs("]\n", f);
}

static void put_medium(FILE *f, const json_t *d) {
        (void) fprintf(f, "device:\n  vendor: %s\n  product: %s\n", talk_string(d, "vendor"),
                       talk_string(d, "product"));
        if (*talk_string(d, "serial")) {
                (void) fputs("  serial: ", f);
                quoted(f, talk_string(d, "serial"));
                (void) fputc('\n', f);
        }
        (void) fprintf(f, "  descriptors: %s\n", talk_string(d, "descriptors"));
}

static void put_activation(FILE *f, struct draft *d) {
        uint8_t random[10], digest[DIGEST_SIZE];
        char hex[DIGEST_SIZE * 2 + 1];
        randombytes_buf(random, sizeof random);
        permit_code_make(random, d->code);
        sodium_memzero(random, sizeof random);
        permit_code_digest(d->id, d->code, digest);
        (void) sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
        (void) fprintf(f, "activation: sha256:%s\n", hex);
}

struct header {
        char terminal[64], issued[40], expires[40];
        char *fleet;
};

static void header_clear(struct header *h) {
        free(h->fleet);
}

/* The terminal that this runs on, and its fleet, unless something else was said. */
static enum outcome read_header(const struct invocation *i, const char *const *values, struct header *h) {
        int64_t now = (int64_t) time(NULL), end;
        if (!draft_end(values[NEW_END], now, &end) || time_format(end, h->expires, sizeof h->expires) < 0 ||
            time_format(now, h->issued, sizeof h->issued) < 0) {
                complain(_("'%s' is not understood; expected: 2026-12-31, 7d, fiscal-year, or "
                           "2026-11-23T09:00:00+09:00."),
                         values[NEW_END]);
                return OUTCOME_BAD;
        }
        CLEANUP(close_p) int etc = root_openat(&i->root, "etc", O_PATH | O_DIRECTORY, 0);
        if (values[NEW_TERMINAL])
                (void) snprintf(h->terminal, sizeof h->terminal, "%s", values[NEW_TERMINAL]);
        else if (etc < 0 || file_read_line_at(etc, "machine-id", h->terminal, sizeof h->terminal - 1) < 0) {
                complain(_("The machine id of this terminal cannot be read: give --terminal."));
                return OUTCOME_BAD;
        }
        CLEANUP(json_decrefp) json_t *trust = NULL;
        if (!values[NEW_FLEET]) {
                enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_GET_TRUST), NULL, &trust);
                if (outcome != OUTCOME_YES)
                        return outcome;
        }
        const char *fleet = values[NEW_FLEET] ? values[NEW_FLEET] : talk_string(trust, "fleet");
        if (!*fleet) {
                complain(_("This terminal has no trust document, so its fleet is not known: give --fleet."));
                return OUTCOME_BAD;
        }
        h->fleet = strdup(fleet);
        return h->fleet ? OUTCOME_YES : OUTCOME_BAD;
}

static void make_id(const char *given, const char *issued, char *ret, size_t size) {
        if (given)
                (void) snprintf(ret, size, "%s", given);
        else
                (void) snprintf(ret, size, "%.4s%.2s%.2s-%08x", issued, issued + 5, issued + 8, randombytes_random());
}

static void put_all(FILE *f, const char *const *values, const struct header *h, const json_t *medium, struct draft *d) {
        (void) fprintf(f,
                       "sekisho-permit: 1\nheader:\n  fleet: \"%s\"\n  id: \"%s\"\n  issued: %s\n  expires: %s\n"
                       "  target: [\"host:%s\"]\n",
                       h->fleet, d->id, h->issued, h->expires, h->terminal);
        put(f, "ticket", values[NEW_TICKET]);
        put(f, "applicant", values[NEW_APPLICANT]);
        put(f, "approver", values[NEW_APPROVER]);
        put(f, "purpose", values[NEW_PURPOSE]);
        put_medium(f, medium);
        (void) fprintf(f, "action: %s\n", values[NEW_WRITE] ? "allow" : "read-only");
        if (values[NEW_PLAINTEXT] || values[NEW_WRITE])
                (void) fprintf(f, "encrypted: %s\n", values[NEW_PLAINTEXT] ? "any" : "luks");
        put_users(f, values[NEW_USER]);
        put(f, "duration", values[NEW_DURATION]);
        if (values[NEW_WRITE])
                put(f, "max-bytes", values[NEW_MAX_BYTES]);
        if (values[NEW_RETURN])
                put(f, "return-within", values[NEW_RETURN]);
        if (values[NEW_PHONE])
                put_activation(f, d);
}

enum outcome draft_make(const struct invocation *i, const char *const *values, struct draft *ret) {
        CLEANUP(header_clear) struct header h = { 0 };
        CLEANUP(json_decrefp) json_t *medium = NULL;
        if (sodium_init() < 0) {
                complain(_("There are no random numbers."));
                return OUTCOME_BAD;
        }
        enum outcome outcome = read_header(i, values, &h);
        if (outcome == OUTCOME_YES)
                outcome = find_medium(i, values[NEW_DEVICE], &medium);
        if (outcome != OUTCOME_YES)
                return outcome;
        make_id(values[NEW_ID], h.issued, ret->id, sizeof ret->id);
        FILE *f = open_memstream(&ret->text, &ret->size);
        if (f)
                put_all(f, values, &h, medium, ret);
        if (f && fclose(f) == 0)
                return OUTCOME_YES;
        complain("%s", strerror(ENOMEM));
        return OUTCOME_BAD;
}
