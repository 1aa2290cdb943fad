//! Why a call to Attio did not bring what it was for. Holds no secret and no value of a record
//! outside of `answer`.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// Why a call failed. The variant is the decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The same call may succeed later: limits, Attio's faults, the network, a merge that is under
    /// way.
    #[error("{what}")]
    Later {
        /// What happened, in a sentence without a full stop.
        what: String,
        /// How long to wait at least, where that is known.
        after: Option<Duration>,
        /// The status of the answer, where there was one.
        status: Option<u16>,
        /// The first 4 KiB of the answer, the token masked. May hold personal data.
        answer: Option<Bytes>,
        /// A write that has no natural key may have been carried out: a repeat may write twice.
        in_doubt: bool,
    },
    /// The token is dead, or may not do this.
    #[error("{what}")]
    Denied {
        /// What happened, in a sentence without a full stop.
        what: String,
        /// The status of the answer: 401 or 403, or 200 for a dead token.
        status: u16,
        /// The first 4 KiB of the answer, the token masked.
        answer: Option<Bytes>,
    },
    /// The same call will never succeed.
    #[error("{what}")]
    Refused {
        /// What happened, in a sentence without a full stop.
        what: String,
        /// The status of the answer; `None` when the call could not be made.
        status: Option<u16>,
        /// Attio's own word for it, such as `value_not_found`.
        code: Option<String>,
        /// The first 4 KiB of the answer, the token masked. May hold personal data.
        answer: Option<Bytes>,
    },
}

impl ApiError {
    /// The status of the answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Later { status, .. } | Self::Refused { status, .. } => *status,
            Self::Denied { status, .. } => Some(*status),
        }
    }

    /// The start of the answer, where there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&Bytes> {
        match self {
            Self::Later { answer, .. }
            | Self::Denied { answer, .. }
            | Self::Refused { answer, .. } => answer.as_ref(),
        }
    }

    /// Attio's own sentence about it, for a person to read. May hold personal data.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let answer: Value = serde_json::from_slice(self.answer()?).ok()?;
        Some(answer.get("message")?.as_str()?.to_owned())
    }

    /// A call that cannot be made, or an answer that is of no use.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), status: None, code: None, answer: None }
    }
}
