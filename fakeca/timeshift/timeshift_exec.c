/* Puts the clock page and the image into each program, between its exec and its first instruction (reference/clock.md 3.5). */
#define _GNU_SOURCE /* O_PATH */
#include "timeshift/timeshift_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "timeshift/timeshift_filter.h"
#include "timeshift/timeshift_memory.h"
#include "timeshift/timeshift_proc.h"

#define PATH_ROOM 4096
#define TRACE_OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
enum { AUX_NULL = 0, AUX_IGNORE = 1, AUX_VDSO = 33 };

/* ---- whether the exec will fail: a thread that is held and stays in its program must be let go later (T7) */

/* The caller's folder or root as a descriptor. */
static int open_place(pid_t tid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Only a clear "there is no such file" counts; whatever else may be wrong shows at the exec. */
static bool is_missing(pid_t tid, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};

    if (!*path)
        return true;
    /* of these each process sees its own */
    if (fc_text_starts(path, "/proc/") || fc_text_starts(path, "/dev/fd/"))
        return false;
    int place = open_place(tid, path[0] == '/' ? "root" : "cwd");
    if (place < 0)
        return false;
    if (path[0] == '/')
        how.resolve = RESOLVE_IN_ROOT;
    int fd = (int)syscall(SYS_openat2, place, path, &how, sizeof how);
    bool missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (fd >= 0)
        close(fd);
    close(place);
    return missing;
}

static bool will_fail(const struct seccomp_notif *notif, const struct fc_timeshift_rule *rule)
{
    char path[PATH_ROOM];

    /* execveat takes a folder or a file as its first argument: left to the kernel */
    if (rule->pointer != 0)
        return false;
    if (fc_timeshift_memory_text((pid_t)notif->pid, notif->data.args[0], path, sizeof path) != 0)
        return errno == EFAULT;
    return is_missing((pid_t)notif->pid, path);
}

static void note_missed(struct fc_timeshift_super *s, pid_t pid)
{
    if (s->n_missed % 16 == 0)
        s->missed = fc_reallocarray(s->missed, s->n_missed + 16, sizeof *s->missed);
    s->missed[s->n_missed++] = pid;
}

void fc_timeshift_exec_begin(struct fc_timeshift_super *s, const struct seccomp_notif *notif,
                             const struct fc_timeshift_rule *rule)
{
    pid_t tid = (pid_t)notif->pid;

    s->counters.execs++;
    struct fc_timeshift_traced *held = fc_timeshift_super_traced(s, tid);
    if (held) { /* its last try has just failed */
        held->since = fc_clock_mono();
    } else if (!will_fail(notif, rule) && fc_timeshift_listener_valid(s, notif->id)) {
        if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)TRACE_OPTIONS) == 0)
            fc_timeshift_super_trace(s, tid, FC_TIMESHIFT_IN_EXEC);
        else
            note_missed(s, fc_timeshift_proc_leader(tid));
    }
    fc_timeshift_listener_continue(s, notif->id);
}

/* ---- what the new program is */

static struct fc_timeshift_file *known_file(struct fc_timeshift_super *s, const struct stat *st)
{
    for (size_t i = 0; i < s->n_files; i++)
        if (s->files[i].inode == st->st_ino && s->files[i].device == st->st_dev &&
            s->files[i].changed == st->st_ctim.tv_sec * FC_SECOND + st->st_ctim.tv_nsec)
            return &s->files[i];
    return NULL;
}

/* The program that the process runs; NULL when its file cannot be looked at. */
static struct fc_timeshift_file *file_of(struct fc_timeshift_super *s, pid_t tid)
{
    char path[64];
    struct stat st;
    struct fc_timeshift_file file = {0};

