// Computed places. Equal bodies are one graph.
func.func @main(%x: tensor<4x3xf32>, %i: tensor<2x1xi32>, %u: tensor<2x3xf32>, %s: tensor<i32>) -> (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<2x2xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x2xi32>) {
  %0 = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 3>}> : (tensor<4x3xf32>, tensor<2x1xi32>) -> tensor<2x3xf32>
  %1 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, unique_indices = true}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %7 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %7 : tensor<f32>
  }) : (tensor<4x3xf32>, tensor<2x1xi32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %2 = "stablehlo.scatter"(%1, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %7 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %7 : tensor<f32>
  }) : (tensor<4x3xf32>, tensor<2x1xi32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %3 = stablehlo.dynamic_slice %x, %s, %s, sizes = [2, 2] : (tensor<4x3xf32>, tensor<i32>, tensor<i32>) -> tensor<2x2xf32>
  %4 = stablehlo.dynamic_update_slice %x, %3, %s, %s : (tensor<4x3xf32>, tensor<2x2xf32>, tensor<i32>, tensor<i32>) -> tensor<4x3xf32>
  %5 = "stablehlo.sort"(%x) <{dimension = -1 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %7 = stablehlo.compare LT, %a, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %7 : tensor<i1>
  }) : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %values, %places = chlo.top_k(%x, k = 2) : tensor<4x3xf32> -> (tensor<4x2xf32>, tensor<4x2xi32>)
  return %0, %1, %2, %3, %4, %5, %places : tensor<2x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<2x2xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x2xi32>
}
//= func @main.scatter(%0: f32[], %1: f32[]) -> f32[] {
//=   %2 = add %0, %1 : f32[]
//=   return %2
//= }
//=
//= func @main.comparator(%0: f32[], %1: f32[]) -> bool[] {
//=   %2 = compare %0, %1, lt : bool[]
//=   return %2
//= }
//=
//= func @main(%x: f32[4, 3], %i: i32[2, 1], %u: f32[2, 3], %s: i32[]) -> (f32[2, 3], f32[4, 3], f32[4, 3], f32[2, 2], f32[4, 3], f32[4, 3], i32[4, 2]) {
//=   %0 = gather %x, %i, offset_dims=[1], collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1, slice_sizes=[1, 3] : f32[2, 3]
//=   %1 = scatter %x, %i, %u, update_window_dims=[1], inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, unique_indices=true, body=@main.scatter : f32[4, 3]
//=   %2 = scatter %1, %i, %u, update_window_dims=[1], inserted_window_dims=[0], scatter_dims_to_operand_dims=[0], index_vector_dim=1, body=@main.scatter : f32[4, 3]
//=   %3 = dynamic_slice %x, %s, %s, sizes=[2, 2] : f32[2, 2]
//=   %4 = dynamic_update_slice %x, %3, %s, %s : f32[4, 3]
//=   %5 = sort %x, axis=1, stable=true, comparator=@main.comparator : f32[4, 3]
//=   %6:2 = top_k %x, k=2 : (f32[4, 2], i32[4, 2])
//=   return %0, %1, %2, %3, %4, %5, %6#1
//= }
