#include "model/model.h"

#include <string.h>

#include "base/base_time.h"

#include "cmocka_all.h"

#define T (1000 * FC_DAY)

static void names_there_and_back(void **state)
{
    static const struct {
        enum fc_status status;
        const char *name;
    } rows[] = {
        {FC_STATUS_PENDING, "pending"},         {FC_STATUS_READY, "ready"},
        {FC_STATUS_PROCESSING, "processing"},   {FC_STATUS_VALID, "valid"},
        {FC_STATUS_INVALID, "invalid"},         {FC_STATUS_EXPIRED, "expired"},
        {FC_STATUS_DEACTIVATED, "deactivated"}, {FC_STATUS_REVOKED, "revoked"},
    };
    enum fc_status status = FC_STATUS_READY;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(fc_status_name(rows[i].status), rows[i].name);
        assert_int_equal(fc_status_parse(rows[i].name, &status), 0);
        assert_int_equal(status, rows[i].status);
    }
    status = FC_STATUS_READY;
    assert_int_equal(fc_status_parse("Valid", &status), -1);
    assert_int_equal(fc_status_parse("", &status), -1);
    assert_int_equal(status, FC_STATUS_READY);
}

static void authorizations_expire_when_pending_or_valid(void **state)
{
    static const struct {
        enum fc_status stored, before, after;
    } rows[] = {
        {FC_STATUS_PENDING, FC_STATUS_PENDING, FC_STATUS_EXPIRED},
        {FC_STATUS_VALID, FC_STATUS_VALID, FC_STATUS_EXPIRED},
        {FC_STATUS_INVALID, FC_STATUS_INVALID, FC_STATUS_INVALID},
        {FC_STATUS_DEACTIVATED, FC_STATUS_DEACTIVATED, FC_STATUS_DEACTIVATED},
        {FC_STATUS_REVOKED, FC_STATUS_REVOKED, FC_STATUS_REVOKED},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fc_authz authz = {.stored = rows[i].stored, .created_at = T, .expires_at = T + 7 * FC_DAY};
        assert_int_equal(fc_authz_status(&authz, T), rows[i].before);
        assert_int_equal(fc_authz_status(&authz, authz.expires_at - 1), rows[i].before);
        assert_int_equal(fc_authz_status(&authz, authz.expires_at), rows[i].before);
        assert_int_equal(fc_authz_status(&authz, authz.expires_at + 1), rows[i].after);
        assert_int_equal(fc_authz_status(&authz, T + 3650 * FC_DAY), rows[i].after);
        /* the clock went back, even to before it was made */
        assert_int_equal(fc_authz_status(&authz, T - FC_DAY), rows[i].before);
    }
}

/* An order with two authorizations; `first` and `second` are what is stored of them. */
struct order_case {
    enum fc_status first, second;
    const char *error, *serial;
    int64_t processing_at;
    enum fc_status expected;
};

static const struct order_case order_cases[] = {
    {FC_STATUS_PENDING, FC_STATUS_PENDING, NULL, NULL, 0, FC_STATUS_PENDING},
    {FC_STATUS_VALID, FC_STATUS_PENDING, NULL, NULL, 0, FC_STATUS_PENDING},
    {FC_STATUS_PENDING, FC_STATUS_VALID, NULL, NULL, 0, FC_STATUS_PENDING},
    {FC_STATUS_VALID, FC_STATUS_VALID, NULL, NULL, 0, FC_STATUS_READY},
    {FC_STATUS_VALID, FC_STATUS_VALID, NULL, NULL, T, FC_STATUS_PROCESSING},
    {FC_STATUS_VALID, FC_STATUS_VALID, NULL, "03ab", T, FC_STATUS_VALID},
    {FC_STATUS_VALID, FC_STATUS_VALID, "{}", NULL, T, FC_STATUS_INVALID},
    {FC_STATUS_VALID, FC_STATUS_VALID, "{}", "03ab", T, FC_STATUS_INVALID},
    /* one bad authorization is enough, wherever it stands */
    {FC_STATUS_INVALID, FC_STATUS_PENDING, NULL, NULL, 0, FC_STATUS_INVALID},
    {FC_STATUS_PENDING, FC_STATUS_INVALID, NULL, NULL, 0, FC_STATUS_INVALID},
    {FC_STATUS_VALID, FC_STATUS_DEACTIVATED, NULL, NULL, 0, FC_STATUS_INVALID},
    {FC_STATUS_VALID, FC_STATUS_REVOKED, NULL, NULL, 0, FC_STATUS_INVALID},
    {FC_STATUS_VALID, FC_STATUS_INVALID, NULL, "03ab", T, FC_STATUS_INVALID},
};

