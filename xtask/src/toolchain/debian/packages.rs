//! Gets Debian packages and unpacks them, with a package list of our own and no installation.
//!
//! Invariant: writes below the directory it was given; needs no root; apt checks the signatures.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{paths, shell};

/// The release whose packages the recipe was tried with. Others are refused rather than half supported.
const CODENAME: &str = "bookworm";
const MIRROR: &str = "http://deb.debian.org";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The compiler, the source of its library, and the C library that `wasm32-wasip2` links.
/// Their own dependencies (LLVM, the host's standard library) follow from apt.
const WANTED: [&str; 3] = ["rustc-web", "rust-web-src", "wasi-libc/bookworm-backports"];

const DPKG_STATUS: &str = "/var/lib/dpkg/status";

/// 14 MB of lists.
const UPDATE_MAX: Duration = Duration::from_mins(3);
/// 140 MB of packages, at 2 Mbit/s and better.
const DOWNLOAD_MAX: Duration = Duration::from_mins(10);
/// 1 GB of files onto a slow disk.
const UNPACK_MAX: Duration = Duration::from_mins(5);

/// Downloads and unpacks below `work`; the answer is the unpacked `usr`.
pub(super) fn unpack(work: &Path) -> Result<PathBuf> {
    check_system()?;
    let apt = Apt::new(work)?;
    let update = &mut apt.command("apt-get", &["update"]);
    shell::quiet(
        "apt: read the package lists (14 MB)",
        update,
        UPDATE_MAX,
        &work.join("update.log"),
    )?;
    let names = apt.missing_packages()?;
    eprintln!("        {}", names.join(" "));
    let debs = work.join("debs");
    fs::create_dir_all(&debs)?;
    shell::quiet(
        &format!("apt: download {} packages (140 MB)", names.len()),
        apt.command("apt-get", &["download"])
            .args(&names)
            .current_dir(&debs),
        DOWNLOAD_MAX,
        &work.join("download.log"),
    )?;
    let root = work.join("root");
    fs::create_dir_all(&root)?;
    for deb in fs::read_dir(&debs)? {
        unpack_one(&deb?.path(), &root, work)?;
    }
    fs::remove_dir_all(&debs)?;
    Ok(root.join("usr"))
}

fn check_system() -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release
        .lines()
        .any(|line| line == format!("VERSION_CODENAME={CODENAME}"))
    {
        bail!("the packages way knows Debian 12 ({CODENAME}) only, and this system is another");
    }
    for program in ["apt-get", "dpkg-deb"] {
        paths::on_path(program).with_context(|| format!("`{program}` is not on the PATH"))?;
    }
    Ok(())
}

fn unpack_one(deb: &Path, root: &Path, work: &Path) -> Result<()> {
    let name = deb
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let short = name.split('_').next().unwrap_or_default();
    // Of the source, only the library is wanted; the compiler's would be ten times that.
    let only = if short == "rust-web-src" {
        "--wildcards './usr/src/rustc-*/library' ./usr/lib"
    } else {
        ""
    };
    let script = format!("set -e; dpkg-deb --fsys-tarfile \"$0\" | tar -x -C \"$1\" {only}");
    shell::quiet(
        &format!("unpack {short}"),
        Command::new("bash")
            .args(["-o", "pipefail", "-c", &script])
            .arg(deb)
            .arg(root),
        UNPACK_MAX,
        &work.join("unpack.log"),
    )
}

/// apt with its own source list, package lists and cache.
struct Apt {
    options: Vec<OsString>,
}

