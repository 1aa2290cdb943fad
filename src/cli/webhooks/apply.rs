//! `attio-relay webhooks apply`: makes Attio send what the routes need.
//!
//! A webhook that is at the source's address already is taken as it is and changed, so that there
//! is never a second one. What is superfluous goes only when told so, and last.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::{
    For,
    confirm::{Consent, agreed},
    desk::{Carrier, Desk},
    show,
    slot::Slot,
};
use crate::{
    attio::subscription::{Comparison, Finding},
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    scope: For,
    #[command(flatten)]
    consent: Consent,
    /// Delete webhooks that are duplicates, inactive, or at an address of ours without a source.
    #[arg(long)]
    prune: bool,
    /// Let the new webhook's secret take the place of the one that stands in the file.
    #[arg(long)]
    replace_secret: bool,
}

/// One change in Attio.
enum Step<'f> {
    Create { target_url: &'f str },
    Update { webhook_id: &'f str },
    Delete { webhook_id: &'f str, why: &'static str },
}

impl Apply {
    pub(super) async fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let desk = Desk::new(config)?;
        let carrier = desk.carrier(self.scope.source.as_deref())?;
        let survey = desk.survey().await?;
        survey.refuse_unknown()?;
        let comparison = survey.compare(&desk.targets, carrier);
        show::print(&show::report(&survey, &comparison))?;
        if comparison.kept.is_some() && carrier.lacks_secret() {
            println!("{}", carrier.about_secret());
        }
        let steps = self.steps(&comparison);
        if steps.is_empty() {
            println!("nothing to change");
            return Ok(ExitCode::SUCCESS);
        }
        for step in &steps {
            println!("will {}", step.describe(carrier));
        }
        if self.consent.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        // A secret that has nowhere to go is found before anybody is asked.
        let mut slot = self.slot(&steps, carrier)?;
        if !agreed("Change Attio so?", self.consent.yes)? {
            return Ok(ExitCode::FAILURE);
        }
        let wanted = &comparison.wanted;
        for step in steps {
            match (step, slot.take()) {
                (Step::Create { target_url }, Some(slot)) => {
                    desk.create(target_url, wanted, slot).await?;
                }
                (Step::Create { .. }, None) => bail!("one webhook at a time"),
                (Step::Update { webhook_id }, _) => {
                    let way_out = comparison
                        .kept
                        .and_then(|kept| carrier.target.way_out(kept, &survey.webhooks));
                    desk.update(webhook_id, way_out.as_deref(), wanted).await?;
                }
                (Step::Delete { webhook_id, .. }, _) => desk.delete(webhook_id).await?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Where the secret of a webhook that will be made goes.
    fn slot(&self, steps: &[Step<'_>], carrier: Carrier<'_>) -> anyhow::Result<Option<Slot>> {
        if !steps.iter().any(|step| matches!(step, Step::Create { .. })) {
            return Ok(None);
        }
        let place = carrier.source.places.first().context("the source has no secret")?;
        Slot::prepare(place, self.replace_secret).map(Some)
    }

    /// What makes or changes a webhook comes before what deletes one.
    fn steps<'f>(&self, comparison: &'f Comparison<'_>) -> Vec<Step<'f>> {
        let step = |finding: &'f Finding| match finding {
            Finding::Missing { target_url } => Some(Step::Create { target_url }),
            Finding::Differing { webhook_id, .. } => Some(Step::Update { webhook_id }),
            Finding::Duplicate { webhook_id, .. } => self.deletes(webhook_id, "a duplicate"),
            Finding::Inactive { webhook_id } => self.deletes(webhook_id, "inactive"),
            Finding::Superfluous { webhook_id, .. } => self.deletes(webhook_id, "superfluous"),
            Finding::Degraded { .. } | Finding::Overlapping { .. } => None,
        };
        comparison.findings.iter().filter_map(step).collect()
    }

    fn deletes<'f>(&self, webhook_id: &'f str, why: &'static str) -> Option<Step<'f>> {
        self.prune.then_some(Step::Delete { webhook_id, why })
    }
}

impl Step<'_> {
    fn describe(&self, carrier: Carrier<'_>) -> String {
        match self {
            Self::Create { target_url } => {
                let places = &carrier.source.places;
                let place = places.first().map(ToString::to_string).unwrap_or_default();
                format!("make a webhook at {target_url}; its secret belongs into {place}")
            }
            Self::Update { webhook_id } => format!("give webhook {webhook_id} these subscriptions"),
            Self::Delete { webhook_id, why } => format!("delete webhook {webhook_id}: {why}"),
        }
    }
}
