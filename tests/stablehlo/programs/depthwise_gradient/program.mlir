module @depthwise_gradient attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<2x3x7x8xf32>, %arg1: tensor<6x1x3x2xf32>) -> (tensor<2x3x7x8xf32> {jax.result_info = "result[0]"}, tensor<6x1x3x2xf32> {jax.result_info = "result[1]"}) {
    %0 = stablehlo.convolution(%arg0, %arg1) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {stride = [2, 1], pad = [[1, 1], [0, 2]], lhs_dilate = [1, 1], rhs_dilate = [1, 2], reverse = [false, false]} {batch_group_count = 1 : i64, feature_group_count = 3 : i64, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]} : (tensor<2x3x7x8xf32>, tensor<6x1x3x2xf32>) -> tensor<2x6x4x8xf32>
    %1 = stablehlo.tanh %0 : tensor<2x6x4x8xf32>
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<2x6x4x8xf32>
    %3 = stablehlo.subtract %2, %1 : tensor<2x6x4x8xf32>
    %4 = stablehlo.multiply %0, %1 : tensor<2x6x4x8xf32>
    %cst_0 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %5 = stablehlo.reduce(%4 init: %cst_0) applies stablehlo.add across dimensions = [0, 1, 2, 3] : (tensor<2x6x4x8xf32>, tensor<f32>) -> tensor<f32>
    %cst_1 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %6 = stablehlo.broadcast_in_dim %cst_1, dims = [] : (tensor<f32>) -> tensor<2x6x4x8xf32>
    %7 = stablehlo.multiply %0, %6 : tensor<2x6x4x8xf32>
    %8 = stablehlo.multiply %6, %1 : tensor<2x6x4x8xf32>
    %9 = stablehlo.multiply %7, %3 : tensor<2x6x4x8xf32>
    %10 = stablehlo.add %8, %9 : tensor<2x6x4x8xf32>
    %11 = stablehlo.multiply %9, %1 : tensor<2x6x4x8xf32>
    %12 = stablehlo.add %10, %11 : tensor<2x6x4x8xf32>
    %13 = stablehlo.convolution(%arg0, %12) dim_numbers = [f, b, 0, 1]x[i, o, 0, 1]->[f, b, 0, 1], window = {stride = [1, 2], pad = [[1, 1], [0, 2]], lhs_dilate = [1, 1], rhs_dilate = [2, 1], reverse = [false, false]} {batch_group_count = 3 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]} : (tensor<2x3x7x8xf32>, tensor<2x6x4x8xf32>) -> tensor<6x1x3x2xf32>
    %14 = stablehlo.reshape %arg1 : (tensor<6x1x3x2xf32>) -> tensor<3x2x1x3x2xf32>
    %15 = stablehlo.transpose %14, dims = [1, 0, 2, 3, 4] : (tensor<3x2x1x3x2xf32>) -> tensor<2x3x1x3x2xf32>
    %16 = stablehlo.reshape %15 : (tensor<2x3x1x3x2xf32>) -> tensor<2x3x3x2xf32>
    %17 = stablehlo.reverse %16, dims = [2, 3] : tensor<2x3x3x2xf32>
    %18 = stablehlo.convolution(%12, %17) dim_numbers = [b, f, 0, 1]x[i, o, 0, 1]->[b, f, 0, 1], window = {stride = [1, 1], pad = [[1, 1], [2, 0]], lhs_dilate = [2, 1], rhs_dilate = [1, 2], reverse = [false, false]} {batch_group_count = 1 : i64, feature_group_count = 3 : i64, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]} : (tensor<2x6x4x8xf32>, tensor<2x3x3x2xf32>) -> tensor<2x3x7x8xf32>
    return %18, %13 : tensor<2x3x7x8xf32>, tensor<6x1x3x2xf32>
  }
}
