/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "worker_child.h"

const struct worker_limits WORKER_LIMITS = { WORKERS, WORKER_JOB_USEC, WORKERS_ABANDONED_MAX };

/* A worker may die of something else than its job (killed by hand, or for want of memory): the job gets another one.
 * All may have died at once, each noticed when the job is handed to it; so many more tells that it is the job. */
#define ATTEMPTS_BEYOND_WORKERS 3u

struct job {
        struct job *next;
        unsigned attempts;
        struct worker_request request;
        int fds[WORKER_FDS];
        uint64_t submitted;
        void (*done)(uint64_t id, const struct job_result *result, void *userdata);
        uint64_t id;
        void *userdata;
};

struct worker {
        struct worker_pool *pool;
        pid_t pid;  /* 0: there is none in this place */
        int socket; /* -1: likewise */
        struct job *job;
        sd_event_source *answer, *timeout;
};

struct worker_pool {
        struct worker_limits limits;
        struct worker *workers;
        pid_t *abandoned; /* killed, but not dead yet */
        unsigned n_abandoned;
        struct job *first, **last;
        struct job *broken; /* to be answered with -EPIPE from the loop */
        uint64_t next_id;
        sd_event *event;
        sd_event_source *children, *fail;
        void (*trouble)(const char *code, const char *detail, void *userdata);
        void *userdata;
};

static void serve(struct worker_pool *p);

static uint64_t now_usec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts); /* a suspended machine is not a hanging one */
        return (uint64_t) ts.tv_sec * UINT64_C(1000000) + (uint64_t) ts.tv_nsec / 1000;
}

static struct job *job_free(struct job *j) {
        if (!j)
                return NULL;
        for (int i = 0; i < WORKER_FDS; i++)
                close_p(&j->fds[i]);
        free(j);
        return NULL;
}
DEFINE_FREEP(struct job, job_free)

static void job_finish(struct job *j, int error, enum second_reading second) {
        struct job_result result = { .error = error, .second = second, .usec = now_usec() - j->submitted };
        j->done(j->id, &result, j->userdata);
        (void) job_free(j);
}

static int spawn(struct worker *w) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;

        pid_t parent = getpid();
        pid_t pid = fork();
        if (pid == 0)
                worker_child_run(pair[1], parent);
        int error = errno;
        (void) close(pair[1]);
        if (pid < 0) {
                (void) close(pair[0]);
                return -error;
        }
        w->pid = pid;
        w->socket = pair[0];
        return 0;
}

/* Takes the worker out of service. It is dead, or will be when the kernel lets go of it. */
static void retire(struct worker *w) {
        struct worker_pool *p = w->pool;
        (void) kill(w->pid, SIGKILL);
        if (waitpid(w->pid, NULL, WNOHANG) == 0)
                p->abandoned[p->n_abandoned++] = w->pid; /* room for all: one for each place and the cap */
        w->answer = sd_event_source_disable_unref(w->answer);
        w->timeout = sd_event_source_disable_unref(w->timeout);
        close_p(&w->socket);
        w->socket = -1;
        w->pid = 0;
}

static int on_answer(sd_event_source *s, int fd, uint32_t revents, void *userdata);

static int watch(struct worker *w) {
        return sd_event_add_io(w->pool->event, &w->answer, w->socket, EPOLLIN, on_answer, w);
}

/* A new worker in an empty place, unless too many old ones still hang. */
static void replace(struct worker *w) {
        struct worker_pool *p = w->pool;
        if (w->pid > 0 || p->n_abandoned >= p->limits.abandoned_max)
                return;
        if (spawn(w) == 0 && watch(w) < 0)
                retire(w);
}

static unsigned n_alive(const struct worker_pool *p) {
        unsigned n = 0;
        for (unsigned i = 0; i < p->limits.workers; i++)
                n += p->workers[i].pid > 0;
        return n;
}

static void lose(struct worker *w, const char *code) {
        struct worker_pool *p = w->pool;
        char detail[64];
        (void) snprintf(detail, sizeof detail, "pid %ld", (long) w->pid);

        retire(w);
        p->trouble(code, detail, p->userdata);
        if (p->n_abandoned >= p->limits.abandoned_max && n_alive(p) == 0)
                p->trouble("workers-exhausted", detail, p->userdata);
}

static void queue_push_front(struct worker_pool *p, struct job *j) {
        j->next = p->first;
        p->first = j;
        if (!j->next)
                p->last = &j->next;
}

/* Loses a worker and answers its job. The place is filled when there is work (serve()), so that workers that cannot
 * live do not keep us forking. */