    snprintf(path, sizeof path, "/proc/%d/exe", tid);
    if (stat(path, &st) != 0)
        return NULL;
    struct fc_timeshift_file *known = known_file(s, &st);
    if (known)
        return known;
    file.device = st.st_dev;
    file.inode = st.st_ino;
    file.changed = st.st_ctim.tv_sec * FC_SECOND + st.st_ctim.tv_nsec;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fc_timeshift_elf_inspect(fd, &file.program) != 0)
        file.program = (struct fc_timeshift_program){.setuid = (st.st_mode & S_ISUID) != 0, .owner = st.st_uid};
    if (fd >= 0)
        close(fd);
    if (s->n_files % 32 == 0)
        s->files = fc_reallocarray(s->files, s->n_files + 32, sizeof *s->files);
    s->files[s->n_files] = file;
    return &s->files[s->n_files++];
}

bool fc_timeshift_exec_exempt(struct fc_timeshift_super *s, pid_t tid)
{
    if (!s->any_exempt)
        return false;
    const struct fc_timeshift_file *file = file_of(s, tid);
    return file && file->program.fakeca;
}

bool fc_timeshift_exec_narrow(struct fc_timeshift_super *s, pid_t tid)
{
    if (s->counters.narrow == 0) /* none has been started */
        return false;
    const struct fc_timeshift_file *file = file_of(s, tid);
    return file && file->program.kind == FC_TIMESHIFT_ELF32;
}

