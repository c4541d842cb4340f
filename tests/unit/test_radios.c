/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written to a device that was told to hold these radios: off, and on again as far as they were on. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/rfkill.h>

#include "base/file.h"
#include "network/radios.h"

#define KIND(type) (1u << RFKILL_TYPE_##type)
#define ALL_KINDS  ((1u << NUM_RFKILL_TYPES) - 2)
#define WIRELESS   (KIND(WLAN) | KIND(WWAN))
#define STATE      "var/lib/sekisho/network/radios"
#define EVENT(t, off)                                                                                                  \
        { .idx = (t), .type = (t), .op = RFKILL_OP_ADD, .soft = (off) }

struct machine {
        char path[64];
        struct root root;
        struct radios radios;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

/* Wi-Fi is on, Bluetooth is off; of the others there are none. */
static int set_up(void **state) {
        static const struct rfkill_event there[] = { EVENT(RFKILL_TYPE_WLAN, 0), EVENT(RFKILL_TYPE_BLUETOOTH, 1) };
        struct machine *m = calloc(1, sizeof *m);
        if (!m)
                return -1;
        *state = m;
        (void) snprintf(m->path, sizeof m->path, "/tmp/test_radios.XXXXXX");
        if (!mkdtemp(m->path) || root_open(m->path, &m->root) < 0 || root_mkdirs(&m->root, "dev", 0755) < 0)
                return -1;
        int fd = root_openat(&m->root, "dev/rfkill", O_WRONLY | O_CREAT, 0600);
        for (size_t i = 0; i < sizeof there / sizeof *there; i++)
                if (file_write_all(fd, &there[i], RFKILL_EVENT_SIZE_V1) < 0)
                        return -1;
        (void) close(fd);
        radios_open(&m->radios, &m->root);
        return 0;
}

static int tear_down(void **state) {
        struct machine *m = *state;
        radios_close(&m->radios);
        root_close(&m->root);
        int r = nftw(m->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(m);
        return r;
}

/* Which kinds were turned off and on since the last call. */
static void expect(struct machine *m, unsigned off, unsigned on) {
        struct rfkill_event e;
        unsigned done[2] = { 0, 0 };
        int fd = root_openat(&m->root, "dev/rfkill", O_RDWR, 0);
        off_t told = 2 * RFKILL_EVENT_SIZE_V1;
        assert_int_equal(lseek(fd, told, SEEK_SET), told);
        while (read(fd, &e, RFKILL_EVENT_SIZE_V1) == RFKILL_EVENT_SIZE_V1) {
                assert_int_equal(e.op, RFKILL_OP_CHANGE_ALL);
                done[e.soft] |= 1u << e.type;
        }
        assert_int_equal(ftruncate(fd, told), 0);
        (void) close(fd);
        (void) lseek(radios_fd(&m->radios), told, SEEK_SET);
        assert_int_equal(done[1], off);
        assert_int_equal(done[0], on);
}

static bool is_written_down(const struct machine *m) {
        int fd = root_openat(&m->root, STATE, O_PATH, 0);
        if (fd >= 0)
                (void) close(fd);
        return fd >= 0;
}

static void test_what_was_off_stays_off(void **state) {
        struct machine *m = *state;
        assert_true(radios_process(&m->radios, false)); /* what there is, and Wi-Fi is on */
        assert_int_equal(radios_block(&m->radios, &m->root, false), 0);
        expect(m, ALL_KINDS, 0);
        assert_true(is_written_down(m));
        assert_int_equal(radios_release(&m->radios, &m->root), 0);
        expect(m, 0, ALL_KINDS & ~KIND(BLUETOOTH));
        assert_false(is_written_down(m));
}

/* Later, and after a restart, all are off: by us. */
static void test_the_first_time_counts(void **state) {
        struct machine *m = *state;
        (void) radios_process(&m->radios, false);
        assert_int_equal(radios_block(&m->radios, &m->root, false), 0);
        expect(m, ALL_KINDS, 0);
        int fd = root_openat(&m->root, "dev/rfkill", O_WRONLY, 0);
        const struct rfkill_event off = EVENT(RFKILL_TYPE_WLAN, 1);
        assert_int_equal(write(fd, &off, RFKILL_EVENT_SIZE_V1), RFKILL_EVENT_SIZE_V1);
        (void) close(fd);
        assert_int_equal(radios_block(&m->radios, &m->root, false), 0);
        expect(m, ALL_KINDS, 0);
        assert_int_equal(radios_release(&m->radios, &m->root), 0);
        expect(m, 0, ALL_KINDS & ~KIND(BLUETOOTH));
}

static void test_listed_wireless(void **state) {
        struct machine *m = *state;
        (void) radios_process(&m->radios, false);
        assert_int_equal(radios_let_wireless(&m->radios, &m->root), 0);
        expect(m, 0, 0); /* nothing was turned off */
        assert_int_equal(radios_block(&m->radios, &m->root, true), 0);
        expect(m, ALL_KINDS & ~WIRELESS, 0);
        assert_int_equal(radios_let_wireless(&m->radios, &m->root), 0);
        expect(m, 0, WIRELESS);
        assert_true(is_written_down(m));
}

static void test_nothing_to_give_back(void **state) {
        struct machine *m = *state;
        (void) radios_process(&m->radios, false);
        assert_int_equal(radios_release(&m->radios, &m->root), 0);
        expect(m, 0, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_was_off_stays_off, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_first_time_counts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_listed_wireless, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nothing_to_give_back, set_up, tear_down),
        };
        return cmocka_run_group_tests_name("radios", tests, NULL, NULL);
}
