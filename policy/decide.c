/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sekisho/decision.h>
#include <sekisho/permit.h>
#include <string.h>

#include "i18n.h"
#include "index.h"
#include "judge.h"
#include "match.h"

static const struct {
        const char *code, *text;
} reasons[REASON_MAX] = {
        [REASON_RULE] = { "rule", N_("A rule of the policy decided this.") },
        [REASON_DEFAULT] = { "default", N_("No rule of the policy lists this.") },
        [REASON_FLOOR_HUB] = { "floor-hub", N_("Hubs always work.") },
        [REASON_FLOOR_KEYBOARD] = { "floor-keyboard", N_("This keyboard or mouse was connected at start-up.") },
        [REASON_FLOOR_LAST_KEYBOARD] = { "floor-last-keyboard",
                                         N_("No other keyboard works on this terminal, so this one does.") },
        [REASON_KEYBOARDS_ANY] = { "keyboards-any", N_("The policy permits every keyboard and mouse.") },
        [REASON_OUTSIDE_HOURS] = { "outside-hours", N_("This is permitted, but not at this hour.") },
        [REASON_POLICY_EXPIRED] = { "policy-expired", N_("The policy has expired, so its exceptions are suspended.") },
        [REASON_DESCRIPTORS_INVALID] = { "descriptors-invalid",
                                         N_("What the device says about itself does not hold together.") },
        [REASON_NO_POLICY] = { "no-policy", N_("No valid policy is installed on this terminal.") },
        [REASON_TOO_LARGE] = { "too-large", N_("The content is larger than the policy permits.") },
        [REASON_MY_NUMBER] = { "my-number", N_("The content holds a My Number (Individual Number).") },
        [REASON_TYPE_NOT_LISTED] = { "type-not-listed", N_("Content of this type may not be pasted there.") },
        [REASON_TOO_MANY_KEYBOARDS] = { "too-many-keyboards", N_("As many keyboards and mice as are permitted have "
                                                                 "been connected already.") },
        [REASON_VIRTUAL_CONTROLLER] = { "virtual-controller",
                                        N_("It is not plugged into this terminal, but comes over a network.") },
        [REASON_PERMIT] = { "permit", N_("A permit opens this for a while.") },
        [REASON_INTERFACE] = { "interface-not-listed",
                               N_("The policy does not list this interface, so it is kept down.") },
        [REASON_LOOPBACK] = { "loopback", N_("This does not leave the terminal.") },
        [REASON_IMAGE_RESTORED] = { "image-restored",
                                    N_("An older disk image was put back, so exceptions are suspended.") },
};

const char *reason_code(enum reason r) {
        return (unsigned) r < REASON_MAX ? reasons[r].code : NULL;
}

const char *reason_english(enum reason r) {
        return (unsigned) r < REASON_MAX ? reasons[r].text : NULL;
}

const char *reason_text(enum reason r) {
        return (unsigned) r < REASON_MAX ? _(reasons[r].text) : NULL;
}

void verdict_by_rule(struct verdict *v, enum action action, enum reason reason, const char *rule, const char *note,
                     uint32_t line) {
        v->action = action;
        v->reason = reason;
        v->explicit_rule = true;
        v->rule = rule;
        v->note = note;
        v->line = line;
        v->permit = v->ticket = NULL;
        v->interfaces = 0;
        v->users = (struct strings){ 0 };
        v->encrypted = ENCRYPTED_ANY;
}

void verdict_without_rule(struct verdict *v, enum action action, enum reason reason) {
        verdict_by_rule(v, action, reason, NULL, NULL, 0);
        v->explicit_rule = false;
}

void verdict_by_default(struct verdict *v, const struct policy *p, enum action action) {
        verdict_without_rule(v, action, p->header.serial == 0 ? REASON_NO_POLICY : REASON_DEFAULT);
}

bool hours_contain(const struct hours *h, const struct context *c) {
        if (h->n == 0)
                return true;

        unsigned today = 1u << (c->weekday % 7), yesterday = 1u << ((c->weekday + 6) % 7);
        for (uint32_t i = 0; i < h->n; i++) {
                const struct hours_span *s = &h->list[i];
                if (s->start <= s->end) {
                        if ((s->days & today) && c->minute >= s->start && c->minute < s->end)
                                return true;
                } else if (((s->days & today) && c->minute >= s->start) ||
                           ((s->days & yesterday) && c->minute < s->end)) {
                        return true; /* crosses midnight: the day is the one on which it began */
                }
        }
        return false;
}

