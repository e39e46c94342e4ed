/* Revocation: letsencrypt.md E.6. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"

#include "ca/ca.h"
#include "pki/pki_cert.h"
#include "store/store_cert.h"
#include "store/store_reuse.h"

#define REVOKE "Unable to revoke"

enum { KEY_COMPROMISE = 1, CESSATION_OF_OPERATION = 5 };

/* One revokeCert request. */
struct revocation {
    struct fc_acme_call *call;
    const unsigned char *der;
    size_t der_len;
    const char *serial; /* as the certificate says */
    unsigned char spki[32];
    const unsigned char *aki;
    size_t aki_len;
    int64_t reason; /* as asked; 0 when absent */
    struct fc_certificate row;
};

static void drop_cert(void *cert)
{
    fc_cert_free(cert);
}

/* ---- the request ---- */

static int read_body(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    const json_t *reason = json_object_get(call->body, "reason");
    const char *text = NULL;

    if (!call->body || fc_acme_body_text(call->body, "certificate", &text) ||
        (reason && !json_is_null(reason) && !json_is_integer(reason)))
        return fc_acme_refuse(call, MALFORMED, "Unable to JSON parse revoke request");
    text = text ? text : "";
    unsigned char *der = fc_arena_alloc(call->arena, strlen(text) + 1);
    if (fc_b64url_decode(text, strlen(text), der, &revocation->der_len))
        return fc_acme_refuse(call, MALFORMED, "Unable to JSON parse revoke request");
    revocation->der = der;
    revocation->reason = json_integer_value(reason);
    return 0;
}

static int read_cert(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    struct fc_cert *cert;
    struct fc_key *key;

    if (fc_cert_from_der(revocation->der, revocation->der_len, &cert, NULL))
        return fc_acme_refuse(call, MALFORMED, "Unable to parse certificate DER");
    fc_arena_defer(call->arena, drop_cert, cert);
    if (fc_cert_key(cert, &key, NULL))
        return fc_acme_refuse(call, MALFORMED, "Unable to parse certificate DER");
    fc_key_spki_hash(key, revocation->spki);
    fc_key_free(key);
    char *serial = fc_cert_serial(cert);
    fc_arena_defer(call->arena, free, serial);
    revocation->serial = serial;
    revocation->aki = fc_cert_aki(cert, &revocation->aki_len);
    return 0;
}

/* ---- which certificate ---- */

static int read_row(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_READ, &tx, &call->err))
        return -1;
    return fc_store_cert_get(call->acme->p.store, call->arena, revocation->serial, &revocation->row, &call->err);
}

/* Whether one of our issuers has the key identifier that the certificate names. */
static bool is_our_issuer(const struct revocation *revocation)
{
    struct fc_ca_info info;
    bool ours = false;

    for (size_t i = 0; !ours && revocation->aki && fc_ca_info(revocation->call->acme->p.ca, i, &info); i++) {
        fc_auto(fc_cert_free) struct fc_cert *issuer = NULL;
        size_t len;
        if (!info.ready || !info.issues_leaves || fc_cert_from_pem(info.pem, strlen(info.pem), &issuer, NULL))
            continue;
        const unsigned char *ski = fc_cert_ski(issuer, &len);
        ours = ski && len == revocation->aki_len && memcmp(ski, revocation->aki, len) == 0;
    }
    return ours;
}

static int not_ours(struct revocation *revocation)
{
    if (is_our_issuer(revocation))
        return fc_acme_missing(revocation->call, "No such certificate");
    return fc_acme_missing(revocation->call, "Certificate from unrecognized issuer");
}

static int find(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    const struct fc_certificate *row = &revocation->row;

    if (read_row(revocation))
        return fc_acme_problem_caught(call, FC_E_NOT_FOUND) ? not_ours(revocation)
                                                            : fc_acme_problem_internal(call, REVOKE);
    /* what is presented must be what was issued, byte by byte */
    if (strcmp(row->env, call->acme->p.policy->name) != 0 || row->der_len != revocation->der_len ||
        memcmp(row->der, revocation->der, row->der_len) != 0)
        return not_ours(revocation);
    if (call->now > row->not_after)
        return fc_acme_refuse(call, UNAUTHORIZED, "Certificate is expired");
    return 0;
}

