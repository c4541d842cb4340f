/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Permits on disk: what a start makes of them, whatever was done to the files, and at whatever write the power went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/permit_life.h"
#include "agent/permit_store.h"

#define N(a) (sizeof(a) / sizeof *(a))

static char directory[64];
static struct root root;
static struct permit_store store;

static char *document(const char *id) {
        char *text;
        assert_true(asprintf(&text,
                             "sekisho-permit: 1\n"
                             "header: {fleet: f, id: %s, issued: 2026-11-28T09:00:00+09:00, expires: "
                             "2026-11-29T09:00:00+09:00, target: [host:0123456789abcdef0123456789abcdef]}\n"
                             "ticket: t\napplicant: a\napprover: b\npurpose: c\n"
                             "device: {vendor: 0781, product: 5591, descriptors: 'sha256:%064d'}\n"
                             "users: [yamada]\nduration: 4h\n",
                             id, 0) > 0);
        return text;
}

static struct stored_permit *made(const char *id) {
        struct problems problems = { 0 };
        struct permit *permit = NULL;
        struct stored_permit *p = NULL;
        char *text = document(id);
        assert_int_equal(permit_parse(text, strlen(text), &problems, &permit), 0);
        assert_int_equal(stored_permit_new(permit, text, strlen(text), "sig", 3, &p), 0);
        p->life = (struct permit_life){ .state = PERMIT_READY, .installed = 1000 };
        free(text);
        problems_clear(&problems);
        return p;
}

static struct stored_permit *add(const char *id) {
        struct stored_permit *p = made(id);
        assert_int_equal(permit_store_add(&store, p), 0);
        return p;
}

static int setup(void **state) {
        (void) state;
        (void) snprintf(directory, sizeof directory, "/tmp/test_permit_store.XXXXXX");
        if (!mkdtemp(directory) || root_open(directory, &root) < 0)
                return -1;
        return permit_store_load(&root, &store);
}

static void path_of(const char *name, char *path, size_t size) {
        (void) snprintf(path, size, "%s/" PERMIT_DIRECTORY "/%s", directory, name);
}

static int teardown(void **state) {
        (void) state;
        char path[512];
        path_of("", path, sizeof path);
        DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d));)
                (void) unlinkat(dirfd(d), e->d_name, 0);
        if (d)
                (void) closedir(d);
        static const char *const rest[] = { PERMIT_DIRECTORY, "var/lib/sekisho", "var/lib", "var", "" };
        for (size_t i = 0; i < N(rest); i++) {
                (void) snprintf(path, sizeof path, "%s/%s", directory, rest[i]);
                (void) rmdir(path);
        }
        permit_store_clear(&store);
        root_close(&root);
        return 0;
}

static void load_again(void) {
        permit_store_clear(&store);
        assert_int_equal(permit_store_load(&root, &store), 0);
}

static void write_below(const char *name, const char *text) {
        char path[512];
        path_of(name, path, sizeof path);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void) close(fd);
}

static char *read_below(const char *name) {
        char path[512], *text = calloc(1, 16384);
        path_of(name, path, sizeof path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0 && text && read(fd, text, 16383) > 0);
        (void) close(fd);
        return text;
}

static void test_nothing(void **state) {
        (void) state;
        assert_int_equal(store.n, 0);
        assert_false(permit_store_knows(&store, "a"));
        assert_null(permit_store_find(&store, "a"));
}

static void test_a_life(void **state) {
        (void) state;
        struct stored_permit *p = add("a");
        struct permit_life next = p->life;
        next.state = PERMIT_LIVE;
        next.started = 2000;
        next.started_boot = 77;
        next.written = 12345;
        next.files = 3;
        next.told = 999;
        next.tries = 2;
        next.installed_by = 1000;
        next.disks[0] = (struct permit_disk){ 42, 512 };
        (void) snprintf(next.boot_id, sizeof next.boot_id, "boot");
        (void) snprintf(next.port, sizeof next.port, "1-2");
        assert_int_equal(permit_store_step(&store, p, &next), 0);
        assert_memory_equal(&p->life, &next, sizeof next);
        load_again();
        p = permit_store_find(&store, "a");
        assert_non_null(p);
        assert_memory_equal(&p->life, &next, sizeof next);
        assert_string_equal(p->signatures, "sig");

        next.state = PERMIT_CLOSED;
        next.end = PERMIT_END_DURATION;
        next.ended = 3000;
        next.closed = 4000;
        next.returned = next.erased = true;
        (void) snprintf(next.closed_by, sizeof next.closed_by, "課長 \"鈴木\"");
        assert_int_equal(permit_store_step(&store, p, &next), 0);
        load_again();
        assert_memory_equal(&permit_store_find(&store, "a")->life, &next, sizeof next);
        assert_true(permit_store_knows(&store, "a"));
}

static void test_order(void **state) {
        (void) state;
        static const char *const ids[] = { "c", "a", "b" };
        for (size_t i = 0; i < N(ids); i++) {
                struct stored_permit *p = made(ids[i]);
                p->life.installed = 1000 + (int64_t) i;
                assert_int_equal(permit_store_add(&store, p), 0);
        }
        load_again();
        for (size_t i = 0; i < N(ids); i++)
                assert_string_equal(store.list[i]->permit->id, ids[i]);
}

