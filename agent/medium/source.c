/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "source.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_SECTOR 512u
#define BUDGET_BYTES (UINT64_C(64) << 20)

int source_read(struct source *s, uint64_t first, uint32_t count, uint8_t *buffer) {
        if (count > s->n || first > s->n - count)
                return -ERANGE;
        if (count > s->budget)
                return -EDQUOT;
        s->budget -= count;
        return s->read(s, first, count, buffer);
}

static int read_image(struct source *s, uint64_t first, uint32_t count, uint8_t *buffer) {
        size_t size = (size_t) count * s->sector, done = 0;
        while (done < size) {
                ssize_t n = pread(s->fd, buffer + done, size - done, (off_t) (first * s->sector + done));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                done += (size_t) n;
        }
        return 0;
}

int source_open_image(int fd, struct source *ret) {
        off_t size = lseek(fd, 0, SEEK_END);
        if (size < 0)
                return -errno;
        *ret = (struct source){ .sector = IMAGE_SECTOR,
                                .n = (uint64_t) size / IMAGE_SECTOR,
                                .read = read_image,
                                .fd = fd,
                                .budget = BUDGET_BYTES / IMAGE_SECTOR };
        return 0;
}
