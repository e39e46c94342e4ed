/* letsencrypt.md D.2: the text forms, every block of the special-purpose registries, rehearsal. */
#include "model/model_ident.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "model/lib_ident.h"

#include "cmocka_all.h"

#define RESERVED "IP address is in a reserved address block: "

static const char *const blocked[] = {"example.org", "224.0.0.0/4", "ff00::/8", "10.0.0.0/x",
                                      "10.0.0.0/33", "/8",          "1.2.3.4",  NULL};
static const struct fc_ident_rules strict = {.rehearsal = false, .blocked = blocked};
static const struct fc_ident_rules rehearsal = {.rehearsal = true, .blocked = blocked};

#define CHECK(rules, rows) ASSERT_VERDICTS(fc_ident_check_ip, rules, rows)

static void only_the_canonical_form(void **state)
{
    static const struct verdict rows[] = {
        {"9.9.9.9", OK, NULL, false},
        {"1.2.3.4", OK, NULL, false},
        {"2606:4700:4700::1111", OK, NULL, false},
        {"2a00:1:0:1::", OK, NULL, false},
        {"2a00:0:0:1::1", OK, NULL, false},
        {"", MALFORMED, "IP address is invalid", false},
        {"9.9.9", MALFORMED, "IP address is invalid", false},
        {"9.9.9.09", MALFORMED, "IP address is invalid", false},
        {"9.9.9.256", MALFORMED, "IP address is invalid", false},
        {"9.9.9.9/32", MALFORMED, "IP address is invalid", false},
        {"9.9.9.9 ", MALFORMED, "IP address is invalid", false},
        {"0x9.9.9.9", MALFORMED, "IP address is invalid", false},
        {"a.example.com", MALFORMED, "IP address is invalid", false},
        {"2606:4700:4700:0:0:0:0:1111", MALFORMED, "IP address is invalid", false},
        {"2606:4700:4700::01111", MALFORMED, "IP address is invalid", false},
        {"2606:4700:4700::0111", MALFORMED, "IP address is invalid", false},
        {"2606:4700:4700::ABCD", MALFORMED, "IP address is invalid", false},
        {"[2606:4700:4700::1111]", MALFORMED, "IP address is invalid", false},
        {"2606:4700:4700::1111%eth0", MALFORMED, "IP address is invalid", false},
        {"2606:4700:4700::1111/128", MALFORMED, "IP address is invalid", false},
        {"2a00::1::1", MALFORMED, "IP address is invalid", false},
        /* RFC 5952 section 4.2: the longest run of zeros, the first of equal ones, never a single field */
        {"2a00:0:0:1:0:0:0:1", MALFORMED, "IP address is invalid", false},
        {"2a00::1:0:0:0:1", MALFORMED, "IP address is invalid", false},
        {"2a00:0:0:1:1::1", MALFORMED, "IP address is invalid", false},
        {"2a00::1:1:0:0:1", OK, NULL, false},
        {"2a00:1:2:3:4::6", OK, NULL, false},
        {"2a00:1:2:3:4:0:5:6", OK, NULL, false},
        {"2a00:1:2:3:4::5:6", MALFORMED, "IP address is invalid", false},
        /* mixed notation only for IPv4-mapped addresses (RFC 5952 section 5) */
        {"::1.2.3.4", MALFORMED, "IP address is invalid", false},
        {"::102:304", OK, NULL, false},
        {"::ffff:102:304", MALFORMED, "IP address is invalid", false},
        {"::ffff:1.2.3.4", REJECTED, RESERVED "[RFC4291]: IPv4-mapped Address", false},
    };
    (void)state;
    CHECK(&strict, rows);
}

