/* SPDX-License-Identifier: GPL-2.0-or-later */
/* media export: the register as CSV. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "csv.h"
#include "options.h"
#include "record.h"
#include "register.h"
#include "screen.h"
#include "talk.h"
#include "when.h"

struct row {
        const struct register_book *book;
        const struct opening *opening;
        const json_t *permit; /* or NULL */
        size_t number;
        struct csv *csv;
};

static const char *yes_or_no(bool yes) {
        return yes ? _("yes") : _("no");
}

/* ---- columns ---- */

static void put_number(const struct row *r) {
        csv_number(r->csv, r->number);
}
static void put_terminal(const struct row *r) {
        csv_cell(r->csv, talk_string(r->opening->device, "hostname"));
}
static void put_machine(const struct row *r) {
        csv_cell(r->csv, talk_string(r->opening->device, "uid"));
}
static void put_ticket(const struct row *r) {
        csv_cell(r->csv, talk_string(r->permit, "ticket"));
}
static void put_permit(const struct row *r) {
        csv_cell(r->csv, r->opening->permit ? r->opening->permit : "");
}
static void put_applicant(const struct row *r) {
        csv_cell(r->csv, talk_string(r->permit, "applicant"));
}
static void put_approver(const struct row *r) {
        csv_cell(r->csv, talk_string(r->permit, "approver"));
}
static void put_purpose(const struct row *r) {
        csv_cell(r->csv, talk_string(r->permit, "purpose"));
}

/* As it was plugged in; else as the permit has it. */
static const json_t *medium(const struct row *r) {
        return r->opening->facts ? r->opening->facts : json_object_get(r->permit, "device");
}
static void put_name(const struct row *r) {
        csv_cell(r->csv, talk_string(medium(r), "name"));
}
static void put_model(const struct row *r) {
        char text[16] = "";
        if (*talk_string(medium(r), "vendor"))
                (void) snprintf(text, sizeof text, "%.4s:%.4s", talk_string(medium(r), "vendor"),
                                talk_string(medium(r), "product"));
        csv_cell(r->csv, text);
}
static void put_serial(const struct row *r) {
        csv_cell(r->csv, talk_string(medium(r), "serial"));
}
static void put_descriptors(const struct row *r) {
        csv_cell(r->csv, talk_string(medium(r), "descriptors"));
}
static void put_direction(const struct row *r) {
        const char *action = r->opening->action ? r->opening->action : talk_string(r->permit, "action");
        csv_cell(r->csv, r->opening->observed           ? _("not enforced")
                         : strcmp(action, "allow") == 0 ? _("read and write")
                         : *action                      ? _("read only")
                                                        : "");
}
static void put_users(const struct row *r) {
        char text[1024] = "";
        size_t n, used = 0;
        json_t *user;
        json_array_foreach(json_object_get(r->permit, "users"), n, user) if (json_is_string(user) && used < sizeof text)
                used +=
                (size_t) snprintf(text + used, sizeof text - used, "%s%s", n > 0 ? " " : "", json_string_value(user));
        csv_cell(r->csv, text);
}
static void put_rule(const struct row *r) {
        csv_cell(r->csv, r->opening->rule ? r->opening->rule : "");
}
static void put_opened(const struct row *r) {
        csv_moment(r->csv, r->opening->opened / 1000);
}
static void put_shut(const struct row *r) {
        csv_moment(r->csv, r->opening->shut / 1000);
}

static void put_why(const struct row *r) {
        static const struct {
                const char *word, *text;
        } words[] = {
                { "unplugged", N_("unplugged") },          { "decided", N_("the policy, or its hours") },
                { "duration", N_("time is up") },          { "expired", N_("expired") },
                { "reboot", N_("terminal restarted") },    { "max-bytes", N_("too much was written") },
                { "revoked", N_("signer lost the role") }, { "tries", N_("too many wrong codes") },
                { "withdrawn", N_("withdrawn") },
        };
        /* That it was unplugged says more than that its time was up later. */
        const char *why = r->opening->why_shut, *end = talk_string(r->permit, "end");
        if (*end && (!why || strcmp(why, "decided") == 0))
                why = end;
        for (size_t i = 0; why && i < sizeof words / sizeof *words; i++)
                if (strcmp(words[i].word, why) == 0) {
                        csv_cell(r->csv, _(words[i].text));
                        return;
                }
        csv_cell(r->csv, why ? why : "");
}
static void put_files(const struct row *r) {
        csv_number(r->csv, r->opening->files);
}
static void put_bytes(const struct row *r) {
        csv_number(r->csv, r->opening->bytes);
}

