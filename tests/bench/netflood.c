/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netflood ADDRESS PORT PACKETS ROUNDS: nanoseconds of the processor for a UDP packet of 64 bytes that is sent in a row
 * (so that what else the machine does counts less), and then the microseconds that each of ROUNDS questions waits for
 * the echo. One number a line. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define BATCH 64

static uint64_t now(clockid_t clock) {
        struct timespec ts;
        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * UINT64_C(1000000000) + (uint64_t) ts.tv_nsec;
}

int main(int argc, char **argv) {
        if (argc != 5)
                return 2;
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t) atoi(argv[2])) };
        (void) inet_pton(AF_INET, argv[1], &to.sin_addr);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (connect(fd, (struct sockaddr *) &to, sizeof to) < 0)
                return 1;

        static char bytes[64];
        static struct mmsghdr messages[BATCH];
        struct iovec part = { bytes, sizeof bytes };
        for (int i = 0; i < BATCH; i++)
                messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 };
        long packets = atol(argv[3]), sent = 0;
        uint64_t start = now(CLOCK_PROCESS_CPUTIME_ID);
        while (sent < packets) {
                int n = sendmmsg(fd, messages, BATCH, 0);
                if (n <= 0)
                        return 1;
                sent += n;
        }
        if (packets > 0)
                printf("%.1f\n", (double) (now(CLOCK_PROCESS_CPUTIME_ID) - start) / (double) sent);

        struct timeval patience = { .tv_usec = 200000 };
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        for (long i = 0; i < atol(argv[4]); i++) {
                (void) memcpy(bytes, &i, sizeof i);
                start = now(CLOCK_MONOTONIC);
                if (send(fd, bytes, sizeof bytes, 0) < 0)
                        return 1;
                long answer = -1;
                do
                        if (recv(fd, &answer, sizeof answer, 0) < 0)
                                break;
                while (answer != i);
                if (answer == i)
                        printf("%.2f\n", (double) (now(CLOCK_MONOTONIC) - start) / 1000.0);
        }
        return 0;
}
