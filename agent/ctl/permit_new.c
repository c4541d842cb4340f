/* SPDX-License-Identifier: GPL-2.0-or-later */
/* permit new: asks for what is missing, and writes a document that is valid, to be signed. */
#include <errno.h>
#include <fcntl.h>
#include <sekisho/permit.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "options.h"
#include "permit_draft.h"
#include "policy_file.h"
#include "screen.h"
#include "talk.h"

/* The answers, in the order in which they are asked for. */
static const struct question {
        int option;
        const char *text, *fallback;
} questions[] = {
        { NEW_TICKET, N_("Ticket (number of the application)"), NULL },
        { NEW_APPLICANT, N_("Applicant"), NULL },
        { NEW_APPROVER, N_("Approver"), NULL },
        { NEW_PURPOSE, N_("Purpose"), NULL },
        { NEW_DEVICE, N_("Medium (number)"), NULL },
        { NEW_USER, N_("Users of the terminal, separated by commas"), NULL },
        { NEW_DURATION, N_("Open for how long, from when it is plugged in"), "4h" },
        { NEW_END, N_("Last day: a date, 7d, or fiscal-year"), "7d" },
        { NEW_MAX_BYTES, N_("At most how much may be written, as in 64MiB, or unlimited"), NULL },
};
#define QUESTIONS (sizeof questions / sizeof *questions)

struct answers {
        const char *values[VERB_OPTIONS_MAX];
        char *owned[QUESTIONS];
};

static void answers_clear(struct answers *a) {
        for (size_t k = 0; k < QUESTIONS; k++)
                free(a->owned[k]);
}

static bool is_needed(const struct invocation *i, int option) {
        return option != NEW_MAX_BYTES || i->values[NEW_WRITE];
}

/* Before a choice, what there is to choose from. */
static void show_choices(const struct invocation *i, int option) {
        if (option == NEW_DEVICE)
                draft_show_media(i);
        if (option == NEW_END)
                draft_show_ends();
}

static enum outcome ask_all(const struct invocation *i, struct answers *a) {
        memcpy(a->values, i->values, sizeof a->values);
        for (size_t k = 0; k < QUESTIONS; k++) {
                const struct question *q = &questions[k];
                if (a->values[q->option] || !is_needed(i, q->option))
                        continue;
                if (!ask_can() && !q->fallback) {
                        complain(_("Nobody can be asked here: --%s is missing."), i->verb->options[q->option].name);
                        return OUTCOME_BAD;
                }
                if (!ask_can()) {
                        a->values[q->option] = q->fallback;
                        continue;
                }
                show_choices(i, q->option);
                enum outcome outcome = ask_line(_(q->text), q->fallback, &a->owned[k]);
                if (outcome != OUTCOME_YES)
                        return outcome;
                a->values[q->option] = a->owned[k];
        }
        return OUTCOME_YES;
}

/* The document is read as a terminal will read it. */
static enum outcome check(const char *text, size_t size) {
        CLEANUP(problems_clear) struct problems problems = { 0 };
        struct permit *p = NULL;
        int r = permit_parse(text, size, &problems, &p);
        (void) permit_free(p);
        policy_file_print_problems(stderr, _("permit"), &problems);
        return r == 0 ? OUTCOME_YES : OUTCOME_BAD;
}

static enum outcome write_new(const char *path, const char *text, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        int r = fd < 0 ? -errno : file_write_all(fd, text, size);
        if (fd >= 0 && close(fd) < 0 && r == 0)
                r = -errno;
        if (r == 0)
                return OUTCOME_YES;
        complain("%s: %s", path, strerror(-r));
        if (r != -EEXIST && fd >= 0)
                (void) unlink(path);
        return OUTCOME_BAD;
}

static enum outcome report(const struct invocation *i, const char *path, const struct draft *d) {
        const char *c = d->code;
        if (i->json)
                return screen_json(
                        json_pack("{s:s, s:s, s:o}", "file", path, "id", d->id, "code",
                                  *c ? json_sprintf("%.4s-%.4s-%.4s-%.4s", c, c + 4, c + 8, c + 12) : json_null()));
        CLEANUP(free_p) char *name = screen_text(path);
        printf(_("Permit %s is written to %s. Next: sekishoctl sign %s\n"), d->id, name ? name : "", name ? name : "");
        if (*c) {
                printf(_("Code to dictate by phone, shown this once: %.4s-%.4s-%.4s-%.4s\n"), c, c + 4, c + 8, c + 12);
                printf("%s\n", _("Who has asked types it on the terminal with: sekishoctl permit activate ID"));
        }
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}

static void draft_p(struct draft *d) {
        draft_clear(d);
}

enum outcome run_permit_new(const struct invocation *i) {
        CLEANUP(answers_clear) struct answers a = { 0 };
        CLEANUP(draft_p) struct draft d = { 0 };
        enum outcome outcome = ask_all(i, &a);
        if (outcome == OUTCOME_YES)
                outcome = draft_make(i, a.values, &d);
        if (outcome == OUTCOME_YES)
                outcome = check(d.text, d.size);
        if (outcome != OUTCOME_YES)
                return outcome;
        CLEANUP(free_p) char *path = NULL;
        const char *output = i->values[NEW_OUTPUT];
        if ((output ? asprintf(&path, "%s", output) : asprintf(&path, "%s.yaml", d.id)) < 0) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        outcome = write_new(path, d.text, d.size);
        return outcome == OUTCOME_YES ? report(i, path, &d) : outcome;
}
