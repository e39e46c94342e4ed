#include "timeshift/timeshift_proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define AT_SYSINFO_EHDR_TYPE 33
#define FILE_MAX 8192

/* A small file below /proc/ID/, NUL-terminated; its length, -1 when there is none. */
static ssize_t read_file(pid_t id, const char *name, char *buf, size_t room)
{
    char path[96];

    snprintf(path, sizeof path, "/proc/%d/%s", id, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, buf, room - 1);
    close(fd);
    if (n >= 0)
        buf[n] = '\0';
    return n;
}

/* The number behind a label at the beginning of a line. */
static bool field(const char *text, const char *label, int64_t *ret_value)
{
    size_t len = strlen(label);

    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, label, len) != 0)
            continue;
        char number[24];
        const char *from = line + len + strspn(line + len, " \t");
        snprintf(number, sizeof number, "%.*s", (int)strcspn(from, " \t\n"), from);
        return fc_text_int(number, INT64_MIN, INT64_MAX, ret_value, NULL) == 0;
    }
    return false;
}

static bool file_field(pid_t id, const char *name, const char *label, int64_t *ret_value)
{
    char text[FILE_MAX];

    return read_file(id, name, text, sizeof text) > 0 && field(text, label, ret_value);
}

/* ---- lists of numbers that are names of a folder's entries */

void fc_timeshift_pids_free(struct fc_timeshift_pids *pids)
{
    free(pids->at);
    *pids = (struct fc_timeshift_pids){0};
}

static void append(struct fc_timeshift_pids *pids, pid_t pid)
{
    if (pids->n % 64 == 0)
        pids->at = fc_reallocarray(pids->at, pids->n + 64, sizeof *pids->at);
    pids->at[pids->n++] = pid;
}

static void list_numbers(const char *path, struct fc_timeshift_pids *ret_list)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int64_t number;

    while (dir && (entry = readdir(dir)))
        if (fc_text_int(entry->d_name, 0, INT32_MAX, &number, NULL) == 0)
            append(ret_list, (pid_t)number);
    if (dir)
        closedir(dir);
}

/* ---- the tree */

uint64_t fc_timeshift_proc_started(pid_t pid)
{
    char text[1024];
    int64_t start = 0;

    if (read_file(pid, "stat", text, sizeof text) <= 0)
        return 0;
    char *at = strrchr(text, ')');
    for (int number = 2; at && number < 22; number++) {
        at = strchr(at, ' ');
        at += at ? 1 : 0;
    }
    if (!at)
        return 0;
    at[strcspn(at, " \n")] = '\0';
    return fc_text_int(at, 0, INT64_MAX, &start, NULL) ? 0 : (uint64_t)start;
}

/* Parent and state; fields are counted behind the last ')', for the name before it may hold anything. */
static bool read_stat(pid_t pid, pid_t *ret_parent, char *ret_state)
{
    char text[1024];

    if (read_file(pid, "stat", text, sizeof text) <= 0)
        return false;
    const char *at = strrchr(text, ')');
    int parent;
    if (!at || sscanf(at + 1, " %c %d", ret_state, &parent) != 2)
        return false;
    *ret_parent = parent;
    return true;
}

pid_t fc_timeshift_proc_held_by_child(pid_t pid)
{
    struct fc_timeshift_pids all = {0};
    pid_t parent, found = 0;
    char state;

    if (!read_stat(pid, &parent, &state) || state != 'D')
        return 0;
    list_numbers("/proc", &all);
    for (size_t i = 0; i < all.n && !found; i++)
        if (read_stat(all.at[i], &parent, &state) && parent == pid && (state == 'T' || state == 't'))
            found = all.at[i];
    fc_timeshift_pids_free(&all);
    return found;
}

static bool holds(const struct fc_timeshift_pids *pids, pid_t pid)
{
    for (size_t i = 0; i < pids->n; i++)
        if (pids->at[i] == pid)
            return true;
    return false;
}

void fc_timeshift_proc_tree(pid_t root, struct fc_timeshift_pids *ret_pids)
{
    struct fc_timeshift_pids all = {0}, tree = {0};
    fc_auto_free pid_t *parents = NULL;
    char state;

    list_numbers("/proc", &all);
    parents = fc_calloc(all.n + 1, sizeof *parents);
    for (size_t i = 0; i < all.n; i++)
        if (!read_stat(all.at[i], &parents[i], &state) || state == 'Z' || state == 'X')
            parents[i] = 0;
    append(&tree, root);
    for (size_t before = 0; before != tree.n;) {
        before = tree.n;
        for (size_t i = 0; i < all.n; i++)
            if (parents[i] && holds(&tree, parents[i])) {
                append(&tree, all.at[i]);
                parents[i] = 0;
            }
    }
    for (size_t i = 1; i < tree.n; i++)
        append(ret_pids, tree.at[i]);
    fc_timeshift_pids_free(&all);
    fc_timeshift_pids_free(&tree);
}

void fc_timeshift_proc_threads(pid_t pid, struct fc_timeshift_pids *ret_tids)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    list_numbers(path, ret_tids);
}

