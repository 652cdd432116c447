use tancho::prelude::*;

fn main() {
    function(|x: Tensor| x.rank());
}
