/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "pam.h"

/* In the order of libpam's numbers. */
static const char *const codes[PAM_CODES] = {
        "success",
        "open_err",
        "symbol_err",
        "service_err",
        "system_err",
        "buf_err",
        "perm_denied",
        "auth_err",
        "cred_insufficient",
        "authinfo_unavail",
        "user_unknown",
        "maxtries",
        "new_authtok_reqd",
        "acct_expired",
        "session_err",
        "cred_unavail",
        "cred_expired",
        "cred_err",
        "no_module_data",
        "conv_err",
        "authtok_err",
        "authtok_recover_err",
        "authtok_lock_busy",
        "authtok_disable_aging",
        "try_again",
        "ignore",
        "abort",
        "authtok_expired",
        "module_unknown",
        "bad_item",
        "conv_again",
        "incomplete",
};

const char *pam_code_name(unsigned code) {
        return code < PAM_CODES ? codes[code] : NULL;
}

int pam_code_find(const char *name, size_t n) {
        for (unsigned i = 0; i < PAM_CODES; i++)
                if (strlen(codes[i]) == n && memcmp(codes[i], name, n) == 0)
                        return (int) i;
        return n == 7 && memcmp(name, "default", 7) == 0 ? (int) PAM_CODES : -1;
}

const char *pam_type_name(enum pam_type t) {
        static const char *const names[PAM_TYPE_MAX] = { "auth", "account", "session", "password" };
        return t < PAM_TYPE_MAX ? names[t] : NULL;
}

const char *proof_name(enum proof p) {
        switch (p) {
        case PROOF_PASSWORD:
                return "password";
        case PROOF_CODE:
                return "code";
        case PROOF_KEY:
                return "key";
        case PROOF_BODY:
                return "body";
        case PROOF_OTHER:
                return "unknown";
        }
        return NULL;
}
