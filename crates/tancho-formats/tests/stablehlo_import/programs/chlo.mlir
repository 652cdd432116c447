// CHLO: broadcasting by rank and by axes of size 1.
func.func @main(%x: tensor<2x3xf32>, %v: tensor<3xf32>, %c: tensor<2x1xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = chlo.broadcast_add %x, %v : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = chlo.broadcast_maximum %c, %x : (tensor<2x1xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = chlo.broadcast_compare %x, %v {comparison_direction = #chlo<comparison_direction LT>} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  %3 = chlo.is_inf %x : tensor<2x3xf32> -> tensor<2x3xi1>
  %4 = "chlo.constant_like"(%x) <{value = 3.5 : f32}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %5 = chlo.square %4 : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>
}
//= func @main(%x: f32[2, 3], %v: f32[3], %c: f32[2, 1]) -> (f32[2, 3], f32[2, 3], bool[2, 3], bool[2, 3], f32[2, 3], f32[2, 3]) {
//=   %0 = broadcast_in_dim %v, dims=[1] : f32[2, 3]
//=   %1 = add %x, %0 : f32[2, 3]
//=   %2 = broadcast_in_dim %c, dims=[0, 1] : f32[2, 3]
//=   %3 = maximum %2, %x : f32[2, 3]
//=   %4 = broadcast_in_dim %v, dims=[1] : f32[2, 3]
//=   %5 = compare %x, %4, lt : bool[2, 3]
//=   %6 = abs %x : f32[2, 3]
//=   %7 = constant inf : f32[]
//=   %8 = broadcast_in_dim %7, dims=[] : f32[2, 3]
//=   %9 = compare %6, %8, eq : bool[2, 3]
//=   %10 = constant 3.5 : f32[]
//=   %11 = broadcast_in_dim %10, dims=[] : f32[2, 3]
//=   %12 = multiply %11, %11 : f32[2, 3]
//=   return %1, %3, %5, %9, %11, %12
//= }
