// Looks at every page of the console as people do: in light, in dark, and on a phone; then goes through a
// whole departure with a mouse, with the keyboard alone, and without JavaScript.
//
//   node look.mjs PROGRAM [--shots FOLDER] [--pictures FOLDER]
//
// Plays the demo with the real program and signs in by the link it prints. A page fails when axe finds
// something that keeps people out, when a script or the content policy complains, or when it has to be
// scrolled sideways. --shots keeps what was seen, whole; --pictures takes those of the documentation
// (docs/images). CHROMIUM names the browser.

import { attempt, problems, launch, linkFrom, lookAtAll, signIn, start, takePictures, watch } from "./common.mjs";
import { goThroughADeparture } from "./departure.mjs";

const [program, ...flags] = process.argv.slice(2);
const folderOf = (flag) => (flags.includes(flag) ? flags[flags.indexOf(flag) + 1] : undefined);
const [shots, pictures] = [folderOf("--shots"), folderOf("--pictures")];
if (!program) {
  console.error("usage: node look.mjs PROGRAM [--shots FOLDER] [--pictures FOLDER]");
  process.exit(2);
}

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
  const system = await first("/calls", 'a[href*="/retry?"], h3 a[href^="/people/"]');
  return {
    board: `${origin}/`,
    case: await first("/", ".card h2 a"),
    calls: `${origin}/calls`,
    by_hand: await first("/calls", 'a[href$="/by-hand"]'),
    door: await first("/calls", '.acts a[href^="/doors/"]:not([href$="/by-hand"])'),
    set_aside: `${origin}/calls/aside`,
    retry: system.includes("/retry") ? system : `${origin}/systems/portal/retry`,
    people: `${origin}/people`,
    person: await first("/calls", 'h3 a[href^="/people/"]'),
    depart: await first("/people", 'a[href$="/depart"]'),
    evidence: `${origin}/evidence`,
    returns: `${origin}/returns`,
    brake: `${origin}/brake`,
    systems: `${origin}/systems`,
    ledger: `${origin}/ledger`,
    settings: `${origin}/settings`,
    start: `${origin}/start`,
  };
}

async function main() {
  const demo = start(program, ["demo"]);
  const link = await linkFrom(demo.stdout);
  const origin = new URL(link).origin;
  const browser = await launch();
  const door = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await signIn(door, link);
  const storageState = await door.storageState();
  const pages = await findPages(page, origin);
  await hearsOfAChange(door, origin);
  const looked = await lookAtAll(browser, storageState, pages, shots);
  if (pictures) await takePictures(browser, storageState, pages, pictures);
  await attempt("a departure", () => goThroughADeparture(browser, program, shots));
  await browser.close();
  for (const problem of problems) console.error(problem);
  console.log(`${looked} looks at ${Object.keys(pages).length} pages, ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

process.exit(await main());
