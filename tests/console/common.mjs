// What every look at the console shares: a browser, its complaints, and what keeps people out.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are installed outside the source tree.
const require = createRequire(process.env.NODE_PACKAGES ?? import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const LOOKS = [
  { name: "light", width: 1280, colorScheme: "light" },
  { name: "dark", width: 1280, colorScheme: "dark" },
  { name: "phone", width: 320, colorScheme: "light" },
  { name: "phone-dark", width: 320, colorScheme: "dark" },
];

// Pictures for the documentation: what fits on one screen.
const PICTURE = { width: 1120, height: 700 };

export const problems = [];

export function expect(isSo, what) {
  if (!isSo) problems.push(what);
}

// What one part of it stumbles over does not keep the others from being looked at.
export async function attempt(what, act) {
  try {
    return await act();
  } catch (error) {
    problems.push(`${what}: ${error.message}`);
    return undefined;
  }
}

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu"],
  });
}

// Scripts and the content policy complain in there.
export function watch(page) {
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
}

// The link to sign in with, from whatever prints one.
export async function linkFrom(stream) {
  for await (const line of createInterface({ input: stream })) {
    const found = line.match(/http:\/\/\S+\/sign-in\/\S+/);
    if (found) return found[0];
  }
  throw new Error("the program ended without a link to sign in with");
}

export function start(program, args, options) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
  process.on("exit", () => child.kill("SIGINT"));
  return child;
}

export async function signIn(context, link) {
  const page = await context.newPage();
  watch(page);
  await page.goto(link);
  await page.locator("main button").click();
  await page.waitForURL(`${new URL(link).origin}/`);
  return page;
}

async function whatKeepsPeopleOut(context, page) {
  // Not by a script tag: the content policy forbids it, as it shall.
  const session = await context.newCDPSession(page);
  const run = async (expression) =>
    (await session.send("Runtime.evaluate", { expression, awaitPromise: true })).result.value;
  await run(axe);
  return JSON.parse(await run("axe.run(document).then((result) => JSON.stringify(result.violations))"));
}

export async function lookAt(context, address, name, look, shots) {
  const page = await context.newPage();
  watch(page);
  await page.goto(address);
  if (shots) await page.screenshot({ path: `${shots}/${name}-${look.name}.png`, fullPage: true });
  const isWide = await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
  expect(!isWide, `${name}, ${look.name}: has to be scrolled sideways`);
  for (const { id, help, nodes } of await whatKeepsPeopleOut(context, page)) {
    problems.push(`${name}, ${look.name}: ${id}: ${help}: ${nodes.map((node) => node.html).join(" | ")}`);
  }
  await page.close();
}

// Looks at each of these pages as people do. Answers how many looks that were.
export async function lookAtAll(browser, storageState, pages, shots) {
  if (shots) mkdirSync(shots, { recursive: true });
  for (const look of LOOKS) {
    const { width, colorScheme } = look;
    const context = await browser.newContext({ viewport: { width, height: 860 }, colorScheme, storageState });
    for (const [name, address] of Object.entries(pages)) await lookAt(context, address, name, look, shots);
    await context.close();
  }
  return LOOKS.length * Object.keys(pages).length;
}

// Pictures of these pages, light and dark.
export async function takePictures(browser, storageState, pages, folder) {
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: PICTURE, colorScheme, storageState });
    for (const [name, address] of Object.entries(pages)) {
      const page = await context.newPage();
      await page.goto(address);
      await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png` });
      await page.close();
    }
    await context.close();
  }
}
