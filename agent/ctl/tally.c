/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tally.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/timesource.h"
#include "ctl.h"
#include "talk.h"

#define DAY 86400

/* ---- parts of a record ---- */

const char *event_code(const json_t *event) {
        return talk_string(json_object_get(event, "metadata"), "event_code");
}

int64_t event_seconds(const json_t *event) {
        return json_integer_value(json_object_get(event, "time")) / 1000;
}

const json_t *event_own(const json_t *event) {
        return json_object_get(json_object_get(event, "unmapped"), "sekisho");
}

/* The first that fits: what carries data out before what it says it is too. */
static const struct {
        enum device_class class;
        const char *text;
} harms[] = {
        { CLASS_STORAGE, N_("USB sticks, disks") },
        { CLASS_PHONE, N_("phones, cameras with files") },
        { CLASS_OPTICAL, N_("optical drives") },
        { CLASS_NETWORK, N_("network adapters") },
        { CLASS_MODEM, N_("modems") },
        { CLASS_BLUETOOTH, N_("Bluetooth") },
        { CLASS_CAMERA, N_("cameras") },
        { CLASS_VIDEO, N_("video") },
        { CLASS_AUDIO, N_("audio") },
        { CLASS_PRINTER, N_("printers") },
        { CLASS_SERIAL, N_("serial ports") },
        { CLASS_SMARTCARD, N_("card readers") },
        { CLASS_VENDOR, N_("vendor specific") },
        { CLASS_HID, N_("other input devices") },
        { CLASS_KEYBOARD, N_("keyboards") },
        { CLASS_MOUSE, N_("mice") },
        { CLASS_HUB, N_("hubs") },
};
#define HARMS (sizeof harms / sizeof *harms)

static bool has_class(const json_t *classes, enum device_class c) {
        size_t n;
        json_t *name;
        json_array_foreach(classes, n,
                           name) if (json_is_string(name) && class_from_name(json_string_value(name)) == c) return true;
        return false;
}

enum device_class event_class(const json_t *event) {
        const json_t *classes = json_object_get(json_object_get(event_own(event), "facts"), "classes");
        for (size_t i = 0; i < HARMS; i++)
                if (has_class(classes, harms[i].class))
                        return harms[i].class;
        return CLASS_INVALID;
}

const char *class_text(enum device_class c) {
        for (size_t i = 0; i < HARMS; i++)
                if (harms[i].class == c)
                        return _(harms[i].text);
        return _("not known");
}

static bool is_medium(enum device_class c) {
        return c == CLASS_STORAGE || c == CLASS_OPTICAL || c == CLASS_PHONE;
}

/* ---- bounded lists ---- */

static void add_to(json_t *list, json_t *row, uint64_t *more, bool *failed) {
        if (json_array_size(list) >= TALLY_LIST) {
                json_decref(row);
                (*more)++;
        } else if (json_array_append_new(list, row) < 0) {
                *failed = true;
        }
}

static void count_code(struct tally *t, const char *code) {
        const json_t *known = json_object_get(t->troubles, code);
        if (!known && json_object_size(t->troubles) >= TALLY_CODES)
                t->more_troubles++;
        else if (json_object_set_new(t->troubles, code, json_integer(json_integer_value(known) + 1)) < 0)
                t->failed = true;
}

/* ---- days ---- */

static void mark_day(const struct tally *t, uint32_t *days, int64_t when, uint64_t n) {
        size_t day = (size_t) ((when - t->from_day) / DAY);
        if (day < t->n_days)
                days[day] = n > UINT32_MAX - days[day] ? UINT32_MAX : days[day] + (uint32_t) n;
}

static bool is_out_of_hours(int64_t when) {
        uint8_t weekday;
        uint16_t minute;
        if (time_local(when, &weekday, &minute) < 0)
                return false;
        return weekday > 4 || minute < TALLY_OPENS || minute >= TALLY_CLOSES;
}

