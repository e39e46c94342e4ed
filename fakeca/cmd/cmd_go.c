#include "cmd/cmd_go.h"

#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_clock.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "net/net_addr.h"

static const struct fc_opt *find(const struct fc_opt *table, const char *name, size_t len)
{
    for (; table->name; table++)
        if (strlen(table->name) == len && strncmp(table->name, name, len) == 0)
            return table;
    return NULL;
}

static bool is_word(const char *text, const char *a, const char *b)
{
    return text && (fc_text_equal_nocase(text, a) || strcmp(text, b) == 0);
}

/* A flag with its value; *ret_used: the next argument was it. */
static char *flag(struct fc_arena *arena, const char *name, const char *value, const char *next, bool *ret_used)
{
    size_t len = strcspn(name, "=");
    bool own = value != NULL;

    if (!own)
        value = next;
    bool off = is_word(value, "false", "0"), on = is_word(value, "true", "1");
    *ret_used = !own && (off || on);
    if (own && !off && !on)
        return fc_arena_printf(arena, "--%s", name); /* base_opt says what is wrong with it */
    return fc_arena_printf(arena, "--%s%.*s", off ? "no-" : "", (int)len, name);
}

char *const *fc_cmd_go_flags(struct fc_arena *arena, const struct fc_opt *table, int argc, char *const *argv,
                             int *ret_argc)
{
    char **out = fc_arena_alloc(arena, ((size_t)argc + 1) * sizeof *out);
    int count = 0;

    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        if (text[0] != '-' || !text[1]) {
            out[count++] = fc_arena_strdup(arena, text);
            continue;
        }
        const char *name = text + (text[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
        const struct fc_opt *row = find(table, name, strcspn(name, "="));
        bool used = false;
        if (row && row->type == FC_OPT_FLAG) {
            out[count++] = flag(arena, name, equals ? equals + 1 : NULL, argv[i + 1 < argc ? i + 1 : i], &used);
        } else if (row && !equals && i + 1 < argc) {
            /* joined: a value may begin with a hyphen, or be empty */
            out[count++] = fc_arena_printf(arena, "--%s=%s", name, argv[++i]);
        } else {
            out[count++] = fc_arena_printf(arena, "--%s", name);
        }
        i += used;
    }
    *ret_argc = count;
    return out;
}

void fc_cmd_go_log(const char *prefix, const char *format, ...)
{
    struct fc_date now;
    va_list args;

    fc_time_date(fc_clock_real(), &now);
    flockfile(stdout);
    printf("%s%04d/%02d/%02d %02d:%02d:%02d ", prefix, now.year, now.month, now.day, now.hour, now.minute, now.second);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    funlockfile(stdout);
}

static const char *first_address(struct fc_arena *arena, const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char numeric[64];

    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return NULL;
    bool v6 = list->ai_family == AF_INET6;
    int failed = getnameinfo(list->ai_addr, list->ai_addrlen, numeric, sizeof numeric, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(list);
    return failed ? NULL : fc_arena_printf(arena, v6 ? "[%s]%s" : "%s%s", numeric, port);
}

int fc_cmd_go_address(struct fc_arena *arena, const char *text, const char **ret_address, struct fc_err *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    const char *host = fc_arena_strndup(arena, text, len);
    struct fc_net_addr addr;

    *ret_address = text;
    if (colon && (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0)) {
        *ret_address = fc_arena_strdup(arena, colon);
        return 0;
    }
    if (len == 0 || text[0] == '[' || strchr(host, ':') || fc_text_equal_nocase(host, "localhost") ||
        fc_net_addr_parse_ip(host, &addr, NULL) == 0)
        return 0;
    const char *found = first_address(arena, host, colon ? colon : "");
    if (!found)
        return fc_err_set(err, FC_E_USAGE, "'%s': the name '%s' has no address", text, host);
    *ret_address = found;
    return 0;
}

void fc_cmd_go_addresses(struct fc_arena *arena, const char *list, const char **ret_list)
{
    const char *made = "";

    while (*list) {
        size_t len = strcspn(list, ",");
        const char *address = fc_arena_strndup(arena, list, len);
        if (len)
            (void)fc_cmd_go_address(arena, address, &address, NULL);
        made = fc_arena_printf(arena, "%s%s%s", made, *made && len ? "," : "", address);
        list += len + (list[len] == ',');
    }
    *ret_list = made;
}
