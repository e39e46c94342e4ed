/* What a policy file can get wrong, and what the loader says to it. */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "policy/lib_policy.h"

#include "cmocka_all.h"

/* Loads production with the member of the object at `path` replaced by the JSON text `value`; the error must contain `says`
 * (NULL: it loads). */
static void assert_change(const char *path, const char *member, const char *value, const char *says)
{
    fc_auto_json root = production_json();
    fc_auto_json changed = json_loads(value, JSON_DECODE_ANY, NULL);
    struct fc_err err = {0};

    assert_non_null(changed);
    assert_int_equal(json_object_set(find_json(root, path), member, changed), 0);
    int rc = load_json(root, &err);
    if (!says && rc != 0)
        fail_msg("'%s' of '%s' = %s: %s", member, path, value, err.text);
    if (says && (rc == 0 || err.code != FC_E_USAGE || !strstr(err.text, says)))
        fail_msg("'%s' of '%s' = %s: '%s', not '%s'", member, path, value, rc ? err.text : "(loads)", says);
}

struct change {
    const char *path, *member, *value, *says;
};

#define P0 "profiles[0]"
#define O3 "limits.NewOrdersPerAccount"
#define V0 "limits.overrides[0]"
#define CA0 "hierarchy.certificates[0]" /* root-x1 */
#define CA2 "hierarchy.certificates[2]" /* root-ye */
#define CA4 "hierarchy.certificates[4]" /* ye1 */
#define X0 "hierarchy.cross_signs[0]"   /* root-x2-by-x1 */

