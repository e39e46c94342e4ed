/* Sleeps for 12 hours in many ways, each in its process; prints the name of each that is over. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HALF_DAY 43200

static struct timespec ahead(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    ts.tv_sec += HALF_DAY;
    return ts;
}

static void nanosleep_until(void)
{
    struct timespec until = ahead(CLOCK_REALTIME);

    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
}

static void cond(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    struct timespec until = ahead(CLOCK_REALTIME);

    pthread_mutex_lock(&mutex);
    while (pthread_cond_timedwait(&cond, &mutex, &until) == 0)
        ;
}

static void timer_fd(clockid_t clock, int flags)
{
    struct itimerspec when = {.it_value = flags ? ahead(clock) : (struct timespec){HALF_DAY, 0}};
    int fd = timerfd_create(clock, 0);
    uint64_t count;

    timerfd_settime(fd, flags, &when, NULL);
    if (read(fd, &count, sizeof count) < 0)
        _exit(1);
}

static void timerfd(void)
{
    timer_fd(CLOCK_MONOTONIC, 0);
}

static void timerfd_until(void)
{
    timer_fd(CLOCK_REALTIME, TFD_TIMER_ABSTIME);
}

/* One timer of two processes, both of which wait for it (T49): shortened twice it would be over too early. Parent and child read; who
 * gets the count ends the other's wait. */
static void timerfd_shared(void)
{
    struct itimerspec when = {.it_value = {HALF_DAY, 0}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0), ends[2];
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}};
    uint64_t count;

    if (pipe(ends) != 0 || timerfd_settime(fd, 0, &when, NULL) != 0)
        _exit(1);
    fds[1] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    if (fork() == 0) {
        /* not a byte written before it is over: the parent waits for either */
        if (read(fd, &count, sizeof count) > 0 && write(ends[1], "x", 1) < 0)
            _exit(1);
        _exit(0);
    }
    poll(fds, 2, -1);
}

static void posix_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec when = {.it_value = {HALF_DAY, 0}};
    sigset_t set;
    timer_t timer;
    int got;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &when, NULL);
    sigwait(&set, &got);
}

static void ignore(int signal)
{
    (void)signal;
}

static void alarm_pause(void)
{
    signal(SIGALRM, ignore);
    alarm(HALF_DAY);
    pause();
}

static void sleep_relative(void)
{
    sleep(HALF_DAY);
}

static void poll_relative(void)
{
    poll(NULL, 0, HALF_DAY * 1000);
}

/* The set must be empty when the time is up: else a program reads from what has nothing to say (T22). */
static void select_relative(void)
{
    struct timeval tv = {.tv_sec = HALF_DAY};
    fd_set set;
    int ends[2];

    if (pipe(ends) != 0)
        _exit(1);
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    if (select(ends[0] + 1, &set, NULL, NULL, &tv) != 0 || FD_ISSET(ends[0], &set))
        _exit(1);
}

static void sigtimed(void)
{
    const struct timespec half_day = {HALF_DAY, 0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigtimedwait(&set, NULL, &half_day);
}

static const struct {
    const char *name;
    void (*wait)(void);
} sleepers[] = {{"nanosleep-until", nanosleep_until},
                {"cond", cond},
                {"timerfd", timerfd},
                {"timerfd-until", timerfd_until},
                {"timerfd-shared", timerfd_shared},
                {"timer", posix_timer},
                {"alarm", alarm_pause},
                {"sleep", sleep_relative},
                {"poll", poll_relative},
                {"select", select_relative},
                {"sigtimedwait", sigtimed}};

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof sleepers / sizeof *sleepers; i++)
        if (fork() == 0) {
            sleepers[i].wait();
            printf("%s\n", sleepers[i].name);
            _exit(0);
        }
    printf("started\n");
    while (wait(NULL) > 0)
        ;
    return 0;
}
