//! Computed places, with those that lie outside; sorting.

use tancho_tensor::{Array, Element};

use super::{array, check_text, vector};

#[track_caller]
fn check_one(parameters: &str, op: &str, result: &str, arguments: &[Array], expected: Array) {
    let bodies = "
        func @add(%x: i32[], %y: i32[]) -> i32[] { %0 = add %x, %y : i32[] return %0 }
        func @last(%x: i32[], %y: i32[]) -> i32[] { return %y }
        func @digits(%x: i32[], %y: i32[]) -> i32[] {
          %0 = constant 10 : i32[]
          %1 = multiply %x, %0 : i32[]
          %2 = add %1, %y : i32[]
          return %2
        }";
    let text = format!("{bodies} func @f({parameters}) -> {result} {{ %0 = {op} : {result} return %0 }}");
    check_text(&text, arguments, &[expected]);
}

fn counted<const RANK: usize>(shape: [usize; RANK]) -> Array {
    array(shape, &(0..shape.iter().product::<usize>() as i32).collect::<Vec<_>>())
}

#[test]
fn gathers_take_rows_columns_and_windows() {
    // Rows; indices outside are clamped.
    check_one(
        "%x: i32[3, 4], %i: i64[?n]",
        "gather %x, %i, offset_dims=[1], collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1,
         slice_sizes=[1, 4]",
        "i32[?n, 4]",
        &[counted([3, 4]), vector(&[2i64, 0, 99, i64::MIN])],
        array([4, 4], &[8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3]),
    );
    // Columns, with the offset axis first.
    check_one(
        "%x: i32[3, 4], %i: i32[2]",
        "gather %x, %i, offset_dims=[0], collapsed_slice_dims=[1], start_index_map=[1], index_vector_dim=1,
         slice_sizes=[3, 1]",
        "i32[3, 2]",
        &[counted([3, 4]), vector(&[3i32, 1])],
        array([3, 2], &[3, 1, 7, 5, 11, 9]),
    );
    // Windows at (row, column), the vectors along the first axis of the indices; a start is clamped for the whole window.
    check_one(
        "%x: i32[3, 4], %i: u8[2, 2]",
        "gather %x, %i, offset_dims=[1, 2], start_index_map=[0, 1], index_vector_dim=0, slice_sizes=[2, 2]",
        "i32[2, 2, 2]",
        &[counted([3, 4]), array([2, 2], &[0u8, 255, 1, 3])],
        array([2, 2, 2], &[1, 2, 5, 6, 6, 7, 10, 11]),
    );
    // An index vector that is a scalar, and one without elements.
    check_one(
        "%x: i32[5], %i: i32[]",
        "gather %x, %i, offset_dims=[0], start_index_map=[0], index_vector_dim=0, slice_sizes=[2]",
        "i32[2]",
        &[counted([5]), Array::scalar(2i32)],
        vector(&[2, 3]),
    );
    check_one(
        "%x: i32[5], %i: i32[2, 0]",
        "gather %x, %i, offset_dims=[1], index_vector_dim=1, slice_sizes=[2]",
        "i32[2, 2]",
        &[counted([5]), array::<i32, 2>([2, 0], &[])],
        array([2, 2], &[0, 1, 0, 1]),
    );
}

#[test]
fn gathers_have_batches() {
    // For each batch, the element at a place of its own; the batch is the last axis of the operand.
    check_one(
        "%x: i32[4, 3], %i: i32[3, 2]",
        "gather %x, %i, collapsed_slice_dims=[0], operand_batching_dims=[1], start_indices_batching_dims=[0],
         start_index_map=[0], index_vector_dim=2, slice_sizes=[1, 1]",
        "i32[3, 2]",
        &[counted([4, 3]), array([3, 2], &[0i32, 3, 1, 1, 2, 9])],
        array([3, 2], &[0, 9, 4, 4, 8, 11]),
    );
    // A collapsed slice of no elements reads nothing.
    check_one(
        "%x: i32[0], %i: i32[2]",
        "gather %x, %i, collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1, slice_sizes=[0]",
        "i32[2]",
        &[vector::<i32>(&[]), vector(&[0i32, 1])],
        vector(&[0i32, 0]),
    );
}

