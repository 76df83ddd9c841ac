// A practice with the real server: what the walks have in common.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { start } from "./common.mjs";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// A folder that goes when the run ends.
export function folderFor(what) {
  const folder = mkdtempSync(join(tmpdir(), `drawbridge-${what}-`));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// A server of its own, with nothing in its database. `settings` makes the file, but for where it listens.
export async function open(named, { settings, roles, env = {} }) {
  const program = resolve(named);
  const folder = folderFor("look");
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const begins = `listen = "127.0.0.1:${port}"\ndatabase = "sqlite://elm.db"\n[console]\nurl = "${origin}"\n`;
  writeFileSync(join(folder, "practice.toml"), begins + settings);
  writeFileSync(join(folder, "roles.toml"), roles);
  const around = { cwd: folder, env: { ...process.env, ...env, DRAWBRIDGE_LOG: "error" } };
  const run = (...args) => execFileSync(program, args, { ...around, encoding: "utf8" }).trim();
  start(program, ["serve", "--config", "practice.toml"], around);
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(`${origin}/livez`).catch(() => null);
    if (answer?.ok) break;
    if (tries > 200) throw new Error("the server does not answer");
    await new Promise((done) => setTimeout(done, 100));
  }
  return {
    database: join(folder, "elm.db"),
    folder,
    origin,
    run,
    // The link that somebody signs in with, once.
    invite: (name = "Dana Ruiz", role = "owner") =>
      run("admin", "invite", "--config", "practice.toml", "--practice", "elm", "--name", name, "--role", role),
    makeToken: (source) => run("token", "create", "--config", "practice.toml", "--practice", "elm", "--source", source),
  };
}

// An identity provider that pushes to the server.
export function provider({ origin }, token) {
  const push = async (method, path, body) => {
    const answer = await fetch(`${origin}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/scim+json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const setActive = ({ id }, value) =>
    push("PATCH", `/Users/${id}`, { schemas: [PATCH], Operations: [{ op: "Replace", path: "active", value }] });
  return {
    hire: (name, title = "Nurse") =>
      push("POST", "/Users", {
        schemas: [USER],
        userName: `${name.toLowerCase().replace(" ", ".")}@elm.example`,
        displayName: name,
        title,
        active: true,
      }),
    disable: (person) => setActive(person, "False"),
    enable: (person) => setActive(person, "True"),
  };
}
