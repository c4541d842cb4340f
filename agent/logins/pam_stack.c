/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pam.h"

struct reader {
        const struct pam_source *from;
        struct pam_stack *stack;
        enum pam_type wanted;
        unsigned files; /* read so far: includes that include each other grow without end otherwise */
};

#define FILES_MAX 256u

static int add(const struct reader *r, const struct pam_line *l, const char *path, int level, bool is_substack) {
        struct pam_stack *s = r->stack;
        if (s->n >= PAM_ENTRIES_MAX) {
                s->unclear = true;
                return 0;
        }
        int grown = text_grow((void **) &s->entries, s->n, sizeof *s->entries);
        if (grown < 0)
                return grown;
        struct pam_entry *e = &s->entries[s->n];
        *e = (struct pam_entry){
                .file = path, .line = l->number, .arguments = l->arguments, .level = level, .is_substack = is_substack
        };
        memcpy(e->actions, l->actions, sizeof e->actions);
        if (l->usable && !is_substack) {
                e->module = pool_copy(&s->pool, l->target, strlen(l->target));
                if (!e->module)
                        return -ENOMEM;
        }
        if (!is_substack)
                pam_module_outcomes(s, e, r->wanted, r->from);
        s->n++;
        return 0;
}

static int read_file(struct reader *r, const char *name, enum pam_type of, unsigned depth, int level);

/* An include that cannot be read is a line that fails. */
static int include(struct reader *r, struct pam_line *l, const char *path, unsigned depth, int level) {
        int deeper = level + (l->kind == PAM_SUBSTACK), got = 0;
        if (l->kind == PAM_SUBSTACK)
                got = add(r, l, path, level, true);
        if (got == 0)
                got = l->target ? read_file(r, l->target, l->type, depth + 1, deeper) : 1;
        if (got <= 0)
                return got;
        if (l->type == PAM_TYPE_MAX) { /* a line of no type: libpam gives up */
                r->stack->broken = true;
                return 0;
        }
        if (l->kind == PAM_INCLUDE && l->at) { /* Debian's patch leaves to chance what such a line does */
                r->stack->unclear = true;
                return 0;
        }
        l->usable = false;
        for (unsigned i = 0; i < PAM_CODES; i++)
                l->actions[i] = PAM_DO_BAD;
        return add(r, l, path, level, false);
}

/* 0; 1: not there; 2: libpam gives up on it; -ENOMEM. */
static int read_file(struct reader *r, const char *name, enum pam_type of, unsigned depth, int level) {
        if (depth >= PAM_LEVELS)
                return 1;
        if (r->files++ >= FILES_MAX) {
                r->stack->unclear = true;
                return 0;
        }
        char *text = NULL;
        const char *path = NULL;
        int got = r->from->read(r->from->userdata, name, &r->stack->pool, &text, &path);
        unsigned number = 0;
        while (got == 0) {
                struct pam_line l;
                got = pam_file_next(&text, &number, of, &r->stack->pool, &l);
                if (got <= 0)
                        break;
                got = 0;
                if (l.type != PAM_TYPE_MAX && l.type != r->wanted)
                        continue;
                got = l.kind == PAM_MODULE ? add(r, &l, path, level, false) : include(r, &l, path, depth, level);
                if (r->stack->broken || r->stack->unclear)
                        return got;
        }
        if (got == -E2BIG) {
                r->stack->unclear = true;
                got = 0;
        }
        return got == -EBADMSG ? 2 : got;
}

int pam_stack_read(const struct pam_source *from, const char *service, enum pam_type type, struct pam_stack *ret) {
        struct pam_stack *s = ret;
        *s = (struct pam_stack){ .n_conditions = 0 };
        while (1u << s->n_conditions < CONDITION_FIRST)
                s->conditions[s->n_conditions++] = "";
        struct reader r = { .from = from, .stack = s, .wanted = type };
        int got = read_file(&r, service, PAM_TYPE_MAX, 0, 0);
        if (got < 0)
                return got;
        if (got == 2)
                s->broken = true;
        if (!s->broken && !s->unclear && s->n == 0) {
                s->borrowed = true;
                r.files = 0;
                got = read_file(&r, "other", PAM_TYPE_MAX, 0, 0);
                s->broken = s->broken || got == 2;
        }
        return got < 0 ? got : 0;
}

void pam_stack_clear(struct pam_stack *s) {
        free(s->entries);
        pool_clear(&s->pool);
        *s = (struct pam_stack){ .n = 0 };
}
