/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/lines.h"
#include "audit/segments.h"
#include "base/timesource.h"
#include "options.h"
#include "policy_file.h"
#include "record.h"
#include "replay.h"
#include "screen.h"
#include "when.h"

/* ---- reading ---- */

static int read_lines(int fd, const char *name, struct replay *r) {
        struct stat st;
        uint64_t total = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0, shown = 0;
        CLEANUP(lines_clear) struct lines lines = { .fd = -1 };
        int e = lines_init(&lines, fd);
        while (e == 0) {
                struct line line;
                int end = lines_next(&lines, &line);
                if (end == LINE_NONE || end < 0)
                        return end;
                /* An incomplete last line is one that is just being written. */
                if (end == LINE_COMPLETE)
                        e = replay_line(r, line.text, line.size);
                else if (end == LINE_TOO_LONG)
                        e = lines_skip(&lines);
                r->damaged += end == LINE_TOO_LONG;
                if (line.offset - shown >= 1u << 24) {
                        shown = line.offset;
                        screen_progress(name, shown, total);
                }
        }
        return e;
}

static enum outcome read_one(int fd, const char *name, struct replay *r) {
        CLEANUP(free_p) char *shown = screen_text(name);
        int e = read_lines(fd, shown ? shown : "", r);
        screen_progress_end();
        if (e == 0)
                return OUTCOME_YES;
        complain(_("%s cannot be read: %s."), name, strerror(-e));
        return OUTCOME_BAD;
}

static enum outcome read_files(const struct invocation *i, struct replay *r) {
        enum outcome outcome = OUTCOME_YES;
        for (int k = 1; k < i->n_arguments && outcome == OUTCOME_YES; k++) {
                const char *path = i->arguments[k];
                if (strcmp(path, "-") == 0) {
                        outcome = read_one(STDIN_FILENO, path, r);
                        continue;
                }
                CLEANUP(close_p) int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
                if (fd < 0) {
                        complain("%s: %s", path, strerror(errno));
                        return errno == EACCES ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
                }
                outcome = read_one(fd, path, r);
        }
        return outcome;
}

static int read_segment(int directory, const char *path, uint32_t number, ino_t current, struct replay *r) {
        char name[SEGMENT_NAME_SIZE];
        struct stat st;
        segment_name(number, name);
        CLEANUP(close_p) int fd = segment_open(directory, name);
        /* Deleted since it was listed, or rotated since the current one was opened. */
        if (fd == -ENOENT || (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == current))
                return 0;
        return fd < 0 ? fd : read_lines(fd, path, r);
}

/* One log, all of its files: the current one is opened first, since it may be rotated meanwhile. */
static int read_log(const struct root *root, const char *path, struct replay *r) {
        CLEANUP(close_p) int directory = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        struct stat st = { 0 };
        CLEANUP(close_p) int fd = segment_open(directory, AUDIT_FILE);
        if (fd >= 0 && fstat(fd, &st) < 0)
                return -errno;
        CLEANUP(segment_list_clear) struct segment_list list = { 0 };
        int e = segments_list(directory, 0, &list);
        for (size_t i = 0; i < list.n && e == 0; i++)
                e = read_segment(directory, path, list.numbers[i], st.st_ino, r);
        if (e == 0 && fd >= 0)
                return read_lines(fd, path, r);
        return e < 0 ? e : fd == -ENOENT && list.n > 0 ? 0 : fd;
}

/* Logins are in the record of the verifier, which is not everywhere; all else is in that of the agent. Each line is
 * judged by itself, so that they need no merging. */
static enum outcome read_machine(const struct invocation *i, struct replay *r) {
        int e = read_log(&i->root, AUDIT_DIRECTORY, r);
        int logins = e == 0 ? read_log(&i->root, AUDIT_OTP_DIRECTORY, r) : 0;
        screen_progress_end();
        if (e == 0 && logins != -ENOENT)
                e = logins;
        return e < 0 ? record_complain(e) : OUTCOME_YES;
}

/* ---- answering ---- */

static const struct word {
        const char *name, *text;
        enum tone tone;
} words[ACTION_MAX] = {
        [ACTION_BLOCK] = { "block", N_("blocked"), TONE_BAD },
        [ACTION_ALLOW] = { "allow", N_("allowed"), TONE_GOOD },
        [ACTION_READ_ONLY] = { "read-only", N_("read only"), TONE_NOTE },
        [ACTION_REQUIRED] = { "required", N_("second factor"), TONE_NOTE },
        [ACTION_EXEMPT] = { "exempt", N_("no second factor"), TONE_GOOD },
};

static const char *const kinds[REPLAY_KIND_MAX] = {
        [REPLAY_DEVICE] = "device", [REPLAY_CONNECT] = "network", [REPLAY_LOGIN] = "login", [REPLAY_PASTE] = "paste"
};

static const struct {
        const char *code, *text;
} gaps[REPLAY_GAP_MAX] = {
        [REPLAY_PERMIT] = { "permit", N_("opened by a permit, which no policy file holds") },
        [REPLAY_GROUPS] = { "groups", N_("logins that hang on groups of the user, which the record does not hold") },
        [REPLAY_INTERFACE] = { "interface", N_("connections over an interface that the policy names by its hardware "
                                               "address, the record by its name") },
        [REPLAY_FORWARD] = { "forward", N_("forwarded for somebody else, which no policy allows") },
        [REPLAY_STORM] = { "storm", N_("packets and pastes that were only counted") },
        [REPLAY_FACTS] = { "facts", N_("without the facts in the record") },
};

