#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"

#include "ca/ca_int.h"
#include "store/store_cert.h"

#define CA_ROW "tls/ca"
#define LEAF_ROW "tls/leaf"
#define NAMES_MAX 100

/* One of the two: a key with its certificate. */
struct pair {
    struct fc_key *key;
    struct fc_cert *cert;
    bool stored;
};

struct tls {
    const char *names[NAMES_MAX + 1];
    size_t n_names;
    struct pair ca, leaf;
};

static void tls_release(struct tls *tls)
{
    fc_key_free(tls->ca.key);
    fc_cert_free(tls->ca.cert);
    fc_key_free(tls->leaf.key);
    fc_cert_free(tls->leaf.cert);
}
#define auto_tls __attribute__((cleanup(tls_release)))

/* ---- names ---- */

static bool is_ip(const char *name)
{
    unsigned char address[16];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool is_host(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *rest = fc_text_starts(name, "*.") ? name + 2 : name;
    size_t len = strlen(name);

    return rest[0] && rest[0] != '.' && len <= 253 && name[len - 1] != '.' && strspn(rest, letters) == strlen(rest);
}

static int add_name(struct tls *tls, const char *name, struct fc_err *err)
{
    if (!is_ip(name) && !is_host(name))
        return fc_err_set(err, FC_E_USAGE, "TLS name '%s' is neither a host name nor an IP address", name);
    for (size_t i = 0; i < tls->n_names; i++)
        if (fc_text_equal_nocase(tls->names[i], name))
            return 0;
    if (tls->n_names == NAMES_MAX)
        return fc_err_set(err, FC_E_LIMIT, "more than %d TLS names", NAMES_MAX);
    tls->names[tls->n_names++] = name;
    return 0;
}

static int collect_names(struct tls *tls, const char *const *names, struct fc_err *err)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (add_name(tls, always[i], err))
            return -1;
    for (; names && *names; names++)
        if (add_name(tls, *names, err))
            return -1;
    return 0;
}

static bool has_all_names(const struct tls *tls)
{
    const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
    X509 *x509 = fc_cert_x509(tls->leaf.cert);

    for (size_t i = 0; i < tls->n_names; i++) {
        const char *name = tls->names[i];
        int match = is_ip(name) ? X509_check_ip_asc(x509, name, 0) : X509_check_host(x509, name, 0, flags, NULL);
        if (match != 1)
            return false;
    }
    return true;
}

/* ---- stored ---- */

static int get_row(struct fc_store *store, struct fc_arena *arena, const char *name, struct fc_issuer *ret_row,
                   struct fc_err *err)
{
    struct fc_err cause = {0};

    if (fc_store_issuer_get(store, arena, name, ret_row, &cause) == 0)
        return 0;
    if (cause.code != FC_E_NOT_FOUND)
        return fc_err_set(err, cause.code, "%s", cause.text);
    *ret_row = (struct fc_issuer){0};
    return 0;
}

static int read_pair(const struct fc_issuer *row, struct pair *pair, struct fc_err *err)
{
    if (!row->name)
        return 0;
    pair->stored = true;
    if (fc_ca_stored_read(row, &pair->key, &pair->cert, err))
        return -1;
    return pair->key ? 0
                     : fc_err_set(err, FC_E_DAMAGED, "the stored CA certificate '%s' is damaged: its key is missing",
                                  row->name);
}

static int load(struct tls *tls, struct fc_store *store, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_issuer ca, leaf;

    if (fc_store_begin(store, FC_STORE_READ, &tx, err) || get_row(store, arena, CA_ROW, &ca, err) ||
        get_row(store, arena, LEAF_ROW, &leaf, err) || fc_store_commit(&tx, err))
        return -1;
    if (read_pair(&ca, &tls->ca, err) || read_pair(&leaf, &tls->leaf, err))
        return -1;
    if (tls->leaf.stored && (!tls->ca.stored || !fc_cert_issued_by(tls->leaf.cert, tls->ca.cert)))
        return fc_err_set(err, FC_E_DAMAGED, "the stored certificate '" LEAF_ROW "' was not issued by '" CA_ROW "'");
    return 0;
}

