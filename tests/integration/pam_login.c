/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One application that logs people in by PAM, as a test needs it: its services are in a directory of its own, and each
 * prompt gets the next answer.
 *   pam_login [-n THREADS] [-t TTY] [-r RHOST] [-e NAME=VALUE] [-p PHASES] CONFDIR SERVICE USER [ANSWER...]
 * PHASES: of a (auth), c (account), s (session); "a" if not given. "@N" as an answer: N letters 'a'. Prints what was
 * said, and "result N" for each thread: the status of libpam. */
#include <pthread.h>
#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
        const char *tty, *rhost, *environment, *phases, *confdir, *service, *user;
        char **answers;
        int n_answers;
        bool quiet;
} options = { .phases = "a" };

static pthread_barrier_t barrier;

static char *answer(int n) {
        const char *given = n < options.n_answers ? options.answers[n] : "";
        if (given[0] != '@')
                return strdup(given);
        size_t size = (size_t) strtoul(given + 1, NULL, 10);
        char *large = malloc(size + 1);
        if (large) {
                memset(large, 'a', size);
                large[size] = '\0';
        }
        return large;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *data) {
        static const char *const words[] = { [PAM_PROMPT_ECHO_OFF] = "secret",
                                             [PAM_PROMPT_ECHO_ON] = "prompt",
                                             [PAM_ERROR_MSG] = "error",
                                             [PAM_TEXT_INFO] = "info" };
        int *asked = data;
        struct pam_response *replies = calloc((size_t) n, sizeof *replies);
        if (!replies)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++) {
                const struct pam_message *m = messages[i];
                if (!options.quiet)
                        printf("%s %s\n", words[m->msg_style], m->msg);
                if (m->msg_style != PAM_PROMPT_ECHO_OFF && m->msg_style != PAM_PROMPT_ECHO_ON)
                        continue;
                if (*asked < options.n_answers && strcmp(options.answers[*asked], "^C") == 0) {
                        free(replies);
                        return PAM_CONV_ERR;
                }
                replies[i].resp = answer((*asked)++);
        }
        *ret = replies;
        return PAM_SUCCESS;
}

/* The application's own business; tests have no time. */
static void no_delay(int status, unsigned usec, void *data) {
        (void) status, (void) usec, (void) data;
}

static int login(void) {
        int asked = 0;
        const struct pam_conv conversation = { converse, &asked };
        pam_handle_t *pam = NULL;
        int r = pam_start_confdir(options.service, options.user, &conversation, options.confdir, &pam);
        void (*delay)(int, unsigned, void *) = no_delay;
        const void *item;
        memcpy(&item, &delay, sizeof item);
        if (r == PAM_SUCCESS)
                r = pam_set_item(pam, PAM_FAIL_DELAY, item);
        if (r == PAM_SUCCESS && options.tty)
                r = pam_set_item(pam, PAM_TTY, options.tty);
        if (r == PAM_SUCCESS && options.rhost)
                r = pam_set_item(pam, PAM_RHOST, options.rhost);
        if (r == PAM_SUCCESS && options.environment)
                r = pam_putenv(pam, options.environment);
        for (const char *p = options.phases; *p && r == PAM_SUCCESS; p++)
                r = *p == 'a'   ? pam_authenticate(pam, 0)
                    : *p == 'c' ? pam_acct_mgmt(pam, 0)
                    : *p == 'p' ? pam_chauthtok(pam, 0)
                                : pam_open_session(pam, 0);
        if (pam)
                (void) pam_end(pam, r);
        return r;
}

static void *thread(void *data) {
        (void) pthread_barrier_wait(&barrier);
        *(int *) data = login();
        return NULL;
}

int main(int argc, char **argv) {
        unsigned threads = 1;
        int c;
        while ((c = getopt(argc, argv, "+n:t:r:e:p:")) != -1)
                switch (c) {
                case 'n':
                        threads = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case 't':
                        options.tty = optarg;
                        break;
                case 'r':
                        options.rhost = optarg;
                        break;
                case 'e':
                        options.environment = optarg;
                        break;
                case 'p':
                        options.phases = optarg;
                        break;
                default:
                        return 2;
                }
        if (argc - optind < 3 || threads < 1 || threads > 100)
                return 2;
        options.confdir = argv[optind];
        options.service = argv[optind + 1];
        options.user = argv[optind + 2];
        options.answers = argv + optind + 3;
        options.n_answers = argc - optind - 3;
        options.quiet = threads > 1;

        int results[100];
        pthread_t list[100];
        (void) pthread_barrier_init(&barrier, NULL, threads);
        for (unsigned i = 0; i < threads; i++)
                if (pthread_create(&list[i], NULL, thread, &results[i]) != 0)
                        return 2;
        for (unsigned i = 0; i < threads; i++) {
                (void) pthread_join(list[i], NULL);
                printf("result %d\n", results[i]);
        }
        return 0;
}
