/* The names of the rows. What has no row here does not exist (NXDOMAIN), or has no data when another type has one. */
#include "va/lib_rows.h"

#define YES FC_DNS_ANSWER, ZONE_NOW
#define HOST(name, type, ...)                                                                                          \
    {                                                                                                                  \
        name, type, {__VA_ARGS__}, 0, YES                                                                              \
    }
#define TXT(name, ...)                                                                                                 \
    {                                                                                                                  \
        name, FC_DNS_TXT, {__VA_ARGS__}, 0, YES                                                                        \
    }
#define CAA(name, ...)                                                                                                 \
    {                                                                                                                  \
        name, FC_DNS_CAA, {__VA_ARGS__}, 0, YES                                                                        \
    }
#define BAD(name, type, rcode)                                                                                         \
    {                                                                                                                  \
        name, type, {NULL}, rcode, YES                                                                                 \
    }
#define DIGEST "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define CHALLENGE "_acme-challenge."
#define LABEL "_gwv3ton5u5kxzhnt." CHALLENGE

const struct zone_row row_zone[] = {
    HOST(NAME, FC_DNS_A, V4),
    HOST(OTHER, FC_DNS_A, V4),
    HOST(BOTH, FC_DNS_A, V4),
    HOST(BOTH, FC_DNS_AAAA, V6),
    HOST(SIX, FC_DNS_AAAA, V6),
    HOST("two.example.com", FC_DNS_A, V4, "93.184.216.35"),
    HOST("half.example.com", FC_DNS_A, V4),
    BAD("half.example.com", FC_DNS_AAAA, 2),
    HOST("loop.example.com", FC_DNS_A, "127.0.0.1"),
    HOST("reserved.example.com", FC_DNS_A, "169.254.1.1", "192.0.2.1", "0.0.0.0"),
    HOST("reserved.example.com", FC_DNS_AAAA, "2001:db8::1", "fe80::1"),
    HOST("empty.example.com", FC_DNS_A, NULL),
    BAD("servfail.example.com", FC_DNS_A, 2),
    BAD("servfail.example.com", FC_DNS_AAAA, 2),
    BAD("refused.example.com", FC_DNS_A, 5),
    {"never.example.com", FC_DNS_A, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"never.example.com", FC_DNS_AAAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"broken.example.com", FC_DNS_A, {NULL}, 0, FC_DNS_NETWORK, ZONE_NOW},
    {"bogus.example.com", FC_DNS_A, {"DNSSEC: Bogus: no signature"}, 2, YES},

    TXT(CHALLENGE "one.example.com", DIGEST),
    TXT(CHALLENGE "many.example.com", "foo", "bar", DIGEST),
    TXT(CHALLENGE "space.example.com", DIGEST " "),
    TXT(CHALLENGE "none.example.com", NULL),
    TXT(CHALLENGE "wrong.example.com", "foo"),
    TXT(CHALLENGE "wrongs.example.com", "foo", "bar", "baz"),
    TXT(CHALLENGE "long.example.com", HUNDRED "x"),
    BAD(CHALLENGE "servfail.example.com", FC_DNS_TXT, 2),
    BAD(CHALLENGE "refused.example.com", FC_DNS_TXT, 5),
    {CHALLENGE "never.example.com", FC_DNS_TXT, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {CHALLENGE "cut.example.com", FC_DNS_TXT, {DIGEST}, 0, FC_DNS_ANSWER, ZONE_CUT},
    TXT(LABEL "one.example.com", DIGEST),
    TXT(LABEL "none.example.com", NULL),
    TXT(LABEL "wrong.example.com", "foo"),
    TXT(LABEL "wrongs.example.com", "foo", "bar"),
    TXT("_validation-persist.none.example.com", NULL),
    TXT("_validation-persist.p-good.example.com", "letsencrypt.org; accounturi=https://ca.example/acme/acct/7"),
    TXT("_validation-persist.p-case.example.com",
        "letsencrypt.org; AccountURI=https://ca.example/acme/acct/7; foo=bar;a-b=c"),
    TXT("_validation-persist.p-others.example.com", "ca.example; accounturi=x",
        " LetsEncrypt.org ; accounturi=https://ca.example/acme/acct/7"),
    TXT("_validation-persist.p-mixed.example.com", "letsencrypt.org;", "letsencrypt.org; accounturi=x",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7"),
    TXT("_validation-persist.p-wild.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; policy=wildcard"),
    TXT("_validation-persist.p-wild2.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; Policy=WildCard"),
    TXT("_validation-persist.p-policy.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; policy=none"),
    TXT("_validation-persist.p-account.example.com", "letsencrypt.org; accounturi=https://ca.example/acme/acct/71"),
    TXT("_validation-persist.p-now.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; persistUntil=1788264000"),
    TXT("_validation-persist.p-past.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; persistUntil=1788263999"),
    TXT("_validation-persist.p-foreign.example.com", "ca.example; accounturi=x", "v=spf1 -all"),
    TXT("_validation-persist.p-trail.example.com", "letsencrypt.org; accounturi=https://ca.example/acme/acct/7;"),
    TXT("_validation-persist.p-empty.example.com", "letsencrypt.org;; accounturi=x"),
    TXT("_validation-persist.p-twice.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; AccountURI=x"),
    TXT("_validation-persist.p-nouri.example.com", "letsencrypt.org; policy=wildcard"),
    TXT("_validation-persist.p-emptyuri.example.com", "letsencrypt.org; accounturi="),
    TXT("_validation-persist.p-noequals.example.com", "letsencrypt.org; accounturi"),
    TXT("_validation-persist.p-noname.example.com", "letsencrypt.org; =x"),
    TXT("_validation-persist.p-value.example.com", "letsencrypt.org; x=a b"),
    TXT("_validation-persist.p-time.example.com",
        "letsencrypt.org; accounturi=https://ca.example/acme/acct/7; persistUntil=soon"),

    CAA("com", NULL),
    CAA("c1.example.com", "0 issue letsencrypt.org"),
    CAA("c2.example.com", "0 issue ca.example"),
    CAA("c3.example.com", "0 issue ;"),
    CAA("c4.example.com", "0 issue "),
    CAA("c5.example.com", "0 issue LetsEncrypt.org"),
    CAA("c6.example.com", "0 issue  	letsencrypt.org "),
    CAA("c7.example.com", "0 issue ca.example", "0 issue letsencrypt.org"),
    CAA("c8.example.com", "0 ISSUE letsencrypt.org"),
    CAA("c9.example.com", "0 Issue ca.example"),
    CAA("c10.example.com", "128 issue letsencrypt.org"),
    CAA("parent.example.com", "0 issue ca.example"),
    CAA("ours.parent.example.com", "0 issue letsencrypt.org"),
    CAA("w1.example.com", "0 issue ca.example", "0 issuewild letsencrypt.org"),
    CAA("w2.example.com", "0 issue letsencrypt.org", "0 issuewild ca.example"),
    CAA("w3.example.com", "0 issue letsencrypt.org"),
    CAA("w4.example.com", "0 issue ca.example"),
    CAA("w5.example.com", "0 issuewild ;"),
    CAA("c11.example.com", "0 iodef mailto:a@example.com"),
    CAA("c12.example.com", "0 issuemail ;", "0 issuevmc ;"),
    CAA("c13.example.com", "128 iodef mailto:a@example.com"),
    CAA("c14.example.com", "0 tbs x"),
    CAA("c15.example.com", "128 tbs x", "0 issue letsencrypt.org"),
    CAA("c16.example.com", "1 tbs x"),
    CAA("c17.example.com", "64 tbs x"),
    CAA("c18.example.com", "0 issue letsencrypt.org; validationmethods=dns-01"),
    CAA("c19.example.com", "0 issue letsencrypt.org; validationmethods=http-01,dns-01"),
    CAA("c20.example.com", "0 issue letsencrypt.org; validationmethods=http-01"),
    CAA("c21.example.com", "0 issue letsencrypt.org; validationmethods=ca-own,dns-01"),
    CAA("c22.example.com", "0 issue letsencrypt.org; validationmethods=dns_01,dns-01"),
    CAA("c23.example.com", "0 issue letsencrypt.org; validationmethods="),
    CAA("c24.example.com", "0 issue letsencrypt.org; validationmethods=dns-01; validationmethods=dns-01"),
    CAA("c25.example.com", "0 issue letsencrypt.org; validationmethods=http-01"),
    CAA("c26.example.com", "0 issue letsencrypt.org; validationmethods=tls-alpn-01"),
    CAA("c27.example.com", "0 issue letsencrypt.org; validationmethods=dns-account-01"),
    CAA("c28.example.com", "0 issue letsencrypt.org; validationmethods=dns-persist-01"),
    CAA("c29.example.com", "0 issue letsencrypt.org; accounturi=https://ca.example/acme/acct/7"),
    CAA("c30.example.com", "0 issue letsencrypt.org; accounturi=https://ca.example/acme/acct/8"),
    CAA("c31.example.com", "0 issue letsencrypt.org; accounturi=https://ca.example/acme/acct/7; "
                           "accounturi=https://ca.example/acme/acct/7"),
    CAA("c32.example.com",
        "0 issue letsencrypt.org; accounturi=https://ca.example/acme/acct/7; validationmethods=dns-01"),
    CAA("c33.example.com", "0 issue letsencrypt.org; foo=bar; baz=a=b"),
    CAA("c34.example.com", "0 issue letsencrypt.org;"),
    CAA("c35.example.com", "0 issue letsencrypt.org;;"),
    CAA("c36.example.com", "0 issue letsencrypt.org; accounturi"),
    CAA("c37.example.com", "0 issue letsencrypt.org; foo=a b"),
    CAA("c38.example.com", "0 issue letsencrypt.org; a-b=c"),
    CAA("c39.example.com", "0 issue letsencrypt.org; x", "0 issue letsencrypt.org"),
    CAA("ok.e1.example.com", "0 issue letsencrypt.org"),
    CAA("e5.example.com", "\\# 0020"),
    BAD("e1.example.com", FC_DNS_CAA, 2),
    BAD("e2.example.com", FC_DNS_CAA, 5),
    BAD("e3.example.com", FC_DNS_CAA, 3),
    {"e4.example.com", FC_DNS_CAA, {"0 issue letsencrypt.org"}, 0, FC_DNS_ANSWER, ZONE_CUT},
    {"e6.example.com", FC_DNS_CAA, {NULL}, 0, FC_DNS_NETWORK, ZONE_NOW},
    {"e7.example.com", FC_DNS_CAA, {NULL}, 0, FC_DNS_ANSWER, ZONE_HELD},
    {"e8.example.com", FC_DNS_CAA, {"DNSSEC: Bogus: no signature"}, 2, YES},
};
const size_t row_zone_count = COUNT(row_zone);
