#include "net/net_unbound_int.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_arena.h"
#include "base/base_clock.h"
#include "base/base_time.h"

#define CLASS_IN 1
#define RCODE_SERVFAIL 2

struct queue {
    struct question *first, **last;
};

struct question {
    struct question *next, **link;
    struct queue *queue; /* that it is in */
    struct fc_net_unbound *unbound;
    char *name;
    enum fc_dns_type type;
    fc_dns_answer_fn done;
    void *cookie;
    int64_t until;
    bool joined; /* libunbound may have put it beside one that was given up before and shares its end */
};

struct fc_net_unbound {
    struct fc_resolver resolver;
    struct ub_ctx *ctx; /* the thread's, once it runs */
    char *rule;
    int64_t patience; /* for all tries together */
    int kick;         /* eventfd */
    pthread_t thread;
    bool running;
    /* the thread's */
    struct queue open;   /* in the order of `until`, as all have the same patience */
    struct queue ghosts; /* given up here, under way still in libunbound */
    pthread_mutex_t lock;
    /* under the lock */
    struct queue asked;
    bool stopping;
};

/* ---- queues ---- */

static void append(struct queue *queue, struct question *question)
{
    question->next = NULL;
    question->queue = queue;
    question->link = queue->last;
    *queue->last = question;
    queue->last = &question->next;
}

/* Before the first that is given up later. */
static void insert(struct queue *queue, struct question *question)
{
    struct question **link = &queue->first;

    while (*link != NULL && (*link)->until <= question->until)
        link = &(*link)->next;
    if (*link == NULL) {
        append(queue, question);
        return;
    }
    question->queue = queue;
    question->next = *link;
    question->link = link;
    question->next->link = &question->next;
    *link = question;
}

static void take_out(struct question *question)
{
    *question->link = question->next;
    if (question->next != NULL)
        question->next->link = question->link;
    else
        question->queue->last = question->link;
}

static struct question *take_first(struct queue *queue)
{
    struct question *question = queue->first;

    if (question != NULL)
        take_out(question);
    return question;
}

/* ---- answers ---- */

static void free_question(struct question *question)
{
    free(question->name);
    free(question);
}

static void tell(const struct question *question, struct fc_dns_answer *answer)
{
    answer->rule = question->unbound->rule;
    question->done(question->cookie, answer);
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

static void submit(struct fc_net_unbound *unbound, struct question *question);

/* libunbound's callback, from ub_process. */
static void answered(void *cookie, int failed, struct ub_result *result)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct question *question = cookie;
    struct fc_net_unbound *unbound = question->unbound;
    struct fc_dns_answer answer = {.outcome = FC_DNS_NETWORK};

    if (failed == 0)
        answer = answer_of(arena, result, question->type);
    take_out(question);
    if (question->queue == &unbound->open && question->joined && answer.rcode == RCODE_SERVFAIL) {
        /* that may have been the other's end, for which no server had answered: ask again */
        submit(unbound, question);
    } else {
        if (question->queue == &unbound->open)
            tell(question, &answer);
        free_question(question);
    }
    ub_resolve_free(result);
}

/* ---- the thread ---- */

static bool has_ghost(const struct fc_net_unbound *unbound, const struct question *question)
{
    const struct question *ghost = unbound->ghosts.first;

    while (ghost != NULL && (ghost->type != question->type || strcmp(ghost->name, question->name) != 0))
        ghost = ghost->next;
    return ghost != NULL;
}

static void submit(struct fc_net_unbound *unbound, struct question *question)
{
    question->joined = has_ghost(unbound, question);
    if (ub_resolve_async(unbound->ctx, question->name, (int)question->type, CLASS_IN, question, answered, NULL) == 0) {
        /* at the end, but for one that is asked again */
        insert(&unbound->open, question);
        return;
    }
    tell(question, &(struct fc_dns_answer){.outcome = FC_DNS_NETWORK});
    free_question(question);
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
        append(&unbound->ghosts, question);
        tell(question, &(struct fc_dns_answer){.outcome = FC_DNS_TIMEOUT});
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

/* ---- start and end ---- */

int fc_net_unbound_new(const struct fc_net_unbound_params *params, struct fc_net_unbound **ret_unbound,
                       struct fc_err *err)
{
    fc_auto(fc_net_unbound_free) struct fc_net_unbound *unbound = fc_calloc(1, sizeof *unbound);

    unbound->resolver = (struct fc_resolver){.ask = ask, .self = unbound};
    unbound->patience = params->timeout * params->tries;
    unbound->open.last = &unbound->open.first;
    unbound->ghosts.last = &unbound->ghosts.first;
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
    if (fc_net_unbound_set(unbound->ctx, params, &unbound->rule, err) != 0 || start_thread(unbound, err) != 0)
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
    /* its callbacks come no more */
    ub_ctx_delete(unbound->ctx);
    for (struct question *ghost; (ghost = take_first(&unbound->ghosts)) != NULL;)
        free_question(ghost);
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
