/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pam_hash.h"

#include <crypt.h>
#include <shadow.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define ENTRY_SIZE 4096u
#define ROUNDS     2 /* pam_unix of Debian 12 computes it twice; test_login_programs.py measures that it fits */

/* What pam_unix would compute: not "*", "!", "" or an old hash that is locked. */
static bool is_hash(const char *hash) {
        return hash && hash[0] == '$' && strlen(hash) < CRYPT_OUTPUT_SIZE;
}

/* The last hash of the file: that of the newest account, and so of the kind that the machine makes now. */
static bool find_sample(char ret[CRYPT_OUTPUT_SIZE]) {
        CLEANUP(fclose_p) FILE *f = fopen(SHADOW, "re");
        CLEANUP(free_p) char *buffer = malloc(ENTRY_SIZE);
        struct spwd entry, *found = NULL;
        bool has = false;
        while (f && buffer && fgetspent_r(f, &entry, buffer, ENTRY_SIZE, &found) == 0 && found)
                if (is_hash(found->sp_pwdp)) {
                        has = true;
                        (void) snprintf(ret, CRYPT_OUTPUT_SIZE, "%s", found->sp_pwdp);
                }
        if (buffer)
                explicit_bzero(buffer, ENTRY_SIZE);
        return has;
}

static bool has_hash(const char *user) {
        CLEANUP(free_p) char *buffer = malloc(ENTRY_SIZE);
        struct spwd entry, *found = NULL;
        bool has =
                buffer && getspnam_r(user, &entry, buffer, ENTRY_SIZE, &found) == 0 && found && is_hash(found->sp_pwdp);
        if (buffer)
                explicit_bzero(buffer, ENTRY_SIZE);
        return has;
}

void pam_hash_spend(const char *user, const char *password) {
        char sample[CRYPT_OUTPUT_SIZE];
        if (!password || has_hash(user) || !find_sample(sample))
                return;
        struct crypt_data *data = calloc(1, sizeof *data);
        if (data) {
                for (int i = 0; i < ROUNDS; i++)
                        (void) crypt_r(password, sample, data);
                explicit_bzero(data, sizeof *data);
                free(data);
        }
        explicit_bzero(sample, sizeof sample);
}
