// Looks at every page of the console as people do: in light, in dark, and on a phone.
//
//   node look.mjs PROGRAM [--shots FOLDER]
//
// Plays the demo with the real program and signs in by the link it prints. A page fails when axe finds
// something that keeps people out, when a script or the content policy complains, or when it has to be
// scrolled sideways. An open board must hear of a change that another page makes. CHROMIUM names the browser.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are installed outside the source tree.
const require = createRequire(process.env.NODE_PACKAGES ?? import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [program, , shots] = process.argv.slice(2);
if (!program) {
  console.error("usage: node look.mjs PROGRAM [--shots FOLDER]");
  process.exit(2);
}
if (shots) mkdirSync(shots, { recursive: true });

const LOOKS = [
  { name: "light", width: 1280, colorScheme: "light" },
  { name: "dark", width: 1280, colorScheme: "dark" },
  { name: "phone", width: 320, colorScheme: "light" },
];

// --- the demo

const demo = spawn(program, ["demo"], { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => demo.kill("SIGINT"));

async function findLink() {
  for await (const line of createInterface({ input: demo.stdout })) {
    const found = line.match(/http:\/\/\S+\/sign-in\/\S+/);
    if (found) return found[0];
  }
  throw new Error("the demo ended without a link to sign in with");
}

// --- looking

const problems = [];

function watch(page) {
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
}

async function lookAt(context, address, name, look) {
  const page = await context.newPage();
  watch(page);
  await page.goto(address);
  if (shots) await page.screenshot({ path: `${shots}/${name}-${look.name}.png`, fullPage: true });
  const isWide = await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
  if (isWide) problems.push(`${name}, ${look.name}: has to be scrolled sideways`);
  // Not by a script tag: the content policy forbids it, as it shall.
  const session = await context.newCDPSession(page);
  const run = async (expression) =>
    (await session.send("Runtime.evaluate", { expression, awaitPromise: true })).result.value;
  await run(axe);
  const found = JSON.parse(await run("axe.run(document).then((result) => JSON.stringify(result.violations))"));
  for (const { id, help, nodes } of found) {
    problems.push(`${name}, ${look.name}: ${id}: ${help}: ${nodes.map((node) => node.html).join(" | ")}`);
  }
  await page.close();
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
  const first = async (path, selector) => {
    await page.goto(origin + path);
    const href = await page.locator(selector).first().getAttribute("href");
    return origin + href;
  };
  return {
    board: `${origin}/`,
    case: await first("/", ".card h2 a"),
    calls: `${origin}/calls`,
    by_hand: await first("/calls", 'a[href$="/by-hand"]'),
    people: `${origin}/people`,
    person: await first("/calls", 'h3 a[href^="/people/"]'),
    depart: await first("/people", 'a[href$="/depart"]'),
    returns: `${origin}/returns`,
    brake: `${origin}/brake`,
    systems: `${origin}/systems`,
    ledger: `${origin}/ledger`,
    settings: `${origin}/settings`,
    start: `${origin}/start`,
  };
}

async function main() {
  const link = await findLink();
  const origin = new URL(link).origin;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu"],
  });
  const door = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await door.newPage();
  watch(page);
  await page.goto(link);
  await page.locator("main button").click();
  await page.waitForURL(`${origin}/`);
  const storageState = await door.storageState();
  const pages = await findPages(page, origin);
  await hearsOfAChange(door, origin);
  let looked = 0;
  for (const look of LOOKS) {
    const { width, colorScheme } = look;
    const context = await browser.newContext({
      viewport: { width, height: 860 },
      colorScheme,
      storageState,
    });
    for (const [name, address] of Object.entries(pages)) {
      await lookAt(context, address, name, look);
      looked += 1;
    }
    await context.close();
  }
  await browser.close();
  for (const problem of problems) console.error(problem);
  console.log(`${looked} looks at ${Object.keys(pages).length} pages, ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

process.exit(await main());
