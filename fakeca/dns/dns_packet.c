#include "dns/dns_int.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LEN 12
#define UDP_MIN 512
#define UDP_MAX 4096  /* what we send at most, however much the question allows */
#define EDNS_OWN 1232 /* what we say that we take: fits an IPv6 packet without fragments */
#define BADVERS_HIGH 1

static void free_pkt(void *pkt)
{
    ldns_pkt_free(pkt);
}

/* An answer that has only a header. */
static void header_only(struct fc_arena *arena, const unsigned char *query, int rcode, struct fc_dns_reply *reply)
{
    unsigned char *data = fc_arena_alloc(arena, HEADER_LEN);

    data[0] = query[0];
    data[1] = query[1];
    data[2] = (unsigned char)(0x80 | (query[2] & 0x79)); /* QR; opcode and RD as asked */
    data[3] = (unsigned char)(0x80 | rcode);             /* RA */
    *reply = (struct fc_dns_reply){.data = data, .len = HEADER_LEN};
}

static void add(ldns_pkt *pkt, ldns_pkt_section section, ldns_rdf *owner, unsigned type,
                const struct fc_dns_value *value)
{
    ldns_rr *rr = ldns_rr_new();

    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, (ldns_rr_type)type);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, 0);
    /* the whole RDATA as one field: it is in wire form already */
    ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, value->len, value->wire));
    ldns_pkt_push_rr(pkt, section, rr);
}

static ldns_rdf *owner_of(const char *name)
{
    unsigned char wire[FC_DNS_NAME_SIZE];
    size_t len = fc_dns_name_wire(name, wire);

    return ldns_dname_new_frm_data((uint16_t)len, wire);
}

/* The zone that every negative answer comes from: the last label of the name. Owner as in the question. */
static ldns_rdf *apex_of(const ldns_rdf *owner)
{
    uint8_t labels = ldns_dname_label_count(owner);
    return labels > 1 ? ldns_dname_clone_from(owner, (uint16_t)(labels - 1)) : ldns_rdf_clone(owner);
}

static void add_soa(ldns_pkt *pkt, ldns_pkt_section section, const ldns_rdf *owner)
{
    /* localhost. hostmaster.fakeca.invalid. 1 3600 600 86400 0, whose last byte is the literal's own end */
    static const unsigned char soa[] = "\x09localhost\x00\x0ahostmaster\x06"
                                       "fakeca\x07invalid\x00"
                                       "\x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x02\x58\x00\x01\x51\x80\x00\x00\x00";

    add(pkt, section, apex_of(owner), FC_DNS_SOA, &(struct fc_dns_value){.wire = soa, .len = sizeof soa});
}

/* The name server of every zone: a name that resolves everywhere, for clients that go on to ask it. */
static void add_ns(ldns_pkt *pkt, const ldns_rdf *owner)
{
    static const unsigned char ns[] = "\x09localhost"; /* the literal's own end is the root label */

    add(pkt, LDNS_SECTION_ANSWER, ldns_rdf_clone(owner), FC_DNS_NS,
        &(struct fc_dns_value){.wire = ns, .len = sizeof ns});
}

/* What there is beside the rules' records: SOA and NS of a zone, and the SOA of an answer without records. */
static void add_zone(ldns_pkt *pkt, const ldns_rdf *owner, unsigned type, const struct fc_dns_found *found)
{
    bool is_apex = found->rcode == 0 && ldns_dname_label_count(owner) == 1;

    if (found->n_values > 0)
        return;
    if (is_apex && type == FC_DNS_NS)
        add_ns(pkt, owner);
    else if (found->rcode == 0 || found->rcode == FC_DNS_RCODE_NXDOMAIN)
        add_soa(pkt, is_apex && type == FC_DNS_SOA ? LDNS_SECTION_ANSWER : LDNS_SECTION_AUTHORITY, owner);
}

/* The records of a look-up, aliases first. */
static void add_found(ldns_pkt *pkt, const ldns_rdf *asked, unsigned type, const struct fc_dns_found *found)
{
    ldns_rdf *owner = ldns_rdf_clone(asked);

    for (size_t i = 0; i < found->n_targets; i++) {
        unsigned char wire[FC_DNS_NAME_SIZE];
        size_t len = fc_dns_name_wire(found->targets[i], wire);
        add(pkt, LDNS_SECTION_ANSWER, owner, FC_DNS_CNAME, &(struct fc_dns_value){.wire = wire, .len = len});
        owner = owner_of(found->targets[i]);
    }
    for (size_t i = 0; i < found->n_values; i++)
        add(pkt, LDNS_SECTION_ANSWER, ldns_rdf_clone(owner), type, &found->values[i]);
    add_zone(pkt, owner, type, found);
    ldns_rdf_deep_free(owner);
}

static void empty_section(ldns_pkt *pkt)
{
    ldns_rr_list_deep_free(ldns_pkt_answer(pkt));
    ldns_rr_list_deep_free(ldns_pkt_authority(pkt));
    ldns_pkt_set_answer(pkt, ldns_rr_list_new());
    ldns_pkt_set_authority(pkt, ldns_rr_list_new());
    ldns_pkt_set_ancount(pkt, 0);
    ldns_pkt_set_nscount(pkt, 0);
}

static int pack(const ldns_pkt *pkt, struct fc_arena *arena, struct fc_dns_reply *reply)
{
    uint8_t *wire = NULL;
    size_t len = 0;

    if (ldns_pkt2wire(&wire, pkt, &len) != LDNS_STATUS_OK || len > UINT16_MAX) {
        free(wire);
        return -1;
    }
    reply->data = fc_arena_memdup(arena, wire, len);
    reply->len = len;
    free(wire);
    return 0;
}

