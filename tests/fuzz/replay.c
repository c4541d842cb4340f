/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over every file of its committed corpus, so that ctest replays what fuzzing found.
 * Fails when the corpus is empty: a replay of nothing proves nothing. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static int replay(int dirfd, const char *name) {
        int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                if (fd >= 0)
                        close(fd);
                return 0;
        }

        /* Exactly as large as the input, so that ASan sees a read one byte beyond it. */
        size_t size = (size_t) st.st_size;
        uint8_t *data = malloc(size ? size : 1);
        size_t done = 0;
        while (data && done < size) {
                ssize_t n = read(fd, data + done, size - done);
                if (n <= 0)
                        break;
                done += (size_t) n;
        }
        close(fd);
        if (!data || done < size) {
                fprintf(stderr, "%s: cannot read\n", name);
                exit(1);
        }
        (void) LLVMFuzzerTestOneInput(data, size);
        free(data);
        return 1;
}

int main(int argc, char **argv) {
        DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
        if (!d) {
                fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
                return 2;
        }

        int n = 0;
        for (struct dirent *e; (e = readdir(d));)
                n += replay(dirfd(d), e->d_name);
        closedir(d);
        printf("%d inputs replayed\n", n);
        return n > 0 ? 0 : 1;
}
