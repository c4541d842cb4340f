/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blob.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

struct blob *blob_new(void) {
        struct blob *b = calloc(1, sizeof *b);
        if (b)
                b->references = 1;
        return b;
}

struct blob *blob_ref(struct blob *b) {
        b->references++;
        return b;
}

struct blob *blob_unref(struct blob *b) {
        if (!b || --b->references > 0)
                return NULL;
        if (b->room > 0) {
                sodium_memzero(b->bytes, b->size);
                (void) munmap(b->bytes, b->room);
        }
        free(b);
        return NULL;
}

static size_t round_up(size_t size) {
        size_t room = PAGE;
        while (room < size && room < (size_t) 1 << 24)
                room *= 2;
        return room >= size ? room : (size + ((size_t) 1 << 24) - 1) & ~(((size_t) 1 << 24) - 1);
}

/* The kernel moves the pages: no copy stays behind. */
static int grow(struct blob *b, size_t size) {
        size_t room = round_up(size);
        /* Locked pages that grow beyond what a user may lock cannot be moved at all. */
        if (b->room > 0 && b->room <= BLOB_LOCK_MAX)
                (void) munlock(b->bytes, b->room);
        void *p = b->room == 0 ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                               : mremap(b->bytes, b->room, room, MREMAP_MAYMOVE);
        if (p == MAP_FAILED)
                return -ENOMEM;
        (void) madvise(p, room, MADV_DONTDUMP);
        if (room <= BLOB_LOCK_MAX)
                (void) mlock(p, room); /* best effort: users may lock little */
        b->bytes = p;
        b->room = room;
        return 0;
}

int blob_append(struct blob *b, const void *bytes, size_t size, size_t cap) {
        size_t needed;
        if (__builtin_add_overflow(b->size, size, &needed) || needed > cap)
                return -EFBIG;
        if (size == 0)
                return 0;
        if (needed > b->room && grow(b, needed) < 0)
                return -ENOMEM;
        memcpy(b->bytes + b->size, bytes, size);
        b->size = needed;
        return 0;
}
