/* Look-ups: the answers of a resolver that may come at once, later from any thread, or never. */
#include "va/va_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"

struct question {
    struct fc_va_lookup *lookup;
    bool done;
    struct fc_va_answer answer; /* of the answering thread until done */
};

struct fc_va_lookup {
    struct fc_va_lookup *next, **link; /* in va->waiting, when link is set */
    struct fc_va_run *run;
    fc_va_dns_fn fn;
    size_t count;
    int64_t until;
    struct fc_va_post *post;
    /* under the post box's lock */
    struct fc_va_lookup *next_posted;
    size_t refs; /* the VA's and one for each question that is open */
    size_t open;
    bool quiet; /* the VA is asking still, or has given up: do not post */
    struct question questions[];
};

/* Where answers of other threads arrive. Outlives the VA as long as an answer may come. */
struct fc_va_post {
    pthread_mutex_t lock;
    size_t refs;
    struct fc_va_lookup *posted;
    struct fc_net_fetch *fetch; /* to be woken; NULL once closed */
};

/* ---- the post box ---- */

struct fc_va_post *fc_va_dns_post_new(struct fc_net_fetch *fetch)
{
    struct fc_va_post *post = fc_calloc(1, sizeof *post);

    pthread_mutex_init(&post->lock, NULL);
    post->refs = 1;
    post->fetch = fetch;
    return post;
}

/* Unlocks; frees the box when nobody knows it any more. */
static void unlock_post(struct fc_va_post *post)
{
    bool last = post->refs == 0;

    pthread_mutex_unlock(&post->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&post->lock);
    free(post);
}

void fc_va_dns_post_close(struct fc_va_post *post)
{
    if (post == NULL)
        return;
    pthread_mutex_lock(&post->lock);
    post->fetch = NULL;
    post->refs--;
    unlock_post(post);
}

/* Drops one reference; the lock is held. */
static void unref_locked(struct fc_va_lookup *lookup)
{
    if (--lookup->refs > 0)
        return;
    for (size_t i = 0; i < lookup->count; i++)
        free(lookup->questions[i].answer.memory);
    lookup->post->refs--;
    free(lookup);
}

/* ---- answers ---- */

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* Answers live in one block: the records, then their bytes, then the texts. */
static struct fc_va_answer copy_answer(const struct fc_dns_answer *dns)
{
    struct fc_va_answer copy = {.dns = *dns};
    size_t size = dns->n_records * sizeof *dns->records + text_size(dns->rule) + text_size(dns->reason);

    for (size_t i = 0; i < dns->n_records; i++)
        size += dns->records[i].len;
    struct fc_dns_record *records = fc_malloc(size);
    unsigned char *bytes = (unsigned char *)(records + dns->n_records);
    for (size_t i = 0; i < dns->n_records; i++) {
        records[i] = dns->records[i];
        records[i].data = bytes;
        memcpy(bytes, dns->records[i].data, records[i].len);
        bytes += records[i].len;
    }
    copy.memory = records;
    copy.dns.records = records;
    if (dns->rule != NULL)
        copy.dns.rule = memcpy(bytes, dns->rule, text_size(dns->rule));
    bytes += text_size(dns->rule);
    if (dns->reason != NULL)
        copy.dns.reason = memcpy(bytes, dns->reason, text_size(dns->reason));
    return copy;
}

static void answered(void *cookie, const struct fc_dns_answer *dns)
{
    struct question *question = cookie;
    struct fc_va_lookup *lookup = question->lookup;
    struct fc_va_post *post = lookup->post;

    question->answer = copy_answer(dns);
    pthread_mutex_lock(&post->lock);
    question->done = true;
    lookup->open--;
    if (lookup->open == 0 && !lookup->quiet && post->fetch != NULL) {
        lookup->next_posted = post->posted;
        post->posted = lookup;
        fc_net_fetch_wake(post->fetch);
    }
    unref_locked(lookup);
    unlock_post(post);
}

/* ---- the VA's side ---- */

static void leave_waiting(struct fc_va_lookup *lookup)
{
    if (lookup->link == NULL)
        return;
    *lookup->link = lookup->next;
    if (lookup->next != NULL)
        lookup->next->link = lookup->link;
    lookup->link = NULL;
}

static void enter_waiting(struct fc_va *va, struct fc_va_lookup *lookup)
{
    lookup->next = va->waiting;
    lookup->link = &va->waiting;
    if (lookup->next != NULL)
        lookup->next->link = &lookup->next;
    va->waiting = lookup;
}

static void leave_posted(struct fc_va_lookup *lookup)
{
    for (struct fc_va_lookup **at = &lookup->post->posted; *at != NULL; at = &(*at)->next_posted) {
        if (*at == lookup) {
            *at = lookup->next_posted;
            return;
        }
    }
}

/* Gives the VA's reference back; late answers go nowhere. */
static void give_up(struct fc_va_lookup *lookup)
{
    struct fc_va_post *post = lookup->post;

    leave_waiting(lookup);
    pthread_mutex_lock(&post->lock);
    lookup->quiet = true;
    leave_posted(lookup);
    unref_locked(lookup);
    unlock_post(post);
}

void fc_va_dns_cancel(struct fc_va_run *run)
{
    if (run->lookup != NULL)
        give_up(FC_TAKE(run->lookup));
}