static void close_day(struct tally *t) {
        if (t->today.files >= TALLY_BULK_FILES || t->today.bytes >= TALLY_BULK_BYTES)
                t->bulk_days++;
        t->today = (struct tally_media){ 0 };
}

/* ---- what each kind of record counts ---- */

static void hear_chain(struct tally *t, const json_t *own) {
        const char *name = talk_string(own, "log");
        long long seq = talk_integer(own, "seq");
        size_t i = 0;
        while (i < t->n_logs && strcmp(t->logs[i].name, name) != 0)
                i++;
        if (seq <= 0 || strlen(name) >= sizeof t->logs[0].name || i == TALLY_LOGS) {
                t->other_logs++;
                return;
        }
        struct tally_log *l = &t->logs[i];
        uint64_t now = (uint64_t) seq;
        if (i == t->n_logs) {
                t->n_logs++;
                (void) snprintf(l->name, sizeof l->name, "%s", name);
                l->first = now;
        } else if (now != l->last + 1) {
                l->gaps++;
                l->missing += now > l->last ? now - l->last - 1 : 0;
        }
        l->last = now;
        l->records++;
}

static void hear_device(struct tally *t, const json_t *event, const char *code) {
        enum device_class c = event_class(event);
        if (strcmp(code, "device-refused") == 0) {
                t->n_denied++;
                t->denied[c == CLASS_INVALID ? CLASS_VENDOR : c]++;
                mark_day(t, t->devices_by_day, event_seconds(event), 1);
        } else if (strcmp(code, "device-observed") == 0) {
                t->n_observed++;
                t->observed[c == CLASS_INVALID ? CLASS_VENDOR : c]++;
        } else if (strcmp(code, "device-effect-wrong") == 0) {
                t->n_effect_wrong++;
        } else if (strcmp(code, "device-allowed") == 0) {
                const json_t *own = event_own(event);
                t->n_allowed++;
                /* A disk follows its USB device: it is counted where it is told of as a disk, or is nothing else. */
                if (is_medium(c) && !*talk_string(json_object_get(own, "facts"), "node")) {
                        t->opened_by_permit += json_is_object(json_object_get(own, "permit"));
                        t->opened_by_rule += !json_is_object(json_object_get(own, "permit"));
                }
        }
}

static void hear_file(struct tally *t, const json_t *event) {
        const json_t *own = event_own(event), *transfer = json_object_get(own, "transfer");
        int64_t when = event_seconds(event);
        long long size = talk_integer(transfer, "size");
        uint64_t bytes = size > 0 ? (uint64_t) size : 0;
        bool permitted = json_is_object(json_object_get(own, "permit"));
        struct tally_media *m = permitted ? &t->with_permit : &t->by_rule;
        m->files++;
        m->bytes += bytes;
        if (is_out_of_hours(when)) {
                t->out_of_hours.files++;
                t->out_of_hours.bytes += bytes;
        }
        size_t day = (size_t) ((when - t->from_day) / DAY);
        if (day != t->day)
                close_day(t);
        t->day = day;
        t->today.files++;
        t->today.bytes += bytes;
        mark_day(t, t->files_by_day, when, 1);
}

static void hear_escort(struct tally *t, const json_t *own, const json_t *login) {
        const char *rule = talk_string(own, "rule");
        bool with = *talk_string(login, "escort") != 0;
        t->escorted += with;
        if (!*rule)
                return;
        if (!json_object_get(t->escorts, rule) && json_object_size(t->escorts) >= TALLY_LIST) {
                t->more_escorts++;
                return;
        }
        const json_t *known = json_object_get(t->escorts, rule);
        json_t *now = json_pack("{s:I, s:I}", "with", (json_int_t) talk_integer(known, "with") + with, "without",
                                (json_int_t) talk_integer(known, "without") + !with);
        if (json_object_set_new(t->escorts, rule, now) < 0)
                t->failed = true;
}

