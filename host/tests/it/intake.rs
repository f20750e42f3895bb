//! What may be uploaded, what may not, and what is kept of it.

use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use warren::error::Error;
use warren::sandbox::intake::{Accepted, Artifacts, Intake, IntakeSettings};
use warren::sandbox::{Sandbox, SandboxLimits};

mod accepts;
mod artifacts;
mod children;
mod guest;
mod kinds;
mod worlds;

/// The program whose hidden subcommand is the compile child.
const WARREN: &str = env!("CARGO_BIN_EXE_warren");
/// What signs artifacts in these tests.
const MAC_KEY: [u8; 32] = [7; 32];

/// An intake with a data directory of its own.
struct Desk {
    dir: TempDir,
    artifacts: Arc<Artifacts>,
    intake: Arc<Intake>,
}

impl Desk {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: IntakeSettings) -> Self {
        let dir = TempDir::new().unwrap();
        let artifacts = Artifacts::open(dir.path(), MAC_KEY, settings).unwrap();
        let limits = SandboxLimits {
            turns_max: 2,
            nested_max: 1,
            describe_max: 2,
            ..SandboxLimits::default()
        };
        let sandbox = Sandbox::new(limits, Arc::<Artifacts>::clone(&artifacts), None).unwrap();
        let intake = Intake::new(Arc::clone(&artifacts), sandbox).unwrap();
        Self {
            dir,
            artifacts,
            intake,
        }
    }

    async fn accept(&self, upload: &[u8]) -> Result<Accepted, Error> {
        self.intake.accept(Bytes::copy_from_slice(upload)).await
    }

    /// Refused, with `expect` in its words, and nothing is kept.
    async fn refuse(&self, upload: &[u8], expect: &str) {
        let words = self.accept(upload).await.unwrap_err().to_string();
        assert!(words.contains(expect), "`{expect}` is not in: {words}");
        assert_eq!(self.kept(), 0, "something was kept: {words}");
    }

    /// How many components are kept.
    fn kept(&self) -> usize {
        let unfinished = self.dir.path().join("components/.unfinished");
        assert_eq!(unfinished.read_dir().unwrap().count(), 0);
        self.dir
            .path()
            .join("components")
            .read_dir()
            .unwrap()
            .count()
            - 1
    }
}

fn settings() -> IntakeSettings {
    IntakeSettings {
        compiler: WARREN.into(),
        ..IntakeSettings::default()
    }
}
