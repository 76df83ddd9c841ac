//! Medians, ratios and their spread, as a table.

use std::{collections::BTreeMap, fmt::Write as _, process::Command};

use crate::{Plan, rounds::BARE_SQLITE};

/// All that was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// Of each measurement, in the order they were first made, what each server reached.
    order: Vec<String>,
    values: BTreeMap<(String, &'static str), Vec<f64>>,
    /// Lines that stand for themselves.
    lines: Vec<(String, String)>,
}

impl Report {
    /// Adds what a server reached in one round, in answers a second.
    pub fn add(&mut self, what: &str, server: &'static str, per_second: f64) {
        eprintln!("  {what}: {server} {per_second:.0}/s");
        if !self.order.iter().any(|known| known == what) {
            self.order.push(what.to_owned());
        }
        self.values
            .entry((what.to_owned(), server))
            .or_default()
            .push(per_second);
    }

    /// Adds something only Drawbridge was measured for.
    pub fn say(&mut self, what: &str, found: String) {
        eprintln!("  {what}: {found}");
        self.lines.push((what.to_owned(), found));
    }

    /// The median of what a server reached.
    pub fn median(&self, what: &str, server: &'static str) -> Option<f64> {
        self.values
            .get(&(what.to_owned(), server))
            .map(|values| Spread::of(values).median)
    }

    /// The report, as Markdown.
    pub fn write(&self, plan: &Plan) -> String {
        let mut text = String::from(
            "# Benchmarks\n\nWritten by `scripts/bench.sh`, which everybody can run. Ratios are those of medians; in brackets the\n\
             least and the most of all rounds. Servers take turns within each round, so that a slow minute of\n\
             the machine slows all of them.\n\n",
        );
        let _ = writeln!(
            text,
            "{} rounds of {} s each. {}\n",
            plan.rounds,
            plan.seconds,
            machine()
        );
        text.push_str("| answers a second | Drawbridge | bare axum | SCIMMY | Drawbridge : SCIMMY | of bare axum |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        let mut alone = String::new();
        for what in &self.order {
            let of = |server| {
                let key = (what.clone(), server);
                self.values.get(&key).map(|all| Spread::of(all))
            };
            if let Some(bare) = of(BARE_SQLITE) {
                let _ = writeln!(
                    alone,
                    "| {what} a second, {BARE_SQLITE} | {} |",
                    bare.in_words()
                );
                continue;
            }
            let (own, bare, scimmy) = (of("Drawbridge"), of("bare axum"), of("SCIMMY"));
            let ratio = own.as_ref().zip(scimmy.as_ref()).map(|(own, peer)| {
                format!(
                    "{:.1} ({:.1} to {:.1})",
                    own.median / peer.median,
                    own.least / peer.most,
                    own.most / peer.least
                )
            });
            let share = own
                .as_ref()
                .zip(bare.as_ref())
                .map(|(own, bare)| format!("{:.0} %", 100.0 * own.median / bare.median));
            let cell = |spread: Option<Spread>| {
                spread.map_or_else(String::new, |spread| spread.in_words())
            };
            let _ = writeln!(
                text,
                "| {what} | {} | {} | {} | {} | {} |",
                cell(own),
                cell(bare),
                cell(scimmy),
                ratio.unwrap_or_default(),
                share.unwrap_or_default()
            );
        }
        text.push_str("\n| Drawbridge alone, and the disk | |\n|---|---|\n");
        text.push_str(&alone);
        for (what, found) in &self.lines {
            let _ = writeln!(text, "| {what} | {found} |");
        }
        text.push_str(
            "\nAll servers store on the same disk: Drawbridge as it is delivered (SQLite, WAL, `synchronous=FULL`), SCIMMY with its\n\
             routers over better-sqlite3 with the same settings and a unique index on userName. The bare server stores nothing.\n\
             The clients run on the same machine and take their share of it.\n",
        );
        text
    }
}

/// The middle and the ends.
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) && middle > 0 {
            f64::midpoint(at(middle - 1), at(middle))
        } else {
            at(middle)
        };
        Self {
            median,
            least: at(0),
            most: at(sorted.len().saturating_sub(1)),
        }
    }

    pub fn in_words(&self) -> String {
        format!("{:.0} ({:.0} to {:.0})", self.median, self.least, self.most)
    }
}

/// The machine, as far as it matters.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let version = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default()
    };
    format!(
        "{processors} processors, {}, node {}.",
        version("rustc"),
        version("node")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!((odd.median, odd.least, odd.most), (2.0, 1.0, 3.0));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }
}