static const char *named_reasons(struct fc_arena *arena, const int64_t *allowed)
{
    const char *names = ", allowed:";

    for (size_t i = 0; allowed[i] >= 0; i++)
        names = fc_arena_printf(arena, "%s %" PRId64, names, allowed[i]);
    return names;
}

static int check_reason(struct revocation *revocation)
{
    const int64_t *allowed = fc_acme_policy(revocation->call)->issuance.revocation_reasons;

    for (size_t i = 0; allowed[i] >= 0; i++)
        if (allowed[i] == revocation->reason)
            return 0;
    const char *names = fc_acme_departs(revocation->call)->revocation_reasons_unnamed
                            ? ""
                            : named_reasons(revocation->call->arena, allowed);
    return fc_acme_refuse(revocation->call, BAD_REVOCATION_REASON, "disallowed revocation reason: %" PRId64 "%s",
                          revocation->reason, names);
}

/* ---- one write each ---- */

static void add_event(const struct fc_acme *acme, const struct fc_certificate *row, int64_t now, int reason,
                      const char *by)
{
    const struct fc_event_about about = {
        .env = row->env, .account_id = row->account_id, .order_id = row->order_id, .serial = row->serial};

    fc_events_add(acme->p.events, FC_EVENT_CERT_REVOKED, now, &about,
                  json_pack("{s:i,s:s}", "reason", reason, "by", by));
}

static int refuse_again(struct revocation *revocation)
{
    return fc_acme_refuse(revocation->call, ALREADY_REVOKED,
                          "no certificate with serial %s and status other than revoked", revocation->serial);
}

/* Inside the write: whether the account holds valid authorizations for every identifier of the certificate. */
static int controls_all(struct revocation *revocation, bool *ret_all)
{
    struct fc_acme_call *call = revocation->call;
    const struct fc_certificate *row = &revocation->row;
    struct fc_authz authz;

    *ret_all = false;
    for (size_t i = 0; i < row->n_idents; i++) {
        bool wildcard = fc_ident_wildcard(&row->idents[i]);
        const struct fc_store_reuse_authz query = {
            .account_id = fc_acme_auth_account_id(call),
            .ident = {row->idents[i].type, row->idents[i].value + (wildcard ? 2 : 0)},
            .wildcard = wildcard,
            .any_profile = true,
            .after = call->now};
        if (fc_store_reuse_authz(call->acme->p.store, call->arena, &query, &authz, &call->err))
            return fc_acme_problem_caught(call, FC_E_NOT_FOUND) ? 0 : -1;
    }
    *ret_all = true;
    return 0;
}

/* By an account: its own certificate for the reason asked, another's for cessationOfOperation. */
static int revoke_by_account(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    const struct fc_certificate *row = &revocation->row;
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    bool own = row->account_id == fc_acme_auth_account_id(call), control = own;

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, &call->err) || (!own && controls_all(revocation, &control)))
        return fc_acme_problem_internal(call, REVOKE);
    if (!control)
        return fc_acme_refuse(call, UNAUTHORIZED,
                              "requester does not control all identifiers in cert with serial \"%s\"", row->serial);
    int reason = own ? (int)revocation->reason : CESSATION_OF_OPERATION;
    if (fc_store_cert_revoke(store, row->serial, call->now, reason, &call->err))
        return fc_acme_problem_caught(call, FC_E_BUSY) ? refuse_again(revocation)
                                                       : fc_acme_problem_internal(call, REVOKE);
    add_event(call->acme, row, call->now, reason, own ? "account" : "account with authorizations");
    return fc_store_commit(&tx, &call->err) ? fc_acme_problem_internal(call, REVOKE) : 0;
}

/* Inside the write: every other certificate with the compromised key goes too. */
static int revoke_others(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    struct fc_store *store = call->acme->p.store;
    struct fc_certificate row;
    const char **serials;

    if (fc_store_cert_by_key(store, call->arena, revocation->row.env, revocation->spki, &serials, &call->err))
        return -1;
    for (; *serials; serials++) {
        if (fc_store_cert_revoke(store, *serials, call->now, KEY_COMPROMISE, &call->err) ||
            fc_store_cert_get(store, call->arena, *serials, &row, &call->err))
            return -1;
        add_event(call->acme, &row, call->now, KEY_COMPROMISE, "same key");
    }
    return 0;
}

