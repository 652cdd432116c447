func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.complex %x, %x : tensor<2xcomplex<f32>>
  %1 = stablehlo.real %0 : (tensor<2xcomplex<f32>>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}
// error (unsupported): error_complex.mlir:2:8: stablehlo.complex: not supported (complex elements)
