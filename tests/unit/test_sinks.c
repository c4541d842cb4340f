/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "audit/kinds.h"
#include "audit/sink_queue.h"
#include "audit/sinks.h"

#define JOURNAL "run/systemd/journal"

/* ---- ways out that remember ---- */

static struct {
        char journal[16384], audit[16384];
        unsigned journal_calls, audit_opens, audit_calls;
        int journal_error, open_error, send_error;
        int type, result;
        uint64_t *clock, slow;
} out;

static int fake_journal(const struct root *root, const void *bytes, size_t size) {
        (void) root;
        out.journal_calls++;
        assert_true(size < sizeof out.journal);
        memcpy(out.journal, bytes, size);
        out.journal[size] = '\0';
        return out.journal_error;
}

static int fake_open(void) {
        out.audit_opens++;
        return out.open_error ? out.open_error : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int fake_send(int fd, int type, const char *message, int result) {
        assert_true(fd >= 0);
        out.audit_calls++;
        out.type = type;
        out.result = result;
        (void) snprintf(out.audit, sizeof out.audit, "%s", message);
        if (out.clock)
                *out.clock += out.slow;
        return out.send_error ? out.send_error : 1;
}

static const struct sink_ops fake = { fake_journal, fake_open, fake_send };

struct log {
        struct machine m;
        struct audit_log *l;
};

static int setup(void **state) {
        memset(&out, 0, sizeof out);
        struct log *l = malloc(sizeof *l);
        machine_init(&l->m, NULL);
        l->m.boot_usec = 5000000;
        l->m.root.is_machine = true; /* the fake ways out stand between the test and this machine's audit trail */
        l->l = machine_open(&l->m, NULL);
        sinks_set_ops(audit_log_sinks(l->l), &fake);
        *state = l;
        return 0;
}

static int teardown(void **state) {
        struct log *l = *state;
        audit_log_free(l->l);
        machine_clear(&l->m);
        free(l);
        return 0;
}

static json_t *device_event(const char *name, const char *effect) {
        struct device_facts d = { .bus = BUS_USB,
                                  .vendor = 0x0781,
                                  .product = 0x5591,
                                  .serial = "4C53",
                                  .port = "1-2",
                                  .interfaces = { { 0x08, 0x06, 0x50 } },
                                  .n_interfaces = 1,
                                  .descriptors_valid = true };
        (void) snprintf(d.name, sizeof d.name, "%s", name);
        struct verdict v = { .action = ACTION_BLOCK, .reason = REASON_DEFAULT, .enforce = true, .policy_serial = 12 };
        return audit_event_device(machine_terminal(), machine_wall(NULL), AUDIT_DEVICE_CONNECT, &d, &v, effect);
}

static void append(struct log *l, json_t *event) {
        assert_non_null(event);
        assert_int_equal(audit_log_append(l->l, event, AUDIT_DURABLE, NULL), 0);
        json_decref(event);
}

static bool has_line(const char *text, const char *line) {
        size_t n = strlen(line);
        for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
                if (strncmp(p, line, n) == 0 && p[n] == '\n')
                        return true;
        return false;
}

/* USER_AUTH (linux/audit.h) for what PAM asks about, with all that says who, where and how. */
static void test_login_fields(void **state) {
        struct log *l = *state;
        const struct audit_login login = { .phase = "auth",
                                           .outcome = "accepted",
                                           .user = "gyosha",
                                           .uid = 3003,
                                           .service = "sshd",
                                           .tty = "ssh",
                                           .rhost = "192.0.2.7",
                                           .factor = "totp",
                                           .escort = "suzuki",
                                           .by = 0 };
        const struct verdict v = {
                .action = ACTION_REQUIRED, .rule = "vendors", .enforce = true, .explicit_rule = true
        };
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL | 1u << SINK_AUDIT);
        append(l, audit_event_login(machine_terminal(), machine_wall(NULL), &login, &v));
        assert_int_equal(out.type, 1100);
        assert_int_equal(out.result, 1);
        static const char *const fields[] = { "op=login-accepted", "acct=\"gyosha\"",   "phase=auth",
                                              "service=\"sshd\"",  "terminal=\"ssh\"",  "addr=\"192.0.2.7\"",
                                              "factor=totp",       "escort=\"suzuki\"", "rule=\"vendors\"" };
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (!strstr(out.audit, fields[i]))
                        fail_msg("%s is missing in: %s", fields[i], out.audit);
        static const char *const lines[] = { "SEKISHO_USER=gyosha",     "SEKISHO_SERVICE=sshd", "SEKISHO_TTY=ssh",
                                             "SEKISHO_RHOST=192.0.2.7", "SEKISHO_FACTOR=totp",  "SEKISHO_ESCORT=suzuki",
                                             "SEKISHO_RULE=vendors",    "SEKISHO_PHASE=auth" };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
                if (!has_line(out.journal, lines[i]))
                        fail_msg("%s is missing in:\n%s", lines[i], out.journal);

        struct audit_login refused = login;
        refused.outcome = "refused";
        append(l, audit_event_login(machine_terminal(), machine_wall(NULL), &refused, &v));
        assert_int_equal(out.type, 1100);
        assert_int_equal(out.result, 0);
}

