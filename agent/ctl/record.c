/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <string.h>

#include "connection.h"
#include "screen.h"
#include "talk.h"

/* metadata.event_code, as the audit room writes it. */
static const struct {
        const char *code, *text;
        enum tone tone;
} kinds[] = {
        { "device-allowed", N_("device allowed"), TONE_GOOD },
        { "device-refused", N_("device blocked"), TONE_BAD },
        { "device-observed", N_("device would be blocked"), TONE_NOTE },
        { "device-effect", N_("device as decided"), TONE_PLAIN },
        { "device-effect-wrong", N_("device NOT as decided"), TONE_BAD },
        { "device-gone", N_("device unplugged"), TONE_PLAIN },
        { "document-installed", N_("document installed"), TONE_NOTE },
        { "document-refused", N_("document refused"), TONE_BAD },
        { "document-restored", N_("document restored"), TONE_NOTE },
        { "agent-start", N_("agent started"), TONE_NOTE },
        { "agent-stop", N_("agent stopped"), TONE_NOTE },
        { "agent-trouble", N_("trouble"), TONE_BAD },
        { "medium", N_("medium read for signed documents"), TONE_NOTE },
        { "login-accepted", N_("login with second factor"), TONE_GOOD },
        { "login-refused", N_("login refused"), TONE_BAD },
        { "login-exempt", N_("login without second factor, as the policy says"), TONE_NOTE },
        { "login-break-glass", N_("EMERGENCY LOGIN without second factor"), TONE_BAD },
        { "login-observed", N_("login would need a second factor"), TONE_NOTE },
        { "login-session", N_("session begins"), TONE_PLAIN },
        { "login-trouble", N_("verifier has trouble"), TONE_BAD },
        { "factor-enrolled", N_("second factor enrolled"), TONE_NOTE },
        { "factor-removed", N_("second factor removed"), TONE_NOTE },
        { "factor-unlocked", N_("second factor unlocked"), TONE_NOTE },
        { "factor-locked", N_("second factor locked"), TONE_BAD },
        { "permit-installed", N_("permit installed"), TONE_NOTE },
        { "permit-activated", N_("permit opened by its code"), TONE_NOTE },
        { "permit-used", N_("permit in use"), TONE_GOOD },
        { "permit-ended", N_("permit over"), TONE_NOTE },
        { "permit-closed", N_("medium back"), TONE_GOOD },
        { "permit-refused", N_("permit refused"), TONE_BAD },
        { "file-written", N_("file written to a medium"), TONE_NOTE },
        { "file-created", N_("name created on a medium"), TONE_NOTE },
        { "file-renamed", N_("file renamed on a medium"), TONE_NOTE },
        { "file-deleted", N_("file deleted on a medium"), TONE_NOTE },
        { "network-blocked", N_("network: held back"), TONE_BAD },
        { "network-observed", N_("network: would be held back"), TONE_NOTE },
        { "record-opened", N_("record: new segment"), TONE_FAINT },
        { "record-anchor", N_("record: anchor"), TONE_FAINT },
        { "record-exported", N_("record: exported"), TONE_NOTE },
        { "record-deleted", N_("record: old segment deleted"), TONE_NOTE },
        { "network-storm", N_("network: many different packets"), TONE_BAD },
        { "paste-refused", N_("paste refused"), TONE_BAD },
        { "paste-observed", N_("paste would be refused"), TONE_NOTE },
        { "paste-storm", N_("many pastes refused"), TONE_BAD },
};

enum outcome record_complain(int r) {
        switch (r) {
        case -EINVAL:
                complain(_("The record is not a regular file."));
                return OUTCOME_BAD;
        case -ENOENT:
                complain(_("There is no record yet."));
                return OUTCOME_NO;
        case -EACCES:
        case -EPERM:
                complain(_("Only root and members of the group '%s' may read the record."), AGENT_AUDITOR_GROUP);
                return OUTCOME_NOT_PERMITTED;
        default:
                complain(_("The record cannot be read: %s."), strerror(-r));
                return OUTCOME_BAD;
        }
}

enum outcome record_read(const struct invocation *i, int64_t since,
                         int (*each)(json_t *event, const char *line, size_t size, void *userdata), void *userdata) {
        int r = audit_read_all(&i->root, since, each, userdata);
        return r < 0 ? record_complain(r) : OUTCOME_YES;
}

static const json_t *own_part(const json_t *event) {
        return json_object_get(json_object_get(event, "unmapped"), "sekisho");
}

uint64_t record_seq(const json_t *event) {
        long long seq = talk_integer(own_part(event), "seq");
        return seq > 0 ? (uint64_t) seq : 0;
}

