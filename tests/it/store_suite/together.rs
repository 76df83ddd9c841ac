//! Writers that share a commit: each gets what is true for it alone.

use std::time::Duration;

use drawbridge::{
    ids::{PersonId, UserId},
    intake::ChangeError,
    people::User,
    store::{Dialect, Search, Start, StoreError},
};
use futures_util::future::{join_all, select_all};

use crate::support::{TestApp, person};

type Hired = Result<Option<User>, ChangeError<()>>;

async fn hire(app: &TestApp, name: &str) -> Hired {
    let caller = app.caller();
    let attributes = person(name, "Nurse", true);
    app.intake
        .change_user(&caller, None, move |_| Ok(Some(attributes.clone())))
        .await
}

async fn everybody(app: &TestApp) -> Vec<UserId> {
    let search = Search {
        filter: None,
        sort: None,
        start: Start::Offset(0),
        limit: 10_000,
        known_total: None,
    };
    let found = app
        .store
        .search_users(&app.practice(), &search)
        .await
        .unwrap();
    assert_eq!(found.total, found.items.len() as u64);
    found.items.into_iter().map(|user| user.id).collect()
}

/// The chain verifies, and tells of exactly the people who are there.
async fn the_books_agree(app: &TestApp, people: usize) {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    let joined = records
        .iter()
        .filter(|record| record.text.contains("change.joined"))
        .count();
    assert_eq!(joined, people, "one record for each");
    let checked = app.store.check_chain(&app.practice()).await.unwrap();
    checked.expect("the chain holds");
}

pub async fn whoever_loses_loses_alone(app: &TestApp) {
    let names: Vec<String> = (0..120)
        .map(|number| format!("nina{}", number % 80))
        .collect();

    let hired = join_all(names.iter().map(|name| hire(app, name))).await;

    let (won, lost): (Vec<_>, Vec<_>) = hired.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (80, 40));
    assert!(
        lost.iter()
            .all(|loser| matches!(loser, Err(ChangeError::Taken { .. }))),
        "{lost:?}"
    );
    let mut told: Vec<UserId> = won
        .into_iter()
        .flatten()
        .flatten()
        .map(|user| user.id)
        .collect();
    told.sort();
    assert_eq!(everybody(app).await, told);
    the_books_agree(app, 80).await;
}

pub async fn whoever_goes_away_takes_nobody_with_them(app: &TestApp) {
    let mut told = 0;
    for round in 0..20 {
        let hiring: Vec<_> = (0..12)
            .map(|number| {
                let name = format!("nina{round}-{number}");
                Box::pin(async move { hire(app, &name).await })
            })
            .collect();
        // One is told; then two of three of the others stop waiting, each wherever it is.
        let (first, _, others) = select_all(hiring).await;
        first.unwrap();
        let staying: Vec<_> = others.into_iter().step_by(3).collect();
        told += 1 + staying.len();
        for stayed in join_all(staying).await {
            stayed.unwrap();
        }
    }

    let last = tokio::time::timeout(Duration::from_secs(30), hire(app, "last")).await;
    last.expect("the line moves on").unwrap();

    let people = everybody(app).await.len();
    assert!(
        people > told,
        "{people} are there, {told} and the last were told"
    );
    the_books_agree(app, people).await;
}

pub async fn a_change_refused_in_the_middle_leaves_no_trace(app: &TestApp) {
    let refused = async |name: String| {
        let mut tx = app.begin().await;
        tx.record_person(&PersonId::generate());
        // Written by now, and taken back when the transaction is dropped.
        assert!(
            tx.find_doors_of(&PersonId::from(name))
                .await
                .unwrap()
                .is_empty()
        );
    };

    let hiring = join_all((0..40).map(|number| {
        let name = format!("nina{number}");
        async move { hire(app, &name).await.map(|_| ()) }
    }));
    let refusing = join_all((0..40).map(|number| refused(number.to_string())));
    let (hired, _) = tokio::join!(hiring, refusing);

    assert!(hired.iter().all(Result::is_ok), "{hired:?}");
    let people = app.store.list_people(&app.practice()).await.unwrap();
    assert_eq!(people.len(), 40);
    the_books_agree(app, 40).await;
}

/// A full disk makes SQLite take back the whole transaction by itself, savepoints and all.
pub async fn nobody_is_told_it_was_written_when_the_disk_was_full(app: &TestApp) {
    if app.store.dialect() == Dialect::Postgres {
        return;
    }
    let mut tx = app.begin().await;
    tx.execute_for_tests("PRAGMA max_page_count = 150")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut told = 0;
    let mut failed = 0;
    for round in 0..40 {
        let hiring = (0..16).map(|number| {
            let name = format!("nina{round}-{number}");
            async move { hire(app, &name).await }
        });
        for hired in join_all(hiring).await {
            match hired {
                Ok(_) => told += 1,
                Err(ChangeError::Unavailable { .. }) => failed += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    assert!(told > 0 && failed > 0, "{told} written, {failed} not");
    assert_eq!(everybody(app).await.len(), told);
    the_books_agree(app, told).await;
    let tx = app.begin().await;
    let again: Result<(), StoreError> = tx.commit().await;
    again.expect("it can be written to again");
}
