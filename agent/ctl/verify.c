/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "screen.h"
#include "signed_file.h"

static json_t *signatures_json(const struct trust_check *c) {
        json_t *list = json_array();
        for (unsigned i = 0; i < c->n; i++)
                (void) json_array_append_new(
                        list, json_pack("{s:s, s:s?, s:s}", "state", signature_state_name(c->signatures[i].state),
                                        "holder", c->signatures[i].holder ? c->signatures[i].holder->name : NULL, "key",
                                        c->signatures[i].fingerprint));
        return list;
}

static bool has_signed(const struct trust_check *c, const char *name) {
        for (unsigned i = 0; i < c->n; i++)
                if (c->signatures[i].state == SIGNATURE_COUNTS && strcmp(c->signatures[i].holder->name, name) == 0)
                        return true;
        return false;
}

static bool is_among(const json_t *names, const char *name) {
        for (size_t i = 0; i < json_array_size(names); i++)
                if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
                        return true;
        return false;
}

/* Whose signature would count beside those that are there; people, not keys. New reference. */
static json_t *who_may_sign(const struct trust *t, enum trust_role role, const struct trust_check *c) {
        json_t *names = json_array();
        for (uint32_t i = 0; i < t->n_holders; i++) {
                const struct trust_holder *h = &t->holders[i];
                if (h->roles & (1u << role) && !has_signed(c, h->name) && !is_among(names, h->name))
                        (void) json_array_append_new(names, json_string(h->name));
        }
        return names;
}

static enum outcome print_json(const struct signed_file *f, const struct trust_check *c, bool suffices,
                               json_t *may_sign) {
        return screen_json(json_pack("{s:s, s:s, s:b, s:i, s:i, s:o, s:O}", "file", f->path, "document", f->kind->name,
                                     "sufficient", suffices, "counted", (int) c->counted, "needed", (int) c->needed,
                                     "signatures", signatures_json(c), "may_sign", may_sign));
}

static void print_who_may_sign(const json_t *names) {
        CLEANUP(free_p) char *all = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&all, &size);
        for (size_t i = 0; f && i < json_array_size(names); i++) {
                CLEANUP(free_p) char *name = screen_text(json_string_value(json_array_get(names, i)));
                (void) fprintf(f, "%s%s", i ? ", " : "", name ? name : "");
        }
        if (f && fclose(f) == 0 && size > 0)
                printf(_("Not yet signed by: %s"), all), putchar('\n');
}

static enum outcome print(const struct signed_file *f, const struct trust_check *c, bool suffices,
                          const json_t *may_sign) {
        static const char *const heads[] = { N_("HOLDER"), N_("KEY"), N_("SIGNATURE") };
        const char *translated[] = { _(heads[0]), _(heads[1]), _(heads[2]) };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(3, translated);
        for (unsigned i = 0; i < c->n; i++) {
                enum signature_state state = c->signatures[i].state;
                screen_table_add(t, TONE_PLAIN, c->signatures[i].holder ? c->signatures[i].holder->name : "-");
                screen_table_add(t, TONE_FAINT, *c->signatures[i].fingerprint ? c->signatures[i].fingerprint : "-");
                screen_table_add(t, state == SIGNATURE_COUNTS ? TONE_GOOD : TONE_BAD, signature_state_text(state));
        }
        enum outcome outcome = c->n > 0 ? screen_table_print(t, 0) : OUTCOME_YES;
        if (c->needed == 0)
                printf(_("%s: nobody may sign a document of this kind."), f->path);
        else if (suffices)
                printf(_("%s: signed by %u holders; %u are needed."), f->path, c->counted, c->needed);
        else
                printf(_("%s: NOT accepted: signed by %u holders; %u are needed."), f->path, c->counted, c->needed);
        putchar('\n');
        if (!suffices)
                print_who_may_sign(may_sign);
        if (c->more)
                printf(_("Only the first %u signatures were looked at."), SIGNATURES_MAX), putchar('\n');
        return outcome;
}

enum outcome run_verify(const struct invocation *i) {
        CLEANUP(signed_file_clear) struct signed_file f = { 0 };
        CLEANUP(trust_freep) struct trust *trust = NULL;
        enum outcome outcome = signed_file_read(i->arguments[0], &f);
        if (outcome == OUTCOME_YES)
                outcome = trust_file_load(i, i->values[VERIFY_TRUST], &trust);
        if (outcome == OUTCOME_YES)
                outcome = signed_file_check(&f);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (sodium_init() < 0) {
                complain(_("The cryptographic library does not start."));
                return OUTCOME_BAD;
        }

        struct trust_check c;
        const char *signatures = f.signatures.bytes ? f.signatures.bytes : "";
        bool suffices = trust_check(trust, f.kind->role, f.kind->namespace, f.document.bytes, f.document.size,
                                    signatures, f.signatures.size, &c) == 0;
        json_t *may_sign = who_may_sign(trust, f.kind->role, &c);
        outcome = i->json ? print_json(&f, &c, suffices, may_sign) : print(&f, &c, suffices, may_sign);
        json_decref(may_sign);
        return outcome == OUTCOME_YES && !suffices ? OUTCOME_NO : outcome;
}
