/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/timesource.h"
#include "digest.h"
#include "era.h"
#include "options.h"
#include "people.h"
#include "probe_files.h"
#include "record.h"
#include "register.h"
#include "screen.h"
#include "summary.h"
#include "talk.h"

#define POLICY_DIRECTORY "var/lib/sekisho/policy"
#define MONTHS_MAX       24 /* digests; a longer span has those of its last months */
#define FILE_SIZE_MAX    (64u << 20)

/* ---- parts of the bundle; 0 or -errno ---- */

static int add_json(struct evidence *e, const char *name, json_t *value) {
        CLEANUP(free_p) char *text = value ? json_dumps(value, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
        json_decref(value);
        return text ? bundle_add(e->bundle, name, text, strlen(text)) : -ENOMEM;
}

static int add_inspection(struct evidence *e) {
        FILE *page = bundle_begin_file(), *table = bundle_begin_file();
        if (page)
                inspection_html(page, &e->inspection, &e->report);
        if (table)
                inspection_csv(table, &e->inspection, &e->report);
        int r = bundle_end_file(e->bundle, "inspection.html", page);
        int s = bundle_end_file(e->bundle, "inspection.csv", table);
        r = r < 0 ? r : s;
        return r < 0 ? r : add_json(e, "inspection.json", inspection_json(&e->inspection, &e->report));
}

static int add_digest(struct evidence *e, int year, int month) {
        char name[64], text[16];
        int64_t from, to;
        CLEANUP(tally_clear) struct tally t = { 0 };
        (void) snprintf(text, sizeof text, "%04d-%02d", year, month);
        if (!month_span(text, &from, &to) || digest_tally(e->invocation, from, to, &t) != OUTCOME_YES)
                return -EIO;
        FILE *page = bundle_begin_file();
        if (page)
                digest_html(page, &e->inspection, &t);
        (void) snprintf(name, sizeof name, "digest-%s.html", text);
        int r = bundle_end_file(e->bundle, name, page);
        (void) snprintf(name, sizeof name, "digest-%s.json", text);
        return r < 0 ? r : add_json(e, name, summary_json(&t));
}

static int add_digests(struct evidence *e) {
        int year, month, last_year, last_month, r = 0;
        if (!digest_month(e->from, &year, &month) || !digest_month(e->to - 1, &last_year, &last_month))
                return -EINVAL;
        int first = year * 12 + month - 1, last = last_year * 12 + last_month - 1;
        if (last - first >= MONTHS_MAX)
                first = last - MONTHS_MAX + 1;
        for (int m = first; m <= last && r == 0; m++)
                r = add_digest(e, m / 12, m % 12 + 1);
        return r;
}

/* A file below the root; what is not there is left out. */
static int add_file(struct evidence *e, const char *path, const char *name) {
        CLEANUP(close_p) int fd = root_openat(&e->invocation->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        struct stat st;
        if (fd == -ENOENT)
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? fd : -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > (off_t) FILE_SIZE_MAX)
                return -EINVAL;
        return bundle_add_fd(e->bundle, name, fd, (uint64_t) st.st_size);
}

/* What a verifier of the record needs besides. */
static int add_keys(struct evidence *e) {
        int r = add_file(e, AUDIT_DIRECTORY "/" AUDIT_KEY_FILE, "record/agent/" AUDIT_KEY_FILE);
        return r < 0 ? r : add_file(e, AUDIT_OTP_DIRECTORY "/" AUDIT_KEY_FILE, "record/otp/" AUDIT_KEY_FILE);
}

struct trust_walk {
        struct evidence *e;
        int result;
};

static int add_trust(const char *name, void *userdata) {
        struct trust_walk *w = userdata;
        char path[PROBE_LINE], in_bundle[PROBE_LINE];
        if (strlen(name) > 40)
                return 0;
        (void) snprintf(path, sizeof path, POLICY_DIRECTORY "/trust.d/%.40s", name);
        (void) snprintf(in_bundle, sizeof in_bundle, "policy/trust.d/%.40s", name);
        w->result = add_file(w->e, path, in_bundle);
        return w->result;
}

/* Documents, which are for everybody to read; no permit, whose activation a guesser could try. */
static int add_policy(struct evidence *e) {
        static const char *const names[] = { "policy.yaml", "policy.yaml.sig", "last-good.yaml", "last-good.yaml.sig",
                                             "before.yaml", "before.yaml.sig", "trust.yaml",     "state.json" };
        struct trust_walk w = { .e = e };
        char path[128], name[64];
        for (size_t i = 0; i < sizeof names / sizeof *names && w.result == 0; i++) {
                (void) snprintf(path, sizeof path, POLICY_DIRECTORY "/%s", names[i]);
                (void) snprintf(name, sizeof name, "policy/%s", names[i]);
                w.result = add_file(e, path, name);
        }
        if (w.result == 0)
                (void) look_names(&e->invocation->root, POLICY_DIRECTORY "/trust.d", add_trust, &w);
        return w.result;
}

static int hear_register(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        register_hear(userdata, event);
        return 0;
}

static int add_register(struct evidence *e) {
        CLEANUP(register_clear) struct register_book b;
        if (register_new(&b) < 0)
                return -ENOMEM;
        int r = audit_read_all(&e->invocation->root, INT64_MIN, hear_register, &b);
        const json_t *permits = json_object_get(e->inspection.permits, "permits");
        if (r == 0 && permits)
                register_add_permits(&b, permits);
        register_finish(&b);
        if (r < 0 || b.failed)
                return r < 0 ? r : -ENOMEM;
        FILE *f = bundle_begin_file();
        if (f)
                register_csv(f, &b, e->from);
        r = bundle_end_file(e->bundle, "media-register.csv", f);
        if (r == 0 && e->inspection.permits)
                r = add_json(e, "permits.json", json_incref(e->inspection.permits));
        return r;
}

static int add_manifest(struct evidence *e) {
        char from[40] = "", to[40] = "", made[40] = "", host[256], id[64];
        (void) time_format(e->from, from, sizeof from);
        (void) time_format(e->to, to, sizeof to);
        (void) time_format(e->inspection.now, made, sizeof made);
        CLEANUP(free_p) char *name = screen_text(terminal_name(&e->invocation->root, host, sizeof host));
        return add_json(e, "manifest.json",
                        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:o, s:i}", "sekisho-evidence", 1, "made",
                                  made, "from", from, "to", to, "terminal", name ? name : "", "machine_id",
                                  terminal_id(&e->invocation->root, id, sizeof id), "version", SEKISHO_VERSION, "chain",
                                  e->chain, "summary", summary_json(&e->tally), "files",
                                  (int) bundle_files(e->bundle) + 2));
}

