/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "print.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/expr.h>

#include "base/cleanup.h"
#include "compile.h"

#define LINE_MAX_SIZE 4096u

static void cut(char *line);

void ruleset_lines_clear(struct lines *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->list[i]);
        free(l->list);
        *l = (struct lines){ 0 };
}

static int add(struct lines *l, const struct ruleset *rs, char *line) {
        if (l->n == l->allocated) {
                size_t more = l->allocated ? 2 * l->allocated : 64;
                char **list = reallocarray(l->list, more, sizeof *list);
                if (!list)
                        return -ENOMEM;
                l->list = list;
                l->allocated = more;
        }
        /* ".12" behind a name is the generation, which says nothing about the meaning. */
        char suffix[32];
        int n = snprintf(suffix, sizeof suffix, ".%" PRIu64, rs->generation);
        for (char *at = line; rs->generation && (at = strstr(at, suffix));)
                if (isdigit((unsigned char) at[n]))
                        at += n;
                else
                        memmove(at, at + n, strlen(at + n) + 1);
        cut(line);
        char *copy = strdup(line);
        if (!copy)
                return -ENOMEM;
        l->list[l->n++] = copy;
        return 0;
}

static void cut(char *line) {
        size_t n = strlen(line);
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
                line[--n] = '\0';
}

static int add_counter(struct lines *l, const struct ruleset *rs, const struct object *o) {
        char line[LINE_MAX_SIZE];
        (void) snprintf(line, sizeof line, "%s counter %s",
                        table_family_name(nftnl_obj_get_u32(o->counter, NFTNL_OBJ_FAMILY)),
                        nftnl_obj_get_str(o->counter, NFTNL_OBJ_NAME));
        return add(l, rs, line);
}

static int add_chain(struct lines *l, const struct ruleset *rs, const struct object *o) {
        char line[LINE_MAX_SIZE];
        const struct nftnl_chain *c = o->chain;
        int n = snprintf(line, sizeof line, "%s chain %s",
                         table_family_name(nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY)),
                         nftnl_chain_get_str(c, NFTNL_CHAIN_NAME));
        if (nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM))
                (void) snprintf(line + n, sizeof line - (size_t) n, " hook %u priority %d policy %u",
                                nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM), nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO),
                                nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY));
        return add(l, rs, line);
}

/* "10.0.0.0" would need the type; hex says the same. */
static size_t hex(char *to, size_t size, const uint8_t *bytes, size_t n) {
        static const char digits[] = "0123456789abcdef";
        size_t i = 0;
        for (; i < n && 2 * i + 2 < size; i++) {
                to[2 * i] = digits[bytes[i] >> 4];
                to[2 * i + 1] = digits[bytes[i] & 15];
        }
        to[2 * i] = '\0';
        return 2 * i;
}

struct element_lines {
        struct lines *lines;
        const struct ruleset *rs;
        const char *start;
};

static int add_element(struct nftnl_set_elem *e, void *userdata) {
        const struct element_lines *x = userdata;
        char line[LINE_MAX_SIZE], key[64];
        uint32_t length = 0, flags = 0;
        const uint8_t *bytes = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &length);
        if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_FLAGS))
                flags = nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_FLAGS);
        (void) hex(key, sizeof key, bytes, length);
        int n = snprintf(line, sizeof line, "%s element %s%s", x->start, key,
                         flags & NFT_SET_ELEM_INTERVAL_END ? " end" : "");
        if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_VERDICT))
                (void) snprintf(line + n, sizeof line - (size_t) n, " verdict %d %s",
                                (int) nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_VERDICT),
                                nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_CHAIN)
                                        ? nftnl_set_elem_get_str(e, NFTNL_SET_ELEM_CHAIN)
                                        : "");
        return add(x->lines, x->rs, line);
}

static int add_elements(struct lines *l, const struct ruleset *rs, struct nftnl_set *s, const char *start) {
        struct element_lines x = { l, rs, start };
        return nftnl_set_elem_foreach(s, add_element, &x);
}

