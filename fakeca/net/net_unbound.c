#include "net/net_unbound.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/base_arena.h"
#include "base/base_clock.h"
#include "base/base_time.h"
#include "net/net_addr.h"

#define DNS_PORT 53
#define CLASS_IN 1
#define RCODE_SERVFAIL 2
#define ROOT_HINTS "/usr/share/dns/root.hints"
#define ROOT_ANCHOR "/usr/share/dns/root.key"

struct question {
    struct question *next, **link;
    struct fc_net_unbound *unbound;
    char *name;
    enum fc_dns_type type;
    fc_dns_answer_fn done;
    void *cookie;
    int64_t until;
    int id; /* libunbound's */
};

struct queue {
    struct question *first, **last;
};

struct fc_net_unbound {
    struct fc_resolver resolver;
    struct ub_ctx *ctx; /* the thread's, once it runs */
    char *rule;
    int64_t patience; /* for all tries together */
    int kick;         /* eventfd */
    pthread_t thread;
    bool running;
    struct queue open; /* the thread's; in the order of `until`, as all have the same patience */
    pthread_mutex_t lock;
    /* under the lock */
    struct queue asked;
    bool stopping;
};

/* ---- queues ---- */

static void append(struct queue *queue, struct question *question)
{
    question->next = NULL;
    question->link = queue->last;
    *queue->last = question;
    queue->last = &question->next;
}

static void take_out(struct queue *queue, struct question *question)
{
    *question->link = question->next;
    if (question->next != NULL)
        question->next->link = question->link;
    else
        queue->last = question->link;
}

static struct question *take_first(struct queue *queue)
{
    struct question *question = queue->first;

    if (question != NULL)
        take_out(queue, question);
    return question;
}

/* ---- answers ---- */

/* Tells who asked; the question is in no queue any more. */
static void conclude(struct question *question, struct fc_dns_answer *answer)
{
    answer->rule = question->unbound->rule;
    question->done(question->cookie, answer);
    free(question->name);
    free(question);
}

static bool right_length(enum fc_dns_type type, size_t len)
{
    if (type == FC_DNS_A)
        return len == 4;
    return type == FC_DNS_AAAA ? len == 16 : true;
}

static struct fc_dns_record record_of(struct fc_arena *arena, enum fc_dns_type type, const char *data, size_t len)
{
    unsigned char *bytes = fc_arena_memdup(arena, data, len);
    unsigned char *text;

    if (type != FC_DNS_TXT)
        return (struct fc_dns_record){.type = type, .data = bytes, .len = len};
    text = fc_arena_alloc(arena, len);
    return (struct fc_dns_record){.type = type, .data = text, .len = fc_net_resolver_txt(bytes, len, text)};
}

static void add_records(struct fc_arena *arena, const struct ub_result *result, enum fc_dns_type type,
                        struct fc_dns_answer *answer)
{
    size_t count = 0;

    while (result->data[count] != NULL)
        count++;
    struct fc_dns_record *records = fc_arena_alloc(arena, count * sizeof *records);
    for (size_t i = 0; i < count; i++) {
        size_t len = (size_t)result->len[i];
        /* an address of a wrong length, which only a hostile server sends, is none */
        if (right_length(type, len))
            records[answer->n_records++] = record_of(arena, type, result->data[i], len);
    }
    answer->records = records;
}

/* What libunbound says as an answer; its texts are the arena's or the result's. */
static struct fc_dns_answer answer_of(struct fc_arena *arena, const struct ub_result *result, enum fc_dns_type type)
{
    struct fc_dns_answer answer = {.outcome = FC_DNS_ANSWER, .rcode = result->rcode};

    /* libunbound hands out what does not validate: who asks must not get it */
    if (result->bogus != 0) {
        answer.outcome = FC_DNS_RCODE;
        answer.rcode = RCODE_SERVFAIL;
        answer.reason = fc_arena_printf(arena, "DNSSEC: Bogus: %s", result->why_bogus ? result->why_bogus : "");
        return answer;
    }
    if (result->rcode != 0) {
        answer.outcome = FC_DNS_RCODE;
        return answer;
    }
    /* the flag TC of the header (RFC 1035 section 4.1.1) */
    answer.truncated =
        result->answer_len > 2 && result->answer_packet != NULL && (((const char *)result->answer_packet)[2] & 2) != 0;
    if (result->havedata != 0)
        add_records(arena, result, type, &answer);
    return answer;
}

