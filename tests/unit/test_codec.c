/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/codec.h"
#include "ipc/ipc.h"
#include "ipc/params.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- messages ---- */

struct parse_row {
        const char *text;
        int result;
};

static const struct parse_row parse_rows[] = {
        { "{}", 0 },
        { "{\"a\":1}", 0 },
        { "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[\"}", 0 }, /* brackets inside a string are not depth */
        { "{\"a\":1,\"a\":2}", -EBADMSG },
        { "{\"a\":{\"b\":1,\"b\":1}}", -EBADMSG },
        { "[]", -EBADMSG },
        { "1", -EBADMSG },
        { "", -EBADMSG },
        { "{", -EBADMSG },
        { "{}x", -EBADMSG },
        { "{} {}", -EBADMSG },
        { "{\"a\":\"\xff\"}", -EBADMSG },
        { "{\"a\":\"\\ud800\"}", -EBADMSG },
        { "{\"a\":\"\\u0000\"}", -EBADMSG },
        { "{\"a\":1e999}", -EBADMSG },
        { "{'a':1}", -EBADMSG },
        { "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", 0 },          /* 16 levels */
        { "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", -EBADMSG }, /* 17 */
};

static void parse_is_strict(void **state) {
        (void) state;
        for (size_t i = 0; i < COUNT(parse_rows); i++) {
                json_t *message = NULL;
                int r = ipc_message_parse(parse_rows[i].text, strlen(parse_rows[i].text), &message);
                if (r != parse_rows[i].result)
                        fail_msg("%s: %d", parse_rows[i].text, r);
                assert_int_equal(message != NULL, r == 0);
                json_decref(message);
        }
}

static void a_hundred_thousand_levels(void **state) {
        (void) state;
        size_t n = 100000;
        char *text = malloc(n);
        memset(text, '[', n);
        json_t *message = NULL;
        assert_int_equal(ipc_message_parse(text, n, &message), -EBADMSG);
        free(text);
}

/* ---- requests and responses ---- */

struct request_row {
        const char *text;
        int result;
        bool oneway, more, upgrade;
};

static const struct request_row request_rows[] = {
        { "{\"method\":\"a.B\"}", 0, false, false, false },
        { "{\"method\":\"a.B\",\"parameters\":{}}", 0, false, false, false },
        { "{\"method\":\"a.B\",\"oneway\":true}", 0, true, false, false },
        { "{\"method\":\"a.B\",\"more\":true}", 0, false, true, false },
        { "{\"method\":\"a.B\",\"more\":false,\"oneway\":false}", 0, false, false, false },
        { "{\"method\":\"a.B\",\"upgrade\":true}", 0, false, false, true },
        { "{}", -EBADMSG, false, false, false },
        { "{\"parameters\":{}}", -EBADMSG, false, false, false },
        { "{\"method\":1}", -EBADMSG, false, false, false },
        { "{\"method\":null}", -EBADMSG, false, false, false },
        { "{\"method\":\"a.B\",\"parameters\":[]}", -EBADMSG, false, false, false },
        { "{\"method\":\"a.B\",\"parameters\":null}", -EBADMSG, false, false, false },
        { "{\"method\":\"a.B\",\"more\":1}", -EBADMSG, false, false, false },
        { "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", -EBADMSG, false, false, false },
        { "{\"method\":\"a.B\",\"other\":1}", -EBADMSG, false, false, false },
};

static void requests(void **state) {
        (void) state;
        for (size_t i = 0; i < COUNT(request_rows); i++) {
                const struct request_row *row = &request_rows[i];
                json_t *message = json_loads(row->text, 0, NULL);
                struct ipc_request q = { 0 };
                int r = ipc_request_read(message, &q);
                if (r != row->result)
                        fail_msg("%s: %d", row->text, r);
                assert_int_equal(q.oneway, row->oneway);
                assert_int_equal(q.more, row->more);
                assert_int_equal(q.upgrade, row->upgrade);
                if (r == 0)
                        assert_string_equal(q.method, "a.B");
                json_decref(message);
        }
}

static void responses(void **state) {
        (void) state;
        static const struct {
                const char *text;
                int result;
                const char *error;
                bool continues;
        } rows[] = {
                { "{\"parameters\":{}}", 0, NULL, false },
                { "{}", 0, NULL, false },
                { "{\"parameters\":{},\"continues\":true}", 0, NULL, true },
                { "{\"error\":\"a.B\",\"parameters\":{}}", 0, "a.B", false },
                { "{\"error\":\"a.B\",\"continues\":true}", -EBADMSG, NULL, false },
                { "{\"error\":1}", -EBADMSG, NULL, false },
                { "{\"parameters\":1}", -EBADMSG, NULL, false },
                { "{\"method\":\"a.B\"}", -EBADMSG, NULL, false },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                json_t *message = json_loads(rows[i].text, 0, NULL);
                struct ipc_response p = { 0 };
                assert_int_equal(ipc_response_read(message, &p), rows[i].result);
                assert_int_equal(p.continues, rows[i].continues);
                assert_int_equal(p.error != NULL, rows[i].error != NULL);
                json_decref(message);
        }
}

/* ---- frames ---- */

