func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
// error: error_type.mlir:2:8: stablehlo.transpose: expected the type tensor<2x3xf32>, found f32[3, 2]
