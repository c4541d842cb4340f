/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Displays that somebody has, and names that were left over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "session/display.h"

static void test_names(void **state) {
        static const struct {
                const char *name;
                bool is_there;
        } rows[] = {
                { NULL, false },
                { "", false },
                { ":", false },
                { "nonsense", false },
                { ":x", false },
                { ":-1", false },
                { ":2147483640", false },
                { ":2147483640.0", false },
                { "host:0", true } /* of another machine: nothing is known of it */,
        };
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(display_is_there(rows[i].name), rows[i].is_there);
}

static void test_somebody_listens(void **state) {
        (void) state;
        int number = 1000000 + (int) getpid() % 1000000;
        char plain[32], with_screen[32];
        (void) snprintf(plain, sizeof plain, ":%d", number);
        (void) snprintf(with_screen, sizeof with_screen, "unix:%d.0", number);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int n = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "/tmp/.X11-unix/X%d", number);
        socklen_t size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n);
        assert_false(display_is_there(plain));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, size), 0);
        assert_false(display_is_there(plain)); /* its server has not started, or has ended */
        assert_int_equal(listen(fd, 8), 0);
        assert_true(display_is_there(plain));
        assert_true(display_is_there(with_screen));
        close(fd);
        assert_false(display_is_there(plain));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_somebody_listens),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