static const struct {
    const char *first, *last; /* of the block */
    const char *text;
} blocks[] = {
    {"10.0.0.0", "10.255.255.255", "[RFC1918]: Private-Use"},
    {"172.16.0.0", "172.31.255.255", "[RFC1918]: Private-Use"},
    {"192.168.0.0", "192.168.255.255", "[RFC1918]: Private-Use"},
    {"127.0.0.0", "127.255.255.255", "[RFC1122], Section 3.2.1.3: Loopback"},
    {"100.64.0.0", "100.127.255.255", "[RFC6598]: Shared Address Space"},
    {"192.0.2.0", "192.0.2.255", "[RFC5737]: Documentation (TEST-NET-1)"},
    {"198.51.100.0", "198.51.100.255", "[RFC5737]: Documentation (TEST-NET-2)"},
    {"203.0.113.0", "203.0.113.255", "[RFC5737]: Documentation (TEST-NET-3)"},
    {"169.254.0.0", "169.254.255.255", "[RFC3927]: Link Local"},
    {"0.0.0.1", "0.255.255.255", "[RFC791], Section 3.2: \"This network\""},
    {"0.0.0.0", "0.0.0.0", "[RFC1122], Section 3.2.1.3: \"This host on this network\""},
    {"192.0.0.11", "192.0.0.169", "[RFC6890], Section 2.1: IETF Protocol Assignments"},
    {"192.0.0.0", "192.0.0.7", "[RFC7335]: IPv4 Service Continuity Prefix"},
    {"192.0.0.8", "192.0.0.8", "[RFC7600]: IPv4 dummy address"},
    {"192.0.0.9", "192.0.0.9", "[RFC7723]: Port Control Protocol Anycast"},
    {"192.0.0.10", "192.0.0.10", "[RFC8155]: Traversal Using Relays around NAT Anycast"},
    {"192.0.0.170", "192.0.0.171", "[RFC8880][RFC7050], Section 2.2: NAT64/DNS64 Discovery"},
    {"192.31.196.0", "192.31.196.255", "[RFC7535]: AS112-v4"},
    {"192.52.193.0", "192.52.193.255", "[RFC7450]: AMT"},
    {"192.88.99.0", "192.88.99.255", "[RFC7526]: Deprecated (6to4 Relay Anycast)"},
    {"192.175.48.0", "192.175.48.255", "[RFC7534]: Direct Delegation AS112 Service"},
    {"198.18.0.0", "198.19.255.255", "[RFC2544]: Benchmarking"},
    {"240.0.0.0", "255.255.255.254", "[RFC1112], Section 4: Reserved"},
    {"255.255.255.255", "255.255.255.255", "[RFC8190] [RFC919], Section 7: Limited Broadcast"},
    {"::1", "::1", "[RFC4291]: Loopback Address"},
    {"::", "::", "[RFC4291]: Unspecified Address"},
    {"::ffff:0.0.0.0", "::ffff:255.255.255.255", "[RFC4291]: IPv4-mapped Address"},
    {"64:ff9b::", "64:ff9b::ffff:ffff", "[RFC6052]: IPv4-IPv6 Translat."},
    {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "[RFC8215]: IPv4-IPv6 Translat."},
    {"100::", "100::ffff:ffff:ffff:ffff", "[RFC6666]: Discard-Only Address Block"},
    {"100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", "[RFC9780]: Dummy IPv6 Prefix"},
    {"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC4380] [RFC8190]: TEREDO"},
    {"2001:1::", "2001:1::", "[RFC2928]: IETF Protocol Assignments"},
    {"2001:1::1", "2001:1::1", "[RFC7723]: Port Control Protocol Anycast"},
    {"2001:1::2", "2001:1::2", "[RFC8155]: Traversal Using Relays around NAT Anycast"},
    {"2001:1::3", "2001:1::3", "[RFC-ietf-dnssd-srp-25]: DNS-SD Service Registration Protocol Anycast"},
    {"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "[RFC5180][RFC Errata 1752]: Benchmarking"},
    {"2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC7450]: AMT"},
    {"2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", "[RFC7535]: AS112-v6"},
    {"2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC4843]: Deprecated (previously ORCHID)"},
    {"2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC7343]: ORCHIDv2"},
    {"2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff",
     "[RFC9374]: Drone Remote ID Protocol Entity Tags (DETs) Prefix"},
    {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC3849]: Documentation"},
    {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC3056]: 6to4"},
    {"2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "[RFC7534]: Direct Delegation AS112 Service"},
    {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC9637]: Documentation"},
    {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC9602]: Segment Routing (SRv6) SIDs"},
    {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC4193] [RFC8190]: Unique-Local"},
    {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[RFC4291]: Link-Local Unicast"},
};

static size_t bytes_of(const char *text, unsigned char ret_address[16])
{
    if (inet_pton(AF_INET, text, ret_address) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, ret_address) != 1)
        fail_msg("the test's own '%s' is no address", text);
    return 16;
}

static void every_block_at_both_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        const char *const ends[] = {blocks[i].first, blocks[i].last};
        for (size_t j = 0; j < 2; j++) {
            unsigned char address[16];
            size_t len = bytes_of(ends[j], address);
            const char *said = fc_ident_reserved_block(address, len);
            if (!said || strcmp(said, blocks[i].text) != 0)
                fail_msg("'%s': '%s', not '%s'", ends[j], said ? said : "public", blocks[i].text);
            char message[256];
            snprintf(message, sizeof message, RESERVED "%s", blocks[i].text);
            struct verdict row = {ends[j], REJECTED, message, false};
            assert_verdict(fc_ident_check_ip, &strict, &row);
        }
    }
}

