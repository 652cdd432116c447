func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "stablehlo.reverse"(%x) {dimensions = "all"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
// error: error_attribute.mlir:2:8: stablehlo.reverse: expected a list of integers as the attribute dimensions
