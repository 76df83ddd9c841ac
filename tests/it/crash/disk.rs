//! A bridge on a disk that is really full: a file system of 64 MB that only its process sees.

use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    os::fd::AsRawFd as _,
    path::Path,
    time::Duration,
};

use reqwest::Client;
use tokio::{task::block_in_place, time::Instant};

use super::{TURN, bridge::PATIENCE, checker, practice::Practice};

/// Fills what is free.
fn fill(at: &Path) {
    let mut filler = File::create(at).unwrap();
    for size in [1024 * 1024, 4096, 1] {
        let block = vec![b'x'; size];
        let error = loop {
            if let Err(error) = filler.write(&block) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }
}

async fn is_ready(practice: &Practice) -> bool {
    let url = format!("http://{}/readyz", practice.bridges[0].address);
    let client = Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    answer.status().is_success()
}

/// Waits until an account of the system is as said.
async fn until_active(practice: &Practice, login: &str, active: Option<bool>) {
    let began = Instant::now();
    while practice.vendors[0].is_active(login) != active {
        assert!(began.elapsed() < PATIENCE, "{login} is not {active:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Copies the files of the database from one folder to another.
fn copy(from: &Path, to: &Path) {
    for file in from.read_dir().unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("bridge.db") {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_is_really_full_a_departure_goes_out_and_nobody_is_let_in() {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, None);
    let folder = practice.folder.path().to_owned();
    let disk = folder.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let file = folder.join("practice-0.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let there = format!("sqlite://{}/bridge.db", disk.display());
    std::fs::write(&file, settings.replace(&practice.database, &there)).unwrap();
    practice.bridges[0].sits_on_a_small_disk(Some(&disk));
    practice.start(None);
    let disk = practice.bridges[0].seen_from_outside(&disk);
    let nina = practice.hire("nina").await.unwrap();
    until_active(&practice, "nina", Some(true)).await;
    let was_ready = is_ready(&practice).await;

    fill(&disk.join("filler"));
    // What the log of the database has room for goes well; then somebody is refused.
    let began = Instant::now();
    let mut hired = 0;
    while practice.hire(&format!("nurse{hired}")).await.is_some() {
        hired += 1;
        assert!(began.elapsed() < PATIENCE, "{hired} hired on a full disk");
    }
    let is_ready_when_full = is_ready(&practice).await;
    let is_taken = practice.disable("nina", &nina).await;
    until_active(&practice, "nina", Some(false)).await;
    let refused = practice.hire("sam").await;
    std::fs::remove_file(disk.join("filler")).unwrap();
    let began = Instant::now();
    while practice.hire("sam").await.is_none() {
        assert!(
            began.elapsed() < PATIENCE,
            "there is room, and nobody is hired"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until_active(&practice, "sam", Some(true)).await;
    let is_ready_again = is_ready(&practice).await;
    // Whoever has it open keeps the disk when its process ends; then all moves to a larger one.
    let kept = File::open(&disk).unwrap();
    let code = block_in_place(|| practice.bridges[0].terminate());
    copy(
        Path::new(&format!("/proc/self/fd/{}", kept.as_raw_fd())),
        &folder,
    );
    std::fs::write(&file, settings).unwrap();
    practice.bridges[0].sits_on_a_small_disk(None);
    practice.start(None);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;

    assert!(was_ready && !is_ready_when_full && is_ready_again);
    assert!(is_taken && refused.is_none());
    assert_eq!(code, Some(0));
    checker::check(&practice).await;
}
