/* Shared inside ca only. */
#ifndef FC_CA_INT_H
#define FC_CA_INT_H

#include "ca/ca.h"
#include "pki/pki_cert.h"
#include "pki/pki_key.h"
#include "policy/policy.h"

#include <pthread.h>
#include <stdatomic.h>

struct fc_issuer;

/* The name under which the root of --root-cert stands in the store, in URLs and in the list of certificates. */
#define FC_CA_OWN_ROOT "own-root"

/* A CA certificate, there or still to be made. What stands below `ready` is written before ready is set and never again, so
 * whoever has seen ready needs no lock. */
struct fc_ca_node {
    char *name;
    const struct fc_policy_ca *rule; /* NULL: the own root, or one that an earlier policy had */
    struct fc_ca_node *issuer;       /* NULL: a root (or, of an earlier policy, unknown) */
    struct fc_ca_node *of;           /* cross-signed: the node whose name and key it has */
    char *planned_subject;           /* shown until it is ready */
    bool created;                    /* made in fc_ca_new: to be reported by the background thread */
    atomic_bool wanted;              /* is in use, or was once: to be made; set under the gate's lock */
    /* the dated policy in which all its chains were last seen to be complete: they stay so */
    _Atomic(const struct fc_policy *) complete;

    atomic_bool ready;
    int64_t id;
    bool root;
    struct fc_key *key; /* NULL: own root that was given at an earlier start only */
    struct fc_cert *cert;
    struct fc_cert_issuer *leaves; /* NULL unless it issues leaves */
    char *subject, *pem;
    char key_name[16];
    int64_t not_before, not_after;
};

/* What threads wait for; apart from struct fc_ca so that readers can keep theirs const. */
struct fc_ca_gate {
    pthread_mutex_t lock; /* a leaf: nothing else is locked under it */
    pthread_cond_t changed;
    size_t missing;       /* wanted and not ready */
    int64_t now;          /* when it was last asked for something */
    bool at_work;         /* the background thread was started */
    struct fc_err failed; /* why the background thread gave up; FC_OK while it has not */
};

struct fc_ca {
    const struct fc_policy *policy;
    struct fc_store *store;
    char *url; /* PKI_URL/ENV */
    void (*created)(void *cookie, const char *env, const char *name, const char *subject, const char *key,
                    int64_t not_after);
    void (*ready)(void *cookie);
    void *cookie;

    struct fc_ca_node *nodes; /* issuers stand before what they issue */
    size_t n_nodes;
    bool own_root;       /* the user's, in the place of every root */
    atomic_int rotation; /* 0: drawn at random; else this one of the candidates, counted round */
    struct fc_ca_gate *gate;
    pthread_t thread;
    bool thread_started;
    atomic_bool stopping;
};

/* ---- ca_hierarchy.c: nodes, loading ---- */

/* Lists the nodes that the policy (and the own root) wants and those that the store has besides; loads what is stored, reads the
 * own root. */
int fc_ca_hierarchy_load(struct fc_ca *ca, const struct fc_ca_params *params, struct fc_err *err);
void fc_ca_hierarchy_release(struct fc_ca *ca);
/* The ready node, or NULL. */
const struct fc_ca_node *fc_ca_hierarchy_find(const struct fc_ca *ca, const char *name);
/* The node, ready or not, or NULL. */
struct fc_ca_node *fc_ca_hierarchy_node(const struct fc_ca *ca, const char *name);
bool fc_ca_hierarchy_ready(const struct fc_ca_node *node);
bool fc_ca_hierarchy_issues_leaves(const struct fc_ca_node *node);
bool fc_ca_hierarchy_is_rsa(const struct fc_policy_ca *rule);
/* What is derived from key and certificate. */
int fc_ca_hierarchy_fill(const struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err);
/* Makes a filled and stored node ready. */
void fc_ca_hierarchy_publish(struct fc_ca *ca, struct fc_ca_node *node);

/* ---- ca_use.c: what is in use ---- */

/* Wants a node with all that is in its chains at now; wakes the thread that makes it. Any thread. */
void fc_ca_use_want(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now);
/* Whether it can issue at now: it is ready, and so are its chains. */
bool fc_ca_use_complete(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now);
/* The next one to be made: what needs no new RSA key before what does. NULL: nothing that can be. Under the gate's lock. */
struct fc_ca_node *fc_ca_use_next(const struct fc_ca *ca);

/* ---- ca_make.c: keys and CA certificates ---- */

/* Whether it takes no new RSA key. */
bool fc_ca_make_is_quick(const struct fc_ca_node *node);
/* Makes what is wanted and needs no RSA key (ECDSA keys below issuers that are there); stores it in one transaction. */
int fc_ca_make_quick(struct fc_ca *ca, struct fc_err *err);
/* Makes and stores one node whose issuer is ready. For the background thread. */
int fc_ca_make_node(struct fc_ca *ca, struct fc_ca_node *node, struct fc_err *err);
/* "P-256", "RSA-2048" */
void fc_ca_make_key_name(const struct fc_key *key, char *ret_name, size_t room);

/* ---- ca_stored.c: rows of the store ---- */

/* Key and certificate of a row, which must belong together: else FC_E_DAMAGED naming it. *ret_key NULL when the row has none. */
int fc_ca_stored_read(const struct fc_issuer *row, struct fc_key **ret_key, struct fc_cert **ret_cert,
                      struct fc_err *err);
/* Fills a row's name, key and certificate (borrowed, the key's DER to be freed by the caller through *ret_key_der). */
int fc_ca_stored_row(const char *name, const struct fc_key *key, const struct fc_cert *cert, struct fc_issuer *ret_row,
                     unsigned char **ret_key_der, struct fc_err *err);

/* ---- ca_own.c: what the user brings ---- */

/* A certificate and its key, of the options '--WHAT-cert' and '--WHAT-key' (FC_E_USAGE names the option). */
int fc_ca_own_pair(const char *what, const char *cert_pem, const char *key_pem, struct fc_key **ret_key,
                   struct fc_cert **ret_cert, struct fc_err *err);
/* --root-cert, --root-key: reads and checks the pair (FC_E_USAGE with the reason). */
int fc_ca_own_read(const char *cert_pem, const char *key_pem, struct fc_key **ret_key, struct fc_cert **ret_cert,
                   struct fc_err *err);

/* ---- ca_chain.c ---- */

/* The nodes of the n-th chain of what this one issued, as the policy of now has it: at most FC_CA_CHAIN_MAX - 1, returns how many. */
size_t fc_ca_chain_nodes(const struct fc_ca *ca, struct fc_ca_node *node, int64_t now, size_t n,
                         struct fc_ca_node *ret_nodes[FC_CA_CHAIN_MAX]);
/* How many chains it has. */
size_t fc_ca_chain_count(const struct fc_ca *ca, const struct fc_ca_node *node, int64_t now);

/* ---- ca_crl.c ---- */

/* How many CRLs a node has: the policy's shards for issuers of leaves, 1 for other CAs, none for an own root. */
int fc_ca_crl_shards(const struct fc_ca *ca, const struct fc_ca_node *node);

#endif
