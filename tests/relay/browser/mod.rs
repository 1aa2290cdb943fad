//! The pages in a real browser, as the person on duty uses them.
//!
//! `make screenshots` lets these tests write what they see to `docs/screenshots`.

mod acting;
mod looking;
mod walk;

use crate::support::{
    app::TestApp,
    browser::Browser,
    client::SECRET,
    database::TestDatabase,
    sink::{Sink, route},
};

/// A relay like one that people have: deals that are won go to billing, all else to a log.
struct Desk {
    app: TestApp,
    sink: Sink,
    db: TestDatabase,
}

impl Desk {
    async fn start() -> Self {
        let (db, sink) = (TestDatabase::sqlite(), Sink::start().await);
        let about = "owner = \"revops@example.com\"\nreviewed = 2026-11-01\n";
        let toml = "[server]\nadmin_token = \"env:SECRET\"\n".to_owned()
            + &sink.action("billing", "")
            + &sink.action("crm-copy", "")
            + &route(
                "closed-won-to-billing",
                &format!(
                    "on = [\"record.updated\"]\npurpose = \"Start billing when a deal is won\"\n{about}"
                ),
                &["billing"],
            )
            + &route(
                "everything-to-the-copy",
                &format!("on = [\"*\"]\npurpose = \"Keep a copy of all changes\"\n{about}"),
                &["crm-copy"],
            );
        let app = TestApp::start(&db, &toml).await;
        Self { app, sink, db }
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.admin.address)
    }

    /// Waits until so many are dead letters.
    async fn wait_for_dead(&self, count: u32) {
        let billing = [("action", "billing")];
        self.app.wait_for_metric("attio_relay_dead_letters", &billing, count.into()).await;
    }

    async fn log_in(&self, browser: &Browser, path: &str) {
        browser.open(&self.at(path)).await;
        browser.type_into("#token", SECRET).await;
        browser.click("button.main").await;
        browser.wait_for("nav", "Overview").await;
        assert_eq!(browser.address().await, self.at(path));
    }

    /// Nothing on any page did what the policy forbids.
    async fn end(self, browser: Browser) {
        let said = browser.console().await;
        // A login that was refused is said there too.
        let wrong = said.iter().filter(|line| !line.contains("401"));
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&String>::new());
        drop(browser);
        self.app.stop().await;
    }
}
