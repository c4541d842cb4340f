/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "conditions.h"
#include "keyboards.h"
#include "medium.h"
#include "permits.h"
#include "sys/hwdb.h"

/* What the agent adds to the facts. */
static struct context context_for(const struct agent *a, const struct subject *s) {
        struct context c = { .now = time_now(&a->time), .suspended = a->suspended };
        if (time_local(c.now, &c.weekday, &c.minute) < 0)
                c.weekday = 0, c.minute = 0;

        keyboards_context(a, s, &c);
        permits_context(a, &c);
        return c;
}

static bool is_floor(enum reason r) {
        return r == REASON_FLOOR_HUB || r == REASON_FLOOR_KEYBOARD || r == REASON_FLOOR_LAST_KEYBOARD;
}

static struct verdict judge(struct agent *a, const struct subject *s) {
        struct context c = context_for(a, s);
        struct verdict v = { .action = ACTION_BLOCK };
        decide(a->active.policy, &s->facts, &c, &v);
        v.handle = s->handle;
        v.policy_serial = a->active.policy->header.serial;
        return v;
}

/* Step 4. What opens a door is on the disk before the door opens; what stays shut follows in the next batch. The guard
 * does meanwhile what takes time and opens nothing. */
static int record_decision(struct agent *a, struct subject *s, bool opens) {
        if (opens && s->guard->ops->prepare)
                s->guard->ops->prepare(s->guard, &s->verdict);
        enum audit_activity activity = opens ? AUDIT_DEVICE_ENABLE : AUDIT_DEVICE_DISABLE;
        json_t *event =
                audit_event_device(&a->identity, time_now(&a->time), s->announced ? activity : AUDIT_DEVICE_CONNECT,
                                   &s->facts.device, &s->verdict, NULL);
        int r = agent_record(a, event, opens ? AUDIT_DURABLE : AUDIT_BATCH);
        s->recorded = r == 0;
        s->announced = s->announced || r == 0;
        return r;
}

/* ---- conditions: held by one guard on what another lets in ---- */

static bool media_is_held(const struct agent *a, const struct subject *s) {
        if (s->not_held && s->not_held_serial == a->active.policy->header.serial)
                return false;
        for (size_t i = 0; i < a->n_guards; i++)
                if (a->guards[i]->ops->holds_conditions)
                        return true;
        return false;
}

static const char *condition_of(const struct agent *a, const struct subject *s) {
        if (s->guard->ops->holds_conditions)
                return NULL; /* its own effect says */
        return condition_not_held(&s->facts.device, &s->verdict, media_is_held(a, s));
}

/* What cannot be recorded stays shut, but for the floor: keyboards stay alive. */
static enum withheld withhold(struct agent *a, struct subject *s, bool news) {
        s->condition = condition_of(a, s);
        bool opens = verdict_opens(&s->verdict) && !s->condition;

        if (opens && s->verdict.enforce && s->verdict.permit && permits_begin(a, s) < 0)
                return WITHHELD_RECORD;
        if (news && record_decision(a, s, opens) < 0 && opens && !is_floor(s->verdict.reason) &&
            failure_action(FAILURE_RECORD) == FAIL_KEEP_SHUT)
                return WITHHELD_RECORD;
        if (s->condition)
                return WITHHELD_CONDITION;
        return opens && keyboards_lock_first(a, s) != KEYBOARDS_LOCK_NEEDLESS ? WITHHELD_LOCK : WITHHELD_NOT;
}

static void log_decision(const struct subject *s) {
        const struct device_facts *d = &s->facts.device;
        log_notice("%s %s %04x:%04x \"%s\": %s (%s%s%s)%s", s->guard->ops->name, d->port, d->vendor, d->product,
                   d->name, action_name(s->verdict.action), reason_code(s->verdict.reason),
                   s->verdict.rule || s->verdict.permit ? " " : "",
                   s->verdict.rule     ? s->verdict.rule
                   : s->verdict.permit ? s->verdict.permit
                                       : "",
                   s->verdict.enforce ? "" : ", observed only");
}

static int go_through(struct agent *a, struct subject *s, const struct verdict *v);

/* Whether a guard is still closing what belongs to the same device. */
static bool is_being_closed(const struct agent *a, const struct subject *s) {
        for (size_t i = 0; i < a->registry.n; i++) {
                const struct subject *m = a->registry.list[i];
                if (m != s && m->guard->ops->holds_conditions && m->pending && subject_same_device(m, s))
                        return true;
        }
        return false;
}