static int add_set(struct lines *l, const struct ruleset *rs, const struct object *o) {
        char line[LINE_MAX_SIZE], start[256];
        struct nftnl_set *s = o->set;
        uint32_t flags = nftnl_set_get_u32(s, NFTNL_SET_FLAGS);
        (void) snprintf(start, sizeof start, "%s set %s", table_family_name(nftnl_set_get_u32(s, NFTNL_SET_FAMILY)),
                        nftnl_set_get_str(s, NFTNL_SET_NAME));
        (void) snprintf(line, sizeof line, "%s: key %u bytes, flags %#x", start,
                        nftnl_set_get_u32(s, NFTNL_SET_KEY_LEN), flags);
        int r = add(l, rs, line);
        /* What packets put there is no part of the rules. */
        return r < 0 || flags & NFT_SET_EVAL ? r : add_elements(l, rs, s, start);
}

struct rule_line {
        char text[LINE_MAX_SIZE];
        size_t used;
};

static int add_expression(struct nftnl_expr *e, void *userdata) {
        struct rule_line *line = userdata;
        int n = snprintf(line->text + line->used, sizeof line->text - line->used, " [%s ",
                         nftnl_expr_get_str(e, NFTNL_EXPR_NAME));
        if (n > 0 && line->used + (size_t) n < sizeof line->text)
                line->used += (size_t) n;
        n = nftnl_expr_snprintf(line->text + line->used, sizeof line->text - line->used, e, NFTNL_OUTPUT_DEFAULT, 0);
        if (n > 0 && line->used + (size_t) n + 2 < sizeof line->text)
                line->used += (size_t) n;
        while (line->used > 0 && line->text[line->used - 1] == ' ')
                line->used--;
        line->text[line->used++] = ']';
        line->text[line->used] = '\0';
        return 0;
}

/* Numbered within their chain: their order is their meaning. */
static int add_rules(struct lines *l, const struct ruleset *rs) {
        const struct objects *rules = &rs->objects[OBJECT_RULE];
        const char *chain = "";
        uint32_t family = 0;
        unsigned number = 0;
        for (size_t i = 0; i < rules->n; i++) {
                const struct nftnl_rule *rule = rules->list[i].rule;
                const char *name = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
                uint32_t f = nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY);
                number = f == family && strcmp(chain, name) == 0 ? number + 1 : 1;
                chain = name;
                family = f;
                struct rule_line line = { .used = 0 };
                line.used = (size_t) snprintf(line.text, sizeof line.text, "%s rule %s #%03u", table_family_name(f),
                                              name, number);
                (void) nftnl_expr_foreach((struct nftnl_rule *) (uintptr_t) rule, add_expression, &line);
                int r = add(l, rs, line.text);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int ruleset_lines(const struct ruleset *rs, struct lines *ret) {
        static int (*const adders[])(struct lines *, const struct ruleset *, const struct object *) = {
                [OBJECT_COUNTER] = add_counter, [OBJECT_SET] = add_set, [OBJECT_CHAIN] = add_chain
        };
        struct lines l = { 0 };
        int r = 0;
        for (int kind = 0; kind < OBJECT_RULE; kind++)
                for (size_t i = 0; i < rs->objects[kind].n && r == 0; i++)
                        r = adders[kind](&l, rs, &rs->objects[kind].list[i]);
        if (r == 0)
                r = add_rules(&l, rs);
        if (r < 0) {
                ruleset_lines_clear(&l);
                return r;
        }
        if (l.n)
                qsort(l.list, l.n, sizeof *l.list, compare);
        *ret = l;
        return 0;
}

size_t lines_compare(const struct lines *a, const struct lines *b, void (*each)(char sign, const char *line, void *),
                     void *userdata) {
        size_t i = 0, k = 0, n = 0;
        while (i < a->n || k < b->n) {
                int c = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->list[i], b->list[k]);
                if (c == 0) {
                        i++, k++;
                        continue;
                }
                n++;
                each(c < 0 ? '-' : '+', c < 0 ? a->list[i++] : b->list[k++], userdata);
        }
        return n;
}
