/* Prints the time as seen by every way of reading it: at the start, in a thread, in a child; then again and again. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long of_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (long)ts.tv_sec;
}

static long of_day(void)
{
    struct timeval tv;

    gettimeofday(&tv, NULL);
    return (long)tv.tv_sec;
}

#ifdef __x86_64__
static void print_raw(void)
{
    struct timespec ts;
    struct timeval tv;
    struct timex timex = {0};
    time_t at;

    syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
    printf("raw %ld\n", (long)ts.tv_sec);
    syscall(SYS_gettimeofday, &tv, NULL);
    printf("raw %ld\n", (long)tv.tv_sec);
    printf("raw %ld\n", (long)syscall(SYS_time, &at));
    printf("raw %ld\n", (long)at);
    adjtimex(&timex);
    printf("raw %ld\n", (long)timex.time.tv_sec);
    /* a bad pointer is the program's own fault, and it is told so */
    if (syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8) == 0)
        printf("raw 0\n");
}
#else
static void print_raw(void)
{
}
#endif

static void *in_thread(void *unused)
{
    (void)unused;
    printf("thread %ld\n", (long)time(NULL));
    return NULL;
}

static void print_child(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        printf("child %ld\n", (long)time(NULL));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_REALTIME_ALARM, CLOCK_TAI};
    pthread_t thread;

    printf("start %ld\n", (long)time(NULL));
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        printf("libc %ld\n", of_clock(clocks[i]));
    printf("libc %ld\n", of_day());
    print_raw();
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    print_child();
    printf("mono %ld\n", of_clock(CLOCK_MONOTONIC));
    printf("uptime %ld\n", of_clock(CLOCK_BOOTTIME));
    fflush(stdout);
    while (argc > 1 && strcmp(argv[1], "live") == 0) {
        printf("live %ld\n", (long)time(NULL));
        fflush(stdout);
        usleep(50000);
    }
    return 0;
}
