/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts the shipped PAM profile and the sshd drop-in in force, and takes them out. Only for an admin who would not be
 * locked out himself: he shows it with a code. */
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "login_state.h"
#include "options.h"
#include "otp.h"
#include "private_screen.h"
#include "screen.h"
#include "talk.h"

#define SSH_DIRECTORY "etc/ssh/sshd_config.d"
#define SSH_FILE      "00-sekisho.conf"
#define SSH_SOURCE    "usr/share/sekisho/sshd/sekisho.conf"
#define SERVICE       "login" /* what would be asked of him at the console */
#define FILE_MAX      65536u
#define CODE_MAX      64u
#define UNSET_UID     4294967295ul /* of a process that nobody logged in for */

/* ---- programs of the system ---- */

static void spawn_actions_p(posix_spawn_file_actions_t *a) {
        (void) posix_spawn_file_actions_destroy(a);
}

/* What it prints goes to stderr. 0; 1: it failed; -errno. */
static int run_program(char *const *words) {
        CLEANUP(spawn_actions_p) posix_spawn_file_actions_t actions;
        pid_t pid;
        int status, r = posix_spawn_file_actions_init(&actions);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
        if (r != 0)
                return -r;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

static int update_pam(const struct invocation *i, bool on) {
        char program[] = "pam-auth-update", package[] = "--package", enable[] = "--enable", disable[] = "--disable";
        char code[] = "sekisho", decoy[] = "sekisho-decoy", root[] = "--root";
        CLEANUP(free_p) char *path = strdup(i->root_path);
        char *const here[] = { program, package, on ? enable : disable, code, decoy, NULL };
        char *const there[] = { program, root, path, package, on ? enable : disable, code, decoy, NULL };
        if (!path || setenv("DEBIAN_FRONTEND", "noninteractive", 1) < 0)
                return -ENOMEM;
        return run_program(i->root.is_machine ? here : there);
}

/* ---- the files ---- */

/* free(); NULL: cannot be read. */
static char *read_file(const struct root *root, const char *path) {
        CLEANUP(free_p) char *directory = strdup(path), *text = malloc(FILE_MAX + 1);
        char *name = directory ? strrchr(directory, '/') : NULL;
        if (!name || !text)
                return NULL;
        *name++ = '\0';
        CLEANUP(close_p) int fd = root_openat(root, directory, O_PATH | O_DIRECTORY, 0);
        return fd >= 0 && file_read_at(fd, name, text, FILE_MAX) >= 0 ? TAKE_PTR(text) : NULL;
}

static void reload_sshd(const struct invocation *i) {
        char systemctl[] = "systemctl", quiet[] = "--quiet", reload[] = "try-reload-or-restart", unit[] = "ssh.service";
        char *const words[] = { systemctl, quiet, reload, unit, NULL };
        if (i->root.is_machine && access("/run/systemd/system", F_OK) == 0)
                (void) run_program(words);
}

/* "in-force", "absent" (no sshd here), "failed". */
static const char *switch_sshd(const struct invocation *i, bool on) {
        CLEANUP(close_p) int fd = root_openat(&i->root, SSH_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return "absent";
        if (!on) {
                if (unlinkat(fd, SSH_FILE, 0) == 0)
                        reload_sshd(i);
                return "absent";
        }
        CLEANUP(free_p) char *text = read_file(&i->root, SSH_SOURCE);
        int r = text ? file_replace_at(fd, SSH_FILE, text, strlen(text), 0644) : -ENOENT;
        char sshd[] = "/usr/sbin/sshd", check[] = "-t";
        char *const words[] = { sshd, check, NULL };
        if (r == 0 && i->root.is_machine && access(sshd, X_OK) == 0 && run_program(words) != 0) {
                (void) unlinkat(fd, SSH_FILE, 0);
                r = -EINVAL;
        }
        if (r < 0) {
                complain(_(
                        "The drop-in for sshd is not in force: sshd does not accept it, or it cannot be written. A key "
                        "alone is refused all the same, when the session opens."));
                return "failed";
        }
        reload_sshd(i);
        return "in-force";
}

/* ---- who switches it ---- */

/* The person behind su and sudo, as the kernel keeps it. free(); NULL after a complaint. */
static char *find_admin(const struct invocation *i) {
        if (i->values[LOGIN_ADMIN])
                return strdup(i->values[LOGIN_ADMIN]);
        char line[32], buffer[4096], *end = NULL;
        struct passwd p, *found = NULL;
        CLEANUP(close_p) int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (self >= 0 && file_read_line_at(self, "loginuid", line, sizeof line - 1) > 0) {
                unsigned long uid = strtoul(line, &end, 10);
                if (*end == '\0' && uid != UNSET_UID &&
                    getpwuid_r((uid_t) uid, &p, buffer, sizeof buffer, &found) == 0 && found)
                        return strdup(p.pw_name);
        }
        complain(_("Who you are cannot be told; say so with --admin."));
        return NULL;
}

static json_t *as_login(const char *admin) {
        return json_pack("{s:s, s:s}", "user", admin, "service", SERVICE);
}

static enum outcome check_enrolled(const char *admin, const json_t *users) {
        const json_t *entry = otp_find(users, admin);
        if (entry && strcmp(talk_string(entry, "state"), "enrolled") == 0)
                return OUTCOME_YES;
        complain(_("%s has no second factor in force, and would be locked out. First: sekishoctl otp enroll %s"), admin,
                 admin);
        return OUTCOME_NO;
}

/* Whether the policy would let him in alone. *ret_asks: whether it demands a code of him at all. */
static enum outcome check_policy(const struct invocation *i, const char *admin, bool *ret_asks) {
        CLEANUP(json_decrefp) json_t *account = NULL;
        CLEANUP(json_decrefp) json_t *challenge = NULL;
        enum outcome outcome = otp_call(i, OTP_ACCOUNT, as_login(admin), &account);
        if (outcome == OUTCOME_YES)
                outcome = otp_call(i, OTP_CHALLENGE, as_login(admin), &challenge);
        if (outcome != OUTCOME_YES)
                return outcome;
        *ret_asks = talk_bool(challenge, "ask");
        if (talk_bool(account, "accepted") && !talk_bool(challenge, "escort"))
                return OUTCOME_YES;
        complain(_("The policy would not let %s in alone now (%s). Another admin must do this."), admin,
                 talk_bool(account, "accepted") ? "escort" : talk_string(account, "reason"));
        return OUTCOME_NO;
}

static enum outcome ask_code(const struct invocation *i, const char *admin) {
        CLEANUP(private_screen_freep) struct private_screen *s = NULL;
        CLEANUP(json_decrefp) json_t *reply = NULL;
        char code[CODE_MAX], question[300];
        enum outcome outcome = private_screen_open(&s);
        if (outcome != OUTCOME_YES)
                return outcome;
        CLEANUP(free_p) char *name = screen_text(admin);
        (void) snprintf(question, sizeof question, _("One-time code of %s: "), name ? name : "");
        if (private_screen_ask(s, question, false, code, sizeof code) != 0)
                return OUTCOME_NO;
        json_t *parameters = as_login(admin);
        if (parameters && json_object_set_new(parameters, "code", json_string(code)) < 0)
                (void) json_object_set_new(parameters, "code", json_string(""));
        explicit_bzero(code, sizeof code);
        outcome = otp_call(i, OTP_VERIFY, parameters, &reply);
        if (outcome != OUTCOME_YES || talk_bool(reply, "accepted"))
                return outcome;
        complain(_("The code was refused; nothing is switched on. With a right code this would have locked you out."));
        return OUTCOME_NO;
}

/* ---- the verbs ---- */

static enum outcome check_root(void) {
        if (geteuid() == 0)
                return OUTCOME_YES;
        complain(_("That is for root."));
        return OUTCOME_NOT_PERMITTED;
}

/* The record is the verifier's; that its question is asked at all is said here. */
static void note_in_syslog(const struct invocation *i, bool on, const char *admin) {
        if (i->root.is_machine)
                syslog(LOG_AUTHPRIV | LOG_WARNING, "second factor at login switched %s by %s (uid %u)",
                       on ? "on" : "off", admin, (unsigned) getuid());
}

static enum outcome report(const struct invocation *i, const char *sshd, bool asks, const json_t *users) {
        CLEANUP(json_decrefp) json_t *missing = otp_missing(i, users);
        size_t n;
        json_t *person;
        if (i->json)
                return screen_json(json_pack("{s:b, s:s, s:b, s:O}", "enabled", true, "sshd", sshd, "policy_asks", asks,
                                             "missing", missing));
        puts(_("Switched on. Stay logged in here, and log in once more elsewhere, before you go."));
        puts(_("To take it back: sekishoctl login disable"));
        if (!asks)
                puts(_("The policy in force does not ask you for a code; see its section \"login\"."));
        if (json_array_size(missing) == 0)
                return OUTCOME_YES;
        printf("%s", _("Without a second factor, and refused where the policy demands one:"));
        json_array_foreach(missing, n, person) {
                putchar(' ');
                screen_put(TONE_PLAIN, talk_string(person, "user"));
        }
        putchar('\n');
        return OUTCOME_YES;
}

enum outcome run_login_enable(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *users = NULL;
        CLEANUP(free_p) char *admin = NULL;
        bool asks = false;
        enum outcome outcome = check_root();
        if (outcome == OUTCOME_YES && !(admin = find_admin(i)))
                outcome = OUTCOME_BAD;
        if (outcome == OUTCOME_YES)
                outcome = otp_list(i, &users);
        if (outcome == OUTCOME_YES)
                outcome = check_enrolled(admin, users);
        if (outcome == OUTCOME_YES)
                outcome = check_policy(i, admin, &asks);
        if (outcome == OUTCOME_YES)
                outcome = ask_code(i, admin);
        if (outcome != OUTCOME_YES)
                return outcome;

        int r = update_pam(i, true);
        if (r != 0 || login_switch_state(i) != LOGIN_ON) {
                complain(_("pam-auth-update has not switched it on: /etc/pam.d/common-* were changed by hand, perhaps. "
                           "pam_sekisho(8) says which lines are needed."));
                return OUTCOME_NO;
        }
        note_in_syslog(i, true, admin);
        return report(i, switch_sshd(i, true), asks, users);
}

enum outcome run_login_disable(const struct invocation *i) {
        enum outcome outcome = check_root();
        if (outcome != OUTCOME_YES)
                return outcome;
        int r = update_pam(i, false);
        (void) switch_sshd(i, false);
        note_in_syslog(i, false, "root");
        if (r != 0 || login_switch_state(i) == LOGIN_ON) {
                complain(_("The module still stands in /etc/pam.d/common-auth; take its lines out by hand."));
                return OUTCOME_NO;
        }
        if (i->json)
                return screen_json(json_pack("{s:b}", "enabled", false));
        puts(_("Switched off: a password suffices again."));
        return OUTCOME_YES;
}