#[test]
fn scatters_fold_in_order_and_drop_what_is_outside() {
    let rows = |body: &str| {
        format!(
            "scatter %x, %i, %u, update_window_dims=[1], inserted_window_dims=[0], scatter_dims_to_operand_dims=[0],
             index_vector_dim=1, body=@{body}"
        )
    };
    let check = |body: &str, expected: [i32; 6]| {
        check_one(
            "%x: i32[3, 2], %i: i32[4], %u: i32[4, 2]",
            &rows(body),
            "i32[3, 2]",
            &[counted([3, 2]), vector(&[1i32, 3, 1, -1]), array([4, 2], &[7, 8, 9, 9, 5, 6, 9, 9])],
            array([3, 2], &expected),
        );
    };
    check("add", [0, 1, 14, 17, 4, 5]);
    check("digits", [0, 1, 275, 386, 4, 5]);
    check("last", [0, 1, 5, 6, 4, 5]);
    // A window across the end loses its last elements.
    check_one(
        "%x: i32[5], %i: i64[], %u: i32[3]",
        "scatter %x, %i, %u, update_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=0, body=@add",
        "i32[5]",
        &[counted([5]), Array::scalar(3i64), vector(&[10, 20, 30])],
        vector(&[0, 1, 2, 13, 24]),
    );
    // Batches.
    check_one(
        "%x: i32[2, 3], %i: u8[2, 2], %u: i32[2, 2]",
        "scatter %x, %i, %u, inserted_window_dims=[1], input_batching_dims=[0], scatter_indices_batching_dims=[0],
         scatter_dims_to_operand_dims=[1], index_vector_dim=2, body=@digits",
        "i32[2, 3]",
        &[counted([2, 3]), array([2, 2], &[1u8, 1, 0, 200]), array([2, 2], &[7, 8, 9, 6])],
        array([2, 3], &[0, 178, 2, 39, 4, 5]),
    );
}

#[test]
fn scatters_take_several_operands() {
    let text = "
        func @swap(%x: f32[], %i: i32[], %y: f32[], %j: i32[]) -> (f32[], i32[]) {
          %0 = convert %j : f32[]
          %1 = convert %y : i32[]
          %2 = add %0, %x : f32[]
          %3 = subtract %1, %i : i32[]
          return %2, %3
        }
        func @f(%x: f32[3], %n: i32[3], %i: i32[2], %y: f32[2], %m: i32[2]) -> (f32[3], i32[3]) {
          %0:2 = scatter %x, %n, %i, %y, %m, inserted_window_dims=[0], scatter_dims_to_operand_dims=[0],
                 index_vector_dim=1, body=@swap : (f32[3], i32[3])
          return %0#0, %0#1
        }";
    let arguments = [
        vector(&[0.5f32, 1.5, 2.5]),
        vector(&[1i32, 2, 3]),
        vector(&[2i32, 0]),
        vector(&[7.0f32, 8.0]),
        vector(&[10i32, 20]),
    ];
    check_text(text, &arguments, &[vector(&[20.5f32, 1.5, 12.5]), vector(&[7i32, 2, 4])]);
}

#[test]
fn dynamic_slices_stay_within_the_operand() {
    let slice = |row: i32, column: i32, expected: [i32; 4]| {
        check_one(
            "%x: i32[3, 4], %i: i32[], %j: i32[]",
            "dynamic_slice %x, %i, %j, sizes=[2, 2]",
            "i32[2, 2]",
            &[counted([3, 4]), Array::scalar(row), Array::scalar(column)],
            array([2, 2], &expected),
        );
    };
    slice(1, 1, [5, 6, 9, 10]);
    slice(-5, i32::MAX, [2, 3, 6, 7]);
    slice(2, i32::MIN, [4, 5, 8, 9]);
    let update = |start: u64, expected: [i32; 4]| {
        check_one(
            "%x: i32[4], %u: i32[2], %i: u64[]",
            "dynamic_update_slice %x, %u, %i",
            "i32[4]",
            &[counted([4]), vector(&[8, 9]), Array::scalar(start)],
            vector(&expected),
        );
    };
    update(0, [8, 9, 2, 3]);
    update(1, [0, 8, 9, 3]);
    update(u64::MAX, [0, 1, 8, 9]);
}

