//! Weights, checkpoints and model folders: what is saved comes back bit for bit, and what is damaged is an error.

extern crate tancho_nn as tancho;

use std::fs;
use std::path::Path;

use tancho_core::random::{self, Generator};
use tancho_core::{DType, Program, Result, Tensor, Variable, function, relu, spec, tensor};
use tancho_nn::files::{LoadModel, SaveModel, save_model};
use tancho_nn::{Checkpoint, CheckpointManager, Dense, Layer, Mode, Module, SaveWeights, Sgd};

#[derive(Module)]
struct Model {
    dense1: Dense,
    dense2: Dense,
}

impl Model {
    fn new(units: usize) -> Self {
        Model { dense1: Dense::new(units).activation(relu), dense2: Dense::new(2) }
    }

    fn built(units: usize, inputs: usize) -> Self {
        let model = Model::new(units);
        model.call(&Tensor::from_vec([1, inputs], vec![1.0f32; inputs]), Mode::Eval);
        model
    }
}

impl Layer for Model {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.dense2.call(&self.dense1.call(x, mode), mode)
    }
}

fn bits(module: &impl Module) -> Result<Vec<Vec<u8>>> {
    module.variables().iter().map(|variable| Ok(variable.array()?.buffer().bytes().to_vec())).collect()
}

/// The error says each of these, at a line of this file, and nothing has changed.
#[track_caller]
fn check_error<T>(result: Result<T>, expected: &[&str]) {
    let Err(error) = result else { panic!("there is no error") };
    let text = error.to_string();
    for part in expected {
        assert!(text.contains(part), "{text}\ndoes not say\n{part}");
    }
    assert!(text.contains("tests/files.rs:"), "{text}");
}

#[test]
fn weights_come_back_bit_for_bit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("new/weights.safetensors");
    let (saved, loaded) = (Model::built(3, 4), Model::built(3, 4));
    saved.dense1.variables()[1].assign([f32::NAN, -0.0, 1e-42])?;
    saved.save_weights(&path)?;
    assert_ne!(bits(&saved)?, bits(&loaded)?);
    loaded.load_weights(&path)?;
    assert_eq!(bits(&saved)?, bits(&loaded)?);
    let arrays = tancho_formats::read_safetensors(&path).unwrap();
    let names: Vec<&String> = arrays.keys().collect();
    assert_eq!(names, ["dense1.bias", "dense1.kernel", "dense2.bias", "dense2.kernel"]);
    Ok(())
}

#[test]
fn all_that_does_not_fit_is_said_at_once_and_nothing_changes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("weights");
    let model = Model::built(3, 4);
    check_error(Model::new(3).save_weights(&path), &["no variables to save", "not built yet"]);
    assert!(!path.exists());

    let mut arrays = std::collections::BTreeMap::new();
    let mut put = |name: &str, of: Tensor| arrays.insert(name.to_owned(), of.array().unwrap());
    put("dense1.bias", tensor([1.0f32, 2.0, 3.0]));
    put("dense1.kernel", tensor([[1.0f32, 2.0]]));
    put("dense2.bias", tensor([1.0f64, 2.0]));
    put("dense3.kernel", tensor([1i8]));
    put("dense4", tensor(true));
    tancho_formats::write_safetensors(&path, &arrays).unwrap();
    let before = bits(&model)?;
    check_error(
        model.load_weights(&path),
        &[
            "does not fit the variables: missing in the file: dense2.kernel f32[3, 2]; ",
            "of another type: dense1.kernel is f32[4, 3], but the file has f32[1, 2], ",
            "dense2.bias is f32[2], but the file has f64[2]; ",
            "without a variable: dense3.kernel i8[1], dense4 bool[]",
        ],
    );
    assert_eq!(bits(&model)?, before);
    check_error(Model::new(3).load_weights(&path), &["layers that are not built yet have no variables"]);
    check_error(model.load_weights(folder.path().join("none")), &["cannot read", "none"]);

    // Weights of other programs have no seal; a checkpoint must.
    put_all(&model, &path)?;
    model.load_weights(&path)?;
    check_error(Checkpoint::new(&model).restore(&path), &["\"tancho.checkpoint\""]);
    Ok(())
}

fn put_all(model: &impl Module, path: &Path) -> Result<()> {
    let mut arrays = std::collections::BTreeMap::new();
    for named in model.named_variables() {
        arrays.insert(named.name, named.variable.array()?);
    }
    tancho_formats::write_safetensors(path, &arrays).unwrap();
    Ok(())
}