static size_t udp_max(const ldns_pkt *query)
{
    size_t asked = ldns_pkt_edns(query) ? ldns_pkt_edns_udp_size(query) : UDP_MIN;
    return asked < UDP_MIN ? UDP_MIN : asked > UDP_MAX ? UDP_MAX : asked;
}

/* An answer with the question, flags and EDNS as they are always. */
static ldns_pkt *begin(const ldns_pkt *query, struct fc_arena *arena)
{
    ldns_pkt *pkt = ldns_pkt_new();

    fc_arena_defer(arena, free_pkt, pkt);
    ldns_pkt_set_id(pkt, ldns_pkt_id(query));
    ldns_pkt_set_qr(pkt, true);
    ldns_pkt_set_aa(pkt, true);
    ldns_pkt_set_rd(pkt, ldns_pkt_rd(query));
    ldns_pkt_set_ra(pkt, true);
    ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0)));
    if (ldns_pkt_edns(query)) {
        ldns_pkt_set_edns_udp_size(pkt, EDNS_OWN);
        ldns_pkt_set_edns_do(pkt, ldns_pkt_edns_do(query));
    }
    return pkt;
}

/* The name as rules know it: lower case, no final dot. */
static const char *name_text(struct fc_arena *arena, const ldns_rdf *owner)
{
    char *text = ldns_rdf2str(owner);
    size_t len = text ? strlen(text) : 0;
    char *name = fc_arena_strndup(arena, text ? text : "", len > 0 ? len - 1 : 0);

    free(text);
    for (char *c = name; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return name;
}

static const char *type_text(struct fc_arena *arena, ldns_rr_type type)
{
    char *text = ldns_rr_type2str(type);
    const char *copy = fc_arena_strdup(arena, text ? text : "?");

    free(text);
    return copy;
}

/* What the mock says to one well-formed question. */
static struct fc_dns_found answer_question(struct fc_dns_table *table, struct fc_arena *arena, const ldns_rr *question,
                                           ldns_pkt *pkt, struct fc_dns_reply *reply)
{
    struct fc_dns_found found;
    unsigned type = (unsigned)ldns_rr_get_type(question);

    reply->name = name_text(arena, ldns_rr_owner(question));
    reply->type = type_text(arena, ldns_rr_get_type(question));
    fc_dns_table_look(table, arena, reply->name, type, &found);
    reply->rule = found.rule;
    reply->answer = fc_dns_values_text(arena, found.rcode, found.values, found.n_values);
    reply->delay = found.delay;
    if (found.rcode != FC_DNS_RCODE_DROP) {
        ldns_pkt_set_rcode(pkt, (uint8_t)found.rcode);
        add_found(pkt, ldns_rr_owner(question), type, &found);
    }
    return found;
}

static bool is_transfer(ldns_rr_type type)
{
    return type == LDNS_RR_TYPE_AXFR || type == LDNS_RR_TYPE_IXFR;
}

static void answer(struct fc_dns_table *table, struct fc_arena *arena, const ldns_pkt *query, bool udp,
                   struct fc_dns_reply *reply)
{
    size_t max = udp ? udp_max(query) : UINT16_MAX;
    struct fc_dns_found found = {0};
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(query), 0);
    ldns_pkt *pkt = begin(query, arena);
    ldns_rr_class class = ldns_rr_get_class(question);

    if (ldns_pkt_edns(query) && ldns_pkt_edns_version(query) > 0)
        ldns_pkt_set_edns_extended_rcode(pkt, BADVERS_HIGH);
    else if ((class != LDNS_RR_CLASS_IN && class != LDNS_RR_CLASS_ANY) || is_transfer(ldns_rr_get_type(question)))
        ldns_pkt_set_rcode(pkt, LDNS_RCODE_REFUSED);
    else
        found = answer_question(table, arena, question, pkt, reply);
    if (found.rcode == FC_DNS_RCODE_DROP)
        return;
    if (!(udp && found.truncate) && pack(pkt, arena, reply) == 0 && reply->len <= max)
        return;
    empty_section(pkt);
    ldns_pkt_set_tc(pkt, true);
    pack(pkt, arena, reply);
}

bool fc_dns_packet_answer(struct fc_dns_table *table, struct fc_arena *arena, const unsigned char *query, size_t len,
                          bool udp, struct fc_dns_reply *ret_reply)
{
    ldns_pkt *pkt = NULL;

    *ret_reply = (struct fc_dns_reply){0};
    /* an answer is never answered: two such servers would talk for ever */
    if (len < HEADER_LEN || (query[2] & 0x80) != 0)
        return false;
    if ((query[2] & 0x78) != 0) {
        header_only(arena, query, LDNS_RCODE_NOTIMPL, ret_reply);
        return true;
    }
    if (ldns_wire2pkt(&pkt, query, len) != LDNS_STATUS_OK) {
        header_only(arena, query, LDNS_RCODE_FORMERR, ret_reply);
        return true;
    }
    fc_arena_defer(arena, free_pkt, pkt);
    if (ldns_pkt_qdcount(pkt) != 1 || ldns_rr_list_rr_count(ldns_pkt_question(pkt)) != 1)
        header_only(arena, query, LDNS_RCODE_FORMERR, ret_reply);
    else
        answer(table, arena, pkt, udp, ret_reply);
    return ret_reply->data != NULL || ret_reply->name != NULL;
}
