/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "audit/mask.h"
#include "audit/view.h"
#include "base/characters.h"
#include "csv.h"
#include "evidence.h"
#include "record.h"
#include "talk.h"

struct pass {
        struct evidence *e;
        struct csv csv;
};

/* What an event is about, in the columns of events.csv. Everything borrowed, but texts that had to be put together. */
struct columns {
        char subject[1024], who[256], by[512], rule[256], detail[256];
        long long amount; /* -1: none */
};

static void put(char *field, size_t size, const char *text) {
        characters_copy(field, size, text);
        mask_numbers(field);
}
#define PUT(c, field, text) put((c)->field, sizeof(c)->field, text)

/* Accounts are recorded by number, since names change; a name helps who reads. */
static void put_uid(const struct evidence *e, struct columns *c, const json_t *part) {
        const json_t *uid = json_object_get(part, "uid");
        char number[24], text[200], shown[101];
        if (!json_is_integer(uid))
                return;
        (void) snprintf(number, sizeof number, "%lld", (long long) json_integer_value(uid));
        const char *name = json_string_value(json_object_get(e->people, number));
        characters_copy(shown, sizeof shown, name ? name : "");
        (void) snprintf(text, sizeof text, name ? "%s (uid %s)" : "%suid %s", shown, number);
        PUT(c, who, text);
}

static void describe_device(const json_t *facts, struct columns *c) {
        char text[1024], name[DEVICE_TEXT_MAX], serial[DEVICE_TEXT_MAX], vendor[5], product[5];
        characters_copy(name, sizeof name, talk_string(facts, "name"));
        characters_copy(serial, sizeof serial, talk_string(facts, "serial"));
        characters_copy(vendor, sizeof vendor, talk_string(facts, "vendor"));
        characters_copy(product, sizeof product, talk_string(facts, "product"));
        (void) snprintf(text, sizeof text, "%s [%s:%s %s]", name, vendor, product, serial);
        PUT(c, subject, text);
}

static void describe_network(const struct evidence *e, const json_t *network, struct columns *c) {
        char text[400], port[16] = "";
        const json_t *number = json_object_get(network, "port");
        if (json_is_integer(number))
                (void) snprintf(port, sizeof port, ":%lld", (long long) json_integer_value(number));
        char protocol[41], peer[81];
        characters_copy(protocol, sizeof protocol, talk_string(network, "protocol"));
        characters_copy(peer, sizeof peer, *talk_string(network, "peer") ? talk_string(network, "peer") : "-");
        (void) snprintf(text, sizeof text, "%s %s%s", protocol, peer, port);
        PUT(c, subject, text);
        PUT(c, by, talk_string(network, "program"));
        put_uid(e, c, network);
        c->amount = talk_integer(network, "count");
}

static void describe(const struct evidence *e, const json_t *event, struct columns *c) {
        const json_t *own = event_own(event), *transfer = json_object_get(own, "transfer"),
                     *login = json_object_get(own, "login"), *network = json_object_get(own, "network"),
                     *document = json_object_get(own, "document"), *permit = json_object_get(own, "permit");
        *c = (struct columns){ .amount = -1 };
        PUT(c, detail, talk_string(own, "detail"));
        if (!*c->detail)
                PUT(c, detail, talk_string(own, "reason"));
        PUT(c, rule, *talk_string(permit, "ticket") ? talk_string(permit, "ticket") : talk_string(own, "rule"));
        if (json_is_object(transfer)) {
                PUT(c, subject, talk_string(transfer, "path"));
                PUT(c, by, talk_string(transfer, "program"));
                put_uid(e, c, transfer);
                c->amount = talk_integer(transfer, "size");
        } else if (json_is_object(login)) {
                PUT(c, subject, talk_string(login, "user"));
                PUT(c, who, talk_string(login, "user"));
                PUT(c, by, talk_string(login, "service"));
        } else if (json_is_object(network)) {
                describe_network(e, network, c);
        } else if (json_is_object(document)) {
                char text[128], what[61];
                characters_copy(what, sizeof what, talk_string(document, "what"));
                (void) snprintf(text, sizeof text, "%s %lld", what, talk_integer(document, "serial"));
                PUT(c, subject, text);
                PUT(c, by, talk_string(document, "via"));
                put_uid(e, c, document);
        } else if (json_is_object(json_object_get(own, "facts"))) {
                describe_device(json_object_get(own, "facts"), c);
        } else if (json_is_object(permit)) {
                PUT(c, subject, talk_string(permit, "id"));
                PUT(c, who, talk_string(permit, "applicant"));
        } else {
                PUT(c, subject, talk_string(event, "message"));
        }
}