static void hear_login(struct tally *t, const json_t *event, const char *code) {
        const json_t *own = event_own(event), *login = json_object_get(own, "login");
        int64_t when = event_seconds(event);
        const char *factor = talk_string(login, "factor");
        if (strcmp(code, "login-accepted") == 0) {
                t->logins_accepted++;
                t->recovery_used += strcmp(factor, "recovery") == 0;
                t->grants_used += strcmp(factor, "grant") == 0;
                hear_escort(t, own, login);
        } else if (strcmp(code, "login-refused") == 0) {
                t->logins_refused++;
                mark_day(t, t->logins_by_day, when, 1);
        } else if (strcmp(code, "login-exempt") == 0) {
                t->logins_exempt++;
        } else if (strcmp(code, "login-observed") == 0) {
                t->logins_observed++;
        } else if (strcmp(code, "login-break-glass") == 0) {
                t->break_glass++;
        } else if (strcmp(code, "login-session") == 0) {
                t->sessions++;
                t->sessions_out_of_hours += is_out_of_hours(when);
        }
}

static void hear_factor(struct tally *t, const char *code) {
        t->lockouts += strcmp(code, "factor-locked") == 0;
        t->enrolled += strcmp(code, "factor-enrolled") == 0;
        t->removed += strcmp(code, "factor-removed") == 0;
}

static void hear_network(struct tally *t, const json_t *event, const char *code) {
        const json_t *network = json_object_get(event_own(event), "network");
        long long count = talk_integer(network, "count");
        uint64_t packets = count > 0 ? (uint64_t) count : 0;
        bool observed =
                strcmp(code, "network-observed") == 0 || json_is_false(json_object_get(event_own(event), "enforce"));
        if (observed) {
                t->observed_flows += packets;
                return;
        }
        t->blocked += packets;
        t->blocked_records++;
        mark_day(t, t->network_by_day, event_seconds(event), packets);
}

static void hear_document(struct tally *t, const json_t *event, const char *code) {
        const json_t *own = event_own(event), *d = json_object_get(own, "document");
        t->documents_refused += strcmp(code, "document-refused") == 0;
        t->policies += strcmp(code, "document-installed") == 0 && strcmp(talk_string(d, "what"), "policy") == 0;
        json_t *row = json_pack(
                "{s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:I}", "time", (json_int_t) event_seconds(event), "code",
                code, "what", talk_string(d, "what"), "serial", (json_int_t) talk_integer(d, "serial"), "source",
                talk_string(d, "source"), "via", talk_string(d, "via"), "detail", talk_string(own, "detail"), "sha256",
                talk_string(d, "sha256"), "uid",
                (json_int_t) (json_is_integer(json_object_get(d, "uid")) ? talk_integer(d, "uid") : -1));
        add_to(t->documents, row, &t->more_documents, &t->failed);
}

static void hear_permit(struct tally *t, const json_t *event, const char *code) {
        const json_t *said = json_object_get(event_own(event), "permit");
        const char *id = talk_string(said, "id");
        t->permits_installed += strcmp(code, "permit-installed") == 0;
        t->permits_used += strcmp(code, "permit-used") == 0;
        t->permits_closed += strcmp(code, "permit-closed") == 0;
        t->permits_refused += strcmp(code, "permit-refused") == 0;
        if (!*id || strcmp(code, "permit-refused") == 0)
                return;
        json_t *known = json_object_get(t->permits, id);
        if (!known && json_object_size(t->permits) >= TALLY_LIST) {
                t->more_permits++;
                return;
        }
        if (!known && json_object_set_new(t->permits, id, json_object()) == 0)
                known = json_object_get(t->permits, id);
        if (!known || json_object_update(known, (json_t *) said) < 0 ||
            json_object_set_new(known, "last_code", json_string(code)) < 0 ||
            json_object_set_new(known, code, json_integer(event_seconds(event))) < 0)
                t->failed = true;
}