static void give_up(struct worker *w, int error, const char *code) {
        struct worker_pool *p = w->pool;
        struct job *j = TAKE_PTR(w->job);
        lose(w, code);
        if (j && error == -EPIPE && j->attempts < p->limits.workers + ATTEMPTS_BEYOND_WORKERS)
                queue_push_front(p, j);
        else if (j)
                job_finish(j, error, SECOND_NONE);
        serve(p);
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        struct worker *w = userdata;
        give_up(w, -ETIMEDOUT, "worker-stuck");
        replace(w);
        return 0;
}

static int on_answer(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct worker *w = userdata;
        (void) s;
        (void) revents;

        struct worker_answer a;
        ssize_t n = recv(fd, &a, sizeof a, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        /* A worker that libusb has been talked into misbehaving answers nonsense: it is not asked again. */
        if (n != (ssize_t) sizeof a || !w->job || w->job->request.held || a.id != w->job->request.id ||
            a.second >= SECOND_MAX || a.error > 0) {
                give_up(w, -EPIPE, "worker-died");
                return 0;
        }
        w->timeout = sd_event_source_disable_unref(w->timeout);
        job_finish(TAKE_PTR(w->job), a.error, (enum second_reading) a.second);
        serve(w->pool);
        return 0;
}

static int begin_time(struct worker *w) {
        return sd_event_add_time_relative(w->pool->event, &w->timeout, CLOCK_MONOTONIC, w->pool->limits.job_usec, 0,
                                          on_timeout, w);
}

static int hand_over(struct worker *w, struct job *j) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * WORKER_FDS)];
        } control = { .bytes = { 0 } };
        int fds[WORKER_FDS];
        size_t n_fds = 0;
        for (int i = 0; i < WORKER_FDS; i++)
                if (j->fds[i] >= 0)
                        fds[n_fds++] = j->fds[i];
        struct iovec iov = { .iov_base = &j->request, .iov_len = sizeof j->request };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = &control,
                                  .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds) };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);

        int r = j->request.held ? 0 : begin_time(w);
        if (r < 0)
                return r;
        if (sendmsg(w->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                return -errno;
        return 0;
}

static struct job *queue_pop(struct worker_pool *p) {
        struct job *j = p->first;
        p->first = j->next;
        if (!p->first)
                p->last = &p->first;
        return j;
}

static unsigned n_busy(const struct worker_pool *p) {
        unsigned n = 0;
        for (unsigned i = 0; i < p->limits.workers; i++)
                n += p->workers[i].job != NULL;
        return n;
}

static void serve(struct worker_pool *p) {
        for (unsigned i = 0; i < p->limits.workers && p->first; i++) {
                struct worker *w = &p->workers[i];
                replace(w);
                if (w->pid <= 0 || w->job)
                        continue;
                w->job = queue_pop(p);
                w->job->attempts++;
                if (hand_over(w, w->job) < 0) {
                        struct job *j = TAKE_PTR(w->job);
                        lose(w, "worker-died");
                        if (j->attempts < p->limits.workers + ATTEMPTS_BEYOND_WORKERS)
                                queue_push_front(p, j);
                        else {
                                j->next = p->broken;
                                p->broken = j;
                        }
                }
        }
        /* The rest from the loop, because the submitter may be our caller: answers, and another turn with new workers.
         */
        if (p->broken || (p->first && n_busy(p) == 0))
                (void) sd_event_source_set_enabled(p->fail, SD_EVENT_ONESHOT);
}

static int on_fail(sd_event_source *s, void *userdata) {
        struct worker_pool *p = userdata;
        (void) s;
        while (p->broken) {
                struct job *j = p->broken;
                p->broken = j->next;
                job_finish(j, -EPIPE, SECOND_NONE);
        }
        for (unsigned i = 0; i < p->limits.workers; i++)
                replace(&p->workers[i]);
        while (p->first && n_alive(p) == 0)
                job_finish(queue_pop(p), -EAGAIN, SECOND_NONE);
        serve(p);
        return 0;
}

/* Only those left behind are waited for, each by its pid. One that died in service is noticed by the end of its socket.
 */
static int on_child(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        struct worker_pool *p = userdata;
        (void) s;
        (void) si;

        bool was_full = p->n_abandoned >= p->limits.abandoned_max;
        for (unsigned i = 0; i < p->n_abandoned;) {
                if (waitpid(p->abandoned[i], NULL, WNOHANG) == 0)
                        i++;
                else
                        p->abandoned[i] = p->abandoned[--p->n_abandoned];
        }
        if (was_full && p->n_abandoned < p->limits.abandoned_max) {
                for (unsigned i = 0; i < p->limits.workers; i++)
                        replace(&p->workers[i]);
                p->trouble("workers-restored", "", p->userdata);
        }
        serve(p);
        return 0;
}

int worker_pool_new(const struct worker_limits *limits, struct worker_pool **ret) {
        struct worker_pool *p = calloc(1, sizeof *p);
        if (!p)
                return -ENOMEM;
        p->limits = *limits;
        p->last = &p->first;
        p->workers = calloc(limits->workers, sizeof *p->workers);
        p->abandoned = calloc(limits->abandoned_max + 2 * limits->workers, sizeof *p->abandoned);
        if (!p->workers || !p->abandoned) {
                free(p->workers);
                free(p->abandoned);
                free(p);
                return -ENOMEM;
        }
        for (unsigned i = 0; i < limits->workers; i++)
                p->workers[i] = (struct worker){ .pool = p, .socket = -1 };

        int r = 0;
        for (unsigned i = 0; i < limits->workers && r == 0; i++)
                r = spawn(&p->workers[i]);
        if (r < 0) {
                (void) worker_pool_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

int worker_pool_attach(struct worker_pool *p, sd_event *event,
                       void (*trouble)(const char *code, const char *detail, void *userdata), void *userdata) {
        p->trouble = trouble;
        p->userdata = userdata;
        p->event = sd_event_ref(event);

        int r = sd_event_add_signal(event, &p->children, SIGCHLD, on_child, p);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &p->fail, on_fail, p);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(p->fail, SD_EVENT_OFF);
        for (unsigned i = 0; i < p->limits.workers && r >= 0; i++)
                r = watch(&p->workers[i]);
        return r < 0 ? r : 0;
}

int worker_pool_submit(struct worker_pool *p, enum job_kind kind, const struct job_device *device,
                       void (*done)(uint64_t id, const struct job_result *result, void *userdata), uint64_t id,
                       void *userdata) {
        CLEANUP(job_freep) struct job *j = calloc(1, sizeof *j);
        if (!j)
                return -ENOMEM;
        for (int i = 0; i < WORKER_FDS; i++)
                j->fds[i] = -1;
        j->done = done;
        j->id = id;
        j->userdata = userdata;
        j->submitted = now_usec();
        j->request = (struct worker_request){ .id = ++p->next_id,
                                              .kind = kind,
                                              .held = device->held,
                                              .vendor = device->facts->vendor,
                                              .product = device->facts->product,
                                              .n_interfaces = device->facts->n_interfaces,
                                              .listed = device->listed };
        memcpy(j->request.interfaces, device->facts->interfaces, sizeof j->request.interfaces);

        const int given[WORKER_FDS] = { [WORKER_FD_DIRECTORY] = device->directory,
                                        [WORKER_FD_NODE] = device->node,
                                        [WORKER_FD_HUB] = device->hub,
                                        [WORKER_FD_BUS] = device->bus };
        for (int i = 0; i < WORKER_FDS; i++) {
                if (given[i] < 0 && i != WORKER_FD_DIRECTORY)
                        continue;
                j->fds[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 3);
                if (j->fds[i] < 0)
                        return -errno;
                j->request.fds |= 1u << i;
        }

        *p->last = j;
        p->last = &j->next;
        j = NULL;
        serve(p);
        return 0;
}

static bool release(struct job *j, enum job_kind kind, uint64_t id, const void *userdata) {
        if (!j || !j->request.held || j->id != id || j->userdata != userdata)
                return false;
        j->request.kind = kind;
        j->request.held = 0; /* should its worker die, the next one does not wait */
        return true;
}

void worker_pool_release(struct worker_pool *p, enum job_kind kind, uint64_t id, const void *userdata) {
        for (unsigned i = 0; i < p->limits.workers; i++) {
                struct worker *w = &p->workers[i];
                if (!release(w->job, kind, id, userdata))
                        continue;
                const struct worker_release message = { .id = w->job->request.id, .kind = kind };
                if (send(w->socket, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) !=
                            (ssize_t) sizeof message ||
                    begin_time(w) < 0)
                        (void) kill(w->pid, SIGKILL); /* on_answer() gives the job to another */
                return;
        }
        for (struct job *j = p->first; j; j = j->next)
                if (release(j, kind, id, userdata))
                        return;
}

unsigned worker_pool_abandoned(const struct worker_pool *p) {
        return p->n_abandoned;
}

struct worker_pool *worker_pool_free(struct worker_pool *p) {
        if (!p)
                return NULL;
        for (unsigned i = 0; i < p->limits.workers; i++) {
                if (p->workers[i].pid > 0)
                        retire(&p->workers[i]);
                (void) job_free(p->workers[i].job);
        }
        while (p->first)
                (void) job_free(queue_pop(p));
        while (p->broken) {
                struct job *j = p->broken;
                p->broken = j->next;
                (void) job_free(j);
        }
        (void) sd_event_source_disable_unref(p->children);
        (void) sd_event_source_disable_unref(p->fail);
        (void) sd_event_unref(p->event);
        free(p->abandoned);
        free(p->workers);
        free(p);
        return NULL;
}