/* Calls back with what is there; what is not counts as timed out. */
static void conclude(struct fc_va_lookup *lookup)
{
    struct fc_va_run *run = lookup->run;
    struct fc_va_answer *answers = fc_arena_alloc(run->arena, lookup->count * sizeof *answers);

    pthread_mutex_lock(&lookup->post->lock);
    lookup->quiet = true;
    leave_posted(lookup);
    for (size_t i = 0; i < lookup->count; i++)
        answers[i] = lookup->questions[i].done ? lookup->questions[i].answer
                                               : (struct fc_va_answer){.dns = {.outcome = FC_DNS_TIMEOUT}};
    pthread_mutex_unlock(&lookup->post->lock);
    leave_waiting(lookup);
    run->lookup = NULL;
    lookup->fn(run, answers);
    give_up(lookup);
}

void fc_va_dns_ask(struct fc_va_run *run, const struct fc_va_question *questions, size_t count, fc_va_dns_fn fn)
{
    const struct fc_resolver *resolver = run->va->params.resolver;
    int64_t until = fc_clock_mono() + run->job->policy->validation.dns_timeout * run->job->policy->validation.dns_tries;
    struct fc_va_lookup *lookup = fc_calloc(1, sizeof *lookup + count * sizeof *lookup->questions);

    *lookup = (struct fc_va_lookup){.run = run, .fn = fn, .count = count, .refs = 1 + count, .open = count};
    lookup->until = until < run->deadline ? until : run->deadline;
    lookup->quiet = true;
    lookup->post = run->va->post;
    pthread_mutex_lock(&lookup->post->lock);
    lookup->post->refs++;
    pthread_mutex_unlock(&lookup->post->lock);
    run->lookup = lookup;
    for (size_t i = 0; i < count; i++) {
        lookup->questions[i].lookup = lookup;
        resolver->ask(resolver->self, questions[i].name, questions[i].type, answered, &lookup->questions[i]);
    }
    pthread_mutex_lock(&lookup->post->lock);
    bool open = lookup->open > 0;
    lookup->quiet = false;
    pthread_mutex_unlock(&lookup->post->lock);
    if (open)
        enter_waiting(run->va, lookup);
    else
        conclude(lookup);
}

void fc_va_dns_ask_txt(struct fc_va_run *run, const char *name, fc_va_dns_fn fn)
{
    struct fc_va_answer unseen = {.dns = {.outcome = FC_DNS_TIMEOUT}};
    const struct fc_va_question question = {name, FC_DNS_TXT};

    if (run->blind)
        fn(run, &unseen);
    else
        fc_va_dns_ask(run, &question, 1, fn);
}

static struct fc_va_lookup *take_posted(struct fc_va_post *post)
{
    pthread_mutex_lock(&post->lock);
    struct fc_va_lookup *lookup = post->posted;
    if (lookup != NULL)
        post->posted = lookup->next_posted;
    pthread_mutex_unlock(&post->lock);
    return lookup;
}

static struct fc_va_lookup *find_overdue(const struct fc_va *va, int64_t now)
{
    struct fc_va_lookup *lookup = va->waiting;

    while (lookup != NULL && lookup->until > now)
        lookup = lookup->next;
    return lookup;
}

void fc_va_dns_deliver(struct fc_va *va, int64_t now)
{
    if (va->waiting == NULL)
        return;
    for (struct fc_va_lookup *lookup; (lookup = take_posted(va->post)) != NULL;)
        conclude(lookup);
    for (struct fc_va_lookup *lookup; (lookup = find_overdue(va, now)) != NULL;)
        conclude(lookup);
}

int64_t fc_va_dns_until(const struct fc_va *va)
{
    int64_t until = INT64_MAX;

    for (const struct fc_va_lookup *lookup = va->waiting; lookup != NULL; lookup = lookup->next)
        until = lookup->until < until ? lookup->until : until;
    return until;
}

/* ---- texts ---- */

static const char *type_name(enum fc_dns_type type)
{
    static const struct {
        enum fc_dns_type type;
        const char *name;
    } names[] = {{FC_DNS_A, "A"}, {FC_DNS_AAAA, "AAAA"}, {FC_DNS_TXT, "TXT"}, {FC_DNS_CAA, "CAA"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return "ANY";
}

/* IANA's names, as the DNS library of Boulder prints them. */
static const char *rcode_name(int rcode)
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                        "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};

    return rcode >= 0 && (size_t)rcode < sizeof names / sizeof *names ? names[rcode] : "";
}

static const char *rcode_advice(int rcode)
{
    if (rcode == 3)
        return " - check that a DNS record exists for this domain";
    return rcode == 2 ? " - the domain's nameservers may be malfunctioning" : "";
}

const char *fc_va_dns_text(struct fc_arena *arena, const struct fc_dns_answer *answer, enum fc_dns_type type,
                           const char *name)
{
    const char *what = NULL, *advice = "";

    switch (answer->outcome) {
    case FC_DNS_ANSWER:
        if (!answer->truncated || type != FC_DNS_CAA)
            return NULL;
        what = "response was truncated";
        break;
    case FC_DNS_TIMEOUT:
        what = "query timed out";
        break;
    case FC_DNS_NETWORK:
        what = "networking error";
        break;
    case FC_DNS_RCODE:
        if (answer->reason != NULL)
            return fc_arena_printf(arena, "DNS problem: looking up %s for %s: %s", type_name(type), name,
                                   answer->reason);
        what = rcode_name(answer->rcode);
        advice = rcode_advice(answer->rcode);
        break;
    case FC_DNS_MALFORMED:
    default:
        what = "server failure at resolver";
    }
    return fc_arena_printf(arena, "DNS problem: %s looking up %s for %s%s", what, type_name(type), name, advice);
}
