//! What the processes say to one another: a line of JSON for each message.
//!
//! The driver asks for a file, from a step on; the worker answers with a line as each step begins and as it ends, and one
//! when the file is done.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(String),
    /// The program is beyond what Tancho supports, and this is why.
    Unsupported(String),
}

/// A case of a file in a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub case: String,
    pub mode: String,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The file's own word on why it is disabled.
    Disabled(String),
    Begin(Step),
    End(Outcome),
    /// The file is done.
    Done,
}

/// A file to be run without its first steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub file: PathBuf,
    pub skip: usize,
}

impl Request {
    pub fn write(file: &Path, skip: usize) -> String {
        // A path that is no UTF-8 is found by nobody, which is then the failure of the file.
        json!({ "file": file.to_string_lossy(), "skip": skip }).to_string()
    }

    pub fn read(line: &str) -> Option<Request> {
        let value: Value = serde_json::from_str(line).ok()?;
        let skip = usize::try_from(value["skip"].as_u64()?).ok()?;
        Some(Request { file: value["file"].as_str()?.into(), skip })
    }
}

impl Message {
    pub fn write(&self) -> String {
        let value = match self {
            Message::Disabled(reason) => json!({ "disabled": reason }),
            Message::Begin(step) => json!({ "case": step.case, "mode": step.mode }),
            Message::End(Outcome::Passed) => json!({ "passed": true }),
            Message::End(Outcome::Failed(reason)) => json!({ "failed": reason }),
            Message::End(Outcome::Unsupported(reason)) => json!({ "unsupported": reason }),
            Message::Done => json!({ "done": true }),
        };
        value.to_string()
    }

    pub fn read(line: &str) -> Option<Message> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        if let Some(reason) = text("disabled") {
            return Some(Message::Disabled(reason));
        }
        if let (Some(case), Some(mode)) = (text("case"), text("mode")) {
            return Some(Message::Begin(Step { case, mode }));
        }
        if let Some(reason) = text("failed") {
            return Some(Message::End(Outcome::Failed(reason)));
        }
        if let Some(reason) = text("unsupported") {
            return Some(Message::End(Outcome::Unsupported(reason)));
        }
        if value["passed"] == true {
            return Some(Message::End(Outcome::Passed));
        }
        (value["done"] == true).then_some(Message::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back() {
        let step = Step { case: "main \"x\"".into(), mode: "compiled".into() };
        let outcomes = [Outcome::Passed, Outcome::Failed("a\nb".into()), Outcome::Unsupported("c".into())];
        let mut messages = vec![Message::Disabled("slow".into()), Message::Begin(step), Message::Done];
        messages.extend(outcomes.map(Message::End));
        for message in messages {
            assert_eq!(Message::read(&message.write()), Some(message));
        }
        assert_eq!(Message::read("thread 'main' panicked"), None);
        let request = Request { file: "a b/c.mlir".into(), skip: 3 };
        assert_eq!(Request::read(&Request::write(&request.file, 3)), Some(request));
    }
}
