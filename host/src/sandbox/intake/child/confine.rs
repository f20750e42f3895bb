//! What a compile child takes from itself before it looks at an upload.
//!
//! Invariant: limits are hard and cannot be raised again; after [`seal`] the process can compute, grow
//! within its limit, and write to what it was given. Unprivileged throughout.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use super::Order;

/// How far a child steps back behind the turns that run on the same cores.
const NICE: i32 = 10;

/// Set the limits of an order.
///
/// # Errors
/// If the system refuses one: the child must not go on without.
pub(super) fn limit(order: &Order) -> io::Result<()> {
    end_with_parent()?;
    bound(Resource::Cpu, order.cpu_seconds)?;
    bound(Resource::As, order.memory_bytes)?;
    bound(Resource::Fsize, order.output_bytes)?;
    // A core file would hold a tenant's component.
    bound(Resource::Core, 0)?;
    nice(NICE)?;
    Ok(())
}

/// Bound a resource, or keep what is there if it is tighter.
fn bound(resource: Resource, max: u64) -> io::Result<()> {
    let hard = getrlimit(resource).maximum.map_or(max, |had| had.min(max));
    let limit = Rlimit {
        current: Some(hard),
        maximum: Some(hard),
    };
    Ok(setrlimit(resource, limit)?)
}

/// What a compile child was refused when it tried, on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// It could make no socket.
    pub network: bool,
    /// It could open no file.
    pub files: bool,
    /// It could start no program.
    pub programs: bool,
    /// Why the system refused to confine it, if it did.
    pub refused: Option<String>,
}

impl Confinement {
    /// Whether nothing is left open.
    pub fn complete(&self) -> bool {
        self.network && self.files && self.programs
    }

    fn to_line(&self) -> String {
        let refused = self.refused.as_deref().unwrap_or_default();
        format!(
            "{} {} {} {refused}",
            self.network, self.files, self.programs
        )
    }

    /// Read what [`probe`] wrote.
    pub(super) fn from_line(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let mut flag = || words.next()?.parse().ok();
        let (network, files, programs) = (flag()?, flag()?, flag()?);
        let refused = words.next().filter(|why| !why.is_empty());
        Some(Self {
            network,
            files,
            programs,
            refused: refused.map(str::to_owned),
        })
    }
}

/// Try what must not work, and write down what did not.
pub(super) fn probe(sealed: Result<(), String>) -> Vec<u8> {
    let found = Confinement {
        network: std::net::UdpSocket::bind(("127.0.0.1", 0)).is_err(),
        files: std::fs::File::open("/").is_err(),
        programs: std::process::Command::new("/proc/self/exe")
            .spawn()
            .is_err(),
        refused: sealed.err(),
    };
    found.to_line().into_bytes()
}

#[cfg(target_os = "linux")]
use linux::end_with_parent;
#[cfg(target_os = "linux")]
pub(super) use linux::seal;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::io;

    use rustix::process::{Signal, getpid, set_parent_process_death_signal};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    /// What computing, growing, panicking and ending take.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_lseek,
        libc::SYS_madvise,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_read,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
        libc::SYS_write,
    ];

    /// Die when the thread that started this process does. If it already has, there is nobody to send
    /// an upload and the input ends at once.
    pub(super) fn end_with_parent() -> io::Result<()> {
        Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
    }

    /// Let the kernel refuse every system call but those above, for good.
    ///
    /// A refused call fails with `EPERM`, it does not kill: a library that asks for something it can do
    /// without goes on.
    pub(in super::super) fn seal() -> Result<(), String> {
        seccompiler::apply_filter(&filter().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
    }

    fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // `abort` signals itself, and only itself.
        let own = u64::from(getpid().as_raw_nonzero().get().unsigned_abs());
        let to_itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
        rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![to_itself])?]);
        SeccompFilter::new(
            rules,
            SeccompAction::Errno(libc::EPERM.unsigned_abs()),
            SeccompAction::Allow,
            std::env::consts::ARCH.try_into()?,
        )?
        .try_into()
    }
}

/// Other systems have no such signal: the child ends with its input, and at the latest with its limits.
#[cfg(not(target_os = "linux"))]
fn end_with_parent() -> io::Result<()> {
    Ok(())
}

/// Other systems have nothing that works unprivileged and for a child alone.
#[cfg(not(target_os = "linux"))]
pub(super) fn seal() -> Result<(), String> {
    Err("system calls can be refused on Linux only".into())
}
