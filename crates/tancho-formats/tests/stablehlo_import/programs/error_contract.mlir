func.func @main(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) -> tensor<2x5xf32> {
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}
// error: error_contract.mlir:2:8: stablehlo.dot_general: contracted sizes differ: lhs f32[2, 3] has 3, rhs f32[4, 5] has 4
