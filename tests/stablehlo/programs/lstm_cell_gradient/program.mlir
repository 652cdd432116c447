module @lstm_cell_gradient attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<2x4xf32>, %arg1: tensor<2x4xf32>, %arg2: tensor<2x3xf32>, %arg3: tensor<3x16xf32>, %arg4: tensor<4x16xf32>, %arg5: tensor<16xf32>) -> (tensor<3x16xf32> {jax.result_info = "result[0]"}, tensor<4x16xf32> {jax.result_info = "result[1]"}, tensor<16xf32> {jax.result_info = "result[2]"}) {
    %0 = stablehlo.dot_general %arg2, %arg3, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x3xf32>, tensor<3x16xf32>) -> tensor<2x16xf32>
    %1 = stablehlo.dot_general %arg0, %arg4, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x4xf32>, tensor<4x16xf32>) -> tensor<2x16xf32>
    %2 = stablehlo.add %0, %1 : tensor<2x16xf32>
    %3 = stablehlo.broadcast_in_dim %arg5, dims = [1] : (tensor<16xf32>) -> tensor<1x16xf32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [0, 1] : (tensor<1x16xf32>) -> tensor<2x16xf32>
    %5 = stablehlo.add %2, %4 : tensor<2x16xf32>
    %6 = stablehlo.slice %5 [0:2, 0:4] : (tensor<2x16xf32>) -> tensor<2x4xf32>
    %7 = stablehlo.slice %5 [0:2, 4:8] : (tensor<2x16xf32>) -> tensor<2x4xf32>
    %8 = stablehlo.slice %5 [0:2, 8:12] : (tensor<2x16xf32>) -> tensor<2x4xf32>
    %9 = stablehlo.slice %5 [0:2, 12:16] : (tensor<2x16xf32>) -> tensor<2x4xf32>
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %10 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %11 = stablehlo.add %7, %10 : tensor<2x4xf32>
    %12 = stablehlo.negate %11 : tensor<2x4xf32>
    %13 = stablehlo.exponential %12 : tensor<2x4xf32>
    %cst_0 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %14 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %15 = stablehlo.add %14, %13 : tensor<2x4xf32>
    %cst_1 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %16 = stablehlo.broadcast_in_dim %cst_1, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %17 = stablehlo.divide %16, %15 : tensor<2x4xf32>
    %cst_2 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %18 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %19 = stablehlo.subtract %18, %17 : tensor<2x4xf32>
    %20 = stablehlo.multiply %17, %19 : tensor<2x4xf32>
    %21 = stablehlo.multiply %17, %arg1 : tensor<2x4xf32>
    %22 = stablehlo.negate %6 : tensor<2x4xf32>
    %23 = stablehlo.exponential %22 : tensor<2x4xf32>
    %cst_3 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %24 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %25 = stablehlo.add %24, %23 : tensor<2x4xf32>
    %cst_4 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %26 = stablehlo.broadcast_in_dim %cst_4, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %27 = stablehlo.divide %26, %25 : tensor<2x4xf32>
    %cst_5 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %28 = stablehlo.broadcast_in_dim %cst_5, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %29 = stablehlo.subtract %28, %27 : tensor<2x4xf32>
    %30 = stablehlo.multiply %27, %29 : tensor<2x4xf32>
    %31 = stablehlo.tanh %8 : tensor<2x4xf32>
    %cst_6 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %32 = stablehlo.broadcast_in_dim %cst_6, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %33 = stablehlo.subtract %32, %31 : tensor<2x4xf32>
    %34 = stablehlo.multiply %27, %31 : tensor<2x4xf32>
    %35 = stablehlo.add %21, %34 : tensor<2x4xf32>
    %36 = stablehlo.negate %9 : tensor<2x4xf32>
    %37 = stablehlo.exponential %36 : tensor<2x4xf32>
    %cst_7 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %38 = stablehlo.broadcast_in_dim %cst_7, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %39 = stablehlo.add %38, %37 : tensor<2x4xf32>
    %cst_8 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %40 = stablehlo.broadcast_in_dim %cst_8, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %41 = stablehlo.divide %40, %39 : tensor<2x4xf32>
    %cst_9 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %42 = stablehlo.broadcast_in_dim %cst_9, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %43 = stablehlo.subtract %42, %41 : tensor<2x4xf32>
    %44 = stablehlo.multiply %41, %43 : tensor<2x4xf32>
    %45 = stablehlo.tanh %35 : tensor<2x4xf32>
    %cst_10 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %46 = stablehlo.broadcast_in_dim %cst_10, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %47 = stablehlo.subtract %46, %45 : tensor<2x4xf32>
    %48 = stablehlo.multiply %41, %45 : tensor<2x4xf32>
    %cst_11 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %49 = stablehlo.reduce(%48 init: %cst_11) applies stablehlo.add across dimensions = [0, 1] : (tensor<2x4xf32>, tensor<f32>) -> tensor<f32>
    %cst_12 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %50 = stablehlo.broadcast_in_dim %cst_12, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %51 = stablehlo.multiply %41, %50 : tensor<2x4xf32>
    %52 = stablehlo.multiply %50, %45 : tensor<2x4xf32>
    %53 = stablehlo.multiply %51, %47 : tensor<2x4xf32>
    %54 = stablehlo.multiply %53, %45 : tensor<2x4xf32>
    %55 = stablehlo.add %53, %54 : tensor<2x4xf32>
    %56 = stablehlo.multiply %52, %44 : tensor<2x4xf32>
    %57 = stablehlo.multiply %27, %55 : tensor<2x4xf32>
    %58 = stablehlo.multiply %55, %31 : tensor<2x4xf32>
    %59 = stablehlo.multiply %57, %33 : tensor<2x4xf32>
    %60 = stablehlo.multiply %59, %31 : tensor<2x4xf32>
    %61 = stablehlo.add %59, %60 : tensor<2x4xf32>
    %62 = stablehlo.multiply %58, %30 : tensor<2x4xf32>
    %63 = stablehlo.multiply %55, %arg1 : tensor<2x4xf32>
    %64 = stablehlo.multiply %63, %20 : tensor<2x4xf32>
    %65 = stablehlo.concatenate %62, %64, %61, %56, dim = 1 : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x16xf32>
    %cst_13 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %66 = stablehlo.reduce(%65 init: %cst_13) applies stablehlo.add across dimensions = [0] : (tensor<2x16xf32>, tensor<f32>) -> tensor<16xf32>
    %67 = stablehlo.reshape %66 : (tensor<16xf32>) -> tensor<1x16xf32>
    %cst_14 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %68 = stablehlo.reduce(%67 init: %cst_14) applies stablehlo.add across dimensions = [0] : (tensor<1x16xf32>, tensor<f32>) -> tensor<16xf32>
    %69 = stablehlo.dot_general %65, %arg0, contracting_dims = [0] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x16xf32>, tensor<2x4xf32>) -> tensor<16x4xf32>
    %70 = stablehlo.transpose %69, dims = [1, 0] : (tensor<16x4xf32>) -> tensor<4x16xf32>
    %71 = stablehlo.dot_general %65, %arg2, contracting_dims = [0] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x16xf32>, tensor<2x3xf32>) -> tensor<16x3xf32>
    %72 = stablehlo.transpose %71, dims = [1, 0] : (tensor<16x3xf32>) -> tensor<3x16xf32>
    return %72, %70, %68 : tensor<3x16xf32>, tensor<4x16xf32>, tensor<16xf32>
  }
}
