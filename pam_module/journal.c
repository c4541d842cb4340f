/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libintl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "methods.h"
#include "otpd.h"

#define _(text) dgettext("sekisho", text)
#define DAY     INT64_C(86400)

static void json_p(json_t **j) {
        json_decref(*j);
}

/* By the policy's age, and only what the agent has a receipt for; that it speaks of this very record is seen here. */
static void retain(struct otpd *o) {
        uint64_t seq;
        char head[DIGEST_HEX_SIZE];
        unsigned deleted = 0;
        if (!o->log || !active_receipt(o, &seq, head))
                return;
        int has = audit_log_has(o->log, seq, head);
        if (has <= 0 && has != -ESTALE)
                return;
        int64_t oldest = time_now(&o->time) - (int64_t) o->active.policy->audit.retain_days * DAY;
        int r = audit_log_retain(o->log, oldest, seq, &deleted);
        if (r < 0)
                log_warning(_("record: old segments could not be deleted: %s"), strerror(-r));
        else if (deleted > 0)
                log_notice(_("record: %u old segments deleted, which a collector holds"), deleted);
}

void otpd_open_record(struct otpd *o) {
        struct audit_recovery found = { .torn = false };
        o->log = audit_log_free(o->log);
        if (audit_log_open_in(&o->root, AUDIT_OTP_DIRECTORY, &o->time, OTPD_LOG_NAME, &o->log, &found) < 0)
                return;
        /* A fake machine mostly has no collectors; that is not a failure. */
        CLEANUP(close_p) int journal = root_openat(&o->root, "run/systemd/journal/socket", O_PATH, 0);
        audit_log_set_sinks(o->log, o->root.is_machine || journal >= 0 ? o->active.policy->audit.send : 0);
        uint64_t reserve = o->active.policy->audit.reserve / OTPD_RESERVE_PART;
        if (!o->root.is_machine && reserve > OTPD_FAKE_RESERVE)
                reserve = OTPD_FAKE_RESERVE;
        (void) audit_log_set_reserve(o->log, reserve); /* logins go on without */
        enum audit_key key;
        int r = audit_log_sign(o->log, &o->root, &o->identity, OTPD_RECORD_KEYS, &key);
        if (r < 0)
                log_warning(_("The record of logins has no anchors: %s"), strerror(-r));
        retain(o);
}

/* Once a minute: the anchor, and what is past its time. */
int otpd_tick_record(sd_event_source *source, uint64_t usec, void *userdata) {
        struct otpd *o = userdata;
        (void) usec;
        if (o->log)
                (void) audit_log_tick(o->log);
        active_refresh(o);
        retain(o);
        method_schedule_flush(o);
        int r = sd_event_source_set_time_relative(source, OTPD_TICK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int append(struct otpd *o, json_t *event, enum audit_when when) {
        if (!event)
                return -ENOMEM;
        if (!o->log)
                otpd_open_record(o);
        if (!o->log)
                return -EIO;
        int r = audit_log_append(o->log, event, when, NULL);
        if (r == -ESTALE) {
                otpd_open_record(o);
                r = o->log ? audit_log_append(o->log, event, when, NULL) : -EIO;
        }
        return r;
}

static void confess_lost(struct otpd *o) {
        char detail[64];
        (void) snprintf(detail, sizeof detail, "%" PRIu64 " records could not be written", o->lost);
        const struct audit_login l = {
                .phase = "auth", .outcome = "trouble", .user = "", .uid = -1, .by = -1, .detail = detail
        };
        CLEANUP(json_p) json_t *event = audit_event_login(&o->identity, time_now(&o->time), &l, NULL);
        if (append(o, event, AUDIT_BATCH) == 0)
                o->lost = 0;
}

void otpd_record(struct otpd *o, const struct audit_login *l, const struct verdict *v, enum audit_when when) {
        CLEANUP(json_p) json_t *event = audit_event_login(&o->identity, time_now(&o->time), l, v);
        if (append(o, event, when) < 0) {
                o->lost++;
                return;
        }
        if (o->lost > 0)
                confess_lost(o);
}

void otpd_trouble(struct otpd *o, const char *user, const char *detail) {
        const struct audit_login l = {
                .phase = "auth", .outcome = "trouble", .user = user, .uid = -1, .by = -1, .detail = detail
        };
        otpd_record(o, &l, NULL, AUDIT_BATCH);
}
