// A whole departure in front of the real server: one system is dead, one is done by hand. Three people leave,
// and somebody sees to each: with a mouse, with the keyboard alone, and without JavaScript.

import { createServer } from "node:http";
import { join } from "node:path";

import { attempt, browse, expect, signIn, SOON, watch } from "./common.mjs";
import { look, lookAtAll } from "./gallery.mjs";
import { freePort, open, provider } from "./practice.mjs";

// The least a photo can be: one white pixel.
export const PHOTO = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==",
  "base64",
);

const ROLES = `
[[role]]
name = "Nurse"
matches = ["Nurse"]
[role.access]
ehr = "nurse"
vpn = "staff"
badge = "side door"
`;

const settings = (dead, program) => `
[[practice]]
name = "elm"
title = "Elm Street Family Medicine"
time_zone = "America/Chicago"
roles = "roles.toml"
[[practice.source]]
name = "entra"
[[practice.alerts.channel]]
name = "oncall"
kind = "webhook"
url = "http://127.0.0.1:${program}/drawbridge"
secret = { env = "HOOK_SECRET" }
allow_plain_http = true
[[practice.alerts.channel]]
name = "chat"
kind = "webhook"
url = "http://127.0.0.1:${dead}/chat"
secret = { env = "HOOK_SECRET" }
allow_plain_http = true
[practice.alerts.owner]
channels = ["chat", "oncall"]
[practice.alerts.practice_manager]
channels = ["oncall"]
[[practice.system]]
name = "ehr"
title = "EHR"
category = "ehr"
connector = "sandbox"
holds_ephi = true
[[practice.system]]
name = "vpn"
title = "VPN (dead)"
category = "vpn"
connector = "scim"
owner = "Priya of IT"
[practice.system.settings]
base_url = "http://127.0.0.1:${dead}/scim/v2"
token = { env = "DEAD_TOKEN" }
allow_plain_http = true
[[practice.system]]
name = "badge"
title = "Badge (by hand)"
category = "badge"
connector = "manual"
owner = "Dana Ruiz"
[practice.system.settings]
ways = ["badge"]
owner = "Dana Ruiz"
instructions = { open = "Issue a card.", close = "Deactivate the card in the panel, take it back, and try it at the side door." }
`;

// What takes alerts: a program of the practice's own.
async function startProgram() {
  const server = createServer((request, answer) => request.resume().on("end", () => answer.writeHead(204).end()));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  return server.address().port;
}

// The server, and what stands around it.
export async function openWithADeadSystem(program) {
  const env = { DEAD_TOKEN: "nobody-asks-for-it", HOOK_SECRET: "a-secret-of-thirty-two-letters-ok" };
  const text = settings(await freePort(), await startProgram());
  const server = await open(program, { settings: text, roles: ROLES, env });
  return { ...server, ...provider(server, server.makeToken("entra")) };
}

// Saves a file that a button sends, and has the command line check it.
async function takeAndVerify(page, server, button, name) {
  const begun = page.waitForEvent("download", SOON);
  await button.click();
  const file = join(server.folder, name);
  await (await begun).saveAs(file);
  try {
    const said = server.run("evidence", "verify", file);
    expect(said.startsWith("intact:"), `${name}: the command line says: ${said}`);
    return said;
  } catch (error) {
    expect(false, `${name}: does not verify: ${error.message}`);
    return "";
  }
}

// Time goes by on an open page: the ring counts down, and the marks are read aloud.
async function seesTimeRunOut(context, server) {
  const page = await context.newPage();
  watch(page);
  await page.clock.install();
  await page.goto(`${server.origin}/`);
  const says = (text) => page.locator(".card .ring .figure", { hasText: text }).first().waitFor(SOON);
  const isReadAloud = (text) => page.locator("#announcer", { hasText: text }).waitFor({ state: "attached", ...SOON });
  await says(/^(59|60) min left$/);
  await page.clock.fastForward("31:00");
  await says(/^(28|29) min left$/);
  await isReadAloud("Nina: 30 minutes left");
  await page.getByText("You were signed out.").waitFor(SOON);
  await page.clock.fastForward("31:00");
  await says(/^\+[23] min over$/);
  await isReadAloud("Nina: the deadline has passed");
  await page.close();
}

const openDoors = (page) => page.locator('a[href$="/by-hand"]');

