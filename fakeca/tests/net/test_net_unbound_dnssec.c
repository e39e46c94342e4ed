/* test: threads */
/* DNSSEC validation of the resolver behind libunbound: a zone "signed.test" with a key of the test's, signed by ldns, and its key as
 * the trust anchor. The server answers each name in another way; libunbound judges. */
#include "net/net_unbound.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "net/lib_dnspeer.h"

#include "cmocka_all.h"

#define ZONE "signed.test."

struct fixture {
    ldns_key *key;
    ldns_key_list *keys; /* that one; owns it */
    ldns_rr *dnskey;
    char anchor[64]; /* file */
    struct dnspeer *peer;
    struct fc_net_unbound *unbound;
};

/* What the zone has. Times are days from today. */
struct name {
    const char *name;
    const char *rr;    /* zone file form, signed */
    int64_t from, to;  /* of the signature */
    const char *after; /* takes the record's place when it is signed; NULL: the record */
    bool naked;        /* without signature */
};
static const struct name names[] = {
    {"a.signed.test.", "a.signed.test. 0 IN A 192.0.2.1", -1, 1, NULL, false},
    {"txt.signed.test.", "txt.signed.test. 0 IN TXT \"one\" \"two\"", -1, 1, NULL, false},
    {"www.signed.test.", "www.signed.test. 0 IN CNAME a.signed.test.", -1, 1, NULL, false},
    {"forged.signed.test.", "forged.signed.test. 0 IN A 192.0.2.1", -1, 1, "forged.signed.test. 0 IN A 192.0.2.66",
     false},
    {"expired.signed.test.", "expired.signed.test. 0 IN A 192.0.2.1", -9, -8, NULL, false},
    {"early.signed.test.", "early.signed.test. 0 IN A 192.0.2.1", 8, 9, NULL, false},
    {"naked.signed.test.", "naked.signed.test. 0 IN A 192.0.2.1", -1, 1, NULL, true},
    {"other.test.", "other.test. 0 IN A 192.0.2.9", -1, 1, NULL, true},
};

static ldns_rr *rr_of(const char *text)
{
    ldns_rr *rr = NULL;

    assert_int_equal(ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL), LDNS_STATUS_OK);
    return rr;
}

/* The record and its signature, which the list owns. */
static ldns_rr_list *signed_rr(struct fixture *f, ldns_rr *rr, int64_t from, int64_t to)
{
    ldns_rr_list *list = ldns_rr_list_new();
    int64_t today = fc_clock_real() / FC_SECOND;

    ldns_key_set_inception(f->key, (uint32_t)(today + from * 86400));
    ldns_key_set_expiration(f->key, (uint32_t)(today + to * 86400));
    ldns_rr_list_push_rr(list, rr);
    ldns_rr_list *signatures = ldns_sign_public(list, f->keys);
    ldns_rr_list_push_rr_list(list, signatures);
    ldns_rr_list_free(signatures);
    return list;
}

static ldns_rr_list *records_of(struct fixture *f, const struct name *name)
{
    ldns_rr_list *list = signed_rr(f, rr_of(name->rr), name->from, name->to);

    if (name->after != NULL)
        ldns_rr_free(ldns_rr_list_set_rr(list, rr_of(name->after), 0));
    if (name->naked)
        ldns_rr_free(ldns_rr_list_pop_rr(list));
    return list;
}

static const struct name *find(const ldns_rdf *owner)
{
    char *text = ldns_rdf2str(owner);
    const struct name *found = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i].name) == 0)
            found = &names[i];
    }
    free(text);
    return found;
}

/* The answer section of one question; NULL: the name has nothing of the type. */
static ldns_rr_list *section_of(struct fixture *f, const ldns_rr *question)
{
    ldns_rr_type type = ldns_rr_get_type(question);
    const struct name *name = find(ldns_rr_owner(question));

    if (type == LDNS_RR_TYPE_DNSKEY)
        return signed_rr(f, ldns_rr_clone(f->dnskey), -1, 1);
    if (name == NULL)
        return NULL;
    ldns_rr_list *list = records_of(f, name);
    ldns_rr_type has = ldns_rr_get_type(ldns_rr_list_rr(list, 0));
    if (has == LDNS_RR_TYPE_CNAME) {
        ldns_rr_list *target = records_of(f, &names[0]);
        ldns_rr_list_cat(list, target);
        ldns_rr_list_free(target);
    }
    if (has == type || has == LDNS_RR_TYPE_CNAME)
        return list;
    ldns_rr_list_deep_free(list);
    return NULL;
}

