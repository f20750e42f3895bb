//! Waiting for a child, but not for ever.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How often a child is looked at where the system cannot tell of its end.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Wait until the child ends, and kill it after `wall`: then `None`. Either way it is gone.
pub(super) fn wait(child: &mut Child, wall: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + wall;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if left.is_zero() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        until_it_may_have_ended(child, left);
    }
}

/// Returns when the child has ended, or earlier.
#[cfg(target_os = "linux")]
fn until_it_may_have_ended(child: &Child, left: Duration) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    let told = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).and_then(|handle| {
        let timeout = Timespec::try_from(left).ok();
        poll(&mut [PollFd::new(&handle, PollFlags::IN)], timeout.as_ref())
    });
    // Kernels before 5.3 have no such handle; a signal may interrupt.
    if told.is_err() {
        std::thread::sleep(LOOK_EVERY.min(left));
    }
}

#[cfg(not(target_os = "linux"))]
fn until_it_may_have_ended(_child: &Child, left: Duration) {
    std::thread::sleep(LOOK_EVERY.min(left));
}