static int add_cover(struct evidence *e) {
        FILE *f = bundle_begin_file();
        if (f)
                evidence_cover(f, e);
        return bundle_end_file(e->bundle, "index.html", f);
}

static int fill(struct evidence *e) {
        static const struct {
                int (*add)(struct evidence *e);
                const char *what;
        } parts[] = {
                { evidence_record, N_("the record") },
                { add_keys, N_("the record") },
                { evidence_events, N_("events") },
                { add_policy, N_("policies") },
                { add_register, N_("the media register") },
                { add_digests, N_("monthly reports") },
                { add_inspection, N_("the self-inspection") },
                { add_cover, N_("the cover") },
                { add_manifest, N_("the manifest") },
        };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
                screen_progress(_("Evidence"), i, sizeof parts / sizeof *parts);
                int r = parts[i].add(e);
                if (r < 0) {
                        screen_progress_end();
                        complain(_("%s could not be added: %s."), _(parts[i].what), strerror(-r));
                        return r;
                }
        }
        screen_progress_end();
        return 0;
}

/* ---- the verb ---- */

static void name_people(struct evidence *e) {
        CLEANUP(json_decrefp) json_t *people = people_list(e->invocation);
        size_t n;
        json_t *person;
        json_array_foreach(people, n, person) {
                char uid[24];
                (void) snprintf(uid, sizeof uid, "%lld", talk_integer(person, "uid"));
                (void) json_object_set(e->people, uid, json_object_get(person, "user"));
        }
}