static const struct device_rule *first_device_rule(const struct device_policy *devices, const struct device_view *view,
                                                   const struct listener *l) {
        if (!l && devices->index)
                return device_index_find(devices->index, view);

        for (uint32_t i = 0; i < devices->n_rules; i++) {
                const struct device_rule *r = &devices->rules[i];
                const char *mismatch = device_rule_mismatch(r, view);
                listener_tell(l, r->id, r->line, mismatch);
                if (!mismatch)
                        return r;
        }
        return NULL;
}

static bool opens(enum action a) {
        return a == ACTION_ALLOW || a == ACTION_READ_ONLY;
}

/* What `interfaces: matching` opens: 0 where the device has no interface beside the rule's classes. */
static uint64_t interfaces_to_open(const struct device_rule *r, const struct device_facts *d) {
        uint64_t listed = 0;
        bool has_stranger = false;
        for (size_t i = 0; r->interfaces == INTERFACES_MATCHING && i < d->n_interfaces; i++)
                if (interface_classes(d->bus, d->interfaces[i]) & r->classes)
                        listed |= UINT64_C(1) << i;
                else
                        has_stranger = true;
        return has_stranger ? listed : 0;
}

/* Whether exceptions are suspended, and why. */
static bool is_suspended(const struct policy *p, const struct context *c, enum reason *ret) {
        if (c->suspended)
                *ret = REASON_IMAGE_RESTORED;
        else if (c->now >= p->header.expires)
                *ret = REASON_POLICY_EXPIRED;
        else
                return false;
        return true;
}

/* The rules, without the floor. Hours and expiry close what a rule opens; they never open what it closes. */
static void judge_device_by_rules(const struct policy *p, const struct device_facts *d, const struct context *c,
                                  const struct listener *l, struct verdict *v) {
        struct device_view view;
        device_view_init(&view, d);

        enum reason suspended;
        bool is_off = is_suspended(p, c, &suspended);
        const struct device_rule *r = first_device_rule(&p->devices, &view, l);
        if (!r) {
                enum action action = p->devices.default_action;
                if (d->bus == BUS_VHCI)
                        verdict_without_rule(v, ACTION_BLOCK, REASON_VIRTUAL_CONTROLLER);
                else if (!opens(action))
                        verdict_by_default(v, p, ACTION_BLOCK);
                else if (is_off)
                        verdict_without_rule(v, ACTION_BLOCK, suspended);
                else
                        verdict_by_default(v, p, action);
                return;
        }

        enum action action = (enum action) r->action;
        enum reason reason = REASON_RULE;
        if (opens(action) && !hours_contain(&r->hours, c))
                reason = REASON_OUTSIDE_HOURS;
        else if (opens(action) && is_off)
                reason = suspended;
        if (!opens(action) || reason != REASON_RULE)
                action = ACTION_BLOCK;
        verdict_by_rule(v, action, reason, r->id, r->note, r->line);
        if (opens(action)) {
                v->interfaces = interfaces_to_open(r, d);
                v->users = r->users;
                v->encrypted = (enum encrypted) r->encrypted;
        }
}

/* What the policy gives anyone needs no permit, and uses none up. */
static bool gives_as_much(const struct verdict *v, const struct device_rule *r) {
        return (v->action == ACTION_ALLOW || v->action == r->action) && opens(v->action) && v->users.n == 0 &&
               (v->encrypted == ENCRYPTED_ANY || v->encrypted == (enum encrypted) r->encrypted);
}

static bool grant_matches(const struct permit_grant *g, const struct device_view *view, const struct context *c) {
        return c->now < g->permit->expires && (!*g->port || strcmp(g->port, view->facts->port) == 0) &&
               !device_rule_mismatch(&g->permit->rule, view);
}

/* A permit opens what the rules do not. Without a policy in force, or with one that has expired, there are no
 * exceptions at all. */
static void judge_device_by_permits(const struct policy *p, const struct device_facts *d, const struct context *c,
                                    struct verdict *v) {
        enum reason suspended;
        if (c->n_grants == 0 || p->header.serial == 0 || is_suspended(p, c, &suspended))
                return;
        struct device_view view;
        device_view_init(&view, d);
        for (size_t i = 0; i < c->n_grants; i++) {
                const struct permit *permit = c->grants[i].permit;
                if (!grant_matches(&c->grants[i], &view, c) || gives_as_much(v, &permit->rule))
                        continue;
                verdict_without_rule(v, (enum action) permit->rule.action, REASON_PERMIT);
                v->permit = permit->id;
                v->ticket = permit->ticket;
                v->users = permit->rule.users;
                v->encrypted = (enum encrypted) permit->rule.encrypted;
                return;
        }
}

