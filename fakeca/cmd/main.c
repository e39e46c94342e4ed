/* Picks a command from the table and nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/base_version.h"

#include "cmd/cmd.h"

static const struct fc_cmd *const commands[] = {
    &fc_cmd_serve, &fc_cmd_clock, &fc_cmd_status, &fc_cmd_log,   &fc_cmd_probe,  &fc_cmd_certs,       &fc_cmd_revoke,
    &fc_cmd_trust, &fc_cmd_dns,   &fc_cmd_fault,  &fc_cmd_env,   &fc_cmd_health, &fc_cmd_limits,      &fc_cmd_policy,
    &fc_cmd_reset, &fc_cmd_run,   &fc_cmd_plan,   &fc_cmd_check, &fc_cmd_pebble, &fc_cmd_challtestsrv};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static void print_usage(FILE *to)
{
    fputs("fakeca: a local ACME CA that behaves as Let's Encrypt does, with a clock that can skip ahead\n"
          "\n"
          "usage: fakeca [serve options]           run the CA\n"
          "       fakeca --advance-days N          skip the running CA's clock by N days\n"
          "       fakeca COMMAND [...]\n"
          "\n"
          "commands:\n",
          to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("  help       fakeca help COMMAND; fakeca help client NAME: how to point a client at the CA\n"
          "\n"
          "examples:\n"
          "  fakeca --state ./rehearsal --port-map 80=8080     run a CA that validates on port 8080 and remembers\n"
          "  eval \"$(fakeca env)\"                              lets clients of this shell find and trust it\n"
          "  fakeca --advance-days 60                          two months later\n"
          "  fakeca run -- certbot renew                       a client on the CA's clock, whatever it is written in\n"
          "  fakeca log -f                                     watch what happens\n"
          "  fakeca probe www.a.test                           would the CA accept this web server?\n"
          "\n"
          "exit codes: 0 good, 1 the setup under test is wrong, 2 usage or configuration, 3 not started or no CA\n"
          "            reachable, 4 fakeca itself broke, 130 interrupted\n",
          to);
}

static const struct fc_cmd *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[N_COMMANDS + 1];

    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i]->name;
    names[N_COMMANDS] = "help";
    const char *nearest = fc_opt_nearest(name, names, N_COMMANDS + 1);
    if (nearest)
        fprintf(stderr, "fakeca: unknown command '%s', did you mean 'fakeca %s'?\n", name, nearest);
    else
        fprintf(stderr, "fakeca: unknown command '%s' (fakeca --help lists them)\n", name);
    return FC_EXIT_USAGE;
}

static int help(int argc, char *const *argv)
{
    if (argc == 0 || strcmp(argv[0], "help") == 0) {
        print_usage(stdout);
        return fc_cmd_done(NULL);
    }
    if (strcmp(argv[0], "client") == 0)
        return fc_cmd_help_client(argc - 1, argv + 1);
    const struct fc_cmd *command = find(argv[0]);
    if (!command)
        return unknown(argv[0]);
    char *const only_help[] = {(char[]){"--help"}, NULL};
    return command->run(command, 1, only_help);
}

static bool is(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* --advance-days may stand behind --state DIR too */
static bool advances(int argc, char *const *argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--advance-days") == 0 || strncmp(argv[i], "--advance-days=", 15) == 0)
            return true;
    return false;
}

/* Under the name of a program that a command stands in for, it is that command; suites keep such programs as
 * "pebble_v2.10.0_linux-amd64" too. */
static const struct fc_cmd *stand_in(const char *program)
{
    static const struct fc_cmd *const all[] = {&fc_cmd_challtestsrv, &fc_cmd_pebble};
    const char *slash = program ? strrchr(program, '/') : NULL;
    const char *name = slash ? slash + 1 : program;

    for (size_t i = 0; name && i < sizeof all / sizeof *all; i++) {
        size_t len = strlen(all[i]->name);
        if (strncmp(all[i]->name, name, len) == 0 && (!name[len] || strchr("-_.", name[len])))
            return all[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct fc_cmd *other = stand_in(argv[0]);
    if (other)
        return other->run(other, argc - 1, argv + 1);
    const char *first = argc > 1 ? argv[1] : NULL;

    if (first && is(first, "help", "--help"))
        return help(argc - 2, argv + 2);
    if (first && is(first, "-h", "-?"))
        return help(0, NULL);
    if (first && is(first, "--version", "version")) {
        printf("fakeca %s\n", fc_version);
        return fc_cmd_done(NULL);
    }
    if (first && first[0] == '-' && advances(argc - 1, argv + 1))
        return fc_cmd_advance_days(argc - 1, argv + 1);
    if (!first || first[0] == '-')
        return fc_cmd_serve.run(&fc_cmd_serve, argc - 1, argv + 1);
    const struct fc_cmd *command = find(first);
    return command ? command->run(command, argc - 2, argv + 2) : unknown(first);
}
