//! Refuses, when a template is loaded, every name that it could only fail on later.
//!
//! The engine itself looks values, filters and tests up as it meets them, so that a misspelt one in
//! a seldom taken branch would become a dead letter months later. Here the compiled instructions
//! are read instead, of all branches.

use minijinja::{
    Environment, Value,
    machinery::{Instruction, Instructions, get_compiled_template},
};

use super::{NAME, TemplateError};

/// Names of the language that need values from Attio, which are not looked up yet.
const NEEDS_ATTIO: [&str; 4] = ["record", "entry", "previous", "workspace"];

/// The values that the template reads, when it names nothing that does not exist.
pub(super) fn check(
    environment: &Environment<'static>,
    names: &[&str],
    source: &str,
) -> Result<Vec<String>, TemplateError> {
    let template = environment.get_template(NAME).expect("it was added when compiled");
    let compiled = get_compiled_template(&template);
    let used = template.undeclared_variables(false);
    // The language's own tests `filter` and `test` know which of them there are.
    let exists = |kind: &str, name: &str| {
        environment.empty_state().perform_test(kind, &[Value::from(name)]).unwrap_or(false)
    };
    let is_unknown = |name: &str| {
        used.contains(name)
            && !names.contains(&name)
            && !environment.globals().any(|(global, _)| global == name)
    };
    for code in std::iter::once(&compiled.instructions).chain(compiled.blocks.values()) {
        for (index, instruction) in (0..).map_while(|index| Some((index, code.get(index)?))) {
            let problem = match instruction {
                Instruction::Lookup(name) | Instruction::CallFunction(name, _)
                    if is_unknown(name) =>
                {
                    unknown_name(name, names)
                }
                Instruction::ApplyFilter(name, ..) if !exists("filter", name) => {
                    format!("there is no filter `{name}`")
                }
                Instruction::PerformTest(name, ..) if !exists("test", name) => {
                    format!("there is no test `{name}`")
                }
                Instruction::Include(_) | Instruction::LoadBlocks => {
                    "there are no other templates to use".to_owned()
                }
                _ => continue,
            };
            return Err(TemplateError::at(source, offset(code, index), problem));
        }
    }
    // No instruction of its own, as a name that only a macro closes over.
    match used.iter().find(|name| is_unknown(name)) {
        Some(name) => Err(TemplateError::at(source, None, unknown_name(name, names))),
        None => Ok(used.into_iter().collect()),
    }
}

fn offset(code: &Instructions<'_>, index: u32) -> Option<usize> {
    code.get_span(index).map(|span| span.start_offset as usize)
}

fn unknown_name(name: &str, names: &[&str]) -> String {
    if NEEDS_ATTIO.contains(&name) {
        return format!(
            "`{name}` needs values looked up in Attio, which this version cannot do yet"
        );
    }
    let known = names.join("`, `");
    let closest = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    match closest.filter(|known| strsim::jaro_winkler(name, known) > 0.8) {
        Some(closest) => format!("there is no `{name}`; did you mean `{closest}`?"),
        None => format!("there is no `{name}`; known are `{known}`"),
    }
}
