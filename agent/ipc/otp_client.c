/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "otp_client.h"

#include <pwd.h>

#include "base/cleanup.h"

static int check_peer(const struct ipc_client *c, const struct root *root) {
        uid_t uid;
        int r = ipc_client_peer(c, &uid);
        if (r < 0 || uid == 0 || (!root->is_machine && uid == geteuid()))
                return r;
        char buffer[4096];
        struct passwd p, *found = NULL;
        bool is_verifier = getpwnam_r(OTP_USER, &p, buffer, sizeof buffer, &found) == 0 && found && uid == p.pw_uid;
        return is_verifier ? 0 : -EPERM;
}

int otp_client_connect(const struct root *root, uint64_t timeout_usec, struct ipc_client **ret) {
        CLEANUP(ipc_client_freep) struct ipc_client *c = NULL;
        int r = ipc_client_connect_at(root, OTP_SOCKET, timeout_usec, &c);
        if (r == 0)
                r = check_peer(c, root);
        if (r == 0)
                *ret = TAKE_PTR(c);
        return r;
}
