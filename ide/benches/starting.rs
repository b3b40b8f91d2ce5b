//! The editor as a process in a real window: how long until it can be used, and what it costs
//! while nobody touches it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::previews::beside;
use crate::table::{Table, Times};

const STARTS: usize = 5;
const BUDGET_MS: f64 = 1000.0;
const LONGEST: Duration = Duration::from_secs(30);
/// How long nobody touches it, and how much of a processor it may take meanwhile: timers of the
/// system, not frames.
const IDLE: Duration = Duration::from_secs(5);
const IDLE_MS: u64 = 50;
/// The unit of processor times in `/proc`: fixed by Linux for all programs.
const TICK_MS: u64 = 10;

/// Measures starts of the editor, and an untouched window.
pub fn measure(table: &mut Table, samples: &Path) -> Result<(), String> {
    if std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none() {
        return Err("there is no display; run it under xvfb-run -a".into());
    }
    let program = beside("millstream-ide")?;
    let fraud = samples.join("fraud");
    for (what, path) in [("the start page", None), ("samples/fraud", Some(&*fraud))] {
        let (mut shown, mut compiled) = (Times::default(), Times::default());
        for start in 0..=STARTS {
            let window = Window::open(&program, path)?;
            // The first one reads the program from the disk.
            if start > 0 {
                shown.add(window.shown);
                compiled.add(window.compiled);
            }
        }
        table.times(
            &format!("start to a usable window, {what}"),
            &shown,
            BUDGET_MS,
        );
        if path.is_some() {
            table.times(&format!("start to compiled, {what}"), &compiled, BUDGET_MS);
        }
    }
    let window = Window::open(&program, Some(&fraud))?;
    // The preview of what is selected and the last timers end first.
    thread::sleep(Duration::from_secs(2));
    let before = window.processor_ms()?;
    thread::sleep(IDLE);
    let took = window.processor_ms()? - before;
    table.line(
        &format!("untouched for {} s: processor time", IDLE.as_secs()),
        "",
        &format!("{took} ms"),
        &format!("{IDLE_MS} ms"),
        took <= IDLE_MS,
    );
    Ok(())
}

/// A running editor; dropping it ends it.
struct Window {
    process: Child,
    /// From the start of the process to the first frame on the screen.
    shown: Duration,
    /// From the start of the process to the compiled document.
    compiled: Duration,
    _home: tempfile::TempDir,
}

impl Window {
    fn open(program: &Path, path: Option<&Path>) -> Result<Self, String> {
        let home = tempfile::tempdir().map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let mut process = Command::new(program)
            .args(path)
            .env("XDG_DATA_HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .env("RUST_LOG", "millstream_ide=info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let stderr = process.stderr.take();
        let (said, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = stderr.into_iter().flat_map(|it| BufReader::new(it).lines());
            for line in lines.map_while(Result::ok) {
                if said.send((Instant::now(), line)).is_err() {
                    break;
                }
            }
        });
        let mut window = Self {
            process,
            shown: Duration::ZERO,
            compiled: Duration::ZERO,
            _home: home,
        };
        let mut heard = String::new();
        while window.shown.is_zero() || window.compiled.is_zero() {
            let Ok((at, line)) = lines.recv_timeout(LONGEST) else {
                return Err(format!("the editor did not come up; it said: {heard}"));
            };
            if line.contains("the window is usable") {
                window.shown = at - begun;
            } else if line.contains("the document is compiled") {
                window.compiled = at - begun;
            }
            heard += &line;
            heard.push('\n');
        }
        Ok(window)
    }

    /// How long its threads have worked so far.
    fn processor_ms(&self) -> Result<u64, String> {
        let file = format!("/proc/{}/stat", self.process.id());
        let stat = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        // The name in brackets may hold blanks; fields are counted behind it.
        let behind = stat.rsplit(')').next().unwrap_or_default();
        let ticks = behind.split_whitespace().skip(11).take(2);
        let ticks: Vec<u64> = ticks.filter_map(|field| field.parse().ok()).collect();
        match ticks.as_slice() {
            [user, system] => Ok((user + system) * TICK_MS),
            _ => Err(format!("{file} is of another form")),
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
