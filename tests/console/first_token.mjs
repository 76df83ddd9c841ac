// First run to first token: from an empty database to the first push of a real identity provider, which arrives on
// the page that waits for it.

import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { browse, expect, leaveOut, SOON, signIn, watch } from "./common.mjs";
import { look } from "./gallery.mjs";
import { folderFor, open, provider } from "./practice.mjs";

const CANAILLE = fileURLToPath(new URL("../../scripts/targets/canaille.sh", import.meta.url));
const run = promisify(execFile);

const SETTINGS = `
[[practice]]
name = "elm"
title = "Elm Street Family Medicine"
time_zone = "America/Chicago"
[[practice.source]]
name = "canaille"
`;

// Starts the real identity provider. Answers what hires somebody there; nothing where it is not installed.
async function startCanaille(origin, token) {
  const folder = join(folderFor("canaille"), "canaille");
  const env = {
    ...process.env,
    CARGO_PKG_NAME: "the browser",
    DRAWBRIDGE_OWNER_PID: String(process.pid),
    PUSH_URL: `${origin}/scim/v2`,
    PUSH_TOKEN: token,
  };
  try {
    // What stays running would hold a pipe open.
    execFileSync(CANAILLE, ["start", folder], { env, stdio: ["ignore", "ignore", "inherit"] });
  } catch (error) {
    // 3: it is not installed, or may not be.
    if (error.status === 3) return undefined;
    throw error;
  }
  const lines = readFileSync(join(folder, "env"), "utf8").trim().split("\n");
  const facts = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
  return {
    hire: (userName, given, family) =>
      run(
        facts.CANAILLE_BIN,
        [
          ...["create", "user", "--user-name", userName, "--password", "Idp-Passw0rd-1"],
          ...["--given-name", given, "--family-name", family, "--formatted-name", `${given} ${family}`],
          ...["--emails", `${userName}@example.org`, "--title", "Nurse"],
        ],
        { env: { ...process.env, CANAILLE_CONFIG: facts.CANAILLE_CONFIG } },
      ),
    stop: () => execFileSync(CANAILLE, ["remove", folder], { stdio: "inherit" }),
  };
}

// Whoever the link is for signs in, and finds the way to a token.
async function comeIn(browser, server) {
  const context = await browse(browser);
  const stranger = await context.newPage();
  watch(stranger);
  await stranger.goto(`${server.origin}/sign-in`);
  await look(stranger, "sign_in");
  const link = server.invite();
  await stranger.goto(link);
  await look(stranger, "sign_in_link");
  await stranger.close();
  const page = await signIn(context, link);
  await look(page, "board_empty");
  await page.getByRole("link", { name: "First steps" }).click();
  await page.getByText("1 of 7 done").waitFor(SOON);
  await look(page, "start");
  return page;
}

async function makeToken(page) {
  await page.getByRole("link", { name: "Make a token" }).click();
  await page.getByText("No token yet.").waitFor(SOON);
  await page.getByRole("button", { name: "Make a token" }).click();
  const secret = page.locator("#secret");
  await secret.waitFor(SOON);
  const token = await secret.inputValue();
  expect(/^dbr_scim_/.test(token), `the token is ${token}`);
  await secret.click();
  const marked = await secret.evaluate((field) => field.value.slice(field.selectionStart, field.selectionEnd));
  expect(marked === token, "a click does not mark the whole token");
  await look(page, "token");
  return token;
}

// The page says what arrives while it is open, and is not loaded again for it.
async function waitForTheFirst(page, server, token) {
  await page.getByRole("link", { name: "wait for the first request" }).click();
  await page.getByRole("heading", { name: "Waiting for the first request" }).waitFor(SOON);
  await page.mouse.move(0, 0);
  await page.locator("#live-state", { hasText: "live" }).waitFor(SOON);
  await page.evaluate(() => (window.isTheSame = true));
  // Half of it was copied: the page says so.
  await fetch(`${server.origin}/scim/v2/Users`, { headers: { authorization: `Bearer ${token.slice(0, -9)}` } });
  await page.getByText("GET /Users").first().waitFor(SOON);
  await look(page, "waiting");
  const canaille = await startCanaille(server.origin, token);
  if (!canaille) leaveOut("a real identity provider's push on the waiting page, for want of canaille");
  const arrives = page.getByRole("heading", { name: "The first request came" });
  const arrived = arrives.waitFor({ timeout: 60_000 }).then(() => Date.now());
  if (canaille) await canaille.hire("nina", "Nina", "Okafor");
  else await provider(server, token).hire("Nina Okafor");
  const done = Date.now();
  const took = (await arrived) - done;
  const whose = canaille ? "Canaille's push" : "a push";
  console.log(`${whose} was on the waiting page ${took} ms after who sent it was done`);
  expect(took <= 1_000, `${whose} was on the waiting page only ${took} ms after who sent it was done`);
  expect(await page.evaluate(() => window.isTheSame === true), "the waiting page was loaded again");
  await page.getByText("canaille reaches this bridge.").waitFor(SOON);
  await look(page, "waiting_arrived");
  return canaille;
}

export async function goFromTheFirstRunToTheFirstToken(browser, program) {
  const server = await open(program, { settings: SETTINGS, roles: "" });
  const page = await comeIn(browser, server);
  const token = await makeToken(page);
  const canaille = await waitForTheFirst(page, server, token);
  await page.getByRole("link", { name: "Who was pushed" }).click();
  await page.getByText("Nina Okafor").waitFor(SOON);
  await page.goto(`${server.origin}/start`);
  await page.getByText("4 of 7 done").waitFor(SOON);
  await page.goto(`${server.origin}/settings`);
  expect(!(await page.content()).includes(token), "the token is shown again");
  await page.getByRole("button", { name: "New link" }).first().click();
  await page.locator("#secret").waitFor(SOON);
  await look(page, "link");
  canaille?.stop();
  await page.context().close();
}
