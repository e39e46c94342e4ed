// The npm package acme-client in the way its own suite uses a Pebble: accounts, keys, orders with challenges by the challenge server,
// certificates that are gone when they are revoked, client.auto with each kind of challenge.
//   node pebble_npm.js MODULES DIRECTORY CHALLTESTSRV PREFIX [KID HMAC]
'use strict';
const assert = require('assert');
const path = require('path');

const [modules, directoryUrl, challenges, prefix, kid, hmacKey] = process.argv.slice(2);
const acme = require(path.join(modules, 'acme-client'));
const name = (text) => `${text}.${prefix}.example.com`;
const binding = kid ? { kid, hmacKey } : undefined;

async function tell(what, body) {
    const answer = await fetch(`${challenges}/${what}`, { method: 'POST', body: JSON.stringify(body) });
    assert.strictEqual(answer.status, 200, what);
}

async function provide(authz, challenge, text) {
    const host = authz.identifier.value;
    if (challenge.type === 'http-01') return tell('add-http01', { token: challenge.token, content: text });
    if (challenge.type === 'dns-01') return tell('set-txt', { host: `_acme-challenge.${host}.`, value: text });
    return tell('add-tlsalpn01', { host, content: text });
}

async function accounts(client, key) {
    await assert.rejects(client.createAccount());
    const account = await client.createAccount({ termsOfServiceAgreed: true });
    assert.strictEqual(account.status, 'valid');
    assert.strictEqual(typeof account.orders, 'string');
    const found = await new acme.Client({ directoryUrl, accountKey: key }).createAccount({ onlyReturnExisting: true });
    assert.deepStrictEqual(found.key, account.key);
    const stranger = new acme.Client({ directoryUrl, accountKey: await acme.crypto.createPrivateKey() });
    await assert.rejects(stranger.createAccount({ onlyReturnExisting: true }));
    const elsewhere = { directoryUrl, accountKey: key, accountUrl: `${client.getAccountUrl()}9999` };
    await assert.rejects(new acme.Client(elsewhere).updateAccount());
    const changed = await client.updateAccount({ contact: ['mailto:suite@nope.com'] });
    assert.ok(changed.contact.includes('mailto:suite@nope.com'));
    await client.updateAccountKey(await acme.crypto.createPrivateKey());
    const moved = await client.createAccount({ onlyReturnExisting: true });
    assert.notDeepStrictEqual(moved.key, account.key);
}

async function deactivated(client) {
    const identifiers = [{ type: 'dns', value: name('gone1') }, { type: 'dns', value: name('gone2') }];
    const order = await client.createOrder({ identifiers });
    const authzs = await client.getAuthorizations(order);
    const ended = await Promise.all(authzs.map((authz) => client.deactivateAuthorization(authz)));
    assert.deepStrictEqual(ended.map((authz) => authz.status), ['deactivated', 'deactivated']);
}

// one order for a name and one for all below it, each step by hand
async function orders(client) {
    const plain = await client.createOrder({ identifiers: [{ type: 'dns', value: name('step') }] });
    const wildcard = await client.createOrder({ identifiers: [{ type: 'dns', value: `*.${name('step')}` }] });
    assert.deepStrictEqual(await client.getOrder(plain), plain);
    for (const [order, kind, names] of [[plain, 'http-01', [name('step')]], [wildcard, 'dns-01', [`*.${name('step')}`]]]) {
        const [authz] = await client.getAuthorizations(order);
        assert.strictEqual(authz.status, 'pending');
        const challenge = authz.challenges.find((one) => one.type === kind);
        await provide(authz, challenge, await client.getChallengeKeyAuthorization(challenge));
        assert.strictEqual((await client.completeChallenge(challenge)).url, challenge.url);
        await client.waitForValidStatus(challenge);
        const [, csr] = await acme.crypto.createCsr({ altNames: names }, await acme.crypto.createPrivateEcdsaKey());
        const finalized = await client.finalizeOrder(order, csr);
        assert.strictEqual(finalized.url, order.url);
        await client.waitForValidStatus(order);
        const certificate = await client.getCertificate(finalized);
        assert.deepStrictEqual(acme.crypto.readCertificateInfo(certificate).domains.altNames, names);
        await client.revokeCertificate(certificate, kind === 'dns-01' ? { reason: 4 } : undefined);
        await assert.rejects(client.getCertificate(finalized), 'a revoked certificate is not to be had');
    }
}

async function auto(client) {
    const ask = async (names, more) => {
        const [, csr] = await acme.crypto.createCsr({ altNames: names }, await acme.crypto.createPrivateEcdsaKey());
        const challengeRemoveFn = async () => { throw new Error('must do no harm'); };
        const options = { csr, termsOfServiceAgreed: true, skipChallengeVerification: true, challengeCreateFn: provide, challengeRemoveFn };
        return client.auto({ ...options, ...more });
    };
    await assert.rejects(ask([name('none')], { challengeCreateFn: async () => {} }));
    await assert.rejects(ask([name('oops')], { challengeCreateFn: async () => { throw new Error('oops'); } }), /^Error: oops$/);
    for (const kind of ['http-01', 'dns-01', 'tls-alpn-01']) await ask([name(kind)], { challengePriority: [kind] });
    const several = [name('san1'), name('san2'), `*.${name('san2')}`].sort();
    const certificate = await ask(several, { challengePriority: ['http-01', 'dns-01'] });
    const { domains, issuer } = acme.crypto.readCertificateInfo(certificate);
    assert.deepStrictEqual([...domains.altNames].sort(), several);
    assert.match(issuer.commonName, /^Pebble Intermediate CA /);
}

async function main() {
    const key = await acme.crypto.createPrivateKey();
    const client = new acme.Client({ directoryUrl, accountKey: key, externalAccountBinding: binding, backoffMin: 100, backoffMax: 1000 });
    assert.strictEqual(typeof (await client.getTermsOfServiceUrl()), 'string');
    if (binding) await assert.rejects(new acme.Client({ directoryUrl, accountKey: key }).createAccount({ termsOfServiceAgreed: true }));
    await accounts(client, key);
    await deactivated(client);
    await orders(client);
    await auto(client);
    assert.strictEqual((await client.updateAccount({ status: 'deactivated' })).status, 'deactivated');
    await assert.rejects(client.createOrder({ identifiers: [{ type: 'dns', value: 'nope.com' }] }));
}

main().catch((trouble) => {
    console.error(trouble.stack);
    process.exit(1);
});
