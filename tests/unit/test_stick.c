/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a stick is asked while SEKISHO/ is read from it: a stick in memory, behind the ioctl() of usbfs, that hears each
 * command. None of them writes, and nothing but commands is ever sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <assert.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "medium/collect.h"

#define SECTOR  512u
#define SECTORS 131072u /* as in tests/fuzz/fuzz_medium.c, whose inputs are read here */
#define IN      0x81u
#define OUT     0x02u
#define CBW     31u
#define CSW     13u

enum { TEST_UNIT_READY = 0x00, REQUEST_SENSE = 0x03, INQUIRY = 0x12, READ_CAPACITY = 0x25, READ_10 = 0x28 };

/* A device, a configuration, an interface 08:06:50 with one endpoint each way. */
static const uint8_t descriptors[] = { 18,   1, 0, 2,  0,  0, 0, 64, 0x81, 0x07, 0x91, 0x55, 0, 1, 0, 0, 0,
                                       1,    9, 2, 32, 0,  1, 1, 0,  0x80, 50,   9,    4,    0, 0, 2, 8, 6,
                                       0x50, 0, 7, 5,  IN, 2, 0, 2,  0,    7,    5,    OUT,  2, 0, 2, 0 };

static struct {
        uint8_t *bytes;
        unsigned heard[256]; /* by operation code */
        uint8_t answer[16384];
        size_t size; /* of the answer that waits to be fetched */
        uint8_t tag[4];
        bool has_status, failed;
} stick;

static void answer(const void *bytes, size_t size) {
        assert_in_range(size, 0, sizeof stick.answer);
        memcpy(stick.answer, bytes, size);
        stick.size = size;
}

static uint32_t be32(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static void hear(const uint8_t *command) {
        static_assert(SECTORS - 1 == 0x1ffff && SECTOR == 0x200, "the last sector, and their size");
        static const uint8_t capacity[8] = { 0, 1, 0xff, 0xff, 0, 0, 2, 0 };
        static const uint8_t disk[36] = { 0 }, was_reset[18] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29 };
        stick.failed = false;
        switch (command[0]) {
        case TEST_UNIT_READY: /* the first time it says that it was just plugged in */
                stick.failed = stick.heard[TEST_UNIT_READY] == 0;
                break;
        case REQUEST_SENSE:
                answer(was_reset, sizeof was_reset);
                break;
        case INQUIRY:
                answer(disk, sizeof disk);
                break;
        case READ_CAPACITY:
                answer(capacity, sizeof capacity);
                break;
        case READ_10:
                assert_in_range(be32(command + 2), 0, SECTORS - 1);
                answer(stick.bytes + (size_t) be32(command + 2) * SECTOR,
                       (size_t) (command[7] << 8 | command[8]) * SECTOR);
                break;
        default:
                fail_msg("the stick was told %02x", command[0]);
        }
        stick.heard[command[0]]++;
}

static int send_to(const struct usbdevfs_bulktransfer *t) {
        const uint8_t *cbw = t->data;
        assert_int_equal(t->len, CBW);
        assert_memory_equal(cbw, "USBC", 4);
        assert_int_equal(cbw[12], 0x80); /* what follows goes from the stick to us */
        assert_true(stick.size == 0 && !stick.has_status);
        memcpy(stick.tag, cbw + 4, 4);
        hear(cbw + 15);
        stick.has_status = true;
        return CBW;
}

static int fetch_from(const struct usbdevfs_bulktransfer *t) {
        if (stick.size > 0) {
                size_t n = stick.size < t->len ? stick.size : t->len;
                memcpy(t->data, stick.answer, n);
                stick.size = 0;
                return (int) n;
        }
        assert_true(stick.has_status);
        assert_int_equal(t->len, CSW);
        uint8_t csw[CSW] = { 'U', 'S', 'B', 'S' };
        memcpy(csw + 4, stick.tag, 4);
        csw[12] = stick.failed;
        memcpy(t->data, csw, CSW);
        stick.has_status = false;
        return CSW;
}

int __wrap_ioctl(int fd, unsigned long request, void *argument);

int __wrap_ioctl(int fd, unsigned long request, void *argument) {
        (void) fd;
        const struct usbdevfs_ctrltransfer *control = argument;
        const struct usbdevfs_bulktransfer *bulk = argument;
        switch (request) {
        case USBDEVFS_CLAIMINTERFACE:
                return 0;
        case USBDEVFS_CONTROL: /* how many disks it has */
                assert_int_equal(control->bRequestType & 0x80, 0x80);
                *(uint8_t *) control->data = 0;
                return 1;
        case USBDEVFS_BULK:
                return bulk->ep == IN ? fetch_from(bulk) : send_to(bulk);
        default:
                fail_msg("ioctl %lx", request);
                return -1;
        }
}

/* 4 bytes of sector number, 2 of length, and the bytes; again. */
static void put_medium(const char *name) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/../fuzz/corpus/medium/%s", FIXTURES, name);
        FILE *f = fopen(path, "re");
        uint8_t head[6];
        assert_non_null(f);
        while (fread(head, 1, sizeof head, f) == sizeof head) {
                uint32_t sector;
                uint16_t size;
                memcpy(&sector, head, sizeof sector);
                memcpy(&size, head + 4, sizeof size);
                assert_in_range(sector, 0, SECTORS - 1 - size / SECTOR);
                assert_int_equal(fread(stick.bytes + (size_t) sector * SECTOR, 1, size, f), size);
        }
        (void) fclose(f);
}

static int count(enum carried_kind kind, const char *name, const uint8_t *bytes, uint32_t size, void *userdata) {
        (void) name, (void) bytes, (void) size;
        unsigned *n = userdata;
        *n += kind == CARRIED_FILE;
        return 0;
}

static void test_nothing_is_written(void **state) {
        (void) state;
        static const char *const media[] = { "fat12", "fat16", "fat32", "exfat", "mbr", "gpt" };
        int fd = memfd_create("stick", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, descriptors, sizeof descriptors), sizeof descriptors);
        for (size_t i = 0; i < sizeof media / sizeof *media; i++) {
                memset(&stick, 0, sizeof stick);
                stick.bytes = calloc(SECTORS, SECTOR);
                assert_non_null(stick.bytes);
                put_medium(media[i]);
                struct source s;
                unsigned files = 0;
                assert_int_equal(source_claim_usb(fd, -1), 0);
                assert_int_equal(source_open_usb(fd, &s), 0);
                const char *outcome = collect(&s, count, &files);
                if (strcmp(outcome, "ok") != 0 || files == 0 || stick.heard[READ_10] == 0 ||
                    stick.heard[REQUEST_SENSE] == 0)
                        fail_msg("%s: %s, %u files, read %u times", media[i], outcome, files, stick.heard[READ_10]);
                free(stick.bytes);
        }
        (void) close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing_is_written) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