static const struct change changes[] = {
    /* names */
    {"", "name", "\"my-ca2\"", NULL},
    {"", "name", "\"\"", "name: must be a name of a-z, 0-9 and '-' that begins with a letter"},
    {"", "name", "\"2ca\"", "name: must be a name"},
    {"", "name", "\"My\"", "name: must be a name"},
    {"", "source", "\"\"", "source: must name where the values come from"},
    {"directory", "path_prefix", "\"/a/b-2\"", NULL},
    {"directory", "path_prefix", "\"a\"", "directory.path_prefix: must be empty or a path"},
    {"directory", "path_prefix", "\"/a/\"", "directory.path_prefix: must be empty or a path"},
    {"directory", "path_prefix", "\"/\"", "directory.path_prefix: must be empty or a path"},
    {"directory", "path_prefix", "\"/A?\"", "directory.path_prefix: must be empty or a path"},
    {"directory", "website", "\"letsencrypt.org\"", "directory.website: must be an http or https URL"},
    {"directory", "website", "\"ftp://x\"", "directory.website: must be an http or https URL"},
    /* words */
    {"requests", "signature_algorithms", "[]", "requests.signature_algorithms: must name at least one algorithm"},
    {"requests", "signature_algorithms", "[\"ES265\"]",
     "requests.signature_algorithms[0]: 'ES265' is not one of the values permitted here, did you mean 'ES256'?"},
    {"requests", "signature_algorithms", "[\"RS256\", \"none\"]",
     "requests.signature_algorithms[1]: 'none' is not one of the values permitted here"},
    {"requests", "signature_algorithms", "[\"RS256\", \"RS256\"]",
     "requests.signature_algorithms[1]: 'RS256' stands here twice"},
    {"requests", "signature_algorithms", "[\"\"]",
     "requests.signature_algorithms[0]: '' is not one of the values permitted here"},
    {"validation", "methods_wildcard", "[\"http-01\"]",
     "validation.methods_wildcard[0]: 'http-01' is not one of the values permitted here"},
    {"validation", "methods_ip", "[\"dns-01\"]", "validation.methods_ip[0]: 'dns-01' is not one"},
    {"validation", "methods_ip", "[\"tls-alpn-01\", \"http-01\"]", NULL},
    {"validation", "user_agent", "\"a\\r\\nX: y\"", "validation.user_agent: must be one line"},
    {"account_keys", "curves", "[\"P-256\", \"P-521\"]", NULL},
    {"account_keys", "curves", "[\"P256\"]", "did you mean 'P-256'?"},
    {"account_keys", "rsa_bits", "[2048, 2048]", "account_keys.rsa_bits: 2048 stands here twice"},
    {"account_keys", "rsa_bits", "[512]", "account_keys.rsa_bits: element 0 must be an integer from 1024 to 8192"},
    {"account_keys", "rsa_bits", "[2048.5]", "account_keys.rsa_bits: element 0 must be an integer"},
    {"account_keys", "rsa_bits", "[]", NULL},
    /* lists of names: what is not in normal form would never be found */
    {"blocked_names", "names", "[\"a.example.com\", \"10.0.0.0/8\", \"fc00::/7\"]", NULL},
    {"blocked_names", "names", "[\"ok.com\", \"Example.com\"]",
     "blocked_names.names[1]: 'Example.com' is no domain name in lower case and no address prefix"},
    {"blocked_names", "names", "[\".com\"]", "'.com' is no domain name"},
    {"blocked_names", "names", "[\"\"]", "'' is no domain name"},
    {"blocked_names", "names", "[\"10.0.0.0/33\"]", "'10.0.0.0/33' is no domain name"},
    {"blocked_names", "names", "[\"*.a.com\"]", "'*.a.com' is no domain name"},
    {"blocked_names", "names", "[\"a.com\", \"b.com\", \"a.com\"]",
     "blocked_names.names[2]: 'a.com' stands here twice"},
    {"requests", "forbidden_contact_domains", "[\"10.0.0.0/8\"]", "'10.0.0.0/8' is no domain name in lower case"},
    /* durations */
    {P0, "validity", "\"90 days\"", P0 ".validity: "},
    {P0, "validity", "\"90\"", P0 ".validity: "},
    {P0, "validity", "\"-90d\"", "is not between"},
    {P0, "validity", "\"59m\"", "'59m' is not between 1h and "},
    {P0, "validity", "\"90d1ms\"", P0 ".validity: must be whole seconds"},
    {P0, "validity", "\"160h\"", NULL},
    {"requests", "internal_retry_after", "\"500ms\"", "requests.internal_retry_after: must be whole seconds"},
    {"issuance", "processing_retry_after", "\"2d\"", "issuance.processing_retry_after: '2d' is not between 0s and 1d"},
    /* profiles */
    {P0, "identifier_types", "[]", P0 ".identifier_types: must name at least one type"},
    {P0, "identifier_types", "[\"dns\", \"ip\"]", NULL},
    {"profiles[1]", "issuers", "[\"yr1\"]", NULL},
    {P0, "issuers", "[\"int-x\"]", P0 ".issuers: no certificate 'int-x' issues leaves"},
    {P0, "issuers", "[\"root-yr\"]", P0 ".issuers: no certificate 'root-yr' issues leaves"},
    {"profiles[1]", "client_auth", "true",
     "p.json: with the changes of 2025-12-01T00:00:00Z: profiles[1].client_auth: the issuer 'ye1' is not for client "
     "authentication: nobody would take it"},
    {"hierarchy.certificates[10]", "client_auth", "false",
     P0 ".client_auth: the issuer 'e5' is not for client authentication: nobody would take it"},
    {"validation", "remotes_may_fail", "3", "validation.remotes_may_fail: 3 is not between 0 and 2"},
    {"validation", "remotes_many", "3", NULL},
    {"validation", "remotes_min", "1", "validation.remotes_min: 1 is not between 2 and 15"},
    {"validation", "remotes_many_may_fail", "6", "validation.remotes_many_may_fail: 6 is not between 0 and 5"},
    {"reuse", "margin_max", "\"59m\"", "reuse.margin_max: must not be less than margin_min"},
    {"access", "blocked_accounts", "[0]", "access.blocked_accounts: element 0 must be an integer from 1"},
    /* limits */
    {O3, "period", "\"999ms\"", O3 ".period: '999ms' is not between 1s and "},
    {O3, "burst", "1000000000", O3 ".burst: a whole burst would take more than ten years to come back"},
    {V0, "key", "\"0\"", V0 ".key: '0' names nothing: an override of this limit is for the number of an account"},
    {V0, "key", "\"\"", V0 ".key: '' names nothing"},
    {V0, "key", "\"17a\"", V0 ".key: '17a' names nothing"},
    {V0, "limit", "\"CertificatesPerDomain\"", NULL},
    {V0, "limit", "\"CertificatesPerDomainPerAccount\"", NULL},
    {V0, "limit", "\"CertificatesPerFQDNSet\"", V0 ".limit: there are no overrides of 'CertificatesPerFQDNSet'"},
    {V0, "limit", "\"NewOrderPerAccount\"",
     V0 ".limit: unknown word 'NewOrderPerAccount', did you mean 'NewOrdersPerAccount'?"},
    {V0, "limit", "\"NewRegistrationsPerIPAddress\"", NULL},
    {"request_limits.endpoints[1]", "path", "\"acme\"", "request_limits.endpoints[1].path: must begin with '/'"},
    {"renewal_info", "revoked_end", "\"2h\"", "renewal_info.revoked_end: must not be longer ago than revoked_start"},
    {"renewal_info", "retry_after", "\"500ms\"", "renewal_info.retry_after: "},
    /* changes */
    {"", "as_of", "\"2026-13-01\"", "as_of: "},
    {"changes[0]", "on", "\"2030-01-01\"", "changes[1].on: must not be earlier than that of the row before"},
    {"changes[0]", "on", "\"soon\"", "changes[0].on: "},
    {"changes[0]", "what", "\"\"", "changes[0].what: must say what changes"},
    {"changes[0]", "set", "{\"profiles.clasic.validity\": \"1d\"}",
     "changes[0].set: 'profiles.clasic.validity' names nothing that the policy has"},
    {"changes[0]", "set", "{\"profiles.clasic.validity\": \"1d\"}", "has, did you mean 'profiles.classic'?"},
    {"changes[0]", "set", "{\"profiles.classic.valdity\": \"1d\"}", "did you mean 'profiles.classic.validity'?"},
    {"changes[0]", "set", "{\"issuance.crl_shards\": 7}",
     "p.json: with the changes of 2024-02-08T00:00:00Z: issuance.crl_shards: is the same at all times: no date can "
     "change it"},
    {"changes[0]", "set", "{\"directory.path_prefix\": \"/x\"}", "directory.path_prefix: is the same at all times"},
    {"changes[0]", "set", "{\"\": 1}", "changes[0].set: '' names nothing that the policy has"},
    {"changes[0]", "set", "{\"..\": 1}", "changes[0].set: '..' names nothing that the policy has"},
    {"changes[0]", "set", "{\"changes\": []}", "changes[0].set: 'changes' names nothing that the policy has"},
    {"changes[0]", "set", "{\"profiles.classic.validity\": \"90d\"}",
     "changes[0].set: 'profiles.classic.validity' has this value already: nothing changes"},
    {"changes[0]", "set", "{\"profiles.classic.validity\": \"1m\", \"issuance.crl_shards\": 0}",
     "p.json: with the changes of 2024-02-08T00:00:00Z: profiles[0].validity: '1m' is not between 1h and "},
    {"changes[0]", "set", "{\"profiles.classic.validity\": \"1m\", \"issuance.crl_shards\": 0}",
     "p.json: with the changes of 2024-02-08T00:00:00Z: issuance.crl_shards: 0 is not between "},
    {"changes[0]", "set",
     "{\"hierarchy.certificates.yr1.issues_leaves\": false, \"profiles.classic.issuers\": [\"yr1\"]}",
     "profiles[0].issuers: no certificate 'yr1' issues leaves"},
    {"profiles[0]", "name", "\"classik\"", "default_profile: there is no profile 'classic'"},
    {"", "profiles", "[]", "default_profile: there is no profile 'classic'"},
    {"", "default_profile", "\"none\"", "default_profile: there is no profile 'none'"},
    /* issuance */
    {"issuance", "policy_oid", "\"2.23.140.1.2.1\"", NULL},
    {"issuance", "policy_oid", "\"2\"", "issuance.policy_oid: must be an object identifier"},
    {"issuance", "policy_oid", "\"3.1\"", "issuance.policy_oid: must be an object identifier"},
    {"issuance", "policy_oid", "\"2..1\"", "issuance.policy_oid: must be an object identifier"},
    {"issuance", "policy_oid", "\"2.1.\"", "issuance.policy_oid: must be an object identifier"},
    {"issuance", "policy_oid", "\"\"", "issuance.policy_oid: must be an object identifier"},
    {"issuance", "revocation_reasons", "[0, 7]", "issuance.revocation_reasons: 7 is no reason code of RFC 5280"},
    {"issuance", "revocation_reasons", "[11]",
     "issuance.revocation_reasons: element 0 must be an integer from 0 to 10"},
    {"issuance", "revocation_reasons", "[0, 1, 2, 3, 4, 5, 6, 8, 9, 10]", NULL},
    /* hierarchy */
    {CA0, "country", "\"DE\"", NULL},
    {CA0, "country", "\"de\"", CA0 ".country: must be two capital letters"},
    {CA0, "country", "\"D\"", CA0 ".country: must be two capital letters"},
    {CA0, "common_name", "\"\"", CA0 ".common_name: must not be empty"},
    {CA0, "key", "\"P-265\"", CA0 ".key: unknown word 'P-265', did you mean 'P-256'?"},
    {CA0, "issues_leaves", "true", CA0 ".issues_leaves: must be false for a self-signed certificate"},
    {CA0, "not_after", "\"1998-01-01\"", CA0 ".not_after: must be later than not_before"},
    {CA2, "not_after", "\"2100-01-01\"", CA4 ".not_after: must lie within the dates of its issuer 'root-ye'"},
    {CA2, "name", "\"root-x\"", CA4 ".issuer: no certificate 'root-ye' stands before this one"},
    {CA2, "name", "\"root-x2\"", CA2 ".name: there is a certificate 'root-x2' already"},
    {CA2, "issuer", "\"ye1\"", CA2 ".issuer: no certificate 'ye1' stands before this one"},
    {"hierarchy.certificates[5]", "issuer", "\"ye1\"", "issuer: 'ye1' issues leaves and therefore no CA certificates"},
    /* cross-signed ones */
    {X0, "of", "\"root-x3\"", X0 ".of: no certificate 'root-x3' stands in 'certificates'"},
    {X0, "of", "\"root-ye-by-x2\"", X0 ".of: no certificate 'root-ye-by-x2' stands in 'certificates'"},
    {X0, "issuer", "\"root-x3\"", X0 ".issuer: no certificate 'root-x3' stands in 'certificates'"},
    {X0, "issuer", "\"root-x2\"", X0 ".issuer: 'root-x2' cannot sign it: it has that key itself"},
    {X0, "issuer", "\"yr1\"", X0 ".issuer: 'yr1' cannot sign it: it issues leaves"},
    {X0, "name", "\"ye1\"", X0 ".name: there is a certificate 'ye1' already"},
    {X0, "not_before", "\"1998-12-31\"", X0 ".not_after: must lie within the dates of its issuer 'root-x1'"},
    {X0, "not_after", "\"1998-12-31\"", X0 ".not_after: must be later than not_before"},
    /* chains */
    {CA0, "chains", "[[\"root-x1\"]]", CA0 ".chains: only a certificate that issues leaves has them"},
    {CA4, "chains", "[[\"ye1\"]]", NULL},
    {CA4, "chains", "[]", NULL},
    {CA4, "chains", "[\"ye1\"]", CA4 ".chains: element 0 must be a list of 1 to 16 names"},
    {CA4, "chains", "[[\"ye1\"], []]", CA4 ".chains: element 1 must be a list of 1 to 16 names"},
    {CA4, "chains", "[[7]]", CA4 ".chains: element 0: there is no certificate ''"},
    {CA4, "chains", "[[\"ye9\"]]", CA4 ".chains: element 0: there is no certificate 'ye9'"},
    {CA4, "chains", "[[\"ye2\"]]",
     CA4 ".chains: element 0: 'ye2' does not have the key of 'ye1', which is needed here"},
    {CA4, "chains", "[[\"ye1\", \"root-x2-by-x1\"]]",
     CA4 ".chains: element 0: 'root-x2-by-x1' does not have the key of 'root-ye', which is needed here"},
    {CA4, "chains", "[[\"ye1\", \"root-ye\"]]", CA4 ".chains: element 0: 'root-ye' is a root, and these are left out"},
    {"hierarchy", "certificates", "[]", "hierarchy.certificates: no certificate issues leaves"},
};

