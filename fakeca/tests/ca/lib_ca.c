#include "lib_ca.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"

#define WORDS_MAX 40
#define OUTPUT_MAX ((size_t)256 * 1024)

int64_t lib_ca_time(const char *text)
{
    int64_t at;

    if (fc_time_parse(text, &at, NULL))
        fail_msg("'%s' is no time", text);
    return at;
}

/* ---- the policy: production with two roots, an issuer and a backup below each, and nothing cross-signed ---- */

static json_t *certificate(const char *name, const char *common_name, const char *key, const char *issuer, bool backup)
{
    json_t *made = json_pack("{s:s,s:o,s:s,s:s,s:b,s:s,s:s,s:s}", "name", name, "common_name",
                             json_sprintf("fakeca TEST %s (production) - do not trust", common_name), "organization",
                             "fakeca TEST CA", "key", key, "issues_leaves", issuer != NULL, "not_before", "2015-01-01",
                             "not_after", "2199-12-31T23:59:59Z", "source", "a test");

    if (issuer)
        json_object_set_new(made, "issuer", json_string(issuer));
    if (backup)
        json_object_set_new(made, "backup", json_true());
    return made;
}

static json_t *hierarchy(void)
{
    json_t *list = json_array();

    json_array_append_new(list, certificate("root-ecdsa", "Root YE", "P-256", NULL, false));
    json_array_append_new(list, certificate("root-rsa", "Root YR", "RSA-2048", NULL, false));
    json_array_append_new(list, certificate("int-ecdsa-1", "YE1", "P-256", "root-ecdsa", false));
    json_array_append_new(list, certificate("int-rsa-1", "YR1", "RSA-2048", "root-rsa", false));
    json_array_append_new(list, certificate("int-ecdsa-2", "YE2", "P-256", "root-ecdsa", true));
    json_array_append_new(list, certificate("int-rsa-2", "YR2", "RSA-2048", "root-rsa", true));
    return json_pack("{s:o,s:s}", "certificates", list, "source", "a test");
}

/* Rows of changes that speak of the hierarchy of production. */
static bool is_of_hierarchy(const char *path)
{
    return fc_text_starts(path, "hierarchy.") || fc_text_ends(path, ".issuers");
}

static int load_policy(struct fc_policy **ret_policy)
{
    fc_auto_json root = NULL;
    size_t len, i;
    const char *text = fc_policy_builtin_text("production", &len), *path;
    json_t *row, *value;
    void *next;

    if (fc_json_parse(text, len, &root, NULL))
        return -1;
    json_object_set_new(root, "hierarchy", hierarchy());
    json_array_foreach(json_object_get(root, "profiles"), i, row) json_object_set_new(row, "issuers", json_array());
    json_array_foreach(json_object_get(root, "changes"), i, row)
    {
        json_t *set = json_object_get(row, "set");
        json_object_foreach_safe(set, next, path, value) if (is_of_hierarchy(path)) json_object_del(set, path);
    }
    fc_auto_free char *changed = fc_json_text(root);
    return fc_policy_parse(changed, strlen(changed), NULL, ret_policy, NULL);
}

void lib_ca_set_cas(struct lib_ca *t, struct fc_policy_ca *cas, size_t count)
{
    size_t n;
    const struct fc_policy_change *changes = fc_policy_changes(t->policy, &n);

    for (size_t i = 0; i <= n; i++) {
        int64_t on = i < n ? changes[i].on : INT64_MIN;
        struct fc_policy *policy = (struct fc_policy *)(uintptr_t)fc_policy_at(t->policy, on);
        policy->cas = cas;
        policy->n_cas = count;
    }
}

void lib_ca_take(struct lib_ca *t, const char *environment)
{
    fc_ca_free(FC_TAKE(t->ca));
    fc_policy_free(FC_TAKE(t->policy));
    assert_int_equal(fc_policy_builtin(environment, &t->policy, NULL), 0);
}

/* ---- fixture ---- */

