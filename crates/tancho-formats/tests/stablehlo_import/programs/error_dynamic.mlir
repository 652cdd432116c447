func.func @main(%x: tensor<6xf32>, %s: tensor<2xi32>) -> tensor<?x?xf32> {
  %0 = stablehlo.dynamic_reshape %x, %s : (tensor<6xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
// error (unsupported): error_dynamic.mlir:2:8: stablehlo.dynamic_reshape: sizes (operand 1) that depend on values of tensors
