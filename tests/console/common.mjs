// What every walk through the console shares: a browser, its complaints, and somebody who signs in.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are installed outside the source tree.
const require = createRequire(process.env.NODE_PACKAGES ?? import.meta.url);
const { chromium } = require("playwright-core");
export const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const SOON = { timeout: 15_000 };

export const problems = [];

export function expect(isSo, what) {
  if (!isSo) problems.push(what);
}

// What one part of it stumbles over does not keep the others from being looked at.
export async function attempt(what, act) {
  const began = Date.now();
  try {
    return await act();
  } catch (error) {
    problems.push(`${what}: ${error.message}`);
    return undefined;
  } finally {
    console.log(`${what}: ${Math.round((Date.now() - began) / 1000)} s`);
  }
}

// What cannot be walked on this machine, and why. scripts/test.sh reads these lines.
export function leaveOut(what) {
  console.log(`left out: ${what}`);
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

// A browser of somebody's own.
export function browse(browser, how = {}) {
  return browser.newContext({ viewport: { width: 1280, height: 860 }, ...how });
}

export async function signIn(context, link) {
  const page = await context.newPage();
  watch(page);
  await page.goto(link);
  await page.locator("main button").click();
  await page.waitForURL(`${new URL(link).origin}/`);
  return page;
}
