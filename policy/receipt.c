/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sekisho/document.h>
#include <sekisho/receipt.h>
#include <string.h>

#include "parser.h"
#include "values.h"

enum { HEADER_FLEET, HEADER_ISSUED, HEADER_TARGET };
static const struct key header_keys[] = {
        [HEADER_FLEET] = { "fleet", &value_id, FIELD(receipt, fleet), .flags = KEY_REQUIRED,
                           .description = N_("The fleet of terminals that it is for.") },
        [HEADER_ISSUED] = { "issued", &value_time, FIELD(receipt, issued), .flags = KEY_REQUIRED | KEY_OFFSET,
                            .description = N_("When it was issued.") },
        [HEADER_TARGET] = { "target", &value_target, .shape = SHAPE_LIST, ROWS(receipt, target),
                            .flags = KEY_REQUIRED | KEY_NONEMPTY, .description = N_("The terminal: host:MACHINE-ID.") },
};

static int check_header(struct parser *p, void *object, const struct seen *s) {
        const struct receipt *r = object;
        if (IS_GOOD(s, HEADER_TARGET) && (r->target.n != 1 || strncmp(r->target.list[0], "host:", 5) != 0))
                key_error(p, s, HEADER_TARGET, _("a receipt is for one terminal: [host:MACHINE-ID]"));
        return 0;
}
static const struct mapping receipt_header_mapping = { TABLE_OF(header_keys), .check = check_header };

static const struct key receipt_keys[] = {
        { "sekisho-receipt", &value_version, .flags = KEY_REQUIRED, .min = 1, .max = 1,
          .description = N_("Version of the format; the first key.") },
        { "header", .shape = SHAPE_MAP, .mapping = &receipt_header_mapping, .flags = KEY_REQUIRED,
          .description = N_("Of which terminal it is.") },
        { "log", &value_id, FIELD(receipt, log), .flags = KEY_REQUIRED, .description = N_("The log that is held.") },
        { "seq", &value_number, FIELD(receipt, seq), .flags = KEY_REQUIRED, .min = 1, .max = (UINT64_C(1) << 53) - 1,
          .description = N_("Number of the last record that is held.") },
        { "head", &value_digest, FIELD(receipt, head), .flags = KEY_REQUIRED,
          .description = N_("SHA-256 of that record's line.") },
};
static const struct mapping receipt_mapping = { TABLE_OF(receipt_keys), .first_key = true };

static int read_receipt(struct parser *p, const char *bytes, size_t size, void *object) {
        struct receipt *r = object;
        r->arena = p->arena;
        return parse_document(p, bytes, size, &receipt_mapping, r);
}

int receipt_parse(const char *bytes, size_t size, struct problems *problems, struct receipt **ret) {
        void *object = NULL;
        int r = parse_whole(bytes, size, &(struct parse_limits){ .cap = DOCUMENT_MAX }, sizeof(struct receipt),
                            problems, read_receipt, &object);
        if (r == 0)
                *ret = object;
        return r;
}

struct receipt *receipt_free(struct receipt *r) {
        if (r)
                (void) arena_free(r->arena); /* the receipt itself is in it */
        return NULL;
}