int lib_ca_setup(void **state)
{
    struct lib_ca *t = fc_calloc(1, sizeof *t);
    const struct fc_store_params params = {0};

    *state = t;
    t->arena = fc_arena_new();
    t->now = lib_ca_time("2026-09-01T12:00:00Z");
    snprintf(t->dir, sizeof t->dir, "/tmp/fc-ca-XXXXXX");
    if (!mkdtemp(t->dir) || fc_store_open(&params, &t->store, NULL))
        return -1;
    return load_policy(&t->policy);
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

int lib_ca_teardown(void **state)
{
    struct lib_ca *t = *state;

    fc_ca_free(t->ca);
    fc_policy_free(t->policy);
    fc_store_close(t->store);
    remove_folder(t->dir);
    fc_arena_free(t->arena);
    free(t);
    return 0;
}

void lib_ca_start(struct lib_ca *t)
{
    const struct fc_ca_params params = {.policy = t->policy, .store = t->store, .pki_url = LIB_CA_URL, .now = t->now};
    struct fc_err err = {0};

    fc_ca_free(FC_TAKE(t->ca));
    if (fc_ca_new(&params, &t->ca, &err))
        fail_msg("fc_ca_new: %s", err.text);
}

void lib_ca_start_all(struct lib_ca *t)
{
    lib_ca_start(t);
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
}

/* ---- keys and CSRs ---- */

static void free_evp(void *key)
{
    EVP_PKEY_free(key);
}

static EVP_PKEY *make_rsa(const char *kind)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *three = BN_new();
    EVP_PKEY *key = NULL;
    char bits[8];
    int64_t n;

    snprintf(bits, sizeof bits, "%s", kind + 4);
    bits[4] = '\0';
    assert_int_equal(fc_text_int(bits, 512, 8192, &n, NULL), 0);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)n), 1);
    BN_set_word(three, 3);
    if (fc_text_ends(kind, "-3"))
        assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, three), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    BN_free(three);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *lib_ca_key(struct lib_ca *t, const char *kind)
{
    EVP_PKEY *key;

    if (fc_text_starts(kind, "RSA-"))
        key = make_rsa(kind);
    else if (fc_text_starts(kind, "P-"))
        key = EVP_EC_gen(kind);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    assert_non_null(key);
    fc_arena_defer(t->arena, free_evp, key);
    return key;
}

/* subject NULL: of a request */
static X509_EXTENSION *make_extension(X509 *subject, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, subject, subject, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    return extension;
}

static void add_extension(STACK_OF(X509_EXTENSION) * *list, int nid, const char *value)
{
    X509_EXTENSION *extension = make_extension(NULL, nid, value);

    X509v3_add_ext(list, extension, -1);
    X509_EXTENSION_free(extension);
}

static void add_name(X509_NAME *subject, const char *field, const char *value)
{
    if (value)
        assert_int_equal(
            X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0), 1);
}