/* Has it closed. A port is not shut under a disk that somebody writes to: what is written comes first. */
static void begin_closing(struct agent *a, const struct subject *s) {
        for (size_t i = 0; i < a->registry.n; i++) {
                struct subject *m = a->registry.list[i];
                if (m == s || !m->guard->ops->holds_conditions || !subject_same_device(m, s) ||
                    (m->has_effect && !m->effect.open && !m->pending))
                        continue;
                struct verdict v = judge(a, m);
                if (!verdict_opens(&v)) {
                        if (go_through(a, m, &v) < 0)
                                m->pending = false; /* not waited for */
                        continue;
                }
                v.action = ACTION_BLOCK; /* its own verdict does not say so, but its device's door is being shut */
                v.enforce = true;
                m->pending = true;
                if (m->guard->ops->apply(m->guard, &v) != 0)
                        m->pending = false;
        }
}

/* Step 5, by the verdict and what withholds it. 0, or -errno of the guard. */
static int enforce(struct agent *a, struct subject *s) {
        struct verdict v = s->verdict;
        if (s->withheld != WITHHELD_NOT) {
                v.action = ACTION_BLOCK;
                v.enforce = true;
        }
        s->pending = true;
        if (!verdict_opens(&v) && !s->guard->ops->holds_conditions) {
                if (!s->deferred && !s->cut)
                        begin_closing(a, s);
                s->deferred = is_being_closed(a, s);
                if (s->deferred)
                        return 0; /* resume_deferred() goes on */
        }
        s->deferred = false;
        int r = s->guard->ops->apply(s->guard, &v);
        return r < 0 ? r : 0;
}

static void resume_deferred(struct agent *a) {
        for (size_t i = 0; i < a->registry.n; i++) {
                struct subject *s = a->registry.list[i];
                if (s->deferred && !is_being_closed(a, s) && enforce(a, s) < 0)
                        agent_raise(a, FAILURE_GUARD, s->facts.device.port);
        }
}

/* Steps 4 to 6 of the one way through. 0, or -errno of the guard. */
static int go_through(struct agent *a, struct subject *s, const struct verdict *v) {
        bool news = registry_is_news(s, v) && (s->decided || !registry_recall(&a->registry, s, v));
        s->cut = s->decided && !verdict_opens(v) && permits_cut(a, s->verdict.permit);
        s->verdict = *v;
        s->decided = true;
        s->withheld = withhold(a, s, news);

        int r = enforce(a, s);
        if (news) {
                a->registry.changed = true;
                log_decision(s);
                agent_tell(a, "decision", s, NULL);
        }
        return r;
}

void agent_decide_on(struct agent *a, struct subject *s) {
        struct verdict v = judge(a, s);
        if (go_through(a, s, &v) < 0)
                agent_raise(a, FAILURE_GUARD, s->facts.device.port);
}

/* What people call it; of a device that is looked at again, as before. */
static void name_device(struct agent *a, const struct subject *known, struct device_facts *d) {
        const struct device_facts *before = known ? &known->facts.device : NULL;
        if (before && before->bus == d->bus && before->vendor == d->vendor && before->product == d->product)
                memcpy(d->known_as, before->known_as, sizeof d->known_as);
        else if (d->bus == BUS_USB || d->bus == BUS_VHCI)
                hwdb_usb_name(a->hwdb, d->vendor, d->product, d->known_as, sizeof d->known_as);
        else if (d->bus == BUS_PCI || d->bus == BUS_NVME)
                hwdb_pci_name(a->hwdb, d->vendor, d->product, d->known_as, sizeof d->known_as);
}

/* The one way through, from 1, what a guard noticed, by 2, context, and 3, decide(), to the record, the door, and those
 * who watch. */
void agent_on_noticed(struct guard *g, uint64_t handle, const struct facts *facts, void *userdata) {
        struct agent *a = userdata;
        struct facts named = *facts;
        name_device(a, registry_find(&a->registry, g, handle), &named.device);
        struct subject *s = registry_put(&a->registry, g, handle, &named);
        if (!s) {
                agent_raise(a, FAILURE_MEMORY, NULL); /* it stays as the kernel left it: shut */
                return;
        }
        agent_decide_on(a, s);
}

/* A condition did not come true: the device that the disk belongs to is shut again, until another policy comes or it is
 * plugged anew. */