static void put_row(struct pass *p, const json_t *event, const struct columns *c) {
        csv_moment(&p->csv, event_seconds(event));
        csv_cell(&p->csv, record_log(event));
        csv_number(&p->csv, record_seq(event));
        csv_cell(&p->csv, event_code(event));
        csv_cell(&p->csv, record_kind_text(event));
        csv_cell(&p->csv, c->subject);
        csv_cell(&p->csv, c->who);
        csv_cell(&p->csv, c->by);
        csv_cell(&p->csv, c->rule);
        csv_cell(&p->csv, c->detail);
        if (c->amount >= 0)
                csv_number(&p->csv, (uint64_t) c->amount);
        else
                csv_cell(&p->csv, "");
        csv_end_row(&p->csv);
}

static void group(struct evidence *e, const json_t *event, const struct columns *c) {
        const char *code = event_code(event);
        int64_t when = event_seconds(event);
        uint64_t amount = c->amount > 0 ? (uint64_t) c->amount : 0;
        if (strcmp(code, "device-refused") == 0) {
                const char *const fields[GROUP_FIELDS] = { c->subject, class_text(event_class(event)) };
                groups_add(&e->devices, fields, 1, 0, when);
        } else if (strcmp(code, "file-written") == 0) {
                struct columns medium = { .amount = -1 };
                describe_device(json_object_get(event_own(event), "facts"), &medium);
                const char *const fields[GROUP_FIELDS] = { medium.subject, c->rule, c->who };
                groups_add(&e->files, fields, 1, amount, when);
        } else if (strcmp(code, "login-refused") == 0) {
                const char *const fields[GROUP_FIELDS] = { c->subject, c->by, c->detail };
                groups_add(&e->logins, fields, 1, 0, when);
        } else if (strcmp(code, "network-blocked") == 0 || strcmp(code, "network-storm") == 0) {
                const char *const fields[GROUP_FIELDS] = { c->subject, c->by, c->who };
                groups_add(&e->network, fields, amount, 0, when);
        }
}

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        struct pass *p = userdata;
        struct columns c;
        (void) line, (void) size;
        tally_hear(&p->e->tally, event);
        int64_t when = event ? event_seconds(event) : 0;
        if (!event || when < p->e->from || when >= p->e->to)
                return 0;
        describe(p->e, event, &c);
        put_row(p, event, &c);
        group(p->e, event, &c);
        return 0;
}

int evidence_events(struct evidence *e) {
        const char *const heads[] = { _("Time"),           _("Log"),    _("Number"),       _("Code"),
                                      _("Kind"),           _("About"),  _("User"),         _("By"),
                                      _("Rule or ticket"), _("Reason"), _("Size or count") };
        FILE *f = bundle_begin_file();
        if (!f)
                return -errno;
        struct pass p = { .e = e, .csv = csv_begin(f) };
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
                csv_cell(&p.csv, heads[i]);
        csv_end_row(&p.csv);
        int r = audit_read_all(&e->invocation->root, e->from, hear, &p);
        tally_end(&e->tally);
        int closed = bundle_end_file(e->bundle, "events.csv", f);
        bool failed = e->tally.failed || e->devices.failed || e->files.failed || e->logins.failed || e->network.failed;
        return r < 0 ? r : closed < 0 ? closed : failed ? -ENOMEM : 0;
}
