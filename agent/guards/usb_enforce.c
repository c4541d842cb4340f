/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sys/sysfs.h"
#include "usb_guard.h"
#include "usb_node.h"

/* After a worker was lost to a device the next one is risked later and later. */
#define STUCK_FIRST_USEC  UINT64_C(30000000)
#define STUCK_DOUBLES_MAX 6u

/* What the kernel holds. Unknown counts as what would be wrong. */
static enum effect_result read_back(const struct usb_subject *s, bool *ret_open) {
        struct usb_state state;
        int r = usb_device_state(&s->device, &s->listed, &state);
        if (r == -ENOENT || r == -ENODEV)
                return EFFECT_GONE;
        if (r < 0) {
                *ret_open = !s->wanted;
                return EFFECT_DIFFERS;
        }
        /* An interface without its device's authorisation is open as well: its driver is still bound. */
        *ret_open = state.authorized || state.interfaces.n > 0;
        bool in_part_as_decided = state.interfaces.strangers_open == 0 && state.interfaces.listed_shut == 0;
        return *ret_open == s->wanted && (!s->wanted || in_part_as_decided) ? EFFECT_AS_DECIDED : EFFECT_DIFFERS;
}

/* A device that is shut, or open in part or under conditions, takes requests only from root (72-sekisho-closed.rules).
 */
static bool is_marked(const struct usb_subject *s) {
        return s->wanted && (s->listed.n > 0 || s->conditional);
}

static int close_node(const struct usb_guard *g, const struct usb_subject *s) {
        return s->wanted && !is_marked(s) ? 0 : usb_node_close(g->env.root, &s->device);
}

static void report(struct usb_guard *g, struct usb_subject *s, enum effect_result result, int error) {
        struct effect e = { .result = result, .error = error };
        enum effect_result now = read_back(s, &e.open);
        int r = now == EFFECT_GONE ? 0 : close_node(g, s);
        if (now == EFFECT_GONE || (now == EFFECT_DIFFERS && result == EFFECT_AS_DECIDED))
                e = (struct effect){ .result = now, .open = now != EFFECT_GONE && e.open };
        else if (r < 0 && result == EFFECT_AS_DECIDED)
                e = (struct effect){ .result = EFFECT_DIFFERS, .error = -r, .open = e.open };
        e.usec = time_boot_usec(g->env.time) - s->noticed;
        s->settled = e.result == EFFECT_AS_DECIDED;
        g->env.effect(&g->base, s->handle, &e, g->env.userdata);
}

/* ---- jobs: one bus has one default for all interfaces, so that opening in part keeps everyone else out ---- */

bool usb_bus_is_taken(const struct usb_guard *g, const struct usb_subject *s, bool in_part) {
        for (size_t i = 0; i < g->n_jobs; i++)
                if (g->jobs[i].busnum == s->device.identity.busnum && (g->jobs[i].in_part || in_part))
                        return true;
        return false;
}

bool usb_is_opening_in_part(const struct usb_guard *g) {
        for (size_t i = 0; i < g->n_jobs; i++)
                if (g->jobs[i].in_part)
                        return true;
        return worker_pool_abandoned(g->env.workers) > 0;
}

