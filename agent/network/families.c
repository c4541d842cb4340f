/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "families.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PIN_SWITCH "/sys/fs/bpf/sekisho-families"
#define PIN_LINK   "/sys/fs/bpf/sekisho-families-link"
#define HOOK       "socket_create"

/* radios.c keeps the modules of the others out. AF_PACKET is not here: the rules see what it sends. */
static const uint8_t families[] = { AF_XDP,  AF_VSOCK,  AF_BLUETOOTH, AF_CAN,    AF_TIPC,      AF_RDS,
                                    AF_AX25, AF_NETROM, AF_ROSE,      AF_X25,    AF_APPLETALK, AF_IPX,
                                    AF_LLC,  AF_ATMPVC, AF_ATMSVC,    AF_PHONET, AF_CAIF,      AF_IEEE802154,
                                    AF_NFC,  AF_KCM,    AF_SMC,       AF_MCTP,   AF_QIPCRTR };

static uint64_t all_of_them(void) {
        uint64_t bits = 0;
        for (size_t i = 0; i < sizeof families; i++)
                bits |= UINT64_C(1) << families[i];
        return bits;
}

bool families_can_be_refused(const struct root *root) {
        char line[256], *rest = NULL;
        CLEANUP(close_p) int directory = root_openat(root, "sys/kernel/security", O_PATH | O_DIRECTORY, 0);
        if (directory < 0 || file_read_line_at(directory, "lsm", line, sizeof line - 1) <= 0)
                return false;
        for (char *word = strtok_r(line, ",\n", &rest); word; word = strtok_r(NULL, ",\n", &rest))
                if (strcmp(word, "bpf") == 0)
                        return true;
        return false;
}

/* ---- the program ---- */

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define ARGUMENT(d, n)      INSN(BPF_LDX | BPF_MEM | BPF_DW, d, BPF_REG_1, (n) *8, 0)
#define LAST                14 /* what "exit" is */
#define EXIT_FROM(at)       ((int16_t) (LAST - (at) -1))

/* int socket_create(int family, int type, int protocol, int kern), and what others answered. */
static int load_program(int map) {
        const struct bpf_insn code[] = {
                [0] = ARGUMENT(BPF_REG_0, 4),
                [1] = INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, EXIT_FROM(1), 0),
                [2] = ARGUMENT(BPF_REG_2, 3), /* the kernel's own sockets */
                [3] = INSN(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_2, 0, EXIT_FROM(3), 0),
                [4] = ARGUMENT(BPF_REG_2, 0),
                /* An int is the lower half; what stands in the other nobody says. The shift takes six bits. */
                [5] = INSN(BPF_JMP32 | BPF_JGT | BPF_K, BPF_REG_2, 0, EXIT_FROM(5), 63),
                [6] = INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_3, BPF_PSEUDO_MAP_VALUE, 0, map),
                [7] = INSN(0, 0, 0, 0, 0),
                [8] = INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_3, BPF_REG_3, 0, 0),
                [9] = INSN(BPF_ALU64 | BPF_RSH | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0),
                [10] = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_3, 0, 0, 1),
                [11] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
                [12] = INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_3, 0, EXIT_FROM(12), 0),
                [13] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -EAFNOSUPPORT), /* as without its module */
                [LAST] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        };
        int hook = libbpf_find_vmlinux_btf_id(HOOK, BPF_LSM_MAC);
        if (hook < 0)
                return hook;
        const struct bpf_prog_load_opts options = { .sz = sizeof options,
                                                    .expected_attach_type = BPF_LSM_MAC,
                                                    .attach_btf_id = (uint32_t) hook };
        int fd = bpf_prog_load(BPF_PROG_TYPE_LSM, "sekisho_family", "GPL", code, sizeof code / sizeof *code, &options);
        return fd < 0 ? -errno : fd;
}

static int make(void) {
        const struct bpf_map_create_opts options = { .sz = sizeof options, .map_flags = BPF_F_MMAPABLE };
        CLEANUP(close_p) int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sekisho_family", 4, 8, 1, &options);
        if (map < 0)
                return -errno;
        CLEANUP(close_p) int program = load_program(map);
        if (program < 0)
                return program;
        CLEANUP(close_p) int link = bpf_link_create(program, 0, BPF_LSM_MAC, NULL);
        if (link < 0)
                return -errno;
        (void) unlink(PIN_LINK);
        (void) unlink(PIN_SWITCH);
        if (bpf_obj_pin(map, PIN_SWITCH) < 0 || bpf_obj_pin(link, PIN_LINK) < 0)
                return -errno;
        return TAKE_FD(map);
}

/* ---- its switch ---- */

static int take_up(void) {
        CLEANUP(close_p) int link = bpf_obj_get(PIN_LINK);
        int map = link < 0 ? -1 : bpf_obj_get(PIN_SWITCH);
        return map < 0 ? make() : map;
}

int families_open(const struct root *root, struct families *f) {
        *f = (struct families){ .refused = NULL };
        if (!root->is_machine || !families_can_be_refused(root))
                return 1;
        (void) libbpf_set_print(NULL); /* a library does not log */
        CLEANUP(close_p) int map = take_up();
        if (map < 0)
                return map;
        void *page = mmap(NULL, sizeof *f->refused, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
        if (page == MAP_FAILED)
                return -errno;
        f->refused = page;
        return 0;
}

void families_refuse(const struct families *f, bool refuse) {
        if (f->refused)
                __atomic_store_n(f->refused, refuse ? all_of_them() : 0, __ATOMIC_SEQ_CST);
}

void families_close(struct families *f) {
        if (f->refused)
                (void) munmap(f->refused, sizeof *f->refused);
        f->refused = NULL;
}

int families_remove(const struct root *root) {
        if (!root->is_machine)
                return 0;
        int r = unlink(PIN_LINK) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
        int e = unlink(PIN_SWITCH) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
        return r < 0 ? r : e;
}
