//! The documents name the tests that prove what they promise; a name that is wrong proves nothing.

use std::{collections::BTreeSet, fs, path::Path};

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// Every name in backticks that reads like a test's: four words at least.
fn named_tests(document: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{PROJECT}/{document}")).unwrap();
    let is_name = |word: &&str| {
        word.matches('_').count() >= 3 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    text.split('`').filter(is_name).map(str::to_owned).collect()
}

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut all = String::new();
    sources(&Path::new(PROJECT).join("tests"), &mut all);
    sources(&Path::new(PROJECT).join("src"), &mut all);
    for document in ["README.md", "ARCHITECTURE.md"] {
        let names = named_tests(document);
        assert!(!names.is_empty(), "{document}");
        let missing: Vec<_> =
            names.iter().filter(|name| !all.contains(&format!("fn {name}("))).collect();
        assert!(missing.is_empty(), "{document} names {missing:?}");
    }
}