static bool begin(struct evidence *e) {
        e->chain = json_array();
        e->people = json_object();
        name_people(e);
        return e->chain && e->people && tally_begin(&e->tally, e->from, e->to) == 0 && groups_begin(&e->devices) == 0 &&
               groups_begin(&e->files) == 0 && groups_begin(&e->logins) == 0 && groups_begin(&e->network) == 0;
}

static void clear(struct evidence *e) {
        e->bundle = bundle_free(e->bundle);
        inspection_report_clear(&e->report);
        inspection_clear(&e->inspection);
        tally_clear(&e->tally);
        groups_clear(&e->devices);
        groups_clear(&e->files);
        groups_clear(&e->logins);
        groups_clear(&e->network);
        json_decref(e->chain);
        json_decref(e->people);
}

static enum outcome read_span(const struct invocation *i, struct evidence *e) {
        const char *from = i->values[EVIDENCE_FROM], *to = i->values[EVIDENCE_TO];
        if (!from || !to || !i->values[EVIDENCE_OUTPUT]) {
                complain(
                        _("Say which days, and where to: --from 2026-11-01 --to 2026-11-28 --output DIR or FILE.tar."));
                return OUTCOME_BAD;
        }
        if (!day_start(from, 0, &e->from) || !day_start(to, 1, &e->to) || e->from >= e->to) {
                complain(_("'%s' to '%s' is no span of days; expected: 2026-11-01 and 2026-11-28."), from, to);
                return OUTCOME_BAD;
        }
        return OUTCOME_YES;
}

/* Whoever may not read the record gets no empty bundle. */
static enum outcome may_read(const struct invocation *i) {
        struct audit_view *view = NULL;
        int r = audit_view_open(&i->root, INT64_MAX, &view);
        (void) audit_view_free(view);
        return r < 0 ? record_complain(r) : OUTCOME_YES;
}

static enum outcome make(const struct invocation *i, struct evidence *e) {
        const char *output = i->values[EVIDENCE_OUTPUT], *key = i->values[EVIDENCE_KEY];
        enum outcome outcome = may_read(i);
        if (outcome == OUTCOME_YES)
                outcome = inspection_begin(i, &e->inspection);
        if (outcome == OUTCOME_YES && !begin(e)) {
                complain("%s", strerror(ENOMEM));
                outcome = OUTCOME_BAD;
        }
        if (outcome == OUTCOME_YES)
                outcome = bundle_new(output, e->inspection.now, &e->bundle);
        if (outcome != OUTCOME_YES)
                return outcome;
        inspection_run(&e->inspection, &e->report);
        e->is_signed = key != NULL;
        outcome = fill(e) < 0 ? OUTCOME_BAD : bundle_seal(e->bundle, key, EVIDENCE_NAMESPACE);
        if (outcome != OUTCOME_YES)
                complain(_("%s is not complete, and proves nothing."), output);
        return outcome;
}

enum outcome run_evidence(const struct invocation *i) {
        CLEANUP(clear) struct evidence e = { .invocation = i };
        enum outcome outcome = read_span(i, &e);
        if (outcome == OUTCOME_YES)
                outcome = make(i, &e);
        if (outcome != OUTCOME_YES)
                return outcome;
        const char *output = i->values[EVIDENCE_OUTPUT];
        if (i->json)
                return screen_json(json_pack("{s:s, s:I, s:b}", "output", output, "files",
                                             (json_int_t) bundle_files(e.bundle), "signed", (int) e.is_signed));
        CLEANUP(free_p) char *shown = screen_text(output);
        printf(e.is_signed ? _("%s: %zu files, signed.") : _("%s: %zu files, NOT signed (--key FILE signs)."),
               shown ? shown : "", bundle_files(e.bundle));
        putchar('\n');
        return OUTCOME_YES;
}
