func.func @main(%x: tensor<2xf8E5M2>) -> tensor<2xf8E5M2> {
  return %x : tensor<2xf8E5M2>
}
// error (unsupported): error_argument.mlir:1:1: func.func @main: elements of type f8E5M2 in tensor<2xf8E5M2>