static void test_fields(void **state) {
        struct log *l = *state;
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL | 1u << SINK_AUDIT);
        append(l, device_event("SanDisk \"Ultra\" x", NULL));

        char id[64], head[128];
        (void) snprintf(id, sizeof id, "MESSAGE_ID=%s", audit_kinds[KIND_DEVICE_REFUSED].message_id);
        (void) snprintf(head, sizeof head, "SEKISHO_HEAD=%s", audit_log_head(l->l));
        const char *const lines[] = {
                id,
                head,
                "PRIORITY=4",
                "SYSLOG_IDENTIFIER=sekishod",
                "SEKISHO_KIND=device-refused",
                "SEKISHO_LOG=agent",
                "SEKISHO_SEQ=1",
                "SEKISHO_REASON=default",
                "SEKISHO_EXPLICIT=no",
                "SEKISHO_POLICY_SERIAL=12",
                "SEKISHO_ACTION=block",
                "SEKISHO_ENFORCE=yes",
                "SEKISHO_BUS=usb",
                "SEKISHO_VENDOR=0781",
                "SEKISHO_PRODUCT=5591",
                "SEKISHO_SERIAL=4C53",
                "SEKISHO_NAME=SanDisk \"Ultra\" x",
                "SEKISHO_PORT=1-2",
                "MESSAGE=usb 0781:5591 SanDisk \"Ultra\" x at 1-2: device-refused, block",
        };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
                if (!has_line(out.journal, lines[i]))
                        fail_msg("%s is missing in:\n%s", lines[i], out.journal);
        assert_null(strstr(out.journal, "SEKISHO_RULE")); /* no rule, no field */

        assert_int_equal(out.type, 1137);
        assert_int_equal(out.result, 0);
        /* A name with a quote or a blank is hex, as auparse(3) reads it: nothing a device says can forge a field. */
        assert_string_equal(out.audit,
                            "op=device-refused bus=usb vendor=0781 product=5591 port=\"1-2\" serial=\"4C53\" "
                            "name=53616E4469736B2022556C747261222078 action=block enforce=yes reason=default "
                            "log=agent seq=1");
        assert_int_equal(audit_log_sink_failures(l->l), 0);
}

static void test_forged_fields(void **state) {
        struct log *l = *state;
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL | 1u << SINK_AUDIT);
        append(l, device_event("x\nPRIORITY=0\nSEKISHO_ACTION=allow\n res=success", NULL));
        assert_false(has_line(out.journal, "PRIORITY=0"));
        assert_false(has_line(out.journal, "SEKISHO_ACTION=allow"));
        assert_true(has_line(out.journal, "SEKISHO_ACTION=block"));
        assert_null(strstr(out.audit, "res=success"));
}

static const struct {
        const char *activity;
        enum audit_kind kind;
        int type;
} kinds[] = {
        { "start", KIND_AGENT_START, 1111 },
        { "trouble", KIND_AGENT_TROUBLE, 1111 },
};