// With a mouse: sees her leave, signs with a photo, sees the case closed, takes the evidence away.
async function withAMouse(browser, server, nina) {
  const context = await browse(browser);
  const board = await signIn(context, server.invite());
  await board.locator("#live-state:not([hidden])").waitFor(SOON);
  const asked = [];
  board.on("request", (request) => {
    if ("drawbridge-live" in request.headers()) asked.push(Date.now());
  });
  const began = Date.now();
  await server.disable(nina);
  const card = board.locator(".card", { hasText: "Nina" });
  await card.waitFor(SOON);
  const took = Date.now() - began;
  console.log(`a departure was on an open board after ${took} ms`);
  expect(took <= 1_000, `a departure was on an open board only after ${took} ms`);
  await board.locator(".card", { hasText: "2 of 3 not proved" }).waitFor(SOON);
  // Much happened meanwhile, and the page asked for itself once a second at most.
  const tooSoon = asked.filter((at, place) => place > 0 && at - asked[place - 1] < 900);
  expect(tooSoon.length === 0, `the board asked for itself ${asked.length} times, ${tooSoon.length} times too soon`);
  await seesTimeRunOut(context, server);
  await card.locator("h2 a").click();
  await board.waitForURL(/\/cases\//);
  const colleague = await context.newPage();
  watch(colleague);
  await colleague.goto(board.url());
  await colleague.locator("#live-state", { hasText: "live" }).waitFor(SOON);
  await colleague.evaluate(() => (window.isTheSame = true));
  for (let signed = 0; signed < 2; signed += 1) {
    await openDoors(board).first().click();
    await board.locator("#how").fill("Looked into the panel: her account is disabled there.");
    await board.locator("#file").setInputFiles({ name: "panel.png", mimeType: "image/png", buffer: PHOTO });
    await board.getByRole("button", { name: "Sign", exact: true }).click();
    await board.getByText("It is in the ledger with your name.").waitFor(SOON);
  }
  await board.getByText("This case is closed").waitFor(SOON);
  // It closes in front of whoever else has it open, too.
  await colleague.getByText("This case is closed").waitFor(SOON);
  expect(await colleague.evaluate(() => window.isTheSame === true), "the open page of the case was loaded again");
  await colleague.close();
  await look(board, "case_closed");
  await board.getByRole("link", { name: "everything about this person" }).click();
  expect((await board.locator('a[href^="/files/"]').count()) === 2, "the photos are not on her page");
  const photo = board.waitForEvent("download", SOON);
  await board.locator('a[href^="/files/"]').first().click();
  expect((await photo).suggestedFilename() === "panel.png", "the photo is not taken away under its name");
  const said = await takeAndVerify(
    board,
    server,
    board.getByRole("button", { name: "Evidence as a file" }),
    "nina.jsonl",
  );
  expect(said.includes("1 file"), `her evidence has not the photo: ${said}`);
  await board.getByText("saved:").waitFor(SOON);
  await board.goto(`${server.origin}/evidence`);
  const whole = await takeAndVerify(
    board,
    server,
    board.getByRole("button", { name: "Evidence of this time as a file" }),
    "time.jsonl",
  );
  expect(whole.includes("cases that began"), `the evidence of a time says: ${whole}`);
  // A file that came without its end is not called saved.
  const cutOff = (route) =>
    route.fulfill({
      headers: { "content-disposition": 'attachment; filename="time.jsonl"', "drawbridge-lines": "2" },
      body: "{}\n{}\n{}\n",
    });
  await board.route("**/evidence/period", cutOff);
  await board.getByRole("button", { name: "Evidence of this time as a file" }).click();
  await board.getByText("It was cut off, and nothing is saved").waitFor(SOON);
  await board.unroute("**/evidence/period");
  await lookAtAll(board, { evidence_complete: `${server.origin}/evidence` });
  await context.close();
}

// Presses Tab until the focus is there: whoever has no mouse must get everywhere, and see where they are.
async function tabTo(page, locator) {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) {
      const outline = await locator.evaluate((element) => getComputedStyle(element).outlineStyle);
      expect(outline !== "none", "what has the focus is not seen to have it");
      return true;
    }
    await page.keyboard.press("Tab");
  }
  return false;
}

