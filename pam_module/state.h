/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes at each try, per user: two slots in one preallocated file, overwritten in place in turns. Private to
 * pam_module.
 *
 * The slot with the greater sequence holds. Both slots must be whole, and their sequences neighbours: a slot of 256
 * bytes lies within one sector, so that no crash tears it, and one that does not hold together was changed by somebody;
 * to fall back on the other would be to forget the last try. Damage denies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_SLOT_SIZE   256u
#define STATE_SLOT_OFFSET 4096u /* of the second one: a block, and a page, of its own */
#define STATE_FILE_SIZE   (STATE_SLOT_OFFSET + STATE_SLOT_SIZE)
#define STATE_KEY_SIZE    32u
#define STATE_ID_SIZE     16u

struct otp_state {
        uint64_t sequence;
        uint8_t enrolment[STATE_ID_SIZE]; /* the sealed secret that this belongs to */
        int64_t last_step;                /* of the last accepted code; none at or before it is accepted again */
        int64_t offset;                   /* steps by which the token is ahead of this terminal's clock */
        uint32_t failures;                /* wrong codes in a row */
        uint64_t not_before;              /* boot clock, microseconds */
        uint8_t boot_id[STATE_ID_SIZE];
        uint64_t drift_boot_usec; /* when the first of two consecutive codes came; 0: none did */
        uint64_t drift_mark;      /* keyed digest of it */
        uint32_t codes;           /* which set of recovery codes used_codes is about */
        uint16_t used_codes;      /* mask */
        uint32_t grants;          /* phone grants used so far: each has a nonce of its own */
        bool reenrol;             /* got in by a recovery code or a grant */
        int64_t accepted_at;      /* seconds since the epoch, of the last accepted code; 0: none */
};

enum state_outcome {
        STATE_OK = 0,
        STATE_DAMAGED = 1, /* missing, short, changed, or half of it from another time */
};

/* One slot. index: 0 or 1. buffer: STATE_SLOT_SIZE bytes. */
void state_encode(const struct otp_state *s, const uint8_t *key, unsigned index, uint8_t *buffer);
/* STATE_OK or STATE_DAMAGED. Any bytes are allowed. */
int state_decode(const uint8_t *buffer, const uint8_t *key, unsigned index, struct otp_state *ret);
/* Both slots: file[0..size). STATE_OK, STATE_DAMAGED. */
int state_choose(const uint8_t *file, size_t size, const uint8_t *key, struct otp_state *ret);

/* Creates name in dirfd with both slots written to the disk: its blocks are there when the disk is full. Replaces what
 * is there. s->sequence is set. 0 or -errno. */
int state_create(int dirfd, const char *name, const uint8_t *key, struct otp_state *s);

/* Opens and reads. *ret_fd: to pass to state_store(). STATE_OK, STATE_DAMAGED, -errno (-EROFS ...). */
int state_load(int dirfd, const char *name, const uint8_t *key, int *ret_fd, struct otp_state *ret);

/* Raises s->sequence, overwrites the older slot and waits until it is on the disk. 0 or -errno; after an error nothing
 * may be said yes to. */
int state_store(int fd, const uint8_t *key, struct otp_state *s);