static void put_state(const struct row *r) {
        static const struct {
                const char *state, *text;
        } states[] = {
                { "sealed", N_("waits for its code") },
                { "ready", N_("waits for its medium") },
                { "live", N_("OPEN") },
                { "used", N_("over, medium not back") },
                { "closed", N_("closed") },
                { "lapsed", N_("over, not used") },
        };
        for (size_t i = 0; i < sizeof states / sizeof *states; i++)
                if (strcmp(states[i].state, talk_string(r->permit, "state")) == 0) {
                        csv_cell(r->csv, _(states[i].text));
                        return;
                }
        csv_cell(r->csv, "");
}
static void put_returned(const struct row *r) {
        csv_cell(r->csv, r->permit ? yes_or_no(talk_bool(r->permit, "returned")) : "");
}
static void put_erased(const struct row *r) {
        csv_cell(r->csv, r->permit ? yes_or_no(talk_bool(r->permit, "erased")) : "");
}
static void put_confirmed(const struct row *r) {
        const json_t *when = json_object_get(r->permit, "closed");
        if (json_is_string(when))
                csv_cell(r->csv, json_string_value(when));
        else
                csv_moment(r->csv, json_integer_value(when) / 1000);
}
static void put_by(const struct row *r) {
        const char *by = talk_string(r->permit, "by");
        csv_cell(r->csv, *by ? by : talk_string(r->permit, "closed_by"));
}

static const struct {
        const char *head;
        void (*put)(const struct row *r);
} columns[] = {
        { N_("No."), put_number },
        { N_("Terminal"), put_terminal },
        { N_("Machine id"), put_machine },
        { N_("Ticket"), put_ticket },
        { N_("Permit"), put_permit },
        { N_("Rule of the policy"), put_rule },
        { N_("Applicant"), put_applicant },
        { N_("Approver"), put_approver },
        { N_("Purpose"), put_purpose },
        { N_("Medium"), put_name },
        { N_("Vendor:product"), put_model },
        { N_("Serial number"), put_serial },
        { N_("Digest of descriptors"), put_descriptors },
        { N_("Direction"), put_direction },
        { N_("Users"), put_users },
        { N_("Opened"), put_opened },
        { N_("Shut"), put_shut },
        { N_("Why it was shut"), put_why },
        { N_("Files written"), put_files },
        { N_("Bytes written"), put_bytes },
        { N_("State"), put_state },
        { N_("Returned"), put_returned },
        { N_("Erased"), put_erased },
        { N_("Confirmed at"), put_confirmed },
        { N_("Confirmed by"), put_by },
};
#define COLUMNS (sizeof columns / sizeof *columns)

void register_csv(FILE *f, const struct register_book *b, int64_t since) {
        struct csv csv = csv_begin(f);
        for (size_t c = 0; c < COLUMNS; c++)
                csv_cell(&csv, _(columns[c].head));
        csv_end_row(&csv);
        size_t n = 0;
        for (size_t i = 0; i < b->n; i++) {
                const struct opening *o = &b->list[i];
                if (o->opened > 0 && o->opened / 1000 < since)
                        continue;
                const struct row r = { b, o, register_permit(b, o), ++n, &csv };
                for (size_t c = 0; c < COLUMNS; c++)
                        columns[c].put(&r);
                csv_end_row(&csv);
        }
}

/* ---- where it comes from ---- */

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        register_hear(userdata, event);
        return 0;
}

static enum outcome read_one(int fd, struct register_book *b) {
        int r = audit_read(fd, INT64_MIN, hear, b);
        if (r >= 0)
                return OUTCOME_YES;
        complain(_("The record cannot be read: %s."), strerror(-r));
        return OUTCOME_BAD;
}

static enum outcome read_files(const struct invocation *i, struct register_book *b) {
        for (int k = 0; k < i->n_arguments; k++) {
                CLEANUP(close_p) int fd = open(i->arguments[k], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                if (fd < 0) {
                        complain("%s: %s", i->arguments[k], strerror(errno));
                        return OUTCOME_BAD;
                }
                enum outcome outcome = read_one(fd, b);
                if (outcome != OUTCOME_YES)
                        return outcome;
        }
        return OUTCOME_YES;
}

static enum outcome read_machine(const struct invocation *i, struct register_book *b) {
        enum outcome outcome = record_read(i, INT64_MIN, hear, b);
        if (outcome != OUTCOME_YES)
                return outcome;
        /* Best effort: without the agent the record alone speaks. */
        CLEANUP(ipc_client_freep) struct ipc_client *client = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (ipc_client_connect_at(&i->root, AGENT_SOCKET, TALK_USEC, &client) == 0 &&
            ipc_client_call(client, AGENT_METHOD(AGENT_LIST_PERMITS), NULL, &reply, &error) == 0)
                register_add_permits(b, json_object_get(reply, "permits"));
        return OUTCOME_YES;
}

enum outcome run_media_export(const struct invocation *i) {
        CLEANUP(register_clear) struct register_book b;
        int64_t since = INT64_MIN;
        const char *given = i->values[EXPORT_SINCE];
        if (register_new(&b) < 0) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        if (given && !when_since(given, (int64_t) time(NULL), &since)) {
                complain(_("'%s' is not understood; expected: 90s, 15min, 1h, 30d, or 2026-11-23T09:00:00+09:00."),
                         given);
                return OUTCOME_BAD;
        }
        enum outcome outcome = i->n_arguments > 0 ? read_files(i, &b) : read_machine(i, &b);
        if (outcome != OUTCOME_YES)
                return outcome;
        register_finish(&b);
        if (b.failed) {
                complain("%s", strerror(ENOMEM));
                return OUTCOME_BAD;
        }
        register_csv(stdout, &b, since);
        if (b.damaged > 0)
                complain(_("A line of the record is damaged; 'sekishoctl audit verify' says where."));
        return ferror(stdout) || b.damaged > 0 ? OUTCOME_BAD : OUTCOME_YES;
}
