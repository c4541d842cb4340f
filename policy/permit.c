/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The permit: its keys, and what in it contradicts itself. */
#include <errno.h>
#include <sekisho/document.h>
#include <sekisho/permit.h>
#include <string.h>

#include "parser.h"
#include "schema.h"
#include "values.h"

#define MEDIA (CLASS_BIT(CLASS_STORAGE) | CLASS_BIT(CLASS_OPTICAL))

enum { HEADER_FLEET, HEADER_ID, HEADER_ISSUED, HEADER_EXPIRES, HEADER_TARGET };
static const struct key header_keys[] = {
        [HEADER_FLEET] = { "fleet", &value_id, FIELD(permit, fleet), .flags = KEY_REQUIRED,
                           .description = N_("The fleet of terminals that it is for.") },
        [HEADER_ID] = { "id", &value_id, FIELD(permit, id), .flags = KEY_REQUIRED,
                        .description = N_("What the permit is called; no terminal takes the same id twice.") },
        [HEADER_ISSUED] = { "issued", &value_time, FIELD(permit, issued), .flags = KEY_REQUIRED | KEY_OFFSET,
                            .description = N_("When it was issued.") },
        [HEADER_EXPIRES] = { "expires", &value_time, FIELD(permit, expires), .flags = KEY_REQUIRED,
                             .description = N_("When it ends, used or not: at most a year later.") },
        [HEADER_TARGET] = { "target", &value_target, .shape = SHAPE_LIST, ROWS(permit, target),
                            .flags = KEY_REQUIRED | KEY_NONEMPTY, .description = N_("The terminal: host:MACHINE-ID.") },
};

static int check_header(struct parser *p, void *object, const struct seen *s) {
        const struct permit *permit = object;
        if (IS_GOOD(s, HEADER_ISSUED) && IS_GOOD(s, HEADER_EXPIRES) &&
            (permit->expires <= permit->issued || permit->expires - permit->issued > PERMIT_LIFE_MAX))
                key_error(p, s, HEADER_EXPIRES, _("\"expires\" must be later than \"issued\", by a year at most"));
        if (IS_GOOD(s, HEADER_TARGET) && (permit->target.n != 1 || strncmp(permit->target.list[0], "host:", 5) != 0))
                key_error(p, s, HEADER_TARGET, _("a permit is for one terminal: [host:MACHINE-ID]"));
        /* It names files. */
        if (IS_GOOD(s, HEADER_ID) && permit->id[0] == '.')
                key_error(p, s, HEADER_ID, _("the id of a permit must not begin with a dot"));
        return 0;
}
static const struct mapping permit_header_mapping = { TABLE_OF(header_keys), .check = check_header };

static const struct key device_keys[] = {
        { "vendor", &value_hex16, FIELD(permit, rule.vendor), .flags = KEY_REQUIRED,
          .description = N_("Vendor id, four hexadecimal digits.") },
        { "product", &value_hex16, FIELD(permit, rule.product), .flags = KEY_REQUIRED,
          .description = N_("Product id, four hexadecimal digits.") },
        { "serial", &value_serial, FIELD(permit, rule.serial),
          .description = N_("Serial number. It can be cloned: a label, not a proof. Absent: the medium has none.") },
        { "descriptors", &value_digest, FIELD(permit, rule.descriptors), .flags = KEY_REQUIRED,
          .description = N_("SHA-256 of the medium's raw descriptors.") },
};
static const struct mapping device_mapping = { TABLE_OF(device_keys) };

