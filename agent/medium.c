/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "medium.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "delivery.h"
#include "medium/carried.h"

#define READER        SEKISHO_LIBEXECDIR "/sekisho-reader"
#define READER_USEC   UINT64_C(45000000)
#define SOON_USEC     UINT64_C(200000)
#define BUFFER_FIRST  65536u
#define SIGNATURE     ".sig"
#define DETAIL_SIZE   512
#define AUTHORIZED_FD 3 /* as the reader has it */

struct file {
        enum carried_kind kind;
        char name[CARRIED_NAME_MAX + 1];
        char *bytes; /* NUL-terminated; owned */
        uint32_t size;
        bool done;
};

struct medium {
        struct agent *agent;
        struct guard *guard; /* whose device is lent; NULL: none is */
        uint64_t handle;
        char what[256]; /* for the record: which device */
        pid_t pid;      /* 0: none; a reader that hangs in the kernel is waited for before another one starts */
        int pipe;
        uint8_t *buffer;
        size_t used, size;
        sd_event_source *output, *timeout, *soon;
        struct file files[CARRIED_FILES_MAX];
        size_t n;
};

/* ---- which medium ---- */

static bool is_plain_storage(const struct device_facts *d) {
        bool bulk_only = false;
        for (size_t i = 0; i < d->n_interfaces && i < DEVICE_INTERFACES_MAX; i++) {
                const struct interface_triple *t = &d->interfaces[i];
                if (t->class != 0x08 || t->subclass != 0x06 || (t->protocol != 0x50 && t->protocol != 0x62))
                        return false;
                bulk_only = bulk_only || t->protocol == 0x50;
        }
        return bulk_only && d->descriptors_valid && d->bus == BUS_USB;
}

static bool is_wanted(const struct subject *s) {
        return s->guard->ops->lend && !s->documents_read && s->decided && !verdict_opens(&s->verdict) && !s->pending &&
               s->has_effect && s->effect.result == EFFECT_AS_DECIDED && !s->effect.open &&
               s->facts.kind == FACTS_DEVICE && is_plain_storage(&s->facts.device);
}

static int record(struct agent *a, const struct medium *m, const char *code, const char *how, enum audit_when when) {
        char detail[DETAIL_SIZE];
        (void) snprintf(detail, sizeof detail, "%s%s%s", m->what, how ? ": " : "", how ? how : "");
        log_notice("%s: %s", code, detail);
        return agent_record(a, audit_event_agent(&a->identity, time_now(&a->time), "medium", code, detail), when);
}

static struct medium *get(struct agent *a) {
        if (!a->medium) {
                a->medium = calloc(1, sizeof *a->medium);
                if (a->medium)
                        *a->medium = (struct medium){ .agent = a, .pipe = -1 };
        }
        return a->medium;
}

/* Whether the reader before is gone for good. */
static bool is_reaped(struct medium *m) {
        if (m->pid > 0 && waitpid(m->pid, NULL, WNOHANG) != 0)
                m->pid = 0;
        return m->pid == 0;
}

void medium_look(struct agent *a) {
        if (!a->trust.trust || a->trust.damaged || (a->medium && (a->medium->guard || !is_reaped(a->medium))))
                return;
        for (size_t i = 0; i < a->registry.n; i++) {
                struct subject *s = a->registry.list[i];
                struct medium *m = is_wanted(s) ? get(a) : NULL;
                if (!m)
                        continue;
                const struct device_facts *d = &s->facts.device;
                (void) snprintf(m->what, sizeof m->what, "%s %04x:%04x %.150s", d->port, d->vendor, d->product,
                                d->serial);
                /* As with every door: on the disk before it opens. */
                if (record(a, m, "medium-opened", NULL, AUDIT_DURABLE) < 0)
                        return;
                int r = s->guard->ops->lend(s->guard, s->handle);
                if (r == -EBUSY) {
                        (void) record(a, m, "medium-closed", "busy, 0 files", AUDIT_BATCH);
                        return; /* the tick looks again */
                }
                s->documents_read = true;
                if (r != 0)
                        continue;
                m->guard = s->guard;
                m->handle = s->handle;
                return;
        }
}

static int on_soon(sd_event_source *s, uint64_t usec, void *userdata) {
        struct medium *m = userdata;
        (void) s, (void) usec;
        m->soon = sd_event_source_disable_unref(m->soon);
        medium_look(m->agent);
        return 0;
}

