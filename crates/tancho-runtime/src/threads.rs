//! A small pool of threads that runs the tiles of one step at a time.
//!
//! The caller publishes a job, takes tiles itself, and returns when every tile is done. Workers spin for a short while after
//! a job, since the next step follows soon in a running program, and then sleep. A call that finds the pool busy (another
//! thread's call, or a call from within a tile) runs its tiles alone, so that nothing ever waits for a free worker.

#![allow(unsafe_code)]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use tancho_codegen::Workers;

/// How long a worker looks for the next job before it sleeps.
const SPIN: Duration = Duration::from_micros(60);

/// The number of threads that a call may use, the caller's included; 0 until it is asked for.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets the number of threads that a call may use from now on, the caller's included; at least 1.
pub fn set_threads(threads: usize) {
    THREADS.store(threads.max(1), Ordering::Relaxed);
}

/// The number of threads that a call may use: what [`set_threads`] said, else the environment's `TANCHO_THREADS`, else the
/// number of processors.
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let asked = std::env::var("TANCHO_THREADS").ok().and_then(|text| text.parse::<usize>().ok());
            let threads = asked.or_else(|| thread::available_parallelism().ok().map(usize::from)).unwrap_or(1).max(1);
            // Whoever set a number meanwhile is right.
            let _ = THREADS.compare_exchange(0, threads, Ordering::Relaxed, Ordering::Relaxed);
            THREADS.load(Ordering::Relaxed)
        }
        threads => threads,
    }
}

/// The process's pool as the workers of one call.
#[derive(Clone, Copy)]
pub(crate) struct PoolWorkers {
    threads: usize,
}

impl PoolWorkers {
    pub fn new() -> Self {
        PoolWorkers { threads: threads() }
    }
}

impl Workers for PoolWorkers {
    fn count(&self) -> usize {
        self.threads
    }

    fn run(&self, tiles: usize, task: &(dyn Fn(usize, usize) + Sync)) {
        let helpers = (self.threads - 1).min(tiles.saturating_sub(1));
        if helpers == 0 {
            return (0..tiles).for_each(|tile| task(tile, 0));
        }
        match pool().busy.try_lock() {
            Ok(guard) => run_together(guard, helpers, tiles, task),
            Err(TryLockError::Poisoned(poisoned)) => run_together(poisoned.into_inner(), helpers, tiles, task),
            Err(TryLockError::WouldBlock) => (0..tiles).for_each(|tile| task(tile, 0)),
        }
    }
}

/// One step's tiles.
struct Job {
    /// Valid until `done` has counted every tile.
    task: *const (dyn Fn(usize, usize) + Sync),
    tiles: usize,
    /// The next tile that nobody has taken.
    next: AtomicUsize,
    done: AtomicUsize,
    /// How many more helpers may join, and the number that the next one gets.
    helpers: AtomicUsize,
    panicked: AtomicBool,
}

// SAFETY: the task is `Sync`, and `Job::work` dereferences it only for a tile that it has taken and not yet counted as done,
// while the caller waits in `run_together` for all of them.
unsafe impl Send for Job {}
// SAFETY: as above; all else is atomic.
unsafe impl Sync for Job {}

impl Job {
    /// Takes and runs tiles until none is left.
    fn work(&self, worker: usize) {
        loop {
            let tile = self.next.fetch_add(1, Ordering::Relaxed);
            if tile >= self.tiles {
                return;
            }
            let counted = Counted(self);
            // SAFETY: the tile is not counted as done, so the caller still waits and the task lives.
            unsafe { (*self.task)(tile, worker) };
            drop(counted);
        }
    }
}

/// Counts a tile as done, also when it unwinds, so that the caller does not wait for ever.
struct Counted<'a>(&'a Job);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.panicked.store(true, Ordering::Relaxed);
        }
        self.0.done.fetch_add(1, Ordering::Release);
    }
}

struct Pool {
    /// Held by the call that uses the pool.
    busy: Mutex<Started>,
    shared: Arc<Shared>,
}

/// The number of threads that were started.
struct Started(usize);

