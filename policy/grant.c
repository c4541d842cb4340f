/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sekisho/document.h>
#include <sekisho/grant.h>
#include <string.h>

#include "parser.h"
#include "values.h"

enum { HEADER_FLEET, HEADER_ID, HEADER_ISSUED, HEADER_EXPIRES, HEADER_TARGET };
static const struct key header_keys[] = {
        [HEADER_FLEET] = { "fleet", &value_id, FIELD(grant, fleet), .flags = KEY_REQUIRED,
                           .description = N_("The fleet of terminals that it is for.") },
        [HEADER_ID] = { "id", &value_id, FIELD(grant, id), .flags = KEY_REQUIRED,
                        .description = N_("What the grant is called in records.") },
        [HEADER_ISSUED] = { "issued", &value_time, FIELD(grant, issued), .flags = KEY_REQUIRED | KEY_OFFSET,
                            .description = N_("When it was issued.") },
        [HEADER_EXPIRES] = { "expires", &value_time, FIELD(grant, expires), .flags = KEY_REQUIRED,
                             .description = N_("When it ends: at most a day later.") },
        [HEADER_TARGET] = { "target", &value_target, .shape = SHAPE_LIST, ROWS(grant, target),
                            .flags = KEY_REQUIRED | KEY_NONEMPTY, .description = N_("The terminal: host:MACHINE-ID.") },
};

static int check_header(struct parser *p, void *object, const struct seen *s) {
        const struct grant *g = object;
        if (IS_GOOD(s, HEADER_ISSUED) && IS_GOOD(s, HEADER_EXPIRES) &&
            (g->expires <= g->issued || g->expires - g->issued > GRANT_LIFE_MAX))
                key_error(p, s, HEADER_EXPIRES, _("\"expires\" must be later than \"issued\", by a day at most"));
        if (IS_GOOD(s, HEADER_TARGET) && (g->target.n != 1 || strncmp(g->target.list[0], "host:", 5) != 0))
                key_error(p, s, HEADER_TARGET, _("a grant is for one terminal: [host:MACHINE-ID]"));
        return 0;
}
static const struct mapping grant_header_mapping = { TABLE_OF(header_keys), .check = check_header };

static const struct key grant_keys[] = {
        { "sekisho-grant", &value_version, .flags = KEY_REQUIRED, .min = 1, .max = 1,
          .description = N_("Version of the format; the first key.") },
        { "header", .shape = SHAPE_MAP, .mapping = &grant_header_mapping, .flags = KEY_REQUIRED,
          .description = N_("Which grant this is, and for which terminal.") },
        { "user", &value_user, FIELD(grant, user), .flags = KEY_REQUIRED,
          .description = N_("Who may log in once without the second factor.") },
        { "nonce", &value_id, FIELD(grant, nonce), .flags = KEY_REQUIRED,
          .description = N_("What the terminal showed when it was asked for.") },
        { "reason", &value_text, FIELD(grant, reason), .flags = KEY_REQUIRED,
          .description = N_("Why, with the number of the application.") },
        { "approver", &value_text, FIELD(grant, approver), .flags = KEY_REQUIRED,
          .description = N_("Who approved it.") },
};
const struct mapping grant_mapping = { TABLE_OF(grant_keys), .first_key = true };

static int read_grant(struct parser *p, const char *bytes, size_t size, void *object) {
        struct grant *g = object;
        g->arena = p->arena;
        return parse_document(p, bytes, size, &grant_mapping, g);
}

int grant_parse(const char *bytes, size_t size, struct problems *problems, struct grant **ret) {
        void *object = NULL;
        int r = parse_whole(bytes, size, &(struct parse_limits){ .cap = DOCUMENT_MAX }, sizeof(struct grant), problems,
                            read_grant, &object);
        if (r == 0)
                *ret = object;
        return r;
}

struct grant *grant_free(struct grant *g) {
        if (g)
                (void) arena_free(g->arena); /* the grant itself is in it */
        return NULL;
}
