/* test: threads */
#include "va/lib_va.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_alloc.h"
#include "base/base_time.h"

#include "cmocka_all.h"

/* printf %s KEY_AUTH | openssl dgst -sha256 -binary | basenc --base64url, without the padding */
#define DIGEST "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct zone_row zone[] = {
    {"_acme-challenge.good.test", FC_DNS_TXT, {DIGEST}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.third.test", FC_DNS_TXT, {"other", "another", DIGEST}, 0, FC_DNS_ANSWER, ZONE_LATER},
    {"_acme-challenge.none.test", FC_DNS_TXT, {NULL}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.wrong.test", FC_DNS_TXT, {"wrong"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.wrongs.test", FC_DNS_TXT, {"wrong", "x", "y"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.spaces.test", FC_DNS_TXT, {DIGEST " "}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.hundred.test", FC_DNS_TXT, {HUNDRED}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.long.test", FC_DNS_TXT, {HUNDRED "x"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.bytes.test", FC_DNS_TXT, {"a\"\xFF\n"}, 0, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.servfail.test", FC_DNS_TXT, {NULL}, 2, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.refused.test", FC_DNS_TXT, {NULL}, 5, FC_DNS_ANSWER, ZONE_NOW},
    {"_acme-challenge.slow.test", FC_DNS_TXT, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
};

static int setup(void **state)
{
    if (bed_setup(state) != 0)
        return -1;
    struct bed *bed = *state;
    bed->zone = zone;
    bed->n_zone = sizeof zone / sizeof *zone;
    return 0;
}

static void any_record_that_fits_passes(void **state)
{
    struct bed *bed = *state;

    json_t *verdict = bed_validate(bed, "dns-01", "good.test");
    bed_expect_valid(bed);
    assert_string_equal(hop_text(verdict, 0, "host"), "_acme-challenge.good.test");
    assert_string_equal(hop_text(verdict, 0, "rule"), "a row of the test");
    fc_auto_free char *record = json_dumps(json_object_get(verdict, "record"), JSON_COMPACT);
    assert_string_equal(record, "[{\"hostname\":\"good.test\",\"addressUsed\":\"\"}]");
    bed_validate(bed, "dns-01", "third.test");
    bed_expect_valid(bed);
}

static void failures(void **state)
{
    static const struct {
        const char *name, *type;
        int status;
        const char *detail;
    } rows[] = {
        {"none.test", "unauthorized", 403, "No TXT record found at _acme-challenge.none.test"},
        {"wrong.test", "unauthorized", 403, "Incorrect TXT record \"wrong\" found at _acme-challenge.wrong.test"},
        {"wrongs.test", "unauthorized", 403,
         "Incorrect TXT record \"wrong\" (and 2 more) found at _acme-challenge.wrongs.test"},
        {"spaces.test", "unauthorized", 403,
         "Incorrect TXT record \"" DIGEST " \" found at _acme-challenge.spaces.test"},
        {"hundred.test", "unauthorized", 403,
         "Incorrect TXT record \"" HUNDRED "\" found at _acme-challenge.hundred.test"},
        {"long.test", "unauthorized", 403,
         "Incorrect TXT record \"" HUNDRED "...\" found at _acme-challenge.long.test"},
        {"bytes.test", "unauthorized", 403,
         "Incorrect TXT record \"a\\\"\\xff\\n\" found at _acme-challenge.bytes.test"},
        {"missing.test", "dns", 400,
         "DNS problem: NXDOMAIN looking up TXT for _acme-challenge.missing.test - check that a DNS record exists for "
         "this domain"},
        {"servfail.test", "dns", 400,
         "DNS problem: SERVFAIL looking up TXT for _acme-challenge.servfail.test - the domain's nameservers may be "
         "malfunctioning"},
        {"refused.test", "dns", 400, "DNS problem: REFUSED looking up TXT for _acme-challenge.refused.test"},
        {"slow.test", "dns", 400, "DNS problem: query timed out looking up TXT for _acme-challenge.slow.test"},
    };
    struct bed *bed = *state;

    bed->policy.validation.dns_timeout = 50 * FC_MS;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *verdict = bed_validate(bed, "dns-01", rows[i].name);
        bed_expect(bed, rows[i].type, rows[i].status, rows[i].detail);
        assert_string_equal(hop_text(verdict, 0, "error"), rows[i].detail);
        assert_int_equal(json_array_size(json_object_get(verdict, "record")), 0);
    }
}

static void ip_identifiers_have_no_dns(void **state)
{
    struct bed *bed = *state;

    bed_validate_ident(bed, "dns-01", FC_IDENT_IP, "127.0.0.1");
    bed_expect(bed, "malformed", 400, "Identifier type for DNS was not itself DNS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_record_that_fits_passes, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(failures, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(ip_identifiers_have_no_dns, setup, bed_teardown),
    };
    RUN(tests);
}