/* no_new_privs takes these rights away without a word: say it, once a program */
static void warn_of_rights(struct fc_timeshift_super *s, pid_t tid, struct fc_timeshift_file *file)
{
    const struct fc_timeshift_program *program = &file->program;
    char path[64], target[256];
    const char *what = NULL;

    if (file->told || (geteuid() == 0 && (!program->setuid || program->owner == 0)))
        return;
    if (program->setuid && program->owner != geteuid())
        what = "setuid";
    else if (program->setgid && program->group != getegid())
        what = "setgid";
    else if (program->capabilities)
        what = "given capabilities by its file";
    if (!what)
        return;
    file->told = true;
    snprintf(path, sizeof path, "/proc/%d/exe", tid);
    ssize_t len = readlink(path, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    fc_timeshift_super_say(
        s,
        "%s is %s: it runs without its rights, for a program whose clock is shifted can gain none; run it "
        "outside, or give the rights in another way",
        target, what);
}

/* ---- the auxiliary vector, where the kernel tells the program of its vDSO */

struct words {
    pid_t tid;
    uint64_t next; /* address */
    size_t width;
    char data[4096];
    size_t at, len;
};

static bool next_word(struct words *words, uint64_t *ret_word)
{
    if (words->at + words->width > words->len) {
        words->len = fc_timeshift_memory_read_some(words->tid, words->next, words->data, sizeof words->data);
        words->len -= words->len % words->width;
        words->at = 0;
        if (words->len == 0)
            return false;
    }
    *ret_word = 0;
    memcpy(ret_word, words->data + words->at, words->width); /* little endian */
    words->at += words->width;
    words->next += words->width;
    return true;
}

/* On a new stack: argc, argv, 0, environment, 0, auxiliary pairs. The address of the pair for the vDSO; 0 when there is none. */
static uint64_t find_vdso_pair(pid_t tid, uint64_t stack, bool narrow, uint64_t *ret_vdso)
{
    struct words words = {.tid = tid, .next = stack, .width = narrow ? 4 : 8};
    uint64_t word, value;

    if (!next_word(&words, &word))
        return 0;
    for (int lists = 0; lists < 2;) {
        if (!next_word(&words, &word))
            return 0;
        lists += word == 0;
    }
    while (next_word(&words, &word) && word != AUX_NULL && next_word(&words, &value))
        if (word == AUX_VDSO) {
            *ret_vdso = value;
            return words.next - 2 * words.width;
        }
    return 0;
}

/* The program does without a vDSO: each of its reads becomes a call that is notified. */
static void hide_vdso(pid_t tid, uint64_t pair, bool narrow)
{
    const uint64_t ignore = AUX_IGNORE;

    fc_timeshift_memory_write(tid, pair, &ignore, narrow ? 4 : 8);
}

/* ---- the three pages */

/* One page of a descriptor of ours; executable ones are private, what is shared is data. */
static int64_t map_page(struct fc_timeshift_inject *inject, uint64_t address, uint32_t magic, int fd, int protection)
{
    int64_t there = fc_timeshift_inject_give(inject, magic, fd);
    int sharing = protection & PROT_EXEC ? MAP_PRIVATE : MAP_SHARED;

    if (there < 0)
        return there;
    const uint64_t args[6] = {
        address, FC_TIMESHIFT_PAGE, (uint64_t)protection, (uint64_t)(sharing | MAP_FIXED), (uint64_t)there, 0};
    int64_t mapped = fc_timeshift_inject_call(inject, fc_timeshift_numbers.mmap, args);
    fc_timeshift_inject_call(inject, fc_timeshift_numbers.close, (uint64_t[6]){(uint64_t)there});
    return mapped == (int64_t)address ? 0 : -ENOMEM;
}

static uint64_t at(uint64_t base, uint64_t offset)
{
    return offset ? base + offset : 0;
}

static int write_slots(const struct fc_timeshift_super *s, pid_t tid, uint64_t block, uint64_t vdso)
{
    uint64_t image = block + 2 * FC_TIMESHIFT_PAGE;
    struct fc_timeshift_slots slots = {.clock_gettime = at(vdso, s->vdso.clock_gettime),
                                       .gettimeofday = at(vdso, s->vdso.gettimeofday),
                                       .time = at(vdso, s->vdso.time),
                                       .getcpu = at(vdso, s->vdso.getcpu),
                                       .clock_getres = at(vdso, s->vdso.clock_getres),
                                       .getrandom = at(vdso, s->vdso.getrandom),
                                       .mono = s->params->monotonic};

    /* the kernel's functions would make a call that is notified, and shifted again (3.8) */
    if (s->cookie_reads || !slots.clock_gettime)
        slots.clock_gettime = at(image, fc_timeshift_image_symbol(fc_timeshift_names.cookie_gettime));
    if (s->cookie_reads || !slots.gettimeofday)
        slots.gettimeofday = at(image, fc_timeshift_image_symbol(fc_timeshift_names.cookie_gettimeofday));
    if (s->cookie_reads || !slots.time)
        slots.time = at(image, fc_timeshift_image_symbol(fc_timeshift_names.cookie_time));
    return fc_timeshift_memory_write(tid, block, &slots, sizeof slots);
}

/* Maps [slots][clock page][image]; the image's address, 0 when it cannot be. */
static uint64_t map_image(struct fc_timeshift_super *s, struct fc_timeshift_inject *inject, uint64_t vdso)
{
    const uint64_t room[6] = {0, 3 * FC_TIMESHIFT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX,
                              0};
    int64_t block = fc_timeshift_inject_call(inject, fc_timeshift_numbers.mmap, room);

    if (block < 0)
        return 0;
    uint64_t base = (uint64_t)block;
    if (map_page(inject, base + FC_TIMESHIFT_PAGE, FC_TIMESHIFT_MAGIC_CLOCK, s->clock.fd, PROT_READ) != 0 ||
        map_page(inject, base + 2 * FC_TIMESHIFT_PAGE, FC_TIMESHIFT_MAGIC_IMAGE, s->image_fd, PROT_READ | PROT_EXEC) !=
            0 ||
        write_slots(s, inject->tid, base, vdso) != 0)
        return 0;
    return base + 2 * FC_TIMESHIFT_PAGE;
}

/* The thread stands before the first instruction of a 64-bit program. False: it must do without the image. */
static bool give_image(struct fc_timeshift_super *s, pid_t tid, uint64_t pair, uint64_t vdso)
{
    struct fc_timeshift_inject inject;

    if (s->vdso_call < 0 || fc_timeshift_inject_begin(s, tid, vdso + (uint64_t)s->vdso_call, &inject) != 0)
        return false;
    uint64_t image = map_image(s, &inject, vdso);
    if (image && fc_timeshift_memory_write(tid, pair + 8, &image, sizeof image) != 0)
        image = 0;
    fc_timeshift_inject_end(&inject);
    return image != 0;
}

/* ---- at the exec */

static void prepare(struct fc_timeshift_super *s, pid_t tid)
{
    struct fc_timeshift_file *file = file_of(s, tid);
    struct fc_timeshift_regs regs;
    uint64_t vdso = 0;

    if (file)
        warn_of_rights(s, tid, file);
    if (file && file->program.fakeca) {
        s->any_exempt = true;
        s->counters.exempt++;
        return;
    }
    if (fc_timeshift_arch_get(tid, &regs) != 0)
        return;
    bool narrow = fc_timeshift_arch_narrow(tid);
    uint64_t pair = find_vdso_pair(tid, fc_timeshift_arch_stack(&regs), narrow, &vdso);
    if (!pair)
        return;
    if (narrow) {
        s->counters.narrow++;
        hide_vdso(tid, pair, narrow);
    } else if (give_image(s, tid, pair, vdso)) {
        s->counters.images++;
    } else {
        s->counters.fallbacks++;
        hide_vdso(tid, pair, narrow);
    }
}

void fc_timeshift_exec_arrived(struct fc_timeshift_super *s, pid_t tid)
{
    int status;

    /* only behind the end of execve is the new stack final; an interruption of ours may come before it */
    do {
        if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) != 0 || fc_timeshift_super_await(s, tid, &status) != 0)
            return;
    } while (status >> 16 != 0);
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
        prepare(s, tid);
        signal = 0;
    }
    ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)(unsigned)signal);
}

