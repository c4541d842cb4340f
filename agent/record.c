/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "keyboards.h"
#include "permits.h"
#include "receipts.h"

static const struct failure_row *row(enum failure f) {
        return failure_row(f);
}

/* Without anchors the record goes on all the same: a line that anybody could write anew is more than none. */
static void sign_record(struct agent *a) {
        enum audit_key key = AUDIT_KEY_KNOWN;
        int r = audit_log_sign(a->log, &a->root, &a->identity, AGENT_RECORD_KEYS, &key);
        if (r < 0)
                agent_raise(a, FAILURE_RECORD_UNSIGNED, strerrordesc_np(-r));
        else
                agent_clear(a, FAILURE_RECORD_UNSIGNED);
        if (r < 0)
                return;
        if (key == AUDIT_KEY_FIRST)
                log_notice("record: first key %s", audit_log_key(a->log));
        if (key == AUDIT_KEY_LOST)
                agent_raise(a, FAILURE_RECORD_KEY_LOST, audit_log_key(a->log));
}

/* The file system of a fake machine is this one's. */
static void keep_reserve(struct agent *a) {
        uint64_t size = a->active.policy->audit.reserve;
        if (!a->root.is_machine && size > AGENT_FAKE_RESERVE)
                size = AGENT_FAKE_RESERVE;
        int r = audit_log_set_reserve(a->log, size);
        if (r < 0)
                agent_raise(a, FAILURE_NO_RESERVE, strerrordesc_np(-r));
        else
                agent_clear(a, FAILURE_NO_RESERVE);
}

void agent_look_at_disk(struct agent *a) {
        if (a->log && audit_log_on_reserve(a->log))
                agent_raise(a, FAILURE_DISK_FULL, NULL);
        else if (a->log)
                agent_clear(a, FAILURE_DISK_FULL);
}

int agent_open_record(struct agent *a) {
        struct audit_recovery found = { .torn = false };
        struct audit_log *log = NULL;
        int r = audit_log_open(&a->root, &a->time, AGENT_LOG_NAME, &log, &found);
        if (r < 0) {
                agent_raise(a, FAILURE_RECORD, strerrordesc_np(-r));
                return r;
        }
        a->log = log;
        (void) audit_log_set_ahead(log); /* without it the same, but slower */
        audit_log_set_sinks_later(log);  /* loop_schedule_flush() sees to it */
        agent_apply_audit_policy(a);
        sign_record(a);
        if (found.torn)
                agent_raise(a, FAILURE_RECORD_TORN, found.torn_name);
        if (found.damaged)
                agent_raise(a, FAILURE_RECORD_DAMAGED, found.damaged_name);
        return 0;
}

void agent_apply_audit_policy(struct agent *a) {
        if (!a->log)
                return;
        /* A fake machine mostly has no collectors; that is not a failure to report. */
        CLEANUP(close_p) int journal = root_openat(&a->root, "run/systemd/journal/socket", O_PATH, 0);
        audit_log_set_sinks(a->log, a->root.is_machine || journal >= 0 ? a->active.policy->audit.send : 0);
        keep_reserve(a);
}

static void json_p(json_t **j) {
        json_decref(*j);
}

/* Somebody cut or replaced the file under our hands, or it could not be opened so far: begin with what is there now. */
static int open_again(struct agent *a) {
        a->log = audit_log_free(a->log);
        return agent_open_record(a);
}

void agent_tick_record(struct agent *a) {
        /* What kept it from being signed at the start may be over: a full disk. */
        if (a->log && a->findings.active[FAILURE_RECORD_UNSIGNED])
                (void) open_again(a);
        if (!a->log)
                return;
        uint64_t before = audit_log_last_seq(a->log);
        (void) audit_log_tick(a->log); /* what failed is tried again in a minute */
        agent_retain_record(a);
        agent_look_at_disk(a);
        /* What was synced at once waits for its way to the sinks. */
        if (audit_log_last_seq(a->log) != before || audit_log_deadline(a->log) != UINT64_MAX)
                loop_schedule_flush(a);
}

static int append(struct agent *a, json_t *event, enum audit_when when) {
        if (!event)
                return -ENOMEM;
        if (!a->log) {
                int r = open_again(a);
                if (r < 0)
                        return r;
        }
        int r = audit_log_append(a->log, event, when, NULL);
        if (r == -ESTALE) {
                r = open_again(a);
                if (r < 0)
                        return r;
                agent_raise(a, FAILURE_RECORD_DAMAGED, "changed by another hand");
                r = audit_log_append(a->log, event, when, NULL);
        }
        return r;
}

/* It works again: what is missing is told by its number, so that a reviewer sees the gap. */
static void confess_lost(struct agent *a) {
        char detail[64];
        (void) snprintf(detail, sizeof detail, "%" PRIu64 " records could not be written", a->lost);
        uint64_t lost = a->lost;
        a->lost = 0;
        json_t *event =
                audit_event_agent(&a->identity, time_now(&a->time), "trouble", row(FAILURE_RECORD)->code, detail);
        if (agent_record(a, event, AUDIT_BATCH) < 0)
                a->lost = lost;
}