static size_t answer(void *cookie, const unsigned char *query, size_t len, unsigned char ret_answer[DNSPEER_MESSAGE])
{
    struct fixture *f = cookie;
    ldns_pkt *pkt = NULL;
    uint8_t *wire = NULL;
    size_t wire_len = 0;

    if (ldns_wire2pkt(&pkt, query, len) != LDNS_STATUS_OK)
        return 0;
    ldns_rr_list *section = section_of(f, ldns_rr_list_rr(ldns_pkt_question(pkt), 0));
    ldns_pkt_set_qr(pkt, true);
    ldns_pkt_set_ra(pkt, true);
    if (section != NULL) {
        ldns_pkt_push_rr_list(pkt, LDNS_SECTION_ANSWER, section);
        ldns_rr_list_free(section);
    }
    if (ldns_pkt2wire(&wire, pkt, &wire_len) == LDNS_STATUS_OK && wire_len <= DNSPEER_MESSAGE)
        memcpy(ret_answer, wire, wire_len);
    else
        wire_len = 0;
    free(wire);
    ldns_pkt_free(pkt);
    return wire_len;
}

static int make_key(struct fixture *f)
{
    f->key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
    if (f->key == NULL)
        return -1;
    f->keys = ldns_key_list_new();
    ldns_key_list_push_key(f->keys, f->key);
    ldns_key_set_pubkey_owner(f->key, ldns_dname_new_frm_str(ZONE));
    ldns_key_set_flags(f->key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
    f->dnskey = ldns_key2rr(f->key);
    ldns_key_set_keytag(f->key, ldns_calc_keytag(f->dnskey));
    ldns_rr_set_ttl(f->dnskey, 0);
    char *text = ldns_rr2str(f->dnskey);
    snprintf(f->anchor, sizeof f->anchor, "/tmp/fakeca-test-XXXXXX");
    int fd = mkstemp(f->anchor);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    free(text);
    return written ? 0 : -1;
}

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    *state = f;
    if (make_key(f) != 0)
        return -1;
    f->peer = dnspeer_start(answer, f);
    const struct fc_net_unbound_params params = {
        .server = dnspeer_address(f->peer), .trust_anchor = f->anchor, .timeout = FC_SECOND, .tries = 10};
    return fc_net_unbound_new(&params, &f->unbound, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fc_net_unbound_free(f->unbound);
    dnspeer_stop(f->peer);
    unlink(f->anchor);
    ldns_rr_free(f->dnskey);
    ldns_key_list_free(f->keys);
    free(f);
    return 0;
}

static void signed_answers_are_taken(void **state)
{
    struct fixture *f = *state;
    const struct fc_resolver *resolver = fc_net_unbound_resolver(f->unbound);

    assert_string_equal(dnspeer_ask(resolver, "a.signed.test", FC_DNS_A), "192.0.2.1");
    assert_string_equal(dnspeer_ask(resolver, "txt.signed.test", FC_DNS_TXT), "onetwo");
    assert_string_equal(dnspeer_ask(resolver, "www.signed.test", FC_DNS_A), "192.0.2.1");
    /* outside what the anchor covers */
    assert_string_equal(dnspeer_ask(resolver, "other.test", FC_DNS_A), "192.0.2.9");
}

static void bogus_answers_are_servfail_with_a_reason(void **state)
{
    static const struct {
        const char *name, *reason; /* as unbound words it */
    } cases[] = {
        {"forged.signed.test", "failed from 127.0.0.1"},
        {"expired.signed.test", "signature expired"},
        {"early.signed.test", "signature before inception date"},
        {"naked.signed.test", ">: no "},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = dnspeer_ask(fc_net_unbound_resolver(f->unbound), cases[i].name, FC_DNS_A);
        if (strncmp(text, "rcode 2 (DNSSEC: Bogus: validation failure <", 44) != 0 ||
            strstr(text, cases[i].reason) == NULL || strstr(text, cases[i].name) == NULL)
            fail_msg("%s: '%s' without '%s'", cases[i].name, text, cases[i].reason);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(signed_answers_are_taken),
        T(bogus_answers_are_servfail_with_a_reason),
    };
    RUN(tests);
}
