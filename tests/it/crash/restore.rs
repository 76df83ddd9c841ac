//! The real program over a database that was put back, and over settings that lost a system.

use std::{process::Command, time::Duration};

use tokio::time::Instant;

use super::{
    TURN,
    bridge::{PATIENCE, command},
    practice::Practice,
};

const SETTINGS: [&str; 2] = ["--config", "practice-0.toml"];

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_yesterdays_backup_put_back_lets_no_leaver_in_again() {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    let id = practice.hire("nina").await.unwrap();
    until("nina has an account", || {
        practice.vendors[0].is_active("nina") == Some(true)
    })
    .await;
    let folder = practice.folder.path().to_owned();
    let run = |arguments: &[&str]| command(&folder, &[arguments, &SETTINGS].concat());
    run(&["backup", "--to", "yesterday.db"]);
    assert!(practice.disable("nina", &id).await);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(30))
        .await;
    practice.bridges[0].kill();

    let verified = run(&["restore", "yesterday.db", "--verify"]);
    run(&["restore", "yesterday.db"]);
    practice.start(None);
    let readings = practice.vendors[0].journal().len();
    until("her door is read again", || {
        practice.vendors[0].journal().len() > readings
    })
    .await;
    let sam = practice.hire("sam").await;
    practice.disable("nina", &id).await;
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(30))
        .await;
    let before_the_signature = practice.vendors[0].is_active("sam");
    run(&[
        "restored",
        "--by",
        "Dana Ruiz",
        "--note",
        "compared with Entra",
    ]);
    until("sam has an account", || {
        practice.vendors[0].is_active("sam") == Some(true)
    })
    .await;

    assert!(verified.contains("intact"), "{verified}");
    assert!(sam.is_some(), "the identity provider is answered meanwhile");
    assert_eq!(before_the_signature, None);
    let let_in_again = practice.vendors[0]
        .journal()
        .into_iter()
        .any(|note| note.login == "nina" && note.effect == super::vendor::Effect::Enabled);
    assert!(
        !let_in_again,
        "the backup was of a time when she worked here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_nothing_starts_over_open_doors_into_a_system_the_settings_lost() {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(2, 1, None);
    practice.start(None);
    practice.hire("nina").await.unwrap();
    until("nina has her accounts", || {
        let mut vendors = practice.vendors.iter();
        vendors.all(|vendor| vendor.is_active("nina") == Some(true))
    })
    .await;
    practice.bridges[0].kill();
    let file = practice.folder.path().join("practice-0.toml");
    let whole = std::fs::read_to_string(&file).unwrap();
    let (without, _) = whole
        .split_once("[[practice.system]]\nname = \"saas1\"")
        .unwrap();

    std::fs::write(&file, without).unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .args(["serve", "--config", "practice-0.toml"])
        .current_dir(practice.folder.path())
        .output()
        .unwrap();
    std::fs::write(
        &file,
        whole.replace("name = \"saas1\"\n", "name = \"saas1\"\nretired = true\n"),
    )
    .unwrap();
    practice.start(None);

    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(
        said.contains("saas1") && said.contains("retired = true"),
        "{said}"
    );
    assert!(
        practice.hire("sam").await.is_some(),
        "retired, it is no hindrance"
    );
}
