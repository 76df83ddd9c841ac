// Coming in by an identity provider: connecting it, and choosing among practices. The provider is a stand-in with a
// real key, which lets in whoever is sent to it.

import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";

import { browse, expect, SOON, signIn, watch } from "./common.mjs";
import { look } from "./gallery.mjs";
import { freePort, open } from "./practice.mjs";

const encode = (what) => Buffer.from(what).toString("base64url");

// Starts the provider. Answers what it calls itself, and what stops it.
async function startProvider() {
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" };
  const asked = new Map();
  const answerFor = (code) => {
    const now = Math.floor(Date.now() / 1000);
    const { client_id: aud, nonce } = asked.get(code);
    const says = { iss: issuer, sub: "dana-1", aud, nonce, iat: now, auth_time: now, exp: now + 300 };
    const whole = { ...says, email: "dana@elm.example", email_verified: true };
    const head = encode(JSON.stringify({ alg: "ES256", kid: "one" }));
    const text = `${head}.${encode(JSON.stringify(whole))}`;
    const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return { access_token: randomUUID(), token_type: "Bearer", id_token: `${text}.${encode(signature)}` };
  };
  const server = createServer(async (request, answer) => {
    const url = new URL(request.url, issuer);
    const json = (what) => answer.setHeader("content-type", "application/json").end(JSON.stringify(what));
    if (url.pathname === "/authorize") {
      const { redirect_uri: back, state, ...rest } = Object.fromEntries(url.searchParams);
      const code = randomUUID();
      asked.set(code, rest);
      return answer.writeHead(302, { location: `${back}?${new URLSearchParams({ code, state })}` }).end();
    }
    if (url.pathname === "/token") {
      let body = "";
      for await (const part of request) body += part;
      return json(answerFor(new URLSearchParams(body).get("code")));
    }
    if (url.pathname === "/keys") return json({ keys: [key] });
    return json({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
    });
  });
  await new Promise((done) => server.listen(new URL(issuer).port, "127.0.0.1", done));
  return { issuer, stop: () => server.close() };
}

const settings = ({ issuer }) => `
[console.oidc]
title = "Elm's directory"
issuer = "${issuer}"
client_id = "drawbridge"
allow_plain_http = true
[[practice]]
name = "elm"
title = "Elm Street Family Medicine"
[[practice]]
name = "oak"
title = "Oak Hill Pediatrics"
`;

// Whoever came in by a link has the provider vouch for them from now on.
async function connect(browser, link) {
  const context = await browse(browser);
  const page = await signIn(context, link);
  await page.goto(`${new URL(link).origin}/settings`);
  await page.getByRole("link", { name: "Sign in by Elm's directory from now on" }).click();
  await page.getByRole("button", { name: "That is me" }).waitFor(SOON);
  return page;
}

export async function comeInByAProvider(browser, program) {
  const provider = await startProvider();
  const server = await open(program, { settings: settings(provider), roles: "" });
  const ofElm = await connect(browser, server.invite());
  await look(ofElm, "connect");
  const invite = ["admin", "invite", "--config", "practice.toml", "--practice", "oak", "--role", "owner"];
  const ofOak = await connect(browser, server.run(...invite, "--name", "Dana Ruiz"));
  for (const page of [ofElm, ofOak]) {
    await page.getByRole("button", { name: "That is me" }).click();
    await page.getByText("From now on you come in by your identity provider.").waitFor(SOON);
    await page.goto(`${server.origin}/settings`);
    await page.getByText("signs in by the identity provider").waitFor(SOON);
    await page.context().close();
  }
  const context = await browse(browser);
  const page = await context.newPage();
  watch(page);
  await page.goto(`${server.origin}/sign-in`);
  await look(page, "sign_in_by_provider");
  await page.getByRole("link", { name: "Sign in by Elm's directory" }).click();
  await page.getByRole("heading", { name: "Which practice?" }).waitFor(SOON);
  await look(page, "choose");
  await page.getByRole("button", { name: "Oak Hill Pediatrics" }).click();
  await page.getByText("Nobody has left yet.").waitFor(SOON);
  expect((await page.content()).includes("Oak Hill Pediatrics"), "another practice than the one that was chosen");
  await context.close();
  provider.stop();
}