static void neighbours_of_blocks_are_public(void **state)
{
    static const char *const public[] = {
        "1.0.0.0",      "9.255.255.255",   "11.0.0.0",    "100.63.255.255",   "100.128.0.0", "126.255.255.255",
        "128.0.0.0",    "169.253.255.255", "169.255.0.0", "172.15.255.255",   "172.32.0.0",  "192.0.1.0",
        "192.0.3.0",    "192.167.255.255", "192.169.0.0", "198.17.255.255",   "198.20.0.0",  "223.255.255.255",
        "::2",          "2000::1",         "2001:200::",  "2001:db7:ffff::1", "2001:db9::",  "2003::",
        "2606:4700::1", "3fff:1000::",     "fbff::1",     "fe00::1",          "fec0::1",     "2620:4f:8001::",
        "64:ff9b:2::",  "64:ff9b::1:0:0",
    };
    (void)state;
    for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
        unsigned char address[16];
        size_t len = bytes_of(public[i], address);
        if (fc_ident_reserved_block(address, len))
            fail_msg("'%s': '%s'", public[i], fc_ident_reserved_block(address, len));
        struct verdict row = {public[i], OK, NULL, false};
        assert_verdict(fc_ident_check_ip, &strict, &row);
    }
}

static void blocked_prefixes(void **state)
{
    static const struct verdict rows[] = {
        {"224.0.0.1", REJECTED, FORBIDDEN, false},
        {"239.255.255.255", REJECTED, FORBIDDEN, false},
        {"ff02::1", REJECTED, FORBIDDEN, false},
        {"223.255.255.255", OK, NULL, false},
        {"fe00::1", OK, NULL, false},
    };
    static const struct fc_ident_rules nothing = {0};
    static const struct verdict open[] = {{"224.0.0.1", OK, NULL, false}};
    (void)state;
    CHECK(&strict, rows);
    CHECK(&rehearsal, rows);
    CHECK(&nothing, open);
}

static void prefixes_are_parsed_strictly(void **state)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "10.0.0.0",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0/8",
                                      "::/129",
                                      "10.0.0.0/08x",
                                      "a.com/8",
                                      "/8",
                                      "10.0.0.0/8/8",
                                      "%eth0::/8",
                                      "0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0/8"};
    unsigned char address[16] = {77};
    size_t len = 77;
    unsigned bits = 77;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (fc_ident_parse_prefix(bad[i], address, &len, &bits) != -1)
            fail_msg("'%s' passes", bad[i]);
    assert_true(address[0] == 77 && len == 77 && bits == 77);
    assert_int_equal(fc_ident_parse_prefix("172.16.0.0/12", address, &len, &bits), 0);
    assert_int_equal(len, 4);
    assert_int_equal(bits, 12);
    assert_memory_equal(address, "\xac\x10\0\0", 4);
    assert_int_equal(fc_ident_parse_prefix("::/0", address, &len, &bits), 0);
    assert_int_equal(len, 16);
    assert_int_equal(bits, 0);
}

static void rehearsal_permits_loopback_and_private(void **state)
{
    static const struct verdict rows[] = {
        {"127.0.0.1", OK, NULL, true},
        {"::1", OK, NULL, true},
        {"10.1.2.3", OK, NULL, true},
        {"172.17.0.2", OK, NULL, true},
        {"192.168.1.1", OK, NULL, true},
        {"fd00::1", OK, NULL, true},
        {"9.9.9.9", OK, NULL, false},
        {"169.254.169.254", REJECTED, RESERVED "[RFC3927]: Link Local", false},
        {"0.0.0.0", REJECTED, RESERVED "[RFC1122], Section 3.2.1.3: \"This host on this network\"", false},
        {"fe80::1", REJECTED, RESERVED "[RFC4291]: Link-Local Unicast", false},
        {"::ffff:127.0.0.1", REJECTED, RESERVED "[RFC4291]: IPv4-mapped Address", false},
        {"192.0.2.1", REJECTED, RESERVED "[RFC5737]: Documentation (TEST-NET-1)", false},
        {"127.0.0.01", MALFORMED, "IP address is invalid", false},
    };
    (void)state;
    CHECK(&rehearsal, rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows - 1; i++) {
        unsigned char address[16];
        size_t len = bytes_of(rows[i].value, address);
        assert_int_equal(fc_ident_private_address(address, len), rows[i].used);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_canonical_form),         cmocka_unit_test(every_block_at_both_ends),
        cmocka_unit_test(neighbours_of_blocks_are_public), cmocka_unit_test(blocked_prefixes),
        cmocka_unit_test(prefixes_are_parsed_strictly),    cmocka_unit_test(rehearsal_permits_loopback_and_private),
    };
    RUN(tests);
}
