//! The rows of a create and nothing around them: what a loop that writes them into SQLite reaches. No
//! server that keeps these rows is faster on this machine.

use std::{path::PathBuf, time::Duration};

use rusqlite::{Connection, params_from_iter, types::Value};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    Failure, Plan,
    rounds::user_name,
    servers::{Server, Systems},
};

/// The tables a create adds to, parents first.
const TABLES: [&str; 4] = ["person", "scim_user", "identifier", "evidence"];

/// What a create leaves in one table.
struct Left {
    columns: usize,
    rows: Vec<Vec<Value>>,
    insert: String,
}

/// A database as Drawbridge makes it, with one person in it.
pub struct Rows {
    database: Connection,
    left: Vec<Left>,
    person: String,
    user: String,
    next: u64,
    _folder: TempDir,
}

impl Rows {
    /// Takes a copy of a Drawbridge's database in which person 0 was created.
    pub async fn of(plan: &Plan) -> Result<Self, Failure> {
        let server = Server::drawbridge(plan, Systems::None).await?;
        let created = crate::load::run(
            server.address,
            &server.token,
            1,
            crate::load::Until::Asked(1),
            &std::sync::Arc::default(),
            crate::rounds::create(),
        )
        .await?;
        let user = created.ids.first().ok_or("nobody was created")?.clone();
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("rows.db");
        copy_to(server.database(), &copy)?;
        drop(server);
        let database = Connection::open(copy)?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
        )?;
        let person = database.query_row("SELECT id FROM person", [], |row| row.get(0))?;
        let left = TABLES
            .iter()
            .map(|table| left_in(&database, table))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            database,
            left,
            person,
            user,
            next: 1,
            _folder: folder,
        })
    }

    /// Writes so many creates a commit; answers how many creates a second.
    pub fn write(&mut self, plan: &Plan, a_commit: u64) -> Result<f64, Failure> {
        let (began, first) = (Instant::now(), self.next);
        let most = Duration::from_secs_f64(plan.seconds);
        while began.elapsed() < most {
            self.database.execute_batch("BEGIN IMMEDIATE")?;
            for _ in 0..a_commit {
                self.create()?;
            }
            self.database.execute_batch("COMMIT")?;
        }
        Ok((self.next - first) as f64 / began.elapsed().as_secs_f64())
    }

    fn create(&mut self) -> rusqlite::Result<()> {
        let number = self.next;
        self.next += 1;
        // Ids that follow each other, as Drawbridge's do.
        let id = |kind: u8| format!("f{number:07x}-0000-7000-8{kind:03}-000000000000");
        let names = [
            (self.person.as_str(), id(1)),
            (self.user.as_str(), id(2)),
            ("person0@elm.example", user_name(number)),
        ];
        for left in &self.left {
            let values = left.rows.iter().flatten().map(|value| match value {
                Value::Text(text) if text == "x0" => Value::Text(format!("x{number}")),
                Value::Text(text) => Value::Text(
                    names
                        .iter()
                        .fold(text.clone(), |text, (old, new)| text.replace(old, new)),
                ),
                // The place in the chain.
                Value::Integer(at) if left.columns == 5 => Value::Integer(at + number as i64),
                value => value.clone(),
            });
            self.database
                .prepare_cached(&left.insert)?
                .execute(params_from_iter(values))?;
        }
        Ok(())
    }
}

fn copy_to(from: PathBuf, to: &std::path::Path) -> Result<(), Failure> {
    Connection::open(from)?.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

fn left_in(database: &Connection, table: &str) -> rusqlite::Result<Left> {
    let who = match table {
        "evidence" => " WHERE person IS NOT NULL",
        _ => "",
    };
    let mut statement = database.prepare(&format!("SELECT * FROM {table}{who}"))?;
    let columns = statement.column_count();
    let rows: Vec<Vec<Value>> = statement
        .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?
        .collect::<rusqlite::Result<_>>()?;
    let one = format!("({})", vec!["?"; columns].join(", "));
    Ok(Left {
        columns,
        insert: format!(
            "INSERT INTO {table} VALUES {}",
            vec![one; rows.len()].join(", ")
        ),
        rows,
    })
}
