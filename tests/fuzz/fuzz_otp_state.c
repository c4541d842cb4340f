/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands on the disk: the two slots of a state, and sealed bytes. What must hold: nothing that was not made with
 * the key is taken for one of ours; what was made with it, and then changed as the input says, is either the very same
 * or refused, and the older slot never comes back into force. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pam_module/seal.h"

static const uint8_t KEY[STATE_KEY_SIZE] = { 42 };

static void raw(const uint8_t *data, size_t size) {
        static uint8_t file[STATE_FILE_SIZE], plain[STATE_FILE_SIZE];
        uint8_t id[STATE_ID_SIZE];
        struct otp_state s;
        const struct seal_key *k;
        struct seal seal = { .machine_id = "machine" };
        const struct seal_owner owner = { 1000, "yamada" };
        seal_add(&seal, KEY, "file");
        memset(file, 0, sizeof file);
        memcpy(file, data, size < sizeof file ? size : sizeof file);
        REQUIRE(state_choose(file, sizeof file, KEY, &s) == STATE_DAMAGED);
        REQUIRE(state_choose(data, size, KEY, &s) == STATE_DAMAGED);
        REQUIRE(seal_open(&seal, &owner, data, size < sizeof plain ? size : sizeof plain, plain, id, &k) == 1);
}

/* Pairs of (offset, bits) applied to a good file. */
static void changed(const uint8_t *data, size_t size) {
        static uint8_t good[STATE_FILE_SIZE], file[STATE_FILE_SIZE];
        struct otp_state s = { .sequence = 10, .last_step = 5 }, r;
        state_encode(&s, KEY, 0, good);
        s.sequence = 11;
        s.last_step = 6;
        state_encode(&s, KEY, 1, good + STATE_SLOT_OFFSET);
        memcpy(file, good, sizeof file);
        for (size_t i = 0; i + 2 < size; i += 3)
                file[((size_t) data[i] | (size_t) data[i + 1] << 8) % sizeof file] ^= data[i + 2];

        bool same = memcmp(file, good, STATE_SLOT_SIZE) == 0 &&
                    memcmp(file + STATE_SLOT_OFFSET, good + STATE_SLOT_OFFSET, STATE_SLOT_SIZE) == 0;
        int outcome = state_choose(file, sizeof file, KEY, &r);
        REQUIRE(outcome == (same ? STATE_OK : STATE_DAMAGED));
        REQUIRE(!same || (r.sequence == 11 && r.last_step == 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        REQUIRE(sodium_init() >= 0);
        raw(data, size);
        changed(data, size);
        return 0;
}
