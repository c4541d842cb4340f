/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each kind of fact is judged. Private to the policy library; decide.c alone calls these. */
#pragma once

#include <sekisho/decision.h>

/* Who hears of every rule that is looked at. NULL for decide(): then nobody does, and an index may be used. */
struct listener {
        void (*each)(const char *rule, uint32_t line, const char *mismatch, void *userdata);
        void *userdata;
};

static inline void listener_tell(const struct listener *l, const char *rule, uint32_t line, const char *mismatch) {
        if (l && l->each)
                l->each(rule, line, mismatch, l->userdata);
}

/* Each fills action, reason, explicit_rule, rule, note, line of a verdict that holds "blocked by default". */
void judge_device(const struct policy *p, const struct device_facts *d, const struct context *c,
                  const struct listener *l, struct verdict *v);
void judge_connect(const struct policy *p, const struct connect_facts *f, const struct listener *l, struct verdict *v);
void judge_paste(const struct policy *p, const struct paste_facts *f, const struct listener *l, struct verdict *v);
void judge_login(const struct policy *p, const struct login_facts *f, const struct context *c, const struct listener *l,
                 struct verdict *v);

void verdict_by_rule(struct verdict *v, enum action action, enum reason reason, const char *rule, const char *note,
                     uint32_t line);
void verdict_without_rule(struct verdict *v, enum action action, enum reason reason);
void verdict_by_default(struct verdict *v, const struct policy *p, enum action action);

/* Whether the local time of the context lies within the hours. No hours = always. */
bool hours_contain(const struct hours *h, const struct context *c);
