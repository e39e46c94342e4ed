/* The cost of reading the clock and of starting a program: "NAME nanoseconds" a line, the least of several rounds. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9

/* Runs on although the wall clock is frozen or jumps. */
static int64_t cpu_free_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void read_wall(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
}

static void read_time(void)
{
    time(NULL);
}

static void read_mono(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void read_raw(void)
{
    struct timespec ts;

    syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
}

static void other_call(void)
{
    syscall(SYS_getppid);
}

static void spawn(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}

static const struct {
    const char *name;
    void (*act)(void);
    int times;
} rows[] = {{"wall", read_wall, 200000}, {"time", read_time, 200000},  {"mono", read_mono, 200000},
            {"raw", read_raw, 5000},     {"other", other_call, 50000}, {"spawn", spawn, 30}};

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t least = INT64_MAX;
        for (int round = 0; round < ROUNDS; round++) {
            int64_t before = cpu_free_now();
            for (int n = 0; n < rows[i].times; n++)
                rows[i].act();
            int64_t each = (cpu_free_now() - before) * 10 / rows[i].times;
            least = each < least ? each : least;
        }
        printf("%s %ld.%ld\n", rows[i].name, (long)(least / 10), (long)(least % 10));
    }
    return 0;
}
