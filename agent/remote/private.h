/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What looking and closing share. Private to remote. */
#pragma once

#include "ini.h"
#include "remote.h"

#define REMOTE_FILE_MAX     (256 * 1024)
#define REMOTE_XRDP_INI     "etc/xrdp/xrdp.ini"
#define REMOTE_SESMAN_INI   "etc/xrdp/sesman.ini"
#define REMOTE_UNITS        "etc/systemd/system"
#define REMOTE_STATE        "var/lib/sekisho/remote"
#define REMOTE_MASKED       REMOTE_STATE "/masked" /* units that remote_close() masked */
#define REMOTE_PROFILE      "etc/apparmor.d/sekisho-remote-clients"
#define REMOTE_PROFILE_NAME "sekisho-remote-client"

extern const char *const remote_spice_units[]; /* NULL ends it */

struct remote_client {
        const char *program, *path;
};
#define REMOTE_CLIENTS 3u
extern const struct remote_client remote_clients[REMOTE_CLIENTS];

struct xrdp_settings {
        bool open[REMOTE_CHANNEL_MAX];
        unsigned line[REMOTE_CHANNEL_MAX]; /* of xrdp.ini; 0: a default */
        char text[REMOTE_CHANNEL_MAX][64];
};
/* From the text of xrdp.ini and sesman.ini. */
void remote_read_xrdp(const char *xrdp, const char *sesman, struct xrdp_settings *ret);

bool remote_is_there(const struct root *root, const char *path);
bool remote_is_masked(const struct root *root, const char *unit);
/* A small text file as a whole. *ret: free(). 0 or -errno. */
int remote_read(const struct root *root, const char *path, char **ret);