static void order_status_first_match_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof order_cases / sizeof *order_cases; i++) {
        const struct order_case *row = &order_cases[i];
        struct fc_authz authz[2] = {
            {.stored = row->first, .expires_at = T + 30 * FC_DAY},
            {.stored = row->second, .expires_at = T + 30 * FC_DAY},
        };
        struct fc_order order = {.n_authz = 2,
                                 .created_at = T,
                                 .expires_at = T + 7 * FC_DAY,
                                 .error = row->error,
                                 .serial = row->serial,
                                 .processing_at = row->processing_at};
        const int64_t inside[] = {T - 365 * FC_DAY, T, order.expires_at - 1, order.expires_at};
        for (size_t j = 0; j < sizeof inside / sizeof *inside; j++)
            if (fc_order_status(&order, authz, inside[j]) != row->expected)
                fail_msg("case %zu at moment %zu: %s", i, j, fc_status_name(fc_order_status(&order, authz, inside[j])));
        /* a valid order too */
        assert_int_equal(fc_order_status(&order, authz, order.expires_at + 1), FC_STATUS_INVALID);
    }
}

static void an_expired_authorization_makes_its_order_invalid(void **state)
{
    struct fc_authz authz[2] = {
        {.stored = FC_STATUS_VALID, .expires_at = T + 7 * FC_HOUR},
        {.stored = FC_STATUS_PENDING, .expires_at = T + FC_DAY},
    };
    struct fc_order order = {.n_authz = 2, .expires_at = T + 7 * FC_DAY};
    (void)state;

    assert_int_equal(fc_order_status(&order, authz, T + 7 * FC_HOUR), FC_STATUS_PENDING);
    assert_int_equal(fc_order_status(&order, authz, T + 7 * FC_HOUR + 1), FC_STATUS_INVALID);
    /* and back again */
    assert_int_equal(fc_order_status(&order, authz, T), FC_STATUS_PENDING);
    authz[0].expires_at = T + 30 * FC_DAY;
    assert_int_equal(fc_order_status(&order, authz, T + FC_DAY + 1), FC_STATUS_INVALID);
}

static void an_order_without_authorizations_is_never_ready(void **state)
{
    struct fc_order order = {.expires_at = T + 7 * FC_DAY};
    (void)state;
    assert_int_equal(fc_order_status(&order, NULL, T), FC_STATUS_INVALID);
}

static void certificates_expire_and_stay_revoked(void **state)
{
    struct fc_certificate certificate = {.issued_at = T, .not_before = T - FC_HOUR, .not_after = T + 90 * FC_DAY};
    (void)state;

    assert_int_equal(fc_certificate_status(&certificate, T), FC_STATUS_VALID);
    assert_int_equal(fc_certificate_status(&certificate, certificate.not_after), FC_STATUS_VALID);
    assert_int_equal(fc_certificate_status(&certificate, certificate.not_after + 1), FC_STATUS_EXPIRED);
    assert_int_equal(fc_certificate_status(&certificate, T), FC_STATUS_VALID);
    certificate.revoked_at = T + FC_DAY;
    assert_int_equal(fc_certificate_status(&certificate, T + FC_DAY), FC_STATUS_REVOKED);
    assert_int_equal(fc_certificate_status(&certificate, certificate.not_after + 1), FC_STATUS_REVOKED);
    /* also when the clock goes back to before the revocation */
    assert_int_equal(fc_certificate_status(&certificate, T), FC_STATUS_REVOKED);
}

/* FNV-1a-128 of "a" and "foobar" as in draft-eastlake-fnv (d228cb69..., 343e1662...); the last two by another program. */
static void challenge_ids(void **state)
{
    static const char token[] = "KQqLsiS5j0CONR_eUXTUSUDNVaHODtc-0pD6ACif7U4";
    char id[FC_CHALLENGE_ID_LEN + 1];
    (void)state;

    fc_challenge_id("", "a", id);
    assert_string_equal(id, "0ijLaQ");
    fc_challenge_id("foo", "bar", id);
    assert_string_equal(id, "ND4WYg");
    fc_challenge_id("foobar", "", id);
    assert_string_equal(id, "ND4WYg");
    fc_challenge_id(token, "http-01", id);
    assert_string_equal(id, "j8f6_g");
    fc_challenge_id(token, "dns-01", id);
    assert_string_equal(id, "bCgpVA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_there_and_back),
        cmocka_unit_test(authorizations_expire_when_pending_or_valid),
        cmocka_unit_test(order_status_first_match_wins),
        cmocka_unit_test(an_expired_authorization_makes_its_order_invalid),
        cmocka_unit_test(an_order_without_authorizations_is_never_ready),
        cmocka_unit_test(certificates_expire_and_stay_revoked),
        cmocka_unit_test(challenge_ids),
    };
    RUN(tests);
}