static void frames_in_any_slices(void **state) {
        (void) state;
        static const char stream[] = "{\"a\":1}\0\0{\"b\":2}\0{\"c\"";
        static const size_t sizes[] = { 7, 0, 7 };
        for (size_t slice = 1; slice < sizeof stream; slice++) {
                struct ipc_buffer b = { 0 };
                size_t found = 0, size;
                for (size_t at = 0; at < sizeof stream - 1; at += slice) {
                        size_t left = sizeof stream - 1 - at;
                        assert_int_equal(ipc_buffer_add(&b, stream + at, left < slice ? left : slice, 1000), 0);
                        while (ipc_buffer_frame(&b, &size)) {
                                assert_in_range(found, 0, COUNT(sizes) - 1);
                                assert_int_equal(size, sizes[found++]);
                                ipc_buffer_consume(&b, size + 1);
                        }
                }
                assert_int_equal(found, COUNT(sizes));
                assert_int_equal(b.n, 4);
                ipc_buffer_clear(&b);
        }
}

static void buffer_keeps_to_its_cap(void **state) {
        (void) state;
        struct ipc_buffer b = { 0 };
        assert_int_equal(ipc_buffer_add(&b, "0123456789", 10, 10), 0);
        assert_int_equal(ipc_buffer_add(&b, "x", 1, 10), -ENOBUFS);
        assert_int_equal(ipc_buffer_add(&b, "x", SIZE_MAX, 10), -ENOBUFS);
        assert_int_equal(b.n, 10);
        assert_int_equal(ipc_buffer_add(&b, "x", 1, 11), 0);
        ipc_buffer_clear(&b);
}

static void message_ends_in_nul(void **state) {
        (void) state;
        struct ipc_buffer b = { 0 };
        assert_int_equal(ipc_message_add(&b, json_pack("{s:s}", "a", "b"), 100), 0);
        assert_int_equal(b.n, sizeof "{\"a\":\"b\"}");
        assert_memory_equal(b.bytes, "{\"a\":\"b\"}", b.n);
        assert_int_equal(ipc_message_add(&b, json_pack("{s:s}", "a", "b"), 12), -ENOBUFS);
        assert_int_equal(ipc_message_add(&b, NULL, 100), -ENOMEM);
        ipc_buffer_clear(&b);
}

static void method_names(void **state) {
        (void) state;
        static const struct {
                const char *full;
                int result;
                size_t interface;
                const char *method;
        } rows[] = {
                { "org.sekisho.Agent.GetStatus", 0, 17, "GetStatus" },
                { "a.B", 0, 1, "B" },
                { "", -EINVAL, 0, NULL },
                { "B", -EINVAL, 0, NULL },
                { ".B", -EINVAL, 0, NULL },
                { "a.", -EINVAL, 0, NULL },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                size_t length = 0;
                const char *method = NULL;
                assert_int_equal(ipc_method_split(rows[i].full, &length, &method), rows[i].result);
                assert_int_equal(length, rows[i].interface);
                if (rows[i].method)
                        assert_string_equal(method, rows[i].method);
        }
}

/* ---- parameters ---- */

static const struct ipc_param table[] = {
        { "text", IPC_STRING, false }, { "count", IPC_INT, true },        { "yes", IPC_BOOL, true },
        { "info", IPC_OBJECT, true },  { "list", IPC_STRING_LIST, true }, { 0 },
};

static void parameters(void **state) {
        (void) state;
        static const struct {
                const struct ipc_param *table;
                const char *text, *wrong;
        } rows[] = {
                { table, "{\"text\":\"x\"}", NULL },
                { table, "{\"text\":\"x\",\"count\":1,\"yes\":false,\"info\":{},\"list\":[\"a\"]}", NULL },
                { table, "{\"text\":\"x\",\"count\":null}", NULL },
                { table, "{}", "text" },
                { table, "{\"text\":null}", "text" },
                { table, "{\"text\":1}", "text" },
                { table, "{\"text\":\"x\",\"count\":1.5}", "count" },
                { table, "{\"text\":\"x\",\"count\":\"1\"}", "count" },
                { table, "{\"text\":\"x\",\"yes\":1}", "yes" },
                { table, "{\"text\":\"x\",\"info\":[]}", "info" },
                { table, "{\"text\":\"x\",\"list\":[1]}", "list" },
                { table, "{\"text\":\"x\",\"list\":{}}", "list" },
                { table, "{\"text\":\"x\",\"other\":1}", "other" },
                { table, "{\"text\":\"x\",\"other\":null}", "other" },
                { NULL, "{}", NULL },
                { NULL, "{\"any\":1}", "any" },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                json_t *given = json_loads(rows[i].text, 0, NULL);
                const char *wrong = ipc_params_check(rows[i].table, given);
                if (!wrong != !rows[i].wrong || (wrong && strcmp(wrong, rows[i].wrong) != 0))
                        fail_msg("%s: %s", rows[i].text, wrong ? wrong : "-");
                json_decref(given);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parse_is_strict),
                cmocka_unit_test(a_hundred_thousand_levels),
                cmocka_unit_test(requests),
                cmocka_unit_test(responses),
                cmocka_unit_test(frames_in_any_slices),
                cmocka_unit_test(buffer_keeps_to_its_cap),
                cmocka_unit_test(message_ends_in_nul),
                cmocka_unit_test(method_names),
                cmocka_unit_test(parameters),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
