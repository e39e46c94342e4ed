/* What the tests of acme share: a whole environment without sockets but for a tiny web server that the validation asks, and a small
 * ACME client that can also sign wrongly. What a fixture holds its teardown releases. */
#ifndef FC_TESTS_ACME_LIB_ACME_H
#define FC_TESTS_ACME_LIB_ACME_H

#include "acme/acme.h"
#include "base/base_arena.h"
#include "events/events.h"
#include "http/http_msg.h"
#include "pki/pki_key.h"
#include "policy/policy.h"
#include "store/store.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

#define LIB_HOST "localhost:14000"
#define LIB_BASE "https://" LIB_HOST
#define LIB_NOW "2026-09-01T12:00:00Z"
#define URN "urn:ietf:params:acme:error:"

struct lib_web;

struct lib_acme {
    struct fc_arena *arena; /* of the test: answers and texts live until teardown */
    struct fc_clock *clock; /* frozen at LIB_NOW */
    struct fc_policy *policy;
    struct fc_store *store;
    struct fc_events *events;
    struct fc_net_portmap *portmap;
    struct lib_web *web;
    struct fc_ca *ca;
    struct fc_va *va;
    struct fc_faults *faults;
    struct fc_acme *acme;
    struct lib_jobs *jobs;
    size_t queue_max; /* of the next VA */
    int64_t perspectives;
    const char *txt;  /* TXT record of every name; NULL: none. Set before the challenge is started */
    const char *caa;  /* issue property of every name below "test"; "!": SERVFAIL; NULL: none */
    const char *peer; /* of the next requests; NULL: 127.0.0.1:50000 */
    int64_t now;      /* of the next requests */
    struct fc_limits *limits;
    struct fc_limits_gate *gate;
};

struct lib_options {
    const char *env; /* NULL: production */
    enum fc_pace pace;
    void (*edit)(json_t *policy); /* changes the policy's JSON */
    bool rsa;                     /* RSA issuers too, ready */
    bool perspectives;            /* as many as the policy has, not the primary alone */
    size_t queue_max;             /* of the VA; 0: its own */
    const char *limits;           /* as --limits; NULL: none */
};
/* cmocka setup and teardown; *state may point to struct lib_options before (initial state), then to struct lib_acme. */
int lib_acme_setup(void **state);
int lib_acme_teardown(void **state);
#define LIB_TEST(name) cmocka_unit_test_setup_teardown(name, lib_acme_setup, lib_acme_teardown)
#define LIB_TEST_WITH(name, options)                                                                                   \
    {                                                                                                                  \
#name, name, lib_acme_setup, lib_acme_teardown, options                                                        \
    }

void lib_acme_advance(struct lib_acme *t, const char *duration);
/* Ends VA, ACME and job loop as a stop does, and starts them anew on the same store (kill and restart). */
void lib_acme_restart(struct lib_acme *t);
/* Runs what the ACME server left to the job loop. */
void lib_acme_run_jobs(struct lib_acme *t);
/* Drops what the ACME server left to the job loop, as a stop does. */
void lib_acme_drop_jobs(struct lib_acme *t);
/* Makes the RSA issuers and tells the ACME server. */
void lib_acme_make_rsa(struct lib_acme *t);

/* ---- the web server ---- */

enum lib_web_mode {
    LIB_WEB_RIGHT, /* any token, the thumbprint that was set last */
    LIB_WEB_WRONG, /* 404 */
    LIB_WEB_HOLD   /* as RIGHT, when the mode is changed */
};
void lib_web_mode(struct lib_acme *t, enum lib_web_mode mode);
void lib_web_thumbprint(struct lib_acme *t, const char *thumbprint);
size_t lib_web_requests(struct lib_acme *t);
/* Waits until so many requests came in; fails the test after a while. */
void lib_web_wait(struct lib_acme *t, size_t requests);

/* ---- requests ---- */

struct lib_answer {
    int status;
    struct fc_http_res res;
    json_t *json; /* NULL: no JSON; of the test's arena */
    const char *text;
};

