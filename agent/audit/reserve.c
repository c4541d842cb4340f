/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that holds room for when the disk is full. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "audit/log.h"
#include "base/cleanup.h"

#define RESERVE_FILE "reserve"
#define PIECE        (UINT64_C(1) << 20)
#define SPARE        (UINT64_C(16) << 20) /* must be free besides, before it is filled again */

static int resize(struct audit_log *l, uint64_t size) {
        if (ftruncate(l->reserve, (off_t) size) < 0 || fsync(l->reserve) < 0)
                return -errno;
        l->reserve_left = size;
        return 0;
}

/* Not posix_fallocate(3), which writes zeros where the file system cannot: that is no reserve, but a slow start. */
static int grow(struct audit_log *l) {
        if (l->reserve_size == 0)
                return 0;
        if (fallocate(l->reserve, 0, 0, (off_t) l->reserve_size) < 0) {
                int r = -errno;
                struct stat st; /* part of it may have been given */
                if (fstat(l->reserve, &st) == 0)
                        l->reserve_left =
                                (uint64_t) st.st_size < l->reserve_left ? (uint64_t) st.st_size : l->reserve_left;
                if (r != -ENOSPC && r != -EDQUOT)
                        l->reserve_size = l->reserve_left; /* this file system has none to give: not a full disk */
                return r;
        }
        l->reserve_left = l->reserve_size;
        return 0;
}

int audit_log_set_reserve(struct audit_log *l, uint64_t bytes) {
        struct stat st;
        if (l->reserve < 0) {
                int fd = openat(l->directory, RESERVE_FILE,
                                O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
                if (fd < 0)
                        return -errno;
                l->reserve = fd;
        }
        if (fstat(l->reserve, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
                close_p(&l->reserve);
                l->reserve = -1;
                return -EPERM;
        }
        l->reserve_size = bytes;
        l->reserve_left = (uint64_t) st.st_size < bytes ? (uint64_t) st.st_size : bytes;
        if ((uint64_t) st.st_size > bytes)
                return resize(l, bytes);
        return grow(l);
}

bool log_use_reserve(struct audit_log *l, int error) {
        if ((error != -ENOSPC && error != -EDQUOT) || l->reserve < 0 || l->reserve_left == 0)
                return false;
        return resize(l, l->reserve_left > PIECE ? l->reserve_left - PIECE : 0) == 0;
}

bool audit_log_on_reserve(const struct audit_log *l) {
        return l->reserve >= 0 && l->reserve_left < l->reserve_size;
}

int log_fill_reserve(struct audit_log *l) {
        struct statvfs st;
        if (!audit_log_on_reserve(l))
                return 0;
        if (fstatvfs(l->reserve, &st) < 0)
                return -errno;
        uint64_t available = (uint64_t) st.f_bavail * st.f_frsize;
        return available < l->reserve_size - l->reserve_left + SPARE ? -ENOSPC : grow(l);
}
