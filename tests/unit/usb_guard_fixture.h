/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The USB guard on a fake machine. It never decides: the test does. Included by one test program each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guards/usb.h"
#include "guards/usb_device.h"
#include "sys/worker.h"

#define SEEN_MAX 64

struct fixture {
        char path[64];
        struct root root;
        struct time_source time;
        sd_event *event;
        struct worker_pool *pool;
        struct guard *guard;
        bool allow;   /* what the test's decide() says */
        bool promise; /* and that it said so beforehand */
        bool waits;   /* but not what it is in the end */
        bool refuse;  /* whatever was said beforehand */
        unsigned n_noticed, n_gone, n_trouble, n_effects;
        uint32_t interfaces;
        uint64_t handle;                           /* of the last one noticed */
        struct device_facts facts, last[SEEN_MAX]; /* of the last one noticed, and of all of them */
        size_t n_last;
        struct effect effect;
        char trouble[64];
};

/* One configuration with one interface: 08/06/50, or what the caller puts in. */
static void descriptors(uint8_t ret[36], uint8_t class, uint8_t subclass, uint8_t protocol) {
        static const uint8_t bytes[36] = { 18, 1, 0,  2, 0, 0, 0, 64,   0xe6, 0x04, 0x16, 0x51, 0, 1, 0, 0, 0,    1,
                                           9,  2, 27, 0, 1, 1, 0, 0x80, 50,   9,    4,    0,    0, 0, 8, 6, 0x50, 0 };
        memcpy(ret, bytes, sizeof bytes);
        ret[32] = class;
        ret[33] = subclass;
        ret[34] = protocol;
}

static void put(const struct fixture *f, const char *directory, const char *name, const void *bytes, size_t size) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/%s", directory, name);
        int fd = openat(f->root.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), (ssize_t) size);
        (void) close(fd);
}

static void put_text(const struct fixture *f, const char *directory, const char *name, const char *text) {
        put(f, directory, name, text, strlen(text));
}

static void plug(const struct fixture *f, const char *name, unsigned devnum, uint8_t class) {
        char directory[128], dev[24];
        (void) snprintf(directory, sizeof directory, USB_DEVICES "/%s", name);
        assert_int_equal(root_mkdirs(&f->root, directory, 0700), 0);
        uint8_t bytes[36];
        descriptors(bytes, class, 0, 0);
        put(f, directory, "descriptors", bytes, sizeof bytes);
        put_text(f, directory, "idVendor", "04e6\n");
        put_text(f, directory, "idProduct", "5116\n");
        (void) snprintf(dev, sizeof dev, "189:%u\n", devnum - 1);
        put_text(f, directory, "dev", dev);
        put_text(f, directory, "serial", "A 1 \n");
        put_text(f, directory, "manufacturer", "Maker\n");
        put_text(f, directory, "product", "Thing\n");
        put_text(f, directory, "authorized_default", "1\n");
        put_text(f, directory, "authorized", "0\n");
}

static char authorized(const struct fixture *f, const char *name) {
        char path[128], c = '?';
        (void) snprintf(path, sizeof path, USB_DEVICES "/%s/authorized", name);
        int fd = openat(f->root.fd, path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, &c, 1), 1);
        (void) close(fd);
        return c;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static void remove_below(const struct fixture *f, const char *name) {
        char path[256];
        (void) snprintf(path, sizeof path, "%s/%s", f->path, name);
        assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void on_noticed(struct guard *g, uint64_t handle, const struct facts *facts, void *userdata) {
        struct fixture *f = userdata;
        f->n_noticed++;
        f->handle = handle;
        f->facts = facts->device;
        f->last[f->n_last++ % SEEN_MAX] = facts->device;
        struct verdict v = { .action = f->allow || facts->device.is_root_hub ? ACTION_ALLOW : ACTION_BLOCK,
                             .enforce = true,
                             .interfaces = f->interfaces,
                             .handle = handle };
        if (f->promise)
                g->ops->prepare(g, &v);
        if (f->waits && !facts->device.is_root_hub)
                return;
        if (f->refuse && !facts->device.is_root_hub)
                v.action = ACTION_BLOCK;
        assert_int_equal(g->ops->apply(g, &v), 0);
}

static void on_effect(struct guard *g, uint64_t handle, const struct effect *effect, void *userdata) {
        struct fixture *f = userdata;
        (void) g;
        (void) handle;
        f->effect = *effect;
        f->n_effects++;
}

static void on_gone(struct guard *g, uint64_t handle, void *userdata) {
        struct fixture *f = userdata;
        (void) g;
        (void) handle;
        f->n_gone++;
}

static void on_trouble(struct guard *g, const char *code, const char *detail, void *userdata) {
        struct fixture *f = userdata;
        (void) g;
        (void) detail;
        f->n_trouble++;
        (void) snprintf(f->trouble, sizeof f->trouble, "%s", code);
}

static void on_worker_trouble(const char *code, const char *detail, void *userdata) {
        on_trouble(NULL, code, detail, userdata);
}

static void start(struct fixture *f) {
        const struct guard_env env = { .event = f->event,
                                       .root = &f->root,
                                       .time = &f->time,
                                       .workers = f->pool,
                                       .userdata = f,
                                       .noticed = on_noticed,
                                       .effect = on_effect,
                                       .gone = on_gone,
                                       .trouble = on_trouble };
        assert_int_equal(usb_guard_ops.start(&env, &f->guard), 0);
}

static void run(struct fixture *f, unsigned n_effects) {
        for (int i = 0; i < 500 && f->n_effects < n_effects; i++)
                assert_true(sd_event_run(f->event, 20000) >= 0);
        assert_true(f->n_effects >= n_effects);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        if (!f)
                return -1;
        *state = f;
        (void) snprintf(f->path, sizeof f->path, "/tmp/test_usb_guard.XXXXXX");
        if (!mkdtemp(f->path) || root_open(f->path, &f->root) < 0)
                return -1;
        if (root_mkdirs(&f->root, "run/sekisho", 0700) < 0 ||
            root_mkdirs(&f->root, "sys/module/usbcore/parameters", 0700) < 0)
                return -1;
        put_text(f, "sys/module/usbcore/parameters", "authorized_default", "1\n");
        plug(f, "usb1", 1, 9);
        put_text(f, USB_DEVICES "/usb1", "authorized", "1\n");

        sigset_t set;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        if (sd_event_new(&f->event) < 0 || worker_pool_new(&WORKER_LIMITS, &f->pool) < 0)
                return -1;
        return worker_pool_attach(f->pool, f->event, on_worker_trouble, f);
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        usb_guard_ops.stop(f->guard);
        (void) worker_pool_free(f->pool);
        (void) sd_event_unref(f->event);
        root_close(&f->root);
        int r = nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return r;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