enum {
        KEY_FORMAT,
        KEY_HEADER,
        KEY_TICKET,
        KEY_APPLICANT,
        KEY_APPROVER,
        KEY_PURPOSE,
        KEY_DEVICE,
        KEY_ACTION,
        KEY_ENCRYPTED,
        KEY_USERS,
        KEY_DURATION,
        KEY_MAX_BYTES,
        KEY_RETURN,
        KEY_ACTIVATION
};
static const struct key permit_keys[] = {
        [KEY_FORMAT] = { "sekisho-permit", &value_version, .flags = KEY_REQUIRED, .min = 1, .max = 1,
                         .description = N_("Version of the format; the first key.") },
        [KEY_HEADER] = { "header", .shape = SHAPE_MAP, .mapping = &permit_header_mapping, .flags = KEY_REQUIRED,
                         .description = N_("Which permit this is, and for which terminal.") },
        [KEY_TICKET] = { "ticket", &value_text, FIELD(permit, ticket), .flags = KEY_REQUIRED,
                         .description = N_("Number of the application, as the register has it.") },
        [KEY_APPLICANT] = { "applicant", &value_text, FIELD(permit, applicant), .flags = KEY_REQUIRED,
                            .description = N_("Who asked for it.") },
        [KEY_APPROVER] = { "approver", &value_text, FIELD(permit, approver), .flags = KEY_REQUIRED,
                           .description = N_("Who approved it.") },
        [KEY_PURPOSE] = { "purpose", &value_text, FIELD(permit, purpose), .flags = KEY_REQUIRED,
                          .description = N_("What it is for.") },
        [KEY_DEVICE] = { "device", .shape = SHAPE_MAP, .mapping = &device_mapping, .flags = KEY_REQUIRED,
                         .description = N_("The medium, as \"sekishoctl devices\" shows it.") },
        [KEY_ACTION] = { "action", &value_enum, FIELD(permit, rule.action), .names = &action_names,
                         .valid = 1u << ACTION_ALLOW | 1u << ACTION_READ_ONLY, .fallback = "read-only",
                         .description = N_("read-only, or allow (to write to it too).") },
        [KEY_ENCRYPTED] = { "encrypted", &value_enum, FIELD(permit, rule.encrypted), .names = &encrypted_names,
                            .description = N_("luks refuses a plaintext volume, any takes it. Absent: luks with "
                                              "\"action: allow\", any with read-only.") },
        [KEY_USERS] = { "users", &value_principal, .shape = SHAPE_LIST, .flags = KEY_REQUIRED | KEY_NONEMPTY,
                        ROWS(permit, rule.users),
                        .description = N_("Who may mount and read it; user names and group:NAME.") },
        [KEY_DURATION] = { "duration", &value_seconds, FIELD(permit, duration), .flags = KEY_REQUIRED, .min = 1,
                           .max = PERMIT_LIFE_MAX,
                           .description = N_("For how long it opens, from the first use. It ends at a restart of the "
                                             "terminal too.") },
        [KEY_MAX_BYTES] = { "max-bytes", &value_size, FIELD(permit, max_bytes), .flags = KEY_NEVER, .min = 1,
                            .max = UINT64_C(1) << 60,
                            .description = N_("How much may be written, or unlimited; needed with \"action: "
                                              "allow\".") },
        [KEY_RETURN] = { "return-within", &value_seconds, FIELD(permit, return_within), .fallback = "1d", .min = 60,
                         .max = 31 * 86400,
                         .description = N_("How long after the end of its use the return of the medium must be "
                                           "confirmed.") },
        [KEY_ACTIVATION] = { "activation", &value_digest, FIELD(permit, activation),
                             .description = N_("SHA-256 over the id, a colon and the code that the help desk "
                                               "dictates. Absent: it opens without a code.") },
};

static void report_missing(struct parser *p, const struct seen *s) {
        report_enter(&p->report, permit_keys[KEY_MAX_BYTES].name, 0);
        report_error(&p->report, s->start, _("a permit to write needs \"max-bytes\": a size, or unlimited"));
        report_leave(&p->report);
}

static int check_permit(struct parser *p, void *object, const struct seen *s) {
        struct permit *permit = object;
        struct device_rule *r = &permit->rule;
        if (IS_GOOD(s, KEY_ACTION) || !IS_GIVEN(s, KEY_ACTION)) {
                if (r->action == ACTION_ALLOW && !IS_GIVEN(s, KEY_MAX_BYTES))
                        report_missing(p, s);
                if (!IS_GIVEN(s, KEY_ENCRYPTED))
                        r->encrypted = r->action == ACTION_ALLOW ? ENCRYPTED_LUKS : ENCRYPTED_ANY;
        }
        r->id = permit->id;
        r->note = permit->ticket;
        r->serial = r->serial ? r->serial : "";
        r->has_vendor = r->has_product = true;
        r->classes = MEDIA; /* every interface of it: nothing else could be held to the conditions */
        return 0;
}
const struct mapping permit_mapping = { TABLE_OF(permit_keys), .first_key = true, .check = check_permit };

static int read_permit(struct parser *p, const char *bytes, size_t size, void *object) {
        struct permit *permit = object;
        permit->arena = p->arena;
        return parse_document(p, bytes, size, &permit_mapping, permit);
}

int permit_parse(const char *bytes, size_t size, struct problems *problems, struct permit **ret) {
        void *object = NULL;
        int r = parse_whole(bytes, size, &(struct parse_limits){ .cap = DOCUMENT_MAX }, sizeof(struct permit), problems,
                            read_permit, &object);
        if (r == 0)
                *ret = object;
        return r;
}

struct permit *permit_free(struct permit *p) {
        if (p)
                (void) arena_free(p->arena); /* the permit itself is in it */
        return NULL;
}

int permit_schema(char **ret) {
        return schema_write(&permit_mapping, "urn:sekisho:permit:1", _("Permit of Sekisho"), ret);
}