unsigned char *lib_ca_csr_der(struct lib_ca *t, const struct lib_ca_csr *params, size_t *ret_len)
{
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    const EVP_MD *digest =
        EVP_PKEY_is_a(params->key, "ED25519") ? NULL : EVP_get_digestbyname(params->digest ? params->digest : "SHA256");
    unsigned char *der = NULL;

    X509_REQ_set_version(req, 0);
    X509_REQ_set_pubkey(req, params->key);
    add_name(X509_REQ_get_subject_name(req), "CN", params->cn);
    add_name(X509_REQ_get_subject_name(req), "emailAddress", params->email);
    if (params->san)
        add_extension(&extensions, NID_subject_alt_name, params->san);
    if (params->must_staple)
        add_extension(&extensions, NID_tlsfeature, "status_request");
    if (extensions)
        assert_int_equal(X509_REQ_add_extensions(req, extensions), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    assert_int_not_equal(X509_REQ_sign(req, params->key, digest), 0);
    int len = i2d_X509_REQ(req, &der);
    assert_true(len > 0);
    unsigned char *copy = fc_arena_memdup(t->arena, der, (size_t)len);
    OPENSSL_free(der);
    X509_REQ_free(req);
    *ret_len = (size_t)len;
    return copy;
}

static void free_csr(void *csr)
{
    fc_csr_free(csr);
}

struct fc_csr *lib_ca_csr_parse(struct lib_ca *t, const unsigned char *der, size_t len)
{
    struct fc_csr *csr;
    struct fc_err err = {0};

    if (fc_csr_parse(der, len, &csr, &err))
        fail_msg("fc_csr_parse: %s", err.text);
    fc_arena_defer(t->arena, free_csr, csr);
    return csr;
}

struct fc_csr *lib_ca_csr(struct lib_ca *t, const struct lib_ca_csr *params)
{
    size_t len;
    const unsigned char *der = lib_ca_csr_der(t, params, &len);

    return lib_ca_csr_parse(t, der, len);
}

/* ---- issuing ---- */

struct fc_ident *lib_ca_idents(struct lib_ca *t, const char *names, size_t *ret_n)
{
    struct fc_ident *idents = fc_arena_alloc(t->arena, (strlen(names) + 1) * sizeof *idents);
    size_t n = 0;

    while (*names) {
        size_t len = strcspn(names, ",");
        const char *name = fc_arena_strndup(t->arena, names, len);
        bool ip = strchr(name, ':') || strspn(name, "0123456789.") == len;
        idents[n++] = (struct fc_ident){ip ? FC_IDENT_IP : FC_IDENT_DNS, name};
        names += len + (names[len] == ',');
    }
    *ret_n = fc_ident_sort_unique(idents, n);
    return idents;
}

int lib_ca_issue(struct lib_ca *t, const char *names, EVP_PKEY *key, struct fc_certificate *ret_certificate,
                 struct fc_err *err)
{
    struct fc_ca_order order = {.now = t->now, .account_id = 7, .order_id = 9};
    const char *san = "";

    order.idents = lib_ca_idents(t, names, &order.n_idents);
    for (size_t i = 0; i < order.n_idents; i++)
        san = fc_arena_printf(t->arena, "%s%s%s:%s", san, i ? "," : "",
                              order.idents[i].type == FC_IDENT_IP ? "IP" : "DNS", order.idents[i].value);
    order.csr = lib_ca_csr(t, &(struct lib_ca_csr){.key = key, .san = san});
    return fc_ca_issue(t->ca, &order, t->arena, ret_certificate, err);
}

void lib_ca_issue_late(struct lib_ca *t, const char *names, EVP_PKEY *key, struct fc_certificate *ret_certificate)
{
    struct fc_err err = {0};

    if (lib_ca_issue(t, names, key, ret_certificate, &err) == 0)
        return;
    if (err.code != FC_E_AGAIN)
        fail_msg("%s", err.text);
    assert_int_equal(fc_ca_start_background(t->ca, NULL), 0);
    assert_true(fc_ca_wait_ready(t->ca, fc_clock_mono() + 100 * FC_SECOND));
    assert_int_equal(lib_ca_issue(t, names, key, ret_certificate, NULL), 0);
}

/* ---- the openssl command ---- */

void lib_ca_write(struct lib_ca *t, const char *name, const void *data, size_t len)
{
    FILE *file = fopen(fc_arena_printf(t->arena, "%s/%s", t->dir, name), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void lib_ca_write_text(struct lib_ca *t, const char *name, const char *text)
{
    lib_ca_write(t, name, text, strlen(text));
}

void lib_ca_write_chain(struct lib_ca *t, const struct fc_certificate *certificate)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const char *pem = fc_ca_chain_pem(t->ca, t->arena, certificate, t->now, 0);

    assert_non_null(pem);
    const char *rest = strstr(pem, end);
    assert_non_null(rest);
    rest += strlen(end);
    lib_ca_write(t, "leaf.pem", pem, (size_t)(rest - pem));
    lib_ca_write_text(t, "chain.pem", rest);
    lib_ca_write_text(t, "root.pem", fc_ca_roots_pem(t->ca, t->arena));
}

static _Noreturn void run_child(const char *dir, int output, char **words)
{
    int null = open("/dev/null", O_RDONLY);

    if (chdir(dir) || null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    execvp("openssl", words);
    _exit(127);
}

int lib_ca_openssl(struct lib_ca *t, const char **ret_output, const char *command, ...)
{
    char line[1024];
    char *words[WORDS_MAX + 1] = {line};
    size_t n = 1, len = 0;
    int pipes[2], status;
    va_list args;

    va_start(args, command);
    char *rest = line + snprintf(line, sizeof line, "openssl ");
    vsnprintf(rest, sizeof line - 8, command, args);
    va_end(args);
    for (char *space = line; n < WORDS_MAX && (space = strchr(space, ' ')); words[n++] = space)
        *space++ = '\0';

    char *output = fc_arena_alloc(t->arena, OUTPUT_MAX);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(t->dir, pipes[1], words);
    close(pipes[1]);
    for (ssize_t got; (got = read(pipes[0], output + len, OUTPUT_MAX - 1 - len)) > 0;)
        len += (size_t)got;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    *ret_output = output;
    return WEXITSTATUS(status);
}

void lib_ca_assert_in_order(const char *text, const char *const *parts)
{
    const char *from = text;

    for (; *parts; parts++) {
        const char *found = strstr(from, *parts);
        if (!found)
            fail_msg("'%s' is not there, or out of order, in:\n%s", *parts, text);
        else
            from = found + strlen(*parts);
    }
}

/* ---- damage ---- */

void lib_ca_damage(struct lib_ca *t, const char *name, enum lib_ca_damage damage, const char *other)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_issuer row, from = {0};

    assert_int_equal(fc_store_begin(t->store, FC_STORE_WRITE, &tx, NULL), 0);
    assert_int_equal(fc_store_issuer_get(t->store, t->arena, name, &row, NULL), 0);
    if (other)
        assert_int_equal(fc_store_issuer_get(t->store, t->arena, other, &from, NULL), 0);
    switch (damage) {
    case LIB_CA_CUT_CERT:
        row.cert_len--;
        break;
    case LIB_CA_CUT_KEY:
        row.key_len /= 2;
        break;
    case LIB_CA_KEY_OF: /* of nobody: none */
        row.key_der = from.key_der;
        row.key_len = from.key_len;
        break;
    case LIB_CA_ROW_OF:
        row = from;
        row.name = name;
        break;
    }
    assert_int_equal(fc_store_issuer_replace(t->store, &row, NULL), 0);
    assert_int_equal(fc_store_commit(&tx, NULL), 0);
}

/* ---- foreign roots ---- */

static const char *pem_of(struct lib_ca *t, BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    const char *text = fc_arena_strndup(t->arena, data, (size_t)len);

    BIO_free(bio);
    return text;
}

static void add_cert_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = make_extension(cert, nid, value);

    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

void lib_ca_make_root(struct lib_ca *t, const struct lib_ca_root *root, const char **ret_cert_pem,
                      const char **ret_key_pem)
{
    EVP_PKEY *key = lib_ca_key(t, root->key);
    EVP_PKEY *signer = root->foreign ? lib_ca_key(t, "P-256") : key;
    X509 *cert = X509_new();
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711);
    ASN1_TIME_set_string(X509_getm_notBefore(cert), root->not_before ? root->not_before : "20150101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(cert), root->not_after ? root->not_after : "20991231235959Z");
    add_name(X509_get_subject_name(cert), "CN", "own TEST root");
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    if (root->foreign) {
        X509_NAME *name = X509_NAME_new();
        add_name(name, "CN", "somebody else");
        X509_set_issuer_name(cert, name);
        X509_NAME_free(name);
    }
    X509_set_pubkey(cert, key);
    if (root->basic_constraints)
        add_cert_extension(cert, NID_basic_constraints, root->basic_constraints);
    if (root->key_usage)
        add_cert_extension(cert, NID_key_usage, root->key_usage);
    add_cert_extension(cert, NID_subject_key_identifier, "hash");
    assert_int_not_equal(X509_sign(cert, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256()), 0);
    PEM_write_bio_X509(cert_pem, cert);
    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
    X509_free(cert);
    *ret_cert_pem = pem_of(t, cert_pem);
    *ret_key_pem = pem_of(t, key_pem);
}
