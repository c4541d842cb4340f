/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "counter.h"

#include <errno.h>
#include <stdbool.h>

#include "commands.h"

/* Owners' indices, as the TCG's registry of reserved handles has them. */
#define INDEX_MIN 0x01800000u
#define INDEX_MAX 0x01bfffffu

/* A counter that was never incremented has no value yet, and none until it is. */
static int read_value(int fd, uint32_t index, uint64_t *ret) {
        bool is_counter = false, is_written = false;
        int r = tpm_read_public(fd, index, &is_counter, &is_written);
        if (r < 0)
                return r;
        if (!is_counter)
                return -EMEDIUMTYPE;
        return is_written ? tpm_read_counter(fd, index, ret) : -ENODATA;
}

static int prepare(int fd, uint32_t index, uint64_t *ret) {
        int r = read_value(fd, index, ret);
        if (r == -ENOENT) {
                r = tpm_define_counter(fd, index);
                if (r == 0)
                        r = -ENODATA;
        }
        if (r == -ENODATA) {
                /* It begins above every counter that this TPM ever had. */
                r = tpm_increment(fd, index);
                if (r == 0)
                        r = read_value(fd, index, ret);
        }
        return r;
}

static int reach(int fd, uint32_t index, uint64_t wanted, uint64_t *ret) {
        int r = read_value(fd, index, ret);
        if (r < 0 || *ret == wanted)
                return r;
        if (*ret == UINT64_MAX || *ret + 1 != wanted)
                return -ERANGE;
        r = tpm_increment(fd, index);
        return r < 0 ? r : read_value(fd, index, ret);
}

void counter_answer(int fd, struct tpm_message *m) {
        uint64_t value = 0;
        int r = -EINVAL;
        if (m->index < INDEX_MIN || m->index > INDEX_MAX)
                r = -EINVAL;
        else if (m->operation == TPM_READ)
                r = read_value(fd, m->index, &value);
        else if (m->operation == TPM_PREPARE)
                r = prepare(fd, m->index, &value);
        else if (m->operation == TPM_REACH)
                r = reach(fd, m->index, m->value, &value);
        m->value = value;
        m->error = r == -ENODATA ? -ENOENT : r;
}