/* The floor for what can only type or point, of whatever the rules say. */
static bool floor_opens(const struct policy *p, const struct device_facts *d, const struct context *c,
                        struct verdict *v) {
        enum keyboards keyboards = p->devices.keyboards;
        if (keyboards == KEYBOARDS_LISTED && c->keyboards_fallback)
                keyboards = KEYBOARDS_PRESENT;
        if (keyboards == KEYBOARDS_ANY)
                verdict_without_rule(v, ACTION_ALLOW, REASON_KEYBOARDS_ANY);
        else if (keyboards == KEYBOARDS_PRESENT && d->present_at_boot)
                verdict_without_rule(v, ACTION_ALLOW, REASON_FLOOR_KEYBOARD);
        else
                return false;
        return true;
}

/* A handful of newcomers that can type is enough for any desk; what brings more has something else in mind. */
static bool is_one_too_many(const struct device_facts *d, const struct context *c, const struct verdict *v) {
        return opens(v->action) && !d->present_at_boot && c->late_keyboards >= KEYBOARDS_LATE_MAX &&
               device_can_type(d, v->interfaces);
}

/* The floor stands around the rules: hubs and the keyboards of `keyboards:` are not even looked up, and where nothing
 * on the machine can type, no rule, hour, expiry or number keeps a HID-only device shut. A block rule for a keyboard
 * therefore holds under `listed`, and under `present` for one plugged in later, and only while another one works. No
 * hand types on a virtual controller, so the floor does not reach there. */
void judge_device(const struct policy *p, const struct device_facts *d, const struct context *c,
                  const struct listener *l, struct verdict *v) {
        bool is_here = d->bus != BUS_VHCI;
        if (d->is_root_hub || (is_here && device_is_hub_only(d))) {
                verdict_without_rule(v, ACTION_ALLOW, REASON_FLOOR_HUB);
                return;
        }
        if (!d->descriptors_valid || d->n_interfaces > DEVICE_INTERFACES_MAX) {
                verdict_without_rule(v, ACTION_BLOCK, REASON_DESCRIPTORS_INVALID);
                return;
        }

        bool hid = is_here && device_is_hid_only(d);
        if (!hid || !floor_opens(p, d, c, v))
                judge_device_by_rules(p, d, c, l, v);
        judge_device_by_permits(p, d, c, v);
        if (is_one_too_many(d, c, v))
                verdict_without_rule(v, ACTION_BLOCK, REASON_TOO_MANY_KEYBOARDS);
        if (hid && !opens(v->action) && c->working_keyboards == 0)
                verdict_without_rule(v, ACTION_ALLOW, REASON_FLOOR_LAST_KEYBOARD);
}

static void judge(const struct policy *p, const struct facts *f, const struct context *c, const struct listener *l,
                  struct verdict *ret) {
        struct verdict v = {
                .action = ACTION_BLOCK,
                .reason = REASON_DEFAULT,
                .enforce = true,
                .policy_serial = p->header.serial,
        };
        switch (f->kind) {
        case FACTS_DEVICE:
                v.enforce = p->devices.mode != MODE_OBSERVE;
                judge_device(p, &f->device, c, l, &v);
                break;
        case FACTS_CONNECT:
                v.enforce = p->network.mode != MODE_OBSERVE;
                judge_connect(p, &f->connect, l, &v);
                break;
        case FACTS_PASTE:
                v.enforce = p->clipboard.mode != MODE_OBSERVE;
                judge_paste(p, &f->paste, l, &v);
                break;
        case FACTS_LOGIN:
                v.enforce = p->login.mode != MODE_OBSERVE;
                judge_login(p, &f->login, c, l, &v);
                break;
        case FACTS_KIND_MAX:
        case FACTS_KIND_INVALID:
        default:
                break; /* cannot be judged: stays blocked */
        }
        *ret = v;
}

void decide(const struct policy *p, const struct facts *f, const struct context *c, struct verdict *ret) {
        judge(p, f, c, NULL, ret);
}

void decide_linear(const struct policy *p, const struct facts *f, const struct context *c, struct verdict *ret,
                   void (*each)(const char *rule, uint32_t line, const char *mismatch, void *userdata),
                   void *userdata) {
        const struct listener l = { .each = each, .userdata = userdata };
        judge(p, f, c, &l, ret);
}
