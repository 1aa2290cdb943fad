//! Reads tables into the structs of `file`, leniently: every wrong key and value is reported at
//! its own place, and what is right is kept.
//!
//! The known keys come from the structs' own schemas, so that there is no second list of them.

use std::collections::BTreeMap;

use self::table::Reader;
use super::{
    document::{Document, Place},
    file,
    problem::Report,
    secret, suggest,
};

mod table;

/// The kinds of action that the contract knows and this version does not.
const LATER_KINDS: [&str; 7] = ["nats", "amqp", "kafka", "sqs", "sns", "s3", "redis"];

/// Reads the whole document; what is wrong goes to the report and is left at its default.
#[must_use]
pub fn read(document: &Document<'_>, report: &mut Report) -> file::File {
    Reader { document, report }.file()
}

impl Reader<'_, '_> {
    fn file(&mut self) -> file::File {
        let root = Place::root();
        let apart = [
            "server",
            "store",
            "sources",
            "attio",
            "worker",
            "actions",
            "routes",
            "reconcile",
            "alerts",
        ];
        let mut file: file::File = self.table(&root, &apart);
        file.server = self.server(&root.key("server"));
        file.store = self.table(&root.key("store"), &[]);
        file.sources = self.list(&root.key("sources"));
        file.attio = self.optional(&root.key("attio"));
        file.worker = self.table(&root.key("worker"), &[]);
        for (name, place) in self.keys(&root.key("actions")) {
            file.actions.extend(self.action(&place).map(|action| (name, action)));
        }
        file.routes = self.list(&root.key("routes"));
        file.reconcile = self.optional(&root.key("reconcile"));
        file.alerts = self.table(&root.key("alerts"), &[]);
        file
    }

    fn server(&mut self, place: &Place) -> file::Server {
        let server: file::Server = self.table(place, &["tls"]);
        file::Server { tls: self.optional(&place.key("tls")), ..server }
    }

    fn action(&mut self, place: &Place) -> Option<file::Action> {
        self.table_at(place)?;
        match self.kind(place)?.as_str() {
            "http" => {
                let http: file::Http = self.table(place, &["kind", "retry", "headers"]);
                let retry = self.table(&place.key("retry"), &[]);
                let headers = self.headers(&place.key("headers"));
                Some(file::Action::Http(file::Http { headers, retry, ..http }))
            }
            "slack" => {
                let slack: file::Slack = self.table(place, &["kind", "retry"]);
                let retry = self.table(&place.key("retry"), &[]);
                Some(file::Action::Slack(file::Slack { retry, ..slack }))
            }
            "postgres" => {
                let postgres: file::Postgres = self.table(place, &["kind", "retry"]);
                let retry = self.table(&place.key("retry"), &[]);
                Some(file::Action::Postgres(file::Postgres { retry, ..postgres }))
            }
            "attio" => {
                let attio: file::AttioAction = self.table(place, &["kind", "retry"]);
                let retry = self.table(&place.key("retry"), &[]);
                Some(file::Action::Attio(file::AttioAction { retry, ..attio }))
            }
            "log" => {
                let log: file::Log = self.table(place, &["kind", "retry"]);
                let retry = self.table(&place.key("retry"), &[]);
                Some(file::Action::Log(file::Log { retry, ..log }))
            }
            kind => {
                self.mask_all(place);
                self.unknown_kind(place, kind);
                None
            }
        }
    }

    fn kind(&mut self, place: &Place) -> Option<String> {
        let at = self.document.span_of(&place.key("kind"));
        let Some(kind) = self.document.value(&place.key("kind")) else {
            self.mask_all(place);
            self.report.error(at, "an action needs a `kind`: http, slack, postgres, attio or log");
            return None;
        };
        let kind = kind.get_ref().as_str().map(ToOwned::to_owned);
        if kind.is_none() {
            self.mask_all(place);
            self.report.error(at, "`kind` must be a string: http, slack, postgres, attio or log");
        }
        kind
    }

    fn unknown_kind(&mut self, place: &Place, kind: &str) {
        let at = self.document.span_of(&place.key("kind"));
        if LATER_KINDS.contains(&kind) {
            let message = format!("actions of kind `{kind}` are not in this version yet");
            self.report
                .error(at, message)
                .help("this version has http, slack, postgres, attio and log");
        } else {
            self.report
                .error(at, format!("unknown kind of action `{kind}`"))
                .help("this version has http, slack, postgres, attio and log")
                .suggest(suggest::nearest(kind, ["http", "slack", "postgres", "attio", "log"]));
        }
    }

    fn headers(&mut self, place: &Place) -> BTreeMap<String, secret::ReferenceOrText> {
        let mut headers = BTreeMap::new();
        for (name, at) in self.keys(place) {
            let Some(value) = self.document.value(&at) else {
                continue;
            };
            self.mask_literals(value);
            match value.get_ref().as_str() {
                Some(text) => {
                    headers.insert(name, secret::ReferenceOrText(secret::Typed::from(text)));
                }
                None => {
                    self.report.error(value.span(), "a header's value must be a string");
                }
            }
        }
        headers
    }
}
