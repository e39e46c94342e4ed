/* checks.md 4.8: files, chain, names, dates. */
#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"
#include "cases/ck_case.h"
#include "pki/pki_cert.h"

#define CHAIN_MAX 16

/* ---- files-not-copied ---- */

static void judge_copied(const struct ck_line *line, struct ck_verdict *v)
{
    if (line->stage->blind & CK_FILES) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "the files could not be read");
        return;
    }
    ck_verdict_evidence(v, line->cert_seen);
    if (!line->renewed[0]) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "Nothing was renewed, so no copy could grow stale.");
    } else if (!line->cert_checked) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "There is no certificate in '%s'.", line->setup->cert);
    } else if (line->cert_same_file && line->cert_same_content) {
        ck_verdict_set(v, CK_PASS, "The server reads the file that the client writes.");
    } else if (line->cert_same_content) {
        ck_verdict_set(v, CK_WARN, "'%s' is a copy, and it was refreshed after the renewal.", line->setup->cert);
        ck_verdict_remedy(v, "use the live path or a link to it, unless a merged file is needed");
    } else {
        ck_verdict_set(v, CK_FAIL, "'%s' is a copy that the renewal left stale.", line->setup->cert);
        ck_verdict_remedy(
            v,
            "use the live path or a link to it; if a merged file is needed, rebuild it in the deploy hook and reload");
    }
}

/* ---- chains ---- */

static size_t read_chain(const char *pem, struct fc_cert **ret_chain)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    size_t n = 0;

    for (const char *at = pem ? strstr(pem, begin) : NULL; at && n < CHAIN_MAX; at = strstr(at + 1, begin))
        if (fc_cert_from_pem(at, strlen(at), &ret_chain[n], NULL) == 0)
            n++;
    return n;
}

static void free_chain(struct fc_cert **chain, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fc_cert_free(chain[i]);
}

static bool equal(const struct fc_cert *a, const struct fc_cert *b)
{
    size_t n, m;
    const unsigned char *x = fc_cert_der(a, &n), *y = fc_cert_der(b, &m);

    return n == m && memcmp(x, y, n) == 0;
}

static bool self_signed(const struct fc_cert *cert)
{
    return fc_cert_issued_by(cert, cert);
}

/* Whether one of the roots has signed it. */
static bool rooted(const struct fc_cert *cert, struct fc_cert *const *roots, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fc_cert_issued_by(cert, roots[i]))
            return true;
    return false;
}

static void detail_chain(const struct ck_tls_peer *peer, struct ck_verdict *v)
{
    for (size_t i = 0; i < peer->n_chain; i++) {
        fc_auto_free char *subject = fc_cert_subject(peer->chain[i]);
        fc_auto_free char *serial = fc_cert_serial(peer->chain[i]);
        ck_verdict_detail(v, "sent %zu   %s   %s", i + 1, ck_judge_short(serial), subject);
    }
}

static const struct ck_tls_peer *shown(const struct ck_line *line)
{
    return line->last.n_chain ? &line->last : &line->first;
}

static void judge_links(const struct ck_line *line, const struct ck_tls_peer *peer, struct ck_verdict *v)
{
    struct fc_cert *roots[CHAIN_MAX];
    size_t n_roots = read_chain(line->roots_pem, roots), linked = 1;
    bool ours = false;

    while (linked < peer->n_chain && fc_cert_issued_by(peer->chain[linked - 1], peer->chain[linked]))
        linked++;
    const struct fc_cert *last = peer->chain[linked - 1];
    ours = rooted(last, roots, n_roots);
    free_chain(roots, n_roots);
    if (peer->n_chain == 1 && self_signed(peer->chain[0]))
        ck_verdict_set(v, CK_INCONCLUSIVE, "A self-signed certificate is served, which has no chain.");
    else if (linked < peer->n_chain)
        ck_verdict_set(v, CK_FAIL, "What is sent is no chain: certificate %zu did not sign certificate %zu.",
                       linked + 1, linked);
    else if (self_signed(last))
        ck_verdict_set(v, CK_WARN, "The root is sent along, which helps nobody.");
    else if (ours || (peer->n_chain > 1 && line->n_issues == 0))
        ck_verdict_set(v, CK_PASS, "The chain is complete and in order (%zu certificates).", peer->n_chain);
    else if (peer->n_chain == 1)
        ck_verdict_set(v, CK_FAIL, "Only the leaf is sent: browsers may hide it, other programs fail.");
    else
        ck_verdict_set(v, CK_FAIL, "The chain does not lead to the root of the CA.");
}

static void judge_complete(const struct ck_line *line, struct ck_verdict *v)
{
    const struct ck_tls_peer *peer = shown(line);

    if (ck_judge_no_https(line, v))
        return;
    if (peer->n_chain == 0) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "No chain was seen.");
        return;
    }
    judge_links(line, peer, v);
    detail_chain(peer, v);
    ck_verdict_remedy(v, "configure the file that holds the whole chain (certbot: fullchain.pem)");
}