struct Shared {
    /// Changes with each job.
    epoch: AtomicUsize,
    job: Mutex<Option<Arc<Job>>>,
    sleeping: AtomicUsize,
    wake: Condvar,
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool {
        busy: Mutex::new(Started(0)),
        shared: Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            job: Mutex::new(None),
            sleeping: AtomicUsize::new(0),
            wake: Condvar::new(),
        }),
    })
}

fn run_together(
    mut started: MutexGuard<'_, Started>,
    helpers: usize,
    tiles: usize,
    task: &(dyn Fn(usize, usize) + Sync),
) {
    let shared = &pool().shared;
    while started.0 < helpers {
        let shared = shared.clone();
        if thread::Builder::new().name("tancho".into()).spawn(move || help(&shared)).is_err() {
            break;
        }
        started.0 += 1;
    }
    // SAFETY: only the lifetime changes; this function returns after every tile is done, see `Job::work`.
    let task: &'static (dyn Fn(usize, usize) + Sync) = unsafe { std::mem::transmute(task) };
    let job = Arc::new(Job {
        task,
        tiles,
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        helpers: AtomicUsize::new(helpers),
        panicked: AtomicBool::new(false),
    });
    *lock(&shared.job) = Some(job.clone());
    shared.epoch.fetch_add(1, Ordering::SeqCst);
    if shared.sleeping.load(Ordering::SeqCst) > 0 {
        // The lock orders this after a worker's last look at the epoch before it waits.
        drop(lock(&shared.job));
        shared.wake.notify_all();
    }
    job.work(0);
    while job.done.load(Ordering::Acquire) < tiles {
        spin_loop();
    }
    *lock(&shared.job) = None;
    drop(started);
    assert!(!job.panicked.load(Ordering::Relaxed), "a tile panicked on another thread");
}

/// The life of a worker.
fn help(shared: &Shared) {
    let mut seen = 0;
    loop {
        wait_for_change(shared, seen);
        seen = shared.epoch.load(Ordering::SeqCst);
        let job = lock(&shared.job).clone();
        let Some(job) = job else { continue };
        // The caller is worker 0, the helpers are numbered from 1.
        let place = job.helpers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if let Ok(place) = place {
            // A panic in a tile is the caller's to report; the worker lives on.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.work(place)));
        }
    }
}

fn wait_for_change(shared: &Shared, seen: usize) {
    let begin = Instant::now();
    while begin.elapsed() < SPIN {
        for _ in 0..64 {
            if shared.epoch.load(Ordering::Relaxed) != seen {
                return;
            }
            spin_loop();
        }
    }
    let mut guard = lock(&shared.job);
    shared.sleeping.fetch_add(1, Ordering::SeqCst);
    while shared.epoch.load(Ordering::SeqCst) == seen {
        guard = shared.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    shared.sleeping.fetch_sub(1, Ordering::SeqCst);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_runs_once_with_workers_of_its_own() {
        for threads in [1, 2, 5, 8] {
            let workers = PoolWorkers { threads };
            for tiles in [0, 1, 2, 7, 1000] {
                let counts: Vec<AtomicUsize> = (0..tiles).map(|_| AtomicUsize::new(0)).collect();
                let in_use: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
                workers.run(tiles, &|tile, worker| {
                    assert_eq!(in_use[worker].fetch_add(1, Ordering::SeqCst), 0, "a worker runs one tile at a time");
                    counts[tile].fetch_add(1, Ordering::SeqCst);
                    in_use[worker].fetch_sub(1, Ordering::SeqCst);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::SeqCst) == 1));
            }
        }
    }

    #[test]
    fn nested_and_concurrent_runs_finish() {
        let workers = PoolWorkers { threads: 3 };
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        workers.run(8, &|_, _| {
                            workers.run(3, &|_, _| {
                                total.fetch_add(1, Ordering::Relaxed);
                            })
                        });
                    }
                });
            }
        });
        assert_eq!(total.load(Ordering::Relaxed), 4 * 50 * 8 * 3);
    }
}
