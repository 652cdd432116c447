module @batch_norm_step attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<8x5xf32>, %arg1: tensor<8x3xf32>, %arg2: tensor<5xf32>, %arg3: tensor<5xf32>, %arg4: tensor<5x3xf32>, %arg5: tensor<5xf32>, %arg6: tensor<5xf32>) -> (tensor<f32> {jax.result_info = "result[0]"}, tensor<5xf32> {jax.result_info = "result[1][0]"}, tensor<5xf32> {jax.result_info = "result[1][1]"}, tensor<5x3xf32> {jax.result_info = "result[1][2]"}, tensor<5xf32> {jax.result_info = "result[2][0]"}, tensor<5xf32> {jax.result_info = "result[2][1]"}) {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.add across dimensions = [0] : (tensor<8x5xf32>, tensor<f32>) -> tensor<5xf32>
    %cst_0 = stablehlo.constant dense<8.000000e+00> : tensor<f32>
    %1 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %2 = stablehlo.divide %0, %1 : tensor<5xf32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %3 = call @_var(%arg0, %c) : (tensor<8x5xf32>, tensor<i32>) -> tensor<5xf32>
    %4 = stablehlo.broadcast_in_dim %2, dims = [1] : (tensor<5xf32>) -> tensor<1x5xf32>
    %5 = stablehlo.broadcast_in_dim %4, dims = [0, 1] : (tensor<1x5xf32>) -> tensor<8x5xf32>
    %6 = stablehlo.subtract %arg0, %5 : tensor<8x5xf32>
    %cst_1 = stablehlo.constant dense<9.99999974E-6> : tensor<f32>
    %7 = stablehlo.broadcast_in_dim %cst_1, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %8 = stablehlo.add %3, %7 : tensor<5xf32>
    %9 = stablehlo.rsqrt %8 : tensor<5xf32>
    %10 = stablehlo.broadcast_in_dim %9, dims = [1] : (tensor<5xf32>) -> tensor<1x5xf32>
    %11 = stablehlo.broadcast_in_dim %10, dims = [0, 1] : (tensor<1x5xf32>) -> tensor<8x5xf32>
    %12 = stablehlo.multiply %6, %11 : tensor<8x5xf32>
    %13 = stablehlo.broadcast_in_dim %arg2, dims = [1] : (tensor<5xf32>) -> tensor<1x5xf32>
    %14 = stablehlo.broadcast_in_dim %13, dims = [0, 1] : (tensor<1x5xf32>) -> tensor<8x5xf32>
    %15 = stablehlo.multiply %12, %14 : tensor<8x5xf32>
    %16 = stablehlo.broadcast_in_dim %arg3, dims = [1] : (tensor<5xf32>) -> tensor<1x5xf32>
    %17 = stablehlo.broadcast_in_dim %16, dims = [0, 1] : (tensor<1x5xf32>) -> tensor<8x5xf32>
    %18 = stablehlo.add %15, %17 : tensor<8x5xf32>
    %19 = stablehlo.multiply %18, %18 : tensor<8x5xf32>
    %20 = stablehlo.multiply %19, %18 : tensor<8x5xf32>
    %21 = stablehlo.multiply %18, %18 : tensor<8x5xf32>
    %cst_2 = stablehlo.constant dense<3.000000e+00> : tensor<f32>
    %22 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %23 = stablehlo.multiply %22, %21 : tensor<8x5xf32>
    %cst_3 = stablehlo.constant dense<4.471500e-02> : tensor<f32>
    %24 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %25 = stablehlo.multiply %24, %20 : tensor<8x5xf32>
    %26 = stablehlo.add %18, %25 : tensor<8x5xf32>
    %cst_4 = stablehlo.constant dense<0.797884583> : tensor<f32>
    %27 = stablehlo.broadcast_in_dim %cst_4, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %28 = stablehlo.multiply %27, %26 : tensor<8x5xf32>
    %29 = stablehlo.tanh %28 : tensor<8x5xf32>
    %cst_5 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %30 = stablehlo.broadcast_in_dim %cst_5, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %31 = stablehlo.subtract %30, %29 : tensor<8x5xf32>
    %cst_6 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %32 = stablehlo.broadcast_in_dim %cst_6, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %33 = stablehlo.add %32, %29 : tensor<8x5xf32>
    %cst_7 = stablehlo.constant dense<5.000000e-01> : tensor<f32>
    %34 = stablehlo.broadcast_in_dim %cst_7, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %35 = stablehlo.multiply %34, %33 : tensor<8x5xf32>
    %36 = stablehlo.multiply %18, %35 : tensor<8x5xf32>
    %37 = stablehlo.dot_general %36, %arg4, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<8x5xf32>, tensor<5x3xf32>) -> tensor<8x3xf32>
    %38 = stablehlo.subtract %37, %arg1 : tensor<8x3xf32>
    %39 = stablehlo.multiply %38, %38 : tensor<8x3xf32>
    %cst_8 = stablehlo.constant dense<2.000000e+00> : tensor<f32>
    %40 = stablehlo.broadcast_in_dim %cst_8, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %41 = stablehlo.multiply %40, %38 : tensor<8x3xf32>
    %cst_9 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %42 = stablehlo.reduce(%39 init: %cst_9) applies stablehlo.add across dimensions = [0, 1] : (tensor<8x3xf32>, tensor<f32>) -> tensor<f32>
    %cst_10 = stablehlo.constant dense<2.400000e+01> : tensor<f32>
    %43 = stablehlo.divide %42, %cst_10 : tensor<f32>
    %cst_11 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %44 = stablehlo.broadcast_in_dim %cst_11, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %45 = stablehlo.multiply %44, %arg5 : tensor<5xf32>
    %cst_12 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %46 = stablehlo.broadcast_in_dim %cst_12, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %47 = stablehlo.multiply %46, %2 : tensor<5xf32>
    %48 = stablehlo.add %45, %47 : tensor<5xf32>
    %cst_13 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %49 = stablehlo.broadcast_in_dim %cst_13, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %50 = stablehlo.multiply %49, %arg6 : tensor<5xf32>
    %cst_14 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %51 = stablehlo.broadcast_in_dim %cst_14, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %52 = stablehlo.multiply %51, %3 : tensor<5xf32>
    %53 = stablehlo.add %50, %52 : tensor<5xf32>
    %cst_15 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %cst_16 = stablehlo.constant dense<2.400000e+01> : tensor<f32>
    %54 = stablehlo.divide %cst_15, %cst_16 : tensor<f32>
    %55 = stablehlo.broadcast_in_dim %54, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %56 = stablehlo.multiply %55, %41 : tensor<8x3xf32>
    %57 = stablehlo.dot_general %56, %36, contracting_dims = [0] x [0], precision = [DEFAULT, DEFAULT] : (tensor<8x3xf32>, tensor<8x5xf32>) -> tensor<3x5xf32>
    %58 = stablehlo.transpose %57, dims = [1, 0] : (tensor<3x5xf32>) -> tensor<5x3xf32>
    %59 = stablehlo.dot_general %56, %arg4, contracting_dims = [1] x [1], precision = [DEFAULT, DEFAULT] : (tensor<8x3xf32>, tensor<5x3xf32>) -> tensor<8x5xf32>
    %60 = stablehlo.multiply %18, %59 : tensor<8x5xf32>
    %61 = stablehlo.multiply %59, %35 : tensor<8x5xf32>
    %cst_17 = stablehlo.constant dense<5.000000e-01> : tensor<f32>
    %62 = stablehlo.broadcast_in_dim %cst_17, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %63 = stablehlo.multiply %62, %60 : tensor<8x5xf32>
    %64 = stablehlo.multiply %63, %31 : tensor<8x5xf32>
    %65 = stablehlo.multiply %64, %29 : tensor<8x5xf32>
    %66 = stablehlo.add %64, %65 : tensor<8x5xf32>
    %cst_18 = stablehlo.constant dense<0.797884583> : tensor<f32>
    %67 = stablehlo.broadcast_in_dim %cst_18, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %68 = stablehlo.multiply %67, %66 : tensor<8x5xf32>
    %69 = stablehlo.add %61, %68 : tensor<8x5xf32>
    %cst_19 = stablehlo.constant dense<4.471500e-02> : tensor<f32>
    %70 = stablehlo.broadcast_in_dim %cst_19, dims = [] : (tensor<f32>) -> tensor<8x5xf32>
    %71 = stablehlo.multiply %70, %68 : tensor<8x5xf32>
    %72 = stablehlo.multiply %71, %23 : tensor<8x5xf32>
    %73 = stablehlo.add %69, %72 : tensor<8x5xf32>
    %cst_20 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %74 = stablehlo.reduce(%73 init: %cst_20) applies stablehlo.add across dimensions = [0] : (tensor<8x5xf32>, tensor<f32>) -> tensor<5xf32>
    %75 = stablehlo.reshape %74 : (tensor<5xf32>) -> tensor<1x5xf32>
    %cst_21 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %76 = stablehlo.reduce(%75 init: %cst_21) applies stablehlo.add across dimensions = [0] : (tensor<1x5xf32>, tensor<f32>) -> tensor<5xf32>
    %77 = stablehlo.multiply %12, %73 : tensor<8x5xf32>
    %cst_22 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %78 = stablehlo.reduce(%77 init: %cst_22) applies stablehlo.add across dimensions = [0] : (tensor<8x5xf32>, tensor<f32>) -> tensor<5xf32>
    %79 = stablehlo.reshape %78 : (tensor<5xf32>) -> tensor<1x5xf32>
    %cst_23 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %80 = stablehlo.reduce(%79 init: %cst_23) applies stablehlo.add across dimensions = [0] : (tensor<1x5xf32>, tensor<f32>) -> tensor<5xf32>
    %cst_24 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %81 = stablehlo.broadcast_in_dim %cst_24, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %82 = stablehlo.multiply %81, %80 : tensor<5xf32>
    %83 = stablehlo.subtract %arg2, %82 : tensor<5xf32>
    %cst_25 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %84 = stablehlo.broadcast_in_dim %cst_25, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %85 = stablehlo.multiply %84, %76 : tensor<5xf32>
    %86 = stablehlo.subtract %arg3, %85 : tensor<5xf32>
    %cst_26 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %87 = stablehlo.broadcast_in_dim %cst_26, dims = [] : (tensor<f32>) -> tensor<5x3xf32>
    %88 = stablehlo.multiply %87, %58 : tensor<5x3xf32>
    %89 = stablehlo.subtract %arg4, %88 : tensor<5x3xf32>
    return %43, %83, %86, %89, %48, %53 : tensor<f32>, tensor<5xf32>, tensor<5xf32>, tensor<5x3xf32>, tensor<5xf32>, tensor<5xf32>
  }
  func.func private @_var(%arg0: tensor<8x5xf32>, %arg1: tensor<i32>) -> tensor<5xf32> {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.add across dimensions = [0] : (tensor<8x5xf32>, tensor<f32>) -> tensor<5xf32>
    %1 = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<5xf32>) -> tensor<1x5xf32>
    %cst_0 = stablehlo.constant dense<8.000000e+00> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<1x5xf32>
    %3 = stablehlo.divide %1, %2 : tensor<1x5xf32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [0, 1] : (tensor<1x5xf32>) -> tensor<8x5xf32>
    %5 = stablehlo.subtract %arg0, %4 : tensor<8x5xf32>
    %6 = chlo.square %5 : tensor<8x5xf32> -> tensor<8x5xf32>
    %7 = stablehlo.convert %arg1 : (tensor<i32>) -> tensor<f32>
    %cst_1 = stablehlo.constant dense<8.000000e+00> : tensor<f32>
    %8 = stablehlo.subtract %cst_1, %7 : tensor<f32>
    %cst_2 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %9 = stablehlo.reduce(%6 init: %cst_2) applies stablehlo.add across dimensions = [0] : (tensor<8x5xf32>, tensor<f32>) -> tensor<5xf32>
    %10 = stablehlo.broadcast_in_dim %8, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %11 = stablehlo.divide %9, %10 : tensor<5xf32>
    %cst_3 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %12 = stablehlo.compare GT, %8, %cst_3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %cst_4 = stablehlo.constant dense<0x7FC00000> : tensor<f32>
    %13 = call @_where(%12, %11, %cst_4) : (tensor<i1>, tensor<5xf32>, tensor<f32>) -> tensor<5xf32>
    return %13 : tensor<5xf32>
  }
  func.func private @_where(%arg0: tensor<i1>, %arg1: tensor<5xf32>, %arg2: tensor<f32>) -> tensor<5xf32> {
    %0 = stablehlo.convert %arg2 : tensor<f32>
    %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %2 = stablehlo.select %arg0, %arg1, %1 : tensor<i1>, tensor<5xf32>
    return %2 : tensor<5xf32>
  }
}
