/* Unusual ways of starting a program, and unusual programs: `clock_odd WAY` prints the time as seen by `date`, or by itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char *const date[] = {"date", "+%s", NULL};
#define DATE "/bin/date"

static void *exec_date(void *unused)
{
    (void)unused;
    execv(DATE, date);
    return NULL;
}

static void by_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, exec_date, NULL);
    pause();
}

static void by_vfork(void)
{
    pid_t child = vfork();
    if (child == 0) {
        execv(DATE, date);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}

static void by_descriptor(void)
{
    fexecve(open(DATE, O_RDONLY | O_CLOEXEC), date, environ);
}

static void by_memfd(void)
{
    int from = open(DATE, O_RDONLY | O_CLOEXEC), to = memfd_create("date", MFD_CLOEXEC);

    while (sendfile(to, from, NULL, 1 << 20) > 0)
        ;
    fexecve(to, date, environ);
}

static void after_failures(void)
{
    execv("/etc/passwd", date);
    execv("/etc", date);
    execv("/nowhere/date", date);
    execv("", date);
    usleep(500000); /* time enough for the supervisor to let go */
    execv("/etc/passwd", date);
    execv(DATE, date);
}

static void no_new_code(void)
{
    prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0);
    execv(DATE, date);
}

static void undumpable(void)
{
    struct timespec ts;

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    printf("%ld\n", (long)time(NULL));
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts); /* as an ordinary user: real, and said */
    fflush(stdout);
    execv(DATE, date);
}

static void own_filter(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {4, code};

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >= 0 ||
        errno != EBUSY)
        exit(1);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
        exit(2);
    printf("%ld\n", (long)time(NULL));
}

/* ---- signals every millisecond, eight threads that read and wait, children that exec: no time may be wrong */

static volatile int over;
static int wrong, waits_off;

static void tick(int signal)
{
    (void)signal;
}

static void *read_and_wait(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    time_t first = time(NULL);
    struct timespec ts, until, before;

    pthread_mutex_lock(&mutex);
    while (!over) {
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
        if (ts.tv_sec < first || ts.tv_sec > first + 60)
            __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
        clock_gettime(CLOCK_REALTIME, &until);
        random = random * 1103515245 + 12345;
        until.tv_nsec += (random >> 16) % 5000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        before = until;
        int result = pthread_cond_timedwait(&cond, &mutex, &until);
        clock_gettime(CLOCK_REALTIME, &ts);
        int early = ts.tv_sec < until.tv_sec || (ts.tv_sec == until.tv_sec && ts.tv_nsec < until.tv_nsec);
        if ((result == ETIMEDOUT && early) || memcmp(&before, &until, sizeof until) != 0)
            __atomic_add_fetch(&waits_off, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void storm(void)
{
    struct itimerval millisecond = {{0, 1000}, {0, 1000}};
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    pthread_t threads[8];

    sigaction(SIGALRM, &action, NULL);
    for (uintptr_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, read_and_wait, (void *)(i + 1));
    setitimer(ITIMER_REAL, &millisecond, NULL);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(1);
        }
        int status = 1;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        wrong += status != 0;
    }
    memset(&millisecond, 0, sizeof millisecond);
    setitimer(ITIMER_REAL, &millisecond, NULL);
    over = 1;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    printf("wrong %d off %d\n", wrong, waits_off);
}

static const struct {
    const char *name;
    void (*go)(void);
} ways[] = {{"thread", by_thread},      {"vfork", by_vfork},          {"descriptor", by_descriptor},
            {"memfd", by_memfd},        {"failures", after_failures}, {"no-new-code", no_new_code},
            {"undumpable", undumpable}, {"own-filter", own_filter},   {"storm", storm}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].go();
            return 0;
        }
    return 1;
}
