//! What has no natural key, and may be tried again all the same.

use attio_relay::http::fake_attio::{Failure, INES};

use super::{Scene, ines, job, retry, stage_changed};

/// The two forms that can be listed: with the event's id in the text, and without.
const KEPT: [(&str, &str); 2] = [
    ("/v2/notes", "write = \"note\"\ntitle = \"Won\"\ncontent = \"event {{ id }}\""),
    ("/v2/tasks", "write = \"task\"\ncontent = \"Call, for {{ id }}\""),
];

#[tokio::test]
async fn a_note_or_task_with_the_events_id_is_found_again_after_a_lost_answer() {
    for (path, keys) in KEPT {
        let scene = Scene::start().await;
        let job = job(&stage_changed(&ines()));
        scene.attio.fail("POST", path, 1, Failure::CutAfter);
        let lost = retry(scene.perform(keys, &job).await);
        assert!(lost.what.contains("it may have been written all the same"), "{}", lost.what);
        scene.perform(keys, &job).await.unwrap();
        assert_eq!(scene.attio.requests_to("POST", path).len(), 1);
        assert_eq!(scene.attio.events().len(), 1);
        let another = super::job(&stage_changed(&ines()));
        scene.perform(keys, &another).await.unwrap();
        assert_eq!(scene.attio.events().len(), 2, "another event's is another one");
    }
}

#[tokio::test]
async fn one_that_was_lost_on_its_way_there_is_written_after_all() {
    for (path, keys) in KEPT {
        let scene = Scene::start().await;
        let job = job(&stage_changed(&ines()));
        scene.attio.fail("POST", path, 1, Failure::Cut);
        retry(scene.perform(keys, &job).await);
        scene.perform(keys, &job).await.unwrap();
        assert_eq!(scene.attio.requests_to("POST", path).len(), 2);
        assert_eq!(scene.attio.events().len(), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_found_again_is_sent_once_in_an_attempt_and_again_in_the_next() {
    let comment = format!("write = \"comment\"\nauthor = \"{INES}\"\ncontent = \"{{{{ id }}}}\"");
    for (path, keys) in [
        ("/v2/notes", "write = \"note\"\ntitle = \"Won\"\ncontent = \"Won\""),
        ("/v2/tasks", "write = \"task\"\ncontent = \"Call\""),
        ("/v2/comments", &comment),
    ] {
        let scene = Scene::start().await;
        let job = job(&stage_changed(&ines()));
        scene.attio.fail("POST", path, 1, Failure::CutAfter);
        retry(scene.perform(keys, &job).await);
        assert_eq!(scene.attio.requests_to("POST", path).len(), 1, "{path}");
        scene.perform(keys, &job).await.unwrap();
        assert_eq!(scene.attio.events().len(), 2, "a duplicate beats a loss");
        assert!(scene.attio.requests_to("GET", path).is_empty(), "nothing is looked for");
    }
}
