#include "policy/policy_int.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_time.h"

#define TEXT_MAX ((size_t)1024 * 1024)

static const char *const methods[] = {"http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01", NULL};
static const char *const methods_wildcard[] = {"dns-01", "dns-account-01", "dns-persist-01", NULL};
static const char *const methods_ip[] = {"http-01", "tls-alpn-01", NULL};

static void read_directory(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;
    const char *prefix;

    fc_json_obj_member(root, "directory", FC_JSON_REQUIRED, &obj);
    prefix = fc_json_str(&obj, "path_prefix", FC_JSON_REQUIRED, 64);
    if (prefix != NULL && prefix[0] != '\0' &&
        (prefix[0] != '/' || prefix[strlen(prefix) - 1] == '/' ||
         prefix[strspn(prefix, "/abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0'))
        fc_json_errs_add(&obj, "path_prefix", "must be empty or a path of /, a-z, 0-9 and '-' with no '/' at its end");
    policy->directory.path_prefix = prefix;
    policy->directory.terms_of_service = fc_policy_read_url(&obj, "terms_of_service");
    policy->directory.website = fc_policy_read_url(&obj, "website");
    policy->directory.caa_identities = fc_policy_read_strs(load, &obj, "caa_identities", 16, 253, NULL);
    policy->directory.random_key_value = fc_policy_read_url(&obj, "random_key_value");
    policy->directory.rate_limits_url = fc_policy_read_url(&obj, "rate_limits_url");
    (void)fc_policy_read_end(load, &obj);
}

static void read_departures(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy_departures *departs = &load->policy->departs;
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "departures", need, &obj);
    departs->contact_not_stored = fc_json_bool(&obj, "contact_not_stored", need, false);
    departs->no_orders_list = fc_json_bool(&obj, "no_orders_list", need, false);
    departs->no_pre_authorization = fc_json_bool(&obj, "no_pre_authorization", need, false);
    departs->no_dates_in_orders = fc_json_bool(&obj, "no_dates_in_orders", need, false);
    departs->expired_order_not_found = fc_json_bool(&obj, "expired_order_not_found", need, false);
    departs->unsigned_get = fc_json_bool(&obj, "unsigned_get", need, false);
    departs->new_nonce_no_store_missing = fc_json_bool(&obj, "new_nonce_no_store_missing", need, false);
    departs->random_directory_key = fc_json_bool(&obj, "random_directory_key", need, false);
    departs->media_type_malformed = fc_json_bool(&obj, "media_type_malformed", need, false);
    departs->replay_nonce_header_refused = fc_json_bool(&obj, "replay_nonce_header_refused", need, false);
    departs->large_body_unauthorized = fc_json_bool(&obj, "large_body_unauthorized", need, false);
    departs->key_mismatch_malformed = fc_json_bool(&obj, "key_mismatch_malformed", need, false);
    departs->nonce_kept_on_refusal = fc_json_bool(&obj, "nonce_kept_on_refusal", need, false);
    departs->nonce_syntax_bad_nonce = fc_json_bool(&obj, "nonce_syntax_bad_nonce", need, false);
    departs->url_mismatch_malformed = fc_json_bool(&obj, "url_mismatch_malformed", need, false);
    departs->dead_account_forbidden = fc_json_bool(&obj, "dead_account_forbidden", need, false);
    departs->account_status_refused = fc_json_bool(&obj, "account_status_refused", need, false);
    departs->same_key_malformed = fc_json_bool(&obj, "same_key_malformed", need, false);
    departs->conflict_type = fc_json_bool(&obj, "conflict_type", need, false);
    departs->unknown_path_plain_text = fc_json_bool(&obj, "unknown_path_plain_text", need, false);
    departs->csr_not_bad_csr = fc_json_bool(&obj, "csr_not_bad_csr", need, false);
    departs->validated_on_failure = fc_json_bool(&obj, "validated_on_failure", need, false);
    departs->challenge_stays_pending = fc_json_bool(&obj, "challenge_stays_pending", need, false);
    departs->incorrect_response_unauthorized = fc_json_bool(&obj, "incorrect_response_unauthorized", need, false);
    departs->profile_not_shown = fc_json_bool(&obj, "profile_not_shown", need, false);
    departs->identifier_type_rejected = fc_json_bool(&obj, "identifier_type_rejected", need, false);
    departs->terms_change_ignored = fc_json_bool(&obj, "terms_change_ignored", need, false);
    departs->revocation_reasons_unnamed = fc_json_bool(&obj, "revocation_reasons_unnamed", need, false);
    departs->authz_existence_shown = fc_json_bool(&obj, "authz_existence_shown", need, false);
    (void)fc_policy_read_end(load, &obj);
}

static void read_external_account(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "external_account", FC_JSON_OPTIONAL, &obj);
    policy->external_account.offered = fc_json_bool(&obj, "offered", FC_JSON_OPTIONAL, false);
    policy->external_account.required = fc_json_bool(&obj, "required", FC_JSON_OPTIONAL, false);
    if (policy->external_account.required && !policy->external_account.offered)
        fc_json_errs_add(&obj, "required", "needs 'offered' to be true");
    if (obj.value)
        (void)fc_policy_read_end(load, &obj);
    fc_json_obj_member(root, "reuse", FC_JSON_OPTIONAL, &obj);
    policy->reuse.orders_off = !fc_json_bool(&obj, "orders", FC_JSON_OPTIONAL, true);
    policy->reuse.authorizations_off = !fc_json_bool(&obj, "authorizations", FC_JSON_OPTIONAL, true);
    policy->reuse.margin_divisor = fc_json_int(&obj, "margin_divisor", FC_JSON_OPTIONAL, 1, 1000, 1);
    policy->reuse.margin_min = fc_json_duration(&obj, "margin_min", FC_JSON_OPTIONAL, 0, 365 * FC_DAY, 0);
    policy->reuse.margin_max = fc_json_duration(&obj, "margin_max", FC_JSON_OPTIONAL, 0, 365 * FC_DAY, 0);
    if (policy->reuse.margin_min > policy->reuse.margin_max)
        fc_json_errs_add(&obj, "margin_max", "must not be less than margin_min");
    if (obj.value)
        (void)fc_policy_read_end(load, &obj);
}

static void read_requests(struct fc_policy_load *load, struct fc_json_obj *root)
{
    static const char *const algorithms[] = {"RS256", "ES256", "ES384", "ES512", "PS256", "EdDSA", NULL};
    struct fc_policy *policy = load->policy;
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "requests", need, &obj);
    policy->requests.max_body = fc_json_int(&obj, "max_body", need, 1000, 1000000, 0);
    policy->requests.max_contacts = fc_json_int(&obj, "max_contacts", need, 0, 100, 0);
    policy->requests.max_identifier_bytes = fc_json_int(&obj, "max_identifier_bytes", need, 253, 1000000, 0);
    policy->requests.signature_algorithms = fc_policy_read_strs(load, &obj, "signature_algorithms", 6, 16, algorithms);
    if (policy->requests.signature_algorithms[0] == NULL && fc_json_has(&obj, "signature_algorithms"))
        fc_json_errs_add(&obj, "signature_algorithms", "must name at least one algorithm");
    policy->requests.forbidden_contact_domains =
        fc_policy_read_domains(load, &obj, "forbidden_contact_domains", 100, false);
    policy->requests.nonce_window = fc_json_int(&obj, "nonce_window", need, 64, 1048576, 0);
    policy->requests.internal_retry_after_s =
        fc_policy_read_seconds(&obj, "internal_retry_after", 0, FC_DAY) / FC_SECOND;
    (void)fc_policy_read_end(load, &obj);
}

static struct fc_policy_keys read_keys(struct fc_policy_load *load, struct fc_json_obj *root, const char *key)
{
    static const char *const words[] = {"P-256", "P-384", "P-521", NULL};
    struct fc_policy_keys rules = {0};
    int64_t bits[7];
    struct fc_json_obj obj;
    size_t count;
    const char **curves;

    fc_json_obj_member(root, key, FC_JSON_REQUIRED, &obj);
    count = fc_policy_read_ints(&obj, "rsa_bits", 1024, 8192, 7, bits);
    for (size_t i = 0; i < count; i++)
        rules.rsa_bits[i] = (int)bits[i];
    curves = fc_policy_read_strs(load, &obj, "curves", 3, 8, words);
    for (; *curves != NULL; curves++) {
        rules.p256 = rules.p256 || strcmp(*curves, "P-256") == 0;
        rules.p384 = rules.p384 || strcmp(*curves, "P-384") == 0;
        rules.p521 = rules.p521 || strcmp(*curves, "P-521") == 0;
    }
    (void)fc_policy_read_end(load, &obj);
    return rules;
}

static void read_names(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_json_obj obj;

    load->policy->account_keys = read_keys(load, root, "account_keys");
    load->policy->certificate_keys = read_keys(load, root, "certificate_keys");
    fc_json_obj_member(root, "blocked_names", FC_JSON_REQUIRED, &obj);
    load->policy->blocked_names = fc_policy_read_domains(load, &obj, "names", 10000, true);
    (void)fc_policy_read_end(load, &obj);
}

/* A quorum that lets all remote perspectives fail is none. */
static void read_quorum(struct fc_policy *policy, struct fc_json_obj *obj)
{
    const enum fc_json_need need = FC_JSON_REQUIRED;
    size_t before = obj->errs->count;

    policy->validation.remotes_min = fc_json_int(obj, "remotes_min", need, 2, 15, 0);
    policy->validation.remotes_may_fail = fc_json_int(obj, "remotes_may_fail", need, 0, 2, 0);
    policy->validation.remotes_many = fc_json_int(obj, "remotes_many", need, 3, 15, 0);
    policy->validation.remotes_many_may_fail = fc_json_int(obj, "remotes_many_may_fail", need, 0, 5, 0);
    if (obj->errs->count > before)
        return;
    if (policy->validation.remotes_may_fail >= policy->validation.remotes_min)
        fc_json_errs_add(obj, "remotes_may_fail", "must be less than remotes_min");
    if (policy->validation.remotes_many_may_fail >= policy->validation.remotes_many)
        fc_json_errs_add(obj, "remotes_many_may_fail", "must be less than remotes_many");
}

static void read_validation(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "validation", need, &obj);
    policy->validation.methods_dns = fc_policy_read_strs(load, &obj, "methods_dns", 5, 32, methods);
    policy->validation.methods_wildcard = fc_policy_read_strs(load, &obj, "methods_wildcard", 5, 32, methods_wildcard);
    policy->validation.methods_ip = fc_policy_read_strs(load, &obj, "methods_ip", 5, 32, methods_ip);
    policy->validation.user_agent = fc_json_str(&obj, "user_agent", need, 200);
    if (policy->validation.user_agent != NULL && strpbrk(policy->validation.user_agent, "\r\n") != NULL)
        fc_json_errs_add(&obj, "user_agent", "must be one line");
    policy->validation.connect_timeout = fc_json_duration(&obj, "connect_timeout", need, 100 * FC_MS, 5 * FC_MINUTE, 0);
    policy->validation.total_timeout = fc_json_duration(&obj, "total_timeout", need, 100 * FC_MS, 10 * FC_MINUTE, 0);
    policy->validation.remote_timeout = fc_json_duration(&obj, "remote_timeout", need, 100 * FC_MS, 10 * FC_MINUTE, 0);
    policy->validation.straggler_timeout = fc_json_duration(&obj, "straggler_timeout", need, 0, FC_MINUTE, 0);
    policy->validation.dns_timeout = fc_json_duration(&obj, "dns_timeout", need, 10 * FC_MS, FC_MINUTE, 0);
    policy->validation.dns_tries = fc_json_int(&obj, "dns_tries", need, 1, 10, 0);
    policy->validation.max_redirects = fc_json_int(&obj, "max_redirects", need, 0, 50, 0);
    policy->validation.max_redirect_path = fc_json_int(&obj, "max_redirect_path", need, 1, 8000, 0);
    policy->validation.max_body = fc_json_int(&obj, "max_body", need, 88, 65536, 0);
    policy->validation.http_port = fc_json_int(&obj, "http_port", need, 1, 65535, 0);
    policy->validation.https_port = fc_json_int(&obj, "https_port", need, 1, 65535, 0);
    policy->validation.perspectives = fc_json_int(&obj, "perspectives", need, 1, 16, 0);
    read_quorum(policy, &obj);
    policy->validation.caa_recheck_after =
        fc_json_duration(&obj, "caa_recheck_after", need, FC_MINUTE, 365 * FC_DAY, 0);
    (void)fc_policy_read_end(load, &obj);
}