static void test_kinds(void **state) {
        struct log *l = *state;
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL | 1u << SINK_AUDIT);
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                char line[64];
                append(l, audit_event_agent(machine_terminal(), 1, kinds[i].activity, "code", "detail"));
                (void) snprintf(line, sizeof line, "MESSAGE_ID=%s", audit_kinds[kinds[i].kind].message_id);
                assert_true(has_line(out.journal, line));
                assert_int_equal(out.type, kinds[i].type);
        }
        const struct audit_document refused = { .what = "policy",
                                                .serial = 13,
                                                .sha256 = "ab",
                                                .source = "signed",
                                                .outcome = "refused",
                                                .detail = "serial" };
        append(l, audit_event_document(machine_terminal(), 1, &refused));
        assert_true(has_line(out.journal, "SEKISHO_DOCUMENT_SERIAL=13"));
        assert_true(has_line(out.journal, "SEKISHO_DETAIL=serial"));
        assert_int_equal(out.type, 1111);
        append(l, device_event("n", "differs"));
        assert_true(has_line(out.journal, "PRIORITY=3"));
        assert_true(has_line(out.journal, "SEKISHO_EFFECT=differs"));
}

static const struct {
        uint32_t mask;
        unsigned journal, audit;
} masks[] = {
        { 0, 0, 0 },
        { 1u << SINK_JOURNAL, 1, 0 },
        { 1u << SINK_AUDIT, 0, 1 },
        { 1u << SINK_JOURNAL | 1u << SINK_AUDIT, 1, 1 },
};

static void test_masks(void **state) {
        struct log *l = *state;
        for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
                unsigned j = out.journal_calls, a = out.audit_calls;
                audit_log_set_sinks(l->l, masks[i].mask);
                append(l, machine_event(0));
                assert_int_equal(out.journal_calls - j, masks[i].journal);
                assert_int_equal(out.audit_calls - a, masks[i].audit);
        }
}

/* A sink that fails is counted, and the record does not notice. */
static void test_failures(void **state) {
        struct log *l = *state;
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL | 1u << SINK_AUDIT);
        out.journal_error = -ENOENT;
        append(l, machine_event(0));
        assert_int_equal(audit_log_sink_failures(l->l), 1);
        out.open_error = -EPERM; /* not reached: the socket is open already */
        append(l, machine_event(1));
        assert_int_equal(audit_log_sink_failures(l->l), 2);
        out.send_error = -ECONNREFUSED;
        append(l, machine_event(2));
        assert_int_equal(audit_log_sink_failures(l->l), 4);
        assert_int_equal(audit_log_last_seq(l->l), 3);
}

/* The audit socket is not asked again for 1 s, then 2 s, ... at most 60 s; a success starts over. */
static void test_backoff(void **state) {
        struct log *l = *state;
        audit_log_set_sinks(l->l, 1u << SINK_AUDIT);
        out.open_error = -EPROTONOSUPPORT;
        static const uint64_t pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
        unsigned opens = 0;
        for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
                append(l, machine_event(0));
                assert_int_equal(out.audit_opens, ++opens);
                l->m.boot_usec += pauses[i] * 1000000 - 1;
                append(l, machine_event(0));
                assert_int_equal(out.audit_opens, opens);
                l->m.boot_usec += 1;
        }
        assert_int_equal(audit_log_sink_failures(l->l), 2 * opens); /* what was not sent is counted */

        out.open_error = 0;
        append(l, machine_event(0));
        assert_int_equal(out.audit_calls, 1);
        append(l, machine_event(0));
        assert_int_equal(out.audit_opens, opens + 1); /* stays open */
        assert_int_equal(out.audit_calls, 2);
}

/* The kernel held us for long, though it took the message: leave it alone for a while. */
static void test_slow(void **state) {
        struct log *l = *state;
        audit_log_set_sinks(l->l, 1u << SINK_AUDIT);
        out.clock = &l->m.boot_usec;
        out.slow = 300000;
        append(l, machine_event(0));
        assert_int_equal(audit_log_sink_failures(l->l), 0);
        append(l, machine_event(0));
        assert_int_equal(out.audit_calls, 1);
        assert_int_equal(audit_log_sink_failures(l->l), 1);
}

