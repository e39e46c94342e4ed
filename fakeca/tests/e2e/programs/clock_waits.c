/* Every kind of waiting for one second, measured by a clock that nobody shifts: "NAME milliseconds". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* /proc/uptime is real whatever happens to the clocks. */
static long real_ms(void)
{
    double up = 0;
    FILE *file = fopen("/proc/uptime", "r");

    if (!file || fscanf(file, "%lf", &up) != 1)
        return -1;
    fclose(file);
    return (long)(up * 1000);
}

static struct timespec ahead(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    ts.tv_sec++;
    return ts;
}

static const struct timespec second = {1, 0};

static void cond_wait(clockid_t clock)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    struct timespec until = ahead(clock);

    pthread_mutex_lock(&mutex);
    while (pthread_cond_clockwait(&cond, &mutex, clock, &until) == 0)
        ;
}

static void cond_real(void)
{
    cond_wait(CLOCK_REALTIME);
}

static void cond_mono(void)
{
    cond_wait(CLOCK_MONOTONIC);
}

static void semaphore(void)
{
    struct timespec until = ahead(CLOCK_REALTIME);
    sem_t sem;

    sem_init(&sem, 0, 0);
    sem_timedwait(&sem, &until);
}

static void *hold(void *lock)
{
    pthread_mutex_lock(lock);
    pause();
    return NULL;
}

static void mutex_of(int protocol)
{
    pthread_mutexattr_t attributes;
    static pthread_mutex_t mutex;
    struct timespec until;
    pthread_t thread;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, protocol);
    pthread_mutex_init(&mutex, &attributes);
    pthread_create(&thread, NULL, hold, &mutex);
    while (pthread_mutex_trylock(&mutex) == 0) {
        pthread_mutex_unlock(&mutex);
        sched_yield();
    }
    until = ahead(CLOCK_REALTIME);
    pthread_mutex_timedlock(&mutex, &until);
}

static void mutex_plain(void)
{
    mutex_of(PTHREAD_PRIO_NONE);
}

static void mutex_inherit(void)
{
    mutex_of(PTHREAD_PRIO_INHERIT);
}

static void sleep_until(clockid_t clock)
{
    struct timespec until = ahead(clock);

    clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL);
}

static void sleep_real(void)
{
    sleep_until(CLOCK_REALTIME);
}

static void sleep_mono(void)
{
    sleep_until(CLOCK_MONOTONIC);
}

static void sleep_boot(void)
{
    sleep_until(CLOCK_BOOTTIME);
}

static void sleep_relative(void)
{
    nanosleep(&second, NULL);
}

static void timer_fd(clockid_t clock, int flags)
{
    struct itimerspec when = {.it_value = flags ? ahead(clock) : second};
    int fd = timerfd_create(clock, TFD_CLOEXEC);
    uint64_t count;

    timerfd_settime(fd, flags, &when, NULL);
    if (read(fd, &count, sizeof count) != sizeof count)
        _exit(1);
    close(fd);
}

static void timerfd_real(void)
{
    timer_fd(CLOCK_REALTIME, TFD_TIMER_ABSTIME);
}

static void timerfd_mono(void)
{
    timer_fd(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME);
}

static void timerfd_relative(void)
{
    timer_fd(CLOCK_MONOTONIC, 0);
}

static void posix_timer(clockid_t clock, int flags)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec when = {.it_value = flags ? ahead(clock) : second};
    sigset_t set;
    timer_t timer;
    int got;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    timer_create(clock, &event, &timer);
    timer_settime(timer, flags, &when, NULL);
    sigwait(&set, &got);
    timer_delete(timer);
}

static void timer_real(void)
{
    posix_timer(CLOCK_REALTIME, TIMER_ABSTIME);
}

static void timer_mono(void)
{
    posix_timer(CLOCK_MONOTONIC, TIMER_ABSTIME);
}

static void timer_relative(void)
{
    posix_timer(CLOCK_REALTIME, 0);
}

static void queue(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 16};
    struct timespec until;
    char message[16], name[32];

    snprintf(name, sizeof name, "/fakeca-%d", getpid());
    mqd_t mq = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    mq_unlink(name);
    until = ahead(CLOCK_REALTIME);
    mq_timedreceive(mq, message, sizeof message, NULL, &until);
    mq_close(mq);
}

static void sigtimed(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigtimedwait(&set, NULL, &second);
}

static void ignore(int signal)
{
    (void)signal;
}

static void alarm_pause(void)
{
    signal(SIGALRM, ignore);
    alarm(1);
    pause();
}

static void interval(void)
{
    struct itimerval when = {.it_value = {.tv_sec = 1}};

    signal(SIGALRM, ignore);
    setitimer(ITIMER_REAL, &when, NULL);
    pause();
}

static void poll_second(void)
{
    poll(NULL, 0, 1000);
}

static void select_second(void)
{
    struct timeval tv = {.tv_sec = 1};

    select(0, NULL, NULL, NULL, &tv);
}

static void epoll_second(void)
{
    struct epoll_event event;
    int fd = epoll_create1(EPOLL_CLOEXEC);

    epoll_wait(fd, &event, 1, 1000);
    close(fd);
}

static void rwlock(void)
{
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    struct timespec until;

    pthread_rwlock_rdlock(&lock);
    until = ahead(CLOCK_REALTIME);
    pthread_rwlock_timedwrlock(&lock, &until);
}

static const struct {
    const char *name;
    void (*wait)(void);
} waits[] = {{"cond", cond_real},
             {"cond-monotonic", cond_mono},
             {"semaphore", semaphore},
             {"mutex", mutex_plain},
             {"mutex-inherit", mutex_inherit},
             {"rwlock", rwlock},
             {"nanosleep-until", sleep_real},
             {"nanosleep-until-monotonic", sleep_mono},
             {"nanosleep-until-boottime", sleep_boot},
             {"nanosleep", sleep_relative},
             {"timerfd-until", timerfd_real},
             {"timerfd-until-monotonic", timerfd_mono},
             {"timerfd", timerfd_relative},
             {"timer-until", timer_real},
             {"timer-until-monotonic", timer_mono},
             {"timer", timer_relative},
             {"queue", queue},
             {"sigtimedwait", sigtimed},
             {"alarm", alarm_pause},
             {"itimer", interval},
             {"poll", poll_second},
             {"select", select_second},
             {"epoll", epoll_second}};

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        pid_t child = fork(); /* all at once, each alone in its process */
        if (child == 0) {
            long before = real_ms();
            waits[i].wait();
            printf("%s %ld\n", waits[i].name, real_ms() - before);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