static void check_oid(struct fc_json_obj *obj, const char *oid)
{
    bool digits = oid[0] >= '0' && oid[0] <= '2' && oid[1] == '.';

    for (size_t i = 1; digits && oid[i] != '\0'; i++) {
        if (oid[i] == '.')
            digits = oid[i + 1] >= '0' && oid[i + 1] <= '9';
        else
            digits = oid[i] >= '0' && oid[i] <= '9';
    }
    if (!digits)
        fc_json_errs_add(obj, "policy_oid", "must be an object identifier such as 2.23.140.1.2.1");
}

static void read_reasons(struct fc_policy *policy, struct fc_json_obj *obj)
{
    int64_t reasons[11];
    size_t count = fc_policy_read_ints(obj, "revocation_reasons", 0, 10, 11, reasons);

    for (size_t i = 0; i < count; i++) {
        if (reasons[i] == 7) /* RFC 5280 section 5.3.1: not used */
            fc_json_errs_add(obj, "revocation_reasons", "7 is no reason code of RFC 5280");
        policy->issuance.revocation_reasons[i] = reasons[i];
    }
    policy->issuance.revocation_reasons[count] = -1;
}

static void read_issuance(struct fc_policy_load *load, struct fc_json_obj *root)
{
    struct fc_policy *policy = load->policy;
    const enum fc_json_need need = FC_JSON_REQUIRED;
    struct fc_json_obj obj;

    fc_json_obj_member(root, "issuance", need, &obj);
    policy->issuance.finalize_async = fc_json_bool(&obj, "finalize_async", need, false);
    policy->issuance.caa_recheck_fails_order = fc_json_bool(&obj, "caa_recheck_fails_order", need, false);
    policy->issuance.processing_retry_after_s =
        fc_policy_read_seconds(&obj, "processing_retry_after", 0, FC_DAY) / FC_SECOND;
    policy->issuance.max_backdate = fc_json_duration(&obj, "max_backdate", need, 0, 2 * FC_DAY, 0);
    policy->issuance.serial_prefix = fc_json_int(&obj, "serial_prefix", need, 1, 127, 0);
    /* RFC 5280 section 4.1.2.2: at most 20 octets with the prefix; Baseline Requirements: at least 64 bits of randomness */
    policy->issuance.serial_random_bytes = fc_json_int(&obj, "serial_random_bytes", need, 8, 19, 0);
    policy->issuance.policy_oid = fc_json_str(&obj, "policy_oid", need, 64);
    if (policy->issuance.policy_oid != NULL)
        check_oid(&obj, policy->issuance.policy_oid);
    policy->issuance.crl_shards = fc_json_int(&obj, "crl_shards", need, 1, 65536, 0);
    policy->issuance.crl_validity = fc_json_duration(&obj, "crl_validity", need, FC_HOUR, 366 * FC_DAY, 0);
    policy->issuance.crl_keep_after_expiry = fc_json_duration(&obj, "crl_keep_after_expiry", need, 0, 366 * FC_DAY, 0);
    read_reasons(policy, &obj);
    (void)fc_policy_read_end(load, &obj);
}