static void test_fake_machine_has_no_audit(void **state) {
        struct log *l = *state;
        l->m.root.is_machine = false;
        audit_log_set_sinks(l->l, 1u << SINK_AUDIT);
        append(l, machine_event(0));
        assert_int_equal(out.audit_opens, 0);
        assert_int_equal(audit_log_sink_failures(l->l), 0);
}

/* ---- the system's own way to the journal, against a socket below the root ---- */

static int bind_journal(struct machine *m) {
        assert_int_equal(root_mkdirs(&m->root, JOURNAL, 0755), 0);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        assert_true((size_t) snprintf(a.sun_path, sizeof a.sun_path, "%s/" JOURNAL "/socket", m->path) <
                    sizeof a.sun_path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &a, sizeof a), 0);
        return fd;
}

static void test_system_journal(void **state) {
        struct log *l = *state;
        sinks_set_ops(audit_log_sinks(l->l), &sink_ops_system);
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL);

        append(l, machine_event(0)); /* no journald */
        assert_int_equal(audit_log_sink_failures(l->l), 1);

        CLEANUP(close_p) int fd = bind_journal(&l->m);
        append(l, machine_event(1));
        assert_int_equal(audit_log_sink_failures(l->l), 1);
        char got[4096];
        ssize_t n = recv(fd, got, sizeof got - 1, 0);
        assert_true(n > 0);
        got[n] = '\0';
        assert_true(has_line(got, "SEKISHO_SEQ=2"));

        /* It hangs and its queue is full: each record is appended at once all the same. */
        for (unsigned i = 0; i < 2000; i++)
                assert_int_equal(machine_append(l->l, i, AUDIT_BATCH), 0);
        assert_true(audit_log_sink_failures(l->l) > 1000);
        assert_int_equal(audit_log_last_seq(l->l), 2002);

        (void) close(TAKE_FD(fd)); /* it is gone, its socket file is not */
        uint64_t failures = audit_log_sink_failures(l->l);
        append(l, machine_event(2));
        assert_int_equal(audit_log_sink_failures(l->l), failures + 1);
}

/* Nothing waits for the sinks, and nothing is forgotten: not at the end, not in a storm, not when the mask changes. */
static void test_later(void **state) {
        struct log *l = *state;
        sinks_set_ops(audit_log_sinks(l->l), &sink_ops_system);
        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL);
        audit_log_set_sinks_later(l->l);
        CLEANUP(close_p) int fd = bind_journal(&l->m);
        char got[4096];
        for (int turn = 0; turn < 3; turn++) {
                append(l, machine_event(1));
                assert_true(recv(fd, got, sizeof got, MSG_DONTWAIT) < 0);
                if (turn == 1)
                        audit_log_set_sinks(l->l, 1u << SINK_JOURNAL);
                else
                        assert_int_equal(audit_log_flush(l->l), 0);
                assert_true(recv(fd, got, sizeof got, MSG_DONTWAIT) > 0);
        }
        uint64_t n = 0;
        for (unsigned i = 0; i < SINK_QUEUE_MAX + 6; i++)
                append(l, machine_event(i));
        while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
                n++;
        assert_in_range(n, 1, SINK_QUEUE_MAX + 1);
        assert_int_equal(audit_log_flush(l->l), 0);
        while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
                n++;
        /* the socket holds fewer than come at once */
        assert_int_equal(n + audit_log_sink_failures(l->l), SINK_QUEUE_MAX + 6);
        append(l, machine_event(1));
        l->l = audit_log_free(l->l);
        assert_true(recv(fd, got, sizeof got, MSG_DONTWAIT) > 0);
}

/* This machine's audit socket, whatever it is: an answer, no hang, nothing on stderr. */
static void test_system_audit(void **state) {
        (void) state;
        int fd = sink_ops_system.audit_open();
        if (fd < 0) {
                print_message("no audit here (%s): the failure path\n", strerror(-fd));
                return;
        }
        /* Opened, but not sent to: the real trail is not for tests. */
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        (void) close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_login_fields),   TEST(test_fields),       TEST(test_forged_fields),
                TEST(test_kinds),          TEST(test_masks),        TEST(test_failures),
                TEST(test_backoff),        TEST(test_slow),         TEST(test_fake_machine_has_no_audit),
                TEST(test_system_journal), TEST(test_system_audit), TEST(test_later),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
