//! What is due is found, whatever came in between.

use std::time::Duration;

use crate::support::TestApp;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_door_that_is_given_back_long_after_it_was_due_is_found_at_the_next_look() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    let held = app.claim("ehr").await;

    app.run_after(HOUR).await;
    let while_held = app.system("ehr").account("nina");
    app.store.release_leases_of("worker").await.unwrap();
    app.run_due().await;

    assert_eq!(held.len(), 1);
    assert!(while_held.is_none(), "whoever holds it is to open it");
    assert!(app.system("ehr").account("nina").is_some());
}
