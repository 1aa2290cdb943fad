//! What a webhook brings: its subscriptions, as Attio keeps them and as the routes need them.
//!
//! Pure: what should be is worked out from the routes and the names of a workspace, and compared
//! with what is; calling Attio is the commands' part. A filter may bring more than is needed, since
//! routing looks at each event again, and never less: what a filter keeps back is lost silently.

mod actors;
mod compare;
mod filter;
mod fit;
#[cfg(test)]
mod given;
mod plan;
mod told;
mod wanted;
mod webhook;

pub use compare::{Comparison, Finding, Target, Whereabouts, whereabouts};
pub use filter::{Condition, Filter, Operator, Subscription};
pub use plan::{Plan, Planned, Reason};
pub use wanted::UnknownName;
pub use webhook::{Status, Webhook};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        attio::{catalog::Catalog, envelope::Envelope, event::KNOWN_TYPES, sample},
        config::Route,
        routing::{Judged, RouteTable},
    };

    fn one<'a>(random: &mut fastrand::Rng, of: &[&'a str]) -> &'a str {
        random.choice(of).unwrap()
    }

    /// The text of a route that may or may not make sense.
    fn route(random: &mut fastrand::Rng) -> String {
        let mut on = vec![one(random, &KNOWN_TYPES)];
        if random.bool() {
            on.push(one(random, &["record.*", "list-entry.*", "comment.*", "*", "made.up"]));
        }
        let mut lines = vec![format!("on = {on:?}")];
        if random.bool() {
            lines.push(format!("object = '{}'", one(random, &["deals", "people", given::DEALS])));
        }
        if random.u8(..4) == 0 {
            lines.push(format!("list = '{}'", one(random, &["pipeline", given::PIPELINE])));
        }
        if random.bool() {
            let known = ["stage", "value", "mail", "phase", given::STAGE];
            let changed: Vec<_> = (0..random.usize(1..3)).map(|_| one(random, &known)).collect();
            lines.push(format!("changed = {changed:?}"));
        }
        let actors = [
            "self",
            "system",
            "app",
            "api-token",
            "api-token:me",
            "app:me",
            "workspace-member:m1",
            "workspace-member:m2",
            "robot",
        ];
        let ignored: Vec<_> = (0..random.usize(..4)).map(|_| one(random, &actors)).collect();
        lines.push(format!("ignore_actors = {ignored:?}"));
        lines.join("\n")
    }

    /// An event of which any part may be null or missing.
    fn event(random: &mut fastrand::Rng) -> Value {
        let event_type = one(random, &KNOWN_TYPES);
        let mut event = sample::event(event_type, "key").unwrap();
        let choices: [(&str, &[&str]); 8] = [
            ("/id/object_id", &[given::DEALS, given::PEOPLE, "other"]),
            ("/object_id", &[given::DEALS, given::PEOPLE, "other"]),
            ("/parent_object_id", &[given::DEALS, given::PEOPLE, "other"]),
            ("/id/list_id", &[given::PIPELINE, "other"]),
            ("/list_id", &[given::PIPELINE, "other"]),
            ("/id/attribute_id", &[given::STAGE, given::VALUE, given::MAIL, given::PHASE, "other"]),
            ("/actor/type", &["workspace-member", "api-token", "system", "app", "robot"]),
            ("/actor/id", &["me", "m1", "m2", "other"]),
        ];
        for (path, values) in choices {
            if let Some(at) = event.pointer_mut(path) {
                *at = if random.u8(..8) == 0 { Value::Null } else { one(random, values).into() };
            }
        }
        if random.u8(..16) == 0 {
            event.as_object_mut().unwrap().remove("actor");
        }
        event
    }

    fn wanted(table: &RouteTable, event: &Value, catalog: &Catalog) -> bool {
        let read = Envelope::read(event.to_string().as_bytes()).unwrap().events.remove(0);
        table.rules().iter().any(|rule| matches!(rule.judge(&read, catalog), Judged::Wanted))
    }

    /// As `brings`, if `not_equals` did not hold for null and missing.
    fn brings_without_nulls(subscription: &Subscription, event: &Value) -> bool {
        let is_text = |one: &Condition| {
            one.field
                .split('.')
                .try_fold(event, |at, step| at.get(step))
                .is_some_and(Value::is_string)
        };
        let all = Subscription { filter: None, ..subscription.clone() };
        let alone = |one: &Condition| Subscription {
            filter: Some(Filter::All(vec![one.clone()])),
            ..subscription.clone()
        };
        let holds = |one: &Condition| is_text(one) && alone(one).brings(event) == Some(true);
        match &subscription.filter {
            None => subscription.brings(event) == Some(true),
            Some(Filter::All(each)) => all.brings(event) == Some(true) && each.iter().all(holds),
            Some(Filter::Any(each)) => all.brings(event) == Some(true) && each.iter().any(holds),
            Some(Filter::Unknown(_)) => false,
        }
    }

    #[test]
    fn whatever_a_route_wants_is_brought() {
        let (mut random, catalog) = (fastrand::Rng::with_seed(8), given::catalog());
        let (mut plans, mut wants) = (0, 0);
        while plans < 400 {
            let texts: Vec<_> = (0..random.usize(1..4)).map(|_| route(&mut random)).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            // Routes that can never match are no configuration.
            let Ok(routes) = given::parsed(&texts) else { continue };
            let plan = Plan::new(&routes, &catalog);
            if plan.unknown.is_empty() {
                plans += 1;
                wants += check(&mut random, &plan, &routes, &catalog);
            }
        }
        assert!(wants > 1_000, "{wants} events that somebody wanted");
    }

    fn check(random: &mut fastrand::Rng, plan: &Plan, routes: &[Route], catalog: &Catalog) -> u32 {
        let table = RouteTable::new(routes);
        let mut wants = 0;
        for _ in 0..100 {
            let event = event(random);
            if !wanted(&table, &event, catalog) {
                continue;
            }
            wants += 1;
            let planned = || plan.subscriptions.iter().map(|planned| &planned.subscription);
            let is_brought = planned().any(|one| one.brings(&event) == Some(true));
            let why = || format!("{routes:#?}\n{event}\n{}", json!(plan.bare()));
            assert!(is_brought, "{}", why());
            // Nobody at all is what filters cannot express; only the system has no id.
            let actor = &event["actor"];
            let is_known = actor["id"].is_string() && actor["type"].is_string();
            if is_known || actor["type"] == "system" {
                assert!(planned().any(|one| brings_without_nulls(one, &event)), "{}", why());
            }
        }
        wants
    }
}
