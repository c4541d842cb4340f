/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define BUFFER_SIZE         4096u
#define HEADER_SIZE         10u
#define TAG_NO_SESSIONS     0x8001u
#define TAG_SESSIONS        0x8002u
#define RH_OWNER            0x40000001u
#define RS_PASSWORD         0x40000009u
#define ALG_SHA256          0x000bu
#define CC_NV_DEFINE_SPACE  0x0000012au
#define CC_NV_INCREMENT     0x00000134u
#define CC_NV_READ          0x0000014eu
#define CC_NV_READ_PUBLIC   0x00000169u
#define NV_OWNERWRITE       (1u << 1)
#define NV_AUTHWRITE        (1u << 2)
#define NV_TYPE             0xf0u
#define NV_TYPE_COUNTER     0x10u
#define NV_OWNERREAD        (1u << 17)
#define NV_AUTHREAD         (1u << 18)
#define NV_NO_DA            (1u << 25)
#define NV_WRITTEN          (1u << 29)
#define RC_NV_UNINITIALIZED 0x14au
#define RC_HANDLE           0x08bu /* any handle: which one stands in bits 8 to 11 */
#define RC_VALUE            0x084u
#define RC_AUTH_FAIL        0x08eu
#define RC_BAD_AUTH         0x0a2u
#define RC_ANY_NUMBER       0x0bfu
#define TRIES               40
#define TRY_NSEC            100000000L

struct buffer {
        uint8_t bytes[BUFFER_SIZE];
        size_t used;
};

static void put(struct buffer *b, uint32_t value, size_t size) {
        for (size_t i = 0; i < size; i++)
                b->bytes[b->used++] = (uint8_t) (value >> 8 * (size - 1 - i));
}

static void begin(struct buffer *b, uint32_t tag, uint32_t command) {
        b->used = 0;
        put(b, tag, 2);
        put(b, 0, 4); /* the size, when it is known */
        put(b, command, 4);
}

/* An empty password: session, nonce, attributes, password. */
static void put_authorisation(struct buffer *b) {
        put(b, 9, 4);
        put(b, RS_PASSWORD, 4);
        put(b, 0, 2);
        put(b, 0, 1);
        put(b, 0, 2);
}

static uint64_t take(const uint8_t *p, size_t size) {
        uint64_t value = 0;
        for (size_t i = 0; i < size; i++)
                value = value << 8 | p[i];
        return value;
}

/* Busy, or slow: it wants to be asked again (RETRY, YIELDED, TESTING, NV_RATE). */
static bool is_not_yet(uint32_t code) {
        return code == 0x922 || code == 0x908 || code == 0x90a || code == 0x920;
}

static int error_of(uint32_t code) {
        if (code == RC_NV_UNINITIALIZED)
                return -ENODATA;
        if ((code & RC_ANY_NUMBER) == RC_HANDLE || (code & RC_ANY_NUMBER) == RC_VALUE)
                return -ENOENT;
        return (code & RC_ANY_NUMBER) == RC_AUTH_FAIL || (code & RC_ANY_NUMBER) == RC_BAD_AUTH ? -EACCES : -EIO;
}

static int exchange(int fd, const struct buffer *command, struct buffer *ret) {
        int r = file_write_all(fd, command->bytes, command->used);
        if (r < 0)
                return r;
        ret->used = 0;
        do {
                ssize_t n = read(fd, ret->bytes + ret->used, sizeof ret->bytes - ret->used);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EPROTO;
                ret->used += (size_t) n;
        } while (ret->used < HEADER_SIZE || ret->used < take(ret->bytes + 2, 4));
        return ret->used == take(ret->bytes + 2, 4) ? 0 : -EPROTO;
}

/* Sends it, again where the TPM asks for that. */
static int run(int fd, struct buffer *command, struct buffer *ret) {
        for (size_t i = 0; i < 4; i++)
                command->bytes[2 + i] = (uint8_t) (command->used >> 8 * (3 - i));
        for (int tries = 0; tries < TRIES; tries++) {
                int r = exchange(fd, command, ret);
                if (r < 0)
                        return r;
                uint32_t code = (uint32_t) take(ret->bytes + 6, 4);
                if (code == 0)
                        return 0;
                if (!is_not_yet(code))
                        return error_of(code);
                (void) nanosleep(&(struct timespec){ .tv_nsec = TRY_NSEC }, NULL);
        }
        return -EBUSY;
}

int tpm_read_public(int fd, uint32_t index, bool *ret_is_counter, bool *ret_is_written) {
        struct buffer b, answer;
        begin(&b, TAG_NO_SESSIONS, CC_NV_READ_PUBLIC);
        put(&b, index, 4);
        int r = run(fd, &b, &answer);
        if (r < 0)
                return r;
        /* size, index, name's algorithm, attributes */
        if (answer.used < HEADER_SIZE + 12 || take(answer.bytes + HEADER_SIZE + 2, 4) != index)
                return -EPROTO;
        uint32_t attributes = (uint32_t) take(answer.bytes + HEADER_SIZE + 8, 4);
        *ret_is_counter = (attributes & NV_TYPE) == NV_TYPE_COUNTER;
        *ret_is_written = (attributes & NV_WRITTEN) != 0;
        return 0;
}

int tpm_read_counter(int fd, uint32_t index, uint64_t *ret) {
        struct buffer b, answer;
        begin(&b, TAG_SESSIONS, CC_NV_READ);
        put(&b, index, 4); /* authorised by itself */
        put(&b, index, 4);
        put_authorisation(&b);
        put(&b, sizeof *ret, 2);
        put(&b, 0, 2);
        int r = run(fd, &b, &answer);
        if (r < 0)
                return r;
        /* size of the parameters, size of the data, data */
        if (answer.used < HEADER_SIZE + 14 || take(answer.bytes + HEADER_SIZE + 4, 2) != sizeof *ret)
                return -EPROTO;
        *ret = take(answer.bytes + HEADER_SIZE + 6, sizeof *ret);
        return 0;
}

int tpm_increment(int fd, uint32_t index) {
        struct buffer b, answer;
        begin(&b, TAG_SESSIONS, CC_NV_INCREMENT);
        put(&b, index, 4);
        put(&b, index, 4);
        put_authorisation(&b);
        return run(fd, &b, &answer);
}

int tpm_define_counter(int fd, uint32_t index) {
        struct buffer b, answer;
        begin(&b, TAG_SESSIONS, CC_NV_DEFINE_SPACE);
        put(&b, RH_OWNER, 4);
        put_authorisation(&b);
        put(&b, 0, 2);  /* its own authorisation */
        put(&b, 14, 2); /* index, name's algorithm, attributes, policy, size */
        put(&b, index, 4);
        put(&b, ALG_SHA256, 2);
        put(&b, NV_OWNERWRITE | NV_AUTHWRITE | NV_TYPE_COUNTER | NV_OWNERREAD | NV_AUTHREAD | NV_NO_DA, 4);
        put(&b, 0, 2);
        put(&b, sizeof(uint64_t), 2);
        return run(fd, &b, &answer);
}
