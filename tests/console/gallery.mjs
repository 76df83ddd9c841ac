// Every page as people see it: light, dark, and on a phone. Whatever keeps people out is a problem.

import { mkdirSync, writeFileSync } from "node:fs";

import { axe, expect, problems } from "./common.mjs";
import { smaller } from "./smaller.mjs";

const LOOKS = [
  { name: "light", width: 1280, colorScheme: "light" },
  { name: "dark", width: 1280, colorScheme: "dark" },
  { name: "phone", width: 320, colorScheme: "light" },
  { name: "phone-dark", width: 320, colorScheme: "dark" },
];

// Pictures for the documentation: what fits on one screen, and no empty ground below it.
const PICTURE = { width: 1120, height: 720 };

// All rules for WCAG 2.2 A and AA, and what axe holds to be good practice. It leaves the size of what is pressed out
// unless it is told.
const RULES = { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } };

const kept = { shots: undefined, pictures: undefined };
const seen = new Set();

// Where what is seen is kept: whole for whoever looks for a fault, and as pictures for the documentation.
export function keepIn(shots, pictures) {
  Object.assign(kept, { shots, pictures });
  for (const folder of [shots, pictures]) if (folder) mkdirSync(folder, { recursive: true });
}

export function howManyWereSeen() {
  return seen.size;
}

async function askAxe(page) {
  // Not by a script tag: the content policy forbids it, as it shall.
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, awaitPromise: true });
    if (exceptionDetails) throw new Error(`axe did not run: ${exceptionDetails.text}`);
    return result.value;
  };
  await run(axe);
  const question = `axe.run(document, ${JSON.stringify(RULES)}).then(({ violations }) => JSON.stringify(violations))`;
  return async () => JSON.parse(await run(question));
}

// No hand points at anything, and a page that listens says so.
async function letRest(page) {
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.scrollTo(0, 0);
  });
  if ((await page.locator("#live").count()) === 0) return;
  await page.locator("#live-state", { hasText: "live" }).waitFor({ timeout: 15_000 });
}

async function takePictures(page, name) {
  await page.setViewportSize(PICTURE);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const height = await page.evaluate(() => {
      // The last thing in there, not the column of the ways beside it.
      const { bottom } = [...document.querySelectorAll("main > div > *")].at(-1).getBoundingClientRect();
      return Math.ceil(Math.max(bottom + 24, document.querySelector(".ways ul")?.getBoundingClientRect().bottom ?? 0));
    });
    const clip = { x: 0, y: 0, width: PICTURE.width, height: Math.min(height, PICTURE.height) };
    writeFileSync(`${kept.pictures}/${name}-${colorScheme}.png`, smaller(await page.screenshot({ clip })));
  }
}

// Looks at the page that is open.
export async function look(page, name) {
  expect(!seen.has(name), `two pages are called ${name}`);
  seen.add(name);
  const size = page.viewportSize();
  await letRest(page);
  expect(!(await page.locator("#ends").isVisible()), `${name}: warns of the end of a session that just began`);
  // A colour that is on its way to another is neither.
  await page.emulateMedia({ reducedMotion: "reduce" });
  const violations = await askAxe(page);
  for (const { name: how, width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 860 });
    await page.emulateMedia({ colorScheme });
    if (kept.shots) await page.screenshot({ path: `${kept.shots}/${name}-${how}.png`, fullPage: true });
    const isWide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    expect(!isWide, `${name}, ${how}: has to be scrolled sideways`);
    for (const { id, help, nodes } of await violations()) {
      problems.push(`${name}, ${how}: ${id}: ${help}: ${nodes.map((node) => node.html).join(" | ")}`);
    }
  }
  if (kept.pictures) await takePictures(page, name);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(size);
}

// Looks at each of these pages.
export async function lookAtAll(page, pages) {
  for (const [name, address] of Object.entries(pages)) {
    await page.goto(address);
    await look(page, name);
  }
}
