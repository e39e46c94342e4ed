#include "net/net_portmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base_buf.h"
#include "base/base_text.h"

enum { RULES_MAX = 64, TEXT_MAX = 8192 };

/* family AF_UNSPEC: any address (from), or the address stays as it is (to). */
struct rule {
    struct fc_net_addr from, to;
};

struct fc_net_portmap {
    pthread_rwlock_t lock;
    struct rule rules[RULES_MAX];
    size_t count;
};

struct fc_net_portmap *fc_net_portmap_new(void)
{
    struct fc_net_portmap *map = fc_calloc(1, sizeof *map);
    pthread_rwlock_init(&map->lock, NULL);
    return map;
}

void fc_net_portmap_free(struct fc_net_portmap *map)
{
    if (map == NULL) {
        return;
    }
    pthread_rwlock_destroy(&map->lock);
    free(map);
}

/* "80", ":80" or "ADDR:80". */
static int parse_side(const char *text, struct fc_net_addr *ret_addr, struct fc_err *err)
{
    const char *digits = text[0] == ':' ? text + 1 : text;
    struct fc_net_addr addr = {0};
    int64_t port = 0;
    if (fc_text_int(digits, 1, 65535, &port, NULL) == 0) {
        addr.port = (unsigned)port;
    } else if (fc_net_addr_parse(text, &addr, err) != 0) {
        return -1;
    } else if (addr.port == 0) {
        return fc_err_set(err, FC_E_PARSE, "port 0 is not possible here");
    }
    *ret_addr = addr;
    return 0;
}

static bool same_addr(const struct fc_net_addr *a, const struct fc_net_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static int parse_rule(char *text, struct rule *rules, size_t count, struct fc_err *err)
{
    struct rule rule = {0};
    struct fc_err why = {0};
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        return fc_err_set(err, FC_E_USAGE, "port map: rule '%.100s' is not of the form [ADDR:]80=[ADDR:]5002", text);
    }
    *equals = '\0';
    int failed = parse_side(text, &rule.from, &why) != 0 || parse_side(equals + 1, &rule.to, &why) != 0;
    *equals = '=';
    if (failed) {
        return fc_err_set(err, FC_E_USAGE, "port map: rule '%.100s': %s", text, why.text);
    }
    if (count == RULES_MAX) {
        return fc_err_set(err, FC_E_USAGE, "port map: rule '%.100s': more than %d rules", text, (int)RULES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (rules[i].from.port == rule.from.port && same_addr(&rules[i].from, &rule.from)) {
            return fc_err_set(err, FC_E_USAGE, "port map: rule '%.100s': there is a rule for this already", text);
        }
    }
    rules[count] = rule;
    return 0;
}

int fc_net_portmap_set(struct fc_net_portmap *map, const char *text, struct fc_err *err)
{
    struct rule rules[RULES_MAX];
    size_t count = 0;
    if (strlen(text) > TEXT_MAX) {
        return fc_err_set(err, FC_E_USAGE, "port map: longer than %d bytes", (int)TEXT_MAX);
    }
    fc_auto_free char *copy = fc_strdup(text);
    for (char *next = copy; next != NULL && copy[0] != '\0';) {
        char *rule = next;
        next = strchr(rule, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (parse_rule(rule, rules, count, err) != 0) {
            return -1;
        }
        count++;
    }
    pthread_rwlock_wrlock(&map->lock);
    memcpy(map->rules, rules, count * sizeof rules[0]);
    map->count = count;
    pthread_rwlock_unlock(&map->lock);
    return 0;
}

static void print_side(struct fc_buf *buf, const struct fc_net_addr *addr)
{
    char text[FC_NET_ADDR_TEXT];
    if (addr->family == AF_UNSPEC) {
        fc_buf_printf(buf, "%u", addr->port);
    } else {
        fc_buf_puts(buf, fc_net_addr_text(addr, text));
    }
}

char *fc_net_portmap_text(const struct fc_net_portmap *map)
{
    struct fc_net_portmap *lockable = (struct fc_net_portmap *)(uintptr_t)map;
    struct fc_buf buf fc_auto_buf = {0};
    fc_buf_init(&buf, 2 * TEXT_MAX);
    pthread_rwlock_rdlock(&lockable->lock);
    for (size_t i = 0; i < map->count; i++) {
        if (i > 0) {
            fc_buf_putc(&buf, ',');
        }
        print_side(&buf, &map->rules[i].from);
        fc_buf_putc(&buf, '=');
        print_side(&buf, &map->rules[i].to);
    }
    pthread_rwlock_unlock(&lockable->lock);
    return fc_buf_detach(&buf);
}

/* The rule for addr: one with its address before one without. */
static const struct rule *find(const struct fc_net_portmap *map, const struct fc_net_addr *addr)
{
    const struct rule *general = NULL;
    for (size_t i = 0; i < map->count; i++) {
        const struct rule *rule = &map->rules[i];
        if (rule->from.port != addr->port) {
            continue;
        }
        if (same_addr(&rule->from, addr)) {
            return rule;
        }
        if (rule->from.family == AF_UNSPEC) {
            general = rule;
        }
    }
    return general;
}

bool fc_net_portmap_apply(const struct fc_net_portmap *map, const struct fc_net_addr *addr,
                          struct fc_net_addr *ret_addr)
{
    struct fc_net_portmap *lockable = (struct fc_net_portmap *)(uintptr_t)map;
    struct fc_net_addr result = *addr;
    pthread_rwlock_rdlock(&lockable->lock);
    const struct rule *rule = find(map, addr);
    bool applied = rule != NULL;
    if (applied) {
        if (rule->to.family != AF_UNSPEC) {
            result = rule->to;
        }
        result.port = rule->to.port;
    }
    pthread_rwlock_unlock(&lockable->lock);
    *ret_addr = result;
    return applied;
}

unsigned fc_net_portmap_reverse(const struct fc_net_portmap *map, unsigned port)
{
    struct fc_net_portmap *lockable = (struct fc_net_portmap *)(uintptr_t)map;
    unsigned found = 0;
    pthread_rwlock_rdlock(&lockable->lock);
    for (size_t i = 0; i < map->count && found == 0; i++) {
        unsigned from = map->rules[i].from.port;
        if (map->rules[i].to.port == port && (from == 80 || from == 443)) {
            found = from;
        }
    }
    pthread_rwlock_unlock(&lockable->lock);
    return found;
}