/* libunbound's callback, from ub_process. */
static void answered(void *cookie, int failed, struct ub_result *result)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct question *question = cookie;
    struct fc_dns_answer answer = {.outcome = FC_DNS_NETWORK};

    if (failed == 0)
        answer = answer_of(arena, result, question->type);
    take_out(&question->unbound->open, question);
    conclude(question, &answer);
    ub_resolve_free(result);
}

/* ---- the thread ---- */

static void submit(struct fc_net_unbound *unbound, struct question *question)
{
    int failed = ub_resolve_async(unbound->ctx, question->name, (int)question->type, CLASS_IN, question, answered,
                                  &question->id);

    if (failed == 0)
        append(&unbound->open, question);
    else
        conclude(question, &(struct fc_dns_answer){.outcome = FC_DNS_NETWORK});
}

/* The next question, or NULL. */
static struct question *next_asked(struct fc_net_unbound *unbound, bool *ret_stopping)
{
    pthread_mutex_lock(&unbound->lock);
    struct question *question = take_first(&unbound->asked);
    *ret_stopping = unbound->stopping;
    pthread_mutex_unlock(&unbound->lock);
    return question;
}

static void give_up(struct fc_net_unbound *unbound, int64_t now)
{
    while (unbound->open.first != NULL && unbound->open.first->until <= now) {
        struct question *question = take_first(&unbound->open);
        ub_cancel(unbound->ctx, question->id);
        conclude(question, &(struct fc_dns_answer){.outcome = FC_DNS_TIMEOUT});
    }
}

static int timeout_ms(const struct fc_net_unbound *unbound, int64_t now)
{
    if (unbound->open.first == NULL)
        return -1;
    return (int)((unbound->open.first->until - now + FC_MS - 1) / FC_MS);
}

static void wait_for_news(struct fc_net_unbound *unbound)
{
    struct pollfd fds[] = {{.fd = unbound->kick, .events = POLLIN}, {.fd = ub_fd(unbound->ctx), .events = POLLIN}};
    uint64_t kicks;

    poll(fds, 2, timeout_ms(unbound, fc_clock_mono()));
    /* there may be none: the descriptor does not block */
    if (read(unbound->kick, &kicks, sizeof kicks) < 0)
        errno = 0;
}

static void *run(void *cookie)
{
    struct fc_net_unbound *unbound = cookie;
    bool stopping = false;

    for (;;) {
        for (struct question *question; (question = next_asked(unbound, &stopping)) != NULL;)
            submit(unbound, question);
        if (stopping)
            break;
        ub_process(unbound->ctx);
        give_up(unbound, fc_clock_mono());
        wait_for_news(unbound);
    }
    give_up(unbound, INT64_MAX);
    return NULL;
}

static void kick(const struct fc_net_unbound *unbound)
{
    uint64_t one = 1;

    /* it fails only when the counter is full, and then the thread is awake anyway */
    if (write(unbound->kick, &one, sizeof one) < 0)
        errno = 0;
}

static void ask(void *self, const char *name, enum fc_dns_type type, fc_dns_answer_fn done, void *cookie)
{
    struct fc_net_unbound *unbound = self;
    struct question *question = fc_calloc(1, sizeof *question);

    *question = (struct question){.unbound = unbound,
                                  .name = fc_strdup(name),
                                  .type = type,
                                  .done = done,
                                  .cookie = cookie,
                                  .until = fc_clock_mono() + unbound->patience};
    pthread_mutex_lock(&unbound->lock);
    append(&unbound->asked, question);
    pthread_mutex_unlock(&unbound->lock);
    kick(unbound);
}

static int start_thread(struct fc_net_unbound *unbound, struct fc_err *err)
{
    sigset_t all, before;

    /* signals are the main thread's business; libunbound's thread inherits this */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&unbound->thread, NULL, run, unbound);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errno != 0)
        return fc_err_errno(err, "cannot start a thread");
    unbound->running = true;
    return 0;
}