static const char *result_text(const struct replay_result *r) {
        if (!r->enforce && r->action == ACTION_BLOCK)
                return _("would be blocked");
        if (!r->enforce && r->action == ACTION_REQUIRED)
                return _("would need a second factor");
        if (!r->enforce && r->action == ACTION_READ_ONLY)
                return _("would be read only");
        return _(words[r->action].text);
}

static enum tone result_tone(const struct replay_result *r) {
        return r->enforce ? words[r->action].tone : TONE_NOTE;
}

static void add_moment(struct screen_table *t, int64_t msec) {
        char text[40] = "?";
        (void) time_format(msec / 1000, text, sizeof text);
        text[16] = '\0'; /* to the minute */
        screen_table_add(t, TONE_PLAIN, text);
}

static enum outcome print_groups(const struct replay *r) {
        const char *heads[] = {
                _("COUNT"), _("FIRST"), _("LAST"), _("WHAT"), _("USERS"), _("THEN"), _("NOW"), _("RULE")
        };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(sizeof heads / sizeof *heads, heads);
        for (size_t i = 0; i < r->n_groups; i++) {
                const struct replay_group *g = r->groups[i];
                screen_table_addf(t, TONE_PLAIN, "%" PRIu64, g->count);
                add_moment(t, g->first);
                add_moment(t, g->last);
                screen_table_add(t, TONE_PLAIN, g->what);
                screen_table_add(t, TONE_PLAIN, g->users);
                screen_table_add(t, result_tone(&g->before), result_text(&g->before));
                screen_table_add(t, result_tone(&g->after), result_text(&g->after));
                screen_table_add(t, TONE_FAINT, g->rule ? g->rule : reason_code(g->reason));
        }
        return screen_table_print(t, 0);
}

static enum outcome print(const struct replay *r) {
        printf(_("%llu decisions in %llu records: %llu would come out the same, %llu differently."),
               (unsigned long long) r->decisions, (unsigned long long) r->records, (unsigned long long) r->same,
               (unsigned long long) r->different);
        putchar('\n');
        enum outcome outcome = OUTCOME_YES;
        if (r->n_groups > 0) {
                putchar('\n');
                outcome = print_groups(r);
        }
        if (r->ungrouped > 0) {
                printf(_("and %llu others"), (unsigned long long) r->ungrouped);
                putchar('\n');
        }
        putchar('\n');
        for (int g = 0; g < REPLAY_GAP_MAX; g++)
                if (r->gaps[g] > 0) {
                        printf(_("Not judged again: %llu, %s."), (unsigned long long) r->gaps[g], _(gaps[g].text));
                        putchar('\n');
                }
        puts(_("What the network and the clipboard let pass is not in the record, so that what this policy would newly "
               "hold "
               "back there is not said."));
        return outcome;
}

static json_t *result_json(const struct replay_result *r) {
        return json_pack("{s:s, s:b}", "action", words[r->action].name, "enforce", (int) r->enforce);
}

static json_t *group_json(const struct replay_group *g) {
        return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s?, s:s, s:I, s:I, s:I}", "kind", kinds[g->kind], "what", g->what,
                         "users", g->users, "before", result_json(&g->before), "after", result_json(&g->after), "rule",
                         g->rule, "reason", reason_code(g->reason), "count", (json_int_t) g->count, "first",
                         (json_int_t) g->first, "last", (json_int_t) g->last);
}

static enum outcome print_json(const struct replay *r) {
        json_t *list = json_array(), *left = json_object();
        for (size_t i = 0; i < r->n_groups; i++)
                (void) json_array_append_new(list, group_json(r->groups[i]));
        for (int g = 0; g < REPLAY_GAP_MAX; g++)
                (void) json_object_set_new(left, gaps[g].code, json_integer((json_int_t) r->gaps[g]));
        return screen_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "records", (json_int_t) r->records,
                                     "damaged", (json_int_t) r->damaged, "decisions", (json_int_t) r->decisions, "same",
                                     (json_int_t) r->same, "different", (json_int_t) r->different, "ungrouped",
                                     (json_int_t) r->ungrouped, "groups", list, "not_replayed", left));
}

enum outcome run_policy_replay(const struct invocation *i) {
        int64_t since = INT64_MIN;
        const char *given = i->values[REPLAY_SINCE];
        if (given && !when_since(given, (int64_t) time(NULL), &since)) {
                complain(_("'%s' is not understood; expected: 90s, 15min, 1h, 30d, or 2026-11-23T09:00:00+09:00."),
                         given);
                return OUTCOME_BAD;
        }
        CLEANUP(policy_freep) struct policy *policy = NULL;
        enum outcome outcome = policy_file_load(i->arguments[0], &policy);
        if (outcome != OUTCOME_YES)
                return outcome;
        CLEANUP(replay_clear) struct replay r = { 0 };
        if (replay_init(&r, policy, since) < 0) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        outcome = i->n_arguments > 1 ? read_files(i, &r) : read_machine(i, &r);
        if (outcome == OUTCOME_YES && replay_finish(&r) < 0) {
                complain("%s", strerror(ENOMEM));
                outcome = OUTCOME_BAD;
        }
        if (outcome != OUTCOME_YES)
                return outcome;
        outcome = i->json ? print_json(&r) : print(&r);
        if (r.damaged > 0)
                complain(_("Lines of the record that are damaged: %llu; 'sekishoctl audit verify' says where."),
                         (unsigned long long) r.damaged);
        if (outcome != OUTCOME_YES || ferror(stdout))
                return OUTCOME_BAD;
        return r.different > 0 ? OUTCOME_NO : OUTCOME_YES;
}