const char *record_log(const json_t *event) {
        return talk_string(own_part(event), "log");
}

const char *record_kind_text(const json_t *event) {
        const char *code = talk_string(json_object_get(event, "metadata"), "event_code");
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
                if (strcmp(kinds[k].code, code) == 0)
                        return _(kinds[k].text);
        return code;
}

static void print_kind(const json_t *event) {
        const char *code = talk_string(json_object_get(event, "metadata"), "event_code");
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
                if (strcmp(kinds[k].code, code) == 0) {
                        screen_put(kinds[k].tone, _(kinds[k].text));
                        return;
                }
        screen_put(TONE_PLAIN, code);
}

static void print_device(const json_t *device, const json_t *own) {
        const json_t *facts = json_object_get(own, "facts");
        CLEANUP(free_p) char *text = NULL;
        if (asprintf(&text, "%s [%s:%s, %s]", talk_string(device, "name"), talk_string(facts, "vendor"),
                     talk_string(facts, "product"), talk_string(facts, "port")) >= 0)
                screen_put(TONE_PLAIN, text);
        const char *ticket = talk_string(json_object_get(own, "permit"), "ticket");
        const char *rule = *ticket ? ticket : talk_string(own, "rule"), *reason = talk_string(own, "reason");
        CLEANUP(free_p) char *why = NULL;
        if (asprintf(&why, "  %s%s%s", rule, *rule && *reason ? ", " : "", reason) >= 0)
                screen_put(TONE_FAINT, why);
}

/* "/draft -> /list.csv  5120 bytes, user 1000, /usr/bin/cp, SanDisk Ultra, sdb1, joho-stick" */
static void print_transfer(const json_t *transfer, const json_t *own) {
        const char *old_path = talk_string(transfer, "old_path"), *program = talk_string(transfer, "program");
        CLEANUP(free_p) char *what = NULL;
        if (asprintf(&what, "%s%s%s", old_path, *old_path ? " -> " : "", talk_string(transfer, "path")) >= 0)
                screen_put(TONE_PLAIN, what);

        fputs("  ", stdout);
        const json_t *size = json_object_get(transfer, "size");
        CLEANUP(free_p) char *bytes = NULL;
        if (json_is_integer(size) && asprintf(&bytes, _("%lld bytes, "), (long long) json_integer_value(size)) >= 0)
                screen_put(TONE_FAINT, bytes);
        const char *parts[] = { *program ? program : talk_string(transfer, "command"),
                                talk_string(json_object_get(own, "facts"), "name"), talk_string(transfer, "disk"),
                                talk_string(own, "rule"), talk_string(json_object_get(own, "permit"), "ticket") };
        CLEANUP(free_p) char *who = NULL;
        if (asprintf(&who, _("user %lld"), talk_integer(transfer, "uid")) >= 0)
                screen_put(TONE_FAINT, who);
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
                if (*parts[k]) {
                        fputs(", ", stdout);
                        screen_put(TONE_FAINT, parts[k]);
                }
}

/* The agent's log is the rule; another one is named. */
static void print_number(const json_t *own, const char *when) {
        const char *log = talk_string(own, "log");
        printf("%s  ", when);
        if (*log && strcmp(log, AGENT_LOG) != 0) {
                screen_put(TONE_PLAIN, log);
                printf("/%lld  ", talk_integer(own, "seq"));
        } else {
                printf("%6lld  ", talk_integer(own, "seq"));
        }
}

enum outcome record_print(const struct invocation *i, const json_t *event) {
        if (!event) {
                complain(_("A line of the record is damaged; 'sekishoctl audit verify' says where."));
                return OUTCOME_YES;
        }
        if (i->json)
                return screen_json_line(json_incref((json_t *) event));

        char when[64] = "?";
        (void) time_format(json_integer_value(json_object_get(event, "time")) / 1000, when, sizeof when);
        const json_t *own = own_part(event), *device = json_object_get(event, "peripheral_device");
        const json_t *transfer = json_object_get(own, "transfer"), *network = json_object_get(own, "network");
        print_number(own, when);
        print_kind(event);
        fputs("  ", stdout);
        if (device) {
                print_device(device, own);
        } else if (json_is_object(transfer)) {
                print_transfer(transfer, own);
        } else if (json_is_object(network)) {
                connection_put(network, json_is_false(json_object_get(own, "enforce")));
        } else {
                screen_put(TONE_PLAIN, talk_string(event, "message"));
                const char *detail = talk_string(event, "status_detail");
                if (*detail) {
                        fputs(": ", stdout);
                        screen_put(TONE_PLAIN, detail);
                }
        }
        putchar('\n');
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}
