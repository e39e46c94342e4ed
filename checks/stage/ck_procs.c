#include "stage/ck_procs.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_text.h"
#include "base/base_time.h"

#define STAT_MAX 4096
#define GRACE (3 * FC_SECOND)
#define GIVE_UP (10 * FC_SECOND)
#define PAUSE_MS 20

/* The parent of a process, 0 when it is gone; whether it has ended and only waits to be reaped. Such a one may still have children:
 * they are its until its last thread is gone. */
static pid_t parent_of(pid_t pid, bool *ret_ended)
{
    char path[64], buf[STAT_MAX];
    char state;
    int parent;

    *ret_ended = true;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t n = fread(buf, 1, sizeof buf - 1, file);
    fclose(file);
    buf[n] = '\0';
    /* the name in parentheses may hold anything */
    const char *rest = strrchr(buf, ')');
    if (!rest || sscanf(rest + 1, " %c %d", &state, &parent) != 2)
        return 0;
    *ret_ended = state == 'Z' || state == 'X';
    return parent;
}

static size_t list_all(struct ck_procs *all, pid_t *parents)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int64_t pid;
    bool ended;

    all->count = 0;
    while (dir && (entry = readdir(dir)) && all->count < CK_PROCS_MAX) {
        if (fc_text_int(entry->d_name, 1, INT32_MAX, &pid, NULL))
            continue;
        all->pids[all->count] = (pid_t)pid;
        parents[all->count++] = parent_of((pid_t)pid, &ended);
    }
    if (dir)
        closedir(dir);
    return all->count;
}

bool ck_procs_has(const struct ck_procs *procs, pid_t pid)
{
    for (size_t i = 0; procs && i < procs->count; i++)
        if (procs->pids[i] == pid)
            return true;
    return false;
}

void ck_procs_below(pid_t root, struct ck_procs *ret_procs)
{
    fc_auto_free struct ck_procs *all = fc_calloc(1, sizeof *all);
    fc_auto_free pid_t *parents = fc_calloc(CK_PROCS_MAX, sizeof *parents);
    size_t n = list_all(all, parents);

    ret_procs->count = 0;
    /* breadth first: i runs behind while children are appended */
    pid_t of = root;
    for (size_t i = 0;; of = ret_procs->pids[i++]) {
        for (size_t j = 0; j < n; j++)
            if (parents[j] == of && ret_procs->count < CK_PROCS_MAX && !ck_procs_has(ret_procs, all->pids[j]))
                ret_procs->pids[ret_procs->count++] = all->pids[j];
        if (i == ret_procs->count)
            break;
    }
}

/* How many of them got the signal. */
static size_t signal_all(const struct ck_procs *procs, const struct ck_procs *spared, int signal)
{
    size_t n = 0;
    bool ended;

    for (size_t i = 0; i < procs->count; i++) {
        if (ck_procs_has(spared, procs->pids[i]) || !parent_of(procs->pids[i], &ended) || ended)
            continue;
        kill(procs->pids[i], signal);
        n++;
    }
    return n;
}

void ck_procs_end(pid_t root, const struct ck_procs *spared, bool reap)
{
    fc_auto_free struct ck_procs *procs = fc_calloc(1, sizeof *procs);
    int64_t begin = fc_clock_mono(), now = begin;
    bool asked = false;

    for (; now < begin + GIVE_UP; now = fc_clock_mono()) {
        while (reap && waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        ck_procs_below(root, procs);
        /* a stopped process takes the SIGTERM only when it goes on; what is forked meanwhile is seen in the next round */
        int signal = !asked ? SIGTERM : now > begin + GRACE ? SIGKILL : SIGCONT;
        if (signal_all(procs, spared, signal) == 0)
            return;
        asked = true;
        poll(NULL, 0, PAUSE_MS);
    }
}