static void withdraw(struct agent *a, const struct subject *m) {
        for (size_t i = 0; i < a->registry.n; i++) {
                struct subject *s = a->registry.list[i];
                if (s->guard->ops->holds_conditions || !subject_same_device(s, m) || s->not_held)
                        continue;
                s->not_held = true;
                s->not_held_serial = a->active.policy->header.serial;
                struct verdict v = s->verdict;
                if (go_through(a, s, &v) < 0)
                        agent_raise(a, FAILURE_GUARD, s->facts.device.port);
        }
}

/* Step 5's answer: what the kernel holds, whatever was wanted. */
void agent_on_effect(struct guard *g, uint64_t handle, const struct effect *effect, void *userdata) {
        struct agent *a = userdata;
        struct subject *s = registry_find(&a->registry, g, handle);
        if (!s)
                return;

        struct effect e = *effect;
        if (s->lock == LOCK_ASKED && !e.open)
                return; /* shut until the screen is locked: no effect yet */
        if (s->withheld != WITHHELD_NOT && e.result == EFFECT_AS_DECIDED) {
                /* Shut is what was asked for in the end, but not what the verdict says. */
                e.result = EFFECT_FAILED;
                e.error = s->withheld == WITHHELD_RECORD ? EIO : s->withheld == WITHHELD_LOCK ? EBUSY : EOPNOTSUPP;
        }
        bool same = s->has_effect && s->effect.result == e.result && s->effect.open == e.open;
        /* "It is shut, and was never anything else" says no more than the decision did. */
        bool silent = same || (!s->has_effect && e.result == EFFECT_AS_DECIDED && !e.open);
        s->effect = e;
        s->has_effect = true;
        s->pending = false;
        if (!e.open && g->ops->lend && !s->documents_read)
                medium_soon(a);
        if (g->ops->holds_conditions) {
                if (e.result != EFFECT_AS_DECIDED && e.result != EFFECT_GONE && verdict_has_conditions(&s->verdict))
                        withdraw(a, s);
                resume_deferred(a);
        }
        if (same)
                return;

        a->registry.changed = true;
        if (!silent) {
                enum audit_activity activity = e.open ? AUDIT_DEVICE_ENABLE : AUDIT_DEVICE_DISABLE;
                (void) agent_record(a,
                                    audit_event_device(&a->identity, time_now(&a->time), activity, &s->facts.device,
                                                       &s->verdict, subject_effect_name(s)),
                                    AUDIT_BATCH);
        }
        if (e.result != EFFECT_AS_DECIDED)
                log_warning("%s %s: effect %s (%s), the door is %s", g->ops->name, s->facts.device.port,
                            effect_name(e.result), strerrordesc_np(e.error), e.open ? "open" : "shut");
        agent_tell(a, "effect", s, NULL);
        agent_look_at_itself(a);
}

/* A keyboard that was refused because another worked may now be the last one, or no longer one too many. */
static void look_at_refused_keyboards(struct agent *a) {
        for (size_t i = 0; i < a->registry.n; i++) {
                struct subject *s = a->registry.list[i];
                if (s->facts.kind == FACTS_DEVICE && device_can_type(&s->facts.device, 0) &&
                    (!verdict_opens(&s->verdict) || s->withheld == WITHHELD_LOCK))
                        agent_decide_on(a, s);
        }
}

void agent_on_gone(struct guard *g, uint64_t handle, void *userdata) {
        struct agent *a = userdata;
        struct subject *s = registry_find(&a->registry, g, handle);
        if (!s)
                return;
        (void) agent_record(a,
                            audit_event_device(&a->identity, time_now(&a->time), AUDIT_DEVICE_DISCONNECT,
                                               &s->facts.device, s->decided ? &s->verdict : NULL, NULL),
                            AUDIT_BATCH);
        agent_tell(a, "gone", s, NULL);
        permits_on_gone(a, s);
        registry_remove(&a->registry, s);
        resume_deferred(a);
        look_at_refused_keyboards(a);
        agent_look_at_itself(a);
}

