module @while_newton attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<4xf32>) -> (tensor<4xf32> {jax.result_info = "result[0]"}, tensor<i32> {jax.result_info = "result[1]"}) {
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<4xf32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %1:4 = stablehlo.while(%iterArg = %arg0, %iterArg_0 = %arg0, %iterArg_1 = %0, %iterArg_2 = %c) : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<i32>
    cond {
      %2 = stablehlo.multiply %iterArg_1, %iterArg_1 : tensor<4xf32>
      %3 = stablehlo.subtract %2, %iterArg : tensor<4xf32>
      %4 = stablehlo.abs %3 : tensor<4xf32>
      %cst_3 = stablehlo.constant dense<1.000000e-03> : tensor<f32>
      %5 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<4xf32>
      %6 = stablehlo.multiply %5, %iterArg : tensor<4xf32>
      %7 = stablehlo.compare GT, %4, %6, FLOAT : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
      %c_4 = stablehlo.constant dense<false> : tensor<i1>
      %8 = stablehlo.reduce(%7 init: %c_4) applies stablehlo.or across dimensions = [0] : (tensor<4xi1>, tensor<i1>) -> tensor<i1>
      %c_5 = stablehlo.constant dense<30> : tensor<i32>
      %9 = stablehlo.compare LT, %iterArg_2, %c_5, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %c_6 = stablehlo.constant dense<false> : tensor<i1>
      %10 = stablehlo.broadcast_in_dim %c_6, dims = [] : (tensor<i1>) -> tensor<i1>
      %11 = stablehlo.compare NE, %9, %10, UNSIGNED : (tensor<i1>, tensor<i1>) -> tensor<i1>
      %12 = stablehlo.convert %11 : tensor<i1>
      %13 = stablehlo.and %8, %12 : tensor<i1>
      stablehlo.return %13 : tensor<i1>
    } do {
      %2 = stablehlo.divide %iterArg_0, %iterArg_1 : tensor<4xf32>
      %3 = stablehlo.add %iterArg_1, %2 : tensor<4xf32>
      %cst_3 = stablehlo.constant dense<5.000000e-01> : tensor<f32>
      %4 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<4xf32>
      %5 = stablehlo.multiply %4, %3 : tensor<4xf32>
      %c_4 = stablehlo.constant dense<1> : tensor<i32>
      %6 = stablehlo.add %iterArg_2, %c_4 : tensor<i32>
      stablehlo.return %iterArg, %iterArg_0, %5, %6 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<i32>
    }
    return %1#2, %1#3 : tensor<4xf32>, tensor<i32>
  }
}
