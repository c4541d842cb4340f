/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tries to change what is on a medium, by one of the ways there are.
 *
 *   medium write NODE     opens the node for writing and writes
 *   medium scsi NODE      WRITE(10) by SG_IO: a node of sg or bsg, or the disk itself
 *   medium race NODE      waits for the node, then tries "write" without pause for 5 s, from the moment it appears
 *   medium allow NODE     takes away the kernel's own read-only flag (BLKROSET)
 *   medium reset NODE     resets a USB device (NODE is in /dev/bus/usb)
 *
 * Prints "written" (for the last two: "done") or "refused: REASON"; exit 0 or 1. What is written lies 4 MiB behind the
 * beginning, where the test's media hold nothing, and is different each time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bsg.h>
#include <linux/fs.h>
#include <linux/usbdevice_fs.h>
#include <scsi/sg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 512, PLACE = 4 << 20, WRITE_10 = 0x2a, RACE_SECONDS = 5, NODE_SECONDS = 30 };

static unsigned char block[BLOCK];

static double seconds(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static int write_block(const char *node) {
        int fd = open(node, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = pwrite(fd, block, BLOCK, PLACE) == BLOCK && fsync(fd) == 0 ? 0 : -errno;
        close(fd);
        return r;
}

static int by_command(int fd, int is_bsg) {
        unsigned char command[10] = { WRITE_10 }, sense[32];
        uint32_t at = PLACE / BLOCK;
        for (int i = 0; i < 4; i++)
                command[2 + i] = (unsigned char) (at >> (24 - 8 * i));
        command[8] = 1;
        if (is_bsg) {
                struct sg_io_v4 io = { .guard = 'Q',
                                       .request_len = sizeof command,
                                       .request = (uintptr_t) command,
                                       .max_response_len = sizeof sense,
                                       .response = (uintptr_t) sense,
                                       .dout_xfer_len = BLOCK,
                                       .dout_xferp = (uintptr_t) block,
                                       .timeout = 10000 };
                if (ioctl(fd, SG_IO, &io) < 0)
                        return -errno;
                return io.device_status || io.transport_status || io.driver_status ? -EIO : 0;
        }
        struct sg_io_hdr io = { .interface_id = 'S',
                                .dxfer_direction = SG_DXFER_TO_DEV,
                                .cmd_len = sizeof command,
                                .cmdp = command,
                                .mx_sb_len = sizeof sense,
                                .sbp = sense,
                                .dxfer_len = BLOCK,
                                .dxferp = block,
                                .timeout = 10000 };
        if (ioctl(fd, SG_IO, &io) < 0)
                return -errno;
        return io.status || io.host_status || io.driver_status ? -EIO : 0;
}

static int scsi(const char *node) {
        int fd = open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                fd = open(node,
                          O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a command may get through where write(2) does not */
        if (fd < 0)
                return -errno;
        int r = by_command(fd, strstr(node, "/bsg/") != NULL);
        close(fd);
        return r;
}

static int race(const char *node) {
        double end = seconds() + NODE_SECONDS;
        while (access(node, F_OK) < 0)
                if (seconds() > end)
                        return -ETIMEDOUT;
        int r = -EAGAIN;
        for (end = seconds() + RACE_SECONDS; r < 0 && seconds() < end;)
                r = write_block(node);
        return r;
}

static int allow(const char *node) {
        int off = 0, fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = ioctl(fd, BLKROSET, &off) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static int reset(const char *node) {
        int fd = open(node, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = ioctl(fd, USBDEVFS_RESET, NULL) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static const struct {
        const char *name;
        int (*how)(const char *node);
        const char *success;
} ways[] = { { "write", write_block, "written" },
             { "scsi", scsi, "written" },
             { "race", race, "written" },
             { "allow", allow, "done" },
             { "reset", reset, "done" } };

int main(int argc, char **argv) {
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        snprintf((char *) block, sizeof block, "%ld.%09ld", (long) ts.tv_sec, ts.tv_nsec);
        for (size_t i = 0; argc == 3 && i < sizeof ways / sizeof *ways; i++)
                if (!strcmp(argv[1], ways[i].name)) {
                        int r = ways[i].how(argv[2]);
                        if (r < 0)
                                printf("refused: %s\n", strerrorname_np(-r));
                        else
                                puts(ways[i].success);
                        return r < 0;
                }
        return 2;
}