void agent_mend_record(struct agent *a) {
        if (a->findings.active[FAILURE_RECORD])
                confess_lost(a);
}

int agent_record(struct agent *a, json_t *event_given, enum audit_when when) {
        CLEANUP(json_p) json_t *event = event_given;
        /* open_again() may find something that it wants in the record as well; it comes after, not inside. */
        bool outer = !a->recording;
        a->recording = true;
        int r = append(a, event, when);
        if (outer)
                a->recording = false;

        if (r < 0) {
                a->lost++;
                agent_raise(a, FAILURE_RECORD, strerrordesc_np(-r));
                return r;
        }
        loop_schedule_flush(a);
        if (outer && a->lost > 0)
                confess_lost(a);
        agent_clear(a, FAILURE_RECORD);
        if (outer)
                agent_look_at_disk(a);
        return 0;
}

void agent_raise(struct agent *a, enum failure what, const char *detail) {
        if (!findings_raise(&a->findings, what, detail))
                return;
        const struct failure_row *f = row(what);
        const char *text = detail ? detail : "";
        if (f->falls_short)
                log_warning("%s: %s", f->code, text);
        else
                log_notice("%s: %s", f->code, text);

        /* That the record fails cannot be said in the record; confess_lost() does so afterwards. */
        if (what != FAILURE_RECORD && f->action != FAIL_STATUS && a->log)
                (void) agent_record(a, audit_event_agent(&a->identity, time_now(&a->time), "trouble", f->code, text),
                                    AUDIT_BATCH);
        agent_tell(a, "trouble", NULL, f->code);
}

void agent_clear(struct agent *a, enum failure what) {
        if (findings_clear(&a->findings, what))
                log_notice("%s: over", row(what)->code);
}

static void set(struct agent *a, enum failure what, bool holds, const char *detail) {
        if (holds)
                agent_raise(a, what, detail);
        else
                agent_clear(a, what);
}

/* One subject stands for all in the detail: the list is ListDevices' business. */
static void look_at_subjects(struct agent *a) {
        const struct subject *differs = NULL, *held_back = NULL, *stuck = NULL, *waits = NULL;
        for (size_t i = 0; i < a->registry.n; i++) {
                const struct subject *s = a->registry.list[i];
                if (s->withheld == WITHHELD_CONDITION)
                        held_back = held_back ? held_back : s;
                else if (s->withheld == WITHHELD_LOCK && s->lock != LOCK_ASKED)
                        waits = waits ? waits : s;
                else if (s->withheld == WITHHELD_NOT && s->has_effect && s->effect.result == EFFECT_TIMED_OUT)
                        stuck = stuck ? stuck : s;
                else if (s->withheld == WITHHELD_NOT && s->has_effect &&
                         (s->effect.result == EFFECT_DIFFERS || s->effect.result == EFFECT_FAILED))
                        differs = differs ? differs : s;
        }
        char detail[FINDING_DETAIL_MAX] = "";
        if (held_back)
                (void) snprintf(detail, sizeof detail, "%.100s: %s",
                                held_back->verdict.rule ? held_back->verdict.rule : "", held_back->condition);
        set(a, FAILURE_RULE_NOT_HELD, held_back != NULL, detail);
        set(a, FAILURE_KEYBOARD_WAITS, waits != NULL, waits ? waits->facts.device.port : NULL);
        set(a, FAILURE_EFFECT, differs != NULL, differs ? differs->facts.device.port : NULL);
        /* Beside a stuck worker there is the device that it waits for; the finding ends when both are gone. */
        if (!stuck && worker_pool_abandoned(a->workers) == 0)
                agent_clear(a, FAILURE_WORKER_STUCK);
}

static void look_at_permits(struct agent *a) {
        char detail[FINDING_DETAIL_MAX] = "";
        size_t n = 0;
        for (size_t i = 0; a->permits && i < a->permits->store.n; i++) {
                const struct stored_permit *p = a->permits->store.list[i];
                if (!permit_is_overdue(a, p))
                        continue;
                if (n++ == 0)
                        (void) snprintf(detail, sizeof detail, "%s", p->permit->id);
        }
        if (n > 1)
                (void) snprintf(detail + strlen(detail), sizeof detail - strlen(detail), " (+%zu)", n - 1);
        set(a, FAILURE_PERMIT_OVERDUE, n > 0, detail);
}

void agent_look_at_itself(struct agent *a) {
        const struct policy *p = a->active.policy;
        set(a, FAILURE_POLICY_EXPIRED, time_now(&a->time) >= p->header.expires, NULL);
        /* A minute of grace: a clock that is kept right by a server is set back by moments all the time. */
        struct time_source lenient = a->time;
        lenient.floor -= 60;
        set(a, FAILURE_CLOCK, time_behind_floor(&lenient), NULL);
        set(a, FAILURE_KEYBOARDS_FALLBACK, keyboards_fallback(a), NULL);
        set(a, FAILURE_OBSERVE, p->devices.mode == MODE_OBSERVE, "devices");
        uint64_t failed = a->log ? audit_log_sink_failures(a->log) : 0;
        set(a, FAILURE_SINK, failed > 0, "see Record.sink_failures");
        look_at_subjects(a);
        look_at_permits(a);
}