void medium_soon(struct agent *a) {
        struct medium *m = a->trust.trust ? get(a) : NULL;
        if (!m || m->soon)
                return;
        int r = sd_event_add_time_relative(a->event, &m->soon, CLOCK_BOOTTIME, SOON_USEC, 0, on_soon, m);
        if (r >= 0)
                (void) sd_event_source_set_priority(m->soon, SD_EVENT_PRIORITY_IDLE);
}

/* ---- what it held ---- */

/* The reader is not trusted: whatever it wrote is files and nothing else, and what does not hold together ends them.
 * How it went, by its own word. */
static const char *parse(struct medium *m) {
        static const char *const words[] = { "ok", "no-folder", "no-volume", "no-medium", "busy" };
        for (size_t at = 0; m->used - at >= sizeof(struct carried_frame);) {
                struct carried_frame f;
                memcpy(&f, m->buffer + at, sizeof f);
                at += sizeof f;
                if (f.name_size > CARRIED_NAME_MAX || f.name_size > m->used - at)
                        return "error";
                const char *name = (const char *) m->buffer + at;
                at += f.name_size;
                if (f.kind == CARRIED_END) {
                        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                                if (strlen(words[i]) == f.name_size && memcmp(words[i], name, f.name_size) == 0)
                                        return words[i];
                        return "error";
                }
                if (f.kind == 0 || f.kind >= CARRIED_KIND_MAX || f.size > CARRIED_FILE_MAX || f.size > m->used - at ||
                    m->n == CARRIED_FILES_MAX || f.name_size == 0)
                        return "error";
                struct file *file = &m->files[m->n];
                *file = (struct file){ .kind = (enum carried_kind) f.kind, .size = f.size };
                file->bytes = malloc(f.size + 1u);
                if (!file->bytes)
                        return "error";
                memcpy(file->bytes, m->buffer + at, f.size);
                file->bytes[f.size] = '\0';
                memcpy(file->name, name, f.name_size);
                m->n++;
                at += f.size;
        }
        return "error";
}

static bool is_signature(const struct file *f) {
        size_t n = strlen(f->name);
        return n > strlen(SIGNATURE) && strcmp(f->name + n - strlen(SIGNATURE), SIGNATURE) == 0;
}

static const struct file *signatures_of(const struct medium *m, const struct file *f) {
        size_t n = strlen(f->name);
        for (size_t i = 0; i < m->n; i++)
                if (m->files[i].kind == CARRIED_FILE && m->files[i].size <= TRUST_SIGNATURE_MAX &&
                    strncmp(m->files[i].name, f->name, n) == 0 && strcmp(m->files[i].name + n, SIGNATURE) == 0)
                        return &m->files[i];
        return NULL;
}

static bool deliver(struct medium *m, struct file *f, bool last) {
        struct submission s = {
                .text = f->bytes, .size = f->size, .signatures = "", .uid = -1, .via = "medium", .name = f->name
        };
        if (f->kind != CARRIED_FILE) {
                s.text = NULL;
                delivery_refuse(m->agent, &s, f->kind == CARRIED_TOO_LARGE ? "too-large" : "unreadable");
                return true;
        }
        const struct file *signatures = signatures_of(m, f);
        if (signatures) {
                s.signatures = signatures->bytes;
                s.signatures_size = signatures->size;
        }
        enum delivery r = delivery_take(m->agent, &s, last);
        return r == DELIVERY_DONE || r == DELIVERY_REFUSED;
}

/* Again as long as something came of it: a trust document makes way for the next one, and for what its holders signed.
 */
static void deliver_all(struct medium *m) {
        for (bool last = false;;) {
                bool progress = false;
                for (size_t i = 0; i < m->n; i++) {
                        struct file *f = &m->files[i];
                        if (f->done || is_signature(f))
                                continue;
                        f->done = deliver(m, f, last);
                        progress = progress || f->done;
                }
                if (last)
                        return;
                last = !progress;
        }
}

/* ---- reading ---- */

static void clear(struct medium *m) {
        m->output = sd_event_source_disable_unref(m->output);
        m->timeout = sd_event_source_disable_unref(m->timeout);
        close_p(&m->pipe);
        m->pipe = -1;
        if (m->pid > 0)
                (void) kill(m->pid, SIGKILL);
        (void) is_reaped(m);
        for (size_t i = 0; i < m->n; i++)
                free(m->files[i].bytes);
        free(m->buffer);
        m->n = m->used = m->size = 0;
        m->buffer = NULL;
}

