/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trust document: its keys, and what in it contradicts itself. */
#include <errno.h>
#include <sekisho/document.h>
#include <sekisho/trust.h>
#include <string.h>

#include "parser.h"
#include "values.h"

static int parse_ssh_key(struct parser *p, const struct token *t, const struct key *k, void *field) {
        struct ssh_key key;
        memset(&key, 0, sizeof key); /* equal keys are equal bytes */
        if (ssh_key_parse(t->text, t->length, &key) != 0)
                return report_expected(p, t, _(k->value->expected));
        const struct ssh_key *copy = parser_block(p, &key, sizeof key);
        if (!copy)
                return -ENOMEM;
        memcpy(field, &copy, sizeof copy);
        return 0;
}
static const struct value value_ssh_key = {
        .expected = N_("a public key as in id_ed25519.pub: ssh-ed25519 or sk-ssh-ed25519@openssh.com, and base64"),
        .size = sizeof(struct ssh_key *),
        .parse = parse_ssh_key,
};

static const struct key header_keys[] = {
        { "fleet", &value_id, FIELD(trust, fleet), .flags = KEY_REQUIRED,
          .description = N_("The fleet of terminals that it is for.") },
        { "version", &value_number, FIELD(trust, version), .flags = KEY_REQUIRED, .min = 1,
          .max = (UINT64_C(1) << 53) - 1,
          .description = N_("Number of the document; one more than that of the one before it.") },
        { "issued", &value_time, FIELD(trust, issued), .flags = KEY_REQUIRED | KEY_OFFSET,
          .description = N_("When it was issued.") },
        { "expires", &value_time, FIELD(trust, expires), .flags = KEY_REQUIRED | KEY_NEVER,
          .description = N_("When its holders can no longer sign, or never.") },
};
static const struct mapping trust_header_mapping = { TABLE_OF(header_keys) };

#define THRESHOLD(name, role)                                                                                          \
        static const struct key name##_keys[] = {                                                                      \
                { "threshold", &value_number, FIELD(trust, threshold[role]), .flags = KEY_REQUIRED, .min = 1,          \
                  .max = 16, .description = N_("How many holders must sign.") },                                       \
        };                                                                                                             \
        static const struct mapping name##_mapping = { TABLE_OF(name##_keys) }
THRESHOLD(trust_role, TRUST_ROLE_TRUST);
THRESHOLD(policy_role, TRUST_ROLE_POLICY);
THRESHOLD(permit_role, TRUST_ROLE_PERMIT);
THRESHOLD(audit_role, TRUST_ROLE_AUDIT);

static const struct key roles_keys[TRUST_ROLE_MAX] = {
        [TRUST_ROLE_TRUST] = { "trust", .shape = SHAPE_MAP, .mapping = &trust_role_mapping, .flags = KEY_REQUIRED,
                               .description = N_("The next trust document.") },
        [TRUST_ROLE_POLICY] = { "policy", .shape = SHAPE_MAP, .mapping = &policy_role_mapping, .flags = KEY_REQUIRED,
                                .description = N_("Policies.") },
        [TRUST_ROLE_PERMIT] = { "permit", .shape = SHAPE_MAP, .mapping = &permit_role_mapping,
                                .description = N_("Permits and login grants. Absent: there are none.") },
        [TRUST_ROLE_AUDIT] = { "audit", .shape = SHAPE_MAP, .mapping = &audit_role_mapping,
                               .description = N_("Receipts for records. Absent: there are none.") },
};
static const struct mapping roles_mapping = { TABLE_OF(roles_keys) };

enum { HOLDER_NAME, HOLDER_ROLES, HOLDER_KEY, HOLDER_TOUCH, HOLDER_PIN };
static const struct key holder_keys[] = {
        [HOLDER_NAME] = { "name", &value_text, FIELD(trust_holder, name), .flags = KEY_REQUIRED,
                          .description = N_("Who it is. Two rows with one name are one person with two keys.") },
        [HOLDER_ROLES] = { "roles", &value_enum, .shape = SHAPE_MASK, FIELD(trust_holder, roles),
                           .names = &trust_role_names, .flags = KEY_REQUIRED | KEY_NONEMPTY,
                           .description = N_("What the holder may sign: trust, policy, permit, audit.") },
        [HOLDER_KEY] = { "key", &value_ssh_key, FIELD(trust_holder, key), .flags = KEY_REQUIRED,
                         .description = N_("The public key, as in id_ed25519.pub.") },
        [HOLDER_TOUCH] = { "touch", &value_enum, FIELD(trust_holder, touch), .names = &presence_names,
                           .fallback = "optional",
                           .description = N_("required: the hardware key must have been touched for each signature.") },
        [HOLDER_PIN] = { "pin", &value_enum, FIELD(trust_holder, pin), .names = &presence_names, .fallback = "optional",
                         .description = N_("required: the hardware key must have asked for its PIN.") },
};

