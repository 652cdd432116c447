module @loop_with_updates attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<5xf32>, %arg1: tensor<i32>) -> (tensor<8x5xf32> {jax.result_info = "result"}) {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %1 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<1xi32>
    %2 = "stablehlo.scatter"(%0, %1, %arg0) <{indices_are_sorted = true, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [0], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0]>, unique_indices = true}> ({
    ^bb0(%arg2: tensor<f32>, %arg3: tensor<f32>):
      stablehlo.return %arg3 : tensor<f32>
    }) : (tensor<8x5xf32>, tensor<1xi32>, tensor<5xf32>) -> tensor<8x5xf32>
    %cst_0 = stablehlo.constant dense<5.000000e-01> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %4 = stablehlo.multiply %arg0, %3 : tensor<5xf32>
    %c_1 = stablehlo.constant dense<1> : tensor<i32>
    %5 = stablehlo.broadcast_in_dim %c_1, dims = [] : (tensor<i32>) -> tensor<1xi32>
    %6 = "stablehlo.scatter"(%2, %5, %4) <{indices_are_sorted = true, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [0], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0]>, unique_indices = true}> ({
    ^bb0(%arg2: tensor<f32>, %arg3: tensor<f32>):
      stablehlo.return %arg3 : tensor<f32>
    }) : (tensor<8x5xf32>, tensor<1xi32>, tensor<5xf32>) -> tensor<8x5xf32>
    %c_2 = stablehlo.constant dense<2> : tensor<i32>
    %7:3 = stablehlo.while(%iterArg = %c_2, %iterArg_3 = %arg1, %iterArg_4 = %6) : tensor<i32>, tensor<i32>, tensor<8x5xf32>
    cond {
      %8 = stablehlo.compare LT, %iterArg, %iterArg_3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %8 : tensor<i1>
    } do {
      %c_5 = stablehlo.constant dense<1> : tensor<i32>
      %8 = stablehlo.add %iterArg, %c_5 : tensor<i32>
      %c_6 = stablehlo.constant dense<1> : tensor<i32>
      %9 = stablehlo.subtract %iterArg, %c_6 : tensor<i32>
      %c_7 = stablehlo.constant dense<0> : tensor<i32>
      %10 = stablehlo.compare LT, %9, %c_7, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %11 = stablehlo.convert %9 : tensor<i32>
      %c_8 = stablehlo.constant dense<8> : tensor<i32>
      %12 = stablehlo.add %11, %c_8 : tensor<i32>
      %13 = stablehlo.select %10, %12, %9 : tensor<i1>, tensor<i32>
      %c_9 = stablehlo.constant dense<0> : tensor<i32>
      %14 = stablehlo.dynamic_slice %iterArg_4, %13, %c_9, sizes = [1, 5] : (tensor<8x5xf32>, tensor<i32>, tensor<i32>) -> tensor<1x5xf32>
      %c_10 = stablehlo.constant dense<2> : tensor<i32>
      %15 = stablehlo.subtract %iterArg, %c_10 : tensor<i32>
      %c_11 = stablehlo.constant dense<0> : tensor<i32>
      %16 = stablehlo.compare LT, %15, %c_11, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %17 = stablehlo.convert %15 : tensor<i32>
      %c_12 = stablehlo.constant dense<8> : tensor<i32>
      %18 = stablehlo.add %17, %c_12 : tensor<i32>
      %19 = stablehlo.select %16, %18, %15 : tensor<i1>, tensor<i32>
      %c_13 = stablehlo.constant dense<0> : tensor<i32>
      %20 = stablehlo.dynamic_slice %iterArg_4, %19, %c_13, sizes = [1, 5] : (tensor<8x5xf32>, tensor<i32>, tensor<i32>) -> tensor<1x5xf32>
      %21 = stablehlo.add %14, %20 : tensor<1x5xf32>
      %c_14 = stablehlo.constant dense<0> : tensor<i32>
      %22 = stablehlo.compare LT, %iterArg, %c_14, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %23 = stablehlo.convert %iterArg : tensor<i32>
      %c_15 = stablehlo.constant dense<8> : tensor<i32>
      %24 = stablehlo.add %23, %c_15 : tensor<i32>
      %25 = stablehlo.select %22, %24, %iterArg : tensor<i1>, tensor<i32>
      %c_16 = stablehlo.constant dense<0> : tensor<i32>
      %26 = stablehlo.dynamic_update_slice %iterArg_4, %21, %25, %c_16 : (tensor<8x5xf32>, tensor<1x5xf32>, tensor<i32>, tensor<i32>) -> tensor<8x5xf32>
      stablehlo.return %8, %iterArg_3, %26 : tensor<i32>, tensor<i32>, tensor<8x5xf32>
    }
    return %7#2 : tensor<8x5xf32>
  }
}