#[test]
fn a_checkpoint_has_several_modules_and_generators() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ckpt");
    let (model, sgd, noise) = (Model::built(3, 4), Sgd::new(0.5), Generator::new(1));
    let pair = (Variable::new(1i64), Variable::new(true));
    let checkpoint = Checkpoint::new(&model).with("optimizer", &sgd).with("noise", &noise).with("pair", &pair);
    checkpoint.save(&path)?;
    let draw = || random::normal([5], &noise).to_vec::<f32>();
    let first = draw()?;
    let before = bits(&model)?;
    model.variables()[0].assign_add(1.0)?;
    pair.0.assign(5)?;
    assert_ne!(draw()?, first);
    checkpoint.restore(&path)?;
    assert_eq!(draw()?, first);
    assert_eq!(bits(&model)?, before);
    assert_eq!(pair.0.item::<i64>()?, 1);

    let names: Vec<String> = checkpoint.named_variables().into_iter().map(|named| named.name).collect();
    let expected = ["optimizer.iteration", "optimizer.learning_rate", "noise", "pair[0]", "pair[1]"];
    assert_eq!(names[4..], expected);
    check_error(
        Checkpoint::new(&model).with("x", &sgd).restore(&path),
        &["missing in the file: x.iteration i64[], x.learning_rate f32[]", "without a variable: noise u64[2], "],
    );
    // The same variable in two modules is one entry; two under one name are an error.
    assert_eq!(Checkpoint::new(&model).with("again", &model).named_variables().len(), 4);
    let (a, b) = (Variable::new(1), Variable::new(2));
    check_error(Checkpoint::new(&a).with("model", &b).save(&path), &["two variables are called model"]);
    Ok(())
}

#[test]
fn a_changed_byte_is_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, broken) = (folder.path().join("ckpt"), folder.path().join("broken"));
    let pair = (Variable::new([1.0f32, 2.0]), Variable::new([1i64, 2]));
    let checkpoint = Checkpoint::new(&pair);
    checkpoint.save(&path)?;
    let bytes = fs::read(&path)?;
    for place in 0..bytes.len() {
        for bit in [0, 3, 5, 7] {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            fs::write(&broken, &changed)?;
            assert!(checkpoint.restore(&broken).is_err(), "byte {place}, bit {bit}: {}", changed.escape_ascii());
        }
    }
    for length in 0..bytes.len() {
        fs::write(&broken, &bytes[..length])?;
        assert!(checkpoint.restore(&broken).is_err(), "{length} bytes");
    }
    // A header that claims to be huge.
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend(&bytes[8..]);
    fs::write(&broken, huge)?;
    check_error(checkpoint.restore(&broken), &["broken, byte 0: expected a header of at most"]);
    checkpoint.restore(&path)
}

#[test]
fn a_manager_keeps_the_last_ones_and_finds_the_newest_that_is_whole() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().join("checkpoints");
    let value = Variable::new(0i64);
    let manager = CheckpointManager::new(&Checkpoint::new(&value), &folder, 3);
    assert_eq!(manager.restore_latest()?, None);
    assert_eq!(manager.restore_or_initialize(|| value.assign(7))?, None);
    assert_eq!(value.item::<i64>()?, 7);
    for number in [2, 5, 9, 12, 1_000_000] {
        value.assign(number as i64)?;
        manager.save(number)?;
    }
    assert_eq!(manager.numbers()?, [9, 12, 1_000_000]);
    assert!(folder.join("ckpt-000012.safetensors").exists());
    assert!(folder.join("ckpt-1000000.safetensors").exists());
    value.assign(0)?;
    assert_eq!(manager.restore_or_initialize(|| Ok(()))?, Some(1_000_000));
    assert_eq!(value.item::<i64>()?, 1_000_000);
    check_error(manager.save(13), &["checkpoint 13 would be older than ", "ckpt-1000000.safetensors"]);

    // The newest is cut off, the next is empty, and there are other things in the folder.
    let newest = fs::read(manager.path(1_000_000))?;
    fs::write(manager.path(1_000_000), &newest[..newest.len() - 1])?;
    fs::write(manager.path(12), "")?;
    fs::write(folder.join("ckpt-13.safetensors"), "")?;
    fs::write(folder.join("notes.txt"), "")?;
    fs::write(folder.join(".ckpt-000014.safetensors.saving-1-0"), "")?;
    fs::create_dir(folder.join("ckpt-2000000.safetensors"))?;
    assert_eq!(manager.latest()?, Some(9));
    assert_eq!(manager.restore_latest()?, Some(9));
    assert_eq!(value.item::<i64>()?, 9);
    check_error(manager.restore(12), &["ckpt-000012.safetensors"]);

    // Training goes on before the damaged ones, which do not push out what is whole.
    manager.save(10)?;
    assert_eq!(manager.latest()?, Some(10));
    assert!(!folder.join(".ckpt-000014.safetensors.saving-1-0").exists());
    assert!(folder.join("notes.txt").exists());
    manager.save(12)?;
    assert_eq!(manager.latest()?, Some(12));

    // What is whole but does not fit is an error, not left out.
    let other = Variable::new(0.0f32);
    let manager = CheckpointManager::new(&Checkpoint::new(&other), &folder, 0);
    check_error(manager.restore_latest(), &["model is f32[], but the file has i64[]"]);
    Ok(())
}