/* ---- programs that somebody else traces, or that could not be looked into before their exec (T9, T31) */

static bool forget_missed(struct fc_timeshift_super *s, pid_t pid)
{
    bool found = false;

    for (size_t i = 0; i < s->n_missed;) {
        if (s->missed[i] == pid) {
            s->missed[i] = s->missed[--s->n_missed];
            found = true;
        } else {
            i++;
        }
    }
    return found;
}

/* Overwrites one function of the program's private copy of the vDSO. */
static bool patch_function(int memory, uint64_t vdso, uint64_t function, uint32_t number)
{
    uint8_t code[FC_TIMESHIFT_STUB_MAX];
    size_t len = fc_timeshift_arch_stub(number, FC_TIMESHIFT_MARK, code);

    return function == 0 || number == 0 || pwrite(memory, code, len, (off_t)(vdso + function)) == (ssize_t)len;
}

/* Its reads become calls that are notified: the image comes too late, libc has looked for the vDSO already. */
static bool patch_vdso(const struct fc_timeshift_super *s, pid_t pid)
{
    char path[64];
    uint64_t vdso = fc_timeshift_proc_vdso(pid);

    if (!vdso) /* none: all of its reads are calls */
        return true;
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int memory = open(path, O_RDWR | O_CLOEXEC);
    if (memory < 0)
        return false;
    bool done = patch_function(memory, vdso, s->vdso.clock_gettime, fc_timeshift_numbers.clock_gettime) &&
                patch_function(memory, vdso, s->vdso.gettimeofday, fc_timeshift_numbers.gettimeofday) &&
                patch_function(memory, vdso, s->vdso.time, fc_timeshift_numbers.time);
    close(memory);
    return done;
}

void fc_timeshift_exec_late(struct fc_timeshift_super *s, const struct seccomp_notif *notif, bool narrow)
{
    char name[FC_TIMESHIFT_NAME_MAX];
    pid_t pid = s->n_missed ? fc_timeshift_proc_leader((pid_t)notif->pid) : 0;

    if (pid && forget_missed(s, pid) && !fc_timeshift_exec_exempt(s, pid)) {
        const struct fc_timeshift_file *file = file_of(s, pid);
        if (file && file->program.fakeca) {
            s->any_exempt = true;
        } else if (!narrow && patch_vdso(s, pid)) {
            s->counters.late++;
        } else {
            s->counters.unshifted++;
            fc_timeshift_super_say(s, "process %d (%s) cannot be reached: it sees the real time", pid,
                                   fc_timeshift_proc_name(pid, name));
        }
    }
    fc_timeshift_listener_continue(s, notif->id);
}