struct lib_request {
    const char *method, *path, *query;
    const char *host;  /* NULL: LIB_HOST; "" none */
    const char *type;  /* Content-Type; NULL: application/jose+json for POST; "" none */
    const char *extra; /* one more header "Name: value" */
    const char *body;
    size_t body_len; /* 0: strlen */
    bool too_large;
};
struct lib_answer *lib_send(struct lib_acme *t, const struct lib_request *request);
struct lib_answer *lib_get(struct lib_acme *t, const char *path);
const char *lib_header(const struct lib_answer *answer, const char *name);
/* The URL of the Link header with this relation, NULL when there is none. */
const char *lib_link(const struct lib_acme *t, const struct lib_answer *answer, const char *relation);
const char *lib_member(const struct lib_answer *answer, const char *name);
/* The path of one of our URLs. */
const char *lib_path(const char *url);
const char *lib_nonce(struct lib_acme *t);

void lib_assert_problem(const struct lib_answer *answer, int status, const char *type, const char *detail);
void lib_assert_status(const struct lib_answer *answer, int status);

/* ---- the client ---- */

struct lib_client {
    struct lib_acme *t;
    struct fc_key *key;
    const char *url; /* of the account; NULL before */
    int64_t id;
    char thumbprint[FC_KEY_THUMB_LEN + 1];
};

/* What differs from a good request; zeroed: nothing. */
struct lib_twist {
    const struct fc_key *key; /* that signs */
    const char *url, *nonce, *kid;
    bool no_url, no_nonce, no_kid, jwk; /* jwk: embed the signing key */
    const json_t *header;               /* members to add to the protected header */
    const char *query, *host, *type, *extra;
};
struct fc_key *lib_key(struct lib_acme *t, const char *kind); /* "P-256", "P-384", "P-521", "RSA-2048"; of the test */
struct lib_client *lib_client_unregistered(struct lib_acme *t, const char *kind);
/* Registered, and the web server answers for it. */
struct lib_client *lib_client_new(struct lib_acme *t);
/* payload NULL: POST-as-GET. */
struct lib_answer *lib_post(struct lib_client *client, const char *path, const char *payload);
struct lib_answer *lib_post_twisted(struct lib_client *client, const char *path, const char *payload,
                                    const struct lib_twist *twist);
/* The body that lib_post_twisted would send. */
const char *lib_sign(struct lib_client *client, const char *path, const char *payload, const struct lib_twist *twist);
const char *lib_b64(struct lib_acme *t, const void *data, size_t len);
char *lib_text(struct lib_acme *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* newOrder for "a.test,*.b.test"; fails the test unless 201. */
struct lib_answer *lib_order(struct lib_client *client, const char *names);
const char *lib_order_payload(struct lib_acme *t, const char *names, const char *more);
/* n-th authorization of an order's answer, and its challenge of that type. */
const char *lib_authz_path(const struct lib_answer *order, size_t n);
const char *lib_challenge_path(struct lib_client *client, const char *authz_path, const char *type);
/* Waits until the VA has nothing under way; it forgets a validation after its verdict is committed. */
void lib_va_idle(struct lib_acme *t);
/* POSTs {} to every http-01 challenge of the order and waits for the verdicts. */
void lib_validate(struct lib_client *client, const struct lib_answer *order);
/* An order with valid authorizations. */
struct lib_answer *lib_ready_order(struct lib_client *client, const char *names);

struct lib_csr {
    EVP_PKEY *key;     /* NULL: a new P-256 one */
    const char *names; /* SAN dNSNames "a.test,b.test"; NULL: no SAN */
    const char *cn;
};
EVP_PKEY *lib_evp(struct lib_acme *t, const char *kind);
/* {"csr":"..."} */
const char *lib_csr_payload(struct lib_acme *t, const struct lib_csr *csr);
/* Orders, validates, finalizes, downloads. */
struct lib_issued {
    const char *order_path, *cert_path, *serial, *pem;
    EVP_PKEY *key;
    const char *der; /* base64url */
};
void lib_issue(struct lib_client *client, const char *names, struct lib_issued *ret_issued);
/* base64url DER of the first certificate of a PEM text. */
const char *lib_pem_der(struct lib_acme *t, const char *pem);

/* Events of a type so far. */
size_t lib_events(struct lib_acme *t, const char *type);

#endif