static int check_holder(struct parser *p, void *object, const struct seen *s) {
        const struct trust_holder *h = object;
        if (!IS_GOOD(s, HOLDER_KEY) || h->key->type == SSH_KEY_SK_ED25519)
                return 0;
        for (unsigned i = HOLDER_TOUCH; i <= HOLDER_PIN; i++)
                if (IS_GOOD(s, i) && (i == HOLDER_TOUCH ? h->touch : h->pin) == PRESENCE_REQUIRED)
                        key_error(p, s, i, _("only a hardware key (sk-ssh-ed25519@openssh.com) can show this"));
        return 0;
}
static const struct mapping holder_mapping = { TABLE_OF(holder_keys), .size = sizeof(struct trust_holder),
                                               .has_line = true, .line_offset = offsetof(struct trust_holder, line),
                                               .check = check_holder };

/* People, not rows. */
static unsigned count_holders(const struct trust *t, enum trust_role role) {
        unsigned n = 0;
        for (uint32_t i = 0; i < t->n_holders; i++) {
                bool counts = t->holders[i].roles & (1u << role);
                for (uint32_t k = 0; counts && k < i; k++)
                        counts = !(t->holders[k].roles & (1u << role)) ||
                                 strcmp(t->holders[k].name, t->holders[i].name) != 0;
                n += counts;
        }
        return n;
}

static void report_holder(struct parser *p, const struct trust *t, uint32_t i, uint32_t other) {
        report_enter(&p->report, "holders", 0);
        report_enter(&p->report, NULL, i);
        report_error(&p->report, (struct place){ t->holders[i].line, 0 }, _("the key is already used in line %u"),
                     (unsigned) t->holders[other].line);
        report_leave(&p->report);
        report_leave(&p->report);
}

#define HOLDERS_MAX 256

static int check_trust(struct parser *p, void *object, const struct seen *s) {
        (void) s;
        const struct trust *t = object;
        if (parser_has_errors(p))
                return 0; /* a missing holder would be told as a second error */
        if (t->n_holders > HOLDERS_MAX) {
                report_error(&p->report, (struct place){ 0, 0 }, _("there are more than %u holders"), HOLDERS_MAX);
                return 0;
        }
        for (uint32_t i = 0; i < t->n_holders; i++)
                for (uint32_t k = 0; k < i; k++)
                        if (ssh_key_equal(t->holders[i].key, t->holders[k].key)) {
                                report_holder(p, t, i, k);
                                break;
                        }
        for (int role = 0; role < TRUST_ROLE_MAX; role++) {
                unsigned n = count_holders(t, (enum trust_role) role);
                if (t->threshold[role] > n)
                        report_error(&p->report, (struct place){ 0, 0 },
                                     _("the role \"%s\" needs %u signatures, but has %u holders"),
                                     trust_role_name((enum trust_role) role), t->threshold[role], n);
        }
        return 0;
}

static const struct key trust_keys[] = {
        { "sekisho-trust", &value_version, .flags = KEY_REQUIRED, .min = 1, .max = 1,
          .description = N_("Version of the format; the first key.") },
        { "header", .shape = SHAPE_MAP, .mapping = &trust_header_mapping, .flags = KEY_REQUIRED,
          .description = N_("Which trust document this is, and for whom.") },
        { "unsigned-policy", &value_enum, FIELD(trust, unsigned_policy), .names = &consent_names, .fallback = "refuse",
          .description = N_("Whether root of a terminal may install a policy that nobody signed: refuse, or allow.") },
        { "policy-serial-floor", &value_number, FIELD(trust, policy_serial_floor), .min = 1,
          .max = (UINT64_C(1) << 53) - 2,
          .description = N_("From this version on a policy needs a serial above this one, even where a greater one was "
                            "accepted before: the way back from a serial that nothing can follow.") },
        { "roles", .shape = SHAPE_MAP, .mapping = &roles_mapping, .flags = KEY_REQUIRED,
          .description = N_("How many holders must sign each kind of document.") },
        { "holders", .shape = SHAPE_ROWS, .mapping = &holder_mapping, ROWS(trust, holders), .flags = KEY_REQUIRED,
          .description = N_("Who may sign, and with which key.") },
};
const struct mapping trust_mapping = { TABLE_OF(trust_keys), .first_key = true, .check = check_trust };

static int read_trust(struct parser *p, const char *bytes, size_t size, void *object) {
        struct trust *t = object;
        t->arena = p->arena;
        return parse_document(p, bytes, size, &trust_mapping, t);
}

int trust_parse(const char *bytes, size_t size, struct problems *problems, struct trust **ret) {
        void *object = NULL;
        int r = parse_whole(bytes, size, &(struct parse_limits){ .cap = DOCUMENT_MAX }, sizeof(struct trust), problems,
                            read_trust, &object);
        if (r == 0)
                *ret = object;
        return r;
}

struct trust *trust_free(struct trust *t) {
        if (t)
                (void) arena_free(t->arena); /* the document itself is in it */
        return NULL;
}