size_t fc_timeshift_proc_kill_tree(pid_t root, pid_t keep, int signal)
{
    struct fc_timeshift_pids pids = {0};
    size_t n = 0;

    fc_timeshift_proc_tree(root, &pids);
    for (size_t i = 0; i < pids.n; i++) {
        if (pids.at[i] == keep)
            continue;
        kill(pids.at[i], signal);
        n++;
    }
    fc_timeshift_pids_free(&pids);
    return n;
}

/* ---- one process */

pid_t fc_timeshift_proc_leader(pid_t tid)
{
    int64_t leader = 0;

    return file_field(tid, "status", "Tgid:", &leader) ? (pid_t)leader : 0;
}

pid_t fc_timeshift_proc_tracer(pid_t tid)
{
    int64_t tracer = 0;

    return file_field(tid, "status", "TracerPid:", &tracer) ? (pid_t)tracer : 0;
}

const char *fc_timeshift_proc_name(pid_t pid, char buf[FC_TIMESHIFT_NAME_MAX])
{
    if (read_file(pid, "comm", buf, FC_TIMESHIFT_NAME_MAX) <= 0)
        snprintf(buf, FC_TIMESHIFT_NAME_MAX, "?");
    buf[strcspn(buf, "\n")] = '\0';
    for (char *c = buf; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
    return buf;
}

bool fc_timeshift_proc_blocked(pid_t tid, struct fc_timeshift_blocked *ret_blocked)
{
    char text[512];
    uint64_t *a = ret_blocked->args;

    if (read_file(tid, "syscall", text, sizeof text) <= 0)
        return false;
    return sscanf(text,
                  "%" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
                  " %" SCNx64,
                  &ret_blocked->number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &ret_blocked->stack,
                  &ret_blocked->where) == 9 &&
           ret_blocked->number >= 0;
}

int64_t fc_timeshift_proc_switches(pid_t tid)
{
    int64_t switches;

    return file_field(tid, "status", "voluntary_ctxt_switches:", &switches) ? switches : -1;
}

uint64_t fc_timeshift_proc_vdso(pid_t tid)
{
    union {
        char text[1024];
        uint64_t words[128];
    } auxv;

    ssize_t n = read_file(tid, "auxv", auxv.text, sizeof auxv.text);
    for (ssize_t i = 0; (i + 2) * 8 <= n; i += 2)
        if (auxv.words[i] == AT_SYSINFO_EHDR_TYPE)
            return auxv.words[i + 1];
    return 0;
}

/* ---- timers */

int fc_timeshift_proc_timerfd_clock(pid_t tid, int fd)
{
    char name[48];
    int64_t clock;

    snprintf(name, sizeof name, "fdinfo/%d", fd);
    return file_field(tid, name, "clockid:", &clock) ? (int)clock : -1;
}

/* The "ID:" lines with the clock that follows each; their number. */
static size_t read_timers(pid_t pid, int *ret_ids, int *ret_clocks, size_t room)
{
    char text[FILE_MAX];
    size_t n = 0;

    if (read_file(pid, "timers", text, sizeof text) <= 0)
        return 0;
    for (const char *at = text; at && n < room; at = strstr(at + 1, "\nID:")) {
        int64_t id, clock;
        const char *line = *at == '\n' ? at + 1 : at;
        if (!field(line, "ID:", &id) || !field(line, "ClockID:", &clock))
            break;
        ret_ids[n] = (int)id;
        ret_clocks[n++] = (int)clock;
    }
    return n;
}

#define TIMERS_MAX 64

int fc_timeshift_proc_timer_clock(pid_t tid, int timer)
{
    int ids[TIMERS_MAX], clocks[TIMERS_MAX];
    size_t n = read_timers(tid, ids, clocks, TIMERS_MAX);

    for (size_t i = 0; i < n; i++)
        if (ids[i] == timer)
            return clocks[i];
    return -1;
}

size_t fc_timeshift_proc_timers(pid_t pid, int *ret_ids, size_t room)
{
    int clocks[TIMERS_MAX];

    return read_timers(pid, ret_ids, clocks, room < TIMERS_MAX ? room : TIMERS_MAX);
}

size_t fc_timeshift_proc_timerfds(pid_t pid, int *ret_fds, size_t room)
{
    struct fc_timeshift_pids fds = {0};
    char path[64], target[64];
    size_t n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    list_numbers(path, &fds);
    for (size_t i = 0; i < fds.n && n < room; i++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fds.at[i]);
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (len <= 0)
            continue;
        target[len] = '\0';
        if (strcmp(target, "anon_inode:[timerfd]") == 0)
            ret_fds[n++] = fds.at[i];
    }
    fc_timeshift_pids_free(&fds);
    return n;
}

int64_t fc_timeshift_proc_timerfd_left(pid_t pid, int fd)
{
    char name[48], text[1024];
    int64_t sec, nsec;

    snprintf(name, sizeof name, "fdinfo/%d", fd);
    if (read_file(pid, name, text, sizeof text) <= 0)
        return 0;
    const char *at = strstr(text, "it_value: (");
    if (!at || sscanf(at, "it_value: (%" SCNd64 ", %" SCNd64 ")", &sec, &nsec) != 2 || sec > INT32_MAX)
        return 0;
    return sec * FC_SECOND + nsec;
}
