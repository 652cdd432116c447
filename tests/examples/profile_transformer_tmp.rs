#[path = "../tests/lengths/transformer.rs"]
#[allow(dead_code)]
mod transformer;
use tancho::prelude::*;
use transformer::*;
fn main() {
    let model = Transformer::new(Keep::Constants);
    let f = function(move |x: Tensor| model.apply(x));
    let x = sequence(100);
    let concrete = f.concrete(x.clone()).unwrap();
    if std::env::args().count() > 1 {
        println!("{}", concrete.dump(Stage::Kernels));
        println!("{}", concrete.dump(Stage::Asm));
        return;
    }
    for _ in 0..20 {
        let _ = concrete.call(x.clone()).unwrap();
    }
    let p = concrete.profile(x, 200).unwrap();
    println!("{p}");
}
