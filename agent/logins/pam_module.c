/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the modules of Debian 12 answer, and what it takes. Rows are added up: what a module may answer is the union of
 * the rows that are for it and for its arguments. A module without a row may answer anything, and nobody knows for
 * what. */
#include <stdio.h>
#include <string.h>

#include "pam.h"

/* Numbers of libpam. */
enum {
        SUCCESS = 0,
        OPEN_ERR = 1,
        SERVICE_ERR = 3,
        SYSTEM_ERR = 4,
        BUF_ERR = 5,
        PERM_DENIED = 6,
        AUTH_ERR = 7,
        CRED_INSUFFICIENT = 8,
        AUTHINFO_UNAVAIL = 9,
        USER_UNKNOWN = 10,
        MAXTRIES = 11,
        ACCT_EXPIRED = 13,
        SESSION_ERR = 14,
        CONV_ERR = 19,
        AUTHTOK_ERR = 20,
        IGNORE = 25,
        ABORT = 26,
        MODULE_UNKNOWN = 28
};

#define BIT(code) (1u << (code))
#define YES       BIT(SUCCESS)
#define PASS      BIT(IGNORE)
/* Ways of saying no, as the manual pages have them; most stacks treat them all alike. */
#define NO                                                                                                             \
        (BIT(AUTH_ERR) | BIT(USER_UNKNOWN) | BIT(AUTHINFO_UNAVAIL) | BIT(MAXTRIES) | BIT(CRED_INSUFFICIENT) |          \
         BIT(PERM_DENIED) | BIT(SYSTEM_ERR) | BIT(SERVICE_ERR) | BIT(ACCT_EXPIRED) | BIT(CONV_ERR) | BIT(ABORT))
#define REFUSED (BIT(AUTH_ERR) | BIT(PERM_DENIED) | BIT(SERVICE_ERR) | BIT(SYSTEM_ERR) | BIT(USER_UNKNOWN))

/* Of the line's own arguments: two lines of the same words are the same condition. */
#define OWN UINT32_MAX

struct row {
        const char *module, *argument; /* argument: only where it is given; "!x": only where it is not */
        uint32_t proofs;               /* that answers in `yes` take */
        uint32_t condition;            /* that holds for those, and not for the others; OWN; 0 */
        uint32_t yes, no;              /* codes */
};