const COMPARATORS: &str = "
    func @less(%x: i32[], %y: i32[], %i: i32[], %j: i32[]) -> bool[] {
      %0 = compare %x, %y, lt : bool[]
      return %0
    }
    func @always(%x: i32[], %y: i32[], %i: i32[], %j: i32[]) -> bool[] { %0 = constant true : bool[] return %0 }
    func @never(%x: i32[], %y: i32[], %i: i32[], %j: i32[]) -> bool[] { %0 = constant false : bool[] return %0 }
    func @odd(%x: i32[], %y: i32[], %i: i32[], %j: i32[]) -> bool[] {
      %0 = xor %i, %j : i32[]
      %1 = popcnt %0 : i32[]
      %2 = constant 1 : i32[]
      %3 = and %1, %2 : i32[]
      %4 = convert %3 : bool[]
      return %4
    }";

fn sort(comparator: &str, axis: usize) -> String {
    format!(
        "{COMPARATORS} func @f(%x: i32[?n, ?m], %i: i32[?n, ?m]) -> (i32[?n, ?m], i32[?n, ?m]) {{
           %0:2 = sort %x, %i, axis={axis}, comparator=@{comparator} : (i32[?n, ?m], i32[?n, ?m])
           return %0#0, %0#1
         }}"
    )
}

#[test]
fn sorting_is_stable() {
    let (x, i) = (array([2, 5], &[3, 1, 2, 1, 3, 0, 0, -1, 5, 0]), counted([2, 5]));
    let sorted = array([2, 5], &[1, 1, 2, 3, 3, -1, 0, 0, 0, 5]);
    let places = array([2, 5], &[1, 3, 2, 0, 4, 7, 5, 6, 9, 8]);
    check_text(&sort("less", 1), &[x.clone(), i.clone()], &[sorted, places]);
    let sorted = array([2, 5], &[0, 0, -1, 1, 0, 3, 1, 2, 5, 3]);
    let places = array([2, 5], &[5, 6, 7, 3, 9, 0, 1, 2, 8, 4]);
    check_text(&sort("less", 0), &[x.clone(), i.clone()], &[sorted, places]);
    check_text(&sort("never", 1), &[x.clone(), i.clone()], &[x, i]);
}

#[test]
fn a_comparator_without_an_order_gives_some_permutation() {
    let x = counted([1, 1000]);
    for comparator in ["always", "odd"] {
        let graph = tancho_ir::parse(&sort(comparator, 1), "test").unwrap();
        let sorted = tancho_interp::interpret(&graph, &[x.clone(), x.clone()]).unwrap();
        let mut elements = sorted[0].elements::<i32>().unwrap().to_vec();
        elements.sort_unstable();
        assert_eq!(elements, (0..1000).collect::<Vec<_>>());
    }
}

#[track_caller]
fn check_top<T: Element, const K: usize>(x: &[T], values: [T; K], places: [i32; K]) {
    let of = T::DTYPE;
    let text = format!(
        "func @f(%x: {of}[1, ?n]) -> ({of}[1, {K}], i32[1, {K}]) {{
           %0:2 = top_k %x, k={K} : ({of}[1, {K}], i32[1, {K}])
           return %0#0, %0#1
         }}"
    );
    check_text(&text, &[array([1, x.len()], x)], &[array([1, K], &values), array([1, K], &places)]);
}

#[test]
fn the_largest_come_first() {
    check_top(&[3i32, 7, -1, 7, i32::MIN], [7, 7, 3], [1, 3, 0]);
    check_top(&[1u8, 255, 0], [255, 1, 0], [1, 0, 2]);
    check_top(&[false, true, true], [true, true], [1, 2]);
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    check_top(&[-0.0, INF, NAN, 0.0, -INF, -NAN], [NAN, NAN, INF, 0.0, -0.0, -INF], [2, 5, 1, 3, 0, 4]);
    check_top(&[1.0f64], [], []);
}