static void read_root(struct fc_policy_load *load, struct fc_json_obj *root)
{
    load->lenient = fc_json_has(root, "lenient");
    load->policy->name = fc_policy_read_name(root, "name");
    load->policy->as_of = fc_policy_read_time(root, "as_of");
    load->policy->rehearsal = fc_json_bool(root, "rehearsal", FC_JSON_REQUIRED, false);
    read_directory(load, root);
    read_departures(load, root);
    read_external_account(load, root);
    read_requests(load, root);
    read_names(load, root);
    fc_policy_profiles_read(load, root);
    read_validation(load, root);
    read_issuance(load, root);
    fc_policy_hierarchy_read(load, root);
    fc_policy_profiles_check(load, root);
    fc_policy_limits_read(load, root);
    fc_policy_access_read(load, root);
    fc_policy_lenient_read(load, root);
}

/* ---- a file and its policies ---- */

struct fc_policy_box *fc_policy_box_new(struct fc_policy_file *file, json_t *root, const struct fc_policy_watch *watch,
                                        struct fc_json_errs *errs)
{
    struct fc_policy_box *box = fc_calloc(1, sizeof *box);
    struct fc_policy_load load = {.policy = &box->policy, .watch = watch};
    struct fc_json_obj obj;

    box->arena = fc_arena_new();
    box->root = json_incref(root);
    box->file = file;
    box->policy.source = file->name;
    box->policy.from = INT64_MIN;
    load.arena = box->arena;
    load.before = file->n_boxes > 0 ? file->boxes[file->n_boxes - 1] : NULL;
    fc_json_obj_root(&obj, root, errs);
    read_root(&load, &obj);
    if (file->n_boxes == 0)
        fc_policy_changes_read(&load, &obj, file);
    (void)fc_policy_read_end(&load, &obj);
    return box;
}