/* ---- settings ---- */

/* Zones that libunbound answers itself unless told (RFC 6303, 6761, 7686, 8375); unblock-lan-zones opens the reverse ones of
 * private addresses. */
static const char *const reserved_zones[] = {
    "test.",
    "localhost.",
    "invalid.",
    "onion.",
    "home.arpa.",
    "127.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
};

struct setting {
    const char *name, *value;
};

static const struct setting fixed_settings[] = {
    /* nothing is remembered: neither answers nor keys nor that a server was slow or dead */
    {"cache-max-ttl:", "0"},
    {"cache-max-negative-ttl:", "0"},
    {"infra-host-ttl:", "0"},
    {"infra-keep-probing:", "yes"},
    {"aggressive-nsec:", "no"},
    {"prefetch:", "no"},
    /* a rehearsal happens on loopback */
    {"do-not-query-localhost:", "no"},
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
    /* hundreds of questions at once, of which many may hang */
    {"outgoing-range:", "512"},
    {"outgoing-num-tcp:", "64"},
    {"num-queries-per-thread:", "4096"},
};

static int set_one(struct fc_net_unbound *unbound, const struct setting *setting, struct fc_err *err)
{
    int failed = ub_ctx_set_option(unbound->ctx, setting->name, setting->value);

    if (failed == 0)
        return 0;
    return fc_err_set(err, FC_E_SYSTEM, "libunbound refuses '%s %s': %s", setting->name, setting->value,
                      ub_strerror(failed));
}

static int set_times(struct fc_net_unbound *unbound, const struct fc_net_unbound_params *params, struct fc_err *err)
{
    char timeout[32], longest[32], tries[32];
    const struct setting settings[] = {
        {"unknown-server-time-limit:", timeout},
        /* beyond it libunbound takes a server for dead and asks it no more */
        {"infra-cache-max-rtt:", longest},
        {"outbound-msg-retry:", tries},
    };

    snprintf(timeout, sizeof timeout, "%lld", (long long)(params->timeout / FC_MS));
    snprintf(longest, sizeof longest, "%lld", (long long)(FC_HOUR / FC_MS));
    snprintf(tries, sizeof tries, "%lld", (long long)params->tries);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (set_one(unbound, &settings[i], err) != 0)
            return -1;
    }
    return 0;
}

static int check_file(const char *path, const char *what, struct fc_err *err)
{
    if (access(path, R_OK) == 0)
        return 0;
    return fc_err_errno(err, "cannot read the %s '%s' (Debian's package dns-root-data has root.hints and root.key)",
                        what, path);
}

static int parse_server(const char *server, struct fc_net_addr *ret_addr, struct fc_err *err)
{
    if (fc_net_addr_parse_ip(server, ret_addr, NULL) == 0)
        ret_addr->port = DNS_PORT;
    else if (strpbrk(server, ".:[") == NULL || fc_net_addr_parse(server, ret_addr, NULL) != 0 || ret_addr->port == 0)
        return fc_err_set(err, FC_E_USAGE, "'%.80s' is no address of a resolver: ADDR, ADDR:PORT or [V6]:PORT", server);
    return 0;
}

int fc_net_unbound_check(const char *server, struct fc_err *err)
{
    struct fc_net_addr addr;

    return parse_server(server, &addr, err);
}

static int set_server(struct fc_net_unbound *unbound, const char *server, struct fc_err *err)
{
    struct fc_net_addr addr;
    char text[FC_NET_ADDR_TEXT];

    if (parse_server(server, &addr, err) != 0)
        return -1;
    unbound->rule = fc_asprintf("resolver %s", fc_net_addr_text(&addr, text));
    fc_auto_free char *forward = fc_asprintf("%s@%u", fc_net_addr_ip(&addr, text), addr.port);
    int failed = ub_ctx_set_fwd(unbound->ctx, forward);
    if (failed != 0)
        return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot ask '%s': %s", forward, ub_strerror(failed));
    return 0;
}