/* Nothing to decide: the door is open already. The device says why. */
int agent_on_transferred(struct guard *g, const struct transfer *t, void *userdata) {
        struct agent *a = userdata;
        (void) g;
        const struct subject *medium = NULL;
        for (size_t i = 0; i < a->registry.n && *t->port && !medium; i++) {
                const struct subject *s = a->registry.list[i];
                if (s->facts.kind == FACTS_DEVICE && s->decided && strcmp(s->facts.device.port, t->port) == 0)
                        medium = s;
        }
        struct verdict then;
        const struct verdict *why = permits_why(a, &medium, t, &then);
        json_t *event =
                audit_event_transfer(&a->identity, time_now(&a->time), t, medium ? &medium->facts.device : NULL, why);
        int r = agent_record(a, event, AUDIT_BATCH);
        if (r == 0) /* else it is told again */
                permits_on_transferred(a, why ? why->permit : NULL, t);
        return r;
}

static void tally(struct agent *a, const struct blocked *b) {
        struct network_tally *t = &a->tally;
        *(b->kind == BLOCKED_LOST ? &t->lost : b->observed ? &t->observed : &t->blocked) += (uint64_t) b->count;
        t->last = b->last / 1000;
}

/* The rules have acted already; the policy says why. */
int agent_on_blocked(struct guard *g, const struct blocked *b, void *userdata) {
        struct agent *a = userdata;
        (void) g;
        struct facts f = { .kind = FACTS_CONNECT };
        f.connect = (struct connect_facts){ .protocol = blocked_protocol(b),
                                            .port = b->port,
                                            .inbound = b->direction == BLOCKED_IN,
                                            .has_next_hop = b->has_mac,
                                            .next_hop = b->mac };
        f.connect.address.family = b->family;
        f.connect.address.length = b->family == 4 ? 32 : 128;
        memcpy(f.connect.address.address, b->peer, sizeof b->peer);
        const struct context c = { .now = time_now(&a->time) };
        struct verdict v;
        decide(a->active.policy, &f, &c, &v);

        int r = agent_record(a, audit_event_blocked(&a->identity, c.now, b, &v), AUDIT_BATCH);
        if (r < 0)
                return r;
        tally(a, b);
        agent_tell_blocked(a, b, &v);
        return 0;
}

/* The helper has acted already, by the same policy; what it says of the facts is judged here for the record. */
int agent_on_paste(struct agent *a, const struct paste *p) {
        const struct facts f = { .kind = FACTS_PASTE, .paste = p->facts };
        const struct context c = { .now = time_now(&a->time) };
        struct verdict v;
        decide(a->active.policy, &f, &c, &v);
        v.policy_serial = a->active.policy->header.serial;
        int r = agent_record(a, audit_event_paste(&a->identity, c.now, p, &v), AUDIT_BATCH);
        if (r == 0)
                agent_tell_paste(a, p, &v);
        return r;
}

void agent_on_trouble(struct guard *g, const char *code, const char *detail, void *userdata) {
        struct agent *a = userdata;
        (void) g;
        enum failure ended = failure_ended_by(code), what = failure_from_code(code);
        if (ended != FAILURE_INVALID)
                agent_clear(a, ended);
        else if (what != FAILURE_INVALID)
                agent_raise(a, what, detail);
        else
                log_error("unknown trouble \"%s\": %s", code, detail);
}

int agent_dry_run(struct agent *a, const char *text, size_t size) {
        for (size_t i = 0; i < a->n_guards; i++) {
                const struct guard_ops *ops = a->guards[i]->ops;
                int r = ops->dry_run ? ops->dry_run(a->guards[i], text, size) : 0;
                if (r < 0)
                        return r;
        }
        (void) sd_notify(0, "WATCHDOG=1"); /* what follows may take as long again */
        return 0;
}

int agent_adopt(struct agent *a) {
        int result = 0;
        for (size_t i = 0; i < a->n_guards; i++) {
                const struct guard_ops *ops = a->guards[i]->ops;
                int r = ops->adopt ? ops->adopt(a->guards[i], a->active.sha256) : 0;
                if (r < 0 && result == 0)
                        result = r;
        }
        return result;
}

int agent_decide_again(struct agent *a) {
        int result = agent_adopt(a);
        /* Judged once: every verdict is the new policy's afterwards, whatever changes on the machine meanwhile. */
        for (size_t i = 0; i < a->registry.n; i++)
                a->registry.list[i]->next = judge(a, a->registry.list[i]);

        for (int opening = 0; opening < 2; opening++)
                for (size_t i = 0; i < a->registry.n; i++) {
                        struct subject *s = a->registry.list[i];
                        if (verdict_opens(&s->next) != (opening == 1))
                                continue;
                        struct verdict v = s->next;
                        int r = go_through(a, s, &v);
                        if (r < 0 && result == 0)
                                result = r;
                }
        return result;
}