static void file_free(struct fc_policy_file *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->n_boxes; i++) {
        fc_arena_free(file->boxes[i]->arena);
        json_decref(file->boxes[i]->root);
        free(file->boxes[i]);
    }
    free(file->boxes);
    fc_arena_free(file->arena);
    json_decref(file->root);
    free(file->name);
    free(file);
}
FC_CLEANUP(struct fc_policy_file *, file_free)

static struct fc_policy_file *file_new(json_t *root, const char *name)
{
    struct fc_policy_file *file = fc_calloc(1, sizeof *file);

    file->name = fc_strdup(name != NULL ? name : "built-in");
    file->boxes = fc_calloc(FC_POLICY_DATES_MAX + 1, sizeof(struct fc_policy_box *));
    file->arena = fc_arena_new();
    file->root = json_incref(root);
    return file;
}

/* The policy of the beginning; the changes stay with the file. */
static void read_first(struct fc_policy_file *file, const struct fc_policy_watch *watch, struct fc_json_errs *errs)
{
    fc_auto_json first = json_is_object(file->root) ? json_copy(file->root) : json_incref(file->root);
    struct fc_policy_box *box = fc_policy_box_new(file, first, watch, errs);

    file->boxes[file->n_boxes++] = box;
    json_object_del(first, "changes");
}