static int set_roots(struct fc_net_unbound *unbound, const char *hints, struct fc_err *err)
{
    const struct setting setting = {"root-hints:", hints};

    unbound->rule = fc_strdup("resolver system");
    return check_file(hints, "root hints", err) != 0 ? -1 : set_one(unbound, &setting, err);
}

/* With an anchor answers are validated, without one they are taken as they come. */
static int set_anchor(struct fc_net_unbound *unbound, const char *anchor, struct fc_err *err)
{
    const struct setting modules = {"module-config:", anchor != NULL ? "validator iterator" : "iterator"};

    if (set_one(unbound, &modules, err) != 0)
        return -1;
    if (anchor == NULL)
        return 0;
    if (check_file(anchor, "trust anchor", err) != 0)
        return -1;
    int failed = ub_ctx_add_ta_file(unbound->ctx, anchor);
    if (failed != 0)
        return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot use the trust anchor '%s': %s", anchor,
                          ub_strerror(failed));
    return 0;
}

/* Comes last: it finalizes the context, and no setting can be changed afterwards. */
static int open_zones(struct fc_net_unbound *unbound, struct fc_err *err)
{
    for (size_t i = 0; i < sizeof reserved_zones / sizeof *reserved_zones; i++) {
        int failed = ub_ctx_zone_add(unbound->ctx, reserved_zones[i], "always_transparent");
        if (failed != 0)
            return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot open the zone '%s': %s", reserved_zones[i],
                              ub_strerror(failed));
    }
    return 0;
}

static int set_all(struct fc_net_unbound *unbound, const struct fc_net_unbound_params *params, struct fc_err *err)
{
    const char *hints = params->root_hints != NULL ? params->root_hints : ROOT_HINTS;
    const char *anchor = params->trust_anchor != NULL || params->server != NULL ? params->trust_anchor : ROOT_ANCHOR;

    for (size_t i = 0; i < sizeof fixed_settings / sizeof *fixed_settings; i++) {
        if (set_one(unbound, &fixed_settings[i], err) != 0)
            return -1;
    }
    int failed = params->server != NULL ? set_server(unbound, params->server, err) : set_roots(unbound, hints, err);
    if (failed != 0 || set_times(unbound, params, err) != 0 || set_anchor(unbound, anchor, err) != 0)
        return -1;
    return open_zones(unbound, err);
}

int fc_net_unbound_new(const struct fc_net_unbound_params *params, struct fc_net_unbound **ret_unbound,
                       struct fc_err *err)
{
    fc_auto(fc_net_unbound_free) struct fc_net_unbound *unbound = fc_calloc(1, sizeof *unbound);

    unbound->resolver = (struct fc_resolver){.ask = ask, .self = unbound};
    unbound->patience = params->timeout * params->tries;
    unbound->open.last = &unbound->open.first;
    unbound->asked.last = &unbound->asked.first;
    pthread_mutex_init(&unbound->lock, NULL);
    unbound->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (unbound->kick < 0)
        return fc_err_errno(err, "cannot make an event descriptor");
    unbound->ctx = ub_ctx_create();
    if (unbound->ctx == NULL)
        return fc_err_set(err, FC_E_SYSTEM, "libunbound cannot be started");
    /* whatever went wrong is in the answer */
    ub_ctx_debugout(unbound->ctx, NULL);
    ub_ctx_async(unbound->ctx, 1);
    if (set_all(unbound, params, err) != 0 || start_thread(unbound, err) != 0)
        return -1;
    *ret_unbound = FC_TAKE(unbound);
    return 0;
}

void fc_net_unbound_free(struct fc_net_unbound *unbound)
{
    if (unbound == NULL)
        return;
    if (unbound->running) {
        pthread_mutex_lock(&unbound->lock);
        unbound->stopping = true;
        pthread_mutex_unlock(&unbound->lock);
        kick(unbound);
        pthread_join(unbound->thread, NULL);
    }
    ub_ctx_delete(unbound->ctx);
    if (unbound->kick >= 0)
        close(unbound->kick);
    free(unbound->rule);
    pthread_mutex_destroy(&unbound->lock);
    free(unbound);
}

const struct fc_resolver *fc_net_unbound_resolver(const struct fc_net_unbound *unbound)
{
    return &unbound->resolver;
}