static int save_pair(struct fc_store *store, const char *name, const struct pair *pair, struct fc_err *err)
{
    fc_auto_free unsigned char *key_der = NULL;
    struct fc_issuer row;

    if (fc_ca_stored_row(name, pair->key, pair->cert, &row, &key_der, err))
        return -1;
    return pair->stored ? fc_store_issuer_replace(store, &row, err) : fc_store_issuer_insert(store, &row, err);
}

static int save(struct tls *tls, struct fc_store *store, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(store, FC_STORE_WRITE, &tx, err) ||
        (!tls->ca.stored && save_pair(store, CA_ROW, &tls->ca, err)) || save_pair(store, LEAF_ROW, &tls->leaf, err) ||
        fc_store_commit(&tx, err))
        return -1;
    return 0;
}

/* ---- made ---- */

static int make_ca(struct pair *ca, struct fc_err *err)
{
    if (fc_key_generate(FC_KEY_P256, 0, &ca->key, err))
        return -1;
    const struct fc_cert_ca params = {.organization = "fakeca TEST CA",
                                      .cn = "fakeca TEST directory root - do not trust",
                                      .not_before = FC_TIME_MIN,
                                      .not_after = FC_TIME_MAX,
                                      .key = ca->key,
                                      .path_len = 0};
    return fc_cert_make_ca(&params, &ca->cert, err);
}

static int make_leaf(struct tls *tls, struct fc_err *err)
{
    fc_key_free(FC_TAKE(tls->leaf.key));
    fc_cert_free(FC_TAKE(tls->leaf.cert));
    if (fc_key_generate(FC_KEY_P256, 0, &tls->leaf.key, err))
        return -1;
    return fc_cert_make_tls(tls->leaf.key, tls->names, FC_TIME_MIN, FC_TIME_MAX, tls->ca.cert, tls->ca.key,
                            &tls->leaf.cert, err);
}

int fc_ca_tls_load(struct fc_store *store, const char *const *names, struct fc_ca_tls *ret_tls, struct fc_err *err)
{
    struct tls tls auto_tls = {0};
    char *key_pem;

    if (collect_names(&tls, names, err) || load(&tls, store, err))
        return -1;
    if (!tls.ca.stored && make_ca(&tls.ca, err))
        return -1;
    if (!tls.leaf.stored || !has_all_names(&tls)) {
        if (make_leaf(&tls, err) || save(&tls, store, err))
            return -1;
    }
    if (fc_key_to_pem(tls.leaf.key, &key_pem, err))
        return -1;
    fc_auto_free char *leaf_pem = fc_cert_pem(tls.leaf.cert);
    ret_tls->ca_pem = fc_cert_pem(tls.ca.cert);
    ret_tls->cert_pem = fc_asprintf("%s%s", leaf_pem, ret_tls->ca_pem);
    ret_tls->key_pem = key_pem;
    return 0;
}

int fc_ca_tls_own(const char *cert_pem, const char *key_pem, struct fc_ca_tls *ret_tls, struct fc_err *err)
{
    fc_auto(fc_key_free) struct fc_key *key = NULL;
    fc_auto(fc_cert_free) struct fc_cert *cert = NULL;

    if (fc_ca_own_pair("tls", cert_pem, key_pem, &key, &cert, err))
        return -1;
    *ret_tls = (struct fc_ca_tls){
        .cert_pem = fc_strdup(cert_pem), .key_pem = fc_strdup(key_pem), .ca_pem = fc_strdup(cert_pem)};
    return 0;
}

void fc_ca_tls_release(struct fc_ca_tls *tls)
{
    free(FC_TAKE(tls->cert_pem));
    free(FC_TAKE(tls->key_pem));
    free(FC_TAKE(tls->ca_pem));
}