int usb_job_add(struct usb_guard *g, const struct usb_subject *s, bool in_part) {
        struct usb_job *list = reallocarray(g->jobs, g->n_jobs + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        g->jobs = list;
        list[g->n_jobs++] =
                (struct usb_job){ .handle = s->handle, .busnum = s->device.identity.busnum, .in_part = in_part };
        return 0;
}

/* Its subject may be gone by now. */
void usb_job_remove(struct usb_guard *g, uint64_t handle) {
        for (size_t i = 0; i < g->n_jobs; i++)
                if (g->jobs[i].handle == handle) {
                        g->jobs[i] = g->jobs[--g->n_jobs];
                        return;
                }
}

static void on_done(uint64_t handle, const struct job_result *result, void *userdata);

int usb_open_hub(const struct usb_guard *g, const struct usb_subject *s) {
        char path[sizeof USB_DEVICES + USB_NAME_MAX];
        (void) snprintf(path, sizeof path, USB_DEVICES "/usb%u", s->device.identity.busnum);
        return sysfs_open_directory(g->env.root, path);
}

static int submit(struct usb_guard *g, struct usb_subject *s, enum job_kind kind, const struct interface_list *listed) {
        CLEANUP(close_p) int node = -1;
        CLEANUP(close_p) int hub = -1;
        CLEANUP(close_p) int bus = -1;
        if (kind == JOB_USB_OPEN) {
                node = usb_device_open_node(g->env.root, &s->device);
                hub = listed->n > 0 ? usb_open_hub(g, s) : -1;
                bus = sysfs_open_directory(g->env.root, "sys/bus/usb");
        }
        const struct job_device device = { .directory = s->device.fd,
                                           .node = node,
                                           .hub = hub,
                                           .bus = bus,
                                           .facts = &s->device.facts,
                                           .listed = *listed,
                                           .held = s->held };
        int r = usb_job_add(g, s, kind == JOB_USB_OPEN && listed->n > 0);
        if (r < 0)
                return r;
        r = worker_pool_submit(g->env.workers, kind, &device, on_done, s->handle, g);
        if (r < 0)
                usb_job_remove(g, s->handle);
        s->busy = r == 0;
        return r;
}

/* When what hangs on it is seen the worker's answer may not have been. */
static void note_attempt(const struct usb_guard *g, struct usb_subject *s) {
        s->attempting = s->wanted;
        if (s->wanted)
                s->opened = time_boot_usec(g->env.time);
}

static int start_job(struct usb_guard *g, struct usb_subject *s) {
        s->queued = s->wanted && usb_bus_is_taken(g, s, s->listed.n > 0);
        if (s->queued)
                return 0; /* usb_serve_queue() goes on */
        /* The node before the door: udev looks at the mark when the worker has told it that something changed. */
        int r = usb_node_mark(g->env.root, s->device.name, is_marked(s));
        if (r == 0)
                r = submit(g, s, s->wanted ? JOB_USB_OPEN : JOB_USB_SHUT, &s->listed);
        if (r < 0)
                return r;
        s->stale = false;
        note_attempt(g, s);
        return 0;
}

/* Whether the kernel already holds what is wanted. A device that was open before we came is read a second time, too. */
static bool is_so(const struct usb_subject *s) {
        bool open;
        return (!s->wanted || s->twice_read || s->device.facts.is_root_hub) && read_back(s, &open) == EFFECT_AS_DECIDED;
}

void usb_release(struct usb_guard *g, struct usb_subject *s, enum job_kind kind) {
        if (!s->held)
                return;
        s->held = false;
        worker_pool_release(g->env.workers, kind, s->handle, g);
}

static bool same_list(const struct interface_list *a, const struct interface_list *b) {
        return a->n == b->n && memcmp(a->list, b->list, a->n * sizeof *a->list) == 0;
}

/* What was promised comes true, or not at all; what is wanted instead follows when the worker has answered. */
static void settle_promise(struct usb_guard *g, struct usb_subject *s) {
        bool kept = s->wanted && same_list(&s->listed, &s->promised);
        note_attempt(g, s);
        s->stale = s->wanted && !kept;
        usb_release(g, s, kept ? JOB_USB_OPEN : JOB_USB_SHUT);
}

void usb_enforce(struct usb_guard *g, struct usb_subject *s) {
        if (s->held)
                settle_promise(g, s);
        if (s->busy || s->lent)
                return; /* on_done(), or usb_take_back(), goes on */
        if (is_so(s)) {
                report(g, s, EFFECT_AS_DECIDED, 0);
                return;
        }
        if (s->settled)
                g->env.trouble(&g->base, "drift", s->device.name, g->env.userdata);
        if (time_boot_usec(g->env.time) < s->not_before) {
                report(g, s, EFFECT_TIMED_OUT, ETIMEDOUT);
                return;
        }
        int r = start_job(g, s);
        if (r < 0)
                report(g, s, EFFECT_FAILED, -r);
}

void usb_enforce_anew(struct usb_guard *g, struct usb_subject *s) {
        bool wanted = s->wanted;
        s->wanted = false;
        int r = start_job(g, s);
        s->wanted = wanted;
        s->stale = true; /* finish() goes on with what is wanted */
        if (r < 0)
                report(g, s, EFFECT_FAILED, -r);
}

/* The two readers saw different devices: whoever made it that way is not let in. */
static void distrust(struct usb_guard *g, struct usb_subject *s) {
        s->device.facts.descriptors_valid = false;
        s->wanted = false;
        report(g, s, EFFECT_FAILED, EBADMSG);
        usb_notice(g, s);
}

void usb_note_stuck(struct usb_guard *g, struct usb_subject *s) {
        unsigned doubles = s->stuck < STUCK_DOUBLES_MAX ? s->stuck : STUCK_DOUBLES_MAX;
        s->stuck++;
        s->not_before = time_boot_usec(g->env.time) + (STUCK_FIRST_USEC << doubles);
}

static void finish(struct usb_guard *g, struct usb_subject *s, const struct job_result *result) {
        s->busy = false;
        if (s->attempting && result->error == 0)
                s->twice_read = true;
        if (result->second == SECOND_FAILED)
                g->env.trouble(&g->base, "second-reader-failed", s->device.name, g->env.userdata);

        if (result->error == -ETIMEDOUT) {
                usb_note_stuck(g, s);
                report(g, s, EFFECT_TIMED_OUT, ETIMEDOUT);
        } else if (result->second == SECOND_DIFFERS)
                distrust(g, s);
        else if (s->stale)
                usb_enforce(g, s); /* the verdict changed while the worker was at it */
        else if (result->error == 0)
                report(g, s, EFFECT_AS_DECIDED, 0);
        else
                report(g, s, EFFECT_FAILED, -result->error);
}

/* By handle: enforcing tells the agent, which may change the list. */
void usb_serve_queue(struct usb_guard *g) {
        for (size_t i = 0; i < g->n_subjects; i++)
                if (g->subjects[i]->queued && !usb_bus_is_taken(g, g->subjects[i], g->subjects[i]->listed.n > 0)) {
                        g->subjects[i]->queued = false;
                        usb_enforce(g, g->subjects[i]);
                }
}

static void on_done(uint64_t handle, const struct job_result *result, void *userdata) {
        struct usb_guard *g = userdata;
        struct usb_subject *s = usb_find_handle(g, handle);
        usb_job_remove(g, handle);
        if (s)
                finish(g, s, result);
        usb_serve_queue(g);
}

static struct interface_list listed_interfaces(const struct device_facts *d, const struct verdict *v) {
        struct interface_list list = { .n = 0 };
        for (size_t i = 0; verdict_opens(v) && v->enforce && i < d->n_interfaces; i++)
                if (v->interfaces >> i & 1)
                        list.list[list.n++] = d->interfaces[i];
        return list;
}

int usb_apply(struct guard *base, const struct verdict *v) {
        struct usb_guard *g = (struct usb_guard *) base;
        struct usb_subject *s = usb_find_handle(g, v->handle);
        if (!s)
                return 1;
        bool wanted = verdict_opens(v);
        struct interface_list listed = listed_interfaces(&s->device.facts, v);
        bool same = wanted == s->wanted && same_list(&listed, &s->listed);
        s->settled = s->settled && same;
        s->stale = s->stale || !same;
        bool was_marked = is_marked(s);
        s->wanted = wanted;
        s->listed = listed;
        s->conditional = verdict_has_conditions(v);
        /* Where the door needs no worker; the node itself is closed when it is read back. */
        if (is_marked(s) && !was_marked)
                (void) usb_node_mark(g->env.root, s->device.name, true);
        else if (was_marked && !is_marked(s))
                (void) usb_node_mark(g->env.root, s->device.name, false);
        usb_enforce(g, s);
        return 0;
}

/* The second reader begins while the decision is still being recorded. */
void usb_prepare(struct guard *base, const struct verdict *v) {
        struct usb_guard *g = (struct usb_guard *) base;
        struct usb_subject *s = usb_find_handle(g, v->handle);
        if (!s || s->busy || s->queued || s->lent || s->twice_read || s->device.facts.is_root_hub ||
            time_boot_usec(g->env.time) < s->not_before)
                return;
        s->promised = listed_interfaces(&s->device.facts, v);
        if (usb_bus_is_taken(g, s, s->promised.n > 0))
                return;
        s->held = true;
        s->held = submit(g, s, JOB_USB_OPEN, &s->promised) == 0; /* else apply() tries, and says why not */
}
