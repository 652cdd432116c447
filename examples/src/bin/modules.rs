//! Modules: structs that hold variables. Their values are saved and restored, and their functions run without this program.
use tancho::nn::Dense;
use tancho::nn::files::{Checkpoint, LoadModel, SaveWeights, save_model};
use tancho::prelude::*;
use tancho_examples::plots_folder;

/// A module with one variable, and a traced function that uses it.
#[derive(Tree, Module)]
struct MyModule {
    weight: Variable,
}

impl MyModule {
    fn new(value: i32) -> Self {
        MyModule { weight: Variable::new(value) }
    }

    #[function]
    fn multiply(&self, x: Tensor) -> Tensor {
        x * &self.weight
    }
}

/// Modules of modules: each variable has the path of fields to it as its name.
#[derive(Module)]
struct Classifier {
    hidden: Dense,
    outputs: Vec<Dense>,
}

impl Classifier {
    fn new(units: usize) -> Self {
        Classifier { hidden: Dense::new(units).activation(relu), outputs: vec![Dense::new(2), Dense::new(3)] }
    }
}

impl Layer for Classifier {
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let hidden = self.hidden.call(x, mode);
        concat([self.outputs[0].call(&hidden, mode), self.outputs[1].call(&hidden, mode)], -1)
    }
}

fn main() -> Result<()> {
    let folder = plots_folder();
    std::fs::create_dir_all(&folder).map_err(Error::new)?;

    let module = MyModule::new(3);
    println!("{}", module.multiply(tensor([1, 2, 3]))); //   [3, 6, 9]

    // -- Values: a checkpoint has what the variables hold, and puts it back by name ------------
    let checkpoint = Checkpoint::new(&module);
    checkpoint.save(folder.join("ckpt"))?;
    module.weight.assign(7)?;
    println!("{}", module.multiply(tensor([1, 2, 3]))); //   [7, 14, 21]
    checkpoint.restore(folder.join("ckpt"))?;
    println!("{}", module.multiply(tensor([1, 2, 3]))); //   [3, 6, 9]

    // -- Programs: a folder has the graph too, for vectors of any length ------------------------
    // Whoever loads it needs neither the struct nor the function; `tancho run` does so from a shell.
    let multiply = function(|x: Tensor| &module.weight * x).with_name("multiply");
    let multiply = multiply.concrete(spec(DType::I32, [None]))?;
    save_model(folder.join("saved"), &[("multiply", &multiply)])?;
    let reloaded = Program::load(folder.join("saved"))?;
    println!("{}", reloaded.call(&[tensor([1, 2, 3])])?[0]); //         [3, 6, 9]
    println!("{}", reloaded.call(&[tensor([10, 20, 30, 40])])?[0]); //  [30, 60, 90, 120]

    // -- Layers are modules, which know their sizes from the first call on ---------------------
    let (trained, fresh) = (Classifier::new(4), Classifier::new(4));
    let x = tensor([[0.5f32, -1.0]]);
    let expected = trained.call(&x, Mode::Eval);
    let before = fresh.call(&x, Mode::Eval);
    for named in trained.named_variables() {
        println!("{:18} {}", named.name, named.variable.shape());
    }
    println!("{} numbers, all of them trainable: {}", trained.parameter_count(), is_all_trainable(&trained));

    // Weights go from one model to another by their names, also from and to other programs (safetensors).
    trained.save_weights(folder.join("classifier.safetensors"))?;
    println!("Two models answer alike: {}", is_same(&before, &expected)?);
    fresh.load_weights(folder.join("classifier.safetensors"))?;
    println!("Two models answer alike: {}", is_same(&fresh.call(&x, Mode::Eval), &expected)?);

    // What does not fit is named, and nothing is changed.
    let wider = Classifier::new(5);
    wider.call(&x, Mode::Eval).check()?;
    println!("{}", wider.load_weights(folder.join("classifier.safetensors")).unwrap_err());
    Ok(())
}

fn is_all_trainable(model: &impl Module) -> bool {
    model.non_trainable_variables().is_empty()
}

fn is_same(one: &Tensor, other: &Tensor) -> Result<bool> {
    Ok(one.to_vec::<f32>()? == other.to_vec::<f32>()?)
}