#[test]
fn nothing_is_left_behind_where_a_file_cannot_be_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let value = Variable::new(1);
    fs::create_dir_all(folder.path().join("taken/by"))?;
    check_error(Checkpoint::new(&value).save(folder.path().join("taken")), &["cannot write", "taken"]);
    let names: Vec<_> = fs::read_dir(folder.path())?.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["taken"]);
    check_error(Checkpoint::new(&value).save("/"), &["cannot write /: the path does not end with the name of a file"]);
    Ok(())
}

#[test]
fn variables_have_no_values_to_save_while_a_function_is_traced() {
    let value = Variable::new(1.0f32);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ckpt");
    let saves = function(|x: Tensor| Checkpoint::new(&value).save(&path).map(|()| x));
    check_error(saves.call(tensor(1.0f32)), &["model: array: ", "has no value until the traced function is called"]);
    assert!(!path.exists());
}

#[test]
fn a_layer_runs_without_the_code_that_made_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("my_model");
    let model = Model::built(50, 4);
    let x = random::normal([7, 4], random::Seed(1));
    let expected = model.call(&x, Mode::Eval);
    model.save(&path, spec(DType::F32, [None, Some(4)]))?;
    model.variables()[0].assign_add(1.0)?;
    drop(model);

    let program = Program::load(&path)?;
    assert_eq!(program.signature().to_string(), "model(x: f32[?n, 4]) -> f32[?n, 2]");
    assert!(program.call(&[x])?[0].array()?.same_bits(&expected.array()?));
    let weights = tancho_formats::read_safetensors(path.join("weights.safetensors")).unwrap();
    assert_eq!(weights.keys().collect::<Vec<_>>(), ["dense1.kernel", "dense2.kernel"], "short ones are in the text");

    // A layer that is not built is built, and a model is replaced by another.
    Model::new(60).save(&path, spec(DType::F32, [None, Some(4)]))?;
    assert_eq!(Program::load(&path)?.outputs().count(), 1);
    let unknown = Model::new(6).save(&path, spec(DType::F32, [None])).map_err(|error| error.to_string());
    assert!(unknown.is_err_and(|text| text.contains("must be known where the layer is built")));
    check_error(Program::load(folder.path()), &["program.ir"]);
    Ok(())
}

#[test]
fn signatures_share_their_weights() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("models");
    let model = Model::built(50, 4);
    let count = Variable::new(0i64).not_trainable();
    let predict = function(|x: Tensor| {
        count.assign_add(1)?;
        Ok(model.call(&x, Mode::Eval))
    })
    .with_name("predict");
    let hidden = function(|x: Tensor| {
        let y = model.dense1.call(&x, Mode::Eval);
        (y.sum(-1), y)
    });
    let predict = predict.concrete(spec(DType::F32, [None, Some(4)]))?;
    let hidden = hidden.concrete(spec(DType::F32, [3, 4]))?;
    save_model(&path, &[("predict", &predict), ("hidden", &hidden)])?;
    let x = random::normal([3, 4], random::Seed(1));

    let loaded = Program::load(&path)?;
    assert_eq!(loaded.call(std::slice::from_ref(&x))?.len(), 1, "what is assigned is no result");
    assert!(loaded.call(std::slice::from_ref(&x))?[0].array()?.same_bits(&model.call(&x, Mode::Eval).array()?));
    assert_eq!(count.item::<i64>()?, 0, "the counter is frozen");
    let loaded = Program::load_signature(&path, "hidden")?;
    let results = loaded.call(std::slice::from_ref(&x))?;
    assert!(results[1].array()?.same_bits(&model.dense1.call(&x, Mode::Eval).array()?));
    assert_eq!(Program::load_signature(&path, "predict")?.name(), "predict");

    let weights = tancho_formats::read_safetensors(path.join("weights.safetensors")).unwrap();
    assert_eq!(weights.len(), 2, "each is stored once: {:?}", weights.keys());
    assert!(!path.join("hidden/weights.safetensors").exists());
    check_error(Program::load_signature(&path, "score"), &["score", "hidden"]);
    check_error(save_model(&path, &[("a/b", &predict)]), &["\"a/b\""]);
    check_error(save_model(&path, &[("a", &predict), ("a", &hidden)]), &["twice"]);
    check_error(save_model(&path, &[]), &["no signature"]);
    // The model is what it was, and is replaced by one with fewer signatures.
    assert_eq!(Program::load(&path)?.name(), "predict");
    save_model(&path, &[("only", &predict)])?;
    assert!(!path.join("hidden").exists());
    Ok(())
}