static void each_rule_of_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        assert_change(changes[i].path, changes[i].member, changes[i].value, changes[i].says);
}

/* An error in one value must not bring forth others about the same value. */
static void one_mistake_one_message(void **state)
{
    static const struct {
        const char *path, *member, *value;
        size_t errors;
    } rows[] = {
        {"validation", "methods_dns", "[1, 2]", 2},
        {"validation", "methods_dns", "[\"http-01\", \"none\", 3]", 2},
        {"blocked_names", "names", "[false, null]", 2},
        {"changes[0]", "on", "true", 1},
        {"changes[0]", "set", "[]", 1},
        {V0, "limit", "true", 1},
        {V0, "key", "7", 1},
        {O3, "count", "0", 1},
        {CA0, "not_before", "7", 1},
        {CA0, "not_after", "7", 1},
        {CA2, "not_before", "7", 1},
        {"", "directory", "[]", 1},
        {"account_keys", "curves", "{}", 1},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_auto_json root = production_json();
        fc_auto_json changed = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
        struct fc_err err = {0};
        json_object_set(find_json(root, rows[i].path), rows[i].member, changed);
        assert_int_equal(load_json(root, &err), -1);
        size_t lines = 1;
        for (const char *p = err.text; *p; p++)
            lines += *p == '\n';
        if (lines != rows[i].errors)
            fail_msg("'%s' of '%s': %zu errors: %s", rows[i].member, rows[i].path, lines, err.text);
    }
}

