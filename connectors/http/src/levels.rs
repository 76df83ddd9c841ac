//! Setting levels: of those the practice manages an account keeps only the wanted ones.

use drawbridge_sdk::{Account, CallError, Effect, Receipt};

use crate::{
    client::{Client, Reply},
    close::effect,
    values::{Filling, request_key},
    vendor::LevelSteps,
};

/// Gives the account the `wanted` levels and takes the other `managed` ones; what is not managed is left
/// alone. `None` when there is nothing to change, or the vendor file has no step for levels.
pub async fn set(
    client: &Client<'_>,
    account: &Account,
    wanted: &[String],
    managed: &[String],
    call_key: &str,
    receipts: &mut Vec<Receipt>,
) -> Option<Effect> {
    let steps = client.file.levels.as_ref()?;
    let plan = plan(&account.levels, wanted, managed);
    if plan.add.is_empty() && plan.remove.is_empty() {
        return None;
    }
    let id = account.id.as_str();
    let filling = Filling {
        account_id: Some(id),
        login: Some(&account.login),
        ..Filling::default()
    };
    match steps {
        LevelSteps::Replace(step) => {
            let key = request_key(call_key, &step.request.line, id, &plan.result.join("\n"));
            let filling = Filling {
                levels: &plan.result,
                idempotency_key: Some(&key),
                ..filling
            };
            Some(effect(
                client.change("set levels", step, &filling).await,
                receipts,
            ))
        }
        LevelSteps::OneByOne { add, remove } => {
            let takes = plan
                .remove
                .iter()
                .map(|level| ("take level", remove, level));
            let gives = plan.add.iter().map(|level| ("give level", add, level));
            let mut last = Effect::NotSupported;
            // Taking comes first: when a step fails on the way, the account has too little, not too much.
            for (name, step, level) in takes.chain(gives) {
                let key = request_key(call_key, &step.request.line, id, level);
                let filling = Filling {
                    level: Some(level),
                    idempotency_key: Some(&key),
                    ..filling
                };
                let reply: Result<Reply, CallError> = client.change(name, step, &filling).await;
                last = effect(reply, receipts);
                if matches!(last, Effect::Failed(_)) {
                    break;
                }
            }
            Some(last)
        }
    }
}

/// What is to be done with an account's levels.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    add: Vec<String>,
    remove: Vec<String>,
    result: Vec<String>,
}

fn plan(has: &[String], wanted: &[String], managed: &[String]) -> Plan {
    let stays = |level: &&String| wanted.contains(level) || !managed.contains(level);
    let add: Vec<String> = wanted
        .iter()
        .filter(|level| !has.contains(level))
        .cloned()
        .collect();
    let remove: Vec<String> = has.iter().filter(|level| !stays(level)).cloned().collect();
    let result = has.iter().filter(stays).chain(&add).cloned().collect();
    Plan {
        add,
        remove,
        result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn managed_levels_that_are_not_wanted_go_and_others_stay() {
        let plan = plan(
            &levels("nurse own"),
            &levels("desk"),
            &levels("nurse desk doctor"),
        );

        assert_eq!(
            plan,
            Plan {
                add: levels("desk"),
                remove: levels("nurse"),
                result: levels("own desk")
            }
        );
    }

    #[test]
    fn nothing_is_sent_when_levels_are_as_wanted() {
        let plan = plan(&levels("own desk"), &levels("desk"), &levels("nurse desk"));

        assert_eq!(
            plan,
            Plan {
                add: vec![],
                remove: vec![],
                result: levels("own desk")
            }
        );
    }
}
