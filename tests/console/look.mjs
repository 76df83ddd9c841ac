// Looks at every page of the console as people do: in light, in dark, and on a phone. On the way it goes from the
// first run to the first token, through a whole departure with a mouse, with the keyboard alone, and without
// JavaScript, and back to what was typed.
//
//   node look.mjs PROGRAM [--shots FOLDER] [--pictures FOLDER]
//
// Plays the demo with the real program and signs in by the link it prints; the other walks have servers of their
// own. A page fails when axe finds something that keeps people out, when a script or the content policy complains,
// or when it has to be scrolled sideways. --shots keeps what was seen, whole; --pictures takes those of the
// documentation (docs/images). CHROMIUM names the browser.

import { attempt, browse, expect, launch, linkFrom, problems, signIn, SOON, start, watch } from "./common.mjs";
import { goThroughADeparture } from "./departure.mjs";
import { goFromTheFirstRunToTheFirstToken } from "./first_token.mjs";
import { howManyWereSeen, keepIn, look, lookAtAll } from "./gallery.mjs";
import { comeInByAProvider } from "./sign_in.mjs";
import { findWhatWasTyped } from "./typed.mjs";

const [program, ...flags] = process.argv.slice(2);
const folderOf = (flag) => (flags.includes(flag) ? flags[flags.indexOf(flag) + 1] : undefined);
if (!program) {
  console.error("usage: node look.mjs PROGRAM [--shots FOLDER] [--pictures FOLDER]");
  process.exit(2);
}
keepIn(folderOf("--shots"), folderOf("--pictures"));

// An open board asks for itself the moment something happened elsewhere.
async function hearsOfAChange(context, origin) {
  const board = await context.newPage();
  watch(board);
  await board.goto(`${origin}/`);
  await board.locator("#live-state:not([hidden])").waitFor();
  const asked = board.waitForRequest((request) => "drawbridge-live" in request.headers(), { timeout: 10_000 });
  const systems = await context.newPage();
  await systems.goto(`${origin}/systems`);
  const began = Date.now();
  await systems.locator(".acts button").first().click();
  try {
    await asked;
    console.log(`an open board heard of a change after ${Date.now() - began} ms`);
  } catch {
    problems.push("an open board did not hear of a change");
  }
  await systems.close();
  await board.close();
}

// One leaves now, by name; another tomorrow.
async function letTwoLeave(page, origin) {
  await page.goto(`${origin}/people`);
  await page.getByRole("link", { name: "Leaves now: Fay Lindqvist" }).click();
  await look(page, "depart");
  await page.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Close every door now" }).click();
  await page.waitForURL(/\/cases\//);
  await page.getByRole("link", { name: "Undo this departure" }).click();
  await page.getByRole("heading", { name: "Undo the departure of Fay Lindqvist" }).waitFor(SOON);
  await look(page, "undo");
  await page.goto(`${origin}/people`);
  await page.getByRole("link", { name: "Leaves now: Bo Castillo" }).click();
  const tomorrow = new Date(Date.now() + 24 * 3_600_000).toISOString().slice(0, 11);
  await page.locator("#at").fill(`${tomorrow}17:00`);
  await page.locator("#later-note").fill("last day, badge at the front desk");
  await page.getByRole("button", { name: "Schedule it" }).click();
  await page.goto(`${origin}/scheduled`);
  await page.getByText("Bo Castillo").waitFor(SOON);
  await look(page, "scheduled");
}

async function findPages(page, origin) {
  // A door that is being tried has not failed for that moment.
  const first = async (path, selector) => {
    for (let tries = 0; tries < 60; tries += 1) {
      await page.goto(origin + path);
      const found = page.locator(selector);
      if ((await found.count()) > 0) return origin + (await found.first().getAttribute("href"));
      await page.waitForTimeout(500);
    }
    throw new Error(`${path} never had ${selector}`);
  };
  const ofNina = '[aria-label$=": Nina Okafor"]';
  return {
    board: `${origin}/`,
    case: await first("/?", '.card h2 a:text("Nina")'),
    calls: `${origin}/calls`,
    by_hand: await first("/calls?", `a${ofNina}[href$="/by-hand"]`),
    door: await first("/calls?", `.acts a${ofNina}[href^="/doors/"]:not([href$="/by-hand"])`),
    retry: `${origin}/systems/portal/retry`,
    cards: `${origin}/cards`,
    people: `${origin}/people`,
    person: await first("/calls?", 'h3 a[href^="/people/"]'),
    evidence: `${origin}/evidence`,
    systems: `${origin}/systems`,
    ledger: `${origin}/ledger`,
    settings: `${origin}/settings`,
    passkeys: `${origin}/passkeys`,
  };
}

// The screen on the wall, of whoever it is made for.
async function lookAtTheWall(browser, page, origin) {
  await page.goto(`${origin}/settings`);
  await page.locator("#name").fill("Screen at the front desk");
  await page.locator("#role").selectOption("board");
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = new URL(await page.locator("#secret").inputValue(), origin).href;
  const context = await browse(browser);
  const wall = await signIn(context, link);
  expect((await wall.getByText("Nina Okafor").count()) === 0, "the screen on the wall names somebody");
  await look(wall, "wall");
  await context.close();
}

// Somebody answers for a door that cannot be shut yet.
async function acceptTheRisk(page, origin, door) {
  await page.goto(door);
  await page.locator("#reason").fill("The vendor mends it on Monday; the account has no role there any more.");
  await page.getByRole("button", { name: "Accept the risk" }).click();
  await page.getByText("Set aside. It is in the ledger with your name.").waitFor(SOON);
  await page.goto(`${origin}/calls/aside`);
  await page.getByText("Nina Okafor").waitFor(SOON);
  await look(page, "set_aside");
}

async function playTheDemo(browser) {
  const demo = start(program, ["demo"]);
  const link = await linkFrom(demo.stdout);
  const origin = new URL(link).origin;
  const context = await browse(browser);
  const page = await signIn(context, link);
  await hearsOfAChange(context, origin);
  await attempt("the screen on the wall", () => lookAtTheWall(browser, page, origin));
  await attempt("a departure by name, and one to come", () => letTwoLeave(page, origin));
  const pages = await findPages(page, origin);
  await lookAtAll(page, pages);
  await attempt("a risk accepted", () => acceptTheRisk(page, origin, pages.door));
  await context.close();
  demo.kill("SIGINT");
}

const browser = await launch();
await attempt("first run to first token", () => goFromTheFirstRunToTheFirstToken(browser, program));
await attempt("coming in by an identity provider", () => comeInByAProvider(browser, program));
await attempt("the demo", () => playTheDemo(browser));
await attempt("a departure", () => goThroughADeparture(browser, program));
await attempt("what was typed", () => findWhatWasTyped(browser, program));
await browser.close();
for (const problem of problems) console.error(problem);
console.log(`looked at ${howManyWereSeen()} pages in 4 ways each, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