/* The text of production with `from` (which must be there) replaced by `to`; the caller frees. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *place = strstr(text, from);

    assert_non_null(place);
    return fc_asprintf("%.*s%s%s", (int)(place - text), text, to, place + strlen(from));
}

static int line_of(const char *text, const char *what)
{
    int line = 1;
    const char *place = strstr(text, what);

    assert_non_null(place);
    for (const char *p = text; p < place; p++)
        line += *p == '\n';
    return line;
}

static void all_errors_at_once_with_lines_and_nearest_keys(void **state)
{
    size_t len = 0;
    const char *production = fc_policy_builtin_text("production", &len);
    fc_auto_free char *one = replaced(production, "\"max_body\": 50000", "\"max_bodi\": 50000");
    fc_auto_free char *two = replaced(one, "\"rehearsal\": true", "\"rehearsal\": \"yes\"");
    fc_auto_free char *three = replaced(two, "\"dns_tries\": 3", "\"dns_tries\": 99");
    fc_auto_free char *text = replaced(three, "\"validity\": \"160h\"", "\"validty\": \"160h\"");
    struct fc_err err = {0};
    (void)state;

    fc_auto_free char *expected = fc_asprintf(
        "p.json: line %d: rehearsal: must be true or false\n"
        "p.json: line %d: requests: 'max_body' is missing\n"
        "p.json: line %d: requests.max_bodi: unknown key 'max_bodi', did you mean 'max_body'?\n"
        "p.json: line %d: profiles[2]: 'validity' is missing\n"
        "p.json: line %d: profiles[2].validty: unknown key 'validty', did you mean 'validity'?\n"
        "p.json: line %d: validation.dns_tries: 99 is not between 1 and 10",
        line_of(text, "\"rehearsal\""), line_of(text, "\"requests\""), line_of(text, "\"max_bodi\""),
        line_of(text, "\"name\": \"shortlived\"") - 1, line_of(text, "\"validty\""), line_of(text, "\"dns_tries\""));
    assert_int_equal(load_text(text, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    assert_string_equal(err.text, expected);
}

/* An override of what is never asked for: letsencrypt.md A.1 says what certificates are counted under. */
static void domains_that_nothing_is_counted_under(void **state)
{
    static const struct {
        const char *key, *counted; /* NULL: it is so */
    } rows[] = {
        {"www.b.test", "b.test"},
        {"b.test", NULL},
        {"a.b.example.co.uk", "example.co.uk"},
        {"bar.foo.github.io", "foo.github.io"},
        {"github.io", NULL},
        {"*.github.io", NULL},
        {"192.0.2.0/24", "192.0.2.0/32"},
        {"192.0.2.7/32", NULL},
        {"2001:db8:1:2::/64", NULL},
        {"2001:db8:1:2::9/64", "2001:db8:1:2::/64"},
        {"2001:db8::/32", "2001:db8::/64"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_auto_json root = production_json();
        json_t *override = find_json(root, V0);
        struct fc_err err = {0};
        json_object_set_new(override, "limit", json_string("CertificatesPerDomain"));
        json_object_set_new(override, "key", json_string(rows[i].key));
        int rc = load_json(root, &err);
        if (rc != (rows[i].counted ? -1 : 0))
            fail_msg("'%s': %d, %s", rows[i].key, rc, err.text);
        fc_auto_free char *says =
            fc_asprintf("limits.overrides[0].key: '%s' names nothing, its certificates are counted under '%s'",
                        rows[i].key, rows[i].counted ? rows[i].counted : "");
        if (rows[i].counted && !strstr(err.text, says))
            fail_msg("'%s' does not say '%s'", err.text, says);
    }
}

static void a_quorum_that_is_none(void **state)
{
    static const struct {
        const char *one, *other, *says;
        int value, with;
    } rows[] = {
        {"remotes_min", "remotes_may_fail", "remotes_may_fail: must be less than remotes_min", 2, 2},
        {"remotes_many", "remotes_many_may_fail", "remotes_many_may_fail: must be less than remotes_many", 4, 4},
        {"remotes_many", "remotes_many_may_fail", NULL, 4, 3},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fc_auto_json root = production_json();
        json_t *validation = json_object_get(root, "validation");
        struct fc_err err = {0};
        json_object_set_new(validation, rows[i].one, json_integer(rows[i].value));
        json_object_set_new(validation, rows[i].other, json_integer(rows[i].with));
        assert_int_equal(load_json(root, &err), rows[i].says ? -1 : 0);
        assert_true(!rows[i].says || strstr(err.text, rows[i].says));
    }
}

static json_t *new_change(const char *on, const char *path, const char *value)
{
    return json_pack("{s:s,s:s,s:{s:s},s:s}", "on", on, "what", "a test", "set", path, value, "source", "a test");
}

/* Those of every date too, beside those of the policy itself; none twice, although a value that is wrong lasts. */
static void all_errors_of_all_dates_at_once(void **state)
{
    fc_auto_json root = production_json();
    json_t *list = json_object_get(root, "changes");
    struct fc_err err = {0};
    (void)state;

    json_array_append_new(list, new_change("2030-01-01", "profiles.nope.validity", "1d"));
    json_array_append_new(list, new_change("2031-01-01", "profiles.classic.validity", "1m"));
    json_array_append_new(list, new_change("2032-01-01", "profiles.tlsserver.validity", "1m"));
    json_array_append_new(list, new_change("2033-01-01", "limits.renewal_window", "30d"));
    fc_auto_json errors = json_pack("[s,s,s]", "].set: 'profiles.nope.validity' names nothing",
                                    "with the changes of 2031-01-01T00:00:00Z: profiles[0].validity: '1m' is not",
                                    "with the changes of 2032-01-01T00:00:00Z: profiles[1].validity: '1m' is not");
    assert_int_equal(load_json(root, &err), -1);
    const char *rest = err.text;
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const char *found = strstr(rest, json_string_value(json_array_get(errors, i)));
        if (!found)
            fail_msg("'%s' is not in: %s", json_string_value(json_array_get(errors, i)), err.text);
        rest = strchr(found, '\n') ? strchr(found, '\n') : "";
    }
    assert_string_equal(rest, "");

    fc_err_clear(&err);
    json_object_set_new(json_object_get(root, "validation"), "dns_tries", json_integer(99));
    assert_int_equal(load_json(root, &err), -1);
    assert_non_null(strstr(err.text, "validation.dns_tries: 99 is not between"));
    assert_non_null(strstr(err.text, "'profiles.nope.validity' names nothing"));
}

