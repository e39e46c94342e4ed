/* Unusual ways of starting a program, and unusual programs: `clock_odd WAY` prints the time as seen by `date`, or by itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
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

/* ---- a filter of its own for all threads at once: each still sees the time, through the image */

static int ready;

static void *tell_when_filtered(void *unused)
{
    struct timespec ts;

    (void)unused;
    __atomic_add_fetch(&ready, 1, __ATOMIC_RELEASE);
    while (syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0) /* until the filter has reached this thread */
        sched_yield();
    printf("%ld\n", (long)time(NULL));
    return NULL;
}

static void filter_for_all(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, tell_when_filtered, NULL);
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < 4)
        sched_yield();
    own_filter();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* ---- absolute timers: a time of zero disarms, whatever the offset; one that has passed fires at once (T53) */

static bool fires(int fd, time_t at)
{
    struct itimerspec when = {.it_value = {.tv_sec = at}};
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        exit(1);
    return poll(&wait, 1, 300) == 1;
}

static void disarm(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec left;

    if (fires(fd, 0) || timerfd_gettime(fd, &left) != 0 || left.it_value.tv_sec || left.it_value.tv_nsec)
        printf("0\n");
    if (fires(fd, time(NULL) + 1000))
        printf("0\n");
    if (!fires(fd, time(NULL) - 10) || !fires(fd, 1)) /* one second after 1970 too */
        printf("0\n");
    printf("%ld\n", (long)time(NULL));
}

/* ---- what a skip does not reach: the program prints "ready", the test skips an hour, and types a line */

static void await_skip(void)
{
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF)
        exit(1);
}

/* A timer that is to be cancelled when the clock is set is not: a named limit (T36). It ends when its time has come. */
static void cancel_on_set(void)
{
    struct itimerspec when = {.it_value = {.tv_sec = time(NULL) + 1800}};
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    uint64_t count = 0;

    if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) != 0)
        exit(1);
    await_skip();
    ssize_t n = read(fd, &count, sizeof count);
    printf("%s\n", n == sizeof count && count == 1 ? "fired" : errno == ECANCELED ? "cancelled" : "failed");
}

/* The processor's own counter is real: an hour that was skipped has not passed (T37). */
static void counter(void)
{
#ifdef __x86_64__
    unsigned long long before = __builtin_ia32_rdtsc();
    time_t then = time(NULL);

    await_skip();
    double seconds = (double)(__builtin_ia32_rdtsc() - before) / 1e9; /* of a processor of 1 GHz: at most so many */
    printf("%s\n", time(NULL) - then >= 3600 && seconds < 3600 ? "real" : "shifted");
#endif
}

/* ---- old ways of reading */

/* The page at a fixed address, for very old static programs (T35). */
static void old_page(void)
{
#ifdef __x86_64__
    time_t (*const old_time)(time_t *) = (time_t(*)(time_t *))0xffffffffff600400UL;
    printf("%ld\n", (long)old_time(NULL));
#endif
}

/* 32-bit numbers end in 2038 (T29): an error, not a date of 1901; the new calls go on. */
static void old_numbers(void)
{
#ifdef __i386__
    int32_t narrow[2];
    int64_t wide[2] = {0, 0};

    printf("%s\n", syscall(SYS_time, NULL) == -1 && errno == EOVERFLOW ? "overflow" : "wrong");
    printf("%s\n",
           syscall(SYS_clock_gettime, CLOCK_REALTIME, narrow) == -1 && errno == EOVERFLOW ? "overflow" : "wrong");
    printf("%s\n", syscall(SYS_gettimeofday, narrow, NULL) == -1 && errno == EOVERFLOW ? "overflow" : "wrong");
    syscall(SYS_clock_gettime64, CLOCK_REALTIME, wide);
    printf("%lld\n", (long long)wide[0]);
#endif
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
} ways[] = {{"thread", by_thread},
            {"vfork", by_vfork},
            {"descriptor", by_descriptor},
            {"memfd", by_memfd},
            {"failures", after_failures},
            {"no-new-code", no_new_code},
            {"undumpable", undumpable},
            {"own-filter", own_filter},
            {"storm", storm},
            {"filter-for-all", filter_for_all},
            {"disarm", disarm},
            {"cancel-on-set", cancel_on_set},
            {"counter", counter},
            {"old-page", old_page},
            {"old-numbers", old_numbers}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].go();
            return 0;
        }
    return 1;
}
