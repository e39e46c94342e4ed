#include "ca/ca.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base_assert.h"
#include "base/base_clock.h"
#include "base/base_log.h"

#include "ca/ca_int.h"

static struct fc_ca_gate *gate_new(void)
{
    struct fc_ca_gate *gate = fc_calloc(1, sizeof *gate);
    pthread_condattr_t attr;

    pthread_mutex_init(&gate->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&gate->changed, &attr);
    pthread_condattr_destroy(&attr);
    return gate;
}

static void gate_free(struct fc_ca_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

int fc_ca_new(const struct fc_ca_params *params, struct fc_ca **ret_ca, struct fc_err *err)
{
    fc_auto(fc_ca_free) struct fc_ca *ca = fc_calloc(1, sizeof *ca);

    *ca = (struct fc_ca){.policy = params->policy,
                         .store = params->store,
                         .url = fc_asprintf("%s/%s", params->pki_url, params->policy->name),
                         .created = params->created,
                         .ready = params->ready,
                         .cookie = params->cookie,
                         .gate = gate_new()};
    if (!params->root_cert_pem != !params->root_key_pem)
        return fc_err_set(err, FC_E_USAGE, "options '--root-cert' and '--root-key' belong together: one is missing");
    if (fc_ca_hierarchy_load(ca, params, err))
        return -1;
    fc_ca_follow(ca, params->now);
    if (fc_ca_make_quick(ca, err))
        return -1;
    *ret_ca = FC_TAKE(ca);
    return 0;
}

void fc_ca_free(struct fc_ca *ca)
{
    if (!ca)
        return;
    pthread_mutex_lock(&ca->gate->lock);
    atomic_store(&ca->stopping, true);
    pthread_cond_broadcast(&ca->gate->changed);
    pthread_mutex_unlock(&ca->gate->lock);
    if (ca->thread_started)
        pthread_join(ca->thread, NULL);
    fc_ca_hierarchy_release(ca);
    gate_free(ca->gate);
    free(ca->url);
    free(ca);
}

/* ---- the background thread ---- */

static void report(const struct fc_ca *ca, const struct fc_ca_node *node)
{
    if (ca->created)
        ca->created(ca->cookie, ca->policy->name, node->name, node->subject, node->key_name, node->not_after);
}

static void give_up(struct fc_ca *ca, const struct fc_ca_node *node, const struct fc_err *why)
{
    fc_log(FC_LOG_ERROR, "cannot make the CA certificate '%s/%s': %s", ca->policy->name, node->name, why->text);
    pthread_mutex_lock(&ca->gate->lock);
    ca->gate->failed = *why;
    pthread_cond_broadcast(&ca->gate->changed);
    pthread_mutex_unlock(&ca->gate->lock);
}

static int make_one(struct fc_ca *ca, struct fc_ca_node *node)
{
    struct fc_err err = {0};
    int failed = fc_ca_make_node(ca, node, &err);

    if (failed)
        give_up(ca, node, &err);
    else
        report(ca, node);
    /* after a failure too: who waits learns of it when trying again */
    if (ca->ready && (failed || node->leaves || node->of))
        ca->ready(ca->cookie);
    return failed;
}

/* Waits for something to make; NULL when the CA stops. */
static struct fc_ca_node *await(const struct fc_ca *ca)
{
    struct fc_ca_node *node = NULL;

    pthread_mutex_lock(&ca->gate->lock);
    while (!atomic_load(&ca->stopping) && !(node = fc_ca_use_next(ca)))
        pthread_cond_wait(&ca->gate->changed, &ca->gate->lock);
    pthread_mutex_unlock(&ca->gate->lock);
    return node;
}

static void *make_missing(void *cookie)
{
    struct fc_ca *ca = cookie;
    struct fc_ca_node *node;

    for (size_t i = 0; i < ca->n_nodes; i++)
        if (ca->nodes[i].created)
            report(ca, &ca->nodes[i]);
    while ((node = await(ca)) && !make_one(ca, node))
        ;
    return NULL;
}

int fc_ca_start_background(struct fc_ca *ca, struct fc_err *err)
{
    if (ca->thread_started)
        return 0;
    int failed = pthread_create(&ca->thread, NULL, make_missing, ca);
    if (failed)
        return fc_err_set(err, FC_E_SYSTEM, "cannot start the thread that makes RSA keys (error %d)", failed);
    ca->thread_started = true;
    pthread_mutex_lock(&ca->gate->lock);
    ca->gate->at_work = true;
    pthread_mutex_unlock(&ca->gate->lock);
    return 0;
}

bool fc_ca_wait_ready(const struct fc_ca *ca, int64_t until_mono)
{
    struct fc_ca_gate *gate = ca->gate;
    struct timespec until;
    int out_of_time = 0;

    fc_clock_mono_timespec(until_mono, &until);
    pthread_mutex_lock(&gate->lock);
    while (gate->at_work && gate->missing > 0 && gate->failed.code == FC_OK && !out_of_time)
        out_of_time = pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
    bool ready = gate->missing == 0;
    pthread_mutex_unlock(&gate->lock);
    return ready;
}

/* ---- what the management API shows ---- */

bool fc_ca_info(const struct fc_ca *ca, size_t index, struct fc_ca_info *ret_info)
{
    if (index >= ca->n_nodes)
        return false;
    const struct fc_ca_node *node = &ca->nodes[index];
    const struct fc_policy_ca *rule = node->rule;
    struct fc_ca_info info = {.name = node->name,
                              .issues_leaves = fc_ca_hierarchy_issues_leaves(node),
                              .key_of = node->of ? node->of->name : NULL,
                              .root = node->root};

    if (fc_ca_hierarchy_ready(node)) {
        info.ready = true;
        info.id = node->id;
        info.subject = node->subject;
        info.key = node->key_name;
        info.pem = node->pem;
        info.not_before = node->not_before;
        info.not_after = node->not_after;
    } else {
        FC_ASSERT(rule); /* only what the policy wants is made late */
        info.subject = node->planned_subject;
        info.key = rule->key;
        info.idle = !atomic_load(&node->wanted);
        info.not_before = rule->not_before;
        info.not_after = rule->not_after;
    }
    *ret_info = info;
    return true;
}
