//! Training that is killed at any moment: the newest checkpoint that is whole loads, and training that goes on from it ends
//! with the bits of a run that was never stopped.
//!
//! The test starts its own binary as a child that trains, waits until the child has saved so many checkpoints, and kills it
//! (SIGKILL) a pseudo-random moment later, which is often in the midst of a file.

extern crate tancho_nn as tancho;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tancho_core::random::{self, Generator};
use tancho_core::{DType, Function, GradientTape, Result, Tensor, Variable, function, linspace, relu, zeros};
use tancho_nn::{Checkpoint, CheckpointManager, Dense, Layer, Mode, Module, losses, set_seed};

const FOLDER: &str = "TANCHO_KILL_FOLDER";
const STEPS: u64 = 600;
const SAVE_EVERY: u64 = 3;

#[derive(Module)]
struct Model {
    hidden: Dense,
    output: Dense,
    noise: Generator,
}

/// Gradient descent with momentum; its slots are made in its first step.
#[derive(Module)]
struct Momentum {
    slots: tancho_nn::Build<Vec<Variable>>,
    steps: Variable,
}

struct Training {
    model: Model,
    optimizer: Momentum,
    x: Tensor,
    y: Tensor,
}

impl Training {
    fn new() -> Self {
        set_seed(7);
        let x = linspace(-2.0f32, 2.0, 96).reshape([96, 1]);
        let y = x.square() + 2.0 * &x - 5.0;
        let hidden = Dense::new(32).activation(relu);
        let model = Model { hidden, output: Dense::new(1), noise: Generator::new(3) };
        let optimizer = Momentum { slots: Default::default(), steps: Variable::new(0i64).not_trainable() };
        Training { model, optimizer, x, y }
    }

    fn step(&self) -> Function<'_, (Tensor, Tensor), Tensor> {
        function(|x: Tensor, y: Tensor| {
            let tape = GradientTape::new();
            let x = &x + 0.01 * random::normal([96, 1], &self.model.noise);
            let prediction = self.model.output.call(&self.model.hidden.call(&x, Mode::Train), Mode::Train);
            let loss = losses::mse(&y, &prediction).mean(..);
            let variables = self.model.trainable_variables();
            let gradients = tape.gradient(&loss, &variables);
            let slots = self.optimizer.slots.get_or_make(|| {
                Ok(variables
                    .iter()
                    .map(|variable| Variable::new(zeros(DType::F32, variable.shape())).not_trainable())
                    .collect())
            })?;
            for ((variable, gradient), slot) in variables.iter().zip(&gradients).zip(slots) {
                slot.assign(0.9 * slot.read() + gradient)?;
                variable.assign_sub(0.001 * slot.read())?;
            }
            self.optimizer.steps.assign_add(1i64)?;
            Ok(loss)
        })
    }

    /// Trains to the end, from the newest checkpoint where there is one; gives the number that it began after.
    fn run(&self, folder: &Path) -> Result<Option<u64>> {
        let checkpoint = Checkpoint::new(&self.model).with("optimizer", &self.optimizer);
        let manager = CheckpointManager::new(&checkpoint, folder, 3);
        let step = self.step();
        let restored = manager.restore_or_initialize(|| step.concrete((&self.x, &self.y)).map(drop))?;
        for number in restored.map_or(0, |number| number + 1)..STEPS {
            step.call((&self.x, &self.y))?;
            if number % SAVE_EVERY == 0 {
                manager.save(number)?;
            }
        }
        Ok(restored)
    }

    /// The bytes of all variables.
    fn bits(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let checkpoint = Checkpoint::new(&self.model).with("optimizer", &self.optimizer);
        let variables = checkpoint.named_variables().into_iter();
        variables.map(|named| Ok((named.name, named.variable.array()?.buffer().bytes().to_vec()))).collect()
    }
}

/// What the child does; nothing in other runs of the tests.
#[test]
fn child() -> Result<()> {
    match std::env::var_os(FOLDER) {
        Some(folder) => Training::new().run(Path::new(&folder)).map(drop),
        None => Ok(()),
    }
}

/// Ends the child where the test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The numbers of the files in the folder.
fn newest(folder: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().ok();
    entries.filter_map(name).filter_map(|name| name.strip_prefix("ckpt-")?.get(..6)?.parse().ok()).max()
}

/// Kills a child some time after it has saved the checkpoint of a number; gives the newest one that was there before.
fn kill_behind(folder: &Path, number: u64, delay: Duration) -> Result<Option<u64>> {
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--exact", "child"]).env(FOLDER, folder).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = Killed(child.spawn()?);
    let begin = Instant::now();
    while newest(folder).is_none_or(|newest| newest < number) {
        // A child that has come to its end cannot be killed; the rest of the test holds nonetheless.
        if child.0.try_wait()?.is_some() || begin.elapsed() > Duration::from_secs(120) {
            break;
        }
        sleep(Duration::from_micros(200));
    }
    sleep(delay);
    let before = newest(folder);
    drop(child);
    Ok(before)
}

#[test]
fn training_that_is_killed_goes_on_as_if_it_was_not() -> Result<()> {
    let whole = tempfile::tempdir()?;
    let reference = Training::new();
    assert_eq!(reference.run(whole.path())?, None);
    let expected = reference.bits()?;
    assert!(expected.iter().any(|(name, _)| name == "optimizer.slots[0]"), "the slots are saved");
    assert!(expected.iter().any(|(name, _)| name == "model.noise"), "the generator is saved");

    let n_kills = if std::env::var_os("TANCHO_SWEEP").is_some() { 20 } else { 3 };
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |end: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % end
    };
    for round in 0..n_kills {
        let folder = tempfile::tempdir()?;
        // Some are killed twice, the second time after they were restored.
        let first = random(STEPS * 3 / 4);
        let mut before = kill_behind(folder.path(), first, Duration::from_micros(random(6000)))?;
        if round % 3 == 2 {
            let second = first + 30 + random(STEPS / 8);
            before = kill_behind(folder.path(), second, Duration::from_micros(random(6000)))?;
        }
        let training = Training::new();
        let restored = training.run(folder.path())?;
        assert!(restored >= before, "round {round}: {restored:?} was restored, but {before:?} had been saved");
        assert!(training.bits()? == expected, "round {round}: restored after step {restored:?}, the end differs");
    }
    Ok(())
}
