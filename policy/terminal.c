/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sekisho/document.h>
#include <sekisho/terminal.h>
#include <string.h>

#include "parser.h"
#include "values.h"

static const struct key terminal_keys[] = {
        { "sekisho-terminal", &value_version, .flags = KEY_REQUIRED, .min = 1, .max = 1,
          .description = N_("Version of the format; the first key.") },
        { "name", &value_text, FIELD(terminal, name), .description = N_("What people call this terminal.") },
        { "groups", &value_id, .shape = SHAPE_LIST, ROWS(terminal, groups),
          .description = N_("Groups that this terminal belongs to.") },
        { "tpm-counter", &value_hex32, FIELD(terminal, tpm_counter), .min = 0x01800000, .max = 0x01bfffff,
          .description = N_("NV index of a counter in the TPM, by which a disk image that was put back is noticed.") },
};
const struct mapping terminal_mapping = { TABLE_OF(terminal_keys), .first_key = true };

static int read_terminal(struct parser *p, const char *bytes, size_t size, void *object) {
        struct terminal *t = object;
        int r = parse_document(p, bytes, size, &terminal_mapping, t);
        t->arena = p->arena;
        if (!t->name)
                t->name = "";
        return r;
}

int terminal_parse(const char *bytes, size_t size, struct problems *problems, struct terminal **ret) {
        void *object = NULL;
        int r = parse_whole(bytes, size, &(struct parse_limits){ .cap = DOCUMENT_MAX }, sizeof(struct terminal),
                            problems, read_terminal, &object);
        if (r == 0)
                *ret = object;
        return r;
}

struct terminal *terminal_free(struct terminal *t) {
        if (t)
                (void) arena_free(t->arena); /* the terminal itself is in it */
        return NULL;
}

static bool in_group(const struct terminal *t, const char *group) {
        for (uint32_t i = 0; t && i < t->groups.n; i++)
                if (strcmp(t->groups.list[i], group) == 0)
                        return true;
        return false;
}

bool terminal_is_target(const struct strings *target, const char *machine_id, const struct terminal *t) {
        for (uint32_t i = 0; i < target->n; i++) {
                const char *s = target->list[i];
                if (strcmp(s, "all") == 0)
                        return true;
                if (strncmp(s, "host:", 5) == 0 && machine_id && strcmp(s + 5, machine_id) == 0)
                        return true;
                if (strncmp(s, "group:", 6) == 0 && in_group(t, s + 6))
                        return true;
        }
        return false;
}