/* The device first: what it held is judged behind a shut door. */
static void finish(struct medium *m, const char *trouble) {
        struct agent *a = m->agent;
        struct guard *g = m->guard;
        char how[64];
        m->guard = NULL;
        if (g)
                g->ops->take_back(g, m->handle);
        const char *word = trouble ? trouble : parse(m);
        (void) snprintf(how, sizeof how, "%s, %zu files", word, m->n);
        (void) record(a, m, "medium-closed", how, AUDIT_BATCH);
        deliver_all(m);
        clear(m);
        medium_look(a);
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct medium *m = userdata;
        (void) s, (void) revents;
        if (m->used == m->size) {
                size_t size = m->size ? m->size * 2 : BUFFER_FIRST;
                uint8_t *buffer = m->used < CARRIED_OUTPUT_MAX ? realloc(m->buffer, size) : NULL;
                if (!buffer) {
                        finish(m, "error");
                        return 0;
                }
                m->buffer = buffer;
                m->size = size;
        }
        ssize_t n = read(fd, m->buffer + m->used, m->size - m->used);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n > 0)
                m->used += (size_t) n;
        else
                finish(m, n < 0 ? "error" : NULL);
        return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s, (void) usec;
        finish(userdata, "timeout");
        return 0;
}

static void actions_p(posix_spawn_file_actions_t *a) {
        (void) posix_spawn_file_actions_destroy(a);
}

static void attributes_p(posix_spawnattr_t *a) {
        (void) posix_spawnattr_destroy(a);
}

/* Everything of ours is closed on exec; signals are as a new program expects them. */
static int spawn(int node, int authorized, int output, pid_t *ret) {
        char program[] = "sekisho-reader", usb[] = "usb";
        char *const arguments[] = { program, usb, NULL }, *const environment[] = { NULL };
        CLEANUP(actions_p) posix_spawn_file_actions_t actions;
        CLEANUP(attributes_p) posix_spawnattr_t attributes;
        sigset_t none, all;
        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        int r = posix_spawn_file_actions_init(&actions), q = posix_spawnattr_init(&attributes);
        r = r ? r : q;
        /* The highest first: none of them is below what it becomes. */
        const int pairs[][2] = { { authorized, AUTHORIZED_FD }, { output, STDOUT_FILENO }, { node, STDIN_FILENO } };
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(&actions, pairs[i][0], pairs[i][1]);
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(&attributes, &all);
        if (r == 0)
                r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        return r ? -r : -posix_spawn(ret, READER, &actions, &attributes, arguments, environment);
}

static int start(struct medium *m, int node, int authorized) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        m->pipe = ends[0];
        CLEANUP(close_p) int output = ends[1];
        (void) fcntl(output, F_SETFL, 0); /* the reader may wait */
        /* Out of the way of the numbers that they become. */
        CLEANUP(close_p) int high = fcntl(output, F_DUPFD_CLOEXEC, 10);
        CLEANUP(close_p) int high_node = fcntl(node, F_DUPFD_CLOEXEC, 10);
        CLEANUP(close_p) int high_authorized = fcntl(authorized, F_DUPFD_CLOEXEC, 10);
        if (high < 0 || high_node < 0 || high_authorized < 0)
                return -errno;
        int r = spawn(high_node, high_authorized, high, &m->pid);
        if (r == 0)
                r = sd_event_add_io(m->agent->event, &m->output, m->pipe, EPOLLIN, on_output, m);
        if (r >= 0)
                r = sd_event_source_set_priority(m->output, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_add_time_relative(m->agent->event, &m->timeout, CLOCK_MONOTONIC, READER_USEC, 0,
                                               on_timeout, m);
        return r < 0 ? r : 0;
}

void medium_on_lent(struct guard *g, uint64_t handle, int node, int authorized, void *userdata) {
        struct agent *a = userdata;
        struct medium *m = a->medium;
        if (!m || m->guard != g || m->handle != handle) {
                if (node >= 0)
                        g->ops->take_back(g, handle);
                return;
        }
        if (node < 0) {
                m->guard = NULL;
                finish(m, "error");
                return;
        }
        int r = start(m, node, authorized);
        if (r < 0) {
                log_warning("%s: %s", READER, strerror(-r));
                finish(m, "error");
        }
}

struct medium *medium_free(struct medium *m) {
        if (!m)
                return NULL;
        if (m->guard)
                m->guard->ops->take_back(m->guard, m->handle);
        clear(m);
        (void) sd_event_source_disable_unref(m->soon);
        free(m);
        return NULL;
}