static int load_all(struct fc_policy_file *file, const struct fc_policy_watch *watch, struct fc_json_errs *errs,
                    struct fc_err *err)
{
    read_first(file, watch, errs);
    fc_policy_changes_apply(file, errs);
    if (fc_json_errs_report(errs, err))
        return -1;
    fc_policy_profiles_link(file);
    return 0;
}

int fc_policy_load(const char *text, size_t len, const char *file_name, const struct fc_policy_watch *watch,
                   struct fc_policy **ret_policy, struct fc_err *err)
{
    fc_auto_json root = NULL;
    struct fc_json_errs errs;

    if (len > TEXT_MAX)
        return fc_err_set(err, FC_E_USAGE, "policy '%s' is larger than 1 MiB",
                          file_name != NULL ? file_name : "built-in");
    if (fc_json_parse(text, len, &root, err) != 0) {
        if (err != NULL)
            err->code = FC_E_USAGE; /* a file that the user names */
        return fc_err_prefix(err, "%s", file_name != NULL ? file_name : "built-in policy");
    }
    fc_auto(file_free) struct fc_policy_file *file = file_new(root, file_name);
    fc_json_errs_init(&errs, file_name, text, len);
    int rc = load_all(file, watch, &errs, err);
    fc_json_errs_release(&errs);
    if (rc != 0)
        return -1;
    const struct fc_policy *first = &file->boxes[0]->policy;
    *ret_policy = (struct fc_policy *)(uintptr_t)fc_policy_at(first, first->as_of);
    file = NULL; /* it lives as long as its policies */
    return 0;
}

int fc_policy_parse(const char *text, size_t len, const char *file, struct fc_policy **ret_policy, struct fc_err *err)
{
    return fc_policy_load(text, len, file, NULL, ret_policy, err);
}

void fc_policy_free(struct fc_policy *policy)
{
    if (policy != NULL)
        file_free(((struct fc_policy_box *)(void *)policy)->file);
}

int64_t fc_policy_reuse_margin(const struct fc_policy *policy, int64_t order_lifetime)
{
    int64_t margin = order_lifetime / policy->reuse.margin_divisor;

    if (margin < policy->reuse.margin_min)
        return policy->reuse.margin_min;
    return margin > policy->reuse.margin_max ? policy->reuse.margin_max : margin;
}
