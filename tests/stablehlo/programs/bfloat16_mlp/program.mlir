module @bfloat16_mlp attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<3x6xf32>, %arg1: tensor<6x8xf32>, %arg2: tensor<8x4xf32>) -> (tensor<3x4xf32> {jax.result_info = "result"}) {
    %0 = stablehlo.convert %arg0 : (tensor<3x6xf32>) -> tensor<3x6xbf16>
    %1 = stablehlo.convert %arg1 : (tensor<6x8xf32>) -> tensor<6x8xbf16>
    %2 = stablehlo.dot_general %0, %1, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<3x6xbf16>, tensor<6x8xbf16>) -> tensor<3x8xbf16>
    %3 = call @silu(%2) : (tensor<3x8xbf16>) -> tensor<3x8xbf16>
    %4 = stablehlo.convert %arg2 : (tensor<8x4xf32>) -> tensor<8x4xbf16>
    %5 = stablehlo.dot_general %3, %4, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<3x8xbf16>, tensor<8x4xbf16>) -> tensor<3x4xbf16>
    %6 = stablehlo.convert %5 : (tensor<3x4xbf16>) -> tensor<3x4xf32>
    return %6 : tensor<3x4xf32>
  }
  func.func private @silu(%arg0: tensor<3x8xbf16>) -> tensor<3x8xbf16> {
    %0 = stablehlo.negate %arg0 : tensor<3x8xbf16>
    %1 = stablehlo.exponential %0 : tensor<3x8xbf16>
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<bf16>
    %2 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<bf16>) -> tensor<3x8xbf16>
    %3 = stablehlo.add %2, %1 : tensor<3x8xbf16>
    %cst_0 = stablehlo.constant dense<1.000000e+00> : tensor<bf16>
    %4 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<bf16>) -> tensor<3x8xbf16>
    %5 = stablehlo.divide %4, %3 : tensor<3x8xbf16>
    %6 = stablehlo.multiply %arg0, %5 : tensor<3x8xbf16>
    return %6 : tensor<3x8xbf16>
  }
}
