//! What a store means: each behaviour is written once and must hold on both engines.

mod acting;
mod activity;
mod claiming;
mod finishing;
mod kept;
mod looking;
mod looking_filled;
mod looking_plans;
mod looking_rows;
mod merging;
mod order;
mod pausing;
mod plans;
mod recording;
mod removing;
mod removing_messages;
mod removing_plans;
mod schema;
mod sqlite_file;
mod tallying;
mod tallying_plans;
mod turns;
mod words;

/// Makes of each behaviour one test for each engine.
macro_rules! on_both_engines {
    ($($behaviour:ident),* $(,)?) => { $(
        mod $behaviour {
            use crate::support::database::TestDatabase;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                super::$behaviour(&TestDatabase::postgres().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$behaviour(&TestDatabase::sqlite()).await;
            }
        }
    )* };
}
pub(crate) use looking_filled::filled;
pub(crate) use on_both_engines;