impl Apt {
    fn new(work: &Path) -> Result<Self> {
        let dir = work.join("apt");
        fs::create_dir_all(dir.join("lists/partial"))?;
        fs::create_dir_all(dir.join("cache/archives/partial"))?;
        let from = |archive: &str, suite: &str| {
            format!("deb [signed-by={KEYRING}] {MIRROR}/{archive} {CODENAME}{suite} main\n")
        };
        let sources = [
            from("debian", ""),
            from("debian", "-updates"),
            from("debian", "-backports"),
            from("debian-security", "-security"),
        ];
        let list = dir.join("sources.list");
        fs::write(&list, sources.concat())?;
        let mut options = Vec::new();
        let mut set = |key: &str, value: &Path| {
            let mut option = OsString::from(format!("{key}="));
            option.push(value);
            options.extend([OsString::from("-o"), option]);
        };
        set("Dir::Etc::SourceList", &list);
        set("Dir::Etc::SourceParts", Path::new("/dev/null"));
        set("Dir::State::lists", &dir.join("lists"));
        set("Dir::Cache", &dir.join("cache"));
        let status = dir.join("status");
        fs::write(&status, without_wanted(&fs::read_to_string(DPKG_STATUS)?))?;
        set("Dir::State::status", &status);
        for (key, value) in [
            ("Acquire::Languages", "none"),
            ("Acquire::Retries", "2"),
            ("Acquire::http::Timeout", "30"),
            ("APT::Sandbox::User", "root"),
            ("Debug::NoLocking", "true"),
        ] {
            set(key, Path::new(value));
        }
        Ok(Self { options })
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).args(args).env("LC_ALL", "C");
        command
    }

    /// `WANTED` with whatever they need that the system lacks, each as `name=version`.
    fn missing_packages(&self) -> Result<Vec<String>> {
        let args = ["-qq", "--print-uris", "--no-install-recommends", "install"];
        let uris = shell::output(self.command("apt-get", &args).args(WANTED))?;
        let names: Vec<String> = uris.lines().filter_map(package_of).collect();
        if names.is_empty() {
            bail!(
                "apt offers nothing for {}; it said: {uris}",
                WANTED.join(", ")
            );
        }
        Ok(names)
    }
}

/// What dpkg has installed, but for what belongs into our directory even if the system has it.
fn without_wanted(status: &str) -> String {
    let ours = |paragraph: &&str| {
        let name = paragraph
            .lines()
            .find_map(|line| line.strip_prefix("Package: "))
            .unwrap_or_default();
        name.contains("rust-web") || name.contains("rustc-web") || name == "wasi-libc"
    };
    let kept: Vec<&str> = status
        .split(
            "

",
        )
        .filter(|paragraph| !ours(paragraph))
        .collect();
    kept.join(
        "

",
    ) + "

"
}

/// `'http://…' name_version_arch.deb size hash` → `name=version`.
fn package_of(line: &str) -> Option<String> {
    let file = line.split_whitespace().nth(1)?;
    let mut parts = file.split('_');
    let (name, version) = (parts.next()?, parts.next()?);
    Some(format!("{name}={}", version.replace("%3a", ":")))
}

#[cfg(test)]
mod tests {
    use super::{package_of, without_wanted};

    #[test]
    fn a_line_of_apt_names_a_package_and_its_version() {
        let check = |line: &str, expect: Option<&str>| {
            assert_eq!(package_of(line).as_deref(), expect, "{line}");
        };
        check(
            "'http://m/p/libllvm22_22.1.8.deb' libllvm22_1%3a22.1.8-1~deb12u1_amd64.deb 29378692 ",
            Some("libllvm22=1:22.1.8-1~deb12u1"),
        );
        check(
            "'http://m/p/rustc-web.deb' rustc-web_1.96.0+dfsg1-1~deb12u2_amd64.deb 4450500 SHA256:ab",
            Some("rustc-web=1.96.0+dfsg1-1~deb12u2"),
        );
        check("", None);
        check("one", None);
    }

    #[test]
    fn an_installed_compiler_package_counts_as_missing() {
        let status = "Package: gcc\nStatus: x\n\nPackage: libstd-rust-web-1.96\nStatus: x\n\nPackage: wasi-libc\n";
        assert_eq!(without_wanted(status), "Package: gcc\nStatus: x\n\n");
    }
}