/* Inside the write: the certificate itself; an earlier revocation is upgraded. */
static int revoke_compromised(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    struct fc_certificate *row = &revocation->row;
    struct fc_store *store = call->acme->p.store;

    if (fc_store_cert_get(store, call->arena, row->serial, row, &call->err))
        return fc_acme_problem_internal(call, REVOKE);
    if (row->revoked_at && row->reason == KEY_COMPROMISE)
        return fc_acme_refuse(call, ALREADY_REVOKED,
                              "unable to re-revoke serial \"%s\" which is already revoked for keyCompromise",
                              row->serial);
    if (row->revoked_at ? fc_store_cert_set_reason(store, row->serial, KEY_COMPROMISE, &call->err)
                        : fc_store_cert_revoke(store, row->serial, call->now, KEY_COMPROMISE, &call->err))
        return fc_acme_problem_internal(call, REVOKE);
    add_event(call->acme, row, call->now, KEY_COMPROMISE, "certificate key");
    return 0;
}

/* Pebble draws no conclusion from who signed: the reason is the one that was given, the key may be certified again. */
static int revoke_as_asked(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    const struct fc_certificate *row = &revocation->row;

    if (fc_store_cert_revoke(call->acme->p.store, row->serial, call->now, (int)revocation->reason, &call->err))
        return fc_acme_problem_caught(call, FC_E_BUSY) ? refuse_again(revocation)
                                                       : fc_acme_problem_internal(call, REVOKE);
    add_event(call->acme, row, call->now, (int)revocation->reason, "certificate key");
    return 0;
}

/* Inside the write: what is known of a key that signs its own revocation. */
static int revoke_key(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;

    if (fc_acme_policy(call)->lenient.names)
        return revoke_as_asked(revocation);
    if (revoke_compromised(revocation))
        return -1;
    if (fc_store_key_block(call->acme->p.store, revocation->spki, &call->err) || revoke_others(revocation))
        return fc_acme_problem_internal(call, REVOKE);
    return 0;
}

static int revoke_by_key(struct revocation *revocation)
{
    struct fc_acme_call *call = revocation->call;
    struct fc_store *store = call->acme->p.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    unsigned char signer[32];

    fc_key_spki_hash(call->key, signer);
    if (memcmp(signer, revocation->spki, sizeof signer) != 0)
        return fc_acme_refuse(
            call, UNAUTHORIZED,
            "JWK embedded in revocation request must be the same public key as the cert to be revoked");
    if (fc_store_begin(store, FC_STORE_WRITE, &tx, &call->err))
        return fc_acme_problem_internal(call, REVOKE);
    if (revoke_key(revocation))
        return -1;
    return fc_store_commit(&tx, &call->err) ? fc_acme_problem_internal(call, REVOKE) : 0;
}

int fc_acme_revoke_cert(struct fc_acme_call *call)
{
    struct revocation *revocation = fc_arena_alloc(call->arena, sizeof *revocation);

    revocation->call = call;
    if (read_body(revocation) || read_cert(revocation) || find(revocation) || check_reason(revocation) ||
        (call->signer ? revoke_by_account(revocation) : revoke_by_key(revocation)))
        return call->problem.type == FC_PROBLEM_SERVER_INTERNAL
                   ? -1
                   : fc_problem_context(&call->problem, call->arena, REVOKE);
    call->res->status = 200;
    return 0;
}

/* ---- by the operator ---- */

int fc_acme_revoke(struct fc_acme *acme, const char *serial, int reason, int64_t now, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_certificate row;

    /* 7 is not used, 8 (removeFromCRL) is for delta CRLs (RFC 5280 section 5.3.1) */
    if (reason < 0 || reason > 10 || reason == 7 || reason == 8)
        return fc_err_set(err, FC_E_RANGE, "reason %d is not one of 0 to 6, 9 and 10", reason);
    if (fc_store_begin(acme->p.store, FC_STORE_WRITE, &tx, err) ||
        fc_store_cert_get(acme->p.store, arena, serial, &row, err))
        return -1;
    if (strcmp(row.env, acme->p.policy->name) != 0)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such certificate");
    if (fc_store_cert_revoke(acme->p.store, serial, now, reason, err))
        return -1;
    add_event(acme, &row, now, reason, "operator");
    return fc_store_commit(&tx, err);
}
