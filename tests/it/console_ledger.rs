//! Finding something in the ledger.

use drawbridge::policy::office::OfficeRole;
use reqwest::StatusCode;

use crate::console_access::a_busy_friday;

#[tokio::test]
async fn the_ledger_is_narrowed_by_person_actor_system_and_code_and_so_is_its_file() {
    let (app, console) = a_busy_friday().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    dana.press("/systems/vpn/test", &[]).await;

    let about = dana.get("/ledger?q=nina").await;
    let by_id = dana
        .get(&format!("/ledger?q={}", app.person("nina").await))
        .await;
    let by = dana.get("/ledger?who=dana").await;
    let of_system = dana.get("/ledger?system=vpn&who=dana").await;
    let of_code = dana.get("/ledger?code=return.").await;
    let nothing = dana.get("/ledger?code=moon.eclipsed").await;
    let of_nobody = dana.get("/ledger?q=nobody+like+that").await;
    let file = dana.press("/ledger/csv", &[("code", "return.held")]).await;
    let whole = dana.press("/ledger/csv", &[]).await;

    assert!(about.says(">nina</a>") && !about.says(">fay</a>"));
    assert!(by_id.says(">nina</a>") && !by_id.says(">fay</a>"));
    assert!(by.says("signed in") && !by.says(">nina</a>"), "{}", by.text);
    assert!(of_system.says("system.tested") && !of_system.says("admin.signed_in"));
    assert!(of_code.says("<code>return.held</code>") && !of_code.says("<code>door.wanted</code>"));
    assert!(nothing.says("Nothing of what you look for"));
    assert!(of_nobody.says("Nothing of what you look for"));
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.text.lines().count(), 2, "{}", file.text);
    assert!(whole.text.lines().count() > 20);
}

#[tokio::test]
async fn whoever_pages_through_what_was_found_sees_each_record_once() {
    let (app, console) = a_busy_friday().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    for _ in 0..130 {
        dana.press("/systems/vpn/test", &[]).await;
    }
    let numbers = |text: &str| -> Vec<u32> {
        let each = text.split(" · #").skip(1);
        each.map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
            .collect()
    };

    let first = dana.get("/ledger?code=system.tested").await;
    let older = first
        .text
        .split("href=\"/ledger?")
        .find(|link| link.contains("before="));
    let older = older
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let second = dana.get(&format!("/ledger?{older}")).await;

    let mut all = numbers(&first.text);
    assert_eq!(all.len(), 100);
    all.extend(numbers(&second.text));
    assert_eq!(all.len(), 130, "{older}");
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
}