/* The files as each write leaves them; the last is the commit. */
static void test_power_cut_at_each_write(void **state) {
        (void) state;
        (void) add("other"); /* so that the directory is there */
        char *text = document("a");
        static const char *const names[] = { ".a.yaml.sig.new", "a.yaml.sig", ".a.yaml.new", "a.yaml", ".a.json.new" };
        for (size_t i = 0; i < N(names); i++) {
                write_below(names[i], strstr(names[i], "sig")    ? "sig"
                                      : strstr(names[i], "json") ? "{\"format\": 1"
                                                                 : text);
                load_again();
                assert_int_equal(store.n, 1);
                assert_int_equal(store.damaged, 0);
                assert_false(permit_store_knows(&store, "a"));
        }
        (void) add("a"); /* and it can be brought again */
        load_again();
        assert_int_equal(store.n, 2);
        free(text);
}

static void test_damage(void **state) {
        (void) state;
        static const struct {
                const char *file, *text;
        } damage[] = {
                { "a.json", "" },
                { "a.json", "{}" },
                { "a.json", "[]" },
                { "a.yaml", "" },
                { "a.yaml", "sekisho-permit: 1\n" },
        };
        for (size_t i = 0; i < N(damage); i++) {
                if (!permit_store_find(&store, "a"))
                        (void) add("a");
                char *before = read_below(damage[i].file);
                write_below(damage[i].file, damage[i].text);
                load_again();
                assert_int_equal(store.n, 0);
                assert_int_equal(store.damaged, 1);
                assert_string_equal(store.damaged_name, "a");
                assert_true(permit_store_knows(&store, "a")); /* it is not taken again */
                write_below(damage[i].file, before);
                free(before);
                load_again();
                assert_int_equal(store.n, 1);
        }
}

/* A text with one change in it, or the same. */
static const struct change {
        const char *from, *to;
        bool good;
} changes[] = {
        { "\"ready\"", "\"ready\"", true },
        { "\"ready\"", "\"live\"", false }, /* and not started */
        { "\"ready\"", "\"closed\"", false },
        { "\"ready\"", "\"open\"", false },
        { "\"end\": \"\"", "\"end\": \"duration\"", false },
        { "\"tries\": 0", "\"tries\": -1", false },
        { "\"tries\": 0", "\"tries\": 6", false },
        { "\"tries\": 0", "\"tries\": 5", true },
        { "\"installed\": 1000", "\"installed\": 0", false },
        { "\"installed\": 1000", "\"installed\": -5", false },
        { "\"installed\": 1000", "\"installed\": \"x\"", false },
        { "\"started\": 0", "\"started\": 5", false },
        { "\"format\": 1", "\"format\": 2", false },
        { "\"disks\": []", "\"disks\": [[0, 1]]", false },
        { "\"disks\": []", "\"disks\": [[1, -1]]", false },
        { "\"disks\": []", "\"disks\": [[1, 1], [2, 2]]", true },
        { "\"port\": \"\"", "\"port\": 3", false },
};

static void test_change(void **state) {
        const struct change *c = *state;
        static const char sha256[] = "0000000000000000000000000000000000000000000000000000000000000000";
        const struct permit_life life = { .state = PERMIT_READY, .installed = 1000 };
        struct permit_life got;
        char *text = permit_life_write(sha256, &life), changed[8192];
        const char *at = strstr(text, c->from);
        assert_non_null(at);
        (void) snprintf(changed, sizeof changed, "%.*s%s%s", (int) (at - text), text, c->to, at + strlen(c->from));
        assert_int_equal(permit_life_read(changed, strlen(changed), sha256, &got), c->good ? 0 : 1);
        assert_int_equal(permit_life_read(text, strlen(text), "other", &got), 1);
        free(text);
}

static void test_no_room(void **state) {
        (void) state;
        struct stored_permit *p = add("a"), *b = made("b");
        struct permit_life before = p->life, next = before;
        char path[512];
        next.tries = 1;
        path_of("", path, sizeof path);
        /* The directory goes: no write can succeed, and nothing that was said is taken back. */
        (void) close(store.directory);
        store.directory = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(permit_store_step(&store, p, &next) < 0);
        assert_memory_equal(&p->life, &before, sizeof before);
        assert_true(permit_store_add(&store, b) < 0);
        assert_int_equal(store.n, 1);
        (void) stored_permit_free(b);
}

int main(void) {
        struct CMUnitTest tests[N(changes) + 6];
        size_t n = 0;
#define TEST(f) tests[n++] = (struct CMUnitTest) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(test_nothing);
        TEST(test_a_life);
        TEST(test_order);
        TEST(test_power_cut_at_each_write);
        TEST(test_damage);
        TEST(test_no_room);
        for (size_t i = 0; i < N(changes); i++)
                tests[n++] =
                        (struct CMUnitTest){ changes[i].to, test_change, NULL, NULL, (void *) (uintptr_t) &changes[i] };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
