// The npm package acme-client as a program: node npm_client.js MODULES, then a line of JSON a run on standard input:
//   {"id", "do": "issue" | "revoke" | "rollover", "directory", "folder", "webroot", "host", "eab": {"kid", "hmacKey"}}
// Prints "ID STATUS" when a run is over. One process for all of them: the start of node costs more than an order.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const acme = require(path.join(process.argv[2], 'acme-client'));

async function accountKey(file) {
    if (!fs.existsSync(file)) fs.writeFileSync(file, await acme.crypto.createPrivateEcdsaKey());
    return fs.readFileSync(file);
}

function challengeFile(run, challenge) {
    return path.join(run.webroot, '.well-known', 'acme-challenge', challenge.token);
}

async function issue(run, client) {
    const [key, csr] = await acme.crypto.createCsr({ altNames: [run.host] }, await acme.crypto.createPrivateEcdsaKey());
    const chain = await client.auto({
        csr,
        email: 'ops@rehearsal.dev',
        termsOfServiceAgreed: true,
        skipChallengeVerification: true,
        challengePriority: ['http-01'],
        challengeCreateFn: async (authz, challenge, text) => fs.writeFileSync(challengeFile(run, challenge), text),
        challengeRemoveFn: async (authz, challenge) => fs.rmSync(challengeFile(run, challenge), { force: true }),
    });
    fs.writeFileSync(path.join(run.folder, 'key.pem'), key);
    fs.writeFileSync(path.join(run.folder, 'chain.pem'), chain);
}

const verbs = {
    issue,
    async revoke(run, client) {
        await client.createAccount({ onlyReturnExisting: true });
        await client.revokeCertificate(fs.readFileSync(path.join(run.folder, 'chain.pem')));
    },
    async rollover(run, client) {
        await client.createAccount({ onlyReturnExisting: true });
        const key = await acme.crypto.createPrivateEcdsaKey();
        await client.updateAccountKey(key);
        fs.writeFileSync(path.join(run.folder, 'account.pem'), key);
    },
};

async function answer(run) {
    try {
        fs.mkdirSync(run.folder, { recursive: true });
        const client = new acme.Client({
            directoryUrl: run.directory,
            accountKey: await accountKey(path.join(run.folder, 'account.pem')),
            externalAccountBinding: run.eab,
        });
        await verbs[run.do](run, client);
        console.log(`${run.id} 0`);
    } catch (e) {
        fs.appendFileSync(path.join(run.folder, 'log'), `${e.stack}\n`);
        console.log(`${run.id} 1`);
    }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => answer(JSON.parse(line)));
