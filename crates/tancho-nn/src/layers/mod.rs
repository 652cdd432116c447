//! The layers.

mod weights;
mod dense;
mod activate;
mod batch_norm;
mod conv;
mod conv_transpose;
mod depthwise;
mod dropout;
mod embedding;
mod group_norm;
mod layer_norm;
mod norm;
mod pool;
mod reshape;
mod rms_norm;
mod separable;
mod space;
mod recurrent;
mod bidirectional;
mod attention;
mod sequential;
mod residual;

pub use activate::Activate;
pub use attention::MultiHeadAttention;
pub use batch_norm::BatchNorm;
pub use bidirectional::{Bidirectional, Merge};
pub use conv::{Conv, Conv1D, Conv2D, Conv3D};
pub use conv_transpose::{Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, ConvTranspose};
pub use dense::Dense;
pub use depthwise::{DepthwiseConv, DepthwiseConv1D, DepthwiseConv2D};
pub use dropout::{Dropout, SpatialDropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D};
pub use embedding::Embedding;
pub use group_norm::GroupNorm;
pub use layer_norm::LayerNorm;
pub use pool::{
    AveragePool1D, AveragePool2D, AveragePool3D, GlobalAveragePool1D, GlobalAveragePool2D, GlobalAveragePool3D,
    GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D, GlobalPool, MaxPool1D, MaxPool2D, MaxPool3D, Pool,
};
pub use recurrent::{Cell, Gru, GruCell, Lstm, LstmCell, Recurrent, SimpleCell, SimpleRnn};
pub use reshape::{Flatten, Reshape};
pub use residual::Residual;
pub use rms_norm::RmsNorm;
pub use separable::{SeparableConv, SeparableConv1D, SeparableConv2D};
pub use sequential::{IntoLayer, IsFunction, IsLayer, Lambda, Sequential};
pub use space::Extent;