static const struct row rows[] = {
        /* what one knows */
        { "pam_unix", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_unix", "nullok", 0, CONDITION_EMPTY, YES, 0 },
        { "pam_sss", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_sss", "ignore_unknown_user", 0, 0, 0, PASS },
        { "pam_sss", "ignore_authinfo_unavail", 0, 0, 0, PASS },
        { "pam_sss", "try_cert_auth", PROOF_KEY, 0, YES, 0 },
        { "pam_sss", "require_cert_auth", PROOF_KEY, 0, YES, 0 },
        { "pam_sss_gss", NULL, PROOF_KEY, 0, YES, NO },
        { "pam_ldap", NULL, PROOF_PASSWORD, 0, YES, NO | PASS },
        { "pam_krb5", NULL, PROOF_PASSWORD, 0, YES, NO | PASS },
        { "pam_winbind", NULL, PROOF_PASSWORD, 0, YES, NO | PASS },
        { "pam_radius_auth", NULL, PROOF_PASSWORD, 0, YES, NO | PASS },
        { "pam_tacplus", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_userdb", NULL, PROOF_PASSWORD, 0, YES, NO | PASS },
        { "pam_extrausers", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_pwdfile", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_mysql", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_pgsql", NULL, PROOF_PASSWORD, 0, YES, NO },
        { "pam_systemd_home", NULL, PROOF_PASSWORD, 0, YES, NO | PASS },
        { "pam_ftp", NULL, 0, 0, YES, NO },

        /* what one has */
        { "pam_sekisho", "!decoy concat", PROOF_CODE, 0, YES, NO },
        { "pam_sekisho", "!decoy concat", 0, CONDITION_EXEMPT, PASS, 0 },
        { "pam_sekisho", "decoy", 0, 0, 0, NO },
        { "pam_sekisho", "concat", 0, 0, 0, NO | PASS },
        { "pam_oath", NULL, PROOF_CODE, 0, YES, NO },
        { "pam_google_authenticator", NULL, PROOF_CODE, 0, YES, NO },
        { "pam_google_authenticator", "nullok", 0, CONDITION_UNLISTED, PASS | YES, 0 },
        { "pam_otpw", NULL, PROOF_CODE, 0, YES, NO },
        { "pam_u2f", NULL, PROOF_KEY, 0, YES, NO },
        { "pam_u2f", "nouserok", 0, CONDITION_UNLISTED, PASS | YES, 0 },
        { "pam_yubico", NULL, PROOF_KEY, 0, YES, NO },
        { "pam_yubico", "nullok", 0, CONDITION_UNLISTED, PASS | YES, 0 },
        { "pam_pkcs11", NULL, PROOF_KEY, 0, YES, NO | PASS },
        { "pam_p11", NULL, PROOF_KEY, 0, YES, NO },
        { "pam_poldi", NULL, PROOF_KEY, 0, YES, NO },
        { "pam_usb", NULL, PROOF_KEY, 0, YES, NO | PASS },
        { "pam_ssh_agent_auth", NULL, PROOF_KEY, 0, YES, NO },
        { "pam_ssh", NULL, PROOF_KEY, 0, YES, NO },

        /* what one is */
        { "pam_fprintd", NULL, PROOF_BODY, 0, YES, NO },
        { "pam_howdy", NULL, PROOF_BODY, 0, YES, NO },

        /* who asks, and whether it is the right one */
        { "pam_rootok", NULL, 0, CONDITION_ROOT, YES, REFUSED },
        { "pam_succeed_if", NULL, 0, OWN, YES, REFUSED },
        { "pam_wheel", "trust", 0, OWN, YES, REFUSED | PASS },
        { "pam_wheel", "!trust", 0, OWN, YES | PASS, REFUSED },
        { "pam_localuser", NULL, 0, OWN, YES, BIT(PERM_DENIED) | BIT(SYSTEM_ERR) | BIT(SERVICE_ERR) },
        { "pam_listfile", NULL, 0, OWN, YES, REFUSED | PASS },
        { "pam_access", NULL, 0, OWN, YES, REFUSED | BIT(ABORT) },
        { "pam_securetty", NULL, 0, OWN, YES, REFUSED | PASS },
        { "pam_shells", NULL, 0, OWN, YES, REFUSED },
        { "pam_rhosts", NULL, 0, OWN, YES, REFUSED | BIT(ABORT) },
        { "pam_time", NULL, 0, OWN, YES, REFUSED | BIT(ABORT) },
        { "pam_timestamp", NULL, 0, OWN, YES, REFUSED },
        { "pam_nologin", "!successok", 0, 0, PASS, REFUSED },
        { "pam_nologin", "successok", 0, 0, YES | PASS, REFUSED },
        { "pam_sepermit", NULL, 0, OWN, YES, REFUSED | PASS },
        { "pam_faillock", "preauth", 0, 0, PASS | YES, REFUSED },
        { "pam_faillock", "authfail", 0, 0, 0, REFUSED | PASS },
        { "pam_faillock", "authsucc", 0, 0, YES, REFUSED },
        { "pam_faillock", "!preauth authfail authsucc", 0, 0, 0, REFUSED | PASS },
        { "pam_tally2", NULL, 0, 0, YES | PASS, REFUSED },
        { "pam_debug", "!auth=", 0, 0, YES, 0 },

        /* neither here nor there */
        { "pam_permit", NULL, 0, 0, YES, 0 },
        { "pam_deny", NULL, 0, 0, 0, BIT(AUTH_ERR) },
        { "pam_warn", NULL, 0, 0, 0, PASS },
        { "pam_faildelay", NULL, 0, 0, 0, PASS | BIT(SYSTEM_ERR) },
        { "pam_env", NULL, 0, 0, 0, PASS },
        { "pam_group", NULL, 0, 0, 0, PASS },
        { "pam_mail", NULL, 0, 0, 0, PASS },
        { "pam_issue", NULL, 0, 0, 0, PASS | BIT(SERVICE_ERR) | BIT(BUF_ERR) },
        { "pam_echo", NULL, 0, 0, 0, PASS | BIT(BUF_ERR) },
        { "pam_cap", NULL, 0, 0, YES, PASS | BIT(AUTH_ERR) },
        { "pam_gnome_keyring", NULL, 0, 0, YES, PASS | REFUSED },
        { "pam_kwallet5", NULL, 0, 0, YES, PASS | REFUSED },
        { "pam_ssh_add", NULL, 0, 0, YES, PASS | REFUSED },
        { "pam_gdm", NULL, 0, 0, YES, REFUSED | PASS | BIT(AUTHINFO_UNAVAIL) },
        { "pam_mount", NULL, 0, 0, YES, REFUSED | PASS },
        { "pam_ecryptfs", NULL, 0, 0, YES, REFUSED | PASS },
        { "pam_afs_session", NULL, 0, 0, YES, REFUSED | PASS },
        { "pam_krb5_migrate", NULL, 0, 0, 0, REFUSED | PASS },
        { "pam_ccreds", "action=store", 0, 0, YES, REFUSED | PASS },
        { "pam_ccreds", "action=update", 0, 0, YES, REFUSED | PASS },
        { "pam_ccreds", "action=validate", PROOF_PASSWORD, 0, YES, NO },
};

/* In the other phases only pam_sekisho and what says no are told apart: what must hold there is asked only of it. */
static const struct row other_rows[] = {
        { "pam_deny", NULL, 0, 0, 0, BIT(AUTH_ERR) | BIT(PERM_DENIED) | BIT(SESSION_ERR) },
        { "pam_sekisho", NULL, PROOF_CODE, 0, YES, BIT(SESSION_ERR) | BIT(PERM_DENIED) | BIT(AUTHINFO_UNAVAIL) },
        { "pam_sekisho", NULL, 0, CONDITION_EXEMPT, YES, 0 },
};

void pam_module_name(const char *module, char *ret, size_t size) {
        const char *slash = strrchr(module, '/');
        (void) snprintf(ret, size, "%s", slash ? slash + 1 : module);
        size_t n = strlen(ret);
        if (n > 3 && strcmp(ret + n - 3, ".so") == 0)
                ret[n - 3] = '\0';
}

/* Whether one of the words (n bytes each) stands among the arguments; a word that ends in "=" is the beginning of one.
 */
static bool has_word(const char *arguments, const char *word, size_t n) {
        for (const char *a = arguments; *a;) {
                a += strspn(a, " \t");
                size_t length = strcspn(a, " \t");
                if (length >= n && memcmp(a, word, n) == 0 && (length == n || word[n - 1] == '='))
                        return true;
                a += length;
        }
        return false;
}

static bool applies(const char *condition, const char *arguments) {
        if (!condition)
                return true;
        bool wanted = *condition != '!', found = false;
        for (const char *w = condition + !wanted; *w;) {
                size_t n = strcspn(w, " ");
                found = found || has_word(arguments, w, n);
                w += n + (w[n] == ' ');
        }
        return found == wanted;
}

static void add(struct pam_entry *e, uint32_t codes, uint32_t proofs, uint32_t condition, bool holds) {
        for (unsigned code = 0; code < PAM_CODES && e->n_outcomes < OUTCOMES_MAX; code++)
                if (codes & BIT(code))
                        e->outcomes[e->n_outcomes++] = (struct outcome){ (uint8_t) code, proofs, condition, holds };
}

/* The bit of the condition that these words are; a stack of very many is not told apart further (one bit for the rest
 * would be wrong, and none only means that a way is named without its condition). */
static uint32_t own_condition(struct pam_stack *s, const struct pam_entry *e) {
        char *words = pool_format(&s->pool, "%s%s%s", e->module, *e->arguments ? " " : "", e->arguments);
        if (!words)
                return NO_CONDITION;
        for (size_t i = 0; i < s->n_conditions; i++)
                if (strcmp(s->conditions[i], words) == 0)
                        return 1u << i;
        if (s->n_conditions == CONDITIONS_MAX)
                return NO_CONDITION;
        s->conditions[s->n_conditions] = words;
        return 1u << s->n_conditions++;
}

static void add_row(struct pam_stack *s, struct pam_entry *e, const struct row *r) {
        if (!applies(r->argument, e->arguments))
                return;
        uint32_t condition = r->condition == OWN ? own_condition(s, e) : r->condition;
        if (r->condition == OWN)
                e->condition = condition;
        add(e, r->yes, r->proofs, condition, true);
        add(e, r->no, 0, condition, false);
}

/* "pam_debug auth=perm_denied" answers what it is told. */
static void add_told(struct pam_entry *e) {
        const char *told = strstr(e->arguments, "auth=");
        int code = told ? pam_code_find(told + 5, strcspn(told + 5, " \t")) : -1;
        if (code >= 0 && code < (int) PAM_CODES)
                add(e, BIT((unsigned) code), 0, 0, false);
}

/* A group in which nobody is lets nobody in. */
static bool never_holds(const struct pam_entry *e, const struct pam_source *from) {
        static const char words[] = "user ingroup ";
        const char *found = strstr(e->arguments, words);
        if (!found || !from->has_members)
                return false;
        char group[64];
        found += sizeof words - 1;
        size_t n = strcspn(found, " \t:");
        if (n == 0 || n >= sizeof group)
                return false;
        memcpy(group, found, n);
        group[n] = '\0';
        return !from->has_members(from->userdata, group);
}

static void drop_what_never_holds(struct pam_entry *e) {
        size_t n = 0;
        for (size_t i = 0; i < e->n_outcomes; i++)
                if (!e->outcomes[i].holds)
                        e->outcomes[n++] = e->outcomes[i];
        e->n_outcomes = n;
}

void pam_module_outcomes(struct pam_stack *s, struct pam_entry *e, enum pam_type type, const struct pam_source *from) {
        if (!e->module) {
                add(e, BIT(PERM_DENIED), 0, 0, false);
                return;
        }
        if (from->has_module && !from->has_module(from->userdata, e->module)) {
                add(e, BIT(MODULE_UNKNOWN), 0, 0, false);
                return;
        }
        char name[64];
        pam_module_name(e->module, name, sizeof name);
        const struct row *table = type == PAM_TYPE_AUTH ? rows : other_rows;
        size_t n = type == PAM_TYPE_AUTH ? sizeof rows / sizeof *rows : sizeof other_rows / sizeof *other_rows;
        bool known = false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(table[i].module, name) == 0) {
                        known = true;
                        add_row(s, e, &table[i]);
                }
        if (strcmp(name, "pam_debug") == 0)
                add_told(e);
        if (strcmp(name, "pam_succeed_if") == 0 && never_holds(e, from))
                drop_what_never_holds(e);
        if (known)
                return;
        if (type == PAM_TYPE_AUTH)
                add(e, UINT32_MAX, PROOF_OTHER, 0, false);
        else /* whatever it is: what is asked for is not its matter */
                add(e, YES | PASS, 0, 0, false);
}
