/* seccomp_profile NAMES CMD...: loads a profile (a list of allowed calls) as a filter and runs CMD under it. "names.h" is made from
 * the system's headers by the script: NAME(name, number of x86-64, number of i386), -1 where there is none. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    long number[2];
} known[] = {
#define NAME(name, wide, narrow) {#name, {wide, narrow}},
#include "names.h"
};

#define NAMESPACE_FLAGS 0x7e020000
#define ROOM 4096
static struct sock_filter code[ROOM];
static unsigned short len;

static void emit(struct sock_filter instruction)
{
    code[len++] = instruction;
}

static void answer(long number, unsigned action)
{
    emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1));
    emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static long number_of(const char *name, int abi)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].number[abi];
    return -1;
}

static void clone_rule(long number)
{
    emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 4));
    emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)));
    emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACE_FLAGS, 0, 1));
    emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
    emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

static void build(FILE *names, int abi, unsigned arch)
{
    char line[128];

    emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0));
    unsigned short over = len;
    emit((struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
    emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    rewind(names);
    while (fgets(line, sizeof line, names)) {
        line[strcspn(line, "\n")] = '\0';
        long number = line[0] == '#' ? -1 : number_of(line, abi);
        if (number >= 0)
            answer(number, SECCOMP_RET_ALLOW);
    }
    answer(number_of("clone3", abi), SECCOMP_RET_ERRNO | ENOSYS);
    clone_rule(number_of("clone", abi));
    emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
    code[over].k = len - over - 1U;
}

int main(int argc, char **argv)
{
    FILE *names = argc > 2 ? fopen(argv[1], "re") : NULL;

    if (!names)
        return 125;
    build(names, 0, AUDIT_ARCH_X86_64);
    build(names, 1, AUDIT_ARCH_I386);
    emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
    struct sock_fprog program = {len, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("seccomp_profile");
        return 125;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 126;
}
