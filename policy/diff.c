/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference of two policies, by the key table: what is in the table is compared, and rules are matched by their
 * id. */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "values.h"

static int diff_mapping(const struct diff *d, const struct mapping *m, const char *path, const void *before,
                        const void *after, const enum action *actions);

void diff_path(char path[static DIFF_PATH_SIZE], const char *const *parts) {
        size_t used = 0;
        for (; *parts; parts++) {
                size_t length = strnlen(*parts, DIFF_PATH_SIZE - 1 - used);
                memcpy(path + used, *parts, length);
                used += length;
        }
        path[used] = 0;
}

int diff_tell(const struct diff *d, const char *path, const char *before, const char *after, bool widens) {
        struct policy_change change = { .path = path, .before = before, .after = after, .widens = widens };
        if (!before)
                change.kind = '+';
        else if (!after)
                change.kind = '-';
        else
                change.kind = '~';
        return d->each(&change, d->userdata);
}

/* The members of a list or mask, each as a person writes it. */
struct members {
        char **list;
        size_t n;
};

static void members_clear(struct members *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->list[i]);
        free(m->list);
        *m = (struct members){ 0 };
}

static int print_value(const struct policy *p, const struct key *k, const void *field, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        k->value->print(p, k, field, f);
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

static int members_add(struct members *m, const struct policy *p, const struct key *k, const void *field) {
        int r = print_value(p, k, field, &m->list[m->n]);
        if (r == 0)
                m->n++;
        return r;
}

static int members_of(const struct policy *p, const struct key *k, const void *object, struct members *ret) {
        struct members m = { 0 };
        int r = 0;
        if (k->shape == SHAPE_LIST) {
                struct list list;
                memcpy(&list, field_of_const(object, k), LIST_BYTES);
                m.list = calloc((size_t) list.n + 1, sizeof *m.list);
                for (uint32_t i = 0; m.list && r == 0 && i < list.n; i++)
                        r = members_add(&m, p, k, (const char *) list.rows + (size_t) i * k->value->size);
        } else {
                uint64_t mask = load_number(field_of_const(object, k), k);
                m.list = calloc(33, sizeof *m.list);
                for (unsigned i = 0; m.list && r == 0 && i < 32; i++) {
                        char field[8];
                        store_number(field, k, i);
                        if ((mask >> i) & 1u)
                                r = members_add(&m, p, k, field);
                }
        }
        if (r < 0 || !m.list) {
                members_clear(&m);
                return -ENOMEM;
        }
        *ret = m;
        return 0;
}

static bool has_member(const struct members *m, const char *s) {
        for (size_t i = 0; i < m->n; i++)
                if (strcmp(m->list[i], s) == 0)
                        return true;
        return false;
}

static bool has_new_member(const struct members *before, const struct members *after) {
        for (size_t i = 0; i < after->n; i++)
                if (!has_member(before, after->list[i]))
                        return true;
        return false;
}

static int join(const struct members *m, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        (void) fputc('[', f);
        for (size_t i = 0; i < m->n; i++)
                (void) fprintf(f, "%s%s", i ? ", " : "", m->list[i]);
        (void) fputc(']', f);
        if (fclose(f) != 0) {
                free(*ret);
                return -ENOMEM;
        }
        return 0;
}

/* A rule that lets everything through cannot widen by a narrower match: what falls out of it meets rules that allow no
 * more than it did. Of any other rule that is not known. */
static bool is_full(enum action a) {
        return a == ACTION_ALLOW || a == ACTION_EXEMPT;
}

static bool list_widens(const struct key *k, const struct members *before, const struct members *after,
                        const enum action *actions) {
        if (k->widens == WIDENS_NO)
                return false;
        if (k->widens == WIDENS_ANY || (actions && !(is_full(actions[0]) && is_full(actions[1]))))
                return true;
        if (k->widens == WIDENS_FREE) {
                if (before->n == 0)
                        return false;
                if (after->n == 0)
                        return true;
        }
        return has_new_member(before, after);
}

static int diff_list(const struct diff *d, const struct key *k, const char *path, const void *before, const void *after,
                     const enum action *actions) {
        struct members b = { 0 }, a = { 0 };
        char *text_b = NULL, *text_a = NULL;
        int r = members_of(d->before, k, before, &b);
        if (r == 0)
                r = members_of(d->after, k, after, &a);
        /* The order of the members says nothing. */
        if (r == 0 && (has_new_member(&a, &b) || has_new_member(&b, &a))) {
                r = b.n > 0 ? join(&b, &text_b) : 0;
                if (r == 0 && a.n > 0)
                        r = join(&a, &text_a);
                if (r == 0)
                        r = diff_tell(d, path, text_b, text_a, list_widens(k, &b, &a, actions));
        }
        free(text_b);
        free(text_a);
        members_clear(&b);
        members_clear(&a);
        return r;
}

static bool scalar_widens(const struct key *k, const void *before, const void *after, const enum action *actions) {
        bool partial = actions && !(is_full(actions[0]) && is_full(actions[1]));
        if (partial && k->widens != WIDENS_NO && k->widens != WIDENS_RANK)
                return true;
        uint64_t b = load_number(before, k), a = load_number(after, k);
        switch ((enum widens) k->widens) {
        case WIDENS_NO:
                return false;
        case WIDENS_UP:
                return a > b;
        case WIDENS_DOWN:
                return a < b;
        case WIDENS_RANK:
                return k->rank[a] > k->rank[b];
        case WIDENS_ANY:
        case WIDENS_MORE:
        case WIDENS_FREE:
                return true;
        }
        return true;
}

static bool is_present(const struct key *k, const void *object) {
        return !k->present || *((const bool *) object + k->present);
}

static int diff_scalar(const struct diff *d, const struct key *k, const char *path, const void *before,
                       const void *after, const enum action *actions) {
        char *b = NULL, *a = NULL;
        const void *field_b = field_of_const(before, k), *field_a = field_of_const(after, k);
        int r = is_present(k, before) ? print_value(d->before, k, field_b, &b) : 0;
        if (r == 0 && is_present(k, after))
                r = print_value(d->after, k, field_a, &a);
        const char *text_b = b && b[0] ? b : NULL, *text_a = a && a[0] ? a : NULL;
        bool same = text_b && text_a ? strcmp(text_b, text_a) == 0 : text_b == text_a;
        /* One more condition on a rule that lets everything through. */
        bool narrower = actions && is_full(actions[0]) && is_full(actions[1]) && k->widens == WIDENS_ANY && !text_b;
        if (r == 0 && !same)
                r = diff_tell(d, path, text_b, text_a, !narrower && scalar_widens(k, field_b, field_a, actions));
        free(b);
        free(a);
        return r;
}

/* A mapping whose presence alone says something: guard-required. */
static int diff_presence(const struct diff *d, const struct key *k, const char *path, const void *before,
                         const void *after) {
        bool b = is_present(k, before), a = is_present(k, after);
        return b == a ? 0 : diff_tell(d, path, b ? "{}" : NULL, a ? "{}" : NULL, b);
}

static const void *row_at(const struct list *rows, const struct mapping *m, uint32_t i) {
        return (const char *) rows->rows + (size_t) i * m->size;
}

/* One side of a comparison of rows: their names, and where the row of a name is. */
struct side {
        const struct policy *policy;
        struct list rows;
        struct intern names; /* number = position + 1; 0: only the other side has it */
        const char **list;
};

/* A second row of the same name (flows may have one) is called NAME#2, and so on. */
static int name_row(const struct side *s, const struct mapping *m, uint32_t i, unsigned count, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        m->identify(s->policy, row_at(&s->rows, m, i), f);
        if (count > 1)
                (void) fprintf(f, "#%u", count);
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

static int side_add(struct side *s, const struct mapping *m, struct arena *arena, uint32_t i) {
        for (unsigned count = 1;; count++) {
                char *name;
                struct intern_entry *e;
                int r = name_row(s, m, i, count, &name);
                if (r < 0)
                        return r;
                r = intern_add(&s->names, arena, name, strlen(name), true, &e);
                free(name);
                if (r < 0)
                        return r;
                if (e->number)
                        continue;
                e->number = i + 1;
                s->list[i] = e->bytes;
                return 0;
        }
}

static int side_init(struct side *s, const struct key *k, const struct policy *p, const void *object,
                     struct arena *arena) {
        s->policy = p;
        memcpy(&s->rows, field_of_const(object, k), LIST_BYTES);
        s->list = arena_alloc(arena, s->rows.n, sizeof *s->list);
        int r = s->list ? 0 : -ENOMEM;
        for (uint32_t i = 0; r == 0 && i < s->rows.n; i++)
                r = side_add(s, k->mapping, arena, i);
        return r;
}

static int side_find(struct side *s, struct arena *arena, const char *name, uint32_t *ret) {
        struct intern_entry *e;
        int r = intern_add(&s->names, arena, name, strlen(name), true, &e);
        if (r == 0)
                *ret = e->number;
        return r;
}

static bool whole_row_widens(const struct mapping *m, const void *row, bool added) {
        enum action a = m->action(row);
        return added ? a != ACTION_BLOCK : !is_full(a);
}

static int diff_whole_row(const struct diff *d, const struct mapping *m, const char *path, const char *name,
                          const void *row, bool added) {
        char full[DIFF_PATH_SIZE];
        diff_path(full, (const char *const[]){ path, "[", name, "]", NULL });
        const char *action = names_get(&action_names, (int) m->action(row));
        return diff_tell(d, full, added ? NULL : action, added ? action : NULL, whole_row_widens(m, row, added));
}

static int diff_pair(const struct diff *d, const struct mapping *m, const char *path, const char *name,
                     const void *before, const void *after) {
        char full[DIFF_PATH_SIZE];
        diff_path(full, (const char *const[]){ path, "[", name, "]", NULL });
        const enum action actions[2] = { m->action(before), m->action(after) };
        return diff_mapping(d, m, full, before, after, actions);
}

struct rows_diff {
        struct side before, after;
        struct arena *arena;
        struct buffer common; /* struct row_pair */
};

static int diff_removed(const struct diff *d, const struct mapping *m, const char *path, struct rows_diff *x) {
        for (uint32_t i = 0; i < x->before.rows.n; i++) {
                uint32_t there = 0;
                int r = side_find(&x->after, x->arena, x->before.list[i], &there);
                if (r == 0 && !there)
                        r = diff_whole_row(d, m, path, x->before.list[i], row_at(&x->before.rows, m, i), false);
                if (r)
                        return r;
        }
        return 0;
}

static int diff_kept(const struct diff *d, const struct mapping *m, const char *path, struct rows_diff *x) {
        for (uint32_t i = 0; i < x->after.rows.n; i++) {
                const char *name = x->after.list[i];
                const void *row = row_at(&x->after.rows, m, i);
                uint32_t there = 0;
                int r = side_find(&x->before, x->arena, name, &there);
                if (r == 0 && !there) {
                        r = diff_whole_row(d, m, path, name, row, true);
                } else if (r == 0) {
                        struct row_pair pair = { .name = name, .before = there - 1, .after = i };
                        r = diff_pair(d, m, path, name, row_at(&x->before.rows, m, pair.before), row);
                        if (r == 0)
                                r = buffer_append(&x->common, &pair, sizeof pair);
                }
                if (r)
                        return r;
        }
        return 0;
}

static int diff_rows(const struct diff *d, const struct key *k, const char *path, const void *before,
                     const void *after) {
        struct rows_diff x = { .arena = arena_new() };
        int r = x.arena ? side_init(&x.before, k, d->before, before, x.arena) : -ENOMEM;
        if (r == 0)
                r = side_init(&x.after, k, d->after, after, x.arena);
        if (r == 0)
                r = diff_removed(d, k->mapping, path, &x);
        if (r == 0)
                r = diff_kept(d, k->mapping, path, &x);
        if (r == 0)
                r = diff_order(d, k->mapping, path, &x.before.rows, (const void *) x.common.bytes,
                               (uint32_t) (x.common.used / sizeof(struct row_pair)));
        intern_clear(&x.before.names);
        intern_clear(&x.after.names);
        buffer_clear(&x.common);
        (void) arena_free(x.arena);
        return r;
}

static int diff_key(const struct diff *d, const struct key *k, const char *path, const void *before, const void *after,
                    const enum action *actions) {
        char full[DIFF_PATH_SIZE];
        diff_path(full, (const char *const[]){ path, path[0] ? "." : "", k->name, NULL });
        int r = 0;
        switch ((enum shape) k->shape) {
        case SHAPE_SCALAR:
                return diff_scalar(d, k, full, before, after, actions);
        case SHAPE_LIST:
        case SHAPE_MASK:
                return diff_list(d, k, full, before, after, actions);
        case SHAPE_MAP:
                r = diff_presence(d, k, full, before, after);
                return r ? r : diff_mapping(d, k->mapping, full, before, after, actions);
        case SHAPE_ROWS:
                return diff_rows(d, k, full, before, after);
        }
        return -EINVAL;
}

static int diff_mapping(const struct diff *d, const struct mapping *m, const char *path, const void *before,
                        const void *after, const enum action *actions) {
        for (unsigned i = 0; i < m->n; i++) {
                int r = diff_key(d, &m->keys[i], path, before, after, actions);
                if (r)
                        return r;
        }
        return 0;
}

int policy_diff(const struct policy *before, const struct policy *after,
                int (*each)(const struct policy_change *change, void *userdata), void *userdata) {
        struct diff d = { before, after, each, userdata };
        return diff_mapping(&d, &policy_mapping, "", before, after, NULL);
}
