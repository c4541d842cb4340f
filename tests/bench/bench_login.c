/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs people in by PAM and says how long each took.
 *   bench_login CONFDIR serial|parallel <lines "SERVICE USER ANSWER[,ANSWER...]"
 * Each prompt gets the next answer. serial: one after the other. parallel: each in a process of its own, all let go at
 * the same moment. Prints for each line "STATUS MICROSECONDS" (libpam's status), then the microseconds from the
 * beginning or an answer to the next prompt or the end; and for parallel at last "all MICROSECONDS". */
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOGINS_MAX  256

#define PROMPTS_MAX 4

struct login {
        char service[64], user[64], answers[256];
};

struct result {
        int status, n;
        double usec, end, parts[PROMPTS_MAX + 1];
};

struct conversation {
        struct result *result;
        char *answers;
        double since;
};

static double now(void) {
        struct timespec t;
        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static void note(struct conversation *c) {
        if (c->result->n <= PROMPTS_MAX)
                c->result->parts[c->result->n++] = now() - c->since;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *data) {
        struct conversation *c = data;
        struct pam_response *replies = calloc((size_t) n, sizeof *replies);
        if (!replies)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++) {
                if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF && messages[i]->msg_style != PAM_PROMPT_ECHO_ON)
                        continue;
                note(c);
                const char *answer = strsep(&c->answers, ",");
                replies[i].resp = strdup(answer ? answer : "");
                c->since = now();
        }
        *ret = replies;
        return PAM_SUCCESS;
}

/* The application's own business; a measurement has no time for it. */
static void no_delay(int status, unsigned usec, void *data) {
        (void) status, (void) usec, (void) data;
}

static struct result log_in(const char *directory, struct login *l) {
        struct result r = { .status = -1 };
        struct conversation c = { .result = &r, .answers = l->answers };
        const struct pam_conv conversation = { converse, &c };
        pam_handle_t *pam = NULL;
        void (*delay)(int, unsigned, void *) = no_delay;
        const void *item;
        memcpy(&item, &delay, sizeof item);
        double began = now();
        c.since = began;
        r.status = pam_start_confdir(l->service, l->user, &conversation, directory, &pam);
        if (r.status == PAM_SUCCESS)
                r.status = pam_set_item(pam, PAM_FAIL_DELAY, item);
        if (r.status == PAM_SUCCESS)
                r.status = pam_authenticate(pam, 0);
        r.end = now();
        note(&c);
        r.usec = r.end - began;
        if (pam)
                (void) pam_end(pam, r.status);
        return r;
}

static void print(const struct result *r) {
        printf("%d %.1f", r->status, r->usec);
        for (int i = 0; i < r->n; i++)
                printf(" %.1f", r->parts[i]);
        putchar('\n');
        (void) fflush(stdout);
}

static void parallel(const char *directory, struct login *logins, struct result *results, size_t n) {
        int gate[2], ready[2];
        char c = 0;
        if (pipe(gate) < 0 || pipe(ready) < 0)
                exit(1);
        for (size_t i = 0; i < n; i++)
                if (fork() == 0) {
                        (void) close(gate[1]);
                        (void) !write(ready[1], "", 1);
                        (void) !read(gate[0], &c, 1);
                        results[i] = log_in(directory, &logins[i]);
                        _exit(0);
                }
        for (size_t i = 0; i < n; i++)
                (void) !read(ready[0], &c, 1);
        double began = now(), end = began;
        (void) close(gate[1]);
        while (wait(NULL) > 0)
                ;
        for (size_t i = 0; i < n; i++)
                end = results[i].end > end ? results[i].end : end;
        for (size_t i = 0; i < n; i++)
                print(&results[i]);
        printf("all %.1f\n", end - began);
}

int main(int argc, char **argv) {
        static struct login logins[LOGINS_MAX];
        struct result *results =
                mmap(NULL, LOGINS_MAX * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        size_t n = 0;
        if (argc != 3 || results == MAP_FAILED)
                return 2;
        while (n < LOGINS_MAX && scanf("%63s %63s %255s", logins[n].service, logins[n].user, logins[n].answers) == 3)
                n++;
        if (strcmp(argv[2], "parallel") == 0) {
                parallel(argv[1], logins, results, n);
                return 0;
        }
        for (size_t i = 0; i < n; i++) {
                struct result r = log_in(argv[1], &logins[i]);
                print(&r);
        }
        return 0;
}