async function withTheKeyboard(browser, server, omar) {
  await server.disable(omar);
  const context = await browse(browser);
  const page = await context.newPage();
  watch(page);
  await page.goto(server.invite());
  expect(await tabTo(page, page.locator("main button")), "the button that signs in is not reached by Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${server.origin}/`);
  await page.locator(".card", { hasText: "Omar" }).waitFor(SOON);
  await page.keyboard.press("?");
  expect(await page.locator("#help").evaluate((help) => help.open), "? does not show the keys");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  expect(
    await page.evaluate(() => document.activeElement.classList.contains("card")),
    "j does not go to the first card",
  );
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/cases\//);
  await page.locator("article.row").first().waitFor(SOON);
  await page.keyboard.press("j");
  await page.keyboard.press("r");
  await page.getByText(/tried again now|No door of these waits/).waitFor(SOON);
  for (let signed = 0; signed < 2; signed += 1) {
    await page.keyboard.press("j");
    await page.keyboard.press("m");
    await page.waitForURL(/\/by-hand$/);
    expect(await tabTo(page, page.locator("#how")), "how it was checked is not reached by Tab");
    await page.keyboard.type("Tried the card at the side door: refused. (j, k, r and m are letters here)");
    expect(await tabTo(page, page.getByRole("button", { name: "Sign", exact: true })), "Sign is not reached by Tab");
    await page.keyboard.press("Enter");
    await page.getByText("It is in the ledger with your name.").waitFor(SOON);
  }
  await page.getByText("This case is closed").waitFor(SOON);
  // Switched off, keys are letters.
  await page.keyboard.press("?");
  expect(await tabTo(page, page.locator("#keys")), "the keys cannot be switched off by Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.locator("h1").click();
  await page.keyboard.press("j");
  const isOnARow = await page.evaluate(() => document.activeElement.matches("article.row"));
  expect(!isOnARow, "j moves although the keys are switched off");
  await context.close();
}

async function withoutScripts(browser, server, sam) {
  await server.disable(sam);
  const phone = { viewport: { width: 320, height: 640 }, colorScheme: "dark", javaScriptEnabled: false };
  const context = await browse(browser, phone);
  const page = await signIn(context, server.invite());
  const until = async (text) => {
    for (let tries = 0; tries < 60; tries += 1) {
      if ((await page.getByText(text).count()) > 0) return true;
      await page.waitForTimeout(250);
      await page.goto(page.url());
    }
    return false;
  };
  expect(await until("2 of 3 not proved"), "without JavaScript the board does not show who leaves");
  await page.locator(".card h2 a").click();
  for (let signed = 0; signed < 2; signed += 1) {
    await openDoors(page).first().click();
    await page.locator("#how").fill("Looked into the panel: disabled.");
    await page.locator("#file").setInputFiles({ name: "panel.png", mimeType: "image/png", buffer: PHOTO });
    await page.getByRole("button", { name: "Sign", exact: true }).click();
  }
  expect(await until("This case is closed"), "without JavaScript the case does not close");
  await page.goto(`${server.origin}/calls?closes=1`);
  expect((await page.locator("h1").textContent()) === "Failed calls", "the inbox is not narrowed without JavaScript");
  await page.goto(`${server.origin}/evidence`);
  await takeAndVerify(
    page,
    server,
    page.getByRole("button", { name: "Evidence of this time as a file" }),
    "without-scripts.jsonl",
  );
  await context.close();
}

// Many leave at once, and somebody who left shall get in again: the brake holds, the return waits, and both are told.
async function withABrake(browser, server, nina) {
  const names = ["Ines Ferreira", "Tom Brandt", "Aisha Khan", "Luca Moretti", "Mei Tanaka", "Jonas Weber"];
  const people = [];
  for (const name of names) people.push(await server.hire(name));
  for (const person of people) await server.disable(person);
  await server.enable(nina);
  const context = await browse(browser);
  const page = await signIn(context, server.invite());
  const until = async (path, text) => {
    await page.goto(server.origin + path);
    await page.getByText(text).first().waitFor(SOON);
  };
  await until("/brake", "doors wait until");
  await look(page, "brake");
  await until("/returns", "Keep out");
  await look(page, "returns");
  await page.goto(`${server.origin}/alerts`);
  await page.getByRole("button", { name: "Send a test: oncall" }).click();
  await page.waitForURL(/said=told/);
  await page.getByRole("button", { name: "Send a test: chat" }).click();
  await page.waitForURL(/said=not_told/);
  await look(page, "alerts");
  await page.goto(`${server.origin}/`);
  await look(page, "board_busy");
  await context.close();
}

export async function goThroughADeparture(browser, program) {
  const server = await openWithADeadSystem(program);
  const people = {};
  for (const name of ["Nina", "Omar", "Sam"]) people[name] = await server.hire(name);
  await attempt("with a mouse", () => withAMouse(browser, server, people.Nina));
  await attempt("with the keyboard alone", () => withTheKeyboard(browser, server, people.Omar));
  await attempt("without JavaScript", () => withoutScripts(browser, server, people.Sam));
  await attempt("many at once", () => withABrake(browser, server, people.Nina));
}
