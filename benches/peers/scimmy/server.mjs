// SCIMMY with its routers over better-sqlite3, as durable as Drawbridge: WAL and synchronous=FULL.
// One row per User; userName has a unique index, so that filtering by it needs no walk.
//
//     node server.mjs PORT DATABASE TOKEN

import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, file, token] = process.argv.slice(2);

const database = new Database(file);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(
  "CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, user_name TEXT NOT NULL UNIQUE, data TEXT NOT NULL)",
);
const insert = database.prepare("INSERT INTO user (id, user_name, data) VALUES (?, ?, ?)");
const update = database.prepare("UPDATE user SET user_name = ?, data = ? WHERE id = ?");
const byId = database.prepare("SELECT id, data FROM user WHERE id = ?");
const byName = database.prepare("SELECT id, data FROM user WHERE user_name = ?");
const all = database.prepare("SELECT id, data FROM user");
const remove = database.prepare("DELETE FROM user WHERE id = ?");

const userOf = (row) => ({ ...JSON.parse(row.data), id: row.id });

SCIMMY.Resources.declare(SCIMMY.Resources.User, {
  ingress(resource, data) {
    const user = JSON.parse(JSON.stringify(data));
    const name = user.userName.toLowerCase();
    const id = resource.id ?? randomUUID();
    const now = new Date().toISOString();
    user.meta = { created: user.meta?.created ?? now, lastModified: now };
    try {
      if (resource.id) update.run(name, JSON.stringify(user), id);
      else insert.run(id, name, JSON.stringify(user));
    } catch (error) {
      if (error.code !== "SQLITE_CONSTRAINT_UNIQUE") throw error;
      throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
    }
    return { ...user, id };
  },
  egress(resource) {
    if (resource.id) {
      const row = byId.get(resource.id);
      if (!row) throw new SCIMMY.Types.Error(404, null, "no such User");
      return userOf(row);
    }
    const wanted = resource.filter?.length === 1 ? resource.filter[0].userName : undefined;
    const rows = wanted?.[0] === "eq" ? byName.all(String(wanted[1]).toLowerCase()) : all.all();
    return rows.map(userOf);
  },
  degress(resource) {
    remove.run(resource.id);
  },
});

const app = express();
app.use(
  "/scim/v2",
  new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
      if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("no token");
    },
  }),
);
app.listen(Number(port), "127.0.0.1");
