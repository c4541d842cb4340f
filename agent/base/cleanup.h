/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope-bound cleanup. Owned by base; any room but policy/ may use it.
 *
 *   CLEANUP(close_p) int fd = open(...);        closed when the scope ends
 *   return TAKE_FD(fd);                         ownership passes to the caller
 *   *ret = TAKE_PTR(p);
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(f) __attribute__((cleanup(f)))

#define TAKE_PTR(p)                                                                                                    \
        __extension__({                                                                                                \
                __typeof__(p) taken_ = (p);                                                                            \
                (p) = NULL;                                                                                            \
                taken_;                                                                                                \
        })

#define TAKE_FD(fd)                                                                                                    \
        __extension__({                                                                                                \
                int taken_ = (fd);                                                                                     \
                (fd) = -1;                                                                                             \
                taken_;                                                                                                \
        })

/* Defines foo_freep() for a foo_free() that accepts NULL. */
#define DEFINE_FREEP(type, function)                                                                                   \
        static inline void function##p(type **p) {                                                                     \
                if (*p)                                                                                                \
                        (void) function(*p);                                                                           \
        }

static inline void free_p(void *p) {
        free(*(void **) p);
}

/* Keeps errno, so that an error path may close before it returns -errno. */
static inline void close_p(int *fd) {
        if (*fd >= 0) {
                int saved = errno;
                (void) close(*fd);
                errno = saved;
        }
}

static inline void fclose_p(FILE **f) {
        if (*f)
                (void) fclose(*f);
}
