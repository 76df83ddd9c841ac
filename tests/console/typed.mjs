// What somebody typed is still there: when the time signed them out, when they have to prove who they are, and when
// the database is locked.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

import { attempt, browse, expect, leaveOut, signIn, SOON } from "./common.mjs";
import { openWithADeadSystem, PHOTO } from "./departure.mjs";
import { look } from "./gallery.mjs";

const HOW = "Tried the card at the side door: refused. It lies in the safe.";

// Another program at the server's own database: makes a time of the open session long ago.
const AGE = `
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=20) as database:
    database.execute(f"UPDATE admin_session SET {sys.argv[2]} = '2020' || substr({sys.argv[2]}, 5) WHERE ended IS NULL")
`;

// The same: nobody else can write until it is told to let go.
const LOCK = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
`;

function hasPython() {
  try {
    execFileSync("python3", ["-c", "import sqlite3"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function lock({ database }) {
  const holder = spawn("python3", ["-c", LOCK, database], { stdio: ["pipe", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  return async () => {
    holder.stdin.end();
    await once(holder, "exit");
  };
}

const age = ({ database }, column) => execFileSync("python3", ["-c", AGE, database, column]);

// Fills in "I did it by hand" for the door of one person that only a person can close.
async function fillIn(page, server, name) {
  await page.goto(`${server.origin}/`);
  await page.locator(".card", { hasText: name }).locator("h2 a").click();
  const badge = page.locator("article.row", { hasText: "Badge" });
  await badge.getByText("needs you").waitFor(SOON);
  await badge.getByRole("link", { name: "I did it by hand" }).click();
  await page.locator("#how").fill(HOW);
  await page.locator("#file").setInputFiles({ name: "card.png", mimeType: "image/png", buffer: PHOTO });
}

const sign = (page) => page.getByRole("button", { name: "Sign", exact: true }).click();

async function isStillThere(page, what) {
  const typed = page.locator("#f-how");
  await typed.waitFor(SOON);
  expect((await typed.inputValue()) === HOW, `what was typed is not there any more: ${what}`);
}

// Signs in by another link, and is led to what waits.
async function signInAgain(page, server) {
  await page.goto(server.invite());
  await page.getByRole("button", { name: "Sign in as" }).click();
  await page.waitForURL(/\/kept\//);
}

// The file did not wait with the rest: it is picked again.
async function send(page, button) {
  await page.locator("#file").setInputFiles({ name: "card.png", mimeType: "image/png", buffer: PHOTO });
  await page.getByRole("button", { name: button }).click();
  await page.getByText("It is in the ledger with your name.").waitFor(SOON);
  await page.getByRole("link", { name: "everything about this person" }).click();
  expect((await page.getByText(HOW).count()) > 0, "what was typed is not in the ledger");
  expect((await page.locator('a[href^="/files/"]').count()) === 1, "the photo is not in the ledger");
}

async function whenTheSessionEnded(page, server) {
  await fillIn(page, server, "Tess");
  age(server, "last_active");
  await sign(page);
  await page.getByText("What you sent is kept for you").waitFor(SOON);
  await isStillThere(page, "signed out");
  await look(page, "signed_out");
  await signInAgain(page, server);
  await isStillThere(page, "signed in again");
  await look(page, "kept");
  await send(page, "Go on");
}

async function whenTheyMustProveIt(page, server) {
  await fillIn(page, server, "Uma");
  age(server, "proved");
  await sign(page);
  await page.getByRole("heading", { name: "Is it still you?" }).waitFor(SOON);
  await isStillThere(page, "not proved");
  await look(page, "prove");
  await signInAgain(page, server);
  await isStillThere(page, "proved");
  await send(page, "Go on");
}

async function whenTheDatabaseIsLocked(page, server) {
  await fillIn(page, server, "Vera");
  const letGo = await lock(server);
  await sign(page);
  await page.getByRole("heading", { name: "Nothing was changed yet" }).waitFor({ timeout: 30_000 });
  await isStillThere(page, "locked");
  await letGo();
  await look(page, "locked");
  await isStillThere(page, "looked at");
  await send(page, "Send again");
}

export async function findWhatWasTyped(browser, program) {
  if (!hasPython()) return leaveOut("what was typed is still there, in the browser, for want of python3");
  const server = await openWithADeadSystem(program);
  for (const name of ["Tess", "Uma", "Vera"]) await server.disable(await server.hire(name));
  const context = await browse(browser);
  const page = await signIn(context, server.invite());
  // A page that says no is no fault here: the browser would tell of it.
  page.removeAllListeners("console");
  await attempt("typed, and the session ended", () => whenTheSessionEnded(page, server));
  await attempt("typed, and to be proved", () => whenTheyMustProveIt(page, server));
  await attempt("typed, and the database locked", () => whenTheDatabaseIsLocked(page, server));
  await context.close();
}