static void what_is_no_json(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "p.json: line 1"},
        {"{", "p.json: line 1"},
        {"{\"name\": \"a\",\n \"name\": \"b\"}", "p.json: line 2"},
        {"[]", "must be an object"},
        {"7", "p.json: line 1"},
        {"null", "p.json: line 1"},
        {"{}", "'name' is missing"},
        {"{} x", "p.json: line 1"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_err err = {0};
        assert_int_equal(load_text(rows[i].text, &err), -1);
        assert_int_equal(err.code, FC_E_USAGE);
        if (!strstr(err.text, rows[i].says))
            fail_msg("'%s': '%s'", rows[i].text, err.text);
    }
}

static void an_empty_object_misses_every_section(void **state)
{
    static const char *const sections[] = {
        "name",          "rehearsal",       "directory", "departures", "requests", "account_keys", "certificate_keys",
        "blocked_names", "default_profile", "profiles",  "validation", "issuance", "hierarchy",    "source"};
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(load_text("{}", &err), -1);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        fc_auto_free char *says = fc_asprintf("p.json: line 1: '%s' is missing", sections[i]);
        if (!strstr(err.text, says))
            fail_msg("nothing says \"%s\"", says);
    }
}

static void too_large_files_are_not_read(void **state)
{
    fc_auto_free char *large = fc_malloc(1024 * 1024 + 2);
    struct fc_err err = {0};
    (void)state;

    memset(large, ' ', 1024 * 1024 + 1);
    large[1024 * 1024 + 1] = '\0';
    assert_int_equal(load_text(large, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    assert_string_equal(err.text, "policy 'p.json' is larger than 1 MiB");
}

static void a_policy_outlives_its_text(void **state)
{
    size_t len = 0;
    const char *production = fc_policy_builtin_text("production", &len);
    char *text = fc_memdup(production, len + 1), *file = fc_strdup("mine.json");
    fc_auto(fc_policy_free) struct fc_policy *policy = NULL;
    (void)state;

    int rc = fc_policy_parse(text, len, file, &policy, NULL);
    memset(text, 'x', len);
    memset(file, 'x', strlen(file));
    free(text);
    free(file);
    assert_int_equal(rc, 0);
    assert_string_equal(policy->source, "mine.json");
    assert_string_equal(policy->profiles[0].name, "classic");
    assert_string_equal(policy->validation.methods_dns[0], "http-01");
}

static void nothing_is_given_back_after_an_error(void **state)
{
    struct fc_policy *policy = (struct fc_policy *)&policy, *before = policy;
    struct fc_err err = {0};
    (void)state;

    assert_int_equal(fc_policy_parse("{}", 2, NULL, &policy, &err), -1);
    assert_ptr_equal(policy, before);
    /* without a file name the errors begin with the line */
    assert_int_equal(strncmp(err.text, "line 1: 'name' is missing", 25), 0);
    assert_int_equal(fc_policy_parse("{}", 2, NULL, &policy, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_of_a_value),
        cmocka_unit_test(one_mistake_one_message),
        cmocka_unit_test(all_errors_at_once_with_lines_and_nearest_keys),
        cmocka_unit_test(domains_that_nothing_is_counted_under),
        cmocka_unit_test(a_quorum_that_is_none),
        cmocka_unit_test(all_errors_of_all_dates_at_once),
        cmocka_unit_test(what_is_no_json),
        cmocka_unit_test(an_empty_object_misses_every_section),
        cmocka_unit_test(too_large_files_are_not_read),
        cmocka_unit_test(a_policy_outlives_its_text),
        cmocka_unit_test(nothing_is_given_back_after_an_error),
    };
    RUN(tests);
}