static void judge_delivered(const struct ck_line *line, struct ck_verdict *v)
{
    struct fc_cert *chain[CHAIN_MAX];

    if (ck_judge_no_log(line, v) || ck_judge_no_https(line, v))
        return;
    if (!line->renewed[0] || !line->delivered_pem || line->last.n_chain == 0) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "Nothing was renewed, so no chain could grow stale.");
        return;
    }
    size_t n = read_chain(line->delivered_pem, chain);
    if (n == 0 || !equal(chain[0], line->last.chain[0])) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "The new certificate is not served: see reload-serves-new-cert.");
    } else if (line->last.n_chain == 1) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "Only the leaf is sent: see chain-complete.");
    } else {
        ck_verdict_set(v, CK_PASS, "The chain is served as the CA delivered it.");
        for (size_t i = 1; i < line->last.n_chain; i++)
            if (i >= n || !equal(chain[i], line->last.chain[i])) {
                ck_verdict_set(v, CK_FAIL,
                               "The server sends another intermediate than the one that came with the certificate.");
                detail_chain(&line->last, v);
                break;
            }
    }
    ck_verdict_remedy(v, "do not pin or copy the chain; take it from each download");
    free_chain(chain, n);
}

/* ---- names and dates ---- */

static void judge_names(const struct ck_line *line, struct ck_verdict *v)
{
    if (ck_judge_no_https(line, v))
        return;
    if ((line->members & CK_HAS_CLIENT) && line->n_issues == 0) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "No certificate was issued.");
        return;
    }
    ck_verdict_set(v, CK_PASS, "Each name is answered with a certificate for it.");
    for (size_t i = 0; i < line->n_targets; i++) {
        const struct ck_glance *glance = ck_line_glance(line, i, NULL, 0);
        char at[FC_NET_ADDR_TEXT];
        if (line->targets[i].endpoint || !glance)
            continue;
        ck_verdict_evidence(v, glance->seen);
        if (glance->named)
            continue;
        if (!glance->reached)
            ck_verdict_set(v, CK_FAIL, "%s at %s: %s", line->targets[i].host,
                           fc_net_addr_text(&line->targets[i].at, at), glance->error);
        else
            ck_verdict_set(v, CK_FAIL, "%s is answered with a certificate for other names (%s).", line->targets[i].host,
                           ck_judge_short(glance->serial));
        ck_verdict_remedy(v, "fix the server block or the name list");
        return;
    }
    if (line->no_sni.n_chain && (self_signed(line->no_sni.chain[0]))) {
        ck_verdict_set(v, CK_WARN, "Visitors without SNI get a self-signed certificate.");
        ck_verdict_remedy(v, "let the default server have a good certificate too");
    }
}

static void judge_times(const struct ck_line *line, struct ck_verdict *v)
{
    size_t looks = 0;
    bool rehearsed = line->n_issues > 0;

    if (ck_judge_no_https(line, v))
        return;
    if (!rehearsed && (line->members & CK_HAS_CLIENT)) {
        ck_verdict_set(v, CK_INCONCLUSIVE, "No certificate was issued.");
        return;
    }
    for (size_t i = 0; i < line->n_glances; i++) {
        const struct ck_glance *glance = &line->glances[i];
        if (!glance->reached || glance->excused || (rehearsed && glance->phase == CK_PH_BOOTSTRAP))
            continue;
        looks++;
        if (glance->at >= glance->not_before && glance->at < glance->not_after)
            continue;
        ck_verdict_set(v, CK_FAIL,
                       glance->at >= glance->not_after ? "On %s visitors got a certificate that had expired on %s."
                                                       : "On %s visitors got a certificate that begins on %s.",
                       ck_line_day(line, glance->at),
                       ck_line_day(line, glance->at >= glance->not_after ? glance->not_after : glance->not_before));
        ck_verdict_evidence(v, glance->seen);
        ck_verdict_remedy(v, "see the failed renewal or reload check; set the clock by NTP");
        return;
    }
    if (looks == 0)
        ck_verdict_set(v, CK_INCONCLUSIVE, "Nobody looked after the first certificate.");
    else
        ck_verdict_set(v, CK_PASS, "In %zu looks the served certificate was valid.", looks);
}

static const struct ck_case cases[] = {
    {.id = "files-not-copied",
     .title = "the server reads what the client writes",
     .severity = CK_MAJOR,
     .source = "seed; certbot user guide; dashpay/platform PR 4421",
     .needs = CK_HAS_CLIENT | CK_HAS_CERT | CK_HAS_LIVE,
     .phases = CK_PH_RENEWAL,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_FILES,
     .judge = judge_copied},
    {.id = "chain-complete",
     .title = "the whole chain is sent",
     .severity = CK_CRITICAL,
     .source = "certbot #610, #941; getssl #372",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_TLS,
     .judge = judge_complete},
    {.id = "chain-as-issued",
     .title = "the chain is the one that was delivered",
     .severity = CK_MAJOR,
     .source = "Let's Encrypt 2024-03-19, 2025-11-24",
     .needs = CK_HAS_CLIENT,
     .phases = CK_PH_SECOND,
     .must_live = CK_PH_RENEWAL,
     .witnesses = CK_LOG | CK_TLS,
     .judge = judge_delivered},
    {.id = "names-covered",
     .title = "each name gets its certificate",
     .severity = CK_CRITICAL,
     .source = "certbot-ci nginx cases; cr0x.net",
     .phases = CK_PH_PATH,
     .must_live = CK_PH_PATH,
     .witnesses = CK_TLS,
     .judge = judge_names},
    {.id = "cert-times",
     .title = "what is served is valid at each moment",
     .severity = CK_CRITICAL,
     .source = "seed; nixpkgs PR 221363",
     .phases = CK_PH_PATH | CK_PH_SECOND,
     .must_live = CK_PH_PATH,
     .witnesses = CK_TLS | CK_CLOCK,
     .judge = judge_times},
};
CK_GROUP(ck_group_files, "files", cases);
