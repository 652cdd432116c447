func.func @main(%x: tensor<6xf32>) -> tensor<6xf32> {
  %0 = "stablehlo.all_reduce"(%x) <{replica_groups = dense<0> : tensor<1x1xi64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<6xf32>) -> tensor<6xf32>
  return %0 : tensor<6xf32>
}
// error (unsupported): error_collective.mlir:2:8: stablehlo.all_reduce: not supported (several devices: Tancho runs on one)
