/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signing is ssh-keygen's: the key may be a file, in ssh-agent, or in hardware, and the same command works on any
 * machine. What this verb adds: it signs nothing that is not valid, checks what came out, and joins signatures. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "screen.h"
#include "sign.h"
#include "signed_file.h"

static void spawn_actions_p(posix_spawn_file_actions_t *a) {
        (void) posix_spawn_file_actions_destroy(a);
}

/* The document goes in by a file of ours without a name, so that what is signed is what was checked, whatever happens
 * to the file meanwhile. */
static int memory_file(const char *name, const void *bytes, size_t size) {
        int fd = memfd_create(name, MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = bytes ? file_write_all(fd, bytes, size) : 0;
        if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
                r = -errno;
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return fd;
}

static int run_ssh_keygen(const char *key, const char *namespace, int in, int out) {
        char program[] = "ssh-keygen", sign[] = "-Y", sign_what[] = "sign", with[] = "-f", as[] = "-n";
        CLEANUP(free_p) char *key_copy = strdup(key), *namespace_copy = strdup(namespace);
        if (!key_copy || !namespace_copy)
                return -ENOMEM;
        char *const arguments[] = { program, sign, sign_what, as, namespace_copy, with, key_copy, NULL };

        CLEANUP(spawn_actions_p) posix_spawn_file_actions_t actions;
        int r = posix_spawn_file_actions_init(&actions);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        pid_t pid;
        if (r == 0)
                r = posix_spawnp(&pid, program, &actions, NULL, arguments, environ);
        if (r != 0)
                return -r;
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

/* The block that ssh-keygen wrote, if it is good. free(). */
static enum outcome take_signature(const char *namespace, const void *bytes, size_t size, int fd, struct sshsig *ret,
                                   char **ret_text) {
        CLEANUP(free_p) char *text = calloc(1, SIGNATURE_FILE_MAX + 1);
        ssize_t n = text ? pread(fd, text, SIGNATURE_FILE_MAX, 0) : -1;
        const char *cursor = text;
        struct sshsig_message m;
        struct sshsig s;
        sshsig_digest(bytes, size, &m);
        int r = n > 0 ? sshsig_next(&cursor, text + n, &s) : SSHSIG_MALFORMED;
        if (r == SSHSIG_UNSUPPORTED) {
                complain(_("Only keys of the types ssh-ed25519 and sk-ssh-ed25519@openssh.com are accepted; make one "
                           "with: ssh-keygen -t ed25519"));
                return OUTCOME_BAD;
        }
        if (r != SSHSIG_OK || strcmp(s.namespace, namespace) != 0 || sshsig_verify(&s, &m) != SSHSIG_OK) {
                complain(_("ssh-keygen gave no valid signature."));
                return OUTCOME_BAD;
        }
        *ret = s;
        *ret_text = TAKE_PTR(text);
        return OUTCOME_YES;
}

static enum outcome make_signature(const char *namespace, const void *bytes, size_t size, const char *key,
                                   struct sshsig *ret, char **ret_text) {
        CLEANUP(close_p) int in = memory_file("document", bytes, size);
        CLEANUP(close_p) int out = memory_file("signature", NULL, 0);
        int r = in < 0 ? in : out < 0 ? out : run_ssh_keygen(key, namespace, in, out);
        if (r == -ENOENT)
                complain(_("ssh-keygen was not found; install the package openssh-client."));
        else if (r < 0)
                complain("ssh-keygen: %s", strerror(-r));
        if (r != 0)
                return OUTCOME_BAD; /* ssh-keygen has said why */
        return take_signature(namespace, bytes, size, out, ret, ret_text);
}

enum outcome sign_bytes(const char *key, const char *namespace, const void *bytes, size_t size, char **ret) {
        struct sshsig s;
        return make_signature(namespace, bytes, size, key, &s, ret);
}

/* Those of other keys stay; an older one of this key goes. */
static enum outcome join(const struct signed_file *f, const struct sshsig *own, const char *text, char **ret,
                         size_t *ret_size) {
        FILE *out = open_memstream(ret, ret_size);
        if (!out) {
                complain("%s: %s", f->path, strerror(errno));
                return OUTCOME_BAD;
        }
        const char *cursor = f->signatures.bytes, *end = cursor ? cursor + f->signatures.size : NULL;
        while (cursor && cursor < end) {
                const char *start = cursor;
                struct sshsig s;
                int r = sshsig_next(&cursor, end, &s);
                if (r == SSHSIG_END || (r == SSHSIG_OK && ssh_key_equal(&s.key, &own->key)))
                        continue;
                while (start < cursor && strchr(" \t\r\n", *start))
                        start++;
                (void) fwrite(start, 1, (size_t) (cursor - start), out);
                (void) fputc('\n', out);
        }
        (void) fputs(text, out);
        if (fclose(out) == 0)
                return OUTCOME_YES;
        complain("%s: %s", f->path, strerror(ENOMEM));
        return OUTCOME_BAD;
}

static enum outcome store(const struct signed_file *f, const char *text, size_t size) {
        CLEANUP(free_p) char *path = strdup(f->signature_path);
        char *slash = path ? strrchr(path, '/') : NULL;
        const char *name = slash ? slash + 1 : path, *directory = !slash ? "." : slash == path ? "/" : path;
        if (slash)
                *slash = 0;
        CLEANUP(close_p) int fd = path ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        int r = fd < 0 ? -errno : file_replace_at(fd, name, text, size, 0644);
        if (r == 0)
                return OUTCOME_YES;
        complain("%s: %s", f->signature_path, strerror(-r));
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

enum outcome run_sign(const struct invocation *i) {
        CLEANUP(signed_file_clear) struct signed_file f = { 0 };
        if (!i->values[SIGN_KEY]) {
                complain(_("Say with which key: --key FILE, a private key or the .pub of one that ssh-agent holds."));
                return OUTCOME_BAD;
        }
        enum outcome outcome = signed_file_read(i->arguments[0], &f);
        if (outcome == OUTCOME_YES)
                outcome = signed_file_check(&f);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (sodium_init() < 0) {
                complain(_("The cryptographic library does not start."));
                return OUTCOME_BAD;
        }

        struct sshsig own;
        CLEANUP(free_p) char *text = NULL, *all = NULL;
        size_t size = 0;
        outcome =
                make_signature(f.kind->namespace, f.document.bytes, f.document.size, i->values[SIGN_KEY], &own, &text);
        if (outcome == OUTCOME_YES)
                outcome = join(&f, &own, text, &all, &size);
        if (outcome == OUTCOME_YES)
                outcome = store(&f, all, size);
        if (outcome != OUTCOME_YES)
                return outcome;

        char fingerprint[SSHSIG_FINGERPRINT_MAX];
        ssh_key_fingerprint(&own.key, fingerprint);
        if (i->json)
                return screen_json(json_pack("{s:s, s:s, s:s, s:s}", "file", f.path, "signatures", f.signature_path,
                                             "document", f.kind->name, "key", fingerprint));
        printf(_("%s: signed as %s with %s."), f.signature_path, f.kind->name, fingerprint);
        putchar('\n');
        return OUTCOME_YES;
}
