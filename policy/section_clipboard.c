/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clipboard: the keys, and which combinations contradict themselves. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"
#include "values.h"

#define ALLOW_OR_BLOCK (1u << ACTION_ALLOW | 1u << ACTION_BLOCK)

static const struct key zone_keys[] = {
        { "id", &value_id, FIELD(clipboard_zone, id), .flags = KEY_REQUIRED | KEY_UNIQUE, .scope = SCOPE_ZONES,
          .widens = WIDENS_NO, .description = N_("What the zone is called.") },
        { "note", &value_text, FIELD(clipboard_zone, note), .widens = WIDENS_NO,
          .description = N_("For people; shown beside a decision.") },
        { "programs", &value_program, .shape = SHAPE_LIST, ROWS(clipboard_zone, programs),
          .flags = KEY_REQUIRED | KEY_NONEMPTY | KEY_UNIQUE, .scope = SCOPE_PROGRAMS, .widens = WIDENS_MORE,
          .description = N_("Programs of the zone, by full path. A program belongs to one zone.") },
};

static void identify_zone(const struct policy *p, const void *row, FILE *f) {
        (void) p;
        (void) fputs(((const struct clipboard_zone *) row)->id, f);
}
static enum action zone_action(const void *row) {
        (void) row;
        return ACTION_ALLOW;
}

static const struct mapping zone_mapping = {
        TABLE_OF(zone_keys),
        .has_line = true,
        .size = sizeof(struct clipboard_zone),
        .line_offset = offsetof(struct clipboard_zone, line),
        .identify = identify_zone,
        .action = zone_action,
};

static const struct key flow_keys[] = {
        { "from", &value_zone, FIELD(clipboard_flow, from), .flags = KEY_REQUIRED, .widens = WIDENS_NO,
          .description = N_("The zone that is copied from.") },
        { "to", &value_zone, FIELD(clipboard_flow, to), .flags = KEY_REQUIRED, .widens = WIDENS_NO,
          .description = N_("The zone that is pasted into.") },
        { "note", &value_text, FIELD(clipboard_flow, note), .widens = WIDENS_NO,
          .description = N_("For people; shown beside a decision.") },
        { "allow", &value_enum, .shape = SHAPE_MASK, .names = &flow_type_names, FIELD(clipboard_flow, types),
          .flags = KEY_REQUIRED | KEY_NONEMPTY, .widens = WIDENS_MORE,
          .description = N_("Kinds of content that may pass.") },
        { "max-bytes", &value_size, FIELD(clipboard_flow, max_bytes), .fallback = "unlimited", .flags = KEY_NEVER,
          .min = 1, .max = UINT64_C(1) << 40, .widens = WIDENS_UP,
          .description = N_("The most that may pass at once.") },
        { "my-number", &value_enum, FIELD(clipboard_flow, my_number_block), .names = &my_number_names,
          .fallback = "allow", .widens = WIDENS_DOWN,
          .description = N_("block: text that holds a My Number does not pass.") },
};

static void identify_flow(const struct policy *p, const void *row, FILE *f) {
        const struct clipboard_flow *flow = row;
        value_zone.print(p, &flow_keys[0], &flow->from, f);
        (void) fputc(':', f);
        value_zone.print(p, &flow_keys[1], &flow->to, f);
}

static bool flows_conflict(const void *a, const void *b) {
        const struct clipboard_flow *x = a, *y = b;
        return x->from == y->from && x->to == y->to && (x->types & y->types) != 0 &&
               (x->max_bytes != y->max_bytes || x->my_number_block != y->my_number_block);
}

static const struct mapping flow_mapping = {
        TABLE_OF(flow_keys),
        .has_line = true,
        .size = sizeof(struct clipboard_flow),
        .line_offset = offsetof(struct clipboard_flow, line),
        .identify = identify_flow,
        .action = zone_action,
        .conflict = flows_conflict,
};