static void hear_agent(struct tally *t, const json_t *event, const char *code) {
        bool start = strcmp(code, "agent-start") == 0;
        if (!start && strcmp(code, "agent-stop") != 0) {
                const char *trouble = talk_string(json_object_get(event_own(event), "agent"), "code");
                count_code(t, *trouble ? trouble : "?");
                return;
        }
        t->starts += start;
        t->stops += !start;
        t->unclean += start && t->n_runs > 0 && t->runs[t->n_runs - 1].start;
        if (t->n_runs == TALLY_RUNS) {
                /* The newest tell most. */
                memmove(t->runs, t->runs + 1, (TALLY_RUNS - 1) * sizeof *t->runs);
                t->n_runs--;
                t->more_runs++;
        }
        t->runs[t->n_runs++] = (struct tally_run){ event_seconds(event), start };
}

static void hear_paste(struct tally *t, const json_t *event, const char *code) {
        long long count = talk_integer(json_object_get(event_own(event), "paste"), "count");
        uint64_t pastes = count > 1 ? (uint64_t) count : 1;
        *(strcmp(code, "paste-observed") == 0 ? &t->pastes_observed : &t->pastes_refused) += pastes;
}

static bool begins(const char *text, const char *with) {
        return strncmp(text, with, strlen(with)) == 0;
}

static void hear_one(struct tally *t, const json_t *event, const char *code) {
        if (begins(code, "device-"))
                hear_device(t, event, code);
        else if (strcmp(code, "file-written") == 0)
                hear_file(t, event);
        else if (begins(code, "login-") && strcmp(code, "login-trouble") != 0)
                hear_login(t, event, code);
        else if (begins(code, "factor-"))
                hear_factor(t, code);
        else if (begins(code, "network-"))
                hear_network(t, event, code);
        else if (begins(code, "document-"))
                hear_document(t, event, code);
        else if (begins(code, "permit-"))
                hear_permit(t, event, code);
        else if (begins(code, "agent-"))
                hear_agent(t, event, code);
        else if (begins(code, "paste-"))
                hear_paste(t, event, code);
}

/* ---- from without ---- */

static int64_t midnight_before(int64_t seconds) {
        time_t t = (time_t) seconds;
        struct tm local;
        if (!localtime_r(&t, &local))
                return seconds;
        local.tm_hour = local.tm_min = local.tm_sec = 0;
        local.tm_isdst = -1;
        time_t midnight = mktime(&local);
        return midnight == (time_t) -1 ? seconds : (int64_t) midnight;
}

int tally_begin(struct tally *t, int64_t from, int64_t to) {
        int64_t first = midnight_before(from), days = to > from ? (to - first + DAY - 1) / DAY : 0;
        *t = (struct tally){ .from = from,
                             .from_day = first,
                             .to = to,
                             .n_days = days > (int64_t) TALLY_DAYS ? TALLY_DAYS : (size_t) days,
                             .permits = json_object(),
                             .documents = json_array(),
                             .troubles = json_object(),
                             .escorts = json_object() };
        if (t->permits && t->documents && t->troubles && t->escorts)
                return 0;
        tally_clear(t);
        return -ENOMEM;
}

void tally_hear(struct tally *t, const json_t *event) {
        if (!event) {
                t->damaged++;
                return;
        }
        int64_t when = event_seconds(event);
        if (when < t->from || when >= t->to)
                return;
        t->records++;
        t->first = t->first == 0 || when < t->first ? when : t->first;
        t->last = when > t->last ? when : t->last;
        hear_chain(t, event_own(event));
        hear_one(t, event, event_code(event));
}

void tally_end(struct tally *t) {
        close_day(t);
}

void tally_clear(struct tally *t) {
        json_decref(t->permits);
        json_decref(t->documents);
        json_decref(t->troubles);
        json_decref(t->escorts);
        *t = (struct tally){ 0 };
}