enum { CLIPBOARD_MODE, CLIPBOARD_DEFAULT, CLIPBOARD_ZONES, CLIPBOARD_FLOWS, CLIPBOARD_CLEAR, CLIPBOARD_HELPER };
static const struct key clipboard_keys[] = {
        [CLIPBOARD_MODE] = { "mode", &value_enum, FIELD(policy, clipboard.mode), .names = &mode_names,
                             .widens = WIDENS_UP,
                             .description = N_("enforce, or observe (decide and record, block nothing), for this "
                                               "section. Absent: the mode of the whole policy.") },
        [CLIPBOARD_DEFAULT] = { "default", &value_enum, FIELD(policy, clipboard.default_action), .names = &action_names,
                                .valid = ALLOW_OR_BLOCK, .fallback = "block", .widens = WIDENS_RANK,
                                .rank = action_rank,
                                .description = N_("What happens to a paste that no flow allows.") },
        [CLIPBOARD_ZONES] = { "zones", .shape = SHAPE_ROWS, .mapping = &zone_mapping, ROWS(policy, clipboard.zones),
                              .description = N_("Groups of programs.") },
        [CLIPBOARD_FLOWS] = { "flows", .shape = SHAPE_ROWS, .mapping = &flow_mapping, ROWS(policy, clipboard.flows),
                              .description = N_("What may pass from one zone to another, or within one.") },
        [CLIPBOARD_CLEAR] = { "clear-after", &value_seconds, FIELD(policy, clipboard.clear_after), .fallback = "60s",
                              .flags = KEY_NEVER, .min = 1, .max = 86400, .widens = WIDENS_ANY,
                              .description = N_("The clipboard is emptied after this time, or never.") },
        [CLIPBOARD_HELPER] = { "without-helper", &value_enum, FIELD(policy, clipboard.without_helper),
                               .names = &helper_names, .fallback = "lock", .widens = WIDENS_UP,
                               .description = N_("What happens to a session whose clipboard guard is gone.") },
};

static int find_zone(struct parser *p, const char *name, uint32_t *ret) {
        const uint64_t key[3] = { (uint64_t) (uintptr_t) name };
        const struct tuple_entry *e = tuple_map_find(&p->shadows[SCOPE_ZONES], key);
        if (!e)
                return 0;
        *ret = e->value - 1;
        return 1;
}

/* Zone ids and the names in flows come from two intern tables; one look-up per zone brings them together. */
static int index_zones(struct parser *p, const struct clipboard_policy *c) {
        for (uint32_t i = 0; i < c->n_zones; i++) {
                const char *id = c->zones[i].id;
                if (!id)
                        continue; /* reported */
                const char *name = parser_string(p, id, strlen(id));
                const uint64_t key[3] = { (uint64_t) (uintptr_t) name };
                struct tuple_entry *e;
                if (!name || tuple_map_get(&p->shadows[SCOPE_ZONES], key, &e) < 0)
                        return -ENOMEM;
                if (!e->value)
                        e->value = i + 1;
        }
        return 0;
}

static void resolve_zones(struct parser *p, struct clipboard_flow *flows, bool *ret_all) {
        const struct zone_reference *z = (const void *) p->zones.bytes;
        size_t n = p->zones.used / sizeof *z;
        for (size_t i = 0; i < n; i++, z++) {
                uint32_t zone = 0;
                if (find_zone(p, z->name, &zone)) {
                        *(z->to ? &flows[z->row].to : &flows[z->row].from) = zone;
                        continue;
                }
                char path[64], quoted[QUOTE_MAX];
                (void) snprintf(path, sizeof path, "clipboard.flows[%u].%s", z->row, z->to ? "to" : "from");
                report_error_path(&p->report, z->at, path, _("there is no zone \"%s\" under clipboard.zones"),
                                  report_quote(quoted, z->name, strlen(z->name)));
                *ret_all = false;
        }
}

/* There are few kinds of content: for each pair of zones the lists that were seen are the bits of a number. */
static int warn_flows(struct parser *p, const struct clipboard_policy *c) {
        static_assert(1u << FLOW_TYPE_MAX <= 32, "sets of flow types must fit");
        for (uint32_t i = 0; i < c->n_flows; i++) {
                const struct clipboard_flow *f = &c->flows[i];
                const uint64_t key[3] = { 1, f->from, f->to };
                struct tuple_entry *e;
                if (tuple_map_get(&p->shadows[SCOPE_FLOWS], key, &e) < 0)
                        return -ENOMEM;
                bool covered = false;
                for (uint32_t types = 1; types < 1u << FLOW_TYPE_MAX; types++)
                        covered = covered || (((e->value >> types) & 1u) && !(f->types & ~types));
                if (covered)
                        report_warning(
                                &p->report, (struct place){ f->line, 0 },
                                _("this flow can never match: an earlier one between the same zones has all that "
                                  "it lists"));
                e->value |= 1u << f->types;
        }
        return 0;
}

static int check_clipboard(struct parser *p, void *object, const struct seen *s) {
        (void) s;
        struct clipboard_policy *c = &((struct policy *) object)->clipboard;
        /* The rows are ours until the parse is over; const is for those who read the policy. */
        union {
                const struct clipboard_flow *shown;
                struct clipboard_flow *own;
        } flows = { .shown = c->flows };
        bool all = !parser_has_errors(p);

        if (index_zones(p, c) < 0)
                return -ENOMEM;
        resolve_zones(p, flows.own, &all);
        return all ? warn_flows(p, c) : 0;
}

const struct mapping clipboard_mapping = { TABLE_OF(clipboard_keys), .check = check_clipboard };
